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
        let overlap = ["allow", "skip"][n / 2 % 2];
        let unknown = match n % 10 {
            7 => "skip",
            8 if overlap == "allow" => "hold",
            _ => "retry",
        };
        let deadline = ["1h", "10m"][n / 4 % 2];
        let folder = FOLDERS[n % FOLDERS.len()];
        let process = ["Short", "Usual", "Short", "Long"][n % 4];
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
