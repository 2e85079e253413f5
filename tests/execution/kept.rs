//! What of arguments and outputs stays in the history: all, a hash, or nothing (semantics.md 26).

use punctual::sandbox::Outage;
use punctual::store::StateFolder;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::support::{self, Story};
use super::{SECOND, seconds};

/// Appears in the arguments and in what is kept of them for a next attempt, and nowhere else.
const MARKER: &str = "iban-DE02-marker";

fn schedules(history: &str) -> String {
    format!(
        "schedules:\n  pay: {{ at: \"2026-11-23T12:00:10Z\", {history} start: {{ process: InvoiceIntake, folder: Shared, \
         arguments: {{ account: {MARKER}, n: 3, try: \"${{attempt}}\" }} }} }}\n"
    )
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the database's files hold this.
fn is_on_the_disk(story: &Story, wanted: &str) -> bool {
    let database = StateFolder::database_path(&story.state_dir());
    ["", "-wal"].iter().any(|ending| {
        let bytes = std::fs::read(format!("{}{ending}", database.display())).unwrap_or_default();
        bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_and_outputs_are_kept_hashed_or_dropped_as_the_schedule_says() {
    let sent = json!({ "account": MARKER, "n": 3, "try": "1" });
    let output = json!({ "invoices": 17 });
    let hashed = |text: &str| Some(json!({ "sha256": sha256(text) }));
    let cases = [
        ("", Some(sent.clone()), Some(output.clone())),
        ("history: { arguments: hash },", hashed(&sent.to_string()), Some(output.clone())),
        ("history: { arguments: drop, output: hash },", None, hashed(&output.to_string())),
        ("history: { output: drop },", Some(sent.clone()), None),
    ];
    for (history, arguments, result) in cases {
        let mut story = Story::begin("2026-11-23T12:00:00Z", &schedules(history)).await;
        story.pass(seconds(10)).await;
        let run = story.until("pay", "succeeded", SECOND, seconds(60)).await;
        assert_eq!((&run.arguments, &run.output), (&arguments, &result), "{history}");
        assert_eq!(story.control.jobs()[0].arguments, Some(sent.clone()), "the robot gets all of them");
        // A stop folds the WAL back, and what was overwritten is wiped (`secure_delete`).
        story.stop_daemon().await;
        assert_eq!(is_on_the_disk(&story, MARKER), arguments == Some(sent.clone()), "{history}");
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_stay_whole_for_as_long_as_the_start_may_be_sent_and_a_restart_sends_them() {
    let text = schedules("history: { arguments: drop },");
    let file = |url: &str| support::connection(url) + &text;
    let mut story = Story::without_daemon("2026-11-23T12:00:00Z", |_| {}, file).await;
    // From before the daemon's first call on, so that the start itself is never sent into it.
    story.control.set_outage(Outage::Unavailable);
    story.start_daemon().await;
    story.pass(seconds(10)).await;
    story.pass_in_steps(seconds(20), SECOND).await;
    let run = story.only_run().await;
    assert_eq!(run.state.name(), "waiting", "{run:#?}");
    assert_eq!(run.arguments, Some(json!({ "account": MARKER, "n": 3, "try": "1" })));
    story.stop_daemon().await;
    story.control.set_outage(Outage::None);
    story.start_daemon().await;
    let run = story.until("pay", "pending", SECOND, seconds(120)).await;
    assert_eq!(run.arguments, None, "its job exists");
    assert_eq!(story.control.jobs()[0].arguments, Some(json!({ "account": MARKER, "n": 3, "try": "1" })));
    // And once more: what is gone is not put back, nor hashed.
    story.stop_daemon().await;
    story.start_daemon().await;
    let run = story.until("pay", "succeeded", SECOND, seconds(60)).await;
    assert_eq!((run.arguments, run.output), (None, Some(json!({ "invoices": 17 }))));
    // A row whose arguments were replaced fits its seal: a database taken for damaged would be set aside, and all would look alike.
    let mut names = std::fs::read_dir(story.state_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.any(|name| name.to_string_lossy().contains(".corrupt-")), "the database was set aside");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hash_is_made_once_however_often_the_run_is_written() {
    let sent = json!({ "account": MARKER, "n": 3, "try": "1" });
    let mut story = Story::begin("2026-11-23T12:00:00Z", &schedules("history: { arguments: hash },")).await;
    story.pass(seconds(10)).await;
    let expected = Some(json!({ "sha256": sha256(&sent.to_string()) }));
    assert_eq!(story.only_run().await.arguments, expected, "its job exists");
    story.stop_daemon().await;
    story.start_daemon().await;
    let run = story.until("pay", "succeeded", SECOND, seconds(60)).await;
    assert_eq!(run.arguments, expected);
    story.end().await;
}
