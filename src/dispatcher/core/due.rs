//! Where each open run is to be looked for: by its deadline, by its place in the queue, by when it is asked about, by its folder.
//!
//! A turn looks at what is due and at what was touched, never at all that is open. Each place follows from the run alone and is filed
//! anew whenever the run was touched, so none can be forgotten; nothing here decides.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::flights::{Flights, Folder, Question};
use super::progress::{Need, Open, Patience, Progress};
use super::queue::{Order, Queue, Seat};
use crate::orchestrator::JobState;
use crate::policy::timeout::{self, JobTimes};
use crate::run::{Attempt, FolderId, JobKey, Run, RunId, RunState, TimeLimit};
use crate::schedule::{ConnectionName, ScheduleKey};

/// Of the runs that wait for an older one of their schedule so many are looked at when something of it changes: the first may go then, and
/// the few behind it learn what they wait for. The others' turn comes when these have gone.
const LOOKED_AT: usize = 32;

/// All places of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    schedule: ScheduleKey,
    connection: ConnectionName,
    /// Its place in the queue, while it may be sent.
    sendable: Option<Order>,
    /// Its deadline, while that runs.
    deadline: Option<Timestamp>,
    /// It waits for the word, or for the end, of older runs of its schedule.
    waits_for_older: Option<Order>,
    /// The pool in which it has a place.
    holds: Option<String>,
    /// When its job passes a limit of time, if nothing changes.
    limit: Option<Timestamp>,
    /// Its job is to stop.
    is_stopping: bool,
    /// When Orchestrator is asked for its Reference next, in boot time.
    asked_at: Option<Duration>,
    job: Option<JobKey>,
    followed: Option<Followed>,
    is_held: bool,
    /// Its folder is looked for by its name.
    folder_is_sought: bool,
    is_elsewhere: bool,
}

/// A job that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Followed {
    folder_id: FolderId,
    accepted_at: Timestamp,
    next: NextRead,
}

/// How a job is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextRead {
    /// A call is under way.
    UnderWay,
    /// In a list, at this boot time.
    Listed(Duration),
    /// Alone and whole, at this boot time, since a list shows that it has ended.
    Whole(Duration),
}

/// The jobs of one folder that are followed.
#[derive(Debug, Default)]
pub(crate) struct FollowedJobs {
    /// By when each is to be listed, in boot time; of those no call is under way.
    pub(crate) listed: BTreeSet<(Duration, RunId)>,
    /// All of them, by when each was accepted.
    pub(crate) all: BTreeSet<(Timestamp, RunId)>,
}

/// Where all open runs are filed.
#[derive(Debug, Default)]
pub(crate) struct Due {
    places: HashMap<RunId, Place>,
    pub(crate) deadlines: BTreeSet<(Timestamp, RunId)>,
    pub(crate) queues: BTreeMap<ConnectionName, Queue>,
    pub(crate) asks: BTreeMap<ConnectionName, BTreeSet<(Duration, RunId)>>,
    pub(crate) folders: BTreeMap<Folder, FollowedJobs>,
    pub(crate) whole: BTreeMap<ConnectionName, BTreeSet<(Duration, RunId)>>,
    pub(crate) jobs: BTreeMap<JobKey, BTreeSet<RunId>>,
    pub(crate) held: BTreeSet<RunId>,
    pub(crate) sought: BTreeSet<RunId>,
    pub(crate) elsewhere: BTreeSet<RunId>,
    /// The jobs that pass a limit of time next, by when.
    pub(crate) limits: BTreeSet<(Timestamp, RunId)>,
    /// The runs whose jobs are to stop.
    pub(crate) stopping: BTreeSet<RunId>,
    /// Who has a place in each pool.
    pub(crate) holders: BTreeMap<String, BTreeSet<RunId>>,
    /// Who waits for one.
    pub(crate) pool_waits: BTreeMap<String, BTreeSet<RunId>>,
    waiting_for_older: BTreeMap<ScheduleKey, BTreeSet<Order>>,
}

impl Place {
    fn of(open: &Open, flights: &Flights) -> Place {
        let run = &open.run;
        let is_elsewhere = open.elsewhere.is_some();
        let need = open.need();
        let order = (Reverse(run.policy.priority), run.due_at(), run.nominal_at, run.id);
        let has_job = run.open_job().is_some() && !is_elsewhere;
        Place {
            schedule: run.schedule.clone(),
            connection: run.connection.clone(),
            sendable: need.map(|_| order),
            deadline: need.filter(|_| open.patience == Patience::Runs).map(|_| run.deadline_at),
            waits_for_older: need.filter(|need| *need == Need::Overlap).map(|_| order),
            holds: run.policy.pool.clone().filter(|_| holds_a_place(run.state)),
            limit: limit_of(run).map(|(at, _)| at).filter(|_| has_job),
            is_stopping: has_job && run.attempt().is_some_and(|attempt| attempt.stop.is_some()),
            asked_at: asked_at(open, flights).filter(|_| !is_elsewhere && run.attempt().is_some()),
            job: run.open_job().map(|job| job.key),
            followed: followed(open, flights).filter(|_| !is_elsewhere),
            is_held: run.state == RunState::Held,
            folder_is_sought: open.folder.is_sought() && !run.state.is_final(),
            is_elsewhere: is_elsewhere && !run.state.is_final(),
        }
    }
}

/// Whether a run in this state has a place in its pool (semantics.md 11).
pub(crate) fn holds_a_place(state: RunState) -> bool {
    match state {
        RunState::Starting | RunState::Unknown | RunState::Job(_) => true,
        RunState::Armed | RunState::Waiting(_) | RunState::Held | RunState::Ended(_) => false,
    }
}

/// The limit of time that a run's job passes next, if nothing changes.
pub(crate) fn limit_of(run: &Run) -> Option<(Timestamp, TimeLimit)> {
    let (timeouts, attempt) = (run.policy.timeout.as_ref()?, run.attempt()?);
    // What is to stop already has no other limit.
    if attempt.stop.is_some() || run.open_job().is_none() {
        return None;
    }
    let job = JobTimes {
        accepted_at: run.accepted_at.or(attempt.sent_at).unwrap_or(run.claimed_at),
        started_at: attempt.started_at,
        parked: attempt.parked,
        is_parked: is_parked(attempt),
        stop_at: run.policy.stop_at,
    };
    timeout::decide(timeouts, &job)
}

/// Whether an attempt's job is suspended, or waits for a robot again after that, as far as is known.
pub(crate) fn is_parked(attempt: &Attempt) -> bool {
    let word = attempt.job_state.as_deref().map(JobState::from_text);
    attempt.started_at.is_some() && matches!(word, Some(JobState::Suspended | JobState::Resumed))
}

/// When an open run is asked about next, if nothing is being asked yet.
fn asked_at(open: &Open, flights: &Flights) -> Option<Duration> {
    let inquiry = open.inquiry().filter(|_| !flights.has(&Question::Outcome(open.run.id)))?;
    match open.progress {
        Progress::Queued(Need::LookUp(_)) => {
            let paused = open.tries.pause.map(|pause| pause.until).unwrap_or_default();
            Some(inquiry.next.max(paused))
        }
        Progress::Settling(_) => Some(inquiry.next),
        Progress::Queued(Need::Nothing | Need::Overlap)
        | Progress::Sending
        | Progress::Settled(_)
        | Progress::Following(_)
        | Progress::Over => None,
    }
}

fn followed(open: &Open, flights: &Flights) -> Option<Followed> {
    let (Some(_), Some(follow)) = (open.run.open_job(), open.follow()) else { return None };
    let folder_id = open.run.folder_id()?;
    let next = match &follow.ended {
        _ if flights.has_job_of(open.run.id) => NextRead::UnderWay,
        Some(_) => NextRead::Whole(follow.next),
        None => NextRead::Listed(follow.next),
    };
    Some(Followed { folder_id, accepted_at: open.run.accepted_at.unwrap_or(open.run.fire_at), next })
}

impl Due {
    /// Files a run that was touched. Where it waits to be sent, it takes this seat.
    pub(crate) fn file(&mut self, open: &Open, flights: &Flights, seat: Seat) {
        let id = open.run.id;
        let place = Place::of(open, flights);
        if self.places.get(&id) != Some(&place) {
            self.drop(id);
            self.put(id, &place);
            self.places.insert(id, place.clone());
        }
        if let (Some(order), Some(queue)) = (place.sendable, self.queues.get_mut(&place.connection)) {
            queue.seat(order, seat);
        }
        if let Some(pool) = &open.run.policy.pool {
            match seat {
                Seat::Pool => drop(self.pool_waits.entry(pool.clone()).or_default().insert(id)),
                _ => leave(&mut self.pool_waits, pool, &id),
            }
        }
    }

    /// Whether a run is filed as it is now.
    pub(crate) fn has(&self, open: &Open, flights: &Flights) -> bool {
        self.places.get(&open.run.id) == Some(&Place::of(open, flights))
    }

    /// Something of this schedule's runs has changed: those that wait for an older one are looked at. Gives whether there are any.
    pub(crate) fn look_at_younger(&mut self, schedule: &ScheduleKey) -> bool {
        let Some(waiting) = self.waiting_for_older.get(schedule) else { return false };
        for order in waiting.iter().take(LOOKED_AT) {
            let (.., id) = order;
            let Some(place) = self.places.get(id) else { continue };
            if let Some(queue) = self.queues.get_mut(&place.connection) {
                queue.seat(*order, Seat::Next);
            }
        }
        true
    }

    /// Whether any run waits for the word of older ones.
    pub(crate) fn has_waiting_for_older(&self) -> bool {
        !self.waiting_for_older.is_empty()
    }

    /// Forgets a run that is open no longer.
    pub(crate) fn drop(&mut self, id: RunId) {
        let Some(place) = self.places.remove(&id) else { return };
        let connection = &place.connection;
        if let Some(deadline) = place.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        if let Some(pool) = place.holds {
            leave(&mut self.holders, &pool, &id);
        }
        if let Some(limit) = place.limit {
            self.limits.remove(&(limit, id));
        }
        if let Some(order) = place.sendable
            && let Some(queue) = self.queues.get_mut(connection)
        {
            queue.leave(order);
            if queue.is_empty() {
                self.queues.remove(connection);
            }
        }
        if let Some(order) = place.waits_for_older {
            leave(&mut self.waiting_for_older, &place.schedule, &order);
        }
        if let Some(at) = place.asked_at {
            leave(&mut self.asks, connection, &(at, id));
        }
        if let Some(key) = place.job {
            leave(&mut self.jobs, &key, &id);
        }
        if let Some(followed) = place.followed {
            let folder = Folder::new(connection.clone(), followed.folder_id);
            if let Some(jobs) = self.folders.get_mut(&folder) {
                jobs.all.remove(&(followed.accepted_at, id));
                match followed.next {
                    NextRead::Listed(at) => drop(jobs.listed.remove(&(at, id))),
                    NextRead::UnderWay | NextRead::Whole(_) => {}
                }
                if jobs.all.is_empty() {
                    self.folders.remove(&folder);
                }
            }
            if let NextRead::Whole(at) = followed.next {
                leave(&mut self.whole, connection, &(at, id));
            }
        }
        self.pool_waits.retain(|_, waiting| {
            waiting.remove(&id);
            !waiting.is_empty()
        });
        self.stopping.remove(&id);
        self.held.remove(&id);
        self.sought.remove(&id);
        self.elsewhere.remove(&id);
    }

    fn put(&mut self, id: RunId, place: &Place) {
        let connection = &place.connection;
        if let Some(deadline) = place.deadline {
            self.deadlines.insert((deadline, id));
        }
        if let Some(pool) = &place.holds {
            self.holders.entry(pool.clone()).or_default().insert(id);
        }
        if let Some(limit) = place.limit {
            self.limits.insert((limit, id));
        }
        if place.is_stopping {
            self.stopping.insert(id);
        }
        if let Some(order) = place.sendable {
            self.queues.entry(connection.clone()).or_default().seat(order, Seat::Next);
        }
        if let Some(order) = place.waits_for_older {
            self.waiting_for_older.entry(place.schedule.clone()).or_default().insert(order);
        }
        if let Some(at) = place.asked_at {
            self.asks.entry(connection.clone()).or_default().insert((at, id));
        }
        if let Some(key) = place.job {
            self.jobs.entry(key).or_default().insert(id);
        }
        if let Some(followed) = &place.followed {
            let jobs = self.folders.entry(Folder::new(connection.clone(), followed.folder_id)).or_default();
            jobs.all.insert((followed.accepted_at, id));
            match followed.next {
                NextRead::UnderWay => {}
                NextRead::Listed(at) => {
                    jobs.listed.insert((at, id));
                }
                NextRead::Whole(at) => {
                    self.whole.entry(connection.clone()).or_default().insert((at, id));
                }
            }
        }
        if place.is_held {
            self.held.insert(id);
        }
        if place.folder_is_sought {
            self.sought.insert(id);
        }
        if place.is_elsewhere {
            self.elsewhere.insert(id);
        }
    }

    /// The runs of a connection that are to be asked about by then, in boot time.
    pub(crate) fn asks_due(&self, connection: &ConnectionName, boot: Duration) -> Vec<RunId> {
        self.asks.get(connection).map(|asks| due_by(asks, boot)).unwrap_or_default()
    }

    /// Whether any is to be asked about by then, and when the first of those that are not is.
    pub(crate) fn next_ask(&self, connection: &ConnectionName, boot: Duration) -> (bool, Option<Duration>) {
        let Some(asks) = self.asks.get(connection) else { return (false, None) };
        (asks.first().is_some_and(|(at, _)| *at <= boot), after(asks, boot))
    }

    /// The jobs of a connection that are to be read whole by then, and when the first of the others is.
    pub(crate) fn whole_due(&self, connection: &ConnectionName, boot: Duration) -> (Vec<RunId>, Option<Duration>) {
        self.whole.get(connection).map(|reads| (due_by(reads, boot), after(reads, boot))).unwrap_or_default()
    }

    /// The folders with a job that is to be listed by then, in boot time, and when the first of the other folders has one.
    pub(crate) fn folders_due(&self, boot: Duration) -> (Vec<Folder>, Option<Duration>) {
        let mut due = Vec::new();
        let mut next = None;
        for (folder, jobs) in &self.folders {
            let Some((first, _)) = jobs.listed.first() else { continue };
            if *first <= boot {
                due.push(folder.clone());
            }
            // Of a folder that is due, the first of its jobs that is not.
            next = next.into_iter().chain(after(&jobs.listed, boot)).min();
        }
        (due, next)
    }

    /// The jobs of a folder that are to be listed by then.
    pub(crate) fn listed_by(&self, folder: &Folder, boot: Duration) -> Vec<(Duration, RunId)> {
        let listed = self.folders.get(folder).map(|jobs| &jobs.listed);
        listed.into_iter().flatten().take_while(|(at, _)| *at <= boot).copied().collect()
    }
}

fn due_by(waiting: &BTreeSet<(Duration, RunId)>, boot: Duration) -> Vec<RunId> {
    waiting.iter().take_while(|(at, _)| *at <= boot).map(|(_, id)| *id).collect()
}

/// When the first that is not due by then is.
fn after(waiting: &BTreeSet<(Duration, RunId)>, boot: Duration) -> Option<Duration> {
    let due = (boot, RunId(Uuid::max()));
    waiting.range((Bound::Excluded(due), Bound::Unbounded)).next().map(|(at, _)| *at)
}

/// Takes a value out of one of these sets; an empty set goes with its last value.
fn leave<K: Ord, V: Ord>(sets: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
