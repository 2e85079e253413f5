//! The answer in words: one sentence, the evidence, and what to do. Instants are RFC 3339 in UTC; whoever shows them puts them into a zone.

use std::time::Duration;

use super::answer::{Answer, Coming, Row, Why};
use super::delay::{Delay, Span};
use crate::history::Shown;
use crate::recurrence::{Excluded, Nominal, spoken};
use crate::run::{Ending, Held, HeldBy, HeldFor, JobPhase, MissReason, PauseScope, RunState, SkipReason, WaitReason};
use crate::schedule::{Enablement, OverlapPolicy};
use crate::text::{NamePattern, first, roughly};

/// So many runs that stand in front are named.
const NAMED: usize = 5;

/// A start is on time up to here.
const ON_TIME: Duration = Duration::from_secs(1);

/// A robot that takes longer than this is worth a word.
const ROBOT_IN_TIME: Duration = Duration::from_secs(60);

impl Why {
    /// What became of the time, or will, in one sentence without its full stop.
    pub fn sentence(&self) -> String {
        match &self.answer {
            Answer::Row(row) => row.sentence(),
            Answer::Coming(coming) => coming.sentence(),
            Answer::NotYet { mark: Some(mark), .. } => {
                format!("its time has come, and no daemon has seen it: the times of this schedule are judged up to {mark:.0}")
            }
            Answer::NotYet { mark: None, .. } => {
                "its time has come, and no daemon has loaded this schedule yet".to_owned()
            }
            Answer::NotPlanned { loaded_at: None, .. } => "the schedule has no such time".to_owned(),
            Answer::NotPlanned { loaded_at: Some(at), .. } => {
                format!("the schedule had no such time then: other times have been loaded since those of {at:.0}")
            }
            Answer::BeforeItExisted { loaded_at } => {
                format!("the schedule did not exist then: it was loaded first at {loaded_at:.0}")
            }
            Answer::NoRow { oldest: Some(oldest) } if self.nominal_at < *oldest => format!(
                "the schedule had this time, and the history begins later, at {oldest:.0}: what became of it is not kept any more"
            ),
            Answer::NoRow { .. } => {
                "the schedule has had this time, and it has no row: the schedule was not in the files then, or the row was removed"
                    .to_owned()
            }
        }
    }

    /// What it is known by, a line each.
    pub fn evidence(&self) -> Vec<String> {
        let mut lines = match &self.answer {
            Answer::Row(row) => row.evidence(),
            Answer::Coming(coming) => coming.evidence(),
            Answer::NotYet { planned, .. } => note_of(planned).into_iter().collect(),
            Answer::NotPlanned { before, after, .. } => self.neighbours(before.as_deref(), after.as_deref()),
            Answer::BeforeItExisted { .. } | Answer::NoRow { .. } => Vec::new(),
        };
        let by_hand = self.others.iter().map(|run| {
            format!("run {} of the same time, {}, {}: {}", run.short(), run.trigger, run.claimed_at, run.state)
        });
        lines.extend(by_hand);
        lines
    }

    fn neighbours(&self, before: Option<&Nominal>, after: Option<&Nominal>) -> Vec<String> {
        let told = |word: &str, time: &Nominal| {
            let note = note_of(time).map(|note| format!(" ({note})")).unwrap_or_default();
            format!("the time {word} it: {}{note}", spoken(&self.zone, time.at))
        };
        let before = before.map_or_else(|| "it has no time before".to_owned(), |time| told("before", time));
        let after = after.map_or_else(|| "it has no time after".to_owned(), |time| told("after", time));
        vec![before, after]
    }

    /// What can be done about it, if anything.
    pub fn cure(&self) -> Option<String> {
        match &self.answer {
            Answer::Row(row) => row.cure(),
            Answer::Coming(coming) => coming.cure(&self.schedule),
            Answer::NotYet { .. } => Some(
                "`punctual status` tells whether a daemon runs; its `catch_up` decides what becomes of the time"
                    .to_owned(),
            ),
            Answer::NotPlanned { .. } | Answer::BeforeItExisted { .. } => {
                Some(format!("`punctual next {}` shows its coming times", self.schedule))
            }
            Answer::NoRow { .. } => None,
        }
    }
}

/// What a clock change or the calendar did to a time.
fn note_of(time: &Nominal) -> Option<String> {
    time.note.as_ref().map(ToString::to_string)
}

impl Row {
    fn sentence(&self) -> String {
        let Some(state) = self.run.state.known() else {
            return format!("its row says `{}`, which this version does not know", self.run.state);
        };
        match state {
            RunState::Ended(ending) => self.ended(ending),
            RunState::Job(phase) => format!("{}{}", of_phase(phase), self.delays()),
            RunState::Starting => "it is being sent to Orchestrator".to_owned(),
            RunState::Unknown => "it may have started, and is looked up at Orchestrator".to_owned(),
            RunState::Held => "it may have started, and is held until a person decides".to_owned(),
            RunState::Armed => "it is about to be sent".to_owned(),
            RunState::Waiting(reason) => format!("it waits {}", waits_for(reason)),
        }
    }

    fn ended(&self, ending: Ending) -> String {
        let how = match ending {
            Ending::Succeeded => "it ran and succeeded",
            Ending::Faulted => "it ran and failed",
            Ending::Stopped => "it ran and was stopped",
            Ending::TimedOut => "it took too long and was stopped",
            Ending::Lost => "it was started, and its job was lost sight of",
            Ending::Rejected => "Orchestrator refused to start it",
            Ending::Cancelled => return format!("it was cancelled before it was sent{}", self.because()),
            Ending::Skipped(SkipReason::Calendar) => {
                return "it was left out: the calendar takes its day out".to_owned();
            }
            Ending::Skipped(_) => return format!("it was skipped{}", self.because()),
            Ending::Missed(_) => return format!("it was missed{}", self.because()),
        };
        format!("{how}{}", self.delays())
    }

    /// Why it was not started, in the words of its last line.
    fn because(&self) -> String {
        let line = self.lines.last().map(|line| line.text.as_str()).or(self.run.note.as_deref());
        match line.map(|text| text.trim_start_matches("Not started: ")) {
            Some(text) if !text.is_empty() => format!(": {}", begin_small(text)),
            Some(_) | None => String::new(),
        }
    }

    /// How late it was, and for what.
    fn delays(&self) -> String {
        let before: Vec<&Span> =
            self.delay.iter().filter(|span| !matches!(span.delay, Delay::Robot | Delay::Sending)).collect();
        let late: Duration = before.iter().map(|span| span.length).sum();
        let mut text = String::new();
        if late >= ON_TIME {
            let parts = before.iter().filter(|span| span.length >= ON_TIME);
            let parts: Vec<String> =
                parts.map(|span| format!("{} {}", roughly(span.length), delay_words(span.delay))).collect();
            let why = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
            text.push_str(&format!(", {} late{why}", roughly(late)));
        }
        if let Some(robot) = self.delay.iter().find(|span| span.delay == Delay::Robot && span.length >= ROBOT_IN_TIME) {
            text.push_str(&format!("; its job waited {} for a robot", roughly(robot.length)));
        }
        text
    }

    fn evidence(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let (Some(until), Some(count)) = (&self.run.nominal_until, self.run.count) {
            lines.push(format!(
                "it shares run {} with the times from {} to {until}, {count} in all",
                self.run.short(),
                self.run.nominal_at
            ));
        }
        let told = |error: &&String| self.lines.iter().any(|line| line.text.contains(error.as_str()));
        lines.extend(self.run.error.as_ref().filter(|error| !told(error)).cloned());
        if !self.in_front.is_empty() {
            let names = self.in_front.iter().map(|run| format!("{} ({}, {})", run.short(), run.schedule, run.state));
            let names: Vec<String> = names.collect();
            lines.push(format!("in front of it: {}", first(names, NAMED)));
        }
        lines.extend(self.lines.iter().map(|line| format!("{}  {}  {}", line.at, line.state, line.text)));
        lines
    }

    fn cure(&self) -> Option<String> {
        let id = self.run.short();
        let show = || Some(format!("`punctual show {id}` tells all of it"));
        match self.run.state.known()? {
            RunState::Held => Some(match &self.run.held_for {
                Some(Shown::Known(why)) => why.cure(id),
                Some(Shown::Other(_)) | None => HeldFor::Person.cure(id),
            }),
            RunState::Waiting(WaitReason::Paused) => {
                Some("`punctual status` names the pause, and `punctual resume` ends it".to_owned())
            }
            RunState::Waiting(WaitReason::Token | WaitReason::Outage | WaitReason::Clock | WaitReason::LookUp) => {
                Some("`punctual doctor` names what is wrong with its connection".to_owned())
            }
            RunState::Ended(Ending::Skipped(SkipReason::Overlap)) => Some(
                "with `overlap: queue_latest` in its schedule such a time waits for the older run; with `overlap: allow` both run".to_owned(),
            ),
            RunState::Ended(Ending::Skipped(SkipReason::Disabled)) => {
                Some("`enabled: true` in its schedule, and its coming times run".to_owned())
            }
            RunState::Ended(Ending::Missed(MissReason::Deadline)) => {
                Some("`start_deadline` in its schedule is how late a time may still be started".to_owned())
            }
            RunState::Ended(Ending::Missed(MissReason::Down | MissReason::Limit)) => {
                Some("`catch_up: { policy: all, max: 10 }` in its schedule makes more than one such time good".to_owned())
            }
            RunState::Ended(Ending::Missed(MissReason::Window)) => {
                Some("`catch_up: { window: 1d }` in its schedule is how long ago a time may be to be made good".to_owned())
            }
            RunState::Ended(Ending::Faulted | Ending::TimedOut | Ending::Rejected | Ending::Lost | Ending::Stopped) => show(),
            RunState::Ended(
                Ending::Succeeded
                | Ending::Cancelled
                | Ending::Missed(MissReason::Edited)
                | Ending::Skipped(
                    SkipReason::Calendar
                    | SkipReason::Paused
                    | SkipReason::Blackout
                    | SkipReason::Parent
                    | SkipReason::UnknownStart,
                ),
            )
            | RunState::Armed
            | RunState::Starting
            | RunState::Unknown
            | RunState::Job(_)
            | RunState::Waiting(
                WaitReason::Overlap
                | WaitReason::RateLimit
                | WaitReason::Limit
                | WaitReason::Retry
                | WaitReason::CatchUp
                | WaitReason::Capacity
                | WaitReason::Blackout,
            ) => None,
        }
    }
}

fn of_phase(phase: JobPhase) -> &'static str {
    match phase {
        JobPhase::Pending => "it was sent, and its job waits for a robot",
        JobPhase::Running => "it runs",
        JobPhase::Suspended => "it was started, and its job is suspended",
        JobPhase::Stopping => "it was started, and its job is being stopped",
    }
}

fn waits_for(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Overlap => "behind an older run of its schedule",
        WaitReason::Token => "for an access token",
        WaitReason::Outage => "for Orchestrator to answer",
        WaitReason::RateLimit => "until Orchestrator takes calls again",
        WaitReason::Limit => "for room in its pool or under its connection's limit",
        WaitReason::Retry => "for its next attempt",
        WaitReason::Clock => "for the clocks to agree",
        WaitReason::CatchUp => "until older times are caught up",
        WaitReason::LookUp => "for its process to be found",
        WaitReason::Capacity => "for room at Orchestrator",
        WaitReason::Paused => "for the end of a pause",
        WaitReason::Blackout => "for the end of a blackout",
    }
}

fn delay_words(delay: Delay) -> &'static str {
    match delay {
        Delay::NotSeen => "until the daemon saw it",
        Delay::Sending => "to be sent",
        Delay::Robot => "for a robot",
        Delay::Wait(reason) => waits_for(reason),
    }
}

impl Coming {
    fn sentence(&self) -> String {
        if self.enablement == Enablement::Disabled {
            return "it will not run: the schedule is disabled in its file".to_owned();
        }
        if self.time.excluded == Excluded::Yes {
            return "it will not run: the calendar takes its day out".to_owned();
        }
        let at = self.time.fire_at;
        match &self.held {
            Held::No => format!("it will run at {at:.0}"),
            Held::Skipped(by) => format!("it will not run: {by}"),
            Held::Waits { name, until: Some(until) } => {
                format!("it will wait until {until:.0}, for the end of blackout `{name}`")
            }
            Held::Waits { name, until: None } => {
                format!("it will wait for the end of blackout `{name}`, which has none")
            }
        }
    }

    fn evidence(&self) -> Vec<String> {
        let mut lines: Vec<String> = note_of(&self.time).into_iter().collect();
        if self.reason().is_none() && !self.open.is_empty() {
            let names: Vec<String> = self.open.iter().map(|run| format!("{} ({})", run.short(), run.state)).collect();
            lines.push(format!("open now: {}; if it still is then, {}", first(names, NAMED), then(self.overlap)));
        }
        lines
    }

    fn cure(&self, schedule: &str) -> Option<String> {
        if self.enablement == Enablement::Disabled {
            return Some("`enabled: true` in its schedule, and it runs".to_owned());
        }
        match &self.held {
            Held::Skipped(HeldBy::Pause { .. }) => {
                self.paused.as_ref().map(|scope| format!("`punctual resume {}` lets it run", selection(scope)))
            }
            Held::Skipped(HeldBy::Mark { .. }) => {
                Some(format!("`punctual skip {schedule} {} --undo` lets it run", self.time.at))
            }
            Held::Skipped(HeldBy::Window { .. } | HeldBy::LaterTime { .. }) | Held::Waits { .. } | Held::No => None,
        }
    }
}

/// What names a pause to `punctual resume`.
fn selection(scope: &PauseScope) -> String {
    let quoted = |pattern: &NamePattern| if pattern.is_open() { format!("'{pattern}'") } else { pattern.to_string() };
    match scope {
        PauseScope::Schedules(pattern) => quoted(pattern),
        PauseScope::Connections(pattern) => format!("--connection {}", quoted(pattern)),
        PauseScope::All => "--all".to_owned(),
    }
}

/// What becomes of a time whose older run is open.
fn then(overlap: OverlapPolicy) -> &'static str {
    match overlap {
        OverlapPolicy::Skip => "this time is skipped",
        OverlapPolicy::Allow => "both run",
        OverlapPolicy::QueueOne | OverlapPolicy::QueueLatest | OverlapPolicy::QueueAll => "this time waits for it",
        OverlapPolicy::StopOther => "that run is stopped first",
        OverlapPolicy::KillOther => "that run is killed first",
    }
}

/// A line of a story begins with a capital; inside a sentence it does not, unless it is a name.
fn begin_small(text: &str) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(letter) if !text.starts_with("Orchestrator") => letter.to_lowercase().chain(rest).collect(),
        Some(_) | None => text.to_owned(),
    }
}
