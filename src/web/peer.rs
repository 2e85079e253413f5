//! Who is at the other end of the socket, as the kernel says it (SO_PEERCRED), and whether they may call.
//!
//! The daemon's own user, root, and the socket's group may. The kernel has kept everyone else from connecting already, by the
//! socket's mode; this second look is for a socket that somebody has opened wider.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tokio::net::UnixStream;

use super::answer::{Refusal, Why};

/// Where the names of users are.
const USERS: &str = "/etc/passwd";

/// The write bit for everybody else: without it, connecting needed the owner's or the group's.
const OTHERS_MAY_WRITE: u32 = 0o002;

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user's number.
    pub uid: u32,
    /// The number of the user's main group at that moment.
    pub gid: u32,
    /// The user's name, where the machine's own list has it.
    pub name: Option<String>,
}

impl Peer {
    /// The caller at the other end.
    ///
    /// # Errors
    /// The system does not say.
    pub(super) fn of(stream: &UnixStream) -> std::io::Result<Peer> {
        let credentials = stream.peer_cred()?;
        let (uid, gid) = (credentials.uid(), credentials.gid());
        let users = std::fs::read_to_string(USERS).unwrap_or_default();
        Ok(Peer { uid, gid, name: name_in(&users, uid) })
    }

    /// Lets the caller in or says why not.
    pub(super) fn admit(&self, socket: &Path) -> Result<(), Refusal> {
        #[cfg(feature = "faults")]
        if crate::faults::is_on(crate::faults::NO_PEER_CHECK) {
            return Ok(());
        }
        let own = rustix::process::geteuid().as_raw();
        if self.uid == 0 || self.uid == own {
            return Ok(());
        }
        let (group, mode) =
            std::fs::symlink_metadata(socket).map_or((None, u32::MAX), |meta| (Some(meta.gid()), meta.mode()));
        // A member by a further group shows another main group here; the kernel has checked it, unless anybody may connect.
        if Some(self.gid) == group || mode & OTHERS_MAY_WRITE == 0 {
            return Ok(());
        }
        let message = format!("{self} may not control this daemon: only its own user, root and the socket's group may");
        Err(Refusal::new(Why::NotAllowed, message).hint("ask for membership in that group, or call it with `sudo`"))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (uid {})", self.uid),
            None => write!(f, "uid {}", self.uid),
        }
    }
}

/// Users of a directory service are not in the file; their number says enough.
fn name_in(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number = fields.nth(1)?.parse::<u32>().ok()?;
        (number == uid).then(|| name.to_owned())
    })
}
