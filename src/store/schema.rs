//! Brings a database's schema up to date: the version floor of SQLite, the check of its pages, the migrations.

use std::borrow::Cow;
use std::path::PathBuf;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Row, SqlSafeStr};

use super::open::Database;
use super::sql;
use super::trouble::StoreError;

/// SQLite 3.7.0 to 3.51.2 can lose commits when two connections of a WAL database write and checkpoint at once: a daemon and
/// a command beside it are just that.
const SQLITE_FLOOR: (u32, u32, u32) = (3, 51, 3);

/// Every file of `migrations/`, by its number and name. A list of ours: sqlx's macro would read the folder, but a macro runs
/// in the compiler, and for that SQLite and half of the dependencies are built a second time.
const MIGRATIONS: [(i64, &str, &str); 11] = [
    (1, "spine", include_str!("../../migrations/0001_spine.sql")),
    (2, "memory", include_str!("../../migrations/0002_memory.sql")),
    (3, "seal", include_str!("../../migrations/0003_seal.sql")),
    (4, "damaged rows", include_str!("../../migrations/0004_damaged_rows.sql")),
    (5, "not processed", include_str!("../../migrations/0005_not_processed.sql")),
    (6, "list calls", include_str!("../../migrations/0006_list_calls.sql")),
    (7, "policies", include_str!("../../migrations/0007_policies.sql")),
    (8, "fewer indexes", include_str!("../../migrations/0008_fewer_indexes.sql")),
    (9, "holding", include_str!("../../migrations/0009_holding.sql")),
    (10, "kept answers", include_str!("../../migrations/0010_kept_answers.sql")),
    (11, "template check", include_str!("../../migrations/0011_template_check.sql")),
];

/// All of them, each in a transaction of its own.
fn migrator() -> Migrator {
    let migrations = MIGRATIONS.into_iter().map(|(number, name, text)| {
        Migration::new(number, Cow::Borrowed(name), MigrationType::Simple, text.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Why the schema is not this version's.
fn not_done(path: PathBuf, cause: MigrateError) -> StoreError {
    let known = MIGRATIONS.iter().map(|(number, ..)| *number).max().unwrap_or_default();
    match cause {
        MigrateError::VersionMissing(wrote) => StoreError::Newer { path, wrote, known },
        cause => StoreError::Migration { path, cause },
    }
}

impl Database {
    pub(super) async fn bring_up_to_date(&mut self) -> Result<(), StoreError> {
        let version = self.ask_text(sql::SQLITE_VERSION, "reading its version").await?;
        if !new_enough(&version) {
            return Err(StoreError::TooOld(version));
        }
        let check = self.ask_text(sql::QUICK_CHECK, "being checked").await?;
        if check != "ok" {
            return Err(StoreError::Damaged { path: self.path.clone(), what: check });
        }
        let path = self.path.clone();
        self.run(sql::query(sql::REFERENCES_OFF), "being made ready for a new schema").await?;
        // `run` goes through a trait with a lifetime of its own, which keeps its future from being sent between threads.
        let done = migrator().run_direct(None, &mut self.connection, false).await;
        done.map_err(|cause| not_done(path, cause))?;
        if let Some(table) = self.broken_reference().await? {
            // Rows that a person removed with `sqlite3`, which leaves alone what belongs to them: no reason to give up a history.
            tracing::warn!(
                "A row of table `{table}` in the database `{}` belongs to a run that is not there any more, as after rows were \
                 removed by hand; what belongs to no run is removed",
                self.path.display()
            );
            for statement in [sql::DELETE_LOST_ATTEMPTS, sql::DELETE_LOST_EVENTS, sql::FORGET_LOST_RUNS] {
                self.run(sql::query(statement), "having its references put right").await?;
            }
            if let Some(table) = self.broken_reference().await? {
                let what = format!("a row of `{table}` refers to one that is not there");
                return Err(StoreError::Damaged { path: self.path.clone(), what });
            }
        }
        self.run(sql::query(sql::REFERENCES_ON), "being made ready for use").await.map(|_| ())
    }

    /// A table with a row that refers to one that is not there.
    async fn broken_reference(&mut self) -> Result<Option<String>, StoreError> {
        let check = sql::query(sql::REFERENCES_CHECK).fetch_optional(&mut self.connection).await;
        let broken = check.map_err(|cause| self.failed("having its references checked", cause))?;
        Ok(broken.map(|row| row.try_get(0).unwrap_or_default()))
    }
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= SQLITE_FLOOR
}
