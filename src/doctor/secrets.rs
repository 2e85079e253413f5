//! The secrets that a grant needs: where each is, and whether it can be read by whoever examines.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::step::{Blame, Finding};
use crate::auth::private_file::FileError;
use crate::auth::{Credential, KeptSecrets};
use crate::secret::{
    NotWritten, Oddity, Purpose, SIGN_CURE, SecretError, SecretRef, SecretSource, Written, is_dynamic, owner_cure,
};
use crate::text;

/// A fault when the state folder is somebody else's: a token that is saved there now could not be read by its owner.
pub(super) fn foreign_folder(state_dir: &Path) -> Option<Finding> {
    let owner = owner_of(state_dir)?;
    let ours = rustix::process::geteuid().as_raw();
    (owner != ours).then(|| {
        Finding::fault(
            Blame::Here,
            format!("nothing was sent, because `{}` belongs to user {owner}, and this is user {ours}", state_dir.display()),
            "a token that is saved there now would be this user's, and the daemon could not read its own login any more",
            as_the_service(Some(state_dir), &[]),
        )
    })
}

fn owner_of(path: &Path) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.uid())
}

fn group_of(path: &Path) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.gid())
}

/// How to examine as the user who owns the state folder, with the credentials that are named. For the shipped unit systemd runs the
/// command under the same name of user, for that user is there only while something of it runs.
pub(super) fn as_the_service(state_dir: Option<&Path>, credentials: &[&str]) -> String {
    let shipped = state_dir.is_none_or(|folder| {
        matches!(folder.canonicalize(), Ok(real) if real == Path::new(PRIVATE_FOLDER))
            || folder == Path::new("/var/lib/punctual")
    });
    let owner = state_dir.and_then(owner_of);
    let lasting = owner.filter(|owner| !is_dynamic(*owner));
    let place = match state_dir {
        Some(folder) if !shipped => format!(" --state-dir {}", folder.display()),
        Some(_) | None => String::new(),
    };
    if let (Some(owner), []) = (lasting, credentials) {
        return format!("examine as the daemon's user: `sudo -u '#{owner}' punctual doctor{place}`");
    }
    // systemd starts it in another folder.
    let place = match state_dir.map(std::path::absolute) {
        Some(Ok(folder)) if !shipped => format!(" --state-dir {}", folder.display()),
        Some(_) | None => place,
    };
    let user = match lasting {
        Some(owner) => format!("-p User={owner}"),
        None => {
            // The group that may read /etc/punctual; by its number, which systemd takes for no name of a dynamic one.
            let group = state_dir.and_then(group_of).filter(|group| *group != 0 && !is_dynamic(*group));
            let group = group.map(|group| format!(" -p SupplementaryGroups={group}")).unwrap_or_default();
            format!(
                "-p DynamicUser=yes -p User={SERVICE_USER}{group} -p StateDirectory=punctual -p StateDirectoryMode=0700"
            )
        }
    };
    let loaded: String = credentials.iter().map(|name| format!(" -p LoadCredential={name}:PATH")).collect();
    let path = if credentials.is_empty() { "" } else { ", with the PATH of the unit" };
    format!(
        "examine as the service's user: `sudo systemd-run --pipe --wait {user}{loaded} punctual doctor{place}`{path}"
    )
}

/// As `systemd/punctual.service` has it.
const SERVICE_USER: &str = "punctual-service";

/// Where systemd keeps what `StateDirectory=punctual` means for a dynamic user.
const PRIVATE_FOLDER: &str = "/var/lib/private/punctual";

/// One finding for each secret, with the key in `auth` that names it.
pub(super) fn findings(credential: &Credential, tokens_dir: &Path) -> Vec<(&'static str, Finding)> {
    let secrets = credential.grant.secrets().into_iter();
    secrets.map(|(kind, source)| (kind.key(), finding(source, kind, credential, tokens_dir))).collect()
}

fn finding(source: &SecretSource, kind: Purpose, credential: &Credential, tokens_dir: &Path) -> Finding {
    match source {
        SecretSource::At(reference) => named(reference, kind, tokens_dir.parent()),
        SecretSource::Kept => kept(kind, credential, tokens_dir),
    }
}

fn kept(kind: Purpose, credential: &Credential, tokens_dir: &Path) -> Finding {
    let login = format!("run `punctual login {}`", credential.connection);
    // A user's login may belong to an application without a secret.
    let optional = credential.grant.login_client_secret().is_some() && kind == Purpose::ClientSecret;
    match KeptSecrets::new(tokens_dir).read(&credential.connection, kind) {
        Ok(Some(_)) => Finding::fine(format!("the {kind} kept by `punctual login` can be read")),
        Ok(None) if optional => Finding::fine("none: the application counts as a public one"),
        Ok(None) => Finding::fault(
            Blame::Here,
            format!("the file names no {kind}, and `punctual login` has kept none in `{}`", tokens_dir.display()),
            "nobody has logged in yet, or with another state folder",
            login,
        ),
        Err(
            error @ (FileError::Owner { .. }
            | FileError::Open { .. }
            | FileError::Io { .. }
            | FileError::Network { .. }),
        ) => Finding::fault(
            Blame::Here,
            error.to_string(),
            "what `punctual login` keeps is for the service's user alone",
            as_the_service(tokens_dir.parent(), &[]),
        ),
        Err(error @ (FileError::Damaged { .. } | FileError::Newer { .. })) => {
            Finding::fault(Blame::Here, error.to_string(), "the file is damaged, or of a newer version", login)
        }
    }
}

fn named(reference: &SecretRef, kind: Purpose, state_dir: Option<&Path>) -> Finding {
    let service = state_dir.and_then(owner_of);
    match reference.look(kind) {
        Ok(Written { secret: _, cleaned, odd }) => {
            if let (SecretRef::File(path), Some(service)) = (reference, service)
                && closed_to(path, service)
            {
                return Finding::fault(
                    Blame::Here,
                    format!("`{reference}` can be read by this user, and not by the service's user {service}"),
                    "the file is for root alone, and the service runs as a user of its own",
                    hand_over(path, service),
                );
            }
            let read = match cleaned.as_slice() {
                [] => format!("`{reference}` can be read"),
                _ => format!("`{reference}` can be read; left out is {}", text::all(&cleaned)),
            };
            if odd.is_empty() {
                return Finding::fine(read);
            }
            Finding::doubt(
                format!("{read}; {}", text::all(&odd)),
                format!("it may be meant so; if the server refuses the {kind}, it is not"),
                match odd.as_slice() {
                    [Oddity::Short(_)] => format!("choose a longer {kind}"),
                    all if all.iter().any(|oddity| matches!(oddity, Oddity::Sign(_))) => SIGN_CURE.to_owned(),
                    _ => "write the value alone, as the server knows it, without anything around it".to_owned(),
                },
            )
        }
        // Root looks at what is the service's own.
        Err(SecretError::Owner { path, owner, ours: 0 }) if Some(owner) == service => Finding::fine(format!(
            "`{}` belongs to the service's user {owner}, and is read by that user alone",
            path.display()
        )),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Finding::fault(
                Blame::Here,
                format!("{error}{cause}"),
                why(&error),
                cure(reference, &error, kind, state_dir),
            )
        }
    }
}

/// Whether a file that root can read is closed to another user by its owner and mode. A group is given the benefit of the doubt.
fn closed_to(path: &Path, user: u32) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| user != 0 && meta.uid() != user && meta.mode() & 0o044 == 0)
}

/// How the service's user gets to read a file.
fn hand_over(path: &Path, service: u32) -> String {
    let path = path.display();
    if is_dynamic(service) {
        format!(
            "write `credential:NAME` in place of `file:…`, and in `sudo systemctl edit punctual` the lines `[Service]` and \
             `LoadCredential=NAME:{path}`; then `sudo systemctl restart punctual`"
        )
    } else {
        format!("run `chown {service} {path}`")
    }
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
        SecretError::NotWritten { why: NotWritten::NotText | NotWritten::ZeroBytes, .. } => {
            "the program that wrote it did not save text as UTF-8"
        }
        SecretError::NotWritten { why: NotWritten::Lines | NotWritten::Json, .. } => {
            "more than the secret was written there, and which part is meant is not clear"
        }
        SecretError::NotWritten { why: NotWritten::Empty, .. } => "the secret was not written there yet",
        SecretError::Odd { .. } => "a secret is read from a small file that holds nothing else",
    }
}

/// What is wrong with what a secret's place holds: rights and users do not mend it.
fn content_cure(reference: &SecretRef, error: &SecretError, kind: Purpose) -> Option<String> {
    let place = match reference {
        SecretRef::File(path) => format!("`{}`", path.display()),
        SecretRef::Credential(name) => format!("the file that the unit's `LoadCredential={name}:…` names"),
        SecretRef::Env(name) => format!("the variable `{name}`"),
    };
    let why = match error {
        SecretError::NotWritten { why, .. } => why,
        SecretError::Odd { .. } => {
            return Some(format!(
                "write the {kind} alone into an ordinary file, in one line, and name that in the place of {place}"
            ));
        }
        SecretError::NoCredentials(_)
        | SecretError::NoVariable(_)
        | SecretError::Read { .. }
        | SecretError::Open { .. }
        | SecretError::Group { .. }
        | SecretError::Owner { .. } => return None,
    };
    Some(match why {
        NotWritten::Empty => format!("write the {kind} into {place}: the value alone, in one line"),
        NotWritten::NotText | NotWritten::ZeroBytes => {
            format!("write the {kind} into {place} anew, as UTF-8 text: the value alone, in one line")
        }
        NotWritten::Lines => format!("leave one line in {place}, with the {kind} alone"),
        NotWritten::Json => format!("write the {kind} alone into {place}, without JSON around it"),
        NotWritten::Short { .. } => format!("copy the {kind} whole into {place}, or have a longer one made"),
    })
}

fn cure(reference: &SecretRef, error: &SecretError, kind: Purpose, state_dir: Option<&Path>) -> String {
    if let Some(cure) = content_cure(reference, error, kind) {
        return cure;
    }
    match (reference, error) {
        (SecretRef::Credential(name), SecretError::NoCredentials(_)) => as_the_service(state_dir, &[name]),
        (SecretRef::Credential(name), _) => format!("name the file of `{name}` in the unit's `LoadCredential=`"),
        (SecretRef::Env(name), _) => {
            format!("set `{name}` for this shell too, or keep the secret in a file (`file:PATH`)")
        }
        (SecretRef::File(path), SecretError::Open { .. } | SecretError::Group { .. }) => {
            let closed = format!("run `chmod 600 {}`", path.display());
            match state_dir.and_then(owner_of) {
                // Closed, it would be for its owner alone.
                Some(service) if owner_of(path) != Some(service) => {
                    format!("{closed}, and {}", hand_over(path, service))
                }
                Some(_) | None => closed,
            }
        }
        (SecretRef::File(path), SecretError::Owner { ours, .. }) => match state_dir.and_then(owner_of) {
            Some(service) => hand_over(path, service),
            None => owner_cure(*ours, path),
        },
        (SecretRef::File(path), _) => format!(
            "put the secret into `{}`, for the service's user alone; or {}",
            path.display(),
            as_the_service(state_dir, &[])
        ),
    }
}
