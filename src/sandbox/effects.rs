//! What the faults that hit a call make of it, added up.

use std::time::Duration;

use jiff::SignedDuration;

use super::answer::Answer;
use super::conduct::{Conduct, Course, Response, Waits};
use super::faults::Fault;
use super::shown_job::{Mask, Reference, StartShown};

/// All that happens to one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects {
    /// The faults as written, for the record.
    pub(super) names: Vec<&'static str>,
    pub(super) delay: Duration,
    pub(super) delay_answer: Duration,
    pub(super) connection: Connection,
    /// The answer that stands in for the work.
    pub(super) instead: Option<Answer>,
    /// The answer that hides the work.
    pub(super) afterwards: Option<Answer>,
    pub(super) date_off: SignedDuration,
    pub(super) revokes_token: bool,
    pub(super) garbles: bool,
    pub(super) twist: Twist,
}

/// What happens to the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Connection {
    #[default]
    Kept,
    CutAfterwards,
    CutBefore,
}

/// How the work itself is done otherwise than usual.
#[derive(Clone, Debug, Default)]
pub(super) struct Twist {
    pub(super) late: Duration,
    /// Made instead of one; 0 means one.
    pub(super) duplicates: usize,
    pub(super) pending: Pending,
    pub(super) conduct: Conduct,
    pub(super) takes: Takes,
    /// So many robots in the folder of the call, from before the work on.
    pub(super) robots: Option<usize>,
    pub(super) ignores_filter: bool,
    pub(super) refuses_filter: bool,
    pub(super) empties_list: bool,
    pub(super) mask: Mask,
}

/// How many jobs of a process may be Pending in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pending {
    #[default]
    Any,
    One,
}

/// What robots do with Pending jobs that are stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Takes {
    #[default]
    Nothing,
    /// They take them a moment before.
    WhatIsStopped,
}

impl Effects {
    pub(super) fn add(&mut self, fault: &Fault) {
        self.names.push(fault.name());
        match fault {
            Fault::Delay(length) => self.delay = self.delay.saturating_add(*length),
            Fault::DelayAnswer(length) => self.delay_answer = self.delay_answer.saturating_add(*length),
            Fault::DropRequest => self.connection = Connection::CutBefore,
            Fault::DropAnswer => match self.connection {
                Connection::Kept => self.connection = Connection::CutAfterwards,
                Connection::CutAfterwards | Connection::CutBefore => {}
            },
            Fault::Late(length) => self.twist.late = self.twist.late.saturating_add(*length),
            Fault::IgnoreFilter => self.twist.ignores_filter = true,
            Fault::RefuseFilter => self.twist.refuses_filter = true,
            Fault::HideReference => self.twist.mask.reference = Reference::Hidden,
            Fault::EmptyList => self.twist.empties_list = true,
            Fault::ShowState(state) => self.twist.mask.state = Some(state.clone()),
            Fault::Refuse(refusal) => self.stand_in(refusal.answer()),
            Fault::Say(words) => self.stand_in(words.answer()),
            Fault::FailAfter(refusal) => self.afterwards = Some(refusal.answer()),
            Fault::RevokeToken => {
                self.revokes_token = true;
                self.stand_in(Answer::unauthorized());
            }
            Fault::Html => self.stand_in(Answer::login_page()),
            Fault::Garble => self.garbles = true,
            Fault::NoJobs => self.afterwards = Some(Answer::json(201, serde_json::json!({ "value": [] }))),
            Fault::Duplicate(jobs) => self.twist.duplicates = *jobs,
            Fault::Redirect(to) => self.stand_in(Answer::empty(307).header("location", to.as_str())),
            Fault::Hang(reason) => self.twist.conduct.waits = Waits::ForEver(*reason),
            Fault::PendingFor(length) => self.twist.conduct.waits = Waits::Longer(*length),
            Fault::RunsFor(length) => self.twist.conduct.runs = Some(*length),
            Fault::Suspends(length) => self.twist.conduct.course = Course::Suspends(*length),
            Fault::Fails(failure) => self.twist.conduct.fails(failure),
            Fault::FailsWith(complaint) => self.twist.conduct.course = Course::Fails(complaint.clone()),
            Fault::IgnoreSoftStop => self.twist.conduct.soft_stop = Response::Ignores,
            Fault::SoftStop(stopping) => self.twist.conduct.soft_stop = Response::Ends(*stopping),
            Fault::IgnoreKill => self.twist.conduct.kill = Response::Ignores,
            Fault::Kill(stopping) => self.twist.conduct.kill = Response::Ends(*stopping),
            Fault::TakenBeforeStop => self.twist.takes = Takes::WhatIsStopped,
            Fault::StoppedHidesStart => self.twist.mask.start = StartShown::Nothing,
            Fault::OnePending => self.twist.pending = Pending::One,
            Fault::Robots(robots) => self.twist.robots = Some(*robots),
            Fault::DateOff(offset) => self.date_off = self.date_off.saturating_add(*offset),
        }
    }

    /// The first answer that stands in for the work is the one that is given.
    fn stand_in(&mut self, answer: Answer) {
        self.instead.get_or_insert(answer);
    }
}
