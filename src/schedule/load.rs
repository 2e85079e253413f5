//! Finds schedule files and reads them: the one place of `schedule` that touches the file system and the environment.
//!
//! A path is a file or a folder; of a folder, its `*.yaml` and `*.yml` are read, not those of folders in it. Anything but a
//! regular file is refused before it is opened: a FIFO would make the daemon wait for ever (S13).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::diagnostic::{Diagnostic, Severity, SourceFile};
use super::spec::{self, Invalid, Loaded};

/// The largest file: some 5,000 schedules.
const MOST_FILE_BYTES: u64 = 1024 * 1024;
/// All files together.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// The most files.
const MOST_FILES: usize = 1_000;

/// Reads all files of the paths, and checks them together.
///
/// # Errors
/// [`Invalid`] when a path cannot be read, a budget is exceeded, or any file has any error. All are told at once.
pub fn load(paths: &[PathBuf], now: Timestamp) -> Result<Loaded, Invalid> {
    let mut troubles = Vec::new();
    let mut sources = Vec::new();
    // Troubles and mistakes are told in the order of the files, whichever of the two a file has.
    let mut order = BTreeMap::new();
    let mut total: u64 = 0;
    for (n, found) in list_files(paths).into_iter().enumerate() {
        let path = match found {
            Ok(path) => path,
            Err(trouble) => {
                order.entry(trouble.file.clone()).or_insert(n);
                troubles.push(trouble);
                continue;
            }
        };
        order.entry(path.clone()).or_insert(n);
        let Some(text) = read_file(&path, &mut troubles) else {
            continue;
        };
        total = total.saturating_add(text.len() as u64);
        if total > MOST_BYTES {
            let hint = "use fewer or smaller files";
            troubles.push(whole(&path, "the files are larger than 16 MiB together", hint));
            return Err(Invalid { diagnostics: troubles });
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        sources.push(SourceFile { path, text, folder });
    }
    let checked = spec::parse(&sources, now);
    if troubles.is_empty() {
        return checked.map(|mut loaded| {
            let read = |name: &String| Some((name.clone(), std::env::var(name).ok()?));
            loaded.set.env = loaded.set.allow_env.iter().filter_map(read).collect();
            loaded
        });
    }
    troubles.extend(match checked {
        Ok(Loaded { warnings, .. }) => warnings,
        Err(Invalid { diagnostics }) => diagnostics,
    });
    troubles.sort_by_key(|diagnostic| order.get(&diagnostic.file).copied());
    Err(Invalid { diagnostics: troubles })
}

/// A diagnostic of a file as a whole.
fn whole(path: &Path, message: impl Into<String>, hint: &str) -> Diagnostic {
    Diagnostic {
        file: path.to_owned(),
        line: 0,
        column: 0,
        severity: Severity::Error,
        message: message.into(),
        hint: Some(hint.to_owned()).filter(|hint| !hint.is_empty()),
        excerpts: Vec::new(),
    }
}

/// The files to read, in order, each once; in between, what is wrong with a path.
pub(super) fn list_files(paths: &[PathBuf]) -> Vec<Result<PathBuf, Diagnostic>> {
    let mut files = Vec::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => match list_folder(path) {
                Ok(found) if found.is_empty() => {
                    let what = "no `*.yaml` or `*.yml` file is in this folder";
                    files.push(Err(whole(path, what, "write one, or name another folder")));
                }
                Ok(found) => files.extend(found.into_iter().map(Ok)),
                Err(cause) => files.push(Err(failed(path, "list the folder", &cause))),
            },
            Ok(_) => files.push(Ok(path.clone())),
            Err(cause) => files.push(Err(failed(path, "read the file", &cause))),
        }
    }
    // A file named twice, or named beside its folder, is read once.
    let mut known = BTreeSet::new();
    files.retain(|file| match file {
        Ok(path) => known.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
        Err(_) => true,
    });
    if let Some(Ok(first)) = files.get(MOST_FILES) {
        let what = format!("more than {MOST_FILES} files");
        let trouble = whole(first, what, "name fewer files, or put schedules together");
        files.truncate(MOST_FILES);
        files.push(Err(trouble));
    }
    files
}

/// The paths at which no file is left: the file is gone, or its folder, or all that was in it.
pub fn list_gone(paths: &[PathBuf]) -> Vec<PathBuf> {
    let gone = |path: &&PathBuf| match fs::metadata(path) {
        Ok(meta) => meta.is_dir() && list_folder(path).is_ok_and(|found| found.is_empty()),
        Err(cause) => cause.kind() == io::ErrorKind::NotFound,
    };
    paths.iter().filter(gone).cloned().collect()
}

fn list_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let named = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if named && !hidden && !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read_file(path: &Path, troubles: &mut Vec<Diagnostic>) -> Option<String> {
    match read_bytes(path) {
        Ok((bytes, mode)) => {
            if mode & 0o002 != 0 {
                let hint = format!("run `chmod o-w {}`", path.display());
                troubles.push(whole(path, "everyone may write to this file, and so start any robot", &hint));
            }
            String::from_utf8(bytes)
                .map_err(|wrong| troubles.push(not_text(path, wrong.as_bytes(), wrong.utf8_error().valid_up_to())))
                .ok()
        }
        Err(Unreadable::Odd { message, hint }) => {
            troubles.push(whole(path, message, hint));
            None
        }
        Err(Unreadable::Failed(cause)) => {
            troubles.push(failed(path, "read the file", &cause));
            None
        }
    }
}

enum Unreadable {
    Odd { message: &'static str, hint: &'static str },
    Failed(io::Error),
}

/// The bytes and the permission bits of one regular file.
fn read_bytes(path: &Path) -> Result<(Vec<u8>, u32), Unreadable> {
    let odd = || Unreadable::Odd { message: "not a regular file", hint: "FIFOs, sockets and devices are not read" };
    // Looked at before it is opened, since opening a device may do something; and opened without waiting, since a file may
    // become a FIFO in between.
    if !fs::metadata(path).map_err(Unreadable::Failed)?.is_file() {
        return Err(odd());
    }
    let no_wait = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file: File = OpenOptions::new().read(true).custom_flags(no_wait).open(path).map_err(Unreadable::Failed)?;
    let meta = file.metadata().map_err(Unreadable::Failed)?;
    if !meta.is_file() {
        return Err(odd());
    }
    let mut bytes = Vec::new();
    file.take(MOST_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(Unreadable::Failed)?;
    if bytes.len() as u64 > MOST_FILE_BYTES {
        return Err(Unreadable::Odd { message: "larger than 1 MiB", hint: "split the file; `--config` takes folders" });
    }
    Ok((bytes, meta.mode() & 0o777))
}

fn not_text(path: &Path, bytes: &[u8], wrong: usize) -> Diagnostic {
    let before = String::from_utf8_lossy(&bytes[..wrong]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Diagnostic {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        ..whole(path, "not UTF-8 text", "save the file as UTF-8")
    }
}

fn failed(path: &Path, what: &str, cause: &io::Error) -> Diagnostic {
    let hint = match cause.kind() {
        io::ErrorKind::NotFound => {
            "name schedule files or folders with `--config`; without it `./schedules.yaml` is read, or else `/etc/punctual`"
        }
        io::ErrorKind::PermissionDenied => "the user that runs punctual must be able to read it",
        _ => "",
    };
    // What the system said, without its number.
    let said = cause.to_string();
    let said = said.split(" (os error").next().unwrap_or(&said).to_ascii_lowercase();
    whole(path, format!("failed to {what}: {said}"), hint)
}
