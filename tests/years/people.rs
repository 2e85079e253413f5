//! What people ask of the daemon, through the same commands as the control socket; and the pauses that the database then has.

use jiff::Timestamp;
use punctual::dispatcher::core::{Command, CommandRefused, Done, HoldingCommand, HoldingDone, SkipHow};
use punctual::run::PauseScope;
use punctual::text::NamePattern;

use super::blackout::fits;
use super::job::Moment;

pub(crate) const PERSON: &str = "maria (uid 1000)";

/// Who has paused what fails too often (rule 29).
pub(crate) const US: &str = "punctual";

/// What a pause is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Schedules(String),
    Connections(String),
    All,
}

impl Scope {
    pub(crate) fn of_columns(scope: &str, pattern: Option<String>) -> Scope {
        match (scope, pattern) {
            ("schedule", Some(pattern)) => Scope::Schedules(pattern),
            ("connection", Some(pattern)) => Scope::Connections(pattern),
            _ => Scope::All,
        }
    }

    pub(crate) fn holds(&self, schedule: &str, connection: &str) -> bool {
        match self {
            Scope::Schedules(pattern) => fits(pattern, schedule),
            Scope::Connections(pattern) => fits(pattern, connection),
            Scope::All => true,
        }
    }

    fn told(&self) -> PauseScope {
        match self {
            Scope::Schedules(pattern) => PauseScope::Schedules(NamePattern::new(pattern.as_str())),
            Scope::Connections(pattern) => PauseScope::Connections(NamePattern::new(pattern.as_str())),
            Scope::All => PauseScope::All,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ask {
    Pause {
        scope: Scope,
        lasts: Option<i64>,
    },
    Resume {
        scope: Scope,
    },
    /// A nominal time, or the next one.
    Skip {
        schedule: String,
        at: Option<Moment>,
    },
    Undo {
        schedule: String,
        at: Option<Moment>,
    },
}

impl Ask {
    pub(crate) fn told(&self, now: Moment) -> Command {
        let instant = |at: Moment| Timestamp::from_millisecond(at).unwrap();
        let skip = |schedule: &String, at: Option<Moment>, how| {
            let (schedule, at) = (schedule.clone(), at.map(instant));
            HoldingCommand::Skip { schedule, at, how, reason: None }
        };
        let what = match self {
            Ask::Pause { scope, lasts } => {
                let until = lasts.map(|lasts| instant(now + lasts));
                HoldingCommand::Pause { scopes: vec![scope.told()], reason: None, until }
            }
            Ask::Resume { scope } => HoldingCommand::Resume { scopes: vec![scope.told()] },
            Ask::Skip { schedule, at } => skip(schedule, *at, SkipHow::Skip),
            Ask::Undo { schedule, at } => skip(schedule, *at, SkipHow::Undo),
        };
        Command::Hold { what, actor: PERSON.to_owned() }
    }
}

/// What was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    /// Of this nominal time.
    Time(Moment),
    Refused(String),
}

impl Answer {
    pub(crate) fn of(result: Result<Done, CommandRefused>) -> Answer {
        match result {
            Ok(Done::Held(HoldingDone::Skipped(_, at) | HoldingDone::Unskipped(_, at))) => {
                Answer::Time(at.as_millisecond())
            }
            Ok(_) => Answer::Done,
            Err(refused) => Answer::Refused(refused.to_string()),
        }
    }
}

/// An act. Without an answer the daemon died over it, and it may be stored or not.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Moment,
    pub(crate) ask: Ask,
    pub(crate) answer: Option<Answer>,
}

/// A row of `pause`.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    pub(crate) scope: Scope,
    pub(crate) actor: String,
    pub(crate) reason: Option<String>,
    pub(crate) since: Moment,
    pub(crate) until: Option<Moment>,
    pub(crate) ended: Option<Moment>,
}

impl Pause {
    /// The first moment after it.
    pub(crate) fn end(&self) -> Moment {
        self.until.into_iter().chain(self.ended).fold(Moment::MAX, Moment::min)
    }

    pub(crate) fn has(&self, at: Moment) -> bool {
        self.since <= at && at < self.end()
    }

    /// Whether it is one of ours for this schedule.
    pub(crate) fn is_ours(&self, schedule: &str) -> bool {
        self.actor == US && self.scope == Scope::Schedules(schedule.to_owned())
    }
}
