//! Whether the secrets that connections refer to can be read now: a doubt, not a mistake of the file.
//!
//! The daemon reads a secret when it needs it, so a file may be there later; but who runs `check` wants to hear of a missing
//! one before the night does. Systemd's credentials exist only inside the service and are not asked for.

use std::path::Path;

use super::diagnostic::{Diagnostic, Severity};
use super::model::{Connection, Grant, ScheduleSet};
use crate::secret::{SecretRef, SecretSource};

/// One warning for each secret that cannot be read; `file` is where the connections stand, or the first of several files.
pub fn doubtful_secrets(set: &ScheduleSet, file: &Path) -> Vec<Diagnostic> {
    let doubts = |connection: &Connection| {
        let secrets = secrets_of(&connection.auth.grant).into_iter();
        let unreadable = secrets.filter_map(|(key, secret)| Some((key, told(secret)?)));
        let name = connection.name.clone();
        unreadable.map(move |(key, why)| (name.clone(), key, why)).collect::<Vec<_>>()
    };
    set.connections
        .values()
        .flat_map(|connection| doubts(connection))
        .map(|(name, key, why)| Diagnostic {
            file: file.to_owned(),
            line: 0,
            column: 0,
            severity: Severity::Warning,
            message: format!("connection `{name}`: `auth.{key}`: {why}"),
            hint: Some("the daemon reads it when it is needed; until then this connection's starts wait".to_owned()),
            excerpts: Vec::new(),
        })
        .collect()
}

fn secrets_of(grant: &Grant) -> Vec<(&'static str, &SecretSource)> {
    match grant {
        Grant::ClientCredentials { client_id: _, client_secret, scope: _ } => vec![("client_secret", client_secret)],
        Grant::RefreshTokenAccount { client_id: _, refresh_token } => vec![("refresh_token", refresh_token)],
        Grant::RefreshTokenIdentity { client_id: _, client_secret, refresh_token, scope: _ } => {
            vec![("refresh_token", refresh_token), ("client_secret", client_secret)]
        }
        Grant::Password { username: _, password } => vec![("password", password)],
        Grant::PersonalAccessToken { token } => vec![("token", token)],
    }
}

/// What is wrong with it, with its cause; never any part of its value.
fn told(source: &SecretSource) -> Option<String> {
    match source {
        // Which state folder will be used is not known here.
        SecretSource::Kept | SecretSource::At(SecretRef::Credential(_)) => None,
        SecretSource::At(secret @ (SecretRef::File(_) | SecretRef::Env(_))) => {
            let error = secret.read().err()?;
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Some(format!("{error}{cause}"))
        }
    }
}
