//! Power loss and failing disks, from outside of the process.
//!
//! A small library in C (`recorder.c`) stands between the daemon and libc. It writes down what the daemon does to its state
//! folder and what it sends, in one order, and can make chosen calls fail. `disk` makes of that log what a disk may hold if
//! the power goes at any point of it; `images` judges thousands of those; `errors` lets one call after another fail. Nothing
//! of the product knows of it (ARCHITECTURE.md, invariant 7), and a release build can be put to it by `PUNCTUAL_BINARY`.
//!
//! Absent: disks that lie about a flush, and bits that turn by themselves: assumption A3 of docs/promises.md.

mod disk;
mod errors;
mod image;
mod images;
mod log;
mod marks;
mod still;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::kill_loop::{OPEN_REQUESTS, RATE, SETTLE};
use super::{dice, rig, support};

/// The library, built once for this process.
pub(crate) fn recorder() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/power/recorder.c");
        let own = folder.join(format!("recorder-{}.so", std::process::id()));
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let built = Command::new(&compiler)
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([&own, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .unwrap_or_else(|cause| panic!("failed to run the C compiler `{compiler}`: {cause}"));
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        // Another process that tests may have the old one in use.
        let path = folder.join("recorder.so");
        std::fs::rename(own, &path).expect("the library is put in place");
        path
    })
}

/// What is set for a life that is written down.
pub(crate) fn variables(folder: &Path, log: &Path) -> Vec<(String, String)> {
    [("LD_PRELOAD", recorder()), ("POWER_FOLDER", folder), ("POWER_LOG", log)]
        .map(|(name, path)| (name.to_owned(), path.display().to_string()))
        .to_vec()
}

/// Schedules that are due together every `period` seconds, on one connection by user key, and two on another whose
/// refresh tokens are good for one use.
pub(crate) fn file(url: &str, schedules: usize, period: u64, second: Second) -> String {
    let mut yaml = support::connection(url);
    let limits = format!(
        "    settle: {}s\n    limits: {{ list_calls_per_minute: 6000, starts_per_second: {RATE}, open_requests: \
         {OPEN_REQUESTS}, recovery_rate: {RATE} }}\n",
        SETTLE.as_secs()
    );
    yaml.push_str(&limits);
    let auth = match second {
        Second::OneUse => {
            "{ grant: refresh_token, client_id: sandbox-client, client_secret: \"file:client-secret\", refresh_token: \
             \"file:refresh-token\" }"
        }
        Second::UserKey => {
            "{ grant: refresh_token, style: account, client_id: sandbox-account, refresh_token: \"file:user-key\" }"
        }
    };
    yaml.push_str(&format!("  rotating:\n    url: {url}\n    tenant: acmeprod\n    auth: {auth}\n{limits}"));
    yaml.push_str("defaults: { overlap: allow, folder: Shared }\nschedules:\n");
    let mut schedule = |name: String, connection: &str| {
        yaml.push_str(&format!(
            "  {name}: {{ every: {period}s, timezone: UTC, connection: {connection}, start: {{ process: Burst, arguments: {{ \
             schedule: {name}, due: \"${{nominal}}\" }} }} }}\n"
        ));
    };
    for n in 0..schedules {
        schedule(format!("s{n:03}"), "uipath");
    }
    schedule("r000".to_owned(), "rotating");
    schedule("r001".to_owned(), "rotating");
    yaml
}

/// How the second connection logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Second {
    OneUse,
    UserKey,
}
