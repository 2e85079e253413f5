//! `daemon`: what holds for the whole program. It stands in at most one file.

use std::collections::BTreeSet;

use super::choices;
use super::fields::Field;
use super::keys;
use crate::recurrence::ZoneChoice;
use crate::schedule::diagnostic::{Findings, quoted};
use crate::schedule::model::Watch;

/// What was said, or what holds when nothing was.
#[derive(Debug, Default)]
pub(super) struct DaemonSpec {
    pub(super) zone_database: ZoneChoice,
    pub(super) watch: Watch,
    /// The variables that templates may name.
    pub(super) allow_env: BTreeSet<String>,
}

pub(super) fn read(field: &Field<'_>, findings: &mut Findings) -> DaemonSpec {
    let mut daemon = DaemonSpec::default();
    let Some(fields) = field.map(&keys::DAEMON, findings) else { return daemon };
    if let Some((_, choice)) = fields.get("tzdb").and_then(|field| field.choice(&choices::ZONE_DATABASE, findings)) {
        daemon.zone_database = choice;
    }
    daemon.watch = match fields.get("watch").and_then(|field| field.flag(findings)) {
        Some(false) => Watch::Off,
        Some(true) | None => Watch::On,
    };
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
