//! The real core on the real store. Time goes by hand, the executor is replaced at its channel, and a kill is a core that is dropped
//! together with its store at a chosen moment: what the database holds is what the next life finds.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::Reading;
use punctual::dispatcher::core::{Absent, CommandId, Core, Event, Pace, Step};
use punctual::executor::{Action, Report};
use punctual::schedule::ScheduleSet;
use punctual::store::{Database, LoadedState, StateFolder, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

use super::dice::Dice;
use super::job::Moment;
use super::orchestrator::{Mood, Orchestrator};
use super::people::{Answer, Ask, Asked, Scope};
use super::plan::{Happens, Plan};

/// So many turns without time passing are a loop that spins.
const TURNS_AT_ONE_INSTANT: usize = 300;

/// Jobs are read less often than by default, for each read is a commit: what is decided stays the same.
pub(crate) const PACE: Pace = Pace { first: Duration::from_secs(10), slowest: Duration::from_secs(240) };

/// A kill waits so long for a start to come in the middle of; then it comes anyhow.
const WAITS_FOR_A_START: i64 = 600_000;

/// Where in a turn the daemon dies.
#[derive(Clone, Copy, Debug)]
enum Stage {
    BeforeTheWrite,
    AfterTheWrite,
    InTheActions,
}

struct Flight {
    lands: Moment,
    report: Report,
}

struct Life {
    core: Core,
    store: Store,
    tracker: TaskTracker,
    _folder: StateFolder,
    flights: Vec<Flight>,
}

/// What happened around the daemon, for whoever judges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// When it lived.
    pub(crate) lives: Vec<(Moment, Moment)>,
    /// When which files were loaded.
    pub(crate) loads: Vec<(Moment, usize)>,
    /// When the loop turned and turned without an end.
    pub(crate) spins: Vec<Moment>,
    /// When a connection was not well.
    pub(crate) troubles: Vec<(&'static str, Moment, Moment)>,
    /// What people asked for while it lived.
    pub(crate) asked: Vec<Asked>,
}

pub(crate) struct World<'p> {
    plan: &'p Plan,
    pub(crate) place: tempfile::TempDir,
    runtime: Runtime,
    life: Option<Life>,
    pub(crate) orchestrator: Orchestrator,
    pub(crate) record: Record,
    now: Moment,
    files: usize,
    set: Arc<ScheduleSet>,
    dice: Dice,
    ids: Arc<AtomicU64>,
    next_event: usize,
    /// A kill that waits for a start: until when, and how long the daemon stays away.
    kill: Option<(Moment, i64)>,
    /// When the daemon comes back.
    back: Moment,
}

fn place() -> tempfile::TempDir {
    // In memory where there is such a place: what a disk does is another test's matter.
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// References hold the installation's id, which is chance; and chance comes from the seed alone.
#[expect(clippy::disallowed_methods, reason = "the id is changed as no daemon ever does")]
async fn name_installation(place: &Path, begin: Moment) {
    let folder = StateFolder::take(place).unwrap();
    let begin = Timestamp::from_millisecond(begin).unwrap();
    Database::open_and_load(&folder, begin).await.unwrap().0.close().await.unwrap();
    let database = SqliteConnectOptions::new().filename(StateFolder::database_path(place));
    let mut raw = database.connect().await.unwrap();
    sqlx::query("update installation set id = '0badcafe'").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    std::fs::write(place.join("installation"), "0badcafe\n").unwrap();
}

impl<'p> World<'p> {
    pub(crate) fn new(plan: &'p Plan) -> World<'p> {
        let first = &plan.files[0];
        let place = place();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(name_installation(place.path(), plan.begin));
        let mut orchestrator = Orchestrator::new(plan.seed);
        orchestrator.knows(&first.laws);
        World {
            plan,
            place,
            runtime,
            life: None,
            orchestrator,
            record: Record::default(),
            now: plan.begin,
            files: 0,
            set: first.read(plan.begin),
            dice: Dice::new(plan.seed ^ 0x5eed),
            ids: Arc::new(AtomicU64::new(1)),
            next_event: 0,
            kill: None,
            back: plan.begin,
        }
    }

    /// Lets all of it happen.
    pub(crate) fn run(&mut self) {
        self.live();
        while self.now < self.plan.end {
            self.happen();
            if self.life.is_none() && self.back <= self.now {
                self.live();
            }
            self.settle();
            self.advance();
        }
        if self.life.is_none() {
            self.live();
        }
        self.settle();
        self.die();
        let end = self.now;
        self.record.troubles.iter_mut().for_each(|(_, _, until)| *until = (*until).min(end));
    }

    fn reading(&self) -> Reading {
        let boot = u64::try_from(self.now - self.plan.begin).unwrap() + 1_000_000;
        Reading { wall: Timestamp::from_millisecond(self.now).unwrap(), boot: Duration::from_millis(boot) }
    }

    /// The daemon starts.
    fn live(&mut self) {
        let now = self.reading();
        let folder = StateFolder::take(self.place.path()).unwrap();
        let tracker = TaskTracker::new();
        let (store, state): (Store, LoadedState) = self.runtime.block_on(async {
            let (database, state) = Database::open_and_load(&folder, now.wall).await.unwrap();
            (Store::start(database, &tracker), state)
        });
        assert!(state.doubt.is_none(), "a killed daemon's database is the newest there is");
        let ids = self.ids.clone();
        let random = move || {
            let mut bits = [0u8; 10];
            bits[2..].copy_from_slice(&ids.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            bits
        };
        let core = Core::recover(self.set.clone(), Absent::Retire, state, now, PACE, Box::new(random));
        self.life = Some(Life { core, store, tracker, _folder: folder, flights: Vec::new() });
        self.record.lives.push((self.now, self.now));
        if self.record.loads.last().is_none_or(|(_, files)| *files != self.files) {
            self.record.loads.push((self.now, self.files));
        }
    }

    /// It is gone, with its memory; answers to its calls are nobody's.
    fn die(&mut self) {
        let Some(Life { core, store, tracker, _folder, flights }) = self.life.take() else { return };
        drop((core, flights, store));
        tracker.close();
        self.runtime.block_on(tracker.wait());
        self.record.lives.last_mut().unwrap().1 = self.now;
    }

    fn happen(&mut self) {
        while let Some((at, event)) = self.plan.events.get(self.next_event)
            && *at <= self.now
        {
            self.next_event += 1;
            match event {
                Happens::Mood(connection, mood) => {
                    let old = self.orchestrator.moods.insert((*connection).to_owned(), *mood).unwrap_or(Mood::Well);
                    let open = self.record.troubles.iter_mut().rev().find(|(name, _, _)| name == connection);
                    if let Some(open) = open.filter(|_| old != Mood::Well) {
                        open.2 = self.now;
                    }
                    if *mood != Mood::Well {
                        self.record.troubles.push((*connection, self.now, Moment::MAX));
                    }
                }
                Happens::Kill { down } => {
                    if self.life.is_some() {
                        self.kill = Some((self.now + WAITS_FOR_A_START, *down));
                    }
                }
                Happens::Edit(files) => self.edit(*files),
                Happens::Ask(ask) => self.ask(ask.clone()),
                Happens::Round => self.resume_some(),
                Happens::Logons(connection, succeed) => self.orchestrator.set_logons(connection, *succeed),
            }
        }
        if let Some((until, down)) = self.kill
            && until <= self.now
        {
            self.die();
            self.away(down);
        }
    }

    fn away(&mut self, down: i64) {
        self.kill = None;
        self.back = self.now + down;
    }

    fn edit(&mut self, files: usize) {
        let new = &self.plan.files[files];
        self.files = files;
        self.set = new.read(self.now);
        self.orchestrator.knows(&new.laws);
        let now = self.reading();
        if let Some(life) = &mut self.life {
            life.core.handle(Event::Load(self.set.clone()), now);
            self.record.loads.push((self.now, files));
        }
    }

    fn ask(&mut self, ask: Ask) {
        let now = self.reading();
        if let Some(life) = &mut self.life {
            let id = CommandId(u64::try_from(self.record.asked.len()).unwrap());
            life.core.handle(Event::Command(id, ask.told(self.now)), now);
            self.record.asked.push(Asked { at: self.now, ask, answer: None });
        }
    }

    /// So that nobody is paused for ever.
    #[expect(clippy::disallowed_methods, reason = "the database is read as any SQL tool reads it")]
    fn resume_some(&mut self) {
        const OPEN: &str = "select scope, pattern from pause where ended_at is null and until_at is null order by id";
        let database = SqliteConnectOptions::new().filename(StateFolder::database_path(self.place.path()));
        let open = self.runtime.block_on(async {
            let mut raw = database.connect().await.unwrap();
            let rows = sqlx::query(OPEN).fetch_all(&mut raw).await.unwrap();
            raw.close().await.unwrap();
            rows
        });
        for row in open {
            if self.dice.happens(450) {
                self.ask(Ask::Resume { scope: Scope::of_columns(row.get(0), row.get(1)) });
            }
        }
    }

    /// Everything that happens without time passing.
    fn settle(&mut self) {
        for _ in 0..TURNS_AT_ONE_INSTANT {
            let now = self.reading();
            let Some(life) = &mut self.life else { return };
            let (due, later): (Vec<_>, Vec<_>) =
                std::mem::take(&mut life.flights).into_iter().partition(|flight| flight.lands <= self.now);
            life.flights = later;
            for flight in due {
                life.core.handle(Event::Report(Box::new(flight.report)), now);
            }
            let step = life.core.turn(now);
            self.carry_out(step);
            let Some(life) = &self.life else { return };
            let landing = life.flights.iter().any(|flight| flight.lands <= self.now);
            if !landing && life.core.wake().from(now).is_none_or(|left| left > Duration::ZERO) && !life.core.is_behind()
            {
                return;
            }
        }
        self.record.spins.push(self.now);
        self.now += 1;
    }

    /// Store, then act; or die in between.
    fn carry_out(&mut self, step: Step) {
        let Step { record, then, answers, happened: _ } = step;
        let starts = !answers.is_empty() || then.iter().any(|action| matches!(action, Action::Start(_)));
        let stage = self.kill.filter(|_| starts).map(|(_, down)| {
            (self.dice.pick(&[Stage::BeforeTheWrite, Stage::AfterTheWrite, Stage::InTheActions]), down)
        });
        if let Some((Stage::BeforeTheWrite, down)) = stage {
            self.die();
            return self.away(down);
        }
        let now = self.reading();
        let life = self.life.as_mut().unwrap();
        let committed = self.runtime.block_on(life.store.commit(record)).unwrap();
        if let Some((Stage::AfterTheWrite, down)) = stage {
            self.die();
            return self.away(down);
        }
        for (CommandId(id), answer) in answers {
            self.record.asked[usize::try_from(id).unwrap()].answer = Some(Answer::of(answer));
        }
        let lost: BTreeSet<_> = committed.lost.into_iter().collect();
        for action in then.into_iter().filter(|action| action.claimed_run().is_none_or(|run| !lost.contains(&run))) {
            let takes = self.orchestrator.latency(&action);
            let report = self.orchestrator.answer(action, self.now, now.boot, takes);
            let lands = self.now + i64::try_from(takes.as_millis()).unwrap();
            life.flights.push(Flight { lands, report });
            if stage.is_some() && self.dice.happens(400) {
                break;
            }
        }
        if !lost.is_empty() {
            life.core.handle(Event::ClaimsLost(lost), now);
        }
        if let Some((Stage::InTheActions, down)) = stage {
            self.die();
            self.away(down);
        }
    }

    /// To the next moment that matters.
    fn advance(&mut self) {
        let mut next = self.plan.end;
        if let Some((at, _)) = self.plan.events.get(self.next_event) {
            next = next.min(*at);
        }
        if let Some((until, _)) = self.kill {
            next = next.min(until);
        }
        match &self.life {
            None => next = next.min(self.back),
            Some(life) => {
                let wake = life.core.wake().from(self.reading());
                // Whole milliseconds, so that no moment is before the one that was asked for.
                let wake = wake.map(|left| self.now + i64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap());
                next = wake.into_iter().chain(life.flights.iter().map(|flight| flight.lands)).fold(next, i64::min);
            }
        }
        self.now = next.max(self.now);
    }
}
