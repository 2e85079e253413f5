//! What a secret is for: its words, and the names under which files and answers have it.

use std::fmt;

/// What a secret is for, as far as its form depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An application's.
    ClientSecret,
    /// A refresh token or a user key.
    RefreshToken,
    /// A personal access token.
    PersonalToken,
    /// A person's, or a robot account's: any text.
    Password,
}

impl Purpose {
    /// In a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::ClientSecret => "client secret",
            Purpose::RefreshToken => "refresh token",
            Purpose::PersonalToken => "personal access token",
            Purpose::Password => "password",
        }
    }

    /// The key under `auth` that says where it is.
    pub fn key(self) -> &'static str {
        match self {
            Purpose::ClientSecret => "client_secret",
            Purpose::RefreshToken => "refresh_token",
            Purpose::PersonalToken => "token",
            Purpose::Password => "password",
        }
    }

    /// Reads what [`Purpose::key`] writes.
    pub fn of_key(key: &str) -> Option<Purpose> {
        let all = [Purpose::ClientSecret, Purpose::RefreshToken, Purpose::Password, Purpose::PersonalToken];
        all.into_iter().find(|purpose| purpose.key() == key)
    }

    /// The names under which answers and settings have it, the likeliest first.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Purpose::ClientSecret => &["client_secret", "clientSecret", "app_secret", "appSecret", "secret"],
            Purpose::RefreshToken => &["refresh_token", "refreshToken", "user_key", "userKey", "token"],
            Purpose::PersonalToken => &["personal_access_token", "access_token", "accessToken", "token", "pat"],
            Purpose::Password => &["password", "Password"],
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
