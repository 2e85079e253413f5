//! Windows in which nothing is started, as a file would give them.

use std::sync::Arc;
use std::time::Duration;

use punctual::recurrence::{CronPattern, DstPolicy, Pattern, Recurrence, Zone};
use punctual::schedule::{Blackout, BlackoutThen, ScheduleSet, Timing};
use punctual::text::NamePattern;

/// Windows of so many minutes that begin at the times of a pattern, in UTC.
pub(crate) fn blackout(name: &str, cron: &str, minutes: u64, then: BlackoutThen) -> Blackout {
    let patterns = vec![Pattern::Cron(CronPattern::parse(cron).expect("a pattern"))];
    let timing = Timing::of(&patterns, &Zone::utc(), DstPolicy::default()).expect("one pattern");
    Blackout {
        name: name.to_owned(),
        timing,
        begins: Recurrence::new(patterns, Zone::utc(), DstPolicy::default()).expect("it has times"),
        length: Duration::from_secs(60 * minutes),
        schedules: Vec::new(),
        connections: Vec::new(),
        except: Vec::new(),
        then,
    }
}

/// The same, about these schedules only.
pub(crate) fn about(blackout: Blackout, schedules: &[&str]) -> Blackout {
    Blackout { schedules: schedules.iter().map(|name| NamePattern::new(*name)).collect(), ..blackout }
}

/// A set with these blackouts and no others.
pub(crate) fn under(set: &ScheduleSet, blackouts: &[Blackout]) -> Arc<ScheduleSet> {
    let blackouts = blackouts.iter().map(|one| (one.name.clone(), Arc::new(one.clone()))).collect();
    Arc::new(ScheduleSet { blackouts, ..set.clone() })
}
