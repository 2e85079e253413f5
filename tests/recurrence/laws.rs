//! Laws that hold for any pattern in any zone (semantics.md 3).

use std::sync::LazyLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use punctual::recurrence::{
    Calendar, Class, CronPattern, DstPolicy, Every, Excluded, GapPolicy, Nominal, OnExcluded, OverlapTime, Pattern,
    Recurrence, Weekdays, Zone,
};

static ZONES: LazyLock<Vec<Zone>> = LazyLock::new(|| {
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    names.iter().filter_map(|name| Zone::find(name).ok()).collect()
});

fn any_zone() -> impl Strategy<Value = Zone> {
    any::<prop::sample::Index>().prop_map(|index| ZONES[index.index(ZONES.len())].clone())
}

fn any_policy() -> impl Strategy<Value = DstPolicy> {
    let class = prop::option::of(prop::sample::select(Class::ALL.to_vec()));
    (prop::sample::select(GapPolicy::ALL.to_vec()), prop::sample::select(OverlapTime::ALL.to_vec()), class)
        .prop_map(|(gap, overlap, class)| DstPolicy { gap, overlap, class })
}

/// One entry of a field: a value, a range, a step.
fn any_item(first: u8, last: u8) -> BoxedStrategy<String> {
    let value = first..=last;
    let range = (first..=last, first..=last).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        4 => value.prop_map(|value| value.to_string()),
        2 => range.clone().prop_map(|(a, b)| format!("{a}-{b}")),
        1 => (range, 1..=last).prop_map(|((a, b), step)| format!("{a}-{b}/{step}")),
    ]
    .boxed()
}

fn any_field(first: u8, last: u8, special: &'static [&'static str]) -> BoxedStrategy<String> {
    let list = prop::collection::vec(any_item(first, last), 1..4).prop_map(|items| items.join(","));
    let step = (1..=last).prop_map(|step| format!("*/{step}"));
    if special.is_empty() {
        prop_oneof![2 => Just("*".to_string()), 4 => list, 1 => step].boxed()
    } else {
        let special = prop::sample::select(special).prop_map(str::to_string);
        prop_oneof![4 => Just("*".to_string()), 3 => list, 1 => step, 1 => special].boxed()
    }
}

const DAYS: &[&str] = &["?", "L", "LW", "15W", "1W,L", "31W"];
const WEEKDAYS: &[&str] = &["MON-FRI", "FRI#2", "sunL", "5#5", "+MON", "+6-7", "?"];

/// A pattern that is accepted and has a date.
fn any_cron() -> impl Strategy<Value = CronPattern> {
    let second =
        prop_oneof![3 => Just(String::new()), 1 => any_field(0, 59, &[]).prop_map(|field| format!("{field} "))];
    let rest = (
        any_field(0, 59, &[]),
        any_field(0, 23, &[]),
        any_field(1, 31, DAYS),
        any_field(1, 12, &[]),
        any_field(0, 7, WEEKDAYS),
    );
    (second, rest).prop_filter_map("refused", |(second, (minute, hour, day, month, weekday))| {
        CronPattern::parse(&format!("{second}{minute} {hour} {day} {month} {weekday}")).ok()
    })
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        8 => any_cron().prop_map(Pattern::Cron),
        1 => (0..u64::MAX, any_instant()).prop_map(|(step, anchor)| {
            Pattern::Every(Every { step: Duration::from_secs(step >> (step % 64)), anchor })
        }),
        1 => any_instant().prop_map(Pattern::At),
    ]
}

/// Mostly our own century, sometimes any instant there is, fractions included.
fn any_instant() -> impl Strategy<Value = Timestamp> {
    let whole = Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond();
    prop_oneof![
        6 => (0_i64..4_102_444_800).prop_map(|second| Timestamp::from_second(second).unwrap()),
        2 => whole.prop_map(|nanosecond| Timestamp::from_nanosecond(nanosecond).unwrap()),
        1 => prop::sample::select(vec![Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH]),
    ]
}

/// As many cases as `PROPTEST_CASES` says, else `usual`: a number written into the config would hide the variable.
fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().map(|count| count.parse().unwrap());
    ProptestConfig { cases: asked.unwrap_or(usual), failure_persistence: None, ..ProptestConfig::default() }
}

const YEARS: i64 = 100;
/// So many times in a row from each place where a hundred years are looked at.
const IN_A_ROW: usize = 4;

/// A hundred years of a pattern, looked at in so many places that a rare one is walked without a leap.
///
/// The places are the zone's clock changes, a minute before each, and one in every year. Between them it leaps only when it
/// has found [`IN_A_ROW`] times, so a pattern is cut short only where it is dense. Gives back how many times were found.
fn walk_a_hundred_years(recurrence: &Recurrence, zone: &Zone, begin: Timestamp) -> Result<usize, TestCaseError> {
    let end = begin + SignedDuration::from_hours(24 * 365 * YEARS);
    let yearly = (0..YEARS).map(|year| begin + SignedDuration::from_hours(24 * 365 * year + 17 * year));
    let changes = zone.time_zone().following(begin).map(|change| change.timestamp()).take_while(|at| *at < end);
    let mut places: Vec<Timestamp> = yearly.chain(changes.map(|at| at - SignedDuration::from_mins(1))).collect();
    places.sort();
    let mut places = places.into_iter().peekable();
    let (mut after, mut in_a_row, mut found) = (begin, 0, 0);
    while let Some(due) = recurrence.next_after(after).filter(|due| due.at < end) {
        prop_assert!(due.at > after, "{after} then {}", due.at);
        prop_assert_eq!((due.local, due.offset), zone.read(due.at));
        found += 1;
        in_a_row += 1;
        after = due.at;
        while places.next_if(|place| *place <= after).is_some() {
            in_a_row = 0;
        }
        if in_a_row == IN_A_ROW {
            let Some(place) = places.next() else { break };
            // What is found from here on is later than what was found before: times are one set, wherever one asks from.
            (after, in_a_row) = (place, 0);
        }
    }
    Ok(found)
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_hundred_years_of_any_pattern_in_any_zone_rise_strictly(
        patterns in prop::collection::vec(any_cron(), 1..3),
        zone in any_zone(),
        dst in any_policy(),
        begin in -2_208_988_800_i64..7_258_118_400,
    ) {
        let patterns = patterns.into_iter().map(Pattern::Cron).collect();
        let Ok(recurrence) = Recurrence::new(patterns, zone.clone(), dst) else { return Ok(()) };
        let begin = Timestamp::from_second(begin).unwrap();
        let found = walk_a_hundred_years(&recurrence, &zone, begin)?;
        // Rare as it may be: even 29 February on a Monday comes twice in most centuries, and once in any.
        prop_assert!(found > 0 || dst.gap == GapPolicy::Skip, "nothing in a hundred years from {begin}");
    }
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn times_rise_strictly_and_asking_again_from_between_gives_the_same_time(
        patterns in prop::collection::vec(any_pattern(), 1..3),
        zone in any_zone(),
        dst in any_policy(),
        start in any_instant(),
    ) {
        let Ok(recurrence) = Recurrence::new(patterns, zone.clone(), dst) else { return Ok(()) };
        let mut after = start;
        for _ in 0..40 {
            let Some(due) = recurrence.next_after(after) else { break };
            prop_assert!(due.at > after, "{after} then {}", due.at);
            prop_assert_eq!(due.at.subsec_nanosecond(), 0);
            prop_assert_eq!((due.local, due.offset), zone.read(due.at));
            // Nothing lies between, wherever one asks from: the times are one set, not a walk.
            let half = SignedDuration::from_nanos_i128((due.at.as_nanosecond() - after.as_nanosecond()) / 2);
            for between in [after + half, due.at - SignedDuration::from_nanos(1)] {
                prop_assert_eq!(recurrence.next_after(between), Some(due.clone()), "asked from {}", between);
            }
            after = due.at;
        }
    }

    #[test]
    fn with_calendar_and_jitter_times_rise_fire_in_order_and_are_found_backwards(
        cron in any_cron(),
        zone in any_zone(),
        dst in any_policy(),
        on_excluded in prop::sample::select(OnExcluded::ALL.to_vec()),
        days in 0_i64..400,
        start in 1_000_000_000_i64..2_000_000_000,
    ) {
        let start = Timestamp::from_second(start).unwrap();
        let taken_out = zone.read(start).0.date().saturating_add(jiff::Span::new().days(days % 40));
        let exclude = taken_out.series(jiff::Span::new().days(1)).take(usize::try_from(days % 9).unwrap()).collect();
        let weekdays = (days % 3 > 0).then(|| Weekdays::parse("MON-FRI").unwrap());
        let calendar = Calendar { weekdays, exclude, ..Calendar::default() };
        let Ok(plain) = Recurrence::new(vec![Pattern::Cron(cron)], zone, dst) else { return Ok(()) };
        let longest = Duration::from_secs(86_400);
        let recurrence = plain.with_calendar(calendar.clone(), on_excluded).with_jitter(longest, "law");
        let mut last: Option<Nominal> = None;
        for _ in 0..12 {
            let after = last.as_ref().map_or(start, |last| last.at);
            let Some(due) = recurrence.next_after(after) else { break };
            prop_assert!(due.at > after && due.fire_at >= due.at);
            prop_assert_eq!(due.excluded == Excluded::No, calendar.keeps(due.local.date()));
            prop_assert!(on_excluded == OnExcluded::Skip || due.excluded == Excluded::No);
            if let Some(last) = last {
                prop_assert!(last.fire_at < due.at, "{:?} then {:?}", last, due);
                prop_assert_eq!(recurrence.previous_before(due.at), Some(last));
            }
            last = Some(due);
        }
    }

    #[test]
    fn a_pattern_means_the_same_in_its_canonical_spelling(cron in any_cron()) {
        let again = CronPattern::parse(cron.as_str()).unwrap();
        prop_assert_eq!(&again, &cron);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_span_inside_it(text in "[ -~×–０]{0,24}|[@0-9*/,#LW?A-Z +-]{0,30}") {
        if let Err(error) = CronPattern::parse(&text) {
            let span = error.span.unwrap();
            prop_assert!(text.get(span.clone()).is_some(), "{span:?} in `{text}`");
            prop_assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn any_text_is_a_zone_or_refused_with_a_hint_that_is_one(text in "[A-Za-z/_+ :0-9.-]{0,20}") {
        if let Err(error) = Zone::find(&text)
            && let Some(hint) = error.hint
        {
            prop_assert!(Zone::find(&hint).is_ok(), "`{text}` gave the hint `{hint}`");
        }
    }
}

#[test]
fn the_ends_of_time_are_reached_without_a_panic() {
    for zone in ZONES.iter() {
        for text in ["* * * * * *", "0 0 * * *", "0 0 29 2 *", "59 23 31 12 *", "*/7 2 * * *"] {
            let pattern = Pattern::Cron(CronPattern::parse(text).unwrap());
            let recurrence = Recurrence::new(vec![pattern], zone.clone(), DstPolicy::default()).unwrap();
            assert_eq!(recurrence.next_after(Timestamp::MAX), None, "`{text}` in {}", zone.name());
            assert!(recurrence.next_after(Timestamp::MIN).is_some(), "`{text}` in {}", zone.name());
            let mut after = Timestamp::MAX - SignedDuration::from_mins(2);
            for _ in 0..200 {
                let Some(due) = recurrence.next_after(after) else { break };
                assert!(due.at > after);
                after = due.at;
            }
        }
    }
}

#[test]
fn a_time_that_is_skipped_year_after_year_comes_in_the_first_year_that_has_it() {
    // In Tehran the clock went forward at midnight of 22 March in 2017, 2018 and 2019, and of 21 March in 2020.
    let cron = CronPattern::parse("30 0 22 3 *").unwrap();
    let dst = DstPolicy { gap: GapPolicy::Skip, ..DstPolicy::default() };
    let zone = Zone::find("Asia/Tehran").unwrap();
    let recurrence = Recurrence::new(vec![Pattern::Cron(cron)], zone, dst).unwrap();
    let due = recurrence.next_after("2017-03-20T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(due.local.year(), 2020, "{due:?}");
}
