//! The program's list of migrations is the folder `migrations/`: nothing forgotten, and numbers, names and contents alike.

use std::path::Path;

use sqlx::Row;
use sqlx::migrate::Migrator;

use super::open;

#[tokio::test]
async fn a_new_database_has_had_every_migration_of_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = Migrator::new(folder).await.unwrap();
    let wanted: Vec<_> =
        files.iter().map(|file| (file.version, file.description.to_string(), file.checksum.to_vec())).collect();
    assert!(wanted.len() >= 6, "only {} migrations were found", wanted.len());
    assert!(
        files.iter().all(|file| !file.no_tx && !file.migration_type.is_down_migration()),
        "each is a step of its own"
    );

    let kept = open().await;
    let done = sqlx::raw_sql("select version, description, checksum from _sqlx_migrations order by version");
    let rows = done.fetch_all(&mut kept.raw().await).await.unwrap();
    let done: Vec<(i64, String, Vec<u8>)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(done, wanted);
}

/// Those of SQLite before 3.45 take `json_valid(null)` for false, and say of a sound database that it is damaged.
#[tokio::test]
async fn a_run_without_arguments_is_sound_to_an_older_sqlite_too() {
    let kept = open().await;
    let mut raw = kept.raw().await;
    let text = sqlx::raw_sql("select sql from sqlite_schema where name = 'run'").fetch_one(&mut raw).await.unwrap();
    let text: String = text.get(0);
    assert!(text.contains("check (template is null or json_valid(template))"), "{text}");
    let left = "select name from sqlite_schema where sql like '%(json_valid(template))%' or name = 'template_check'";
    assert_eq!(sqlx::raw_sql(left).fetch_all(&mut raw).await.unwrap().len(), 0);
}
