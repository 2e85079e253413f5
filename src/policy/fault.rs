//! Whose fault a failed job was, by what its robot and Orchestrator wrote (semantics.md 18).
//!
//! Only an account and a business rule are worth telling apart from the rest with care: the first is never tried again, since each try
//! may lock the account, and the second only where a file asks for it. So a text counts as one of the two only where it says so without
//! doubt; what robots write about sessions and connections is the machine's, and everything else the workflow's.
//!
//! Robots write in English whatever the language of Windows; what Windows itself says may be translated, its numbers are not.

use crate::run::FaultClass;

/// What Orchestrator shows of a job that has failed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// `JobError.Code`.
    pub code: Option<&'a str>,
    /// `JobError.Title`.
    pub title: Option<&'a str>,
    /// `JobError.Detail`.
    pub detail: Option<&'a str>,
    /// `Info`, which older robots fill alone.
    pub info: Option<&'a str>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whose fault it was.
    pub class: FaultClass,
    /// The Windows account that it is about, where the text names one.
    pub account: Option<String>,
}

/// Where in the texts a sign counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Anywhere.
    Anywhere,
    /// Only where the robot says that it could not begin: a workflow that logs on somewhere writes about passwords too.
    AtStart,
}

/// One row: a part of the text, in small letters, and whose fault it shows.
type Sign = (&'static str, Place, FaultClass);

/// What a robot writes first when it could not even begin. Source: UiPath's playbooks `job-faulted-logon-failure` and
/// `executor-start-transient-rerun` (github.com/UiPath/skills, read in November 2026).
const AT_START: [&str; 3] = ["could not start executor", "executor start process failed", "logon failed for user"];

/// The table. The first row that fits decides. Numbers are those of Windows: 0x52E wrong name or password, 0x532 expired, 0x775 locked
/// out, 0x533 disabled, 0x701 expired account, 0x773 must be changed, 0x569 no right to log on so, 0x52F a restriction; the second form of
/// each is what an HRESULT makes of it. Sources: `job-faulted-logon-failure`, `executor-start-transient-rerun`, `job-faulted-session-timeout`
/// (UiPath's playbooks), Microsoft's list of system error codes.
const SIGNS: [Sign; 43] = [
    ("robot.userlogonfailed", Place::Anywhere, FaultClass::Account),
    ("robot.logonfailed", Place::Anywhere, FaultClass::Account),
    ("robot.invalidcredentials", Place::Anywhere, FaultClass::Account),
    ("logon failed for user", Place::Anywhere, FaultClass::Account),
    ("logon failure", Place::AtStart, FaultClass::Account),
    ("0x0000052e", Place::Anywhere, FaultClass::Account),
    ("0x8007052e", Place::AtStart, FaultClass::Account),
    ("0x00000532", Place::Anywhere, FaultClass::Account),
    ("0x80070532", Place::AtStart, FaultClass::Account),
    ("0x00000775", Place::Anywhere, FaultClass::Account),
    ("0x80070775", Place::AtStart, FaultClass::Account),
    ("0x00000533", Place::Anywhere, FaultClass::Account),
    ("0x80070533", Place::AtStart, FaultClass::Account),
    ("0x00000701", Place::Anywhere, FaultClass::Account),
    ("0x80070701", Place::AtStart, FaultClass::Account),
    ("0x00000773", Place::Anywhere, FaultClass::Account),
    ("0x80070773", Place::AtStart, FaultClass::Account),
    ("0x00000569", Place::Anywhere, FaultClass::Account),
    ("0x80070569", Place::AtStart, FaultClass::Account),
    ("0x0000052f", Place::Anywhere, FaultClass::Account),
    ("0x8007052f", Place::AtStart, FaultClass::Account),
    ("last error: 131092", Place::AtStart, FaultClass::Account),
    ("user name or password is incorrect", Place::AtStart, FaultClass::Account),
    ("username or password is incorrect", Place::AtStart, FaultClass::Account),
    ("account is currently locked out", Place::AtStart, FaultClass::Account),
    ("account is locked", Place::AtStart, FaultClass::Account),
    ("password has expired", Place::AtStart, FaultClass::Account),
    ("password must be changed", Place::AtStart, FaultClass::Account),
    ("account is currently disabled", Place::AtStart, FaultClass::Account),
    ("uipath.core.activities.businessruleexception", Place::Anywhere, FaultClass::Business),
    ("businessruleexception", Place::Anywhere, FaultClass::Business),
    ("faulted due to service shutdown", Place::Anywhere, FaultClass::Infrastructure),
    ("cleanup action for jobs in terminating state", Place::Anywhere, FaultClass::Infrastructure),
    ("robot service shut down", Place::Anywhere, FaultClass::Infrastructure),
    ("could not obtain the user token", Place::Anywhere, FaultClass::Infrastructure),
    ("job stopped with an unexpected exit code", Place::Anywhere, FaultClass::Infrastructure),
    ("a specified logon session does not exist", Place::Anywhere, FaultClass::Infrastructure),
    ("rdp connection failed", Place::Anywhere, FaultClass::Infrastructure),
    ("workstation is in use", Place::AtStart, FaultClass::Infrastructure),
    ("creating user session timed out", Place::Anywhere, FaultClass::Infrastructure),
    ("user is running another job", Place::Anywhere, FaultClass::Infrastructure),
    ("could not start executor", Place::Anywhere, FaultClass::Infrastructure),
    ("executor start process failed", Place::Anywhere, FaultClass::Infrastructure),
];

/// An exception's type stands at the beginning of a line, or after the activity's name and a colon; what stands in quotes, or further on in
/// a sentence, is what somebody wrote about one.
fn names_exception(text: &str, sign: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        line.match_indices(sign).any(|(at, _)| {
            let before = line[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_');
            let before = before.trim_end();
            before.is_empty() || before.ends_with(':') || before.ends_with("--->") || before.ends_with("type")
        })
    })
}

/// Whose fault it was.
pub fn decide(told: &Told<'_>) -> Fault {
    let Told { code, title, detail, info } = *told;
    let parts: Vec<&str> = [code, title, detail, info].into_iter().flatten().filter(|text| !text.is_empty()).collect();
    let small: Vec<String> = parts.iter().map(|text| text.to_lowercase()).collect();
    let at_start = small.iter().any(|text| AT_START.iter().any(|sign| text.contains(sign)));
    let fits = |(sign, place, class): &&Sign| {
        let shown = match class {
            FaultClass::Business => small.iter().any(|text| names_exception(text, sign)),
            FaultClass::Account | FaultClass::Infrastructure | FaultClass::Application => {
                small.iter().any(|text| text.contains(sign))
            }
        };
        shown && (*place == Place::Anywhere || at_start)
    };
    let class = SIGNS.iter().find(fits).map_or(FaultClass::Application, |(_, _, class)| *class);
    let account = match class {
        FaultClass::Account => parts.iter().find_map(|text| account_in(text)),
        FaultClass::Business | FaultClass::Infrastructure | FaultClass::Application => None,
    };
    Fault { class, account }
}

/// The account in `Logon failed for user DOMAIN\NAME.`, as Windows compares it: in small letters.
fn account_in(text: &str) -> Option<String> {
    const BEFORE: &str = "logon failed for user ";
    // Lower-casing one character to several moves no place before it in plain ASCII, and the sentence begins with such.
    let at = text
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| text.get(*at..at + BEFORE.len()).is_some_and(|found| found.eq_ignore_ascii_case(BEFORE)))?;
    let rest = &text[at + BEFORE.len()..];
    let name = rest.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"')).next()?;
    let name = name.trim_matches(|c| matches!(c, '.' | '\'' | '`' | ':')).trim_end_matches('.');
    (!name.is_empty()).then(|| name.to_lowercase())
}
