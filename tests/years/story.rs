//! What the database says at the end, and what was so: the material of the checker. Rows are read as any SQL tool reads them.

use std::collections::{BTreeMap, HashMap};

use punctual::run::{Ending, RunState};
use punctual::store::StateFolder;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Row as _};

use super::job::{Job, Moment};
use super::law::Law;
use super::orchestrator::{StartCall, StopCall};
use super::people::{Pause, Scope};
use super::plan::{Files, Plan};
use super::world::{Record, World};

/// A row of `run` with its lines.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) schedule: String,
    pub(crate) trigger: String,
    pub(crate) nominal: Moment,
    pub(crate) nominal_until: Option<Moment>,
    pub(crate) count: Option<i64>,
    pub(crate) fire: Moment,
    pub(crate) claimed: Moment,
    pub(crate) accepted: Option<Moment>,
    pub(crate) ended: Option<Moment>,
    pub(crate) state: RunState,
    pub(crate) note: Option<String>,
    /// When which state began, in the order of the database.
    pub(crate) lines: Vec<(Moment, RunState)>,
    pub(crate) tries: Vec<Try>,
}

/// A row of `attempt`.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) number: i64,
    pub(crate) reference: String,
    pub(crate) job: Option<i64>,
    pub(crate) due: Option<Moment>,
    pub(crate) ended_as: Option<String>,
    pub(crate) stop: Option<Stop>,
}

/// The intent of a stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) by: String,
    pub(crate) limit: Option<String>,
    pub(crate) asked: Moment,
    pub(crate) soft: Option<Moment>,
    pub(crate) soft_accepted: Option<Moment>,
    pub(crate) kill: Option<Moment>,
}

impl Row {
    pub(crate) fn is(&self, state: &str, reason: &str) -> bool {
        self.state.name() == state && self.state.reason().unwrap_or("") == reason
    }

    /// When its end was written.
    pub(crate) fn over(&self) -> Option<Moment> {
        self.lines.iter().find(|(_, state)| state.is_final()).map(|(at, _)| *at)
    }

    /// Whether it was open just before that moment.
    pub(crate) fn is_open_before(&self, at: Moment) -> bool {
        self.claimed < at && self.over().is_none_or(|over| over >= at)
    }

    /// Its state just before that moment.
    pub(crate) fn state_before(&self, at: Moment) -> Option<RunState> {
        self.lines.iter().take_while(|(begun, _)| *begun < at).last().map(|(_, state)| *state)
    }

    /// Its state at the end of that moment.
    pub(crate) fn state_at(&self, at: Moment) -> Option<RunState> {
        self.lines.iter().take_while(|(begun, _)| *begun <= at).last().map(|(_, state)| *state)
    }

    /// When it was about to be sent, each time.
    pub(crate) fn sends(&self) -> impl Iterator<Item = Moment> + '_ {
        self.lines.iter().filter(|(_, state)| *state == RunState::Starting).map(|(at, _)| *at)
    }

    pub(crate) fn first_send(&self) -> Option<Moment> {
        self.sends().next()
    }

    /// Whether a time that was meant to run: not one that was recorded only.
    pub(crate) fn was_meant(&self) -> bool {
        self.lines.iter().any(|(_, state)| !state.is_final())
    }

    /// From when to when it was in a state that `wanted` knows.
    pub(crate) fn spans(&self, wanted: impl Fn(RunState) -> bool) -> Vec<(Moment, Moment)> {
        let ends = self.lines.iter().skip(1).map(|(at, _)| *at).chain([Moment::MAX]);
        self.lines.iter().zip(ends).filter(|((_, state), _)| wanted(*state)).map(|((at, _), end)| (*at, end)).collect()
    }

    pub(crate) fn last_try(&self) -> Option<&Try> {
        self.tries.last()
    }

    pub(crate) fn says_it_ran(&self) -> bool {
        matches!(self.state, RunState::Ended(Ending::Succeeded | Ending::Faulted | Ending::Stopped | Ending::TimedOut))
    }
}

/// All that the checker may look at.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    pub(crate) end: Moment,
    pub(crate) rows: Vec<Row>,
    /// Places in `rows`, by nominal time.
    pub(crate) by_schedule: BTreeMap<String, Vec<usize>>,
    pub(crate) files: Vec<Files>,
    pub(crate) record: Record,
    pub(crate) pauses: Vec<Pause>,
    /// On which connection each schedule is, by the last files that have it.
    pub(crate) connections: BTreeMap<String, &'static str>,
    /// Places in `pauses`.
    pub(crate) pauses_by_schedule: HashMap<String, Vec<usize>>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) starts: Vec<StartCall>,
    pub(crate) stops: Vec<StopCall>,
    /// Which row, and which of its attempts, a Reference is of.
    pub(crate) by_reference: HashMap<String, (usize, usize)>,
    /// Which calls are about a job.
    pub(crate) stops_of: HashMap<i64, Vec<usize>>,
}

impl Story {
    pub(crate) fn told(plan: &Plan, world: World<'_>) -> Story {
        let (rows, pauses) = read(&world);
        let World { orchestrator, record, .. } = world;
        let mut story = Story {
            seed: plan.seed,
            end: plan.end,
            rows,
            by_schedule: BTreeMap::new(),
            files: plan.files.clone(),
            record,
            pauses,
            connections: BTreeMap::new(),
            pauses_by_schedule: HashMap::new(),
            jobs: orchestrator.jobs,
            starts: orchestrator.starts,
            stops: orchestrator.stops,
            by_reference: HashMap::new(),
            stops_of: HashMap::new(),
        };
        story.index();
        story
    }

    /// Anew, after rows were changed.
    pub(crate) fn index(&mut self) {
        self.rows.sort_by(|a, b| (&a.schedule, a.nominal, &a.id).cmp(&(&b.schedule, b.nominal, &b.id)));
        self.by_schedule.clear();
        self.by_reference.clear();
        self.stops_of.clear();
        self.pauses_by_schedule.clear();
        let laws: HashMap<&String, &Law> = self.files.iter().flat_map(|files| &files.laws).collect();
        self.connections = laws.into_iter().map(|(key, law)| (key.clone(), law.connection)).collect();
        for (key, connection) in &self.connections {
            let places = (0..self.pauses.len()).filter(|place| self.pauses[*place].scope.holds(key, connection));
            self.pauses_by_schedule.insert(key.clone(), places.collect());
        }
        for (place, call) in self.stops.iter().enumerate() {
            self.stops_of.entry(call.job).or_default().push(place);
        }
        for (place, row) in self.rows.iter().enumerate() {
            self.by_schedule.entry(row.schedule.clone()).or_default().push(place);
            for (number, attempt) in row.tries.iter().enumerate() {
                self.by_reference.insert(attempt.reference.clone(), (place, number));
            }
        }
    }

    pub(crate) fn of(&self, schedule: &str) -> impl DoubleEndedIterator<Item = &Row> {
        self.by_schedule.get(schedule).into_iter().flatten().map(|place| &self.rows[*place])
    }

    /// What the files said then.
    pub(crate) fn files_at(&self, at: Moment) -> &Files {
        let after = self.record.loads.partition_point(|(loaded, _)| *loaded <= at);
        &self.files[self.record.loads[after.saturating_sub(1)].1]
    }

    /// The rows of a schedule next to one in time: as far as any queue of these schedules reaches.
    pub(crate) fn near(&self, row: &Row) -> impl Iterator<Item = &Row> {
        const REACH: usize = 100;
        let places = self.by_schedule.get(&row.schedule).map_or(&[][..], Vec::as_slice);
        let own = places.partition_point(|place| self.rows[*place].nominal < row.nominal);
        let (first, last) = (own.saturating_sub(REACH), (own + REACH).min(places.len()));
        places[first..last].iter().map(|place| &self.rows[*place])
    }

    /// Whether the daemon lived from then to then.
    pub(crate) fn lived(&self, from: Moment, until: Moment) -> bool {
        let after = self.record.lives.partition_point(|(begun, _)| *begun <= from);
        after > 0 && until <= self.record.lives[after - 1].1
    }

    /// When a connection was not well in that time.
    pub(crate) fn troubles(&self, connection: &str, from: Moment, until: Moment) -> impl Iterator<Item = Moment> {
        // None of them is longer.
        const LONGEST: i64 = 6 * 3_600_000;
        let after = self.record.troubles.partition_point(|(_, begun, _)| *begun <= until);
        let near = self.record.troubles[..after].iter().rev().take_while(move |(_, begun, _)| *begun >= from - LONGEST);
        near.filter(move |(name, _, over)| *name == connection && *over >= from).map(|(_, begun, _)| *begun)
    }

    /// What holds for a row: what the files said at its claim (rule 12a).
    pub(crate) fn law(&self, row: &Row) -> Option<&Law> {
        self.files_at(row.claimed).laws.get(&row.schedule)
    }

    /// Whether the daemon lived all the time, and the connection was well.
    pub(crate) fn is_calm(&self, connection: &str, from: Moment, until: Moment) -> bool {
        self.lived(from, until) && self.troubles(connection, from, until).next().is_none()
    }

    pub(crate) fn job(&self, id: i64) -> Option<&Job> {
        usize::try_from(id - 1).ok().and_then(|place| self.jobs.get(place))
    }

    pub(crate) fn job_of(&self, attempt: &Try) -> Option<&Job> {
        attempt.job.and_then(|id| self.job(id))
    }
}

#[expect(clippy::disallowed_methods, reason = "the database is read as any SQL tool reads it")]
fn read(world: &World<'_>) -> (Vec<Row>, Vec<Pause>) {
    let path = StateFolder::database_path(world.place.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let [runs, tries, lines, pauses] = runtime.block_on(async {
        let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        let mut all = Vec::new();
        for query in [
            "select id, schedule, trigger, nominal_at, nominal_until_at, count, fire_at, claimed_at, accepted_at, ended_at, \
             state, reason, note from run",
            "select run_id, attempt, reference, job_id, due_at, ended_as, stop_by, stop_limit, stop_asked_at, soft_stop_at, \
             soft_accepted_at, kill_at from attempt order by run_id, attempt",
            "select run_id, at, state, reason from run_event where state is not null order by seq",
            "select scope, pattern, actor, reason, since_at, until_at, ended_at from pause order by id",
        ] {
            all.push(sqlx::query(query).fetch_all(&mut connection).await.unwrap());
        }
        <[Vec<SqliteRow>; 4]>::try_from(all).unwrap()
    });
    let state = |row: &SqliteRow, at: usize| {
        let (name, reason): (String, Option<String>) = (row.get(at), row.get(at + 1));
        RunState::from_names(&name, reason.as_deref()).unwrap()
    };
    let mut rows: Vec<Row> = runs
        .iter()
        .map(|row| Row {
            id: row.get(0),
            schedule: row.get(1),
            trigger: row.get(2),
            nominal: row.get(3),
            nominal_until: row.get(4),
            count: row.get(5),
            fire: row.get(6),
            claimed: row.get(7),
            accepted: row.get(8),
            ended: row.get(9),
            state: state(row, 10),
            note: row.get(12),
            lines: Vec::new(),
            tries: Vec::new(),
        })
        .collect();
    let places: HashMap<String, usize> = rows.iter().enumerate().map(|(place, row)| (row.id.clone(), place)).collect();
    for row in &tries {
        let stop = row.get::<Option<String>, _>(6).map(|by| Stop {
            by,
            limit: row.get(7),
            asked: row.get(8),
            soft: row.get(9),
            soft_accepted: row.get(10),
            kill: row.get(11),
        });
        rows[places[&row.get::<String, _>(0)]].tries.push(Try {
            number: row.get(1),
            reference: row.get(2),
            job: row.get(3),
            due: row.get(4),
            ended_as: row.get(5),
            stop,
        });
    }
    for row in &lines {
        rows[places[&row.get::<String, _>(0)]].lines.push((row.get(1), state(row, 2)));
    }
    let pauses = pauses.iter().map(|row| Pause {
        scope: Scope::of_columns(row.get(0), row.get(1)),
        actor: row.get(2),
        reason: row.get(3),
        since: row.get(4),
        until: row.get(5),
        ended: row.get(6),
    });
    (rows, pauses.collect())
}
