//! The stored form of a schedule's times: the same for every spelling, and back again.

use std::time::Duration;

use punctual::recurrence::{Class, CronPattern, DstPolicy, Every, GapPolicy, OverlapTime, Pattern};
use punctual::schedule::Timing;

use crate::support::{USUAL, cron, instant, zone};

fn timing(patterns: &[&str]) -> Timing {
    let patterns: Vec<Pattern> = patterns.iter().map(|text| cron(text)).collect();
    Timing::of(&patterns, &zone("Europe/Berlin"), USUAL).unwrap()
}

#[test]
fn spelling_does_not_change_the_hash_but_times_do() {
    let plain = timing(&["0 7 * * 1-5"]);
    for same in ["0  7 *\t* MON-FRI", " 00 07 ? * mon-fri ", "0 0 7 * * MON-FRI"] {
        assert_eq!(timing(&[same]).hash(), plain.hash(), "`{same}`");
    }
    assert_eq!(timing(&["@daily", "30 6 1 1 *"]).hash(), timing(&["30 6 1 JAN *", "0 0 * * *", "@daily"]).hash());
    for other in ["0 7 * * 1-6", "0 7 * * *", "30 0 7 * * 1-5"] {
        assert_ne!(timing(&[other]).hash(), plain.hash(), "`{other}`");
    }
    assert_eq!(plain.hash().len(), 16);
}

#[test]
fn a_spelling_that_changes_the_class_is_kept() {
    assert_eq!(CronPattern::parse("0/15 2 * * *").unwrap().as_str(), "0-59/15 2 * * *");
    assert_eq!(CronPattern::parse("0/15 2 * * *").unwrap().class(), Class::Interval);
    assert_eq!(CronPattern::parse("0,15,30,45 2 * * *").unwrap().class(), Class::Fixed);
}

#[test]
fn what_is_stored_compiles_to_the_same_times() {
    let dst = DstPolicy { gap: GapPolicy::Offset, overlap: OverlapTime::Both, class: Some(Class::Fixed) };
    let patterns = vec![
        cron("*/30 2 * * *"),
        Pattern::Every(Every { step: Duration::from_secs(5_400), anchor: instant("2026-01-01T00:10:00Z") }),
        Pattern::At(instant("2026-03-29T00:00:01Z")),
    ];
    let timing = Timing::of(&patterns, &zone("Europe/Berlin"), dst).unwrap();
    insta::assert_snapshot!(timing.to_json(), @r#"{"cron":["*/30 2 * * *"],"every_s":5400,"anchor":"2026-01-01T00:10:00Z","at":["2026-03-29T00:00:01Z"],"timezone":"Europe/Berlin","dst_gap":"offset","dst_overlap":"both","dst_class":"fixed"}"#);
    let read: Timing = serde_json::from_str(&timing.to_json()).unwrap();
    assert_eq!(read, timing);
    let (stored, fresh) = (
        read.compile("").unwrap(),
        punctual::recurrence::Recurrence::new(patterns, zone("Europe/Berlin"), dst).unwrap(),
    );
    let mut after = instant("2026-03-27T00:00:00Z");
    for _ in 0..100 {
        let due = fresh.next_after(after).unwrap();
        assert_eq!(stored.next_after(after), Some(due.clone()));
        after = due.at;
    }
}

#[test]
fn a_timing_that_cannot_be_read_says_what_is_wrong() {
    let good = timing(&["0 7 * * *"]);
    let broken = [
        (
            Timing { cron: vec!["61 7 * * *".into()], ..good.clone() },
            "cron `61 7 * * *`: `61` is out of range in the minute field, which takes 0 to 59",
        ),
        (Timing { cron: vec!["0 0 30 2 *".into()], ..good.clone() }, "cron `0 0 30 2 *`: no date ever matches"),
        (Timing { cron: vec![], ..good.clone() }, "neither `cron` nor `every` nor `at`"),
        (Timing { every_s: Some(0), ..good.clone() }, "`every` of 0 seconds"),
        (Timing { timezone: "CET".into(), ..good.clone() }, "unknown time zone `CET`"),
        (Timing { dst_gap: "jump".into(), ..good.clone() }, "`dst.gap` cannot be `jump`"),
        (Timing { dst_overlap: "".into(), ..good.clone() }, "`dst.overlap` cannot be ``"),
        (Timing { dst_class: Some("odd".into()), ..good.clone() }, "`dst.class` cannot be `odd`"),
    ];
    for (timing, message) in broken {
        assert_eq!(timing.compile("").unwrap_err().to_string(), format!("stored timing is not valid: {message}"));
    }
    let twice = Pattern::Every(Every { step: Duration::from_secs(60), anchor: instant("2026-01-01T00:00:00Z") });
    let error = Timing::of(&[twice.clone(), twice], &zone("UTC"), USUAL).unwrap_err();
    assert_eq!(error.0, "more than one `every`");
}
