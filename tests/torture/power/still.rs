//! Judges a disk after a power loss without a daemon: is it whole, and does it hold what had to be durable by then?
//!
//! The store's own opening is used, because that is what a daemon would do with it; whether a start is on the disk is then
//! asked in plain SQL.

use std::path::Path;

use jiff::Timestamp;
use punctual::auth::token_file::{Family, TokenFile};
use punctual::secret::Secret;
use punctual::store::{Database, StateFolder};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};
use url::Url;

/// What had to be durable.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// References of the starts that had left.
    pub(crate) starts: Vec<String>,
    /// One of these refresh tokens; empty before the first use of any.
    pub(crate) logins: Vec<String>,
    /// Where the logins are from.
    pub(crate) server: Url,
}

/// The kinds of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Damage {
    /// A start had left, and its claim is not on the disk: I6.
    Unclaimed,
    /// An access token had been used, and the refresh token that came with it is not on the disk (T9).
    Login,
    /// The store or the token file cannot be read, or has doubts.
    Unreadable,
}

#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) damage: Damage,
    pub(crate) sentence: String,
}

/// Looks at the state folder of an image.
pub(crate) async fn look(state: &Path, due: &Due) -> Vec<Found> {
    let mut found = Vec::new();
    let mut find = |damage, sentence: String| found.push(Found { damage, sentence });
    if state.is_dir() {
        match opened(state).await {
            Ok(()) => {}
            Err(sentence) => find(Damage::Unreadable, sentence),
        }
    }
    let claimed = match claimed(state).await {
        Ok(claimed) => claimed,
        Err(cause) => {
            find(Damage::Unreadable, format!("the database cannot be read: {cause}"));
            Vec::new()
        }
    };
    let missing: Vec<&String> = due.starts.iter().filter(|reference| !claimed.contains(reference)).collect();
    if let Some(first) = missing.first() {
        find(Damage::Unclaimed, format!("{} starts had left without a claim on the disk: `{first}`, …", missing.len()));
    }
    let family = Family::of(&due.server, "sandbox-client", &Secret::new("sandbox-refresh-token"));
    let file = TokenFile::new(&state.join("tokens"), family);
    let login = match file.load() {
        Ok(stored) => {
            stored.and_then(|stored| stored.refresh_token).map(|token| token.expose().to_owned()).unwrap_or_default()
        }
        Err(cause) => {
            find(Damage::Unreadable, cause.to_string());
            return found;
        }
    };
    if !due.logins.is_empty() && !due.logins.contains(&login) {
        find(Damage::Login, "an access token was in use whose refresh token is not on the disk".to_owned());
    }
    found
}

/// Opens it as a daemon would, and leaves it.
async fn opened(state: &Path) -> Result<(), String> {
    let folder = StateFolder::take(state).map_err(|cause| format!("the state folder cannot be taken: {cause}"))?;
    let now = Timestamp::UNIX_EPOCH;
    let (database, loaded) = Database::open_and_load(&folder, now)
        .await
        .map_err(|cause| format!("the database cannot be opened: {cause}: {:?}", std::error::Error::source(&cause)))?;
    database.close().await.map_err(|cause| format!("the database cannot be closed: {cause}"))?;
    if let Some(doubt) = loaded.doubt {
        return Err(format!("the database is taken for one that forgot starts ({doubt:?})"));
    }
    let names = std::fs::read_dir(state).map_err(|cause| cause.to_string())?.flatten();
    let aside = names.map(|entry| entry.file_name()).find(|name| name.to_string_lossy().contains(".corrupt-"));
    match aside {
        Some(name) => Err(format!("the database was damaged and is set aside as `{}`", name.to_string_lossy())),
        None => Ok(()),
    }
}

/// The References that a database holds as sent. None where there is no database.
#[expect(clippy::disallowed_methods, reason = "the judge asks the file itself, not the program")]
pub(crate) async fn claimed(state: &Path) -> Result<Vec<String>, sqlx::Error> {
    let path = state.join("punctual.db");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await?;
    let whole: String = sqlx::query("pragma integrity_check").fetch_one(&mut connection).await?.try_get(0)?;
    if whole != "ok" {
        return Err(sqlx::Error::Protocol(format!("integrity_check: {whole}")));
    }
    let rows = sqlx::query("select reference from attempt join run on run.id = run_id where run.sent_at is not null")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
