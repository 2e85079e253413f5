//! How much is logged, and what of a line reaches the journal.

use std::os::unix::net::UnixDatagram;

use punctual::cli::journal::Journal;
use punctual::web::Directives;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

#[test]
fn a_bare_log_level_is_about_punctual_and_other_crates_are_named() {
    let filter = |asked: &str| {
        let Directives { filter, mistakes } = Directives::read(asked);
        assert_eq!(mistakes, [""; 0], "{asked}");
        filter
    };
    assert_eq!(filter(""), "warn,punctual=info");
    assert_eq!(filter("info"), "warn,punctual=info,punctual=info");
    assert_eq!(filter("debug, hyper=trace"), "warn,punctual=info,punctual=debug,hyper=trace");
    assert_eq!(filter("punctual::store=OFF"), "warn,punctual=info,punctual::store=OFF");
}

#[test]
fn what_is_neither_a_level_nor_a_crate_with_one_is_a_mistake_and_the_rest_holds() {
    for (asked, filter, said) in [
        ("nonsense", "warn,punctual=info", "`nonsense` is not understood: write `error`, `warn`"),
        ("debgu", "warn,punctual=info", "`debgu` is not understood (did you mean `debug`?)"),
        ("hyper=loud,debug", "warn,punctual=info,punctual=debug", "`hyper=loud` is not understood: "),
        ("=debug", "warn,punctual=info", "`=debug` is not understood (did you mean `debug`?)"),
    ] {
        let Directives { filter: read, mistakes } = Directives::read(asked);
        assert_eq!((read.as_str(), mistakes.len()), (filter, 1), "{asked}: {mistakes:?}");
        assert!(mistakes[0].starts_with(said), "{mistakes:?}");
    }
}

/// The entries that journald gets when these lines are logged, and what goes to stderr instead.
fn logged(lines: impl FnOnce()) -> (Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("socket");
    let journald = UnixDatagram::bind(&place).unwrap();
    journald.set_nonblocking(true).unwrap();
    let stderr = tempfile::NamedTempFile::new().unwrap();
    let file = stderr.reopen().unwrap();
    let layer = fmt::layer().without_time().with_ansi(false).with_target(false);
    let layer = layer.with_writer(move || file.try_clone().unwrap()).map_event_format(|to| Journal::at(to, place));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), lines);
    let mut entries = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    while let Ok(length) = journald.recv(&mut buffer) {
        entries.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    (entries, std::fs::read_to_string(stderr.path()).unwrap())
}

#[test]
fn a_line_reaches_the_journal_with_its_priority_and_what_it_is_about() {
    let (entries, stderr) = logged(|| {
        tracing::info!(run.id = %"0b748f8e", schedule = %"payroll", state = %"faulted", "`payroll` is faulted");
        tracing::info!(run.id = %"0b748f8e", state = %"missed: deadline", "late");
        tracing::info!(run.id = %"0b748f8e", schedule = "payroll", state = %"succeeded", "good");
        tracing::warn!(connection = %"uipath", "no answer");
        tracing::error!("the disk is full");
        tracing::debug!("small");
    });
    assert_eq!(stderr, "");
    let seen: Vec<Vec<&str>> = entries.iter().map(|entry| entry.lines().collect()).collect();
    let name = "SYSLOG_IDENTIFIER=punctual";
    let run = "PUNCTUAL_RUN=0b748f8e";
    let of = "PUNCTUAL_SCHEDULE=payroll";
    let text = "MESSAGE= INFO `payroll` is faulted run.id=0b748f8e schedule=payroll state=faulted";
    assert_eq!(seen[0], ["PRIORITY=5", name, of, run, "PUNCTUAL_STATE=faulted", text]);
    assert_eq!(seen[1][..4], ["PRIORITY=5", name, run, "PUNCTUAL_STATE=missed: deadline"]);
    assert_eq!(seen[2][..5], ["PRIORITY=6", name, of, run, "PUNCTUAL_STATE=succeeded"]);
    assert_eq!(seen[3][..3], ["PRIORITY=4", name, "PUNCTUAL_CONNECTION=uipath"]);
    assert_eq!(seen[4], ["PRIORITY=3", name, "MESSAGE=ERROR the disk is full"]);
    assert_eq!(seen[5][0], "PRIORITY=7");
}

#[test]
fn a_text_with_line_breaks_is_one_entry_and_writes_no_field_of_its_own() {
    let (entries, _) = logged(|| tracing::info!("one\nPRIORITY=0\nthree"));
    assert_eq!(entries.len(), 1);
    // Its length in front says where it ends, whatever is in it.
    let text = " INFO one\nPRIORITY=0\nthree";
    let message =
        format!("MESSAGE\n{}{text}\n", String::from_utf8((text.len() as u64).to_le_bytes().to_vec()).unwrap());
    assert_eq!(entries[0], format!("PRIORITY=6\nSYSLOG_IDENTIFIER=punctual\n{message}"));
}

#[test]
fn what_no_datagram_holds_goes_to_stderr_with_its_priority_on_every_line() {
    let (entries, stderr) = logged(|| tracing::warn!("long\n{}", "x".repeat(8 << 20)));
    assert_eq!(entries.len(), 0);
    let starts: Vec<String> = stderr.lines().map(|line| line.chars().take(8).collect()).collect();
    assert_eq!(starts, ["<4> WARN", "<4>xxxxx"]);
}
