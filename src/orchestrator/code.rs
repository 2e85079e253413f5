//! Orchestrator's error codes: numbers, and words in their place. What they mean for people is in `cure`.

use std::fmt;

/// Orchestrator's `errorCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// As almost always.
    Number(i64),
    /// One of the words that some calls give in its place; only known ones, since gateways write words of their own.
    Word(&'static str),
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorCode::Number(number) => write!(f, "{number}"),
            ErrorCode::Word(word) => f.write_str(word),
        }
    }
}

/// "Folder does not exist or the user does not have access to the folder": also after a change of plan or a redeployed
/// solution, which give a folder of the same name another number.
pub(super) const FOLDER_UNKNOWN: ErrorCode = ErrorCode::Number(1100);

/// "… does not exist": a process that was deployed anew has another key.
pub(super) const THING_UNKNOWN: ErrorCode = ErrorCode::Number(1002);

/// Words that Orchestrator gives as `errorCode` in the place of a number, with the number of the same refusal
/// (Orchestrator's guide, "Alerts troubleshooting" and "Response codes").
const WORDS: [(&str, Option<i64>); 6] = [
    ("InvalidStartJobRobotIds", Some(1671)),
    ("InvalidArgument", Some(1000)),
    ("ItemNotFound", Some(1002)),
    ("InvalidRequest", Some(1000)),
    ("NoLicenseAvailable", Some(1020)),
    ("LicenseExpired", Some(2002)),
];

/// Refusals that pass by themselves, and what is waited for: the start is tried again within its deadline (semantics.md 15).
/// 1670 ends when the pending job starts; 1020 when a licence is given back. That a machine or a runtime is missing in the
/// folder (2818, 1671) is how the folder is set up, and 2002 is a contract: nothing of it passes in an hour.
const PASSES: [(i64, &str); 2] =
    [(1670, "the job that already waits for the same robot"), (1020, "a licence to be free")];

/// The known word that this is, in its own spelling; `None` for a word of somebody else.
pub(super) fn known_word(text: &str) -> Option<&'static str> {
    WORDS.iter().map(|(word, _)| *word).find(|word| word.eq_ignore_ascii_case(text))
}

pub(super) fn number(code: ErrorCode) -> Option<i64> {
    match code {
        ErrorCode::Number(number) => Some(number),
        ErrorCode::Word(word) => WORDS.iter().find(|(known, _)| *known == word).and_then(|(_, number)| *number),
    }
}

/// What a refused start waits for, if that comes by itself.
pub(super) fn passes(code: ErrorCode) -> Option<&'static str> {
    let number = number(code)?;
    PASSES.iter().find(|(known, _)| *known == number).map(|(_, what)| *what)
}
