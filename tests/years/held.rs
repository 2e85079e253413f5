//! What holds a schedule back at a moment: the windows of the files of then, and the pauses of the database (rules 29, 30).

use super::blackout::Blackout;
use super::job::Moment;
use super::law::Law;
use super::people::{Answer, Ask, Pause};
use super::plan::Files;
use super::story::{Row, Story};

/// A row of windows that meet, around a moment in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) from: Moment,
    /// The first moment after all of them.
    pub(crate) until: Moment,
    /// Whether times at that moment wait.
    pub(crate) waits: bool,
}

/// A time that a person wants skipped.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) nominal: Moment,
    pub(crate) from: Moment,
    /// When it was taken back.
    pub(crate) until: Moment,
}

impl Files {
    fn about<'f>(&'f self, law: &'f Law) -> impl Iterator<Item = &'f Blackout> + 'f {
        self.blackouts.values().filter(|blackout| blackout.is_about(&law.key, law.connection))
    }

    /// The windows that a moment lies in, and those that meet them.
    pub(crate) fn windows_at(&self, law: &Law, at: Moment) -> Option<Windows> {
        let inside: Vec<&Blackout> = self.about(law).filter(|blackout| blackout.has(at)).collect();
        if inside.is_empty() {
            return None;
        }
        let (mut from, mut until) = (at, at);
        loop {
            let meeting = self.about(law).flat_map(|blackout| blackout.near(from, until));
            let wider = meeting.fold((from, until), |wide, window| (wide.0.min(window.0), wide.1.max(window.1)));
            if wider == (from, until) {
                break;
            }
            (from, until) = wider;
        }
        Some(Windows { from, until, waits: inside.iter().all(|blackout| blackout.words.waits) })
    }
}

/// How much of that time these stretches cover together.
fn covered(mut stretches: Vec<(Moment, Moment)>, from: Moment, until: Moment) -> i64 {
    stretches.sort_unstable();
    let (mut total, mut done) = (0, from);
    for (begin, end) in stretches {
        let (begin, end) = (begin.max(done), end.min(until));
        total += (end - begin).max(0);
        done = done.max(end);
    }
    total
}

impl Story {
    /// The files that were loaded at a moment of that time, each with when it was.
    fn files_in(&self, from: Moment, until: Moment) -> impl Iterator<Item = (&Files, Moment, Moment)> {
        let loads = &self.record.loads;
        let first = loads.partition_point(|(at, _)| *at <= from).saturating_sub(1);
        let ends = loads[first..].iter().skip(1).map(|(at, _)| *at).chain([Moment::MAX]);
        let pieces = loads[first..].iter().zip(ends).map(|((at, files), end)| (&self.files[*files], *at, end));
        pieces.take_while(move |(_, at, _)| *at <= until)
    }

    /// How much of that time lies in windows: by the files of each moment.
    pub(crate) fn in_windows_at_least(&self, law: &Law, from: Moment, until: Moment) -> i64 {
        let pieces = self.files_in(from, until).map(|(files, begun, over)| {
            let (from, until) = (from.max(begun), until.min(over));
            covered(files.about(law).flat_map(|blackout| blackout.near(from, until)).collect(), from, until)
        });
        pieces.sum()
    }

    /// The same where windows that an edit adds count also for the time before it, and those that one takes away for that after it.
    pub(crate) fn in_windows_at_most(&self, law: &Law, claimed: Moment, from: Moment, until: Moment) -> i64 {
        let files = self.files_in(claimed.min(from), until).map(|(files, _, _)| files);
        covered(files.flat_map(|files| files.about(law)).flat_map(|b| b.near(from, until)).collect(), from, until)
    }

    /// Whether a window or a pause holds it at any moment of that time.
    pub(crate) fn is_held(&self, law: &Law, from: Moment, until: Moment) -> bool {
        self.files_in(from, until).any(|(files, _, _)| files.about(law).any(|b| b.near(from, until).next().is_some()))
            || self.pauses_of(law).any(|pause| pause.since <= until && from <= pause.end())
    }

    /// The pauses that hold a schedule.
    pub(crate) fn pauses_of<'s>(&'s self, law: &Law) -> impl Iterator<Item = &'s Pause> + 's {
        self.pauses_by_schedule.get(&law.key).into_iter().flatten().map(|place| &self.pauses[*place])
    }

    pub(crate) fn pause_at(&self, law: &Law, at: Moment) -> Option<&Pause> {
        self.pauses_of(law).find(|pause| pause.has(at))
    }

    /// The windows of a time by its `fire_at`; none where an edit between that and its finding changed them.
    pub(crate) fn windows_of(&self, row: &Row, law: &Law) -> Result<Option<Windows>, Edited> {
        let then = self.files_at(row.claimed).windows_at(law, row.fire);
        let all = self.files_in(row.fire.min(row.claimed), row.claimed);
        let same = all.into_iter().all(|(files, _, _)| files.windows_at(law, row.fire) == then);
        if same { Ok(then) } else { Err(Edited) }
    }

    /// From when on it is late (rules 9, 30).
    pub(crate) fn late_from(&self, row: &Row, law: &Law) -> Result<Moment, Edited> {
        Ok(self.windows_of(row, law)?.filter(|windows| windows.waits).map_or(row.fire, |windows| windows.until))
    }

    /// The times of a schedule that are to be skipped; those that may be, where a daemon died over the asking.
    pub(crate) fn marks(&self, key: &str) -> (Vec<Mark>, bool) {
        let (mut marks, mut certain) = (Vec::<Mark>::new(), true);
        for asked in &self.record.asked {
            match (&asked.ask, &asked.answer) {
                (Ask::Skip { schedule, .. }, Some(Answer::Time(nominal))) if schedule == key => {
                    marks.push(Mark { nominal: *nominal, from: asked.at, until: Moment::MAX });
                }
                (Ask::Undo { schedule, .. }, Some(Answer::Time(nominal))) if schedule == key => {
                    let open = marks.iter_mut().filter(|mark| mark.nominal == *nominal && mark.until == Moment::MAX);
                    open.for_each(|mark| mark.until = asked.at);
                }
                (Ask::Skip { schedule, .. } | Ask::Undo { schedule, .. }, None) if schedule == key => certain = false,
                _ => {}
            }
        }
        (marks, certain)
    }
}

/// The windows of a moment were changed before it was judged, and the law does not say by which it is.
#[derive(Debug)]
pub(crate) struct Edited;
