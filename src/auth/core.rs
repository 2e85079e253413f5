//! Decides when to ask for a token, and whether the one at hand may be handed out.
//!
//! One state machine with one request under way at most. The loop in `manager` feeds it events and does what it says;
//! because nothing here waits, every rule can be shown with a table of events and instants.
//!
//! Absent: the token itself, the network, the clock, the text of failures. All instants are boot time (T13).

use std::time::Duration;

pub use super::event::{Asker, Class, Command, Event, Kept, Left, Replay};
use super::margins::{
    AFTER_BAD_CLIENT, AFTER_BAD_KEY, AFTER_DEAD_TOKEN, BETWEEN_FORCED, BROKEN_PAUSE, Budget, Dice, FRESH, LAST_REPLAY,
    LONGEST_RETRY_AFTER, LOOK_EVERY, SAVE_EVERY, backoff, life,
};
use super::standing::{Block, Held, Phase, Standing};
use super::status::Generation;

/// Refusals of fresh tokens in a row after which renewing is pointless (T12).
const REFUSALS_TO_BREAK: u32 = 3;

/// The machine.
#[derive(Clone, Debug)]
pub struct Core {
    standing: Standing,
    replay: Replay,
    dice: Dice,
    budget: Budget,
    /// Tokens that were at hand so far.
    generations: u64,
    /// Failures since the last success.
    failures: u32,
    /// A lost answer was replayed since the last success (T8).
    replayed: bool,
    /// Fresh tokens that Orchestrator refused in a row (T12).
    refusals: u32,
    forced_at: Option<Duration>,
    /// Whose wish waits for room in the budget.
    wish: Asker,
    /// Since when nothing new is begun.
    stopping: Option<Duration>,
}

impl Core {
    /// A machine that asks for its first token at `now`.
    pub fn new(replay: Replay, seed: u64, now: Duration) -> Core {
        Core {
            standing: Standing {
                held: None,
                phase: Phase::Resting { at: now },
                refused: None,
                broken_until: None,
                refreshes_ok: 0,
                found: 0,
                refreshes_failed: 0,
            },
            replay,
            dice: Dice::new(seed),
            budget: Budget::default(),
            generations: 0,
            failures: 0,
            replayed: false,
            refusals: 0,
            forced_at: None,
            wish: Asker::Itself,
            stopping: None,
        }
    }

    /// The visible part.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Whether a request or a save is under way.
    pub fn busy(&self) -> bool {
        matches!(self.standing.phase, Phase::Asking | Phase::Saving)
    }

    /// Whether whoever waits for the outcome should go on waiting: something is under way, or its answer is asked for again in
    /// a moment.
    pub fn undecided(&self) -> bool {
        self.busy() || matches!(self.standing.phase, Phase::Replaying { .. })
    }

    /// When to feed the next [`Event::Tick`]: a request is due, or the visible state changes by itself.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        let hard = self.standing.held.map(|held| held.life.hard).filter(|hard| *hard > now);
        [self.standing.next_try(), self.standing.broken_until, hard].into_iter().flatten().min()
    }

    /// Takes one event. Total: every event may come in every phase.
    pub fn handle(&mut self, event: Event, now: Duration) -> Option<Command> {
        match event {
            Event::Tick => self.tick(now),
            Event::Granted { issued, length, kept } => {
                self.granted(issued, length);
                self.standing.phase = Phase::Resting { at: self.due(now) };
                self.settle(kept, now)
            }
            Event::Found { issued, length } => {
                self.budget.put_back();
                self.standing.found += 1;
                self.hold(issued, length);
                self.standing.phase = Phase::Resting { at: self.due(now) };
                self.settle(Kept::Safely, now)
            }
            Event::Failed { class, left, kept } => {
                self.failed(class, left, now);
                self.settle(kept, now)
            }
            Event::Refused(generation) => self.refused(generation, now),
            Event::Changed => self.ask_out_of_turn(self.wish, now),
            Event::Forced => self.ask_out_of_turn(Asker::Person, now),
            Event::Saved => {
                if self.standing.phase == Phase::Saving {
                    self.standing.phase = Phase::Resting { at: self.due(now) };
                }
                self.end_if_stopping();
                None
            }
            Event::SaveFailed => {
                if self.standing.phase == Phase::Saving {
                    self.standing.phase = Phase::Unsaved { at: now.saturating_add(SAVE_EVERY) };
                }
                self.end_if_stopping();
                None
            }
            Event::Stop => {
                // The login would be lost with the process: one more attempt before the end.
                let last = match self.standing.phase {
                    Phase::Unsaved { .. } => {
                        self.standing.phase = Phase::Saving;
                        Some(Command::Save)
                    }
                    Phase::Replaying { .. } => self.send(now),
                    Phase::Resting { .. }
                    | Phase::Asking
                    | Phase::Retrying { .. }
                    | Phase::Blocked { .. }
                    | Phase::Saving
                    | Phase::Stopped => None,
                };
                self.stopping = self.stopping.or(Some(now));
                self.end_if_stopping();
                last
            }
        }
    }

    fn tick(&mut self, now: Duration) -> Option<Command> {
        if self.standing.broken_until.is_some_and(|until| until <= now) {
            // Half open: a new token is asked for once, because the one at hand may be dead for good. It stays marked as
            // refused, so the count goes on and one more refusal closes it again.
            self.standing.broken_until = None;
            if let Phase::Resting { at } = &mut self.standing.phase {
                *at = now.min(*at);
            }
        }
        match self.standing.phase {
            Phase::Resting { at } | Phase::Retrying { at } | Phase::Replaying { at } if at <= now => self.ask(now),
            Phase::Blocked { at: Some(at), .. } if at <= now => self.ask(now),
            Phase::Blocked { why, look_at, at } if look_at <= now => {
                self.standing.phase = Phase::Blocked { why, look_at: now.saturating_add(LOOK_EVERY), at };
                Some(Command::Look)
            }
            Phase::Unsaved { at } if at <= now => {
                self.standing.phase = Phase::Saving;
                Some(Command::Save)
            }
            Phase::Resting { .. }
            | Phase::Retrying { .. }
            | Phase::Replaying { .. }
            | Phase::Blocked { .. }
            | Phase::Unsaved { .. }
            | Phase::Asking
            | Phase::Saving
            | Phase::Stopped => None,
        }
    }

    fn ask_out_of_turn(&mut self, asker: Asker, now: Duration) -> Option<Command> {
        match self.standing.phase {
            Phase::Resting { .. } | Phase::Retrying { .. } | Phase::Replaying { .. } | Phase::Blocked { .. } => {
                self.wish = asker;
                self.ask(now)
            }
            // A request is under way already, or must not be.
            Phase::Asking | Phase::Unsaved { .. } | Phase::Saving | Phase::Stopped => None,
        }
    }

    fn ask(&mut self, now: Duration) -> Option<Command> {
        if self.stopping.is_some() { None } else { self.send(now) }
    }

    fn send(&mut self, now: Duration) -> Option<Command> {
        match self.budget.take(now) {
            Ok(()) => {
                if self.holds_refused() {
                    self.forced_at = Some(now);
                }
                self.standing.phase = Phase::Asking;
                Some(Command::Ask(std::mem::replace(&mut self.wish, Asker::Itself)))
            }
            Err(room_at) => {
                self.standing.phase = match self.standing.phase {
                    Phase::Blocked { why, look_at, .. } => Phase::Blocked { why, look_at, at: Some(room_at) },
                    Phase::Resting { .. }
                    | Phase::Retrying { .. }
                    | Phase::Replaying { .. }
                    | Phase::Asking
                    | Phase::Unsaved { .. }
                    | Phase::Saving
                    | Phase::Stopped => Phase::Retrying { at: room_at },
                };
                None
            }
        }
    }

    fn granted(&mut self, issued: Duration, length: Duration) {
        self.standing.refreshes_ok += 1;
        self.hold(issued, length);
    }

    fn hold(&mut self, issued: Duration, length: Duration) {
        // A token that lived to its renewal without a refusal ends the count.
        if !self.holds_refused() && self.standing.broken_until.is_none() {
            self.refusals = 0;
        }
        self.generations += 1;
        let generation = Generation(self.generations);
        self.standing.held = Some(Held { generation, life: life(issued, length, self.dice.share()) });
        self.standing.refused = None;
        self.standing.broken_until = None;
        self.failures = 0;
        self.replayed = false;
    }

    /// Ends an attempt: nothing else starts while a login is in memory only (T9).
    fn settle(&mut self, kept: Kept, now: Duration) -> Option<Command> {
        match kept {
            // What is left of the end must be enough for an answer. The next start asks at once in any case (T10).
            Kept::Safely if self.may_replay_at_the_end(now) => {
                let last = self.send(now);
                self.end_if_stopping();
                last
            }
            Kept::Safely => {
                self.end_if_stopping();
                None
            }
            Kept::InMemoryOnly if self.stopping.is_some() => {
                self.standing.phase = Phase::Saving;
                Some(Command::Save)
            }
            Kept::InMemoryOnly => {
                self.standing.phase = Phase::Unsaved { at: now.saturating_add(SAVE_EVERY) };
                None
            }
        }
    }

    /// When the token at hand is to be renewed.
    fn due(&self, now: Duration) -> Duration {
        match self.standing.held {
            None => now,
            Some(held) if held.life.hard <= now => {
                held.life.soft.max(held.life.issued.saturating_add(AFTER_DEAD_TOKEN))
            }
            Some(held) => held.life.soft,
        }
    }

    fn failed(&mut self, class: Class, left: Left, now: Duration) {
        if left == Left::Nothing {
            self.budget.put_back();
        }
        self.standing.refreshes_failed += 1;
        self.failures = self.failures.saturating_add(1);
        let wait = backoff(self.failures, self.dice.share());
        let look_at = now.saturating_add(LOOK_EVERY);
        self.standing.phase = match class {
            Class::Ambiguous if self.replay == Replay::OnlyAtOnce && !self.replayed => {
                self.replayed = true;
                // Servers that forgive a replay do so for seconds only: within 2 s (T8).
                let pause = Duration::from_millis(500) + Duration::from_secs(1).mul_f64(self.dice.share());
                Phase::Replaying { at: now.saturating_add(pause) }
            }
            Class::Ambiguous => Phase::Retrying { at: now.saturating_add(wait) },
            Class::Transient { retry_after } => {
                let ordered = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
                Phase::Retrying { at: now.saturating_add(wait.max(ordered)) }
            }
            Class::NeedsLogin => Phase::Blocked { why: Block::NeedsLogin, look_at, at: None },
            Class::BadClient => {
                Phase::Blocked { why: Block::BadClient, look_at, at: Some(now.saturating_add(AFTER_BAD_CLIENT)) }
            }
            Class::BadKey => {
                Phase::Blocked { why: Block::NeedsLogin, look_at, at: Some(now.saturating_add(AFTER_BAD_KEY)) }
            }
            Class::SameToken => {
                // Not handed out any more. The refusal may have been a mistake of the server, so it gets another chance.
                self.standing.held = None;
                self.standing.refused = None;
                Phase::Blocked { why: Block::NeedsLogin, look_at, at: Some(now.saturating_add(BROKEN_PAUSE)) }
            }
        };
    }

    fn refused(&mut self, generation: Generation, now: Duration) -> Option<Command> {
        let held = self.standing.held.filter(|held| held.generation == generation)?;
        if self.holds_refused() {
            return None;
        }
        self.standing.refused = Some(generation);
        let age = now.saturating_sub(held.life.issued);
        self.refusals = if age <= FRESH { self.refusals.saturating_add(1) } else { 1 };
        if self.refusals >= REFUSALS_TO_BREAK {
            self.standing.broken_until = Some(now.saturating_add(BROKEN_PAUSE));
            return None;
        }
        match self.standing.phase {
            Phase::Resting { .. } => {
                let at = self.forced_at.map_or(now, |forced| forced.saturating_add(BETWEEN_FORCED).max(now));
                if at <= now {
                    return self.ask(now);
                }
                self.standing.phase = Phase::Resting { at };
                None
            }
            // A request is under way or planned already, or cannot help now.
            Phase::Asking
            | Phase::Retrying { .. }
            | Phase::Replaying { .. }
            | Phase::Blocked { .. }
            | Phase::Unsaved { .. }
            | Phase::Saving
            | Phase::Stopped => None,
        }
    }

    fn holds_refused(&self) -> bool {
        self.standing.held.is_some_and(|held| self.standing.refused == Some(held.generation))
    }

    fn may_replay_at_the_end(&self, now: Duration) -> bool {
        let replaying = matches!(self.standing.phase, Phase::Replaying { .. });
        replaying && self.stopping.is_some_and(|since| now.saturating_sub(since) <= LAST_REPLAY)
    }

    fn end_if_stopping(&mut self) {
        if self.stopping.is_some() && !self.busy() {
            self.standing.phase = Phase::Stopped;
        }
    }
}
