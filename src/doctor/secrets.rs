//! The secrets that a grant needs: where each is, and whether it can be read by whoever examines.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::step::{Blame, Finding};
use crate::auth::{Credential, GrantConfig, KeptSecrets, Kind};
use crate::secret::{NotWritten, Oddity, SecretError, SecretRef, SecretSource, Written};

/// A fault when the state folder is somebody else's: a token that is saved there now could not be read by its owner.
pub(super) fn foreign_folder(state_dir: &Path) -> Option<Finding> {
    let owner = std::fs::metadata(state_dir).ok()?.uid();
    let ours = rustix::process::geteuid().as_raw();
    (owner != ours).then(|| {
        Finding::fault(
            Blame::Here,
            format!("nothing was sent, because `{}` belongs to user {owner}, and this is user {ours}", state_dir.display()),
            "a token that is saved there now would be this user's, and the daemon could not read its own login any more",
            "examine as the daemon's user: `sudo -u '#OWNER' punctual doctor`, or beside the running service `systemd-run --pipe --wait -p DynamicUser=yes -p User=punctual -p StateDirectory=punctual punctual doctor`"
                .replace("OWNER", &owner.to_string()),
        )
    })
}

/// One finding for each secret, with the key in `auth` that names it.
pub(super) fn findings(credential: &Credential, tokens_dir: &Path) -> Vec<(&'static str, Finding)> {
    let (main, kind) = credential.grant.main_secret();
    let mut findings = vec![(kind.key(), finding(main, kind, credential, tokens_dir))];
    if let GrantConfig::RefreshTokenIdentity { client_secret, .. } = &credential.grant {
        let kind = Kind::ClientSecret;
        findings.push((kind.key(), finding(client_secret, kind, credential, tokens_dir)));
    }
    findings
}

fn finding(source: &SecretSource, kind: Kind, credential: &Credential, tokens_dir: &Path) -> Finding {
    match source {
        SecretSource::At(reference) => named(reference, kind),
        SecretSource::Kept => kept(kind, credential, tokens_dir),
    }
}

fn kept(kind: Kind, credential: &Credential, tokens_dir: &Path) -> Finding {
    let login = format!("run `punctual login {}`", credential.connection);
    // A user's login may belong to an application without a secret.
    let optional = matches!(credential.grant, GrantConfig::RefreshTokenIdentity { .. }) && kind == Kind::ClientSecret;
    match KeptSecrets::new(tokens_dir).read(&credential.connection, kind) {
        Ok(Some(_)) => Finding::fine(format!("the {kind} kept by `punctual login` can be read")),
        Ok(None) if optional => Finding::fine("none: the application counts as a public one"),
        Ok(None) => Finding::fault(
            Blame::Here,
            format!("the file names no {kind}, and `punctual login` has kept none in `{}`", tokens_dir.display()),
            "nobody has logged in yet, or with another state folder",
            login,
        ),
        Err(error) => Finding::fault(
            Blame::Here,
            error.to_string(),
            "the file is damaged, or this user may not read it",
            format!("examine as the service's user (`sudo -u punctual punctual doctor`); if it is damaged, {login}"),
        ),
    }
}

fn named(reference: &SecretRef, kind: Kind) -> Finding {
    match reference.look(kind.purpose()) {
        Ok(Written { secret: _, cleaned, odd }) => {
            let read = match cleaned.as_slice() {
                [] => format!("`{reference}` can be read"),
                _ => format!("`{reference}` can be read; left out is {}", listed(&cleaned)),
            };
            if odd.is_empty() {
                return Finding::fine(read);
            }
            Finding::doubt(
                format!("{read}; {}", listed(&odd)),
                format!("it may be meant so; if the server refuses the {kind}, it is not"),
                match odd.as_slice() {
                    [Oddity::Short(_)] => format!("choose a longer {kind}"),
                    _ => "write the value alone, as the server knows it, without anything around it".to_owned(),
                },
            )
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Finding::fault(Blame::Here, format!("{error}{cause}"), why(&error), cure(reference, &error))
        }
    }
}

fn listed(parts: &[impl std::fmt::Display]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn why(error: &SecretError) -> &'static str {
    match error {
        SecretError::NoVariable(_) => "the variable is set for the service and not for this shell, or nowhere",
        SecretError::NoCredentials(_) => "systemd's credentials exist only inside the service",
        SecretError::Read { .. } => "the file is not there, or this user may not read it",
        SecretError::Open { .. } | SecretError::Group { .. } => {
            "others on this machine could read the secret, so it is not used"
        }
        SecretError::Owner { .. } => "whoever owns the file could change it, so it is not used",
        SecretError::NotWritten { why: NotWritten::Short { .. }, .. } => {
            "error texts of servers repeat what they were sent; a short secret cannot be found in them"
        }
        SecretError::NotWritten { .. } | SecretError::Odd { .. } => {
            "the secret was not written there, or something else was"
        }
    }
}

fn cure(reference: &SecretRef, error: &SecretError) -> String {
    match (reference, error) {
        (SecretRef::Credential(name), SecretError::NoCredentials(_)) => format!(
            "examine with the service's own credentials: `systemd-run --pipe --wait -p User=punctual -p LoadCredential={name}:PATH punctual doctor`, with the PATH of the unit"
        ),
        (SecretRef::Credential(name), _) => format!("name the file of `{name}` in the unit's `LoadCredential=`"),
        (SecretRef::Env(name), _) => {
            format!("set `{name}` for this shell too, or keep the secret in a file (`file:PATH`)")
        }
        (SecretRef::File(path), SecretError::Open { .. } | SecretError::Group { .. }) => {
            format!("run `chmod 600 {}`", path.display())
        }
        (SecretRef::File(path), SecretError::Owner { ours, .. }) => {
            format!("run `chown {ours} {path}`, or examine as the service's user", path = path.display())
        }
        (SecretRef::File(path), _) => format!(
            "put the secret into `{}`, for the service's user alone; and examine as that user (`sudo -u punctual punctual doctor`)",
            path.display()
        ),
    }
}
