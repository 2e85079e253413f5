//! The judge of the policies: what the sandbox's own list of jobs must look like whatever died, and how runs must have
//! ended.
//!
//! Jobs are told apart by their arguments (schedule, due time, attempt), not by the Reference that is on trial. That
//! every time has its row, and every row its job, is judged by the one judge of all torture; here are the laws that
//! come with several attempts and with stops.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::earlier;
use punctual::history::RunSummary;
use punctual::sandbox::{JobState, JobTruth};

use super::super::checker::is_open;
use super::file::{KINDS, Kind, Together};

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Law {
    /// One job for each planned time and attempt, and for each Reference.
    Once,
    /// Attempts are counted on, and named after the first one.
    Named,
    /// Another attempt only after an end that it may follow, and after that end.
    Retry,
    /// All attempts that may follow are made.
    Given,
    /// Never two jobs of one schedule at once where its policy says so.
    Alone,
    /// A pool is never over its size.
    Pool,
    /// In a pool the higher priority goes first.
    Priority,
    /// A queue goes by nominal time.
    Order,
    /// Late times that are caught up go one after another, before later ones.
    CaughtUp,
    /// Why a job is stopped is stored before the stop is asked for.
    Intent,
    /// A start is stored before it is sent.
    Claim,
    /// A run says how its last job ended.
    End,
    /// Nothing of a paused schedule is started, and what is not paused is not held.
    Paused,
    /// Nothing is started in a window, of its times none or the last one runs, and no other time is held.
    Window,
}

/// Within this a life that has begun holds the lock.
const TO_BEGIN: Duration = Duration::from_secs(5);

/// A law that does not hold, and where.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) law: Law,
    pub(super) sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.sentence)
    }
}

pub(super) fn find(law: Law, sentence: String) -> Finding {
    Finding { law, sentence }
}

/// A job, and what it was made for.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) kind: &'static Kind,
    pub(super) due: Timestamp,
    pub(super) attempt: u16,
    pub(super) job: JobTruth,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Made { kind, due, attempt, job } = self;
        write!(f, "job {} ({:?}) of `{}` of {due}, attempt {attempt}", job.id, job.state, kind.key)
    }
}

impl Made {
    fn of(job: &JobTruth) -> Option<Made> {
        let arguments = job.arguments.as_ref()?;
        let word = |name: &str| arguments[name].as_str();
        let kind = Kind::of(word("schedule")?)?;
        Some(Made { kind, due: word("due")?.parse().ok()?, attempt: word("attempt")?.parse().ok()?, job: job.clone() })
    }

    fn is_over_by(&self, at: Timestamp) -> bool {
        self.job.ended_at.is_some_and(|ended| ended <= at)
    }
}

/// Every job, in the order in which they were made.
pub(super) fn made(jobs: &[JobTruth]) -> Vec<Made> {
    let mut made: Vec<Made> =
        jobs.iter().map(|job| Made::of(job).unwrap_or_else(|| panic!("whose is this job? {job:#?}"))).collect();
    made.sort_by_key(|made| (made.job.created_at, made.job.id));
    made
}

/// The last attempt of each time.
pub(super) fn last_attempts(made: &[Made]) -> Vec<JobTruth> {
    let mut last: BTreeMap<(&str, Timestamp), &Made> = BTreeMap::new();
    for one in made {
        let kept = last.entry((one.kind.key, one.due)).or_insert(one);
        if kept.attempt <= one.attempt {
            *kept = one;
        }
    }
    last.into_values().map(|made| made.job.clone()).collect()
}

/// What holds of the jobs at any moment.
pub(super) fn judge_jobs(made: &[Made]) -> Vec<Finding> {
    let mut findings = once(made);
    findings.extend(attempts(made));
    for kind in KINDS.iter().filter(|kind| kind.together == Together::Never) {
        let jobs: Vec<&Made> = made.iter().filter(|made| made.kind.key == kind.key).collect();
        findings.extend(alone(Law::Alone, &jobs));
    }
    let pool: Vec<&Made> = made.iter().filter(|made| made.kind.in_pool).collect();
    findings.extend(alone(Law::Pool, &pool));
    for kind in KINDS.iter().filter(|kind| kind.in_order) {
        let jobs: Vec<&Made> = made.iter().filter(|made| made.kind.key == kind.key).collect();
        for pair in jobs.windows(2).filter(|pair| pair[1].due < pair[0].due) {
            findings.push(find(Law::Order, format!("{} was made after {}", pair[1], pair[0])));
        }
    }
    findings
}

fn once(made: &[Made]) -> Vec<Finding> {
    let mut by_time: BTreeMap<(&str, Timestamp, u16), Vec<i64>> = BTreeMap::new();
    let mut by_reference: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for Made { kind, due, attempt, job } in made {
        by_time.entry((kind.key, *due, *attempt)).or_default().push(job.id);
        by_reference.entry(job.reference.as_deref().unwrap_or_default()).or_default().push(job.id);
    }
    let times = by_time.into_iter().filter(|(_, jobs)| jobs.len() > 1).map(|((key, due, attempt), jobs)| {
        find(Law::Once, format!("attempt {attempt} at `{key}` of {due} has the jobs {jobs:?}"))
    });
    let names = by_reference.into_iter().filter(|(_, jobs)| jobs.len() > 1);
    times.chain(names.map(|(name, jobs)| find(Law::Once, format!("`{name}` has the jobs {jobs:?}")))).collect()
}

fn attempts(made: &[Made]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in made.iter().filter(|one| one.attempt > 1) {
        let of = |attempt: u16| {
            made.iter().find(|other| other.kind.key == one.kind.key && other.due == one.due && other.attempt == attempt)
        };
        let (Some(first), Some(before)) = (of(1), of(one.attempt - 1)) else {
            findings.push(find(Law::Named, format!("{one} has none before it")));
            continue;
        };
        let expected = format!("{}.a{}", first.job.reference.as_deref().unwrap_or_default(), one.attempt);
        if one.job.reference.as_deref() != Some(expected.as_str()) {
            findings.push(find(Law::Named, format!("{one} runs under {:?}, not `{expected}`", one.job.reference)));
        }
        if one.attempt > one.kind.most_starts() {
            findings.push(find(Law::Retry, format!("{one} is one too many")));
        }
        if !before.is_over_by(one.job.created_at) || !one.kind.may_follow(&before.job) {
            findings.push(find(Law::Retry, format!("{one} followed {before}")));
        }
    }
    findings
}

/// Each is over before the next one is made.
fn alone(law: Law, jobs: &[&Made]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (n, later) in jobs.iter().enumerate() {
        for earlier in jobs[..n].iter().filter(|earlier| !earlier.is_over_by(later.job.created_at)) {
            findings.push(find(law, format!("{later} was made while {earlier} was under way")));
        }
    }
    findings
}

/// What holds when all has been calm for a while. `runs` are those that are judged, and `asked` the jobs whose stop was
/// asked for.
pub(super) fn judge_ends(made: &[Made], runs: &[RunSummary], asked: &BTreeSet<i64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for run in runs.iter().filter(|run| !is_open(run)) {
        let Some(kind) = Kind::of(&run.schedule) else { continue };
        let due: Timestamp = run.nominal_at.parse().expect("an instant");
        let named = format!("`{}` of {due}, which is {} ({:?})", run.schedule, run.state.name(), run.note);
        if kind.never.contains(&run.state.name()) {
            findings.push(find(Law::End, format!("{named}: none of its schedule ends so")));
        }
        let of_it = |made: &&Made| made.kind.key == kind.key && made.due == due;
        let Some(attempt) = made.iter().filter(of_it).map(|made| made.attempt).max() else { continue };
        let Some(job) = made.iter().filter(of_it).find(|made| made.attempt == attempt).map(|made| &made.job) else {
            continue;
        };
        let expected = match (job.state, asked.contains(&job.id)) {
            (JobState::Successful, _) => Some("succeeded"),
            (JobState::Faulted, false) => Some("faulted"),
            (JobState::Faulted | JobState::Stopped, true) => kind.stopped_as,
            (JobState::Stopped, false)
            | (
                JobState::Pending
                | JobState::Running
                | JobState::Stopping
                | JobState::Terminating
                | JobState::Suspended
                | JobState::Resumed,
                _,
            ) => None,
        };
        if expected != Some(run.state.name()) {
            findings.push(find(Law::End, format!("{named}, and its last job {} is {:?}", job.id, job.state)));
        }
        if kind.may_follow(job) && attempt < kind.most_starts() {
            findings.push(find(Law::Given, format!("{named}, after attempt {attempt} of {}", kind.most_starts())));
        }
    }
    findings.extend(caught_up(made, runs));
    findings
}

/// Of schedules whose late times all run.
fn caught_up(made: &[Made], runs: &[RunSummary]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of_late: Vec<&Made> = made.iter().filter(|made| made.kind.key == "late").collect();
    for run in runs.iter().filter(|run| run.schedule == "late" && run.trigger.name() == "catch_up") {
        let Some(early) = of_late.iter().find(|made| Some(made.job.id) == run.job_id) else { continue };
        for later in of_late.iter().filter(|later| later.due > early.due && !early.is_over_by(later.job.created_at)) {
            findings.push(find(Law::CaughtUp, format!("{later} was made while {early} was caught up")));
        }
    }
    findings
}

/// Of the times that came together in the pool the one of the higher priority goes first. What a new life has to look up
/// before it sends it goes as soon as that is done, so times around the beginning of a life are not judged.
pub(super) fn judge_order_in_pool(made: &[Made], begun: &[Timestamp]) -> Vec<Finding> {
    let first = |key: &str, due| made.iter().find(|one| one.kind.key == key && one.due == due && one.attempt == 1);
    let mut findings = Vec::new();
    for high in made.iter().filter(|one| one.kind.key == "high") {
        let of_one_life = earlier(high.due, TO_BEGIN)..=high.job.created_at;
        if begun.iter().any(|at| of_one_life.contains(at)) {
            continue;
        }
        let others = ["low", "middle"].into_iter().filter_map(|key| first(key, high.due));
        for lower in others.filter(|lower| lower.job.created_at < high.job.created_at) {
            findings.push(find(Law::Priority, format!("{lower} was made before {high}")));
        }
    }
    findings
}
