//! The secrets of one request, read just before it, and a mark that tells whether they have changed since.
//!
//! Read every time rather than remembered: a rotated secret is picked up without a restart. All of this blocks for as long as
//! a disk does, so it runs apart from the loop.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::credential::{Credential, GrantConfig};
use super::kept::{KeptSecrets, Kind};
use super::private_file::{FileError, hex};
use super::trouble::Trouble;
use crate::secret::{Secret, SecretError, SecretSource, Written};

/// What one request needs.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    /// Client secret, first refresh token or user key, password, or personal access token, as the grant has it.
    pub(crate) main: Secret,
    /// The client secret of a confidential application that has a user's login.
    pub(crate) client_secret: Option<Secret>,
    /// What is odd about the way they are written; shown when the server refuses them.
    pub(crate) odd: Vec<(Kind, String)>,
}

impl Secrets {
    /// Reads them now.
    pub(crate) fn read(credential: &Credential, tokens_dir: &Path) -> Result<Secrets, Trouble> {
        let mut reader = Reader::new(credential, tokens_dir);
        let (main, client_secret) = match &credential.grant {
            GrantConfig::ClientCredentials { client_secret, .. } => {
                (reader.need(client_secret, Kind::ClientSecret)?, None)
            }
            GrantConfig::RefreshTokenAccount { refresh_token, .. } => {
                (reader.need(refresh_token, Kind::RefreshToken)?, None)
            }
            GrantConfig::RefreshTokenIdentity { refresh_token, client_secret, .. } => {
                // A public application has none.
                let client_secret = reader.find(client_secret, Kind::ClientSecret)?;
                (reader.need(refresh_token, Kind::RefreshToken)?, client_secret)
            }
            GrantConfig::Password { password, .. } => (reader.need(password, Kind::Password)?, None),
            GrantConfig::PersonalAccessToken { token } => (reader.need(token, Kind::PersonalToken)?, None),
        };
        Ok(Secrets { main, client_secret, odd: reader.odd })
    }

    /// All of them, so that a server that repeats one does not get it printed.
    pub(crate) fn all(&self) -> Vec<Secret> {
        std::iter::once(&self.main).chain(&self.client_secret).cloned().collect()
    }
}

/// The client secret that goes with a browser login; none for a public application.
pub(crate) fn client_secret_of(credential: &Credential, tokens_dir: &Path) -> Result<Option<Secret>, Trouble> {
    let mut reader = Reader::new(credential, tokens_dir);
    match &credential.grant {
        GrantConfig::RefreshTokenIdentity { client_secret, .. } => reader.find(client_secret, Kind::ClientSecret),
        GrantConfig::ClientCredentials { .. }
        | GrantConfig::RefreshTokenAccount { .. }
        | GrantConfig::Password { .. }
        | GrantConfig::PersonalAccessToken { .. } => Ok(None),
    }
}

struct Reader<'a> {
    connection: &'a str,
    kept: KeptSecrets,
    odd: Vec<(Kind, String)>,
}

impl<'a> Reader<'a> {
    fn new(credential: &'a Credential, tokens_dir: &Path) -> Reader<'a> {
        Reader { connection: &credential.connection, kept: KeptSecrets::new(tokens_dir), odd: Vec::new() }
    }

    fn need(&mut self, source: &SecretSource, kind: Kind) -> Result<Secret, Trouble> {
        self.find(source, kind)?.ok_or(Trouble::NothingKept { kind })
    }

    fn find(&mut self, source: &SecretSource, kind: Kind) -> Result<Option<Secret>, Trouble> {
        match source {
            SecretSource::At(reference) => match reference.look(kind.purpose()) {
                Ok(Written { secret, cleaned: _, odd }) => {
                    self.odd.extend(odd.iter().map(|oddity| (kind, format!("`{reference}`: {oddity}"))));
                    Ok(Some(secret))
                }
                Err(cause) => Err(Trouble::Secret { which: kind, reason: with_cause(&cause) }),
            },
            SecretSource::Kept => match self.kept.read(self.connection, kind) {
                Ok(secret) => Ok(secret),
                Err(FileError::Damaged { path }) => Err(Trouble::DamagedFile { path: path.display().to_string() }),
                Err(cause) => Err(Trouble::Secret { which: kind, reason: cause.to_string() }),
            },
        }
    }
}

fn with_cause(error: &SecretError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Stands for the secrets as they were read, or for why they could not be. An unreadable secret may become readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark(String);

impl Mark {
    pub(crate) fn of(secrets: &Result<Secrets, Trouble>) -> Mark {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        };
        match secrets {
            Ok(secrets) => secrets.all().iter().for_each(|secret| add(secret.expose())),
            Err(trouble) => add(&format!("{trouble:?}")),
        }
        Mark(hex(&digest.finalize()))
    }
}
