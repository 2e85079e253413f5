//! The grants: how a connection comes by its access tokens, each with what it needs, and one table of facts about them.
//!
//! A schedule file names a grant, `auth` asks for tokens with it, and `doctor` explains it. What differs between grants is a
//! column of the table here, so that a new grant is one variant and one row, and nobody else lists them.
//!
//! Absent: how a token is asked for (`auth`), and how a file is read (`schedule`).

use crate::secret::{Purpose, SecretSource};

/// A grant with what it needs. Secrets are named by their source and read again at every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// An external application of today's identity server. Nothing to keep: the best choice for a daemon.
    ClientCredentials {
        /// The application's id.
        client_id: String,
        /// Its secret.
        client_secret: SecretSource,
        /// Scopes, with spaces between.
        scope: String,
    },
    /// A user's login at today's identity server: every refresh token works once, and its answer holds the next.
    RefreshTokenIdentity {
        /// The application's id.
        client_id: String,
        /// Its secret, when it is a confidential one. Kept, and nothing kept: a public application, no secret is sent.
        client_secret: SecretSource,
        /// The first refresh token of the family; later ones are kept in the state folder.
        refresh_token: SecretSource,
        /// Scopes, with spaces between; none asks for what the login had.
        scope: Option<String>,
    },
    /// A user key of the early cloud: JSON to `account.uipath.com`, the same refresh token again and again.
    RefreshTokenAccount {
        /// The client id shown next to the user key.
        client_id: String,
        /// The user key.
        refresh_token: SecretSource,
    },
    /// A user's password at a stand-alone Orchestrator. Its token says nothing about its life.
    Password {
        /// User name or email address.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// A personal access token: it is the access token, and no server is asked.
    PersonalAccessToken {
        /// The token.
        token: SecretSource,
    },
}

/// A grant without what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// See [`Grant::ClientCredentials`].
    ClientCredentials,
    /// See [`Grant::RefreshTokenIdentity`].
    RefreshTokenIdentity,
    /// See [`Grant::RefreshTokenAccount`].
    RefreshTokenAccount,
    /// See [`Grant::Password`].
    Password,
    /// See [`Grant::PersonalAccessToken`].
    PersonalAccessToken,
}

/// Which of UiPath's token servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Today's identity server.
    Identity,
    /// The early cloud's `account.uipath.com`.
    Account,
    /// Orchestrator itself, for users with a password.
    Authenticate,
}

/// What it costs to ask for a token once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Nothing: the server gives another one.
    Free,
    /// The refresh token that is sent is used up (T7).
    UsesUp,
    /// A wrong try may count towards locking the account.
    MayLock,
    /// Nobody is asked.
    Nobody,
}

/// How a person gives a connection what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a browser, which comes back to a port of this machine.
    Loopback,
    /// In a browser, which ends at a page whose address is pasted.
    Page,
    /// By typing the secret.
    Secret,
}

/// One row of the table.
#[derive(Debug)]
pub struct Facts {
    /// Whose row.
    pub kind: GrantKind,
    /// `auth.grant` in a file. Two grants share `refresh_token`, and their style tells them apart.
    pub word: &'static str,
    /// Word and style where both are needed, for lists.
    pub label: &'static str,
    /// In a sentence.
    pub title: &'static str,
    /// In digests that name token files and tokens. Never changed: a changed one loses every login.
    pub mark: &'static str,
    /// Which server gives its tokens.
    pub style: Style,
    /// The secret without which there is no token.
    pub secret: Purpose,
    /// What asking again costs.
    pub asking: Asking,
    /// How `punctual login` gets that secret.
    pub login: Way,
    /// Keys under `auth` that must be there, of those in [`KEYS`].
    pub needs: &'static [&'static str],
    /// Keys under `auth` that may be there as well.
    pub takes: &'static [&'static str],
    /// Whether the tenant's name goes with the request for a token.
    pub sends_tenant: bool,
    /// What rights its tokens have; none where scopes say it.
    pub rights: Option<&'static str>,
    /// The key that a wrong address of the token server is corrected in.
    pub address_key: &'static str,
}

/// The keys under `auth` that some grants take and others do not, in the order of the file format.
pub const KEYS: [&str; 8] =
    ["client_id", "client_secret", "refresh_token", "scope", "username", "password", "token", "token_url"];

static CLIENT_CREDENTIALS: Facts = Facts {
    kind: GrantKind::ClientCredentials,
    word: "client_credentials",
    label: "client_credentials",
    title: "an application's own login (client_credentials)",
    mark: "client_credentials",
    style: Style::Identity,
    secret: Purpose::ClientSecret,
    asking: Asking::Free,
    login: Way::Secret,
    needs: &["client_id", "scope"],
    takes: &["client_secret", "token_url"],
    sends_tenant: false,
    rights: None,
    address_key: "auth.token_url",
};

static REFRESH_TOKEN_IDENTITY: Facts = Facts {
    kind: GrantKind::RefreshTokenIdentity,
    word: "refresh_token",
    label: "refresh_token (identity)",
    title: "a user's login (refresh_token, one use each)",
    mark: "identity",
    style: Style::Identity,
    secret: Purpose::RefreshToken,
    asking: Asking::UsesUp,
    login: Way::Loopback,
    needs: &["client_id"],
    takes: &["client_secret", "refresh_token", "scope", "token_url"],
    sends_tenant: false,
    rights: None,
    address_key: "auth.token_url",
};

static REFRESH_TOKEN_ACCOUNT: Facts = Facts {
    kind: GrantKind::RefreshTokenAccount,
    word: "refresh_token",
    label: "refresh_token (account)",
    title: "a user key of the early Cloud (refresh_token, account)",
    mark: "account",
    style: Style::Account,
    secret: Purpose::RefreshToken,
    asking: Asking::Free,
    login: Way::Page,
    needs: &["client_id"],
    takes: &["refresh_token", "token_url"],
    sends_tenant: true,
    rights: Some("a user key carries all rights of its user"),
    address_key: "auth.token_url",
};

static PASSWORD: Facts = Facts {
    kind: GrantKind::Password,
    word: "password",
    label: "password",
    title: "a user's password",
    mark: "password",
    style: Style::Authenticate,
    secret: Purpose::Password,
    asking: Asking::MayLock,
    login: Way::Secret,
    needs: &["username"],
    takes: &["password", "token_url"],
    sends_tenant: true,
    rights: Some("a password carries all rights of its user"),
    address_key: "url",
};

static PERSONAL_ACCESS_TOKEN: Facts = Facts {
    kind: GrantKind::PersonalAccessToken,
    word: "personal_access_token",
    label: "personal_access_token",
    title: "a personal access token",
    mark: "personal",
    // It comes from the identity server, too, though nobody asks it.
    style: Style::Identity,
    secret: Purpose::PersonalToken,
    asking: Asking::Nobody,
    login: Way::Secret,
    needs: &[],
    takes: &["token"],
    sends_tenant: false,
    rights: Some("a personal access token has the scopes that it was made with"),
    address_key: "url",
};

impl GrantKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [GrantKind; 5] = [
        GrantKind::ClientCredentials,
        GrantKind::RefreshTokenIdentity,
        GrantKind::RefreshTokenAccount,
        GrantKind::Password,
        GrantKind::PersonalAccessToken,
    ];

    /// Its row.
    pub fn facts(self) -> &'static Facts {
        match self {
            GrantKind::ClientCredentials => &CLIENT_CREDENTIALS,
            GrantKind::RefreshTokenIdentity => &REFRESH_TOKEN_IDENTITY,
            GrantKind::RefreshTokenAccount => &REFRESH_TOKEN_ACCOUNT,
            GrantKind::Password => &PASSWORD,
            GrantKind::PersonalAccessToken => &PERSONAL_ACCESS_TOKEN,
        }
    }

    /// The grant that the same word means with this style; none when no grant of this word has it. `identity` is what is meant
    /// when nothing is said, and may be said of every grant.
    pub fn styled(self, style: Style) -> Option<GrantKind> {
        match style {
            Style::Identity => Some(self),
            Style::Account | Style::Authenticate => {
                let same_word = |other: &GrantKind| other.facts().word == self.facts().word;
                GrantKind::ALL.into_iter().filter(same_word).find(|other| other.facts().style == style)
            }
        }
    }
}

impl Facts {
    /// The keys of other grants, which mean nothing with this one.
    pub fn surplus(&self) -> impl Iterator<Item = &'static str> + '_ {
        KEYS.into_iter().filter(|key| !self.needs.contains(key) && !self.takes.contains(key))
    }

    /// Whether refusals come in the words of OAuth (RFC 6749, 5.2).
    pub fn speaks_oauth(&self) -> bool {
        match self.secret {
            Purpose::ClientSecret | Purpose::RefreshToken => true,
            Purpose::Password | Purpose::PersonalToken => false,
        }
    }
}

impl Grant {
    /// Which it is.
    pub fn kind(&self) -> GrantKind {
        match self {
            Grant::ClientCredentials { .. } => GrantKind::ClientCredentials,
            Grant::RefreshTokenIdentity { .. } => GrantKind::RefreshTokenIdentity,
            Grant::RefreshTokenAccount { .. } => GrantKind::RefreshTokenAccount,
            Grant::Password { .. } => GrantKind::Password,
            Grant::PersonalAccessToken { .. } => GrantKind::PersonalAccessToken,
        }
    }

    /// What is known of it.
    pub fn facts(&self) -> &'static Facts {
        self.kind().facts()
    }

    /// Its secrets, the one in [`Facts::secret`] first.
    pub fn secrets(&self) -> Vec<(Purpose, &SecretSource)> {
        let (source, purpose) = self.main_secret();
        let second = self.login_client_secret().map(|source| (Purpose::ClientSecret, source));
        std::iter::once((purpose, source)).chain(second).collect()
    }

    /// Its secret of one purpose.
    pub fn secret(&self, wanted: Purpose) -> Option<&SecretSource> {
        self.secrets().into_iter().find(|(purpose, _)| *purpose == wanted).map(|(_, source)| source)
    }

    /// The secret that `punctual login` keeps when the file leaves it out, or gives anew after a refusal.
    pub fn main_secret(&self) -> (&SecretSource, Purpose) {
        let source = match self {
            Grant::ClientCredentials { client_secret: source, .. }
            | Grant::RefreshTokenIdentity { refresh_token: source, .. }
            | Grant::RefreshTokenAccount { refresh_token: source, .. }
            | Grant::Password { password: source, .. }
            | Grant::PersonalAccessToken { token: source } => source,
        };
        (source, self.facts().secret)
    }

    /// The client secret that goes with a user's login. A public application has none, so it may be kept nowhere.
    pub fn login_client_secret(&self) -> Option<&SecretSource> {
        match self {
            Grant::RefreshTokenIdentity { client_secret, .. } => Some(client_secret),
            Grant::ClientCredentials { .. }
            | Grant::RefreshTokenAccount { .. }
            | Grant::Password { .. }
            | Grant::PersonalAccessToken { .. } => None,
        }
    }

    /// The application's id.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Grant::ClientCredentials { client_id, .. }
            | Grant::RefreshTokenIdentity { client_id, .. }
            | Grant::RefreshTokenAccount { client_id, .. } => Some(client_id),
            Grant::Password { .. } | Grant::PersonalAccessToken { .. } => None,
        }
    }

    /// The user whose password it is.
    pub fn username(&self) -> Option<&str> {
        match self {
            Grant::Password { username, .. } => Some(username),
            Grant::ClientCredentials { .. }
            | Grant::RefreshTokenIdentity { .. }
            | Grant::RefreshTokenAccount { .. }
            | Grant::PersonalAccessToken { .. } => None,
        }
    }

    /// The scopes that are asked for, with spaces between.
    pub fn scope(&self) -> Option<&str> {
        match self {
            Grant::ClientCredentials { scope, .. } => Some(scope),
            Grant::RefreshTokenIdentity { scope, .. } => scope.as_deref(),
            Grant::RefreshTokenAccount { .. } | Grant::Password { .. } | Grant::PersonalAccessToken { .. } => None,
        }
    }
}
