//! The secrets of one request, read just before it, and a mark that tells whether they have changed since.
//!
//! Read every time rather than remembered: a rotated secret is picked up without a restart. All of this blocks for as long as
//! a disk does, so it runs apart from the loop.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::credential::Credential;
use super::kept::KeptSecrets;
use super::private_file::{FileError, hex};
use super::trouble::{Oauth, Trouble};
use crate::secret::{Purpose, Secret, SecretSource, Written};
use crate::text::chain;

/// What one request needs.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    /// Client secret, first refresh token or user key, password, or personal access token, as the grant has it.
    pub(crate) main: Secret,
    /// The client secret of a confidential application that has a user's login.
    pub(crate) client_secret: Option<Secret>,
    /// What is odd about the way they are written; shown when the server refuses them.
    pub(crate) odd: Vec<(Purpose, String)>,
}

/// A secret that a person has given, and that is to be tried before it is kept.
#[derive(Clone, Debug)]
pub struct Given {
    /// What it is for.
    pub kind: Purpose,
    /// The secret.
    pub secret: Secret,
}

impl Secrets {
    /// Reads them now, with what a person has given in its place.
    pub(crate) fn read(credential: &Credential, tokens_dir: &Path, given: Option<&Given>) -> Result<Secrets, Trouble> {
        let mut reader = Reader::new(credential, tokens_dir, given);
        let client_secret = reader.second(credential)?;
        let (source, purpose) = credential.grant.main_secret();
        let main = reader.need(source, purpose)?;
        Ok(Secrets { main, client_secret, odd: reader.odd })
    }

    /// All of them, so that a server that repeats one does not get it printed.
    pub(crate) fn all(&self) -> Vec<Secret> {
        std::iter::once(&self.main).chain(&self.client_secret).cloned().collect()
    }
}

/// The client secret that goes with a browser login; none for a public application.
pub(crate) fn client_secret_of(credential: &Credential, tokens_dir: &Path) -> Result<Option<Secret>, Trouble> {
    Reader::new(credential, tokens_dir, None).second(credential)
}

impl Trouble {
    /// A refusal also says what is odd about the way the refused secret is written: that is most often why.
    pub(super) fn with_oddities(self, odd: &[(Purpose, String)]) -> Trouble {
        let with = |kind: Purpose, description: Option<String>| {
            let of_kind = odd.iter().filter(|(whose, _)| *whose == kind).map(|(_, what)| what.clone());
            let texts: Vec<String> = description.into_iter().chain(of_kind).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        };
        match self {
            Trouble::Denied { status, code: code @ Oauth::InvalidClient, description } => {
                Trouble::Denied { status, code, description: with(Purpose::ClientSecret, description) }
            }
            Trouble::LoginRefused { status, description, challenge } => {
                Trouble::LoginRefused { status, description: with(Purpose::Password, description), challenge }
            }
            other => other,
        }
    }
}

struct Reader<'a> {
    connection: &'a str,
    kept: KeptSecrets,
    odd: Vec<(Purpose, String)>,
    given: Option<&'a Given>,
}

impl<'a> Reader<'a> {
    fn new(credential: &'a Credential, tokens_dir: &Path, given: Option<&'a Given>) -> Reader<'a> {
        Reader { connection: &credential.connection, kept: KeptSecrets::new(tokens_dir), odd: Vec::new(), given }
    }

    /// The client secret of a user's login. A public application has none.
    fn second(&mut self, credential: &Credential) -> Result<Option<Secret>, Trouble> {
        match credential.grant.login_client_secret() {
            Some(source) => self.find(source, Purpose::ClientSecret),
            None => Ok(None),
        }
    }

    fn need(&mut self, source: &SecretSource, kind: Purpose) -> Result<Secret, Trouble> {
        self.find(source, kind)?.ok_or(Trouble::NothingKept { kind })
    }

    fn find(&mut self, source: &SecretSource, kind: Purpose) -> Result<Option<Secret>, Trouble> {
        if let Some(given) = self.given.filter(|given| given.kind == kind) {
            return Ok(Some(given.secret.clone()));
        }
        match source {
            SecretSource::At(reference) => match reference.look(kind) {
                Ok(Written { secret, cleaned: _, odd }) => {
                    self.odd.extend(odd.iter().map(|oddity| (kind, format!("`{reference}`: {oddity}"))));
                    Ok(Some(secret))
                }
                Err(cause) => Err(Trouble::Secret { which: kind, reason: chain(&cause) }),
            },
            SecretSource::Kept => match self.kept.read(self.connection, kind) {
                Ok(secret) => Ok(secret),
                Err(FileError::Damaged { path }) => Err(Trouble::DamagedFile { path: path.display().to_string() }),
                Err(cause) => Err(Trouble::Secret { which: kind, reason: cause.to_string() }),
            },
        }
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
