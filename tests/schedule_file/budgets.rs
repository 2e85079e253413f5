//! What no file can do: fill the memory, stop the clock, or make the daemon wait.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use punctual::schedule::{Invalid, Loaded, load};

use super::bad_files::settings;
use super::{HEAD, messages, now, read, source, told};

/// More than any honest file needs, less than a person notices (S34).
const AT_ONCE: Duration = Duration::from_secs(1);

/// Far more than a second of processor time takes on a machine that does much else meanwhile.
const HANGS: Duration = Duration::from_secs(60);

/// Runs something that must end soon, by the processor time of its thread: what else the machine does is not its fault. A
/// hang fails instead of hanging the test.
pub(super) fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let done = work();
        sender.send((done, rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)))
    });
    let (done, took) = receiver.recv_timeout(HANGS).expect("not done within a minute");
    let took = Duration::try_from(took).expect("processor time is not negative");
    assert!(took <= AT_ONCE, "it took {took:?} of processor time");
    done
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    path
}

fn loaded(paths: &[&Path]) -> Result<Loaded, Invalid> {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    in_time(move || load(&paths, now()))
}

#[test]
fn an_alias_bomb_is_refused_within_a_second() {
    let mut text = String::from("version: 1\nx-a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..=9 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        text.push_str(&format!("x-a{n}: &a{n} [{aliases}]\n"));
    }
    let seen = in_time(move || messages(read(source("bomb.yaml", &text))));
    assert_eq!(seen, ["aliases expand to more values than one file may have"]);
}

#[test]
fn a_merge_bomb_is_refused_within_a_second() {
    let mut text = String::from("version: 1\nx-a0: &a0 { k: v }\n");
    for n in 1..=9 {
        let keys: Vec<String> = (0..9).map(|k| format!("k{k}: *a{}", n - 1)).collect();
        text.push_str(&format!("x-a{n}: &a{n} {{ <<: *a{}, {} }}\n", n - 1, keys.join(", ")));
    }
    let seen = in_time(move || messages(read(source("bomb.yaml", &text))));
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn an_alias_inside_its_own_anchor_is_refused() {
    let seen = messages(read(source("f.yaml", "version: 1\nx-a: &a { b: *a }\n")));
    assert_eq!(seen, ["an alias stands inside its own anchor"]);
}

#[test]
fn sixty_levels_are_read_and_seventy_are_not() {
    let nested = |levels: usize| format!("version: 1\nx-deep: {}{}\n", "[".repeat(levels), "]".repeat(levels));
    assert!(read(source("f.yaml", &nested(60))).is_ok());
    assert_eq!(messages(read(source("f.yaml", &nested(70)))), ["nested deeper than 64 levels"]);
    let seen = in_time(move || messages(read(source("f.yaml", &nested(400_000)))));
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn one_base_for_a_thousand_schedules_is_honest() {
    let mut text = format!("{HEAD}x-base: &base {{ every: 5m, start: {{ process: P }} }}\nschedules:\n");
    for n in 0..1_000 {
        text.push_str(&format!("  s{n}: {{ <<: *base }}\n"));
    }
    assert_eq!(read(source("f.yaml", &text)).unwrap().set.schedules.len(), 1_000);
}

#[test]
fn a_file_may_have_one_mebibyte_and_not_more() {
    let folder = tempfile::tempdir().unwrap();
    let fill = |bytes: usize| format!("{HEAD}#{}\n", "x".repeat(bytes - HEAD.len() - 2));
    let fits = write(folder.path(), "fits.yaml", &fill(1024 * 1024));
    assert!(loaded(&[&fits]).is_ok());
    let large = write(folder.path(), "large.yaml", &fill(1024 * 1024 + 1));
    assert_eq!(messages(loaded(&[&large])), ["larger than 1 MiB"]);
}

#[test]
fn a_fifo_is_refused_at_once_by_name_and_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("a.yaml");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    write(folder.path(), "b.yaml", HEAD);
    assert_eq!(messages(loaded(&[&fifo])), ["not a regular file"]);
    assert_eq!(messages(loaded(&[folder.path()])), ["not a regular file"]);
    assert_eq!(messages(loaded(&[Path::new("/dev/zero")])), ["not a regular file"]);
}

#[test]
fn of_a_folder_the_yaml_files_are_read_in_order_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "b.yml", "version: 1\nschedules: { y: { every: 5m, start: { process: P } } }\n");
    write(folder.path(), "a.yaml", HEAD);
    write(folder.path(), "c.yaml.bak", "{ broken");
    write(folder.path(), ".hidden.yaml", "{ broken");
    fs::create_dir(folder.path().join("d.yaml")).unwrap();
    write(&folder.path().join("d.yaml"), "e.yaml", "{ broken");
    // The folder and one of its files: still once.
    let set = loaded(&[folder.path(), &folder.path().join("a.yaml")]).unwrap();
    assert_eq!(set.files, [folder.path().join("a.yaml"), folder.path().join("b.yml")]);
    assert_eq!(set.set.schedules.len(), 1);
}

#[test]
fn more_than_a_thousand_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..=1_000 {
        write(folder.path(), &format!("{n:04}.yaml"), "version: 1\n");
    }
    let paths = vec![folder.path().to_owned()];
    assert_eq!(messages(load(&paths, now())), ["more than 1000 files"]);
}

#[test]
fn a_file_that_cannot_be_read_is_told_beside_the_mistakes_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "a.yaml", "version: 1\ncolour: blue\n");
    let missing = folder.path().join("missing.yaml");
    let latin = folder.path().join("latin.yaml");
    fs::write(&latin, b"version: 1\n# gr\xfcn\n").unwrap();
    let open = write(folder.path(), "open.yaml", HEAD);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let seen = told(loaded(&[&good, &missing, &latin, &open, &empty]));
    let seen = seen.replace(&folder.path().display().to_string(), "conf");
    settings().bind(|| insta::assert_snapshot!("files_that_cannot_be_read", seen));
}

#[test]
fn a_file_that_is_wrong_everywhere_is_told_without_delay() {
    let mut text = format!("{HEAD}schedules:\n  x:\n    start: {{ process: P }}\n");
    for n in 0..1_000 {
        text.push_str(&format!("    secret_{n}: hunter2\n"));
    }
    let seen = in_time(move || told(read(source("f.yaml", &text))));
    assert!(seen.contains("and 801 more") && seen.ends_with("1001 errors\n"), "{}", &seen[seen.len() - 100..]);
}

#[test]
fn thousands_of_unknown_names_and_a_chain_of_thousands_are_told_without_delay() {
    // Each waits for a name that is nearly that of another, and a calendar that is nearly there.
    let lines = |line: &dyn Fn(usize) -> String| (0..4_000).map(|n| line(n) + "\n").collect::<String>();
    let calendars = lines(&|n| format!("  day-{n:04}: {{ weekdays: MON-FRI }}"));
    let unknown = lines(&|n| format!("  s{n:04}: {{ every: 5m, calendar: dya-{n:04}, start: {{ process: P }} }}"));
    let text = format!("{HEAD}calendars:\n{calendars}schedules:\n{unknown}");
    let seen = in_time(move || told(read(source("f.yaml", &text))));
    assert!(seen.contains("did you mean `day-0000`?") && seen.contains(" more"), "{}", &seen[..2_000]);
    let chain = lines(&|n| format!("  s{n:04}: {{ after: {{ schedule: s{:04} }} }}", (n + 1) % 4_000));
    let text = format!("{HEAD}schedules:\n{chain}");
    let circles: Vec<String> = in_time(move || {
        messages(read(source("f.yaml", &text))).into_iter().filter(|told| told.contains("leads back")).collect()
    });
    assert_eq!(circles.len(), 1);
    assert!(circles[0].ends_with("after `s0011` after … after `s0000`"), "{circles:?}");
}

#[test]
fn a_file_in_one_line_is_told_with_the_parts_around_its_mistakes() {
    let schedules: Vec<String> = (0..4_000).map(|n| format!("s{n:04}: {{ after: x }}")).collect();
    let text = format!("{HEAD}schedules: {{ {} }}\n", schedules.join(", "));
    let invalid = in_time(move || read(source("f.yaml", &text)).unwrap_err());
    let lengths = invalid.diagnostics.iter().flat_map(|told| &told.excerpts).map(|excerpt| excerpt.text.len());
    assert!(lengths.max() < Some(1_000));
    let last = invalid.diagnostics.iter().rev().find(|told| told.message.contains("s3999")).unwrap();
    let excerpt = &last.excerpts[0];
    assert!(excerpt.text.starts_with('…') && last.column > 80_000, "{last:#?}");
    assert!(excerpt.text[..excerpt.mark.start].ends_with("s3999: { ") || last.message.contains("after"), "{last:#?}");
}

#[test]
fn thousands_of_secrets_are_hidden_without_delay() {
    let pings: String = (0..4_000).map(|n| format!("  s{n}: {{ ping: hunter2-{n} }}\n")).collect();
    let text = format!("{HEAD}schedules:\n{pings}");
    let seen = in_time(move || told(read(source("f.yaml", &text))));
    assert!(!seen.contains("hunter2") && seen.contains("`s0` and 3999 more: `ping` holds the secret itself"), "{seen}");
}

/// Pieces that YAML, the keys and the masks treat in ways of their own.
const PIECES: [&str; 32] = [
    "version: 1\n",
    "schedules:\n",
    "  x:\n",
    "connections:\n",
    "auth: ",
    "client_secret: ",
    "{ ",
    " }",
    "[",
    "]",
    ", ",
    "cron: ",
    "\"0 7 * * *\"",
    "at: ",
    "2026-10-25T02:30[Europe/Berlin]",
    "every: ",
    "1h",
    "<<: ",
    "*a",
    "&a ",
    "!t ",
    "\"",
    "'",
    "\t",
    "\n",
    "    ",
    "# ",
    "ä",
    "🦀",
    "\u{feff}",
    "|\n",
    ": ",
];

proptest::proptest! {
    #[test]
    fn no_text_stops_the_reader(pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..40)) {
        told(read(source("f.yaml", &pieces.concat())));
    }

    #[test]
    fn no_slip_in_a_good_file_stops_the_reader(
        at in 0_usize..10_000,
        cut in 0_usize..30,
        piece in proptest::sample::select(&PIECES[..]),
    ) {
        let example = include_str!("../../schedules.example.yaml");
        let start = example.floor_char_boundary(at % example.len());
        let end = example.floor_char_boundary((start + cut).min(example.len()));
        told(read(source("f.yaml", &format!("{}{piece}{}", &example[..start], &example[end..]))));
    }
}
