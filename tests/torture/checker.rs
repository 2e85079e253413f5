//! The one judge of all torture: nine invariants over what was demanded, what truly happened, and what we wrote down.
//!
//! Truth is the stand-in's own list of jobs, told apart by their arguments (schedule and due time), not by the Reference
//! that is on trial. The demand comes from `demand`, the second implementation. What a run of the harness cannot know
//! (the memory of a daemon that was killed, say) it leaves out, and then the invariant is not judged; [`Judgement::judged`]
//! says which were.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use punctual::history::RunSummary;
use punctual::sandbox::JobTruth;

use super::demand::Demand;

/// What must hold, whatever dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// Every demanded time has exactly one row, with a final state or a reason.
    I1,
    /// At most one job for a demanded time, and for a Reference.
    I2,
    /// Every job of ours has a row that knows it.
    I3,
    /// No row says that a job exists which does not.
    I4,
    /// Without faults, starts are on time.
    I5,
    /// No start without an older durable claim.
    I6,
    /// When faults have ended, nothing stays open, without a restart.
    I7,
    /// No secret in any output.
    I8,
    /// Memory and file handles come back to where they were.
    I9,
}

impl Invariant {
    pub(crate) const ALL: [Invariant; 9] = {
        use Invariant::*;
        [I1, I2, I3, I4, I5, I6, I7, I8, I9]
    };
}

/// An invariant that does not hold, and where.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) invariant: Invariant,
    pub(crate) sentence: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.sentence)
    }
}

/// All that is known after a run of the harness.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// What the schedules demand in the window that is judged.
    pub(crate) demanded: BTreeSet<Demand>,
    /// Every job that was made.
    pub(crate) jobs: Vec<JobTruth>,
    /// The history.
    pub(crate) runs: Vec<RunSummary>,
    /// Which times may have lost their rows, because the database was taken away on purpose.
    pub(crate) forgiven: Forgiven,
    /// Due times when nothing was wrong, and how late a start may then be.
    pub(crate) quiet: Option<Quiet>,
    /// What was seen to be wrong on the way: starts without a claim at the moment of a kill.
    pub(crate) unclaimed: Option<Vec<String>>,
    /// Whether the end was calm, so that nothing may be open.
    pub(crate) calm: Option<Calm>,
    /// Everything that was printed or kept, by name.
    pub(crate) outputs: Vec<(String, Vec<u8>)>,
    /// What must not be found there.
    pub(crate) secrets: Vec<String>,
    /// Of the last life: when it had settled, and at the end.
    pub(crate) vitals: Option<(Vitals, Vitals)>,
}

/// Which rows the harness took away itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Forgiven {
    /// None.
    #[default]
    Nothing,
    /// Those of times up to then.
    UpTo(Timestamp),
}

/// A stretch without faults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quiet {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// What a burst takes within its connection's limits, and a second.
    pub(crate) lateness: Duration,
}

/// Nothing was done to it for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calm;

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vitals {
    pub(crate) resident_kib: u64,
    pub(crate) handles: u64,
}

impl Vitals {
    /// Handles beyond those of the baseline: connections that are kept open for the next call, one a request under way.
    const SPARE_HANDLES: u64 = 24;
    /// The allocator keeps some of what a burst took.
    const SPARE_KIB: u64 = 24 * 1024;

    /// Whether it holds no more handles than at this baseline.
    pub(crate) fn has_come_back_to(&self, before: Vitals) -> bool {
        self.handles <= before.handles + Vitals::SPARE_HANDLES
    }

    /// Of a process that runs.
    pub(crate) fn of(process: u32) -> Option<Vitals> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let resident_kib = line.split_whitespace().nth(1)?.parse().ok()?;
        let handles = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?.count();
        Some(Vitals { resident_kib, handles: handles as u64 })
    }
}

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) broken: Vec<Broken>,
    pub(crate) judged: BTreeSet<Invariant>,
}

impl Judgement {
    pub(crate) fn assert_holds(&self, where_from: &str) {
        let told: Vec<String> = self.broken.iter().take(12).map(ToString::to_string).collect();
        assert!(self.broken.is_empty(), "{where_from}: {} findings:\n{}", self.broken.len(), told.join("\n"));
    }

    fn find(&mut self, invariant: Invariant, sentence: String) {
        self.broken.push(Broken { invariant, sentence });
    }
}

/// States of a row in which a job exists or existed.
const WITH_JOB: [&str; 8] =
    ["pending", "running", "suspended", "stopping", "succeeded", "faulted", "stopped", "timed_out"];

/// States that are no end.
const OPEN: [&str; 9] =
    ["armed", "waiting", "starting", "unknown", "held", "pending", "running", "suspended", "stopping"];

pub(crate) fn is_open(run: &RunSummary) -> bool {
    OPEN.contains(&run.state.name())
}

/// The demanded time that a job was made for, by its own arguments.
pub(crate) fn demand_of(job: &JobTruth) -> Option<Demand> {
    let arguments = job.arguments.as_ref()?;
    let due = arguments["due"].as_str()?.parse().ok()?;
    Some(Demand { schedule: arguments["schedule"].as_str()?.to_owned(), due })
}

fn demand_of_row(run: &RunSummary) -> Demand {
    Demand { schedule: run.schedule.clone(), due: run.nominal_at.parse().expect("an instant") }
}

pub(crate) fn judge(evidence: &Evidence) -> Judgement {
    let mut judgement = Judgement::default();
    rows(evidence, &mut judgement);
    jobs(evidence, &mut judgement);
    lateness(evidence, &mut judgement);
    if let Some(unclaimed) = &evidence.unclaimed {
        judgement.judged.insert(Invariant::I6);
        for start in unclaimed {
            judgement.find(Invariant::I6, start.clone());
        }
    }
    if let Some(Calm) = evidence.calm {
        judgement.judged.insert(Invariant::I7);
        for run in evidence.runs.iter().filter(|run| is_open(run)) {
            let (schedule, due, state) = (&run.schedule, &run.nominal_at, run.state.name());
            let why = run.error.as_deref().unwrap_or("no error");
            let sentence = format!("`{schedule}` of {due} is still {state} although all has been calm ({why})");
            judgement.find(Invariant::I7, sentence);
        }
    }
    secrets(evidence, &mut judgement);
    if let Some((before, after)) = evidence.vitals {
        judgement.judged.insert(Invariant::I9);
        if !after.has_come_back_to(before) {
            let sentence = format!("the daemon held {} file handles and now holds {}", before.handles, after.handles);
            judgement.find(Invariant::I9, sentence);
        }
        if after.resident_kib > before.resident_kib + Vitals::SPARE_KIB {
            let sentence =
                format!("the daemon took {} KiB of memory and now takes {}", before.resident_kib, after.resident_kib);
            judgement.find(Invariant::I9, sentence);
        }
    }
    judgement
}

/// I1: rows and demands are the same set, and each row says what became of it.
fn rows(evidence: &Evidence, judgement: &mut Judgement) {
    judgement.judged.insert(Invariant::I1);
    let mut rows: BTreeMap<Demand, Vec<&RunSummary>> = BTreeMap::new();
    // Times that did not run may share one row.
    let mut ranges: Vec<(Demand, Timestamp)> = Vec::new();
    for run in &evidence.runs {
        let demand = demand_of_row(run);
        if let Some(until) = &run.nominal_until {
            ranges.push((demand.clone(), until.parse().expect("an instant")));
        }
        rows.entry(demand).or_default().push(run);
    }
    let in_range = |demand: &Demand| {
        ranges
            .iter()
            .any(|(first, until)| first.schedule == demand.schedule && first.due <= demand.due && demand.due <= *until)
    };
    let forgiven = |demand: &Demand| match evidence.forgiven {
        Forgiven::Nothing => false,
        Forgiven::UpTo(until) => demand.due <= until,
    };
    for demand in &evidence.demanded {
        let Demand { schedule, due } = demand;
        match rows.get(demand).map_or(0, Vec::len) {
            0 if in_range(demand) || forgiven(demand) => {}
            0 => judgement.find(Invariant::I1, format!("`{schedule}` of {due} is demanded and has no row")),
            1 => {}
            rows => judgement.find(Invariant::I1, format!("`{schedule}` of {due} has {rows} rows")),
        }
    }
    for (demand, rows) in &rows {
        let Demand { schedule, due } = demand;
        if !evidence.demanded.contains(demand) && !forgiven(demand) {
            judgement.find(Invariant::I1, format!("`{schedule}` of {due} has a row and is not demanded"));
        }
        for run in rows {
            let says_why = match run.state.name() {
                "skipped" | "missed" | "waiting" => run.state.reason().is_some(),
                "rejected" | "held" | "lost" => run.error.is_some() || run.note.is_some(),
                _ => true,
            };
            if !says_why {
                let sentence = format!("`{schedule}` of {due} is {} and does not say why", run.state.name());
                judgement.find(Invariant::I1, sentence);
            }
        }
    }
}

/// I2, I3 and I4: the truth and the rows agree about jobs.
fn jobs(evidence: &Evidence, judgement: &mut Judgement) {
    judgement.judged.extend([Invariant::I2, Invariant::I3, Invariant::I4]);
    let mut by_demand: BTreeMap<Demand, Vec<i64>> = BTreeMap::new();
    let mut by_reference: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let known: BTreeMap<&str, &RunSummary> =
        evidence.runs.iter().flat_map(|run| run.jobs.iter().map(move |job| (job.reference.as_str(), run))).collect();
    for job in &evidence.jobs {
        let demand = demand_of(job);
        let named = match &demand {
            Some(Demand { schedule, due }) => format!("job {} of `{schedule}` of {due}", job.id),
            None => format!("job {}", job.id),
        };
        by_demand
            .entry(demand.clone().unwrap_or(Demand { schedule: named.clone(), due: job.created_at }))
            .or_default()
            .push(job.id);
        let reference = job.reference.as_deref().unwrap_or_default();
        by_reference.entry(reference).or_default().push(job.id);
        let forgiven = match (evidence.forgiven, &demand) {
            (Forgiven::UpTo(until), Some(demand)) => demand.due <= until,
            (Forgiven::Nothing, _) | (Forgiven::UpTo(_), None) => false,
        };
        match known.get(reference) {
            None if forgiven => {}
            None => judgement.find(Invariant::I3, format!("{named} runs under `{reference}`, which no row has")),
            Some(run) if Some(demand_of_row(run)) != demand => {
                let sentence = format!("{named} runs under the Reference of `{}` of {}", run.schedule, run.nominal_at);
                judgement.find(Invariant::I3, sentence);
            }
            Some(run) if !is_open(run) && run.job_key.as_deref() != Some(job.key.to_string().as_str()) => {
                if !forgiven {
                    judgement.find(
                        Invariant::I3,
                        format!("{named} exists, and its row ended {} without it", run.state.name()),
                    );
                }
            }
            Some(_) => {}
        }
    }
    for (Demand { schedule, due }, ids) in &by_demand {
        if ids.len() > 1 {
            judgement
                .find(Invariant::I2, format!("`{schedule}` of {due} was started {} times: jobs {ids:?}", ids.len()));
        }
    }
    for (reference, ids) in &by_reference {
        if ids.len() > 1 {
            judgement.find(Invariant::I2, format!("`{reference}` has {} jobs: {ids:?}", ids.len()));
        }
    }
    let keys: BTreeSet<String> = evidence.jobs.iter().map(|job| job.key.to_string()).collect();
    for run in evidence.runs.iter().filter(|run| WITH_JOB.contains(&run.state.name())) {
        if !run.job_key.as_ref().is_some_and(|key| keys.contains(key)) {
            let (schedule, due) = (&run.schedule, &run.nominal_at);
            judgement.find(Invariant::I4, format!("`{schedule}` of {due} is {} and has no job", run.state.name()));
        }
    }
    // Lost is a row whose job never was: nothing else explains it.
    for run in evidence.runs.iter().filter(|run| run.state.name() == "lost") {
        judgement.find(Invariant::I4, format!("`{}` of {} is lost", run.schedule, run.nominal_at));
    }
}

/// I5: a time that came when nothing was wrong was started within its limit.
fn lateness(evidence: &Evidence, judgement: &mut Judgement) {
    let Some(Quiet { from, until, lateness }) = evidence.quiet else { return };
    judgement.judged.insert(Invariant::I5);
    let limit = jiff::SignedDuration::try_from(lateness).expect("a short time");
    let made: BTreeMap<Demand, Timestamp> =
        evidence.jobs.iter().filter_map(|job| demand_of(job).map(|demand| (demand, job.created_at))).collect();
    for demand in evidence.demanded.iter().filter(|demand| demand.due > from && demand.due <= until) {
        let Demand { schedule, due } = demand;
        match made.get(demand) {
            None => judgement.find(Invariant::I5, format!("`{schedule}` of {due} was not started in quiet times")),
            Some(at) if at.duration_since(*due) > limit => {
                let late = at.duration_since(*due);
                judgement.find(Invariant::I5, format!("`{schedule}` of {due} was {late:#} late in quiet times"));
            }
            Some(_) => {}
        }
    }
}

/// I8: no secret stands in what was printed or kept. The files that hold the login by design are not outputs.
fn secrets(evidence: &Evidence, judgement: &mut Judgement) {
    if evidence.outputs.is_empty() {
        return;
    }
    judgement.judged.insert(Invariant::I8);
    for (name, bytes) in &evidence.outputs {
        let text = String::from_utf8_lossy(bytes);
        if evidence.secrets.iter().any(|secret| secret.len() > 7 && text.contains(secret.as_str())) {
            judgement.find(Invariant::I8, format!("a secret stands in {name}"));
        }
    }
}
