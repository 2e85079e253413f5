//! Rows of pauses, of coming times that are to be skipped, and of what has failed in a row.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::changes::Failing;
use super::rows::{broken, ms};
use super::trouble::StoreError;
use crate::run::{Account, FolderId, Pause, PauseId, PauseScope, SkipMark};
use crate::schedule::{ConnectionName, ScheduleKey};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PauseRow {
    id: PauseId,
    scope: String,
    pattern: Option<String>,
    reason: Option<String>,
    actor: String,
    since_at: i64,
    until_at: Option<i64>,
}

impl PauseRow {
    pub(super) fn from_pause(id: PauseId, pause: &Pause) -> PauseRow {
        let Pause { scope, reason, actor, since, until } = pause.clone();
        let (scope, pattern) = match scope {
            PauseScope::Schedules(pattern) => ("schedule", Some(pattern.as_str().to_owned())),
            PauseScope::Connections(pattern) => ("connection", Some(pattern.as_str().to_owned())),
            PauseScope::All => ("all", None),
        };
        let (since_at, until_at) = (ms(since), until.map(ms));
        PauseRow { id, scope: scope.to_owned(), pattern, reason, actor, since_at, until_at }
    }

    pub(super) fn into_pause(self) -> Result<(PauseId, Pause), StoreError> {
        let PauseRow { id, scope, pattern, reason, actor, since_at, until_at } = self;
        let scope = PauseScope::from_columns(&scope, pattern).ok_or_else(|| broken("pause", id.0, "scope"))?;
        let at = |column, ms| Timestamp::from_millisecond(ms).map_err(|_| broken("pause", id.0, column));
        let since = at("since_at", since_at)?;
        let until = until_at.map(|ms| at("until_at", ms)).transpose()?;
        Ok((id, Pause { scope, reason, actor, since, until }))
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SkipMarkRow {
    schedule: ScheduleKey,
    nominal_at: i64,
    actor: String,
    reason: Option<String>,
    asked_at: i64,
}

impl SkipMarkRow {
    pub(super) fn from_mark(mark: &SkipMark) -> SkipMarkRow {
        let SkipMark { schedule, nominal_at, actor, reason, asked_at } = mark.clone();
        SkipMarkRow { schedule, nominal_at: ms(nominal_at), actor, reason, asked_at: ms(asked_at) }
    }

    pub(super) fn into_mark(self) -> Result<SkipMark, StoreError> {
        let SkipMarkRow { schedule, nominal_at, actor, reason, asked_at } = self;
        let at = |column, ms| Timestamp::from_millisecond(ms).map_err(|_| broken("skip_mark", &schedule, column));
        let (nominal_at, asked_at) = (at("nominal_at", nominal_at)?, at("asked_at", asked_at)?);
        Ok(SkipMark { schedule, nominal_at, actor, reason, asked_at })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FailingRow {
    schedule: ScheduleKey,
    failures: u32,
}

impl FailingRow {
    pub(super) fn all_of(failing: &Failing) -> Vec<FailingRow> {
        let row =
            |(schedule, failures): (&ScheduleKey, &u32)| FailingRow { schedule: schedule.clone(), failures: *failures };
        failing.schedules.iter().map(row).collect()
    }

    pub(super) fn into_counts(rows: Vec<FailingRow>) -> BTreeMap<ScheduleKey, u32> {
        rows.into_iter().map(|row| (row.schedule, row.failures)).collect()
    }
}

/// In a key there is no null: jobs that name no account have an empty one.
#[derive(Debug, Serialize, Deserialize)]
struct AccountName {
    connection: ConnectionName,
    folder_id: i64,
    account: String,
}

impl AccountName {
    fn of(account: &Account) -> AccountName {
        let Account { connection, folder, name } = account.clone();
        AccountName { connection, folder_id: folder.0, account: name.unwrap_or_default() }
    }

    fn into_account(self) -> Account {
        let AccountName { connection, folder_id, account } = self;
        Account { connection, folder: FolderId(folder_id), name: Some(account).filter(|name| !name.is_empty()) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AccountRow {
    #[serde(flatten)]
    name: AccountName,
    faults: u32,
}

impl AccountRow {
    pub(super) fn all_of(failing: &Failing) -> Vec<AccountRow> {
        let row = |(account, faults): (&Account, &u32)| AccountRow { name: AccountName::of(account), faults: *faults };
        failing.accounts.iter().map(row).collect()
    }

    pub(super) fn into_counts(rows: Vec<AccountRow>) -> BTreeMap<Account, u32> {
        rows.into_iter().map(|row| (row.name.into_account(), row.faults)).collect()
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LastAccountRow {
    schedule: ScheduleKey,
    #[serde(flatten)]
    name: AccountName,
}

impl LastAccountRow {
    pub(super) fn all_of(failing: &Failing) -> Vec<LastAccountRow> {
        let row = |(schedule, account): (&ScheduleKey, &Account)| LastAccountRow {
            schedule: schedule.clone(),
            name: AccountName::of(account),
        };
        failing.last.iter().map(row).collect()
    }

    pub(super) fn into_accounts(rows: Vec<LastAccountRow>) -> BTreeMap<ScheduleKey, Account> {
        rows.into_iter().map(|row| (row.schedule, row.name.into_account())).collect()
    }
}
