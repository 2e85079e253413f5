//! When, as written: kept with each schedule version, so that an edit can tell which old times it dropped.
//!
//! Its canonical JSON is hashed: two files that write the same times have the same version, however they spell them. So the
//! text is made from what was read ([`Timing::of`]), never copied from the file, and [`Timing::compile`] reads it back
//! through the same constructors that read the file.
//!
//! A calendar is kept by its days, not by its name: a calendar that is edited changes the times of whoever uses it. A Quartz
//! pattern is kept in our numbers, so `quartz` itself is no part of it. Keys at their default are left out, so that adding one
//! here changes no stored hash.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::recurrence::{
    Calendar, Class, CronPattern, DstPolicy, Every, GapPolicy, OnExcluded, OverlapTime, Pattern, Recurrence, Weekdays,
    Zone,
};

/// The timing keys of a schedule, as canonical text. [`Timing::of`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Cron patterns.
    pub cron: Vec<String>,
    /// Interval in whole seconds.
    pub every_s: Option<u64>,
    /// Anchor of the interval, RFC 3339 UTC.
    pub anchor: Option<String>,
    /// Instants, RFC 3339 UTC.
    pub at: Vec<String>,
    /// IANA name.
    pub timezone: String,
    /// `shift`, `offset`, `skip`.
    pub dst_gap: String,
    /// `first`, `last`, `both`.
    pub dst_overlap: String,
    /// `fixed`, `interval`, or by the pattern.
    pub dst_class: Option<String>,
    /// The days that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarDays>,
    /// `skip` (also when absent), `previous_working_day`, `next_working_day`; only beside a calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_excluded: Option<String>,
    /// The first instant, RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<String>,
    /// The last instant, itself included, RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// The longest jitter in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<u64>,
}

/// A calendar's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarDays {
    /// Weekdays such as `MON,TUE`; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekdays: Option<String>,
    /// Dates taken out, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Dates put back, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
}

/// The parts of a timing beside its patterns, zone and clock-change policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The days that are kept, and what becomes of the others' times.
    pub calendar: Option<(Calendar, OnExcluded)>,
    /// The first instant.
    pub starts: Option<Timestamp>,
    /// The last instant, itself included.
    pub ends: Option<Timestamp>,
    /// The longest jitter; less than a millisecond is none.
    pub jitter: Duration,
}

impl Bounds {
    /// Puts them on the times of a schedule.
    pub fn on(self, times: Recurrence, schedule_key: &str) -> Recurrence {
        let Bounds { calendar, starts, ends, jitter } = self;
        let times = times.between(starts, ends).with_jitter(jitter, schedule_key);
        match calendar {
            Some((calendar, on_excluded)) => times.with_calendar(calendar, on_excluded),
            None => times,
        }
    }
}

/// A timing that cannot be read, or cannot be written as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored timing is not valid: {0}")]
pub struct TimingError(pub String);

impl Timing {
    /// Writes down what was read from a file.
    ///
    /// The order and the repetition of cron patterns and instants are lost on purpose: they change no time.
    ///
    /// # Errors
    /// [`TimingError`] when there are two intervals: a schedule has at most one.
    pub fn of(patterns: &[Pattern], zone: &Zone, dst: DstPolicy) -> Result<Timing, TimingError> {
        let DstPolicy { gap, overlap, class } = dst;
        let mut timing = Timing {
            cron: Vec::new(),
            every_s: None,
            anchor: None,
            at: Vec::new(),
            timezone: zone.name().to_string(),
            dst_gap: gap.as_str().to_string(),
            dst_overlap: overlap.as_str().to_string(),
            dst_class: class.map(|class| class.as_str().to_string()),
            calendar: None,
            on_excluded: None,
            starts: None,
            ends: None,
            jitter_ms: None,
        };
        for pattern in patterns {
            match pattern {
                Pattern::Cron(cron) => timing.cron.push(cron.as_str().to_string()),
                Pattern::Every(Every { step, anchor }) => {
                    if timing.every_s.is_some() {
                        return Err(TimingError("more than one `every`".into()));
                    }
                    timing.every_s = Some(step.as_secs());
                    timing.anchor = Some(anchor.to_string());
                }
                Pattern::At(at) => timing.at.push(at.to_string()),
            }
        }
        for list in [&mut timing.cron, &mut timing.at] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(timing)
    }

    /// Writes down calendar, first and last instant, and jitter.
    pub fn bounded(mut self, bounds: &Bounds) -> Timing {
        let Bounds { calendar, starts, ends, jitter } = bounds;
        let dates = |dates: &BTreeSet<Date>| dates.iter().map(ToString::to_string).collect();
        let days = |Calendar { weekdays, exclude, include }: &Calendar| CalendarDays {
            weekdays: weekdays.map(|days| days.to_string()),
            exclude: dates(exclude),
            include: dates(include),
        };
        self.calendar = calendar.as_ref().map(|(calendar, _)| days(calendar));
        self.on_excluded =
            calendar.as_ref().filter(|(_, on)| *on != OnExcluded::Skip).map(|(_, on)| on.as_str().to_string());
        self.starts = starts.map(|at| at.to_string());
        self.ends = ends.map(|at| at.to_string());
        self.jitter_ms = u64::try_from(jitter.as_millis()).ok().filter(|ms| *ms > 0);
        self
    }

    /// Canonical JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// 16 hex digits of the SHA-256 of the canonical JSON.
    pub fn hash(&self) -> String {
        Sha256::digest(self.to_json().as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The times that the schedule with this key has by it; the key decides the share of the jitter.
    ///
    /// # Errors
    /// [`TimingError`] when it was stored by another version and cannot be read any more.
    pub fn compile(&self, schedule_key: &str) -> Result<Recurrence, TimingError> {
        let Timing {
            cron,
            every_s,
            anchor,
            at,
            timezone,
            dst_gap,
            dst_overlap,
            dst_class,
            calendar,
            on_excluded,
            starts,
            ends,
            jitter_ms,
        } = self;
        let mut patterns = Vec::new();
        for text in cron {
            let pattern = CronPattern::parse(text).map_err(|error| TimingError(format!("cron `{text}`: {error}")))?;
            patterns.push(Pattern::Cron(pattern));
        }
        if let Some(seconds) = every_s {
            if *seconds == 0 {
                return Err(TimingError("`every` of 0 seconds".into()));
            }
            let anchor = anchor.as_deref().map_or(Ok(Timestamp::UNIX_EPOCH), read_instant)?;
            patterns.push(Pattern::Every(Every { step: Duration::from_secs(*seconds), anchor }));
        }
        for text in at {
            patterns.push(Pattern::At(read_instant(text)?));
        }
        if patterns.is_empty() {
            return Err(TimingError("neither `cron` nor `every` nor `at`".into()));
        }
        let zone = Zone::find(timezone).map_err(|error| TimingError(error.to_string()))?;
        let dst = DstPolicy {
            gap: GapPolicy::parse(dst_gap).ok_or_else(|| unknown("dst.gap", dst_gap))?,
            overlap: OverlapTime::parse(dst_overlap).ok_or_else(|| unknown("dst.overlap", dst_overlap))?,
            class: match dst_class {
                None => None,
                Some(text) => Some(Class::parse(text).ok_or_else(|| unknown("dst.class", text))?),
            },
        };
        let on_excluded = match on_excluded {
            None => OnExcluded::Skip,
            Some(text) => OnExcluded::parse(text).ok_or_else(|| unknown("on_excluded", text))?,
        };
        let bounds = Bounds {
            calendar: calendar.as_ref().map(|days| Ok((days.read()?, on_excluded))).transpose()?,
            starts: starts.as_deref().map(read_instant).transpose()?,
            ends: ends.as_deref().map(read_instant).transpose()?,
            jitter: Duration::from_millis(jitter_ms.unwrap_or(0)),
        };
        let times = Recurrence::new(patterns, zone, dst).map_err(|error| {
            TimingError(format!("cron `{}`: {error}", cron.get(error.pattern).map_or("", String::as_str)))
        })?;
        Ok(bounds.on(times, schedule_key))
    }
}

impl CalendarDays {
    fn read(&self) -> Result<Calendar, TimingError> {
        let CalendarDays { weekdays, exclude, include } = self;
        let weekdays = match weekdays.as_deref() {
            None => None,
            Some("") => Some(Weekdays::default()),
            Some(text) => Some(
                Weekdays::parse(text).map_err(|error| TimingError(format!("calendar.weekdays `{text}`: {error}")))?,
            ),
        };
        Ok(Calendar { weekdays, exclude: read_dates(exclude)?, include: read_dates(include)? })
    }
}

fn read_dates(dates: &[String]) -> Result<BTreeSet<Date>, TimingError> {
    let read = |text: &String| text.parse().map_err(|error| TimingError(format!("date `{text}`: {error}")));
    dates.iter().map(read).collect()
}

fn read_instant(text: &str) -> Result<Timestamp, TimingError> {
    text.parse().map_err(|error| TimingError(format!("instant `{text}`: {error}")))
}

fn unknown(key: &str, text: &str) -> TimingError {
    TimingError(format!("`{key}` cannot be `{text}`"))
}
