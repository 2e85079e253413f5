//! Whether the secrets that connections refer to can be read now, and are long enough to be kept out of logs.
//!
//! The daemon reads a secret when it needs it, so a file may be there later, and whoever checks may not be allowed to read it:
//! that is a doubt, not a mistake of the file. But who runs `check` wants to hear of a missing one before the night does; and
//! one that can be read and is too short is a mistake wherever it stands. Systemd's credentials exist only inside the service
//! and are not asked for.

use std::path::Path;

use super::diagnostic::{Diagnostic, Severity};
use super::model::{Connection, ScheduleSet};
use super::name::ConnectionName;
use crate::secret::{NotWritten, Oddity, Purpose, SIGN_CURE, SecretError, SecretRef, SecretSource, Written};
use crate::text::chain;

/// What is doubtful about one secret.
#[derive(Clone, Debug)]
pub struct SecretDoubt {
    /// Whose it is.
    pub connection: ConnectionName,
    /// The key in `auth` that names it.
    pub key: &'static str,
    /// The doubt, for people.
    pub diagnostic: Diagnostic,
}

/// One finding for each secret that cannot be read, is too short or holds a character that nobody types; `file` is where the
/// connections stand, or the first of several files.
pub fn doubtful_secrets(set: &ScheduleSet, file: &Path) -> Vec<SecretDoubt> {
    let doubts = |connection: &Connection| {
        let secrets = connection.auth.grant.secrets().into_iter();
        let doubts = secrets.filter_map(|(purpose, secret)| Some((purpose.key(), doubt(secret, purpose)?)));
        let name = connection.name.clone();
        doubts.map(move |(key, doubt)| (name.clone(), key, doubt)).collect::<Vec<_>>()
    };
    set.connections
        .values()
        .flat_map(|connection| doubts(connection))
        .map(|(connection, key, Doubt { severity, why, cure })| {
            let diagnostic = Diagnostic {
                file: file.to_owned(),
                line: 0,
                column: 0,
                severity,
                message: format!("connection `{connection}`: `auth.{key}`: {why}"),
                hint: Some(cure),
                excerpts: Vec::new(),
            };
            SecretDoubt { connection, key, diagnostic }
        })
        .collect()
}

/// What is to be said of one secret.
struct Doubt {
    severity: Severity,
    why: String,
    cure: String,
}

/// What is wrong with it, with its cause; never any part of its value.
fn doubt(source: &SecretSource, purpose: Purpose) -> Option<Doubt> {
    let secret = match source {
        // Which state folder will be used is not known here.
        SecretSource::Kept | SecretSource::At(SecretRef::Credential(_)) => return None,
        SecretSource::At(secret @ (SecretRef::File(_) | SecretRef::Env(_))) => secret,
    };
    match secret.look(purpose) {
        Ok(Written { odd, .. }) => {
            // Of one that is both, what makes it wrong comes first.
            let sign = odd.iter().find(|oddity| matches!(oddity, Oddity::Sign(_)));
            let (oddity, cure) = match sign {
                Some(sign) => (sign, SIGN_CURE),
                None => (odd.iter().find(|oddity| matches!(oddity, Oddity::Short(_)))?, "choose a longer password"),
            };
            let why = format!("the {} in `{secret}`: {oddity}", purpose.as_str());
            Some(Doubt { severity: Severity::Warning, why, cure: cure.to_owned() })
        }
        Err(error @ SecretError::NotWritten { why: NotWritten::Short { .. }, .. }) => Some(Doubt {
            severity: Severity::Error,
            why: error.to_string(),
            cure: "the daemon does not send it; this connection's starts wait until there is a longer one".to_owned(),
        }),
        Err(error) => Some(Doubt {
            severity: Severity::Warning,
            why: chain(&error),
            cure: "the daemon reads it when it is needed; until then this connection's starts wait".to_owned(),
        }),
    }
}
