//! An Orchestrator that keeps the truth: its jobs, what it was asked, and what it said of each job and when.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use punctual::executor::{Action, NextToNewest, Report, Resolved, StartOrder, Target};
use punctual::orchestrator::{
    CallError, Completeness, ErrorCode, FoundBy, FoundFolder, Freshness, JobPage, JobState, JobView, ReleaseKey,
    Sentence, ServerSkew, StopStrategy, UnsentReason,
};
use punctual::run::{FolderId, JobId, JobKey, Reference};
use punctual::schedule::ConnectionName;
use uuid::Uuid;

use super::dice::Dice;
use super::job::{Class, FAULTS, Job, Moment};
use super::law::{Law, Temper};

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Nobody is there.
    Down,
    NoToken,
    /// Each answer is a gateway's page; a start may have made a job.
    Broken,
    /// 429.
    Busy,
}

/// A StartJobs call that arrived.
#[derive(Clone, Debug)]
pub(crate) struct StartCall {
    pub(crate) at: Moment,
    pub(crate) reference: String,
}

/// A request to stop a job.
#[derive(Clone, Debug)]
pub(crate) struct StopCall {
    pub(crate) at: Moment,
    pub(crate) job: i64,
    pub(crate) how: StopStrategy,
    pub(crate) accepted: bool,
}

pub(crate) struct Orchestrator {
    pub(crate) jobs: Vec<Job>,
    by_reference: HashMap<String, Vec<i64>>,
    pub(crate) starts: Vec<StartCall>,
    pub(crate) stops: Vec<StopCall>,
    pub(crate) moods: BTreeMap<String, Mood>,
    pub(crate) tempers: BTreeMap<String, Temper>,
    /// On these connections no logon succeeds, and jobs say this.
    locked: BTreeMap<&'static str, (Class, &'static str)>,
    dice: Dice,
}

fn lost_answer(status: Option<u16>) -> CallError {
    CallError::Unknown { status, text: "got no answer of Orchestrator's".into(), retry_after: None, trace_id: None }
}

fn refused(status: u16, code: i64) -> CallError {
    let text = Box::<Sentence>::from(format!("refused with {status}/{code}").as_str());
    CallError::Rejected { status, code: Some(ErrorCode::Number(code)), text, cure: None, trace_id: None }
}

fn unsent(reason: UnsentReason, status: Option<u16>) -> CallError {
    CallError::Unsent { reason, status, retry_after: None, text: "was not sent".into() }
}

fn whole(jobs: Vec<JobView>) -> JobPage {
    JobPage { jobs, completeness: Completeness::Complete, freshness: Freshness::Fresh }
}

fn instant(at: Moment) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap()
}

impl Orchestrator {
    pub(crate) fn new(seed: u64) -> Orchestrator {
        Orchestrator {
            jobs: Vec::new(),
            by_reference: HashMap::new(),
            starts: Vec::new(),
            stops: Vec::new(),
            moods: BTreeMap::new(),
            tempers: BTreeMap::new(),
            locked: BTreeMap::new(),
            dice: Dice::new(seed ^ 0x0c4e_57a7),
        }
    }

    pub(crate) fn job(&self, id: i64) -> Option<&Job> {
        usize::try_from(id - 1).ok().and_then(|place| self.jobs.get(place))
    }

    pub(crate) fn knows(&mut self, laws: &BTreeMap<String, Law>) {
        self.tempers.extend(laws.iter().map(|(key, law)| (key.clone(), law.temper.clone())));
    }

    pub(crate) fn set_logons(&mut self, connection: &'static str, succeed: bool) {
        self.locked.remove(connection);
        if !succeed {
            let faults: Vec<_> = FAULTS.into_iter().filter(|(class, _)| *class == Class::Account).collect();
            self.locked.insert(connection, self.dice.pick(&faults));
        }
    }

    fn mood(&self, connection: &ConnectionName) -> Mood {
        self.moods.get(connection.as_str()).copied().unwrap_or(Mood::Well)
    }

    fn check(&self, connection: &ConnectionName) -> Result<(), CallError> {
        match self.mood(connection) {
            Mood::Well => Ok(()),
            Mood::Down => Err(unsent(UnsentReason::Outage, None)),
            Mood::NoToken => Err(unsent(UnsentReason::Token, None)),
            Mood::Busy => Err(unsent(UnsentReason::RateLimit, Some(429))),
            Mood::Broken => Err(lost_answer(Some(502))),
        }
    }

    /// How long a call takes.
    pub(crate) fn latency(&mut self, action: &Action) -> Duration {
        let most = if matches!(action, Action::Start(_)) { 900 } else { 250 };
        let long = matches!(action, Action::Start(_)) && self.dice.happens(15);
        let length = if long { 30_000 } else { self.dice.between(20, most) };
        Duration::from_millis(u64::try_from(length).unwrap())
    }

    fn make(&mut self, order: &StartOrder, now: Moment, visible: Moment) -> i64 {
        let schedule = order.start.process.clone();
        let temper = self.tempers[&schedule].clone();
        let dice = &mut self.dice;
        let waits = match () {
            // Beyond any limit for it; where there is none its schedule waits, but not for the rest of the year.
            () if dice.happens(temper.hang) => dice.between(12 * 3_600, 40 * 3_600) * 1_000,
            () if dice.happens(temper.begin_late) => dice.between(200, 1_500) * 1_000,
            () => dice.between(1, 20) * 1_000 + dice.between(0, 999),
        };
        let lasts = dice.between(temper.lasts / 2, temper.lasts * 3 / 2) * 1_000 + dice.between(1, 998);
        let mut lasts = if dice.happens(temper.run_long) { lasts * 8 } else { lasts };
        let begins = now + waits;
        let mut parked = None;
        if dice.happens(temper.park) {
            let [after, asleep, again] = [dice.between(0, lasts), dice.between(60, 1_800), dice.between(1, 120)];
            let from = begins + after;
            parked = Some((from, from + asleep * 1_000, from + (asleep + again) * 1_000));
            lasts += (asleep + again) * 1_000;
        }
        let fault = dice.happens(temper.fail).then(|| dice.pick(&FAULTS));
        let locked = self.locked.get(order.connection.as_str()).copied();
        if locked.is_some() {
            (lasts, parked) = (dice.between(1_000, 9_000), None);
        }
        let fault = locked.or(fault);
        let obeys = (!dice.happens(temper.deaf)).then(|| {
            let state = match dice.between(0, 19) {
                0 => JobState::Successful,
                1 => JobState::Faulted,
                _ => JobState::Stopped,
            };
            (dice.between(500, 20_000), state)
        });
        let dies = dice.between(200, 8_000);
        let id = i64::try_from(self.jobs.len()).unwrap() + 1;
        let reference = order.reference.as_str().to_owned();
        self.by_reference.entry(reference.clone()).or_default().push(id);
        self.jobs.push(Job {
            id,
            schedule,
            reference,
            connection: if order.connection.as_str() == "one" { "one" } else { "two" },
            made: now,
            visible,
            begins,
            ends: begins + lasts,
            ends_as: if fault.is_some() { JobState::Faulted } else { JobState::Successful },
            fault,
            parked,
            obeys,
            dies,
            asked: None,
            obeyed: None,
            reads: Vec::new(),
        });
        id
    }

    fn start(&mut self, order: &StartOrder, now: Moment, takes: i64) -> Result<Vec<JobView>, CallError> {
        match self.mood(&order.connection) {
            Mood::Well => {}
            Mood::Broken => {
                self.starts.push(StartCall { at: now, reference: order.reference.as_str().to_owned() });
                if self.dice.happens(300) {
                    self.make(order, now, now);
                }
                return Err(lost_answer(Some(502)));
            }
            Mood::Down | Mood::NoToken | Mood::Busy => return self.check(&order.connection).map(|()| Vec::new()),
        }
        self.starts.push(StartCall { at: now, reference: order.reference.as_str().to_owned() });
        let kind = if takes >= 30_000 { self.dice.between(0, 39) } else { self.dice.between(0, 999) };
        match kind {
            // The job is made and its answer lost, …
            0..=13 => {
                self.make(order, now, now);
                Err(lost_answer(None))
            }
            // … or the job is shown only later, …
            14..=21 => {
                let visible = now + takes + self.dice.between(1, 100) * 1_000;
                self.make(order, now, visible);
                Err(lost_answer(None))
            }
            // … or none was made.
            22..=33 => Err(lost_answer(None)),
            34..=39 => Err(lost_answer(Some(403))),
            40..=44 => Err(refused(409, 1670)),
            45..=46 => Err(refused(400, 2818)),
            _ => {
                let id = self.make(order, now, now);
                Ok(vec![self.show(id, now)])
            }
        }
    }

    /// As an answer to whoever asked for it.
    fn show(&mut self, id: i64, now: Moment) -> JobView {
        let job = &mut self.jobs[usize::try_from(id - 1).unwrap()];
        job.reads.push((now, job.state(now)));
        self.show_beside(id, now)
    }

    /// In an answer that is about other jobs: nobody has read it.
    fn show_beside(&self, id: i64, now: Moment) -> JobView {
        let job = &self.jobs[usize::try_from(id - 1).unwrap()];
        let state = job.state(now);
        let ended = job.ended_by(now);
        JobView {
            id: JobId(id),
            key: JobKey(Uuid::from_u128(u128::try_from(id).unwrap())),
            reference: Some(Reference::from_text(job.reference.clone())),
            release_name: Some(job.schedule.clone()),
            created_at: Some(instant(job.made)),
            started_at: job.started_by(now).map(instant),
            ended_at: ended.as_ref().map(|(at, _)| instant(*at)),
            info: (state == JobState::Faulted).then(|| job.fault.map(|(_, text)| text.to_owned())).flatten(),
            error: None,
            output: ended.is_some().then(|| "{}".to_owned()),
            state,
        }
    }

    fn is_visible(&self, id: i64, now: Moment) -> bool {
        self.jobs[usize::try_from(id - 1).unwrap()].visible <= now
    }

    fn show_visible(&mut self, ids: Vec<i64>, now: Moment) -> Vec<JobView> {
        let ids: Vec<i64> = ids.into_iter().filter(|id| self.is_visible(*id, now)).collect();
        ids.into_iter().map(|id| self.show(id, now)).collect()
    }

    fn look_up(&mut self, wanted: impl Iterator<Item = Reference>, now: Moment) -> Vec<JobView> {
        let ids = wanted.flat_map(|name| self.by_reference.get(name.as_str()).cloned().unwrap_or_default()).collect();
        self.show_visible(ids, now)
    }

    /// The newest jobs of a connection, up to some thousands.
    fn newest(&self, connection: &ConnectionName, since: Moment) -> Vec<i64> {
        let newest = self.jobs.iter().rev().take(5_000).take_while(|job| job.made >= since);
        newest.filter(|job| job.connection == connection.as_str()).map(|job| job.id).collect()
    }

    fn newest_visible(&self, connection: &ConnectionName, now: Moment) -> Option<i64> {
        let mut jobs = self.jobs.iter().rev().take(5_000);
        jobs.find(|job| job.connection == connection.as_str() && job.visible <= now).map(|job| job.id)
    }

    fn stop(&mut self, connection: &ConnectionName, id: i64, how: StopStrategy, now: Moment) -> Result<(), CallError> {
        let result = self.check(connection);
        let accepted = result.is_ok();
        if accepted {
            self.jobs[usize::try_from(id - 1).unwrap()].stop(how, now);
        }
        self.stops.push(StopCall { at: now, job: id, how, accepted });
        result
    }

    /// What is so when the call is made; its answer comes after `takes`.
    pub(crate) fn answer(&mut self, action: Action, now: Moment, boot: Duration, takes: Duration) -> Report {
        let check = self.check(action.connection());
        match action {
            Action::Resolve { connection, asked_of, folder, process } => {
                let folder_id = FolderId(if connection.as_str() == "one" { 1 } else { 2 });
                let target = Target { folder_id, release: ReleaseKey(Uuid::from_u128(99)) };
                let found = FoundFolder { id: folder_id, full_name: None, found_by: FoundBy::FullName };
                let result = check.map(|()| Resolved { target, folder: found });
                Report::Resolved { connection, asked_of, folder, process, result, server_skew: ServerSkew::Unknown }
            }
            Action::Start(order) => {
                let result = self.start(&order, now, i64::try_from(takes.as_millis()).unwrap());
                let (connection, run) = (order.connection, order.run);
                Report::Started { connection, run, ended: boot + takes, server_date: Some(instant(now)), result }
            }
            Action::LookUp { connection, folder_id, asks, control, nonce: _ } => {
                let wanted = asks.iter().map(|ask| ask.reference.clone()).chain(control.clone());
                let result = check.map(|()| whole(self.look_up(wanted, now)));
                Report::LookedUp { connection, folder_id, asks, control, result }
            }
            Action::LookUpNextToNewest { connection, folder_id, asks, nonce: _ } => {
                let result = check.map(|()| {
                    let newest = self.newest_visible(&connection, now).map(|id| self.show_beside(id, now));
                    let Some(newest) = newest else { return NextToNewest { newest: None, page: whole(Vec::new()) } };
                    let mut jobs = self.look_up(asks.iter().map(|ask| ask.reference.clone()), now);
                    if !jobs.iter().any(|job| job.id == newest.id) {
                        jobs.push(newest.clone());
                    }
                    NextToNewest { newest: Some(newest), page: whole(jobs) }
                });
                Report::LookedUpNextToNewest { connection, folder_id, asks, result }
            }
            Action::ListSince { connection, folder_id, asks, since } => {
                let result = check.map(|()| {
                    let ids = self.newest(&connection, since.as_millisecond());
                    let ids: Vec<i64> = ids.into_iter().filter(|id| self.is_visible(*id, now)).collect();
                    let asked = |reference: &str| asks.iter().any(|ask| ask.reference.as_str() == reference);
                    let jobs = ids.into_iter().map(|id| match self.job(id) {
                        Some(job) if asked(&job.reference) => self.show(id, now),
                        Some(_) | None => self.show_beside(id, now),
                    });
                    whole(jobs.collect())
                });
                Report::ListedSince { connection, folder_id, asks, result }
            }
            Action::Poll { connection, folder_id, jobs } => {
                let ids = jobs.iter().map(|(_, job)| job.id.0).collect();
                let result = check.map(|()| whole(self.show_visible(ids, now)));
                Report::Polled { connection, folder_id, jobs, result }
            }
            Action::ListEnded { connection, folder_id, prefix: _, since } => {
                let since = since.as_millisecond();
                let result = check.map(|()| {
                    let ids = self.newest(&connection, 0);
                    let ended = |id: &i64| self.job(*id).and_then(|job| job.ended_by(now));
                    let ids = ids.into_iter().filter(|id| ended(id).is_some_and(|(at, _)| at >= since)).collect();
                    let mut jobs = self.show_visible(ids, now);
                    jobs.sort_by_key(|job| job.ended_at);
                    whole(jobs)
                });
                Report::ListedEnded { connection, folder_id, result }
            }
            Action::Read { connection, folder_id: _, run, job } => {
                let result = check.map(|()| self.show_visible(vec![job.id.0], now).pop());
                Report::Read { connection, run, result }
            }
            Action::Recall { connection, folder, folder_id, prefix: _, since } => {
                let result = check.map(|()| {
                    let ids = self.newest(&connection, since.as_millisecond());
                    whole(self.show_visible(ids, now))
                });
                Report::Recalled { connection, folder, folder_id, result }
            }
            Action::FindJob { connection, folder_id, run, key: _ } => {
                Report::JobFound { connection, folder_id, run, result: check.map(|()| whole(Vec::new())) }
            }
            Action::StopSpare { connection, folder_id: _, run, job } => {
                let result = self.stop(&connection, job.id.0, StopStrategy::Kill, now);
                Report::SpareStopped { connection, run, job, result }
            }
            Action::Stop { connection, folder_id: _, run, job, how } => {
                let result = self.stop(&connection, job.id.0, how, now);
                Report::Stopped { connection, run, job, how, result }
            }
        }
    }
}
