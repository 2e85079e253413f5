//! Every decision of the running daemon, as plain functions of events and time.
//!
//! No await, no clock, no network, no database: an event and a reading of the clocks go in, changes to be stored and
//! actions to be taken come out, and nothing is done before it is stored. What it keeps in memory next to the runs (when to
//! look next, what was asked) can be lost at any moment: it is derived again from the stored states at the next start.
//!
//! What is known is in `state`, how far a run is in `progress`, what is known of a connection in `link`. The rules are functions of
//! these: for one run in `run`, for the whole set in `set`. Here is the order of a turn.

mod answer;
mod backfill_command;
mod book;
mod by_hand;
mod command;
mod counting;
mod due;
mod ended;
mod flights;
mod folder_state;
mod holding;
mod holding_command;
mod inquiry;
mod link;
mod progress;
mod queue;
mod recover;
mod report;
mod retry_command;
mod run;
mod set;
mod start_command;
mod state;
mod stop_command;
mod succession;
mod wake;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::answer::{Answer, CommandId, CommandRefused, Done, Resolved};
pub use self::backfill_command::{BackfillCommand, BackfillDone, BackfillRefused, MOST_TIMES};
pub use self::by_hand::ByHandRefused;
use self::command::Desk;
pub use self::command::{Command, Resolution};
pub use self::holding_command::{HoldingCommand, HoldingDone, HoldingRefused, SkipHow};
use self::link::Phase;
pub use self::link::obstacle::{ConnectionObstacle, ConnectionTrouble};
pub use self::retry_command::{Again, FileSays, RetryCommand, RetryDone, RetryRefused, RetryWork};
use self::run::{crowd, deadline, elsewhere, failing, look_up, polling, send, stop, trial};
use self::set::jumps::Turns;
use self::set::planning::Planning;
use self::set::{claim, jumps, recall, reload, warm_up};
pub use self::start_command::StartCommand;
pub use self::state::{Absent, Pace, RandomBits};
use self::state::{State, must};
pub use self::stop_command::{StopCommand, StopDone, StopHow, StopRefused, StopWaiting};
pub use self::wake::Wake;
use crate::clock::Reading;
use crate::executor::{Action, Report};
use crate::happening::Happening;
use crate::run::RunId;
use crate::schedule::{Connection, ConnectionName, ScheduleSet};
use crate::store::{Changes, LoadedState};

/// What can happen.
#[derive(Debug)]
pub enum Event {
    /// The executor has something to say.
    Report(Box<Report>),
    /// The daemon is asked to stop.
    Stop,
    /// A person asks for something.
    Command(CommandId, Command),
    /// The files were read again, and these schedules take the place of all that were loaded.
    Load(Arc<ScheduleSet>),
    /// Claims that another row had already won.
    ClaimsLost(BTreeSet<RunId>),
}

/// What is to be done: store first, then act.
#[derive(Debug, Default)]
pub struct Step {
    /// One transaction.
    pub record: Changes,
    /// Only after it.
    pub then: Vec<Action>,
    /// To be given once it is stored.
    pub answers: Vec<Answer>,
    /// To be logged once it is stored: what was not stored never happened.
    pub happened: Vec<Happening>,
}

/// The dispatcher's mind.
pub struct Core {
    state: State,
    planning: Planning,
    desk: Desk,
    turns: Turns,
    stopping: Stopping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    Yes,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Core {
    /// Takes over what the database knows. The first turn stores the schedule versions and marks that are new.
    pub fn recover(
        set: Arc<ScheduleSet>,
        absent: Absent,
        state: LoadedState,
        opened: Reading,
        pace: Pace,
        random: RandomBits,
    ) -> Core {
        let (state, planning) = recover::recover(set, absent, state, opened, pace, random);
        Core { state, planning, desk: Desk::default(), turns: Turns::from(opened), stopping: Stopping::No }
    }

    /// Takes one event in. Decisions that follow from it and from time are made in [`Core::turn`].
    pub fn handle(&mut self, event: Event, now: Reading) {
        let Core { state, planning, desk, turns: _, stopping } = self;
        state.now = now;
        match event {
            Event::Report(report) => report::take(state, planning, desk, *report),
            Event::Stop => *stopping = Stopping::Yes,
            Event::Command(id, command) => match stopping {
                Stopping::No => command::take(state, planning, desk, id, command),
                Stopping::Yes => desk.refuse(id, CommandRefused::Stopping),
            },
            Event::Load(set) => match stopping {
                Stopping::No => reload::load(state, planning, set),
                // The next life reads the files itself, and finds in the database what the old ones owed.
                Stopping::Yes => {}
            },
            Event::ClaimsLost(lost) => claim::forget_lost(state, lost),
        }
    }

    /// Decides all that is due now, and gives what is to be stored and done.
    pub fn turn(&mut self, now: Reading) -> Step {
        let Core { state, planning, desk, turns, stopping } = self;
        state.now = now;
        state.wake = Wake::default();
        jumps::notice(state, planning, turns);
        failing::count_ends(state);
        if *stopping == Stopping::No {
            trial::try_unclear_connections(state);
            recall::ask(state, planning);
            elsewhere::give_up(state);
            claim::claim_some(state, planning);
            deadline::give_up_late_starts(state);
            // What was given up may pause its schedule, and whoever waited behind it is next.
            failing::count_ends(state);
            warm_up::warm_up(state, planning);
            look_up::ask_about_unclear_starts(state);
            send::send_waiting(state);
            // Times that are not claimed yet may be among those that the database has forgotten.
            if !planning.is_behind() {
                recall::end_doubt(state, planning);
            }
        }
        stop::judge_limits(state);
        stop::pursue(state);
        crowd::ask(state);
        polling::follow_jobs(state);
        if failing::count_ends(state) {
            // What a pause holds from now on learns of it in a turn of its own.
            state.wake.at_boot(now.boot);
        }
        // While the daemon stops, due times are left to the next life.
        let next = planning.planner.wake_at().filter(|_| *stopping == Stopping::No);
        next.into_iter().for_each(|next| state.wake.at_wall(next));
        turns.end(state);
        must(|| state.book.holds(), "a run is not where it is looked for, or its state and its progress differ");
        let step = Step {
            record: state.book.take_changes(),
            then: state.take_actions(),
            answers: desk.take_answers(),
            happened: state.take_happened(),
        };
        reload::let_connections_go(state);
        step
    }

    /// Only what reads Orchestrator: nothing is claimed, started or given up while nothing can be stored. Changes pile up in
    /// memory. Gives these reads, and what is to be logged at once.
    pub fn turn_reading(&mut self, now: Reading) -> (Vec<Action>, Vec<Happening>) {
        let Core { state, planning: _, desk: _, turns, stopping } = self;
        state.now = now;
        state.wake = Wake::default();
        turns.begin(now);
        if *stopping == Stopping::No {
            trial::try_unclear_connections(state);
            look_up::ask_about_unclear_starts(state);
        }
        crowd::ask(state);
        polling::follow_jobs(state);
        turns.end(state);
        (state.take_reads(), state.take_unstored())
    }

    /// These were decided and never carried out, because their claim could not be stored.
    pub fn never_sent(&mut self, actions: &[Action]) {
        for action in actions.iter().filter(|action| !action.only_reads()) {
            self.state.withdraw(action);
        }
    }

    /// Takes the place of a core whose decisions could not be stored.
    pub fn take_over(&mut self, old: Core, now: Reading) {
        self.state.now = now;
        if old.stopping == Stopping::Yes {
            self.stopping = Stopping::Yes;
        }
        succession::take_over(&mut self.state, old.state);
    }

    /// When to take the next turn if nothing happens before.
    pub fn wake(&self) -> Wake {
        self.state.wake
    }

    /// Whether the last turn left times unclaimed that have come: the next turn is due at once.
    pub fn is_behind(&self) -> bool {
        self.stopping == Stopping::No && self.planning.is_behind()
    }

    /// How many times a run was looked at since this was last asked: what the events and turns since then cost.
    pub fn take_looks(&self) -> u64 {
        self.state.book.take_looks()
    }

    /// Has all open runs looked at in the next turn, whether they are due or not. After it a turn decides as it would have without.
    pub fn look_at_all(&mut self) {
        self.state.book.look_at_all();
    }

    /// How many runs are open.
    pub fn open_runs(&self) -> usize {
        self.state.book.len()
    }

    /// Whether every connection's open runs have been read since the start.
    pub fn is_reconciled(&self) -> bool {
        self.state.links.values().all(|link| link.phase == Phase::Ready)
    }

    /// The connections that keep their starts back at boot time `boot`, in the order of their names.
    pub fn obstacles(&self, boot: Duration) -> Vec<ConnectionObstacle> {
        self.state.links.values().filter_map(|link| link.shown_obstacle(boot)).collect()
    }

    /// The connections' troubles that keep no start back, in the order of their names.
    pub fn troubles(&self) -> Vec<ConnectionTrouble> {
        self.state.links.values().filter_map(link::Link::shown_trouble).collect()
    }

    /// The connections that are not in the files any more, and that open runs are still followed on.
    pub fn leaving(&self) -> &BTreeSet<ConnectionName> {
        &self.state.leaving
    }

    /// The same with all that is known of them, for a core that starts over: the files cannot tell it.
    pub fn leaving_connections(&self) -> Vec<Arc<Connection>> {
        reload::leaving_connections(&self.state)
    }

    /// Goes on with connections that are not in the files any more.
    pub fn keep_connections(&mut self, leaving: Vec<Arc<Connection>>, now: Reading) {
        self.state.now = now;
        reload::keep_connections(&mut self.state, leaving);
    }
}
