//! One examination as its steps see it: what is examined, and where they note what they found.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::step::{Finding, Step, Topic};
use crate::auth::Exchanges;
use crate::clock::Clock;
use crate::schedule::{Connection, FolderChoice, Schedule, ScheduleSet};
use crate::witness::{Exchange, Witness};

/// The one job that an examination may start.
#[derive(Clone, Debug)]
pub struct ProbeWish {
    /// A process that does no harm.
    pub process: String,
    /// Its folder; none takes the only one.
    pub folder: Option<FolderChoice>,
}

/// The step that failed, on which all others hang.
pub(super) struct Broken(pub(super) Topic);

/// The examination of one connection.
pub(super) struct Case<'a> {
    pub(super) clock: Clock,
    pub(super) connection: Arc<Connection>,
    pub(super) schedules: Vec<Arc<Schedule>>,
    pub(super) set: Arc<ScheduleSet>,
    pub(super) files: Vec<PathBuf>,
    pub(super) state_dir: PathBuf,
    pub(super) reported: BTreeSet<Topic>,
    pub(super) steps: Vec<Step>,
    pub(super) hear: &'a mut (dyn FnMut(&Step) + Send),
    /// The clock of the first server that showed it, minus ours.
    pub(super) first_clock: Option<jiff::SignedDuration>,
    pub(super) register: Exchanges,
    pub(super) exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Case<'_> {
    /// Notes a step that others hang on.
    pub(super) fn need(&mut self, topic: Topic, subject: Option<String>, finding: Finding) -> Result<(), Broken> {
        let fault = finding.is_fault();
        self.report(topic, subject, finding);
        if fault { Err(Broken(topic)) } else { Ok(()) }
    }

    /// Notes a step.
    pub(super) fn report(&mut self, topic: Topic, subject: Option<String>, finding: Finding) {
        let Finding { verdict, found, cause, cure, exchange, took } = finding;
        let connection = self.connection.name.to_string();
        self.reported.insert(topic);
        let step = Step { connection, topic, subject, verdict, found, cause, cure, exchange, took };
        (self.hear)(&step);
        self.steps.push(step);
    }

    pub(super) fn witness(&self) -> Witness {
        let heard = self.exchanges.clone();
        Witness::new(move |exchange| heard.lock().unwrap_or_else(PoisonError::into_inner).push(exchange))
    }

    /// The last exchange since this was asked before.
    pub(super) fn last_exchange(&self) -> Option<Exchange> {
        let mut heard = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.pop();
        heard.clear();
        last
    }
}
