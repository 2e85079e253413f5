//! Names of users and groups of this machine, and what to say to somebody who may not in.
//!
//! The machine's own lists are read, not asked of the system's library: a group that only systemd knows (a dynamic one) has no
//! members, and a directory service's groups are not given away with `usermod`.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// What this process's user can do to be let in at a file, or into its folder where that is closed already: join the group that may,
/// if there is one that people can join.
pub(super) fn way_in(path: &Path, command: &str) -> String {
    let sudo = format!("`sudo {command}` works at once");
    let folder_or_file = path.ancestors().find_map(|path| std::fs::metadata(path).ok());
    match folder_or_file.and_then(|meta| name_in(GROUPS, meta.gid()).filter(|group| group != "root")) {
        Some(group) => format!(
            "ask for membership in group `{group}`: `sudo usermod -aG {group} {}`, then log in anew; {sudo}",
            me().unwrap_or_else(|| "NAME".to_owned())
        ),
        None => format!(
            "{sudo}; to let people in, give the service a group: `sudo groupadd --system {OPERATORS}`, `sudo usermod -aG {OPERATORS} \
             {}`, and in `sudo systemctl edit punctual` the lines `[Service]` and `Group={OPERATORS}`; then `sudo systemctl restart punctual`",
            me().unwrap_or_else(|| "NAME".to_owned())
        ),
    }
}

/// The group of README's example. Not the name of the service's user: a group of that name, and no such user, keeps systemd from
/// making the user, and the service from starting.
const OPERATORS: &str = "punctual-operators";

/// Who calls, as the audit names the callers of the socket.
pub(super) fn actor() -> String {
    let uid = rustix::process::getuid().as_raw();
    match me() {
        Some(name) => format!("{name} (uid {uid})"),
        None => format!("uid {uid}"),
    }
}

fn me() -> Option<String> {
    name_in(USERS, rustix::process::getuid().as_raw())
}

/// The name that a list of users or groups has for a number.
fn name_in(list: &str, number: u32) -> Option<String> {
    std::fs::read_to_string(list).ok()?.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
    })
}
