//! What a schedule says that is allowed and perhaps not meant: its policies against its own times.
//!
//! Told is only what the file does not answer already: who writes `overlap: skip` knows that times are skipped.

use std::time::Duration;

use jiff::Timestamp;

use super::choices;
use super::fields::Fields;
use super::given::Given;
use super::habits::Habits;
use super::policies::Policies;
use super::retry::Again;
use super::timeout::TimeOut;
use crate::recurrence::{Excluded, Nominal, Recurrence};
use crate::schedule::diagnostic::Findings;
use crate::schedule::policy::{CatchUpPolicy, OverlapPolicy, Retry};
use crate::text;

/// So many coming times show how close together they are: a week of a daily schedule.
const MOST_TIMES: usize = 8;

/// Warns of what does not fit the times of a schedule.
pub(super) fn of_schedule(
    fields: &Fields<'_>,
    habits: &Habits,
    times: &Recurrence,
    now: Timestamp,
    findings: &mut Findings,
) {
    let policies = &habits.policies;
    let asks = matches!(policies.retry, Given::Here(_)) || matches!(policies.timeout, Given::Here(_));
    if !asks && policies.catch_up.is_none() {
        return;
    }
    let coming: Vec<Nominal> =
        std::iter::successors(times.next_after(now), |time| times.next_after(time.at)).take(MOST_TIMES).collect();
    let gap = coming
        .iter()
        .zip(coming.iter().skip(1))
        .filter(|(time, next)| time.excluded == Excluded::No && next.excluded == Excluded::No)
        .filter_map(|(time, next)| Duration::try_from(next.at.duration_since(time.at)).ok())
        .min();
    if let Some(gap) = gap {
        longer_than_the_gap(fields, policies, gap, findings);
    }
    caught_up(fields, policies, gap, findings);
    stopped_by_the_clock(fields, habits, &coming, gap, findings);
}

/// A run that may stay open beyond the next time, which is then skipped.
fn longer_than_the_gap(fields: &Fields<'_>, policies: &Policies, gap: Duration, findings: &mut Findings) {
    // Whoever says `skip` means it.
    if policies.overlap.is_some() {
        return;
    }
    let (next, meant) = (text::exactly(gap), "`overlap: skip` to say that it is meant, or `overlap: queue_one`");
    if let Given::Here(Again { retry: Some(retry), key_at, .. }) = &policies.retry
        && let pauses = pauses(retry)
        && pauses > gap
    {
        let waits = text::exactly(pauses);
        let what =
            format!("`retry` pauses for {waits} in all, and times that come meanwhile, every {next}, are skipped");
        let hint = format!("make the pauses shorter, or write {meant}");
        findings.warning(*key_at, fields.said(&what)).hint(hint);
    }
    if let Given::Here(TimeOut { timeouts, key_at, .. }) = &policies.timeout
        && let lasts = timeouts.pending.unwrap_or_default().saturating_add(timeouts.soft.unwrap_or_default())
        && lasts > gap
    {
        let lasts = text::exactly(lasts);
        let what =
            format!("`timeout` lets a run last {lasts}, and times that come meanwhile, every {next}, are skipped");
        let hint = format!("make it shorter, or write {meant}");
        findings.warning(*key_at, fields.said(&what)).hint(hint);
    }
}

/// All pauses between the starts of one run.
fn pauses(retry: &Retry) -> Duration {
    let pause = |n: u16| {
        let doubled = 2_u32.checked_pow(u32::from(n)).and_then(|times| retry.delay.checked_mul(times));
        doubled.map_or(retry.max_delay, |pause| pause.min(retry.max_delay))
    };
    (0..retry.attempts.saturating_sub(1)).map(pause).fold(Duration::ZERO, Duration::saturating_add)
}

/// `catch_up: all` that can find one time at most, or next to an overlap that says something else.
fn caught_up(fields: &Fields<'_>, policies: &Policies, gap: Option<Duration>, findings: &mut Findings) {
    let Some((catch_up, at)) = policies.catch_up.filter(|(catch_up, _)| catch_up.policy == CatchUpPolicy::All) else {
        return;
    };
    if let Some(gap) = gap.filter(|gap| *gap > catch_up.window) {
        let (window, twice) = (text::exactly(catch_up.window), text::exactly(gap.saturating_mul(2)));
        let what =
            format!("`catch_up.window` of {window} holds one time at most, so `policy: all` runs no more than `last`");
        let hint = format!("write a longer window, such as `window: {twice}`, or `policy: last`");
        findings.warning(at, fields.said(&what)).hint(hint);
    }
    // Late times run one after another under every overlap (semantics.md 9). That is no contradiction of what
    // `overlap` says of other times, also not where it stops the older run: the newest waits until all are made good.
    // But who wrote both expects one.
    match policies.overlap {
        None | Some((OverlapPolicy::Allow | OverlapPolicy::QueueAll, _)) => {}
        Some((overlap, overlap_at)) => {
            let word =
                choices::OVERLAP.built.iter().find(|(_, known)| *known == overlap).map_or("…", |(word, _)| word);
            let what = format!(
                "`catch_up` runs late times one after another, and later ones wait for them, whatever `overlap: {word}` says"
            );
            let hint = "write `overlap: queue_all`, or `policy: last`";
            findings.warning(at, fields.said(&what)).hint(hint).also(overlap_at, "the overlap here");
        }
    }
}

/// `timeout.at` against the zone and the times of the schedule.
fn stopped_by_the_clock(
    fields: &Fields<'_>,
    habits: &Habits,
    coming: &[Nominal],
    gap: Option<Duration>,
    findings: &mut Findings,
) {
    let Given::Here(TimeOut { timeouts, day_at: Some(at), .. }) = &habits.policies.timeout else { return };
    let Some(day) = timeouts.at else { return };
    // Of `cron` it is told already.
    if matches!(habits.timezone, Given::Absent) && fields.get("cron").is_none() && !fields.is_settled(&["timezone"]) {
        let hint = "write `timezone: Europe/Berlin` in the schedule, or once under `defaults`";
        findings.warning(*at, fields.said("no `timezone` is given, so `timeout.at` is read as UTC")).hint(hint);
    }
    if coming.iter().any(|time| time.local.time() == day) {
        let what = "`timeout.at` is the time at which it starts, so a run is stopped a day later";
        findings.warning(*at, fields.said(what)).hint("write a later time, or `soft: 1d` in its place");
        return;
    }
    let same_day = |(time, next): (&Nominal, &Nominal)| time.local.date() == next.local.date();
    if let Some(gap) = gap.filter(|_| coming.iter().zip(coming.iter().skip(1)).any(same_day)) {
        let what = "`timeout.at` stops all runs of a day at one time, and this schedule has several times a day";
        let hint = format!("write `soft: {}` in its place, which counts for each run by itself", text::exactly(gap));
        findings.warning(*at, fields.said(what)).hint(hint);
    }
}
