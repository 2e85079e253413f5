//! The core without a runtime: a model of the database, an Orchestrator that does as told, and time by hand.
//!
//! A crash is a core that is dropped at a chosen moment; whatever the model holds is what the next life finds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::{Reading, later};
use punctual::dispatcher::core::{Absent, Answer, Core, Event, Pace, Step};
use punctual::dispatcher::core::{Command, CommandId, CommandRefused, Done, Resolved};
use punctual::executor::{Action, Report};
use punctual::run::{
    Attempt, Evidence, FolderId, InstallationId, JobId, JobKey, ListCalls, Pause, PauseId, Reference, Run, RunId,
    RunState, Seen, SkipMark,
};
use punctual::schedule::{
    ConnectionName, HighWaterMark, Schedule, ScheduleKey, ScheduleSet, SourceFile, Timing, Trigger, parse,
};
use punctual::store::{Changes, Counting, Deed, Doubt, Failing, Holding, HoldingChange, LoadedState};
use uuid::Uuid;

use super::server::Server;

pub(crate) const INSTALLATION: InstallationId = InstallationId(0x0BAD_CAFE);
pub(crate) const FOLDER: FolderId = FolderId(7);

/// A turn that follows another without any time passing is fine now and then; so many are a loop that spins.
const TURNS_AT_ONE_INSTANT: usize = 300;

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What SQLite would hold.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) marks: BTreeMap<ScheduleKey, (HighWaterMark, String, Option<Timing>)>,
    pub(crate) versions: BTreeMap<ScheduleKey, (String, Timing)>,
    pub(crate) evidence: BTreeMap<FolderId, Evidence>,
    pub(crate) audit: Vec<Deed>,
    pub(crate) list_calls: Vec<ListCalls>,
    pub(crate) doubt: Option<Doubt>,
    /// Each pause, and when it was ended.
    pub(crate) pauses: BTreeMap<PauseId, (Pause, Option<Timestamp>)>,
    pub(crate) skips: Vec<SkipMark>,
    pub(crate) failing: Failing,
}

impl Model {
    fn hold(&mut self, change: &HoldingChange) {
        match change {
            HoldingChange::Pause(id, pause) => {
                let before = self.pauses.insert(*id, (pause.clone(), None));
                assert!(before.is_none(), "the number of a pause comes twice");
                assert!(pause.until.is_none_or(|until| pause.since < until), "a pause without an instant");
            }
            HoldingChange::Resume { pause, at, actor: _ } => {
                let (_, ended) = self.pauses.get_mut(pause).expect("it ends a pause that is there");
                ended.get_or_insert(*at);
            }
            HoldingChange::Skip(mark) => {
                let same = |old: &SkipMark| old.schedule == mark.schedule && old.nominal_at == mark.nominal_at;
                if !self.skips.iter().any(same) {
                    self.skips.push(mark.clone());
                }
            }
            HoldingChange::Unskip { schedule, nominal_at } => {
                self.skips.retain(|mark| mark.schedule != *schedule || mark.nominal_at != *nominal_at);
            }
        }
    }

    fn count(&mut self, changed: &Failing) {
        let Failing { schedules, accounts, last } = changed;
        self.failing.schedules.extend(schedules.clone());
        self.failing.accounts.extend(accounts.clone());
        self.failing.last.extend(last.clone());
        self.failing.schedules.retain(|_, failures| *failures > 0);
        self.failing.accounts.retain(|_, faults| *faults > 0);
    }

    fn holding(&self) -> Holding {
        let first_mark = self.marks.values().map(|(mark, ..)| mark.0).min();
        let kept = self.pauses.iter().filter(|(_, (_, ended))| ended.is_none_or(|at| Some(at) > first_mark));
        let until = |pause: &Pause, ended: Option<Timestamp>| match (pause.until, ended) {
            (Some(until), Some(ended)) => Some(until.min(ended)),
            (until, ended) => until.or(ended),
        };
        Holding {
            pauses: kept
                .map(|(id, (pause, ended))| (*id, Pause { until: until(pause, *ended), ..pause.clone() }))
                .collect(),
            last_pause: self.pauses.keys().max().copied().unwrap_or_default(),
            skips: self.skips.clone(),
        }
    }

    /// One transaction, by the rules of the writer's SQL. Gives the claims that were lost.
    fn commit(&mut self, changes: &Changes) -> BTreeSet<RunId> {
        let Changes {
            inserted,
            updated,
            seen,
            versions,
            marks,
            retired,
            evidence,
            short_folders: _,
            list_calls,
            swept,
            uncounted,
            holding,
            failing,
            audit,
            kept: _,
            doubt,
        } = changes;
        self.audit.extend(audit.iter().cloned());
        holding.iter().for_each(|change| self.hold(change));
        self.count(failing);
        self.list_calls.extend(list_calls.iter().cloned());
        if doubt.is_some() {
            self.doubt = None;
        }
        let mut lost = BTreeSet::new();
        for run in inserted {
            assert!(!self.runs.contains_key(&run.id), "an id comes twice");
            assert_eq!(run.version, 1, "a new row is version 1");
            let planned = |run: &Run| !matches!(run.trigger, Trigger::Manual | Trigger::Backfill);
            let same = |old: &Run| old.schedule == run.schedule && old.nominal_at == run.nominal_at && planned(old);
            if planned(run) && self.runs.values().any(same) {
                lost.insert(run.id);
            } else {
                self.runs.insert(run.id, run.clone());
            }
        }
        for run in updated {
            let old = self.runs.get_mut(&run.id).expect("an update names a row that exists");
            assert_eq!(old.version, run.version, "an update names the version it saw");
            assert!(!old.state.is_final(), "a final row is not changed");
            *old = Run { version: run.version + 1, ..run.clone() };
        }
        for (id, attempt) in swept {
            let attempts = self.runs.get_mut(id).map(|run| run.attempts.iter_mut());
            for old in attempts.into_iter().flatten().filter(|old| old.reference == attempt.reference) {
                *old = attempt.clone();
            }
        }
        for id in uncounted {
            if let Some(old) = self.runs.get_mut(id) {
                old.counts_until = None;
            }
        }
        self.seen.extend(seen.iter().filter(|line| self.runs.contains_key(&line.run)).cloned());
        for version in versions {
            self.versions.insert(version.schedule.clone(), (version.timing.hash(), version.timing.clone()));
        }
        for (key, mark) in marks {
            let (hash, timing) = self.versions[key].clone();
            self.marks.insert(key.clone(), (*mark, hash, Some(timing)));
        }
        for gone in retired {
            self.marks.remove(&gone.0);
            self.failing.schedules.remove(&gone.0);
            self.failing.last.remove(&gone.0);
        }
        for proof in evidence {
            self.evidence.insert(proof.folder_id, proof.clone());
        }
        lost
    }

    pub(crate) fn load(&self) -> LoadedState {
        let mut open: Vec<Run> = self.runs.values().filter(|run| !run.state.is_final()).cloned().collect();
        open.sort_by_key(|run| (run.fire_at, run.nominal_at, run.id));
        let sweeps = self.runs.values().flat_map(|run| {
            let due = run.attempts.iter().filter(|attempt| attempt.sweep_at.is_some());
            due.map(|attempt| (run.id, run.connection.clone(), attempt.clone()))
        });
        let counting = self.runs.values().filter_map(|run| {
            Some(Counting {
                run: run.id,
                schedule: run.schedule.clone(),
                pool: run.policy.pool.clone(),
                until: run.counts_until?,
            })
        });
        LoadedState {
            installation: INSTALLATION,
            open,
            marks: self
                .marks
                .iter()
                .map(|(key, (mark, hash, timing))| (key.clone(), *mark, hash.clone(), timing.clone()))
                .collect(),
            evidence: self.evidence.values().cloned().collect(),
            sweeps: sweeps.collect(),
            counting: counting.collect(),
            short_folders: Vec::new(),
            list_calls: self.list_calls.clone(),
            holding: self.holding(),
            failing: self.failing.clone(),
            doubt: self.doubt,
        }
    }
}

struct Flight {
    lands: Duration,
    report: Report,
}

pub(crate) struct World {
    pub(crate) core: Option<Core>,
    pub(crate) db: Model,
    pub(crate) server: Server,
    pub(crate) now: Reading,
    pub(crate) set: Arc<ScheduleSet>,
    pub(crate) absent: Absent,
    /// What people were told.
    pub(crate) answers: Vec<Answer>,
    /// The writer fails until this boot time.
    pub(crate) store_fails_until: Duration,
    /// Each turn looks at all open runs, whether they are due or not.
    pub(crate) looks_at_all: bool,
    ids: Arc<AtomicU64>,
    flights: Vec<Flight>,
}

pub(crate) const CONNECTION: &str = "
version: 1
connections:
  cloud:
    url: https://cloud.uipath.com/acme/production/orchestrator_
    auth: { grant: client_credentials, client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }
";

/// The schedules of these lines, each with its key, on one connection.
pub(crate) fn set_of(schedules: &str, now: Timestamp) -> Arc<ScheduleSet> {
    read(&format!("{CONNECTION}defaults: {{ timezone: UTC, folder: F }}\nschedules:\n{schedules}"), now)
}

pub(crate) fn read(text: &str, now: Timestamp) -> Arc<ScheduleSet> {
    let file = SourceFile { path: PathBuf::from("s.yaml"), text: text.to_owned(), folder: PathBuf::from("/etc") };
    match parse(&[file], now) {
        Ok(loaded) => Arc::new(loaded.set),
        Err(invalid) => panic!("{:#?}", invalid.diagnostics),
    }
}

/// The same set with a schedule changed.
pub(crate) fn changed(set: &ScheduleSet, key: &str, change: impl FnOnce(&mut Schedule)) -> Arc<ScheduleSet> {
    let mut set = set.clone();
    let schedule = set.schedules.get_mut(&ScheduleKey::parse(key).unwrap()).unwrap();
    let mut new = (**schedule).clone();
    change(&mut new);
    *schedule = Arc::new(new);
    Arc::new(set)
}

/// Every hour on the hour, and what else is said.
pub(crate) fn hourly(more: &str) -> String {
    format!("  x: {{ cron: \"0 * * * *\", start: {{ process: P }}{more} }}\n")
}

impl World {
    /// A daemon that has just started with these schedules and an empty database.
    pub(crate) fn new(schedules: &str, begin: &str) -> World {
        let begin = at(begin);
        World::with(set_of(schedules, begin), begin)
    }

    pub(crate) fn with(set: Arc<ScheduleSet>, begin: Timestamp) -> World {
        let mut world = World {
            core: None,
            db: Model::default(),
            server: Server::default(),
            now: Reading { wall: begin, boot: seconds(1_000) },
            set,
            absent: Absent::Retire,
            answers: Vec::new(),
            store_fails_until: Duration::ZERO,
            looks_at_all: false,
            ids: Arc::new(AtomicU64::new(1)),
            flights: Vec::new(),
        };
        world.recover();
        world.settle();
        world
    }

    /// The same, where an earlier job of ours proves that look-ups by Reference see our jobs.
    pub(crate) fn proven(schedules: &str, begin: &str) -> World {
        World::proven_with(set_of(schedules, at(begin)), begin)
    }

    /// The same with a set that is made already.
    pub(crate) fn proven_with(set: Arc<ScheduleSet>, begin: &str) -> World {
        let mut world = World::with(set, at(begin));
        world.crash();
        let reference = Reference::from_text(format!("{}0123456789ab.aaaaaa", Reference::prefix(INSTALLATION)));
        world.server.old_job(reference.clone(), world.now);
        let connection = ConnectionName("cloud".into());
        let proof = Evidence { connection, folder_id: FOLDER, reference, proven_at: world.now.wall };
        world.db.evidence.insert(FOLDER, proof);
        world.recover();
        world.settle();
        world
    }

    /// A new life on what the model holds.
    pub(crate) fn recover(&mut self) {
        let ids = self.ids.clone();
        let random = move || {
            let mut bits = [0u8; 10];
            bits[2..].copy_from_slice(&ids.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            bits
        };
        let state = self.db.load();
        self.core =
            Some(Core::recover(self.set.clone(), self.absent, state, self.now, Pace::default(), Box::new(random)));
    }

    /// The process dies: its memory is gone, and the answers to its calls are nobody's.
    pub(crate) fn crash(&mut self) {
        self.core = None;
        self.flights.clear();
    }

    pub(crate) fn restart(&mut self) {
        self.crash();
        self.recover();
        self.settle();
    }

    /// The files are read again.
    pub(crate) fn load(&mut self, set: Arc<ScheduleSet>) {
        self.set = set.clone();
        self.absent = Absent::Retire;
        let now = self.now;
        self.core().handle(Event::Load(set), now);
        self.settle();
    }

    pub(crate) fn core(&mut self) -> &mut Core {
        self.core.as_mut().expect("the daemon lives")
    }

    /// One turn: decides and stores. Gives what is to be done, and does not do it.
    pub(crate) fn decide(&mut self) -> Vec<Action> {
        let now = self.now;
        if self.looks_at_all {
            self.core().look_at_all();
        }
        let Step { record, then, answers, happened: _ } = self.core().turn(now);
        if self.now.boot < self.store_fails_until {
            // As the loop does: what was not stored never happened, and everything is read again.
            self.now.boot = self.store_fails_until;
            self.now.wall = later(now.wall, self.now.boot - now.boot);
            self.recover();
            return self.decide();
        }
        let lost = self.db.commit(&record);
        self.answers.extend(answers);
        let kept = then.into_iter().filter(|action| action.claimed_run().is_none_or(|run| !lost.contains(&run)));
        let kept = kept.collect();
        if !lost.is_empty() {
            self.core().handle(Event::ClaimsLost(lost), now);
        }
        kept
    }

    /// The server's answer to one action, at once.
    pub(crate) fn answer(&mut self, action: Action) -> Report {
        self.server.answer(action, self.now)
    }

    pub(crate) fn command(&mut self, command: Command) -> Result<Resolved, CommandRefused> {
        match self.ask(command) {
            Ok(Done::Resolved(resolved)) => Ok(resolved),
            Ok(done) => panic!("{done:?}"),
            Err(refused) => Err(refused),
        }
    }

    pub(crate) fn ask(&mut self, command: Command) -> Result<Done, CommandRefused> {
        let now = self.now;
        let id = CommandId(self.answers.len() as u64 + 1);
        self.core().handle(Event::Command(id, command), now);
        self.settle();
        let answer = self.answers.iter().find(|(answered, _)| *answered == id);
        answer.expect("it is answered").1.clone()
    }

    pub(crate) fn tell(&mut self, report: Report) {
        let now = self.now;
        self.core().handle(Event::Report(Box::new(report)), now);
    }

    pub(crate) fn launch(&mut self, action: Action) {
        let latency = self.server.latency(&action);
        let report = self.server.answer(action, self.now);
        let lands = self.now.boot + latency;
        self.flights.push(Flight { lands, report });
    }

    pub(crate) fn land_now(&mut self) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.flights).into_iter().partition(|flight| flight.lands <= self.now.boot);
        self.flights = later;
        for flight in due {
            self.tell(flight.report);
        }
    }

    /// Everything that happens without time passing.
    pub(crate) fn settle(&mut self) {
        for _ in 0..TURNS_AT_ONE_INSTANT {
            self.land_now();
            for action in self.decide() {
                self.launch(action);
            }
            let landing = self.flights.iter().any(|flight| flight.lands <= self.now.boot);
            let now = self.now;
            let wake = self.core().wake().from(now);
            if !landing && wake.is_none_or(|left| left > Duration::ZERO) {
                return;
            }
        }
        let core = self.core.as_ref().expect("the daemon lives");
        panic!("the loop spins at {}: wake {:?}, {core:?}", self.now.wall, core.wake());
    }

    /// Lets time pass, from one moment that matters to the next.
    pub(crate) fn pass(&mut self, length: Duration) {
        let end = self.now.boot + length;
        self.settle();
        while self.now.boot < end {
            self.advance(end);
            self.settle();
        }
    }

    /// To the next moment that matters, at most to `end`.
    fn advance(&mut self, end: Duration) {
        let now = self.now;
        let by_wake = self.core().wake().from(now).map_or(end, |left| now.boot + left);
        let by_flight = self.flights.iter().map(|flight| flight.lands).min().unwrap_or(end);
        let next = by_wake.min(by_flight).min(end).max(now.boot);
        self.now = Reading { wall: later(now.wall, next - now.boot), boot: next };
    }

    /// Lets time pass until a turn orders a start, and gives all that this turn ordered; nothing of it is carried out.
    /// `None` when there is none for so long.
    pub(crate) fn until_a_start(&mut self, most: Duration) -> Option<Vec<Action>> {
        let end = self.now.boot + most;
        let mut turns = 0;
        while self.now.boot < end {
            self.land_now();
            let actions = self.decide();
            if actions.iter().any(is_start) {
                return Some(actions);
            }
            actions.into_iter().for_each(|action| self.launch(action));
            self.advance(end);
            turns += 1;
            assert!(turns < 100_000, "the loop spins at {}", self.now.wall);
        }
        None
    }

    pub(crate) fn pass_to(&mut self, wall: &str) {
        let left = at(wall).duration_since(self.now.wall);
        self.pass(left.unsigned_abs());
    }

    /// Time passes while nobody is there.
    pub(crate) fn sleep(&mut self, length: Duration) {
        assert!(self.core.is_none(), "the daemon is down");
        self.now = Reading { wall: later(self.now.wall, length), boot: self.now.boot + length };
    }

    /// Lets turns pass until one orders an action that `wanted` knows; that one is not carried out.
    pub(crate) fn until_ordered(&mut self, wanted: impl Fn(&Action) -> bool) -> Action {
        for _ in 0..10_000 {
            self.land_now();
            let mut found = None;
            for action in self.decide() {
                match found {
                    None if wanted(&action) => found = Some(action),
                    _ => self.launch(action),
                }
            }
            if let Some(action) = found {
                return action;
            }
            let now = self.now;
            let left = self.core().wake().from(now).unwrap_or(seconds(60));
            let by_flight = self.flights.iter().map(|flight| flight.lands.saturating_sub(now.boot)).min();
            let left = by_flight.unwrap_or(left).min(left);
            self.now = Reading { wall: later(now.wall, left), boot: now.boot + left };
        }
        panic!("it was never ordered");
    }

    /// The only planned run of a schedule at a time.
    pub(crate) fn run(&self, schedule: &str, nominal: &str) -> &Run {
        let nominal = at(nominal);
        self.db
            .runs
            .values()
            .find(|run| run.schedule.as_str() == schedule && run.nominal_at == nominal)
            .unwrap_or_else(|| panic!("no row for {nominal}: {:?}", self.states(schedule)))
    }

    pub(crate) fn state(&self, schedule: &str, nominal: &str) -> String {
        self.run(schedule, nominal).state.to_string()
    }

    /// A schedule's rows, in no order.
    pub(crate) fn all(&self, schedule: &str) -> impl Iterator<Item = &Run> {
        self.db.runs.values().filter(move |run| run.schedule.as_str() == schedule)
    }

    /// Nominal times and states, in order.
    pub(crate) fn states(&self, schedule: &str) -> Vec<(String, String)> {
        let mut runs: Vec<&Run> = self.db.runs.values().filter(|run| run.schedule.as_str() == schedule).collect();
        runs.sort_by_key(|run| run.nominal_at);
        runs.into_iter().map(|run| (run.nominal_at.to_string(), run.state.to_string())).collect()
    }

    pub(crate) fn open(&self) -> Vec<&Run> {
        self.db.runs.values().filter(|run| !run.state.is_final()).collect()
    }

    pub(crate) fn lines(&self, run: &Run) -> Vec<&str> {
        self.db.seen.iter().filter(|line| line.run == run.id).map(|line| line.text.as_str()).collect()
    }
}

/// An attempt that was sent and has a job.
pub(crate) fn attempt_of(run: &Run) -> &Attempt {
    run.attempts.last().expect("it was claimed for a start")
}

pub(crate) fn is_start(action: &Action) -> bool {
    matches!(action, Action::Start(_))
}

pub(crate) fn key(number: i64) -> JobKey {
    JobKey(Uuid::from_u128(u128::try_from(number).unwrap()))
}

pub(crate) fn id(number: i64) -> JobId {
    JobId(number)
}

pub(crate) fn is_waiting(state: RunState) -> bool {
    matches!(state, RunState::Waiting(_))
}
