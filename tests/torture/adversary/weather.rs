//! What the adversary does when: stretches of weather, and one draw for each call.
//!
//! All follows from the seed. A start's draw depends on its Reference and on how often that was sent, so it can be played again
//! although the order of calls is never the same twice. A read's depends on its kind and its number.

use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::later;

use super::super::dice::Dice;
use super::gateway::{Processed, Report, pick};

/// The product's own settle time: a job may be made so long after the end of our call. The adversary uses most of it.
const LATEST: Duration = Duration::from_secs(105);

/// The product's client gives up after so long.
pub(crate) const CLIENT_PATIENCE: Duration = Duration::from_secs(30);

/// A stretch of time.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) until: Timestamp,
    pub(crate) kind: Kind,
    /// Whose answers most are.
    pub(crate) style: Option<Report>,
    /// A folder gets a new number at its beginning: the n-th.
    pub(crate) renumbers: Option<u64>,
}

/// What is broken in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Calm,
    /// Some of everything.
    Gusty,
    /// Nearly every start.
    Starts,
    /// The same, and no answer speaks of the whole tenant.
    Alone,
    /// Nearly every read.
    Reads,
    /// Nearly everything, tokens too.
    All,
    /// Nobody listens.
    Gone,
    /// Starts get lost, and a cache answers reads.
    Cached,
    /// What is true comes compressed, with a mark before it, in odd frames.
    Dressed,
    /// The right to read jobs is missing.
    Blind,
}

/// All of it, one stretch after the other, for ever.
#[derive(Debug)]
pub(crate) struct Weather {
    dice: Dice,
    kinds: &'static [Kind],
    stretches: Vec<Stretch>,
    begin: Timestamp,
}

/// The usual mix.
pub(crate) const CHANGING: &[Kind] = &[
    Kind::Calm,
    Kind::Gusty,
    Kind::Gusty,
    Kind::Starts,
    Kind::Starts,
    Kind::Reads,
    Kind::All,
    Kind::Gone,
    Kind::Cached,
    Kind::Cached,
    Kind::Dressed,
    Kind::Blind,
];

/// Starts only, for ever: nobody else may notice.
pub(crate) const STARTS_ONLY: &[Kind] = &[Kind::Alone];

/// Starts get lost and a cache answers the reads.
#[cfg(feature = "faults")]
pub(crate) const CACHED_ONLY: &[Kind] = &[Kind::Cached];

/// Nothing at all.
pub(crate) const NONE: &[Kind] = &[Kind::Calm];

impl Weather {
    pub(crate) fn new(seed: u64, kinds: &'static [Kind], begin: Timestamp) -> Weather {
        Weather { dice: Dice::new(seed, 0x3EA7), kinds, stretches: Vec::new(), begin }
    }

    /// The stretch that an instant lies in, and its number.
    pub(crate) fn at(&mut self, now: Timestamp) -> (usize, Stretch) {
        loop {
            if let Some(found) = self.stretches.iter().position(|stretch| now < stretch.until) {
                return (found, self.stretches[found].clone());
            }
            let dice = &mut self.dice;
            let kind = pick(dice, self.kinds);
            let length = match kind {
                Kind::Gone | Kind::All => 15 + dice.throw(60),
                Kind::Calm | Kind::Gusty | Kind::Starts | Kind::Alone | Kind::Reads | Kind::Dressed => {
                    20 + dice.throw(90)
                }
                Kind::Cached | Kind::Blind => 60 + dice.throw(200),
            };
            let from = self.stretches.last().map_or(self.begin, |stretch| stretch.until);
            let renumbers = match kind {
                Kind::Calm | Kind::Gusty | Kind::Reads | Kind::Dressed if self.kinds.len() > 1 && dice.percent(25) => {
                    Some(dice.throw(16))
                }
                _ => None,
            };
            let style = dice.percent(70).then(|| Report::draw(dice));
            self.stretches.push(Stretch { until: later(from, Duration::from_secs(length)), kind, style, renumbers });
        }
    }
}

/// What a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    Token,
    Folders,
    Releases,
    Jobs,
    Job,
    Stop,
    Other,
}

impl Asked {
    pub(crate) fn of(path: &str) -> Asked {
        let last = path.rsplit("/odata/").next().unwrap_or(path);
        match last {
            _ if !path.contains("/odata/") => Asked::Token,
            "Jobs" => Asked::Jobs,
            _ if last.starts_with("Folders") => Asked::Folders,
            _ if last.starts_with("Releases") => Asked::Releases,
            _ if last.contains("StopJob") => Asked::Stop,
            _ if last.starts_with("Jobs(") => Asked::Job,
            _ => Asked::Other,
        }
    }
}

/// What becomes of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Made,
    NotMade,
    /// So long after the end of the call.
    MadeLate(Duration),
}

impl Work {
    pub(crate) fn processed(self) -> Processed {
        match self {
            Work::Made | Work::MadeLate(_) => Processed::Yes,
            Work::NotMade => Processed::No,
        }
    }
}

/// What the client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// What the sandbox said.
    True,
    /// The same, in odd clothes.
    Dressed,
    /// What is in the way.
    Gateway,
    /// Orchestrator refuses, in its own form.
    Own,
    /// An older answer to the same question, if there is one.
    Cached,
    /// A list of nothing, as without the right to see jobs.
    Empty,
    /// The list without its filter.
    Unfiltered,
    /// Some of what would have come, and an end.
    Cut,
    /// Nothing, for longer than the client waits.
    Silence,
}

/// What is done with a call: nothing of it depends on the clock.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) work: Work,
    pub(crate) reply: Reply,
    /// Held back for so long before the answer.
    pub(crate) hold: Duration,
    pub(crate) dice: Dice,
}

impl Plan {
    /// Of a start.
    pub(crate) fn of_start(seed: u64, reference: &str, ordinal: u64, kind: Kind) -> Plan {
        // Without the installation, which is another one in each run.
        let name = reference.splitn(3, '.').nth(2).unwrap_or_default();
        let mut dice = Dice::new(seed ^ fold(name), ordinal);
        let attacked = match kind {
            Kind::Calm | Kind::Dressed => 0,
            Kind::Gusty | Kind::Reads => 40,
            Kind::Cached | Kind::Blind => 60,
            Kind::Starts | Kind::Alone | Kind::All => 92,
            Kind::Gone => 100,
        };
        if !dice.percent(attacked) {
            let reply = if kind == Kind::Dressed { Reply::Dressed } else { Reply::True };
            return Plan { work: Work::Made, reply, hold: Duration::ZERO, dice };
        }
        let mut work = match dice.throw(10) {
            0..4 => Work::Made,
            4..7 => Work::NotMade,
            _ => Work::MadeLate(Duration::from_millis(dice.throw(LATEST.as_millis() as u64))),
        };
        let reply = match dice.throw(20) {
            0..12 => Reply::Gateway,
            12..15 => Reply::Cut,
            15..17 => Reply::Silence,
            17..19 => Reply::Dressed,
            _ => Reply::True,
        };
        if matches!(reply, Reply::True | Reply::Dressed) {
            work = Work::Made;
        }
        let hold = hold(&mut dice, reply);
        Plan { work, reply, hold, dice }
    }

    /// Of a read, a stop or a token.
    pub(crate) fn of_read(seed: u64, asked: Asked, ordinal: u64, kind: Kind) -> Plan {
        let mut dice = Dice::new(seed ^ fold(&format!("{asked:?}")), ordinal);
        let token = asked == Asked::Token;
        let attacked = match kind {
            Kind::Calm | Kind::Starts | Kind::Alone => 0,
            Kind::Gusty => 35,
            Kind::Reads => 90,
            Kind::All => 92,
            Kind::Gone | Kind::Cached | Kind::Dressed | Kind::Blind => 100,
        };
        let attacked = if token && matches!(kind, Kind::Cached | Kind::Blind | Kind::Reads) { 0 } else { attacked };
        let mut reply = Reply::True;
        if dice.percent(attacked) {
            reply = match kind {
                Kind::Calm | Kind::Starts | Kind::Alone => Reply::True,
                Kind::Dressed => Reply::Dressed,
                Kind::Cached => Reply::Cached,
                Kind::Blind => match (asked, dice.throw(3)) {
                    (Asked::Jobs | Asked::Job, 0) => Reply::Own,
                    (Asked::Jobs, _) => Reply::Empty,
                    (Asked::Job, 1) => Reply::Gateway,
                    _ => Reply::True,
                },
                Kind::Gusty | Kind::Reads | Kind::All | Kind::Gone => match dice.throw(20) {
                    0..8 => Reply::Gateway,
                    8..10 if !token => Reply::Own,
                    10..12 => Reply::Cut,
                    12 => Reply::Silence,
                    13 if asked == Asked::Jobs => Reply::Empty,
                    14 if asked == Asked::Jobs => Reply::Unfiltered,
                    15..17 => Reply::Cached,
                    _ => Reply::Dressed,
                },
            };
        }
        let hold = if reply == Reply::True { Duration::ZERO } else { hold(&mut dice, reply) };
        Plan { work: Work::Made, reply, hold, dice }
    }
}

fn hold(dice: &mut Dice, reply: Reply) -> Duration {
    match reply {
        // The client's time-out by the clock of the test; the stand-in closes the connection in its place.
        Reply::Silence => CLIENT_PATIENCE,
        _ if dice.percent(70) => Duration::ZERO,
        _ => Duration::from_millis(dice.throw(CLIENT_PATIENCE.as_millis() as u64)),
    }
}

/// FNV-1a.
fn fold(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
