//! `daemon`: what holds for the whole program. It stands in at most one file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::choices;
use super::field::Field;
use super::keys;
use super::open;
use crate::recurrence::ZoneChoice;
use crate::schedule::diagnostic::{Findings, quoted};
use crate::schedule::model::{Copies, HistoryLimits, Watch};

/// As the key's shape says.
const MOST_COPIES: u32 = 1_000;

/// What was said, or what holds when nothing was.
#[derive(Debug, Default)]
pub(super) struct DaemonSpec {
    pub(super) zone_database: ZoneChoice,
    pub(super) watch: Watch,
    /// The variables that templates may name.
    pub(super) allow_env: BTreeSet<String>,
    pub(super) history: HistoryLimits,
    pub(super) copies: Copies,
}

pub(super) fn read(field: &Field<'_>, findings: &mut Findings) -> DaemonSpec {
    let mut daemon = DaemonSpec::default();
    let Some(fields) = open::within(field, &keys::DAEMON, findings) else { return daemon };
    if let Some((_, choice)) = fields.get("tzdb").and_then(|field| field.choice(&choices::ZONE_DATABASE, findings)) {
        daemon.zone_database = choice;
    }
    daemon.watch = match fields.get("watch").and_then(|field| field.flag(findings)) {
        Some(false) => Watch::Off,
        Some(true) | None => Watch::On,
    };
    if let Some(fields) = fields.get("history").and_then(|field| open::within(&field, &keys::HISTORY_LIMITS, findings))
    {
        if let Some(keep) = fields.get("keep").and_then(|field| field.duration(findings)) {
            daemon.history.keep = keep;
        }
        let mut most = |name| fields.get(name).and_then(|field| field.count(u32::MAX, findings)).map(u64::from);
        daemon.history.max_runs = most("max_runs");
        daemon.history.max_bytes = most("max_bytes");
    }
    if let Some(fields) = fields.get("backup").and_then(|field| open::within(&field, &keys::COPIES, findings)) {
        if let Some(keep) = fields.get("keep").and_then(|field| field.count(MOST_COPIES, findings)) {
            daemon.copies.keep = usize::try_from(keep).unwrap_or(usize::MAX);
        }
        if let Some(field) = fields.get("folder")
            && let Some(path) = field.line(findings)
        {
            if path.starts_with('/') {
                daemon.copies.folder = Some(PathBuf::from(path));
            } else {
                let what = format!("{} {} must be an absolute path", field.named(), quoted(path));
                field.error(&what, findings).hint("begin it with `/`, as in `/var/backups/punctual`");
            }
        }
    }
    for item in fields.get("allow_env").map(|field| field.items(findings)).unwrap_or_default() {
        let Some(name) = item.line(findings) else { continue };
        let fine = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !fine {
            let what = format!("{} {} cannot be the name of an environment variable", item.named(), quoted(name));
            item.error(&what, findings).hint("use letters, digits and `_`, as in `COMPANY_CODE`");
        }
        // Taken all the same: what uses it is not wrong as well.
        daemon.allow_env.insert(name.to_owned());
    }
    daemon
}
