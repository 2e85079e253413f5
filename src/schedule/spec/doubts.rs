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
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::policy::{CatchUp, CatchUpPolicy, OverlapPolicy, Retry};
use crate::text;

/// So many coming times show how close together they are: a week of a daily schedule.
const MOST_TIMES: usize = 8;

/// Who has a time so often has one while late ones are made good.
const OFTEN: Duration = Duration::from_secs(3_600);

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
    let coming = coming(times, now);
    let gap = least_gap(&coming);
    if let Some(gap) = gap {
        longer_than_the_gap(fields, policies, gap, findings);
    }
    caught_up(fields, policies, gap, findings);
    stopped_by_the_clock(fields, habits, &coming, gap, findings);
}

/// The next times.
pub(super) fn coming(times: &Recurrence, now: Timestamp) -> Vec<Nominal> {
    std::iter::successors(times.next_after(now), |time| times.next_after(time.at)).take(MOST_TIMES).collect()
}

/// How close together they are at their closest.
pub(super) fn least_gap(coming: &[Nominal]) -> Option<Duration> {
    coming
        .iter()
        .zip(coming.iter().skip(1))
        .filter(|(time, next)| time.excluded == Excluded::No && next.excluded == Excluded::No)
        .filter_map(|(time, next)| Duration::try_from(next.at.duration_since(time.at)).ok())
        .min()
}

/// A run that may stay open beyond the next time, which is then skipped.
fn longer_than_the_gap(fields: &Fields<'_>, policies: &Policies, gap: Duration, findings: &mut Findings) {
    match policies.overlap {
        None => {}
        Some((OverlapPolicy::QueueAll, at)) => return ever_longer_queue(fields, policies, gap, at, findings),
        Some((OverlapPolicy::StopOther | OverlapPolicy::KillOther, at)) => {
            return never_tried_again(fields, policies, gap, at, findings);
        }
        // Whoever says `skip` means it.
        Some(_) => return,
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
    let closest = gap.unwrap_or(Duration::MAX);
    // At its edges a window holds one more.
    let held = u32::try_from(catch_up.window.as_secs() / closest.as_secs().max(1)).unwrap_or(u32::MAX);
    if catch_up.max != CatchUp::USUAL_MAX && held > 0 && catch_up.max > held.saturating_add(1) {
        let (window, longer) = (text::exactly(catch_up.window), text::exactly(closest.saturating_mul(catch_up.max)));
        let what =
            format!("`catch_up.window` of {window} holds {held} times, so `max: {}` never comes to it", catch_up.max);
        let hint = format!("write a longer window, such as `window: {longer}`, or `max: {held}`");
        findings.warning(at, fields.said(&what)).hint(hint);
    }
    // Late times run one after another under every overlap, later ones wait for them, and then overlap is asked as ever
    // (semantics.md 9, 11). Who lets overlap be is told only where times come so often that one comes meanwhile.
    let (overlap, overlap_at) = match policies.overlap {
        None if closest > OFTEN => return,
        None => (OverlapPolicy::Skip, None),
        Some((overlap, at)) => (overlap, Some(at)),
    };
    let then = match overlap {
        OverlapPolicy::Allow | OverlapPolicy::QueueAll => return,
        OverlapPolicy::Skip => "one is skipped if a run is open then",
        OverlapPolicy::QueueOne => "one is skipped if another waits already",
        OverlapPolicy::QueueLatest => "one is skipped if a newer one waits",
        OverlapPolicy::StopOther => "the newest stops the run before it",
        OverlapPolicy::KillOther => "the newest kills the run before it",
    };
    let word = choices::OVERLAP.built.iter().find(|(_, known)| *known == overlap).map_or("", |(word, _)| word);
    let what = format!(
        "`catch_up` runs late times one after another; times that come meanwhile wait for them, and then go by `overlap: {word}`: {then}"
    );
    let finding = findings.warning(at, fields.said(&what));
    finding.hint("write `overlap: queue_all`, which leaves none out, or `policy: last`");
    if let Some(at) = overlap_at {
        finding.also(at, "the overlap here");
    }
}

/// Times that come faster than runs end, where all of them wait.
fn ever_longer_queue(fields: &Fields<'_>, policies: &Policies, gap: Duration, overlap_at: At, findings: &mut Findings) {
    let Given::Here(TimeOut { timeouts, key_at, .. }) = &policies.timeout else { return };
    let Some(soft) = timeouts.soft.filter(|soft| *soft > gap) else { return };
    let (lasts, next, most) = (text::exactly(soft), text::exactly(gap), OverlapPolicy::LONGEST_QUEUE);
    let what = format!(
        "`timeout` lets a run last {lasts}, and a time comes every {next}: with `overlap: queue_all` up to {most} wait, ever later"
    );
    let hint = "make `soft` shorter, or write `overlap: queue_latest`";
    findings.warning(*key_at, fields.said(&what)).hint(hint).also(overlap_at, "the overlap here");
}

/// A pause after which the next time has long ended the run that is to be tried again (semantics.md 11).
fn never_tried_again(fields: &Fields<'_>, policies: &Policies, gap: Duration, overlap_at: At, findings: &mut Findings) {
    let Given::Here(Again { retry: Some(retry), key_at, .. }) = &policies.retry else { return };
    if retry.delay < gap {
        return;
    }
    let (pause, next) = (text::exactly(retry.delay), text::exactly(gap));
    let what =
        format!("`retry` pauses for {pause}, and the next time, after {next}, ends a run that waits to be tried again");
    let hint = "make `delay` shorter, or write `overlap: skip`";
    findings.warning(*key_at, fields.said(&what)).hint(hint).also(overlap_at, "the overlap here");
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
