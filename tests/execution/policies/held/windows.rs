//! Windows in which nothing is started, and a daemon that is killed in the middle of one (semantics.md 30).

use jiff::Timestamp;
use punctual::clock::later;

use super::super::seconds;
use super::stage::{Row, Stage, schedule};

/// Windows begin so often, and last so long.
const EVERY: i64 = 6;
const LENGTH: i64 = 4;

/// The first instant of the window that an instant lies in, or of the one before.
fn window(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(EVERY)).unwrap()
}

fn end(begins: Timestamp) -> Timestamp {
    later(begins, seconds(LENGTH.unsigned_abs()))
}

fn is_inside(at: Timestamp) -> bool {
    at < end(window(at))
}

/// The last whole second in a window: `every: 1s` has a time then.
fn last(begins: Timestamp) -> Timestamp {
    Timestamp::from_second(end(begins).as_second() - 1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_time_of_a_window_waits_for_its_end_also_when_the_daemon_is_killed_in_it() {
    let keys = "every: 1s, overlap: allow";
    let blackouts = format!(
        "blackouts:\n  backup: {{ cron: \"*/{EVERY} * * * * *\", for: {LENGTH}s, schedules: [report], then: wait }}\n  \
         patching: {{ cron: \"*/{EVERY} * * * * *\", for: {LENGTH}s, schedules: [other] }}\n"
    );
    let lines =
        format!("{blackouts}schedules:\n{}{}", schedule("report", keys, "Quick"), schedule("other", keys, "Quick"));
    let mut stage = Stage::begin(&lines).await;
    // Early in a window, so that most of it is left for the kill.
    let waits = |row: &&Row| row.state == "waiting: blackout" && row.due < last(window(row.due));
    let waiting = stage.until("a time that waits", "report", |rows| rows.iter().find(waits).cloned()).await;
    let begins = window(waiting.due);
    stage.kill().await;
    let until: Timestamp = waiting.whole["waiting_until"].as_str().unwrap().parse().unwrap();
    assert_eq!(until, end(begins), "a person sees when it goes");
    let shown = stage.told(&["show", &waiting.run]).await;
    assert!(shown.contains("waiting: blackout    Waits: in blackout `backup`"), "{shown}");
    stage.live().await;
    // Next to the time that comes when the window ends, in either order.
    stage.until_job("report", |due| due == last(begins)).await;
    for key in ["report", "other"] {
        stage.until_started(key, end(begins)).await;
    }

    let jobs = stage.jobs("report");
    let of_window: Vec<_> = jobs.iter().filter(|(due, _)| window(*due) == begins && is_inside(*due)).collect();
    let [(due, job)] = of_window[..] else { panic!("one goes, and once: {of_window:#?}") };
    assert_eq!(*due, last(begins));
    assert!(job.created_at >= end(begins), "{job:#?}");
    let rows = stage.rows("report").await;
    let made_way = rows.iter().filter(|row| row.due >= waiting.due && row.due < last(begins)).collect::<Vec<_>>();
    assert!(!made_way.is_empty(), "{rows:#?}");
    for row in made_way {
        assert_eq!((row.state.as_str(), row.job), ("skipped: blackout", None), "{row:#?}");
        assert_eq!(row.note, "in blackout `backup`, whose last time waits for the end");
    }
    assert!(!stage.jobs("other").iter().any(|(due, _)| is_inside(*due)), "{:#?}", stage.jobs("other"));
    let rows = stage.rows("other").await;
    let inside: Vec<&Row> = rows.iter().filter(|row| is_inside(row.due)).collect();
    assert!(!inside.is_empty(), "{rows:#?}");
    for row in inside {
        assert_eq!((row.state.as_str(), row.note.as_str()), ("skipped: blackout", "in blackout `patching`"));
    }
    stage.end().await;
}
