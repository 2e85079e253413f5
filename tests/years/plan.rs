//! What is to happen, from one seed: the schedules and their edits, and what befalls the daemon and its Orchestrator.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use punctual::schedule::{ScheduleSet, SourceFile, parse};

use super::blackout::Blackout;
use super::dice::Dice;
use super::holding::{first, pause_after};
use super::job::Moment;
use super::law::{CatchUp, Law, Overlap, Retry, Temper, Timeout, Times};
use super::orchestrator::Mood;
use super::people::Ask;

pub(crate) const CONNECTIONS: [&str; 2] = ["one", "two"];

pub(crate) const ZONES: [&str; 5] =
    ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"];

/// Evenings before clocks change somewhere in these zones, and one before an ordinary day.
const EVES: [&str; 6] = [
    "2026-10-24T20:00:00Z",
    "2026-03-28T20:00:00Z",
    "2026-10-31T23:00:00Z",
    "2026-03-08T00:00:00Z",
    "2026-04-04T08:00:00Z",
    "2026-06-10T05:00:00Z",
];

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) schedules: usize,
    pub(crate) days: i64,
    /// Times of a schedule a day, about.
    pub(crate) times_a_day: i64,
    pub(crate) kills_a_day: i64,
}

/// What the files say from a load on.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) laws: BTreeMap<String, Law>,
    pub(crate) pools: BTreeMap<&'static str, i64>,
    pub(crate) blackouts: BTreeMap<String, Blackout>,
}

#[derive(Clone, Debug)]
pub(crate) enum Happens {
    Mood(&'static str, Mood),
    /// The daemon is killed in the middle of its next start, and comes back after so long.
    Kill {
        down: i64,
    },
    /// The files are these from now on.
    Edit(usize),
    Ask(Ask),
    /// A person looks at what is paused, and resumes some of it.
    Round,
    /// Whether logons of a connection's robots succeed.
    Logons(&'static str, bool),
}

pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) begin: Moment,
    pub(crate) end: Moment,
    pub(crate) files: Vec<Files>,
    pub(crate) events: Vec<(Moment, Happens)>,
}

impl Plan {
    pub(crate) fn of(seed: u64, size: Size) -> Plan {
        let mut dice = Dice::new(seed);
        let begin = if size.days > 30 { "2026-01-31T20:00:00Z" } else { dice.pick(&EVES) };
        let begin = begin.parse::<Timestamp>().unwrap().as_millisecond();
        let end = begin + size.days * DAY;
        let laws = (0..size.schedules).map(|number| law(&mut dice, number, size)).map(|law| (law.key.clone(), law));
        let files =
            Files { laws: laws.collect(), pools: [("small", 2), ("large", 6)].into(), blackouts: BTreeMap::new() };
        let mut plan = Plan { seed, begin, end, files: vec![files], events: Vec::new() };
        plan.files[0].blackouts = first(&mut dice, &plan);
        plan.troubles(&mut dice, size);
        plan.edits(&mut dice, size);
        plan.people(&mut dice, size);
        plan.events.sort_by_key(|(at, _)| *at);
        plan
    }

    /// Some each day.
    fn troubles(&mut self, dice: &mut Dice, size: Size) {
        for _ in 0..size.days * 5 {
            let at = dice.between(self.begin + 10 * MINUTE, self.end - HOUR);
            let length =
                if dice.happens(200) { dice.between(HOUR, 3 * HOUR) } else { dice.between(10_000, 15 * MINUTE) };
            let mood = dice.pick(&[Mood::Down, Mood::Down, Mood::NoToken, Mood::Broken, Mood::Busy]);
            let connection = dice.pick(&CONNECTIONS);
            self.events.push((at, Happens::Mood(connection, mood)));
            self.events.push((at + length, Happens::Mood(connection, Mood::Well)));
        }
        for _ in 0..size.days * size.kills_a_day {
            let at = dice.between(self.begin + 20 * MINUTE, self.end - HOUR);
            let down =
                if dice.happens(300) { dice.between(10 * MINUTE, 4 * HOUR) } else { dice.between(500, 2 * MINUTE) };
            self.events.push((at, Happens::Kill { down }));
        }
    }

    fn edits(&mut self, dice: &mut Dice, size: Size) {
        let count = size.days * 7;
        let mut moments: Vec<Moment> =
            (0..count).map(|_| dice.between(self.begin + 30 * MINUTE, self.end - 30 * MINUTE)).collect();
        moments.sort_unstable();
        for at in moments {
            let mut files = self.files.last().unwrap().clone();
            let keys: Vec<String> = files.laws.keys().cloned().collect();
            let key = dice.pick(&keys);
            let number = key.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
            let fresh = law(dice, number, size);
            let law = files.laws.get_mut(&key).unwrap();
            match dice.between(0, 12) {
                0 => (law.times, law.jitter) = (fresh.times, fresh.jitter),
                1 => law.zone = fresh.zone,
                2 => law.enabled = !law.enabled,
                3 => law.overlap = dice.pick(&Overlap::ALL),
                4 => {
                    (law.retry, law.timeout) = (fresh.retry, fresh.timeout);
                    (law.catch_up, law.deadline) = (fresh.catch_up, fresh.deadline);
                }
                5 => _ = files.pools.insert("large", dice.between(3, 7)),
                // Never so many that the set would be held back (rule 27).
                6 => {
                    files.laws.remove(&key);
                    files.forget(&key, self);
                }
                7 => law.pause_after = fresh.pause_after,
                8..=11 => files.edit_blackouts(dice, self, at),
                _ => {
                    let born = format!("born{}", self.files.len());
                    files.laws.insert(born.clone(), Law { key: born, ..fresh });
                }
            }
            self.events.push((at, Happens::Edit(self.files.len())));
            self.files.push(files);
        }
    }
}

fn law(dice: &mut Dice, number: usize, size: Size) -> Law {
    let gap = dice.between(43_200, 129_600) / size.times_a_day / 60 * 60;
    let (times, gap) = match dice.between(0, 3) {
        0 if gap < 3_600 => {
            let step = (gap / 60).max(2);
            let first = dice.between(0, step - 1);
            // A list of its own making, so that its fields are no step.
            let mut minutes: Vec<i64> = (0..60).skip(usize::try_from(first).unwrap()).collect();
            minutes.retain(|minute| (minute - first) % step == 0);
            (Times::Minutes(minutes), step * 60)
        }
        1 => {
            let mut hours: Vec<i8> = (0..3).map(|_| i8::try_from(dice.between(0, 23)).unwrap()).collect();
            hours.push(2);
            hours.sort_unstable();
            hours.dedup();
            (Times::Daily(hours, i8::try_from(dice.between(0, 59)).unwrap()), 14_400)
        }
        _ => (Times::Every(gap.max(120)), gap.max(120)),
    };
    let overlap = Overlap::ALL[number % Overlap::ALL.len()];
    let lasts = (gap * dice.between(5, 120) / 100).clamp(20, 5_400);
    let soft = dice.happens(400).then(|| lasts * 5 / 4 + 60);
    let pending = dice.happens(350).then(|| dice.between(120, 900));
    let timeout = (soft.is_some() || pending.is_some() || dice.happens(100)).then(|| Timeout {
        pending,
        soft,
        at: (soft.is_none() && pending.is_none() || dice.happens(100))
            .then(|| (i8::try_from(dice.between(0, 23)).unwrap(), i8::try_from(dice.between(0, 59)).unwrap())),
        kill_after: dice.happens(500).then(|| dice.between(30, 400)),
        restarts: pending.is_some() && dice.happens(500),
    });
    let retry = dice.happens(500).then(|| {
        let delay = dice.between(20, 240);
        let mut on = vec!["faulted"];
        if soft.is_some() && dice.happens(500) {
            on.push("timed_out");
        }
        if dice.happens(300) {
            on.push("business");
        }
        Retry { attempts: dice.between(2, 4), delay, max_delay: delay * dice.between(1, 4), on }
    });
    let catch_up = match dice.between(0, 3) {
        0 => CatchUp::Skip,
        1 => CatchUp::All { max: usize::try_from(dice.between(2, 6)).unwrap() },
        _ => CatchUp::Last,
    };
    Law {
        key: format!("s{number}"),
        zone: ZONES[number % ZONES.len()],
        times,
        jitter: if dice.happens(150) { dice.between(5, 90) } else { 0 },
        enabled: true,
        overlap,
        catch_up,
        window: dice.between(1, 8) * 1_800,
        deadline: if dice.happens(500) { 3_600 } else { dice.between(4, 40) * 60 },
        retry,
        timeout,
        pool: match dice.between(0, 5) {
            0 => Some("small"),
            1 | 2 => Some("large"),
            _ => None,
        },
        priority: if dice.happens(300) { dice.between(-20, 20) } else { 0 },
        connection: dice.pick(&CONNECTIONS),
        unknown: dice.pick(&["retry", "retry", "retry", "skip"]),
        pause_after: pause_after(dice),
        temper: Temper {
            lasts,
            fail: dice.between(0, 280),
            hang: dice.between(0, if pending.is_some() { 80 } else { 4 }),
            begin_late: dice.between(0, 60),
            run_long: dice.between(0, 60),
            deaf: dice.between(0, 250),
            park: if dice.happens(300) { dice.between(20, 250) } else { 0 },
        },
    }
}

impl Files {
    /// As the program reads them.
    pub(crate) fn read(&self, now: Moment) -> Arc<ScheduleSet> {
        let mut text = "version: 1\nconnections:\n".to_owned();
        for name in CONNECTIONS {
            let _ = writeln!(
                text,
                "  {name}:\n    url: https://cloud.uipath.com/acme/{name}/orchestrator_\n    auth: {{ grant: client_credentials, \
                 client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }}"
            );
        }
        text.push_str("defaults: { folder: F }\nlimits:\n");
        for (name, size) in &self.pools {
            let _ = writeln!(text, "  {name}: {{ running: {size} }}");
        }
        if !self.blackouts.is_empty() {
            text.push_str("blackouts:\n");
            self.blackouts.values().for_each(|blackout| text.push_str(&blackout.yaml()));
        }
        text.push_str("schedules:\n");
        self.laws.values().for_each(|law| text.push_str(&law.yaml()));
        let file = SourceFile { path: PathBuf::from("s.yaml"), text: text.clone(), folder: PathBuf::from("/etc") };
        match parse(&[file], Timestamp::from_millisecond(now).unwrap()) {
            Ok(loaded) => Arc::new(loaded.set),
            Err(invalid) => panic!("{text}\n{:#?}", invalid.diagnostics),
        }
    }
}
