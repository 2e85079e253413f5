//! Who is attacked, and who lives next door: the sandbox's folders and the schedule file.

use std::time::Duration;

use punctual::sandbox::{FolderSpec, ProcessSpec};

use super::super::support;
use super::stand_in::QUIET;

/// Bursts come this often.
pub(super) const PERIOD: u64 = 30;

/// Folders that are attacked.
const FOLDERS: [&str; 3] = ["North", "South/Payroll", "South/Invoices"];

pub(super) fn folders() -> Vec<FolderSpec> {
    let processes = || {
        let second = Duration::from_secs(1);
        vec![
            ProcessSpec::new("Short").taking(Duration::ZERO, second),
            ProcessSpec::new("Usual").taking(second, 4 * second),
            ProcessSpec::new("Long").taking(second, 40 * second),
        ]
    };
    FOLDERS
        .into_iter()
        .chain([QUIET])
        .map(|path| FolderSpec { path: path.to_owned(), processes: processes(), robots: 10_000 })
        .collect()
}

/// How many schedules are attacked: so many starts come every half minute.
pub(super) fn crowd(starts: usize) -> usize {
    if starts <= 1_000 { 30 } else { 60 }
}

const PROCESSES: [&str; 4] = ["Short", "Usual", "Short", "Long"];

/// A job of `Long` may take longer than the time to the next: a queue of all of them would never end, nor would one of them whose older
/// one is stopped each time.
fn overlap_of(n: usize) -> &'static str {
    const ALL: [&str; 7] = ["allow", "skip", "queue_all", "stop_other", "queue_one", "kill_other", "queue_latest"];
    const LONG: [&str; 4] = ["allow", "skip", "queue_one", "queue_latest"];
    match PROCESSES[n % PROCESSES.len()] {
        "Long" => LONG[n / PROCESSES.len() % LONG.len()],
        _ => ALL[n % ALL.len()],
    }
}

/// Whether the file lets only one job of a schedule live at a time.
pub(super) fn is_one_at_a_time(schedule: &str) -> bool {
    schedule.strip_prefix('s').and_then(|n| n.parse().ok()).is_some_and(|n| overlap_of(n) != "allow")
}

/// The neighbours.
const NEIGHBOURS: usize = 4;

pub(super) fn file(url: &str, crowd: usize) -> String {
    let mut yaml = support::connection(url);
    yaml.push_str(
        "    limits: { starts_per_second: 20, recovery_rate: 20 }\ndefaults: { timezone: UTC }\nschedules:\n",
    );
    for n in 0..crowd {
        let rhythm = match n % 3 {
            0 => format!("every: {PERIOD}s"),
            1 => format!("cron: \"*/{PERIOD} * * * * *\""),
            _ => format!("cron: \"0/{PERIOD} * * * * *\", timezone: Asia/Kolkata"),
        };
        let overlap = overlap_of(n);
        let unknown = match n % 10 {
            7 => "skip",
            8 if overlap == "allow" => "hold",
            _ => "retry",
        };
        let deadline = ["1h", "10m"][n / 4 % 2];
        let folder = FOLDERS[n % FOLDERS.len()];
        let process = PROCESSES[n % PROCESSES.len()];
        yaml.push_str(&format!(
            "  s{n:02}: {{ {rhythm}, overlap: {overlap}, on_unknown_start: {unknown}, start_deadline: {deadline}, start: {{ process: \
             {process}, folder: {folder}, arguments: {{ schedule: s{n:02}, due: \"${{nominal}}\" }} }} }}\n"
        ));
    }
    for n in 0..NEIGHBOURS {
        yaml.push_str(&format!(
            "  quiet{n}: {{ every: 10s, overlap: allow, start: {{ process: Short, folder: {QUIET}, arguments: {{ schedule: quiet{n}, \
             due: \"${{nominal}}\" }} }} }}\n"
        ));
    }
    yaml
}
