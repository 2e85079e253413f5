//! From a path to what it asks for. Pure, and the only place that knows the shape of paths.
//!
//! Orchestrator answers under three bases: `/{org}/{tenant}/orchestrator_`, the same without
//! `orchestrator_`, and none at all, where the tenant stands in a header. Segments are compared in any case.

use super::request::percent_decoded;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    IdentityToken,
    IdentityAuthorize,
    AccountToken,
    AccountAuthorize,
    PasswordLogin,
    /// What an OpenID server says of itself.
    IdentityConfiguration,
    /// A path that the web interface answers with its login page.
    LoginPage,
    Api {
        base: Base,
        call: Call,
    },
    Nothing,
}

/// Under which base an API call came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// The tenant stands in the token or in `X-UIPATH-TenantName`.
    Bare,
    Path {
        organization: String,
        tenant: String,
    },
}

/// A call of Orchestrator's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    ListFolders,
    GetFolder(i64),
    FoldersForCurrentUser,
    AllFoldersForCurrentUser,
    CurrentUser,
    CurrentUserExtended,
    ListReleases,
    GetRelease(i64),
    ListReleasesFunction,
    ListJobs,
    GetJob(i64),
    GetJobByKey(String),
    StartJobs,
    ValidateDynamicJob,
    ValidateExistingJob(i64),
    StopJob(i64),
    StopJobs,
    RestartJob,
    ResumeJob,
    ListRobotLogs,
    RuntimesForFolder(i64),
    AddQueueItem,
    ListQueueItems,
    Unknown,
}

impl Call {
    /// The path as the contract writes it; GetByKey and the like are called so by the clients though it knows them not.
    pub(super) fn template(&self) -> Option<&'static str> {
        match self {
            Call::ListFolders => Some("/odata/Folders"),
            Call::GetFolder(_) => Some("/odata/Folders({key})"),
            Call::FoldersForCurrentUser => Some("/api/FoldersNavigation/GetFoldersForCurrentUser"),
            Call::AllFoldersForCurrentUser => Some("/api/Folders/GetAllForCurrentUser"),
            Call::CurrentUser => Some("/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser"),
            Call::CurrentUserExtended => Some("/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUserExtended"),
            Call::ListReleases => Some("/odata/Releases"),
            Call::GetRelease(_) => Some("/odata/Releases({key})"),
            Call::ListReleasesFunction => Some("/odata/Releases/UiPath.Server.Configuration.OData.ListReleases"),
            Call::ListJobs => Some("/odata/Jobs"),
            Call::GetJob(_) => Some("/odata/Jobs({key})"),
            Call::GetJobByKey(_) => {
                Some("/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={identifier})")
            }
            Call::StartJobs => Some("/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs"),
            Call::ValidateDynamicJob => Some("/odata/Jobs/UiPath.Server.Configuration.OData.ValidateDynamicJob"),
            Call::ValidateExistingJob(_) => {
                Some("/odata/Jobs({key})/UiPath.Server.Configuration.OData.ValidateExistingJob")
            }
            Call::StopJob(_) => Some("/odata/Jobs({key})/UiPath.Server.Configuration.OData.StopJob"),
            Call::StopJobs => Some("/odata/Jobs/UiPath.Server.Configuration.OData.StopJobs"),
            Call::RestartJob => Some("/odata/Jobs/UiPath.Server.Configuration.OData.RestartJob"),
            Call::ResumeJob => Some("/odata/Jobs/UiPath.Server.Configuration.OData.ResumeJob"),
            Call::ListRobotLogs => Some("/odata/RobotLogs"),
            Call::RuntimesForFolder(_) => {
                Some("/odata/Machines/UiPath.Server.Configuration.OData.GetRuntimesForFolder(folderId={folderId})")
            }
            Call::AddQueueItem => Some("/odata/Queues/UiPathODataSvc.AddQueueItem"),
            Call::ListQueueItems => Some("/odata/QueueItems"),
            Call::Unknown => None,
        }
    }
}

/// Reads a method and a raw path.
pub(super) fn parse(method: &str, raw_path: &str) -> Route {
    let decoded = percent_decoded(raw_path);
    let segments: Vec<&str> = decoded.split('/').filter(|segment| !segment.is_empty()).collect();
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();

    match (method, words.as_slice()) {
        ("POST", ["identity_" | "identity", "connect", "token"] | [_, "identity_", "connect", "token"]) => {
            return Route::IdentityToken;
        }
        ("GET", ["identity_" | "identity", "connect", "authorize"] | [_, "identity_", "connect", "authorize"]) => {
            return Route::IdentityAuthorize;
        }
        (
            "GET",
            ["identity_" | "identity", ".well-known", "openid-configuration"]
            | [_, "identity_", ".well-known", "openid-configuration"],
        ) => return Route::IdentityConfiguration,
        ("POST", ["oauth", "token"]) => return Route::AccountToken,
        ("GET", ["authorize"]) => return Route::AccountAuthorize,
        ("POST", [.., "api", "account", "authenticate"]) => return Route::PasswordLogin,
        (_, [] | [.., "connect", _] | ["identity_" | "identity", ..]) => return Route::LoginPage,
        _ => {}
    }

    let Some(start) = words.iter().position(|word| matches!(*word, "odata" | "api")) else {
        return Route::Nothing;
    };
    let base = match (&segments[..start], &words[..start]) {
        ([], _) => Base::Bare,
        ([organization, tenant], _) | ([organization, tenant, _], [_, _, "orchestrator_"]) => {
            Base::Path { organization: (*organization).to_owned(), tenant: (*tenant).to_owned() }
        }
        _ => return Route::Nothing,
    };
    Route::Api { base, call: call(method, &words[start..]) }
}

fn call(method: &str, words: &[&str]) -> Call {
    const FUNCTION: &str = "uipath.server.configuration.odata.";
    let [area, rest @ ..] = words else { return Call::Unknown };
    let [resource, rest @ ..] = rest else { return Call::Unknown };
    let (resource, key) = match resource.split_once('(') {
        None => (*resource, None),
        Some((name, rest)) => match rest.strip_suffix(')').and_then(|id| id.parse::<i64>().ok()) {
            Some(id) => (name, Some(id)),
            None => return Call::Unknown,
        },
    };
    let function = match rest {
        [] => None,
        [function] => Some(function.strip_prefix(FUNCTION).unwrap_or(function)),
        _ => return Call::Unknown,
    };
    match (*area, method, resource, key, function) {
        ("odata", "GET", "folders", None, None) => Call::ListFolders,
        ("odata", "GET", "folders", Some(id), None) => Call::GetFolder(id),
        ("api", "GET", "foldersnavigation", None, Some("getfoldersforcurrentuser")) => Call::FoldersForCurrentUser,
        ("api", "GET", "folders", None, Some("getallforcurrentuser")) => Call::AllFoldersForCurrentUser,
        ("odata", "GET", "users", None, Some("getcurrentuser")) => Call::CurrentUser,
        ("odata", "GET", "users", None, Some("getcurrentuserextended")) => Call::CurrentUserExtended,
        ("odata", "GET", "releases", None, None) => Call::ListReleases,
        ("odata", "GET", "releases", Some(id), None) => Call::GetRelease(id),
        ("odata", "GET", "releases", None, Some("listreleases")) => Call::ListReleasesFunction,
        ("odata", "GET", "jobs", None, None) => Call::ListJobs,
        ("odata", "GET", "jobs", Some(id), None) => Call::GetJob(id),
        ("odata", "POST", "jobs", None, Some("startjobs")) => Call::StartJobs,
        ("odata", "POST", "jobs", None, Some("validatedynamicjob")) => Call::ValidateDynamicJob,
        ("odata", "POST", "jobs", Some(id), Some("validateexistingjob")) => Call::ValidateExistingJob(id),
        ("odata", "POST", "jobs", Some(id), Some("stopjob")) => Call::StopJob(id),
        ("odata", "POST", "jobs", None, Some("stopjobs")) => Call::StopJobs,
        ("odata", "POST", "jobs", None, Some("restartjob")) => Call::RestartJob,
        ("odata", "POST", "jobs", None, Some("resumejob")) => Call::ResumeJob,
        ("odata", "GET", "robotlogs", None, None) => Call::ListRobotLogs,
        ("odata", "POST", "queues", None, Some("uipathodatasvc.addqueueitem")) => Call::AddQueueItem,
        ("odata", "GET", "queueitems", None, None) => Call::ListQueueItems,
        ("odata", "GET", "machines", None, Some(function)) => argument(function, "getruntimesforfolder(folderid=")
            .and_then(|id| id.parse().ok())
            .map_or(Call::Unknown, Call::RuntimesForFolder),
        ("odata", "GET", "jobs", None, Some(function)) => {
            let identifier = argument(function, "getbykey(identifier=");
            identifier.map_or(Call::Unknown, |key| Call::GetJobByKey(key.trim_matches('\'').to_owned()))
        }
        _ => Call::Unknown,
    }
}

/// What stands between the beginning of a function's name and the closing bracket.
fn argument<'a>(function: &'a str, beginning: &str) -> Option<&'a str> {
    function.strip_prefix(beginning)?.strip_suffix(')')
}
