//! Rows as they are written and read: one shape for both directions, so that they cannot drift apart.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::changes::{Counting, Deed, StoredVersion};
use super::columns::{Column, columns_of_run, row};
use super::seal;
use super::trouble::StoreError;
use crate::run::{HeldFor, Run, RunId, RunState, Seen, VersionId, Work};
use crate::schedule::{ConnectionName, FolderChoice, HighWaterMark, ScheduleKey, StartSpec, Timing, Trigger};

columns_of_run!(row);

/// Plain structs with text keys can be written as JSON, whatever they hold.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a plain struct with text keys")
}

pub(super) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

fn instant(column: &'static str, id: &str, ms: i64) -> Result<Timestamp, StoreError> {
    if ms == Timestamp::MAX.as_millisecond() {
        // "Never" is written so (see `clock::later`), and its milliseconds alone are more than an instant may have.
        return Ok(Timestamp::MAX);
    }
    Timestamp::from_millisecond(ms).map_err(|_| broken("run", id, column))
}

pub(super) fn broken(table: &'static str, id: impl ToString, column: &'static str) -> StoreError {
    StoreError::RowBroken { table, id: id.to_string(), column }
}

impl RunRow {
    pub(super) fn from_run(run: &Run) -> RunRow {
        let (StartSpec { process, folder, .. }, payload) = match &run.work {
            // Its keys are those that the view `history` reads.
            Work::Process(start) => (start, text(start)),
        };
        RunRow {
            id: run.id,
            version: run.version,
            schedule: run.schedule.clone(),
            trigger: run.trigger,
            nominal_at: ms(run.nominal_at),
            nominal_until_at: run.nominal_until.map(ms),
            count: run.count,
            local: run.local,
            offset_s: run.offset.seconds(),
            fire_at: ms(run.fire_at),
            claimed_at: ms(run.claimed_at),
            deadline_from_at: ms(run.deadline_from),
            deadline_at: ms(run.deadline_at),
            waiting_until_at: run.waiting_until.map(ms),
            sent_at: run.sent_at.map(ms),
            accepted_at: run.accepted_at.map(ms),
            started_at: run.started_at.map(ms),
            ended_at: run.ended_at.map(ms),
            state: run.state.name().to_owned(),
            reason: run.state.reason().map(str::to_owned),
            note: run.note.clone(),
            error: run.error.clone(),
            connection: run.connection.clone(),
            identity: run.identity.clone(),
            work_kind: run.work.kind().to_owned(),
            folder: folder.as_ref().map(FolderChoice::to_string),
            process: Some(process.clone()),
            payload,
            template: run.template.as_ref().map(text),
            policy: text(&run.policy),
            output: run.output.clone(),
            actor: run.actor.clone(),
            cancelled_by: run.cancelled_by.clone(),
            parent: run.parent,
            retry_of: run.retry_of,
            made_good_by: run.made_good_by,
            trace_id: run.trace_id.clone(),
            held_for: run.held_for,
            counts_until_at: run.counts_until.map(ms),
            seal: Some(seal::of_run(run)),
            schedule_version: run.schedule_version,
        }
    }

    pub(super) fn into_run(self) -> Result<Run, StoreError> {
        let id = self.id.to_string();
        let state =
            RunState::from_names(&self.state, self.reason.as_deref()).ok_or_else(|| broken("run", &id, "state"))?;
        let work = match self.work_kind.as_str() {
            "process" => Work::Process(serde_json::from_str(&self.payload).map_err(|_| broken("run", &id, "payload"))?),
            // The schema has queue items already.
            _ => return Err(broken("run", &id, "work_kind")),
        };
        let template = self.template.as_deref().map(serde_json::from_str).transpose();
        let optional = |column, value: Option<i64>| value.map(|ms| instant(column, &id, ms)).transpose();
        Ok(Run {
            id: self.id,
            version: self.version,
            schedule: self.schedule,
            trigger: self.trigger,
            nominal_at: instant("nominal_at", &id, self.nominal_at)?,
            nominal_until: optional("nominal_until_at", self.nominal_until_at)?,
            count: self.count,
            local: self.local,
            offset: Offset::from_seconds(self.offset_s).map_err(|_| broken("run", &id, "offset_s"))?,
            fire_at: instant("fire_at", &id, self.fire_at)?,
            claimed_at: instant("claimed_at", &id, self.claimed_at)?,
            deadline_from: instant("deadline_from_at", &id, self.deadline_from_at)?,
            deadline_at: instant("deadline_at", &id, self.deadline_at)?,
            state,
            note: self.note,
            error: self.error,
            connection: self.connection,
            identity: self.identity,
            work,
            template: template.map_err(|_| broken("run", &id, "template"))?,
            policy: serde_json::from_str(&self.policy).map_err(|_| broken("run", &id, "policy"))?,
            schedule_version: self.schedule_version,
            waiting_until: optional("waiting_until_at", self.waiting_until_at)?,
            sent_at: optional("sent_at", self.sent_at)?,
            accepted_at: optional("accepted_at", self.accepted_at)?,
            started_at: optional("started_at", self.started_at)?,
            ended_at: optional("ended_at", self.ended_at)?,
            actor: self.actor,
            cancelled_by: self.cancelled_by,
            parent: self.parent,
            retry_of: self.retry_of,
            made_good_by: self.made_good_by,
            output: self.output,
            trace_id: self.trace_id,
            held_for: self.held_for,
            counts_until: optional("counts_until_at", self.counts_until_at)?,
            attempts: Vec::new(),
        })
    }
}

/// A run by hand, and what it makes good.
#[derive(Debug, Serialize)]
pub(super) struct MakesGood {
    id: RunId,
    schedule: ScheduleKey,
    nominal_at: i64,
    retry_of: Option<RunId>,
}

impl MakesGood {
    pub(super) fn of(run: &Run) -> MakesGood {
        MakesGood { id: run.id, schedule: run.schedule.clone(), nominal_at: ms(run.nominal_at), retry_of: run.retry_of }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct CountingRow {
    id: RunId,
    schedule: ScheduleKey,
    pool: Option<String>,
    counts_until_at: i64,
}

impl CountingRow {
    pub(super) fn into_counting(self) -> Result<Counting, StoreError> {
        let CountingRow { id, schedule, pool, counts_until_at } = self;
        let until = instant("counts_until_at", &id.to_string(), counts_until_at)?;
        Ok(Counting { run: id, schedule, pool, until })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct EventRow {
    run_id: RunId,
    at: i64,
    state: Option<&'static str>,
    reason: Option<&'static str>,
    text: String,
}

impl EventRow {
    pub(super) fn from_seen(seen: &Seen) -> EventRow {
        EventRow {
            run_id: seen.run,
            at: ms(seen.at),
            state: seen.state.map(RunState::name),
            reason: seen.state.and_then(RunState::reason),
            text: seen.text.clone(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct DeedRow {
    at: i64,
    actor: String,
    action: &'static str,
    subject: String,
    detail: Option<String>,
}

impl DeedRow {
    pub(super) fn from_deed(deed: &Deed) -> DeedRow {
        let Deed { at, actor, action, subject, detail } = deed.clone();
        DeedRow { at: ms(at), actor, action, subject, detail }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct VersionRow {
    schedule: ScheduleKey,
    timing_hash: String,
    timing: String,
    loaded_at: i64,
}

impl VersionRow {
    pub(super) fn from_version(version: &StoredVersion) -> VersionRow {
        VersionRow {
            schedule: version.schedule.clone(),
            timing_hash: version.timing.hash(),
            timing: version.timing.to_json(),
            loaded_at: ms(version.loaded_at),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MarkRow {
    schedule: ScheduleKey,
    mark_at: i64,
    seal: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timing_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timing: Option<String>,
}

impl MarkRow {
    pub(super) fn from_mark(schedule: &ScheduleKey, mark: HighWaterMark) -> MarkRow {
        let seal = Some(seal::of_mark(schedule, mark));
        MarkRow { schedule: schedule.clone(), mark_at: ms(mark.0), seal, timing_hash: None, timing: None }
    }

    pub(super) fn into_mark(self) -> Result<(ScheduleKey, HighWaterMark, String, Option<Timing>), StoreError> {
        let at = Timestamp::from_millisecond(self.mark_at).map_err(|_| broken("mark", &self.schedule, "mark_at"))?;
        if self.seal.is_some_and(|seal| seal != seal::of_mark(&self.schedule, HighWaterMark(at))) {
            return Err(StoreError::RowChanged { table: "mark", id: self.schedule.to_string() });
        }
        // A timing of an older version may be unreadable; its mark still holds.
        let timing = self.timing.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Ok((self.schedule, HighWaterMark(at), self.timing_hash.unwrap_or_default(), timing))
    }
}
