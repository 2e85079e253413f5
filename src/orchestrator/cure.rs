//! Orchestrator's error codes, and what a person can do about each.

use super::body::Refusal;
use super::outcome::Call;

/// What helps, by error code. Only codes that the calls of [`Call`] can meet.
const BY_CODE: [(i64, &str); 8] = [
    (1002, "check that it still exists under this name in this folder, and that the account may see it"),
    (1009, "a value that the server needs is missing; check that its version supports this call"),
    (1100, "check the schedule's `folder`, and assign the account to that folder"),
    (1101, "name a `folder` in the schedule; this process lives in one"),
    (
        1230,
        "this process needs a user session: give the account an unattended robot with Windows credentials, or publish the process as a background one",
    ),
    (1670, "the process already waits for this robot; start it less often, or use an overlap policy that waits"),
    (
        1671,
        "assign a user or robot account with an unattended robot to this folder by name; membership in a group does not count",
    ),
    (
        2818,
        "assign a machine template with Unattended or NonProduction runtimes to this folder, and check that licences are left",
    ),
];

/// What a person can do about a refusal, where known.
pub(super) fn cure(call: Call, status: u16, refusal: &Refusal) -> Option<String> {
    let message = refusal.message.as_deref().unwrap_or_default().to_lowercase();
    let about_scope =
        message.contains("scope") && ["invalid", "not found", "authorization"].iter().any(|w| message.contains(w));
    if about_scope {
        let scope = scope(call);
        return Some(format!(
            "grant the scope `{scope}` to the external application, and name it in the connection's `auth.scope`"
        ));
    }
    if refusal.code == Some(1000) && message.contains("odata") {
        return Some(
            "this server's version may be too old for the query; compare it with the versions that are supported"
                .to_owned(),
        );
    }
    let by_code = BY_CODE.iter().find(|(code, _)| Some(*code) == refusal.code).map(|(_, text)| (*text).to_owned());
    by_code.or_else(|| (status == 403).then(|| forbidden(call)))
}

fn forbidden(call: Call) -> String {
    let permission = match call {
        Call::FindFolder => "Folders.View",
        Call::FindRelease => "Processes.View",
        Call::Start => "Jobs.Create",
        Call::ListJobs | Call::ReadJob => "Jobs.View",
        Call::StopJob => "Jobs.Edit",
        Call::ReadLogs => "Logs.View",
    };
    format!("give the account a role with the permission `{permission}` in this folder")
}

fn scope(call: Call) -> &'static str {
    match call {
        Call::FindFolder => "OR.Folders.Read",
        Call::FindRelease => "OR.Execution.Read",
        Call::Start | Call::ListJobs | Call::ReadJob | Call::StopJob => "OR.Jobs",
        Call::ReadLogs => "OR.Monitoring.Read",
    }
}
