//! `punctual why` through the real program: each sentence, and each cure carried out.

use serde_json::Value;

use super::place::{FINE, Place, QUIET, USAGE, json, quiet, stop, text};

/// A schedule whose next times are years away, one that is off, and one of the past.
fn place() -> Place {
    let place = quiet();
    let head = QUIET.split_once("schedules:\n").unwrap().0;
    let schedules = "schedules:\n  leap: { cron: \"0 0 29 2 *\", timezone: UTC, start: { process: Leap, folder: Shared } }\n  \
                     off: { cron: \"0 6 1 1 *\", timezone: UTC, enabled: false, start: { process: Leap, folder: Shared } }\n  \
                     spring: { cron: \"30 2 * * *\", timezone: Europe/Berlin, start: { process: Leap, folder: Shared } }\n";
    place.write("schedules.yaml", &format!("{head}{schedules}"));
    place
}

async fn why(place: &Place, arguments: &[&str]) -> Value {
    let end = place.run(&[&["why"], arguments, &["-o", "json"]].concat()).await;
    assert_eq!(end.status.code(), Some(FINE), "{arguments:?}: {}", text(&end.stderr));
    json(&end)
}

/// The commands that a cure names.
fn commands(cure: &Value) -> Vec<Vec<String>> {
    let quoted = cure.as_str().unwrap().split('`').skip(1).step_by(2);
    let ours = quoted.filter_map(|text| text.strip_prefix("punctual "));
    ours.map(|text| text.split(' ').map(|word| word.trim_matches('\'').to_owned()).collect()).collect()
}

async fn carry_out(place: &Place, cure: &Value) {
    for command in commands(cure) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let end = place.run(&words).await;
        assert_eq!(end.status.code(), Some(FINE), "{words:?}: {}{}", text(&end.stdout), text(&end.stderr));
    }
}

const LEAP: &str = "2104-02-29T00:00:00.000Z";

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_told_with_what_keeps_it_and_each_cure_lets_it_run() {
    let place = place();
    let daemon = place.daemon().await;
    let told = why(&place, &["leap", LEAP]).await;
    assert_eq!((&told["answer"], &told["reason"], &told["run"]), (&"coming".into(), &Value::Null, &Value::Null));
    assert_eq!((&told["nominal_at"], &told["cure"]), (&LEAP.into(), &Value::Null));
    assert_eq!(told["sentence"], format!("it will run at {}", LEAP.replace(".000", "")));

    let until = "2200-01-01T00:00:00Z";
    let holds: [(&[&str], &str); 5] = [
        (&["pause", "leap", "--until", until, "--reason", "year's end"], "it will not run: paused by "),
        (&["pause", "le*", "--until", until], "it will not run: paused by "),
        (&["pause", "--connection", "cloud", "--until", until], "it will not run: paused by "),
        (&["pause", "--all", "--until", until], "it will not run: paused by "),
        (&["skip", "leap", LEAP], "it will not run: this time was skipped by "),
    ];
    for (held, sentence) in holds {
        assert_eq!(place.run(held).await.status.code(), Some(FINE));
        let told = why(&place, &["leap", LEAP]).await;
        assert_eq!((&told["answer"], &told["reason"]), (&"coming".into(), &"paused".into()), "{held:?}");
        assert!(told["sentence"].as_str().unwrap().starts_with(sentence), "{told}");
        carry_out(&place, &told["cure"]).await;
        let told = why(&place, &["leap", LEAP]).await;
        assert_eq!(told["reason"], Value::Null, "{held:?}: its cure was carried out, and it is still held: {told}");
    }

    let told = why(&place, &["off"]).await;
    assert_eq!((&told["answer"], &told["reason"]), (&"coming".into(), &"disabled".into()), "{told}");
    stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_planned_is_told_with_the_times_next_to_it() {
    let place = place();
    // Without a history the files alone answer.
    let told = why(&place, &["leap", "2103-03-01"]).await;
    assert_eq!(told["answer"], "not_planned");
    let next_to_it =
        ["the time before it: 2096-02-29 00:00:00 +00:00", "the time after it: 2104-02-29 00:00:00 +00:00"];
    assert_eq!(told["evidence"], serde_json::json!(next_to_it));

    // The clock change leaves 02:30 out, and what stands for it is named by what it stands for.
    let told = why(&place, &["spring", "2027-03-28 02:30"]).await;
    assert_eq!(
        (&told["answer"], &told["nominal_at"]),
        (&"coming".into(), &"2027-03-28T01:00:00.000Z".into()),
        "{told}"
    );
    assert_eq!(told["evidence"], serde_json::json!(["stands for 02:30, which the clock change leaves out"]));

    for (arguments, said) in [
        (vec!["why", "leep"], "there is no schedule `leep`"),
        (vec!["why", "leap", "someday"], "`someday` is not a time"),
    ] {
        let end = place.run(&arguments).await;
        assert_eq!(end.status.code(), Some(USAGE));
        assert!(text(&end.stderr).contains(said), "{}", text(&end.stderr));
    }
    // Of files with a mistake it is not said that they do not have it.
    place.write("schedules.yaml", "version: 1\nschedules: { leap: { cron: \"0 0 29 2 *\", strt: {} } }\n");
    let end = place.run(&["why", "leap"]).await;
    let told = text(&end.stderr);
    assert_eq!(end.status.code(), Some(USAGE));
    assert!(told.contains("unknown key `strt`") && told.contains("mend the files first"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_of_before_the_first_load_and_one_that_nobody_has_seen_are_told_apart() {
    let place = place();
    stop(place.daemon().await).await;
    let told = why(&place, &["spring", "2020-01-01 02:30"]).await;
    assert_eq!(told["answer"], "before_it_existed", "{told}");
    let end = place.run(&["why", "spring", "2020-01-01 02:30"]).await;
    let said = text(&end.stdout);
    assert!(said.starts_with("spring at 2020-01-01 02:30:00 +01:00 in Europe/Berlin"), "{said}");
    assert!(said.contains("  The schedule did not exist then: it was loaded first at "), "{said}");
    let (config, state) =
        (place.path("schedules.yaml").display().to_string(), place.path("state").display().to_string());
    let cure = format!("then: `punctual next --config {config} --state-dir {state} spring` shows its coming times\n");
    assert!(said.ends_with(&cure), "{said}");
}
