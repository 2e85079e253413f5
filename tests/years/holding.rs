//! What is planned of holding back: the blackouts of the files, what people ask for, and accounts whose logons fail.

use std::collections::BTreeMap;

use super::blackout::{Begins, Blackout, Words};
use super::dice::Dice;
use super::job::Moment;
use super::people::{Ask, Scope};
use super::plan::{CONNECTIONS, Files, Happens, Plan, Size, ZONES};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// At most so many at once.
const MOST: usize = 12;

const PATTERNS: [&str; 8] = ["s1*", "s2*", "s?", "*5", "s*3", "born*", "s4*", "*8"];

/// After so many failures in a row it is paused.
pub(crate) fn pause_after(dice: &mut Dice) -> Option<i64> {
    match dice.between(0, 9) {
        0..=2 => None,
        3 | 4 => Some(0),
        _ => Some(dice.between(2, 4).min(dice.between(2, 4))),
    }
}

fn whose(dice: &mut Dice, keys: &[String]) -> (Vec<String>, Vec<String>) {
    let connection = || vec!["t*".to_owned()];
    let mut schedules = vec![dice.pick(&PATTERNS).to_owned()];
    match dice.between(0, 9) {
        0 => (Vec::new(), vec![dice.pick(&CONNECTIONS).to_owned()]),
        1 | 2 => (schedules, connection()),
        3..=5 => {
            schedules.push(dice.pick(keys));
            (schedules, Vec::new())
        }
        6 => (Vec::new(), Vec::new()),
        _ => (schedules, Vec::new()),
    }
}

fn words(dice: &mut Dice, name: String, keys: &[String], plan: &Plan, around: Moment) -> Words {
    let (schedules, connections) = whose(dice, keys);
    let wide = schedules.is_empty();
    let lasts = match dice.between(0, 3) {
        _ if wide => dice.between(3, 25) * 60,
        0 => dice.between(60, 200) * 60,
        1 => dice.between(100, 1_000),
        _ => dice.between(10, 60) * 60,
    };
    let begins = if dice.happens(600) {
        let mut hours: Vec<i8> = (0..dice.between(1, 3)).map(|_| i8::try_from(dice.between(0, 23)).unwrap()).collect();
        hours.sort_unstable();
        hours.dedup();
        Begins::Daily(hours, i8::try_from(dice.between(0, 59)).unwrap())
    } else {
        let latest = plan.end.min(around + 72 * HOUR);
        // One may have begun by then.
        let earliest = (around - lasts * 700).max(plan.begin);
        let mut instants: Vec<i64> = (0..dice.between(1, 3)).map(|_| dice.between(earliest, latest) / 1_000).collect();
        if dice.happens(500) {
            instants.push(dice.between(around - lasts * 700, around) / 1_000);
        }
        instants.sort_unstable();
        instants.dedup();
        Begins::At(instants)
    };
    Words { name, begins, zone: dice.pick(&ZONES), lasts, schedules, connections, waits: dice.happens(550) }
}

/// One that meets another: where it ends, or in its middle.
fn next_to(dice: &mut Dice, other: &Words, name: String) -> Words {
    let after = if dice.happens(500) { other.lasts } else { other.lasts / 2 } / 60 * 60;
    let begins = match &other.begins {
        Begins::Daily(hours, minute) => {
            let minutes = i64::from(*minute) + after / 60;
            let later = |hour: &i8| i8::try_from((i64::from(*hour) + minutes / 60) % 24).unwrap();
            Begins::Daily(hours.iter().map(later).collect(), i8::try_from(minutes % 60).unwrap())
        }
        Begins::At(instants) => Begins::At(instants.iter().map(|at| at + after).collect()),
    };
    let lasts = dice.between(5, 50) * 60;
    Words { name, begins, lasts, waits: dice.happens(550), ..other.clone() }
}

/// What the first files say.
pub(crate) fn first(dice: &mut Dice, plan: &Plan) -> BTreeMap<String, Blackout> {
    let keys: Vec<String> = plan.files[0].laws.keys().cloned().collect();
    let mut all: Vec<Words> = Vec::new();
    for number in 0..8 {
        all.push(words(dice, format!("b{number}"), &keys, plan, plan.begin));
        if dice.happens(400) {
            all.push(next_to(dice, all.last().unwrap(), format!("b{number}-next")));
        }
    }
    all.into_iter().map(|words| (words.name.clone(), words.spread(plan.begin, plan.end))).collect()
}

impl Files {
    /// One more, or another, or one less.
    pub(crate) fn edit_blackouts(&mut self, dice: &mut Dice, plan: &Plan, at: Moment) {
        let keys: Vec<String> = self.laws.keys().cloned().collect();
        let names: Vec<String> = self.blackouts.keys().cloned().collect();
        let fresh = format!("c{}", plan.files.len());
        let words = match dice.between(0, 3) {
            0 if !names.is_empty() => {
                self.blackouts.remove(&dice.pick(&names));
                return;
            }
            1 if !names.is_empty() => {
                let mut old = self.blackouts[&dice.pick(&names)].words.clone();
                match dice.between(0, 2) {
                    0 => old.waits = !old.waits,
                    1 => old.lasts = (old.lasts * dice.between(40, 180) / 100).max(90),
                    _ => (old.schedules, old.connections) = whose(dice, &keys),
                }
                old
            }
            2 if !names.is_empty() && names.len() < MOST => {
                let other = dice.pick(&names);
                next_to(dice, &self.blackouts[&other].words, fresh)
            }
            _ if names.len() < MOST => words(dice, fresh, &keys, plan, at),
            _ => return,
        };
        self.blackouts.insert(words.name.clone(), words.spread(plan.begin, plan.end));
    }

    /// A name that no schedule has is a mistake in a file.
    pub(crate) fn forget(&mut self, schedule: &str, plan: &Plan) {
        for blackout in self.blackouts.values_mut() {
            let mut words = blackout.words.clone();
            words.schedules.retain(|pattern| pattern != schedule);
            *blackout = words.spread(plan.begin, plan.end);
        }
    }
}

impl Plan {
    /// Some each day, by the files of then.
    pub(crate) fn people(&mut self, dice: &mut Dice, size: Size) {
        let mut edits: Vec<(Moment, usize)> = vec![(self.begin, 0)];
        edits.extend(self.events.iter().filter_map(|(at, event)| match event {
            Happens::Edit(files) => Some((*at, *files)),
            _ => None,
        }));
        edits.sort_unstable();
        let mut asked: Vec<(Moment, Happens)> = Vec::new();
        for _ in 0..size.days * 26 {
            let at = dice.between(self.begin + 5 * MINUTE, self.end - 10 * MINUTE);
            let files = &self.files[edits[edits.partition_point(|(loaded, _)| *loaded <= at) - 1].1];
            let keys: Vec<String> = files.laws.keys().cloned().collect();
            let key = dice.pick(&keys);
            let lasts = dice.happens(650).then(|| dice.between(5 * MINUTE, 2 * HOUR));
            let short = Some(dice.between(3 * MINUTE, 20 * MINUTE));
            let pattern = dice.pick(&PATTERNS).to_owned();
            let connection = Scope::Connections(dice.pick(&CONNECTIONS).to_owned());
            let ask = match dice.between(0, 17) {
                0..=3 => Ask::Pause { scope: Scope::Schedules(key), lasts },
                4 | 5 => Ask::Pause { scope: Scope::Schedules(pattern), lasts: lasts.or(short) },
                6 => Ask::Pause { scope: connection, lasts: short },
                7 => Ask::Pause { scope: Scope::All, lasts: short },
                8 => Ask::Resume { scope: Scope::Schedules(pattern) },
                9 => Ask::Resume { scope: dice.pick(&[Scope::Schedules(key), connection, Scope::All]) },
                _ => {
                    let coming = files.laws[&key].nominal_times(at / 1_000, at / 1_000 + 5 * 3_600);
                    let one = dice.happens(600) && !coming.is_empty();
                    let time = one.then(|| dice.pick(&coming) * 1_000 + i64::from(dice.happens(50)) * 1_000);
                    if dice.happens(350) {
                        let undo = Ask::Undo { schedule: key.clone(), at: time };
                        asked.push((at + dice.between(1_000, 20 * MINUTE), Happens::Ask(undo)));
                    }
                    Ask::Skip { schedule: key, at: time }
                }
            };
            if dice.happens(20 * size.kills_a_day) {
                // The daemon dies over it.
                asked.push((at, Happens::Kill { down: dice.between(500, MINUTE) }));
            }
            asked.push((at, Happens::Ask(ask)));
        }
        for _ in 0..size.days * 14 {
            asked.push((dice.between(self.begin, self.end), Happens::Round));
        }
        for _ in 0..size.days * 2 {
            let at = dice.between(self.begin + HOUR, self.end - HOUR);
            let connection = dice.pick(&CONNECTIONS);
            asked.push((at, Happens::Logons(connection, false)));
            asked.push((at + dice.between(15 * MINUTE, 50 * MINUTE), Happens::Logons(connection, true)));
        }
        self.events.extend(asked);
    }
}
