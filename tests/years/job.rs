//! A job at the stand-in Orchestrator: what it does by itself, how it takes a stop, and what it is at any moment.

use punctual::orchestrator::{JobState, StopStrategy};

/// Milliseconds since 1970: here all clocks agree.
pub(crate) type Moment = i64;

/// Whose fault a text shows, in the words of rule 18.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Account,
    Business,
    Infrastructure,
    Application,
}

/// What failed jobs say.
pub(crate) const FAULTS: [(Class, &str); 7] = [
    (Class::Application, "Index was outside the bounds of the array."),
    (Class::Application, "Cannot find the UI element corresponding to this selector."),
    (Class::Infrastructure, "Job stopped with an unexpected exit code: 0xC0000005"),
    (Class::Infrastructure, "Could not start executor. RDP connection failed with message: no sessions available"),
    (Class::Business, "BusinessRuleException: the invoice has no number"),
    (
        Class::Account,
        "Could not start executor. Logon failed for user ACME\\robot1. The user name or password is incorrect.",
    ),
    (Class::Account, "Could not start executor. The referenced account is currently locked out (0x80070775)."),
];

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) schedule: String,
    pub(crate) reference: String,
    pub(crate) connection: &'static str,
    pub(crate) made: Moment,
    pub(crate) visible: Moment,
    /// When a robot takes it, if it is not stopped before.
    pub(crate) begins: Moment,
    /// Its own end.
    pub(crate) ends: Moment,
    pub(crate) ends_as: JobState,
    pub(crate) fault: Option<(Class, &'static str)>,
    /// Suspended, then waiting for a robot again until the last.
    pub(crate) parked: Option<(Moment, Moment, Moment)>,
    /// So long after a soft stop it ends, and as what.
    pub(crate) obeys: Option<(i64, JobState)>,
    pub(crate) dies: i64,
    pub(crate) asked: Option<(Moment, StopStrategy)>,
    pub(crate) obeyed: Option<(Moment, JobState)>,
    /// When what was said of it, to a question about it.
    pub(crate) reads: Vec<(Moment, JobState)>,
}

impl Job {
    /// When it ended, and as what, as far as is settled now.
    pub(crate) fn end(&self) -> (Moment, JobState) {
        let own = (self.ends, self.ends_as.clone());
        match self.obeyed.clone() {
            Some(obeyed) if obeyed.0 < own.0 => obeyed,
            Some(_) | None => own,
        }
    }

    pub(crate) fn ended_by(&self, now: Moment) -> Option<(Moment, JobState)> {
        Some(self.end()).filter(|(at, _)| *at <= now)
    }

    pub(crate) fn started_by(&self, now: Moment) -> Option<Moment> {
        let begins = self.begins;
        let is_stopped_before = self.obeyed.as_ref().is_some_and(|(at, _)| *at <= begins);
        (begins <= now && !is_stopped_before).then_some(begins)
    }

    pub(crate) fn state(&self, now: Moment) -> JobState {
        if let Some((_, state)) = self.ended_by(now) {
            return state;
        }
        match (&self.asked, self.started_by(now), self.parked) {
            (Some((_, StopStrategy::Kill)), _, _) => JobState::Terminating,
            (Some((_, StopStrategy::SoftStop)), _, _) => JobState::Stopping,
            (None, None, _) => JobState::Pending,
            (None, Some(_), Some((from, to, _))) if from <= now && now < to => JobState::Suspended,
            (None, Some(_), Some((_, to, on))) if to <= now && now < on => JobState::Resumed,
            (None, Some(_), _) => JobState::Running,
        }
    }

    pub(crate) fn stop(&mut self, how: StopStrategy, now: Moment) {
        let ends = match (self.started_by(now), how) {
            (None, _) => Some((now, JobState::Stopped)),
            (Some(_), StopStrategy::SoftStop) => self.obeys.clone().map(|(after, state)| (now + after, state)),
            (Some(_), StopStrategy::Kill) => Some((now + self.dies, JobState::Stopped)),
        };
        if self.ended_by(now).is_some() {
            return;
        }
        self.asked = Some((now, how));
        if let Some(ends) = ends
            && self.obeyed.as_ref().is_none_or(|(at, _)| ends.0 < *at)
        {
            self.obeyed = Some(ends);
        }
    }
}
