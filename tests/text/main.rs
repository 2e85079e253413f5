//! The small things of texts, each with its one reader and its one writer.

use std::io;
use std::time::Duration;

use punctual::text::{
    NotADuration, chain, counted, cut, duration, either, exactly, first, in_columns, known_names, listed, nearest,
    roughly, within,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_duration_has_each_unit_once_and_the_larger_ones_first() {
    assert_eq!(duration("90s"), Ok(90 * SECOND));
    assert_eq!(duration("1d2h3m4s"), Ok(93_784 * SECOND));
    assert_eq!(duration("0s"), Ok(Duration::ZERO));
    for slip in ["", "1m1h", "1h1h", "5 m", "m", "-5m", "1.5h", "5minutes", "1h30", "５m"] {
        assert_eq!(duration(slip), Err(NotADuration::Shape), "{slip}");
    }
    assert_eq!(duration("90"), Err(NotADuration::NoUnit));
    assert_eq!(duration("99999999999999999999s"), Err(NotADuration::TooLong));
    assert_eq!(duration("9999999999999999999d"), Err(NotADuration::TooLong));
}

#[test]
fn what_is_written_exactly_is_read_again_as_the_same_duration() {
    for seconds in [0, 1, 59, 60, 61, 3_599, 3_600, 5_400, 86_399, 86_400, 93_784, 400 * 86_400] {
        let length = Duration::from_secs(seconds);
        assert_eq!(duration(&exactly(length)), Ok(length), "{}", exactly(length));
    }
    assert_eq!(exactly(Duration::from_secs(5_400)), "1h30m");
}

#[test]
fn a_sentence_has_one_unit_and_a_column_has_two() {
    let words = [250, 1_000, 1_500, 9_940, 12_300, 119_000, 120_000, 7_199_000, 7_200_000, 863_999_000, 864_000_000];
    let words = words.map(|millis| roughly(Duration::from_millis(millis)));
    assert_eq!(
        words,
        ["250 ms", "1 s", "1.5 s", "9.9 s", "12 s", "119 s", "2 min", "119 min", "2 h", "239 h", "10 days"]
    );
    assert_eq!(roughly(Duration::ZERO), "0 s");
    let cells = [4_200, 187_000, 7_500_000, 180_000_000, -4_200];
    let cells = cells.map(|millis| in_columns(jiff::SignedDuration::from_millis(millis)));
    assert_eq!(cells, ["4.2s", "3m 07s", "2h 05m", "2d 02h", "-4.2s"]);
}

#[test]
fn two_letters_that_changed_places_are_one_slip() {
    assert_eq!(within("Invocie", "Invoice", 1), Some(1));
    assert_eq!(within("Invocie", "Invoice", 0), None);
    assert_eq!(within("berlni", "berlin", 1), Some(1));
    assert_eq!(within("kitten", "sitting", 3), Some(3));
    // Each letter is another one.
    assert_eq!(within("x", "z", 1), None);
    assert_eq!(within("", "a", 1), None);
}

#[test]
fn a_name_that_nothing_has_gets_the_one_that_was_meant_or_those_there_are() {
    assert_eq!(nearest("catchUp", ["cron", "catch_up", "start"]), Some("catch_up"));
    assert_eq!(nearest("zebra", ["cron", "catch_up", "start"]), None);
    let known = |names: &[&str]| known_names("zebra", names.iter().copied());
    assert_eq!(known(&["zebras", "b"]), "did you mean `zebras`?");
    assert_eq!(known(&["a", "b"]), "known are `a`, `b`");
    assert_eq!(known(&[]), "there are none yet");
    let many: Vec<String> = (10..40).map(|n| format!("n{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(known(&many).ends_with("`n21` and 18 more"), "{}", known(&many));
}

#[test]
fn lists_read_like_sentences() {
    assert_eq!([either(["a"]), either(["a", "b"]), either(["a", "b", "c"])], ["`a`", "`a` or `b`", "`a`, `b` or `c`"]);
    assert_eq!(punctual::text::both(["a", "b", "c"]), "`a`, `b` and `c`");
    assert_eq!([first([1, 2, 3], 3), first([1, 2, 3], 2)], ["1, 2, 3", "1, 2 and 1 more"]);
    assert_eq!(listed(["a", "b", "c"], 1), "`a` and 2 more");
    assert_eq!([counted(0, "run"), counted(1, "run"), counted(2, "run")], ["0 runs", "1 run", "2 runs"]);
}

#[test]
fn an_error_shows_each_of_its_causes_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("failed to open `runs`")]
    struct Outer(#[source] Middle);
    #[derive(Debug, thiserror::Error)]
    #[error("reading the header: {0}")]
    struct Middle(#[source] io::Error);
    let error = Outer(Middle(io::Error::other("the disk is gone")));
    assert_eq!(chain(&error), "failed to open `runs`: reading the header: the disk is gone");
}

#[test]
fn what_is_cut_says_so() {
    assert_eq!([cut("äöü", 3), cut("äöü", 2), cut("", 0)], ["äöü", "äö…", ""]);
}
