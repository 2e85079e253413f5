//! Time zones by IANA name, as stretches of one offset each.
//!
//! A schedule keeps the zone's name, never an offset (tokio-cron-scheduler keeps an offset, and is an hour off from the
//! next clock change on). Only names that say where are taken: `CET`, `EST` or `+02:00` are refused with the name meant, because
//! they have no clock changes, or those of some other place.
//!
//! Absent: which database the names are looked up in (`zone_database`).

use jiff::civil;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::policy::{DstPolicy, GapPolicy, OverlapTime};
use super::zone_database::{self, ZoneDatabase};
use super::zone_names::{self, Refusal};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A zone of the IANA database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    tz: TimeZone,
    name: Box<str>,
}

/// No such zone, or a name that does not say which.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone `{name}`")]
pub struct UnknownZone {
    /// As written.
    pub name: String,
    /// The IANA name that was probably meant.
    pub hint: Option<String>,
}

impl Zone {
    /// Finds a zone by its IANA name, letter for letter, in the database that this process uses.
    ///
    /// # Errors
    /// [`UnknownZone`], also for Windows names, abbreviations and offsets.
    pub fn find(name: &str) -> Result<Zone, UnknownZone> {
        Zone::find_in(&zone_database::zone_database(), name)
    }

    /// The same in a database of one's choice.
    ///
    /// # Errors
    /// [`UnknownZone`], also for Windows names, abbreviations and offsets.
    pub fn find_in(database: &ZoneDatabase, name: &str) -> Result<Zone, UnknownZone> {
        let unknown = |hint| UnknownZone { name: name.to_string(), hint };
        match zone_names::find_refusal(name) {
            Some(Refusal::Means(meant)) => return Err(unknown(Some(meant))),
            Some(Refusal::NoPlace) => return Err(unknown(None)),
            None => {}
        }
        let Some(tz) = zone_database::lookup(database, name) else {
            return Err(unknown(zone_names::nearest(name, jiff::tz::db().available().map(|name| name.to_string()))));
        };
        match tz.iana_name() {
            // The database takes any case; what is stored and shown has one spelling.
            Some(found) if found != name => Err(unknown(Some(found.to_string()))),
            _ => Ok(Zone { tz, name: name.into() }),
        }
    }

    /// UTC.
    pub fn utc() -> Zone {
        Zone { tz: TimeZone::UTC, name: "UTC".into() }
    }

    /// Its IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules, from the database in use.
    pub fn time_zone(&self) -> &TimeZone {
        &self.tz
    }

    /// How an instant reads there.
    pub fn read(&self, at: Timestamp) -> (civil::DateTime, Offset) {
        let offset = self.tz.to_offset(at);
        (offset.to_datetime(at), offset)
    }

    /// The first instant of a local day, which is not midnight where a clock change leaves midnight out. For `starts`.
    ///
    /// A day that never was begins where the next one does. `None` at the end of time.
    pub fn first_instant_of(&self, day: civil::Date) -> Option<Timestamp> {
        self.resolve(day.at(0, 0, 0, 0), DstPolicy::default())
    }

    /// The first instant at which the clocks there show this, or what follows on it where a clock change leaves it out. `None` at the end
    /// of time.
    pub fn first_instant_at(&self, local: civil::DateTime) -> Option<Timestamp> {
        self.resolve(local, DstPolicy::default())
    }

    /// The last whole second of a local day. For `ends`. `None` at the end of time.
    pub fn last_second_of(&self, day: civil::Date) -> Option<Timestamp> {
        self.first_instant_of(day.tomorrow().ok()?)?.checked_sub(SECOND).ok()
    }

    /// The instant of one fixed local time; of two, `both` takes the first. `None`: a gap that is to be skipped.
    pub(super) fn resolve(&self, local: civil::DateTime, dst: DstPolicy) -> Option<Timestamp> {
        match self.tz.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
            AmbiguousOffset::Fold { before, after } => match dst.overlap {
                OverlapTime::First | OverlapTime::Both => before.to_timestamp(local).ok(),
                OverlapTime::Last => after.to_timestamp(local).ok(),
            },
            AmbiguousOffset::Gap { before, .. } => {
                let as_before = before.to_timestamp(local).ok()?;
                match dst.gap {
                    GapPolicy::Shift => self.period_at(as_before).start,
                    GapPolicy::Offset => Some(as_before),
                    GapPolicy::Skip => None,
                }
            }
        }
    }

    /// The stretch of one offset that `at` lies in.
    pub(super) fn period_at(&self, at: Timestamp) -> Period {
        let offset = self.tz.to_offset(at);
        // jiff's `preceding` is strict, and a change at `at` itself begins the period. Changes are at whole seconds.
        let start = at.checked_add(SECOND).ok().and_then(|next| self.tz.preceding(next).next());
        let start = start.map(|change| change.timestamp());
        let before = start.and_then(|start| start.checked_sub(SECOND).ok()).map(|last| self.tz.to_offset(last));
        self.period(start, before.unwrap_or(offset), offset, at)
    }

    /// The stretch that follows `period`.
    pub(super) fn period_after(&self, period: &Period) -> Option<Period> {
        let start = period.end?;
        Some(self.period(Some(start), period.offset, period.after, start))
    }

    fn period(&self, start: Option<Timestamp>, before: Offset, offset: Offset, inside: Timestamp) -> Period {
        let next = self.tz.following(inside).next();
        let end = next.as_ref().map(|change| change.timestamp());
        let after = next.map_or(offset, |change| change.offset());
        Period { start, end, before, offset, after }
    }
}

/// A stretch of time with one offset, and the offsets on either side.
///
/// A change that leaves the offset alone (of the name, or of the daylight flag) also ends one; nothing depends on that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    /// Its first instant; `None` at the beginning of time.
    pub(super) start: Option<Timestamp>,
    /// The first instant after it; `None` at the end of time.
    pub(super) end: Option<Timestamp>,
    pub(super) before: Offset,
    pub(super) offset: Offset,
    pub(super) after: Offset,
}

impl Period {
    /// How the clock reads where the period begins, and how it would have read without the change.
    pub(super) fn opening(&self) -> Option<Change> {
        self.start.map(|at| Change { old: self.before.to_datetime(at), new: self.offset.to_datetime(at) })
    }

    /// How the clock would read where the period ends, and how it reads with the change.
    pub(super) fn closing(&self) -> Option<Change> {
        self.end.map(|at| Change { old: self.offset.to_datetime(at), new: self.after.to_datetime(at) })
    }
}

/// A clock change as two readings of one instant: forward leaves out `old..new`, back repeats `new..old`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) old: civil::DateTime,
    pub(super) new: civil::DateTime,
}
