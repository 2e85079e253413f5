//! Why Orchestrator refuses, and what a person can do: one table for the run history and for `doctor`.
//!
//! Pure. Only what the calls of [`Call`] can meet; what is not here is shown in the server's own words.

use super::body::Refusal;
use super::call::Call;
use super::code::{ErrorCode, number};

/// What a person can do while nothing is reached.
pub(super) const UNREACHED: &str = "check `url`, the network and the proxy; it is tried again by itself";

/// The likely cause, and the cure: two fragments without a full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Why.
    pub cause: &'static str,
    /// What helps.
    pub cure: &'static str,
}

const fn because(cause: &'static str, cure: &'static str) -> Explained {
    Explained { cause, cure }
}

const OLD_SERVER: Explained = because(
    "this server does not understand the query, most likely because it is older than the client",
    "this server's version may be too old for the query; compare it with the versions that are supported",
);

const NULL_BODY: Explained = because(
    "the server read no body: a field in it is unknown to this version, or a proxy took the body away",
    "compare the server's version with the versions that are supported; take `runtime` out of the schedule to send less",
);

/// For an answer that names the scope itself.
pub(super) const GRANT_THE_SCOPE: &str =
    "grant the scope that it names to the external application, and name it in the connection's `auth.scope`";

const SCOPE_MISSING: &str = "the access token does not carry the scope that this call needs";

const FORBIDDEN: &str = "the account or application may not do this here: its role lacks the permission";

/// By Orchestrator's error code.
const BY_CODE: [(i64, Explained); 13] = [
    (
        1000,
        because(
            "the server refuses a value of the request; its words say which",
            "compare the schedule's `arguments` and `runtime` with what the process takes",
        ),
    ),
    (
        1002,
        because(
            "it was deleted or renamed, or the account does not see it",
            "check that it still exists under this name in this folder, and that the account may see it",
        ),
    ),
    (
        1009,
        because(
            "the server misses a value that this version needs",
            "a value that the server needs is missing; check that its version supports this call",
        ),
    ),
    (
        1100,
        because(
            "the folder was deleted or renamed, or the account is not assigned to it",
            "check the schedule's `folder`, and assign the account to that folder",
        ),
    ),
    (
        1015,
        because(
            "the process needs a Windows session, and the robot account has no Windows login",
            "set the Windows user and password in the robot account's unattended settings, or publish the process as a background one",
        ),
    ),
    (
        1020,
        because(
            "every licence of the tenant is in use",
            "nothing to do if one is given back soon; else assign more licences to the tenant, or start fewer processes at once",
        ),
    ),
    (
        2002,
        because(
            "the tenant's licence has expired",
            "renew the licence in UiPath's administration; nothing starts on this tenant before",
        ),
    ),
    (
        2813,
        because(
            "the process is bound to machine templates, and none of them is active in this folder",
            "assign an active machine template with robots to the folder, or choose other machines in the process's settings",
        ),
    ),
    (1101, because("no folder was named", "name a `folder` in the schedule; this process lives in one")),
    (
        1230,
        because(
            "it is a foreground process, and the account has no unattended robot to run it in",
            "this process needs a user session: give the account an unattended robot with Windows credentials, or publish the process as a background one",
        ),
    ),
    (
        1670,
        because(
            "a job of this process already waits for the same robot, and one robot queues only one",
            "nothing to do if that job starts soon; if this happens often, start the process less often or give its folder more robots",
        ),
    ),
    (
        1671,
        because(
            "nobody in this folder has an unattended robot",
            "assign a user or robot account with an unattended robot to this folder by name; membership in a group does not count",
        ),
    ),
    (
        2818,
        because(
            "no machine in this folder has an Unattended or NonProduction runtime, or no licence is left for one",
            "assign a machine template with Unattended or NonProduction runtimes to this folder, and check that licences are left",
        ),
    ),
];

/// What is known of a refusal by its code alone.
pub fn explain_code(code: ErrorCode) -> Option<Explained> {
    let number = number(code)?;
    BY_CODE.iter().find(|(known, _)| *known == number).map(|(_, explained)| *explained)
}

/// What is known of an answer that is no word of Orchestrator's own, by its status.
pub fn explain_status(status: u16) -> Option<Explained> {
    Some(match status {
        300..=399 => because(
            "somebody on the way sends all requests elsewhere: a portal under maintenance, a login page, or the address has changed for good",
            "nothing to do if it passes; if it lasts, open the connection's `url` in a browser and compare it with the address of Orchestrator itself",
        ),
        401 => because(
            "Orchestrator does not take this token: it belongs to another organization or tenant, or the account was disabled",
            "check that `url`, `tenant` and `auth.token_url` belong together, and that the application or user has access to this tenant",
        ),
        404 | 405 => because(
            "there is no Orchestrator at this address: organization, tenant or path are wrong",
            "compare the connection's `url` with the address in the browser, up to and without `/odata`; on the Cloud it is `https://cloud.uipath.com/ORGANIZATION/TENANT/orchestrator_`",
        ),
        407 => because(
            "the proxy on the way wants a name and a password",
            "write them into the proxy's address for the service (`HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT`)",
        ),
        408 => because("the server or a gateway waited for us too long", "check the network's load"),
        429 => because(
            "the tenant's rate limit is used up, by all its clients together; the Cloud allows 100 lists of jobs a minute",
            "nothing is lost: it waits as the server asks; if it lasts, lower `limits.list_calls_per_minute` or find the other client",
        ),
        400..=499 => because(
            "a proxy, gateway or firewall refused it, or the `url` is wrong",
            "if the words are Orchestrator's, mend what they name; else ask whoever runs the proxy or firewall what it refused, and check the connection's `url`",
        ),
        502..=504 | 520..=529 => because(
            "a gateway got no answer from Orchestrator: it is down, restarts, or is overloaded",
            "nothing to do if it passes; if it lasts, see status.uipath.com, or on your own server its web server and database",
        ),
        500..=599 => because(
            "Orchestrator failed at this request",
            "if it lasts, look up the time in Orchestrator's own log, or tell UiPath's support",
        ),
        _ => return None,
    })
}

/// What is known of a job that ended because it could not be run at all, by its error code or remark.
pub fn explain_job(code: Option<&str>, words: Option<&str>) -> Option<Explained> {
    let licence = code.is_some_and(|code| code.eq_ignore_ascii_case("License"))
        || words.is_some_and(|words| words.contains("Robot Units"));
    licence.then_some(because(
        "the tenant's robot units or licences are used up",
        "buy or assign robot units to this tenant, or run the process on a machine of your own (`runtime: Unattended`)",
    ))
}

/// What a person can do about a refusal, where known.
pub(super) fn cure(call: Call, status: u16, refusal: &Refusal) -> Option<String> {
    match of_refusal(status, refusal) {
        Known::Scope => Some(format!(
            "grant the scope `{}` to the external application, and name it in the connection's `auth.scope`",
            scope(call)
        )),
        Known::Explained(explained) => Some(explained.cure.to_owned()),
        Known::Forbidden => {
            Some(format!("give the account a role with the permission `{}` in this folder", permission(call)))
        }
        Known::Nothing => None,
    }
}

/// The likely cause of a refusal, where known.
pub(super) fn cause(status: u16, refusal: &Refusal) -> Option<&'static str> {
    match of_refusal(status, refusal) {
        Known::Scope => Some(SCOPE_MISSING),
        Known::Explained(explained) => Some(explained.cause),
        Known::Forbidden => Some(FORBIDDEN),
        Known::Nothing => None,
    }
}

enum Known {
    Scope,
    Explained(Explained),
    Forbidden,
    Nothing,
}

fn of_refusal(status: u16, refusal: &Refusal) -> Known {
    let message = refusal.message.as_deref().unwrap_or_default().to_lowercase();
    if is_about_scope(&message) {
        return Known::Scope;
    }
    if message.contains("must not be null") {
        return Known::Explained(NULL_BODY);
    }
    if refusal.code == Some(ErrorCode::Number(1000)) && message.contains("odata") {
        return Known::Explained(OLD_SERVER);
    }
    match refusal.code.and_then(explain_code) {
        Some(explained) => Known::Explained(explained),
        None if status == 403 => Known::Forbidden,
        None => Known::Nothing,
    }
}

/// Whether these words say that the token lacks a scope.
pub(super) fn is_about_scope(words: &str) -> bool {
    let words = words.to_lowercase();
    words.contains("scope") && ["invalid", "not found", "authorization"].iter().any(|word| words.contains(word))
}

fn permission(call: Call) -> &'static str {
    match call {
        Call::FindFolder => "Folders.View",
        Call::FindRelease => "Processes.View",
        Call::Start | Call::CheckStart => "Jobs.Create",
        Call::ListJobs | Call::ReadJob => "Jobs.View",
        Call::StopJob => "Jobs.Edit",
        Call::ReadLogs => "Logs.View",
    }
}

fn scope(call: Call) -> &'static str {
    match call {
        Call::FindFolder => "OR.Folders.Read",
        Call::FindRelease => "OR.Execution.Read",
        Call::Start | Call::CheckStart | Call::ListJobs | Call::ReadJob | Call::StopJob => "OR.Jobs",
        Call::ReadLogs => "OR.Monitoring.Read",
    }
}
