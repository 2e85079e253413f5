//! What the lanes run: one schedule for each policy, processes whose robots fail, hang and do not hear, and a server
//! that loses answers.

use std::time::Duration;

use jiff::Timestamp;
use punctual::sandbox::{
    Endpoint, Failure, Fault, FaultRule, Faults, JobState, JobTruth, Mishap, PendingReason, ProcessSpec, SandboxConfig,
};

use super::super::support;

/// The settle window; the product's own is two minutes.
const SETTLE: Duration = Duration::from_secs(2);
/// An answer takes this long, so that starts and stops are under way when a kill comes.
const ANSWER: Duration = Duration::from_millis(100);
/// Longer than any schedule waits for: a job of this is always stopped.
const LONG: Duration = Duration::from_secs(90);

/// Whether jobs of one schedule may be under way together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Together {
    Never,
    Freely,
}

/// Whether one job of ours may follow another of the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// When it faulted, up to so many starts.
    Faulted(u16),
    /// When it was stopped before a robot took it, up to so many starts.
    NeverBegun(u16),
}

/// What holds the times of a schedule back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Under {
    Nothing,
    /// A person, who pauses and resumes.
    Pauses,
    /// The last time of each of these windows waits for its end.
    Wait(&'static Windows),
    /// Times in these windows are skipped.
    Skip(&'static Windows),
}

/// Windows of every minute.
#[derive(Debug)]
pub(super) struct Windows {
    name: &'static str,
    /// The seconds at which they begin.
    begins: [i64; 3],
    seconds: i64,
}

const BACKUP: Windows = Windows { name: "backup", begins: [5, 25, 45], seconds: 9 };
const PATCHING: Windows = Windows { name: "patching", begins: [15, 35, 55], seconds: 6 };

/// So often schedules under windows and pauses come.
const HELD_EVERY: i64 = 3;

/// One window: the first instant in it, and the first after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) begins: Timestamp,
    pub(super) ends: Timestamp,
}

impl Windows {
    /// The one that an instant lies in.
    pub(super) fn at(&self, at: Timestamp) -> Option<Window> {
        let minute = at.as_second() - at.as_second().rem_euclid(60);
        let instant = |second: i64| Timestamp::from_second(second).expect("an instant");
        // The last one of a minute may reach into the next.
        let all = [minute - 60, minute].into_iter().flat_map(|minute| self.begins.map(|second| minute + second));
        let all = all.map(|second| Window { begins: instant(second), ends: instant(second + self.seconds) });
        all.into_iter().find(|window| window.begins <= at && at < window.ends)
    }
}

impl Window {
    /// The last time in it.
    pub(super) fn last(&self) -> Timestamp {
        let before = self.ends.as_second() - 1;
        Timestamp::from_second(before - before.rem_euclid(HELD_EVERY)).expect("an instant")
    }
}

/// What the rules say of one schedule's jobs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) key: &'static str,
    /// When, what, and by which policy.
    yaml: &'static str,
    pub(super) together: Together,
    /// Whether jobs begin in the order of their times.
    pub(super) in_order: bool,
    pub(super) in_pool: bool,
    pub(super) again: Again,
    /// How a run ends whose job we stopped; none: none of its jobs is ever stopped.
    pub(super) stopped_as: Option<&'static str>,
    /// Ends that none of its runs may have.
    pub(super) never: &'static [&'static str],
    pub(super) under: Under,
}

const USUAL: Kind = Kind {
    key: "",
    yaml: "",
    together: Together::Freely,
    in_order: false,
    in_pool: false,
    again: Again::Never,
    stopped_as: None,
    never: &[],
    under: Under::Nothing,
};

/// Ends are seen five seconds after a start at the earliest, or when the next time asks: three jobs in half a minute
/// leave the last in the queue and the lowest in the pool their turn, and four seconds are longer than it takes the
/// next time to come.
pub(super) const KINDS: [Kind; 17] = [
    Kind { key: "skip", yaml: "every: 3s, start: { process: Four", together: Together::Never, in_order: true, ..USUAL },
    Kind {
        key: "one",
        yaml: "every: 3s, overlap: queue_one, start: { process: Four",
        together: Together::Never,
        in_order: true,
        ..USUAL
    },
    Kind {
        key: "latest",
        yaml: "every: 3s, overlap: queue_latest, start: { process: Four",
        together: Together::Never,
        in_order: true,
        ..USUAL
    },
    Kind {
        key: "all",
        yaml: "cron: \"0,1,2,30,31,32 * * * * *\", overlap: queue_all, start: { process: Four",
        together: Together::Never,
        in_order: true,
        never: &["skipped"],
        ..USUAL
    },
    Kind {
        key: "other",
        yaml: "every: 13s, overlap: stop_other, timeout: { kill_after: 2s }, start: { process: Long",
        together: Together::Never,
        in_order: true,
        stopped_as: Some("stopped"),
        ..USUAL
    },
    Kind {
        key: "kill",
        yaml: "every: 13s, overlap: kill_other, start: { process: Long",
        together: Together::Never,
        in_order: true,
        stopped_as: Some("stopped"),
        ..USUAL
    },
    Kind {
        key: "again",
        yaml: "every: 11s, overlap: allow, retry: { attempts: 3, delay: 1s }, start: { process: Faulty",
        again: Again::Faulted(3),
        ..USUAL
    },
    Kind {
        key: "never",
        yaml: "every: 17s, overlap: allow, pause_after_failures: 0, retry: { attempts: 3, delay: 1s }, start: { process: Refused",
        ..USUAL
    },
    Kind {
        key: "soft",
        yaml: "every: 15s, overlap: allow, timeout: { soft: 2s, kill_after: 2s }, start: { process: Long",
        stopped_as: Some("timed_out"),
        ..USUAL
    },
    Kind {
        key: "pending",
        yaml: "every: 19s, overlap: allow, timeout: { pending: 3s, on_pending: restart }, start: { process: Hanging",
        again: Again::NeverBegun(2),
        stopped_as: Some("timed_out"),
        ..USUAL
    },
    Kind {
        key: "low",
        yaml: "every: 30s, pool: single, start: { process: Short",
        together: Together::Never,
        in_pool: true,
        ..USUAL
    },
    Kind {
        key: "middle",
        yaml: "every: 30s, pool: single, start: { process: Short",
        together: Together::Never,
        in_pool: true,
        ..USUAL
    },
    Kind {
        key: "high",
        yaml: "every: 30s, pool: single, priority: 10, start: { process: Short",
        together: Together::Never,
        in_pool: true,
        ..USUAL
    },
    Kind {
        key: "late",
        yaml: "every: 12s, overlap: allow, catch_up: { policy: all, max: 50, window: 10m }, start: { process: Short",
        never: &["missed", "skipped"],
        ..USUAL
    },
    Kind {
        key: "held",
        yaml: "every: 3s, overlap: allow, retry: { attempts: 2, delay: 2s }, start: { process: Faulty",
        again: Again::Faulted(2),
        under: Under::Pauses,
        ..USUAL
    },
    Kind {
        key: "later",
        yaml: "every: 3s, overlap: allow, start: { process: Short",
        under: Under::Wait(&BACKUP),
        ..USUAL
    },
    Kind {
        key: "shut",
        yaml: "every: 3s, overlap: allow, start: { process: Short",
        under: Under::Skip(&PATCHING),
        ..USUAL
    },
];

impl Kind {
    pub(super) fn of(key: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.key == key)
    }

    /// How many starts a time may have in all.
    pub(super) fn most_starts(&self) -> u16 {
        match self.again {
            Again::Never => 1,
            Again::Faulted(most) | Again::NeverBegun(most) => most,
        }
    }

    /// Whether another job may follow this one.
    pub(super) fn may_follow(&self, job: &JobTruth) -> bool {
        match self.again {
            Again::Never => false,
            Again::Faulted(_) => job.state == JobState::Faulted,
            Again::NeverBegun(_) => job.state == JobState::Stopped && job.started_at.is_none(),
        }
    }
}

/// The file of a lane, whose times begin at this instant.
pub(super) fn file(url: &str, starts: Timestamp) -> String {
    let mut yaml = support::connection(url);
    yaml.push_str(&format!(
        "    settle: {}s\n    limits: {{ list_calls_per_minute: 6000, starts_per_second: 100, open_requests: 32, recovery_rate: 100 }}\n\
         limits: {{ single: {{ running: 1 }} }}\ndefaults: {{ folder: Shared, timezone: UTC }}\nblackouts:\n",
        SETTLE.as_secs()
    ));
    for Kind { key, under, .. } in KINDS {
        let (Windows { name, begins: [first, second, third], seconds }, then) = match under {
            Under::Nothing | Under::Pauses => continue,
            Under::Wait(windows) => (windows, "wait"),
            Under::Skip(windows) => (windows, "skip"),
        };
        yaml.push_str(&format!(
            "  {name}: {{ cron: \"{first},{second},{third} * * * * *\", for: {seconds}s, schedules: [{key}], then: {then} }}\n"
        ));
    }
    yaml.push_str("schedules:\n");
    for Kind { key, yaml: what, .. } in KINDS {
        yaml.push_str(&format!(
            "  {key}: {{ starts: \"{starts}\", {what}, arguments: {{ schedule: {key}, due: \"${{nominal}}\", attempt: \"${{attempt}}\" }} }} }}\n"
        ));
    }
    yaml
}

pub(super) fn tenant(config: &mut SandboxConfig) {
    let process = |name: &str, running| ProcessSpec::new(name).taking(Duration::from_millis(100), running);
    let short = Duration::from_millis(700);
    config.tenant.folders[0].processes.extend([
        process("Short", short),
        process("Four", Duration::from_secs(4)),
        process("Long", LONG),
        process("Faulty", short),
        process("Refused", short),
        process("Hanging", short),
    ]);
}

/// A server that loses answers, and robots as they are.
pub(super) fn faults() -> Faults {
    let starts = |fault| FaultRule::always(fault).on(Endpoint::StartJobs);
    let stops = |fault| FaultRule::always(fault).on(Endpoint::StopJobs);
    let mut faults = robots();
    faults.rules.extend([
        starts(Fault::Late(SETTLE / 2)).share(0.2),
        starts(Fault::DropAnswer).share(0.1),
        starts(Fault::DropRequest).share(0.05),
        starts(Fault::DelayAnswer(ANSWER)),
        stops(Fault::DropAnswer).share(0.15),
        stops(Fault::DropRequest).share(0.15),
        stops(Fault::DelayAnswer(ANSWER)),
    ]);
    faults
}

/// How robots deal with what they are given, also when the server is well.
pub(super) fn robots() -> Faults {
    let of = |process: &str, fault| FaultRule::always(fault).on(Endpoint::StartJobs).process(process);
    let account = Failure::new(Mishap::LogonFailed).account("acme\\another");
    Faults {
        rules: vec![
            of("Long", Fault::IgnoreSoftStop).share(0.5),
            of("Faulty", Fault::Fails(Failure::new(Mishap::WorkflowException))).share(0.6),
            of("Refused", Fault::Fails(account)).share(0.5),
            of("Refused", Fault::Fails(Failure::new(Mishap::BusinessRule))).share(0.3),
            of("Hanging", Fault::Hang(PendingReason::NoHost)).share(0.6),
        ],
    }
}
