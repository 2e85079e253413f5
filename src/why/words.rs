//! The answer in words: one sentence, the evidence, and what to do. Instants are RFC 3339 in UTC; whoever shows them puts them into a zone.

use std::time::Duration;

use super::answer::{Answer, Coming, Row, Why};
use super::delay::{Delay, Span};
use crate::history::Shown;
use crate::recurrence::{Excluded, Nominal, spoken};
use crate::run::{Ending, Held, HeldBy, HeldFor, JobPhase, MissReason, RunState, SkipReason, WaitReason};
use crate::schedule::{Enablement, OverlapPolicy};
use crate::text::{first, roughly};

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
        let shown = |word: &str, time: &Nominal| {
            let note = note_of(time).map(|note| format!(" ({note})")).unwrap_or_default();
            format!("the time {word} it: {}{note}", spoken(&self.zone, time.at))
        };
        let before = before.map_or_else(|| "it has no time before".to_owned(), |time| shown("before", time));
        let after = after.map_or_else(|| "it has no time after".to_owned(), |time| shown("after", time));
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
            // Of what is in the files no more nothing comes.
            Answer::NotPlanned { .. } | Answer::BeforeItExisted { .. } => {
                self.is_loaded.then(|| format!("`punctual next {}` shows its coming times", self.schedule))
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
            RunState::Waiting(reason) => format!("it waits {}", reason.for_what()),
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
            Ending::Cancelled => return self.with_note("it was cancelled before it was sent"),
            Ending::Skipped(reason) => return self.with_note(skipped(reason)),
            Ending::Missed(reason) => return self.with_note(missed(reason)),
        };
        format!("{how}{}", self.delays())
    }

    /// A run that was not started, with what was noted of it: which run stood in front, who paused it.
    fn with_note(&self, what: &str) -> String {
        match &self.run.note {
            Some(note) => format!("{what} ({note})"),
            None => what.to_owned(),
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
        let is_in_a_line = |error: &&String| self.lines.iter().any(|line| line.text.contains(error.as_str()));
        lines.extend(self.run.error.as_ref().filter(|error| !is_in_a_line(error)).cloned());
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
            RunState::Ended(Ending::Skipped(SkipReason::Overlap)) => {
                self.overlap.and_then(more_than).map(str::to_owned)
            }
            RunState::Ended(Ending::Skipped(SkipReason::Disabled)) => {
                Some("`enabled: true` in its schedule, and its coming times run".to_owned())
            }
            RunState::Ended(Ending::Missed(MissReason::Deadline)) => {
                Some("`start_deadline` in its schedule is how late a time may still be started".to_owned())
            }
            RunState::Ended(Ending::Missed(MissReason::Down)) => Some(
                "`catch_up: { policy: all, max: 10, window: 2d }` in its schedule makes all such times of two days good, up to ten".to_owned(),
            ),
            RunState::Ended(Ending::Missed(MissReason::Window)) => {
                Some("`window` of `catch_up` in its schedule is how long ago a time may be to be made good".to_owned())
            }
            RunState::Ended(
                Ending::Faulted
                | Ending::TimedOut
                | Ending::Rejected
                | Ending::Lost
                | Ending::Stopped
                | Ending::Missed(MissReason::Limit),
            ) => show(),
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

fn skipped(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Calendar => "it was left out: the calendar takes its day out",
        SkipReason::Paused => "it was skipped: a pause held its schedule, or somebody had this time skipped",
        SkipReason::Disabled => "it was skipped: its schedule was disabled in its file",
        SkipReason::Blackout => "it was skipped: it came in a blackout",
        SkipReason::Overlap => "it was skipped for another run of its schedule",
        SkipReason::Parent => "it was skipped: the run that it follows did not end as it should",
        SkipReason::UnknownStart => {
            "it was skipped: no job was found of its start, and its schedule does not try again"
        }
    }
}

fn missed(reason: MissReason) -> &'static str {
    match reason {
        MissReason::Down => {
            "it was missed: the daemon was down, slept or could not write when it came, and another time was caught up"
        }
        MissReason::Window => "it was missed: it was found later than its schedule still catches up",
        MissReason::Deadline => "it was missed: it could not be sent before its deadline",
        MissReason::Edited => "it was missed: the schedule was edited, and its new times do not have it",
        MissReason::Limit => "it was missed: more had piled up than are caught up, or may wait",
    }
}

fn delay_words(delay: Delay) -> &'static str {
    match delay {
        Delay::NotSeen => "until the daemon saw it",
        Delay::Sending => "to be sent",
        Delay::Robot => "for a robot",
        Delay::Wait(reason) => reason.for_what(),
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
                self.paused.as_ref().map(|scope| format!("`punctual resume {}` lets it run", scope.arguments()))
            }
            Held::Skipped(HeldBy::Mark { .. }) => {
                Some(format!("`punctual skip {schedule} {} --undo` lets it run", self.time.at))
            }
            Held::Skipped(HeldBy::Window { .. } | HeldBy::LaterTime { .. }) | Held::Waits { .. } | Held::No => None,
        }
    }
}

/// What lets more times run than a policy does that takes some of them.
fn more_than(overlap: OverlapPolicy) -> Option<&'static str> {
    match overlap {
        OverlapPolicy::Skip => Some(
            "with `overlap: queue_latest` in its schedule such a time waits for the older run; with `overlap: allow` both run",
        ),
        OverlapPolicy::QueueOne | OverlapPolicy::QueueLatest => {
            Some("with `overlap: queue_all` in its schedule all times wait for their turn")
        }
        OverlapPolicy::Allow | OverlapPolicy::QueueAll | OverlapPolicy::StopOther | OverlapPolicy::KillOther => None,
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
