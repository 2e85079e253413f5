//! The body of StartJobs, read as strictly as the real one reads it, by UiPath's OpenAPI description.
//!
//! A field of the wrong type or unknown to the server's version makes the whole model `null` there, with a message that
//! helps nobody; so here, or a client that sends too much would be found out only in production.

use std::time::Duration;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Answer;
use super::request::{member, text_member};
use super::stop::StopStrategy;

/// Which process is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Key(Uuid),
    Name(String),
}

/// What StartJobs was asked.
#[derive(Clone, Debug)]
pub(super) struct StartInfo {
    pub(super) wanted: Wanted,
    pub(super) jobs: usize,
    pub(super) reference: Option<String>,
    pub(super) arguments: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) source: Option<String>,
    pub(super) priority: Option<String>,
    pub(super) specific_priority: Option<i64>,
    pub(super) batch: Option<Uuid>,
    pub(super) entry_point: Option<String>,
    pub(super) environment: Option<String>,
    /// Orchestrator's own time-outs of a job, counted from when it was made and from the soft stop.
    pub(super) stop_after: Option<Duration>,
    pub(super) stop_by: StopStrategy,
    pub(super) kill_after: Option<Duration>,
}

const MAX_ARGUMENTS: usize = 10_000;
const MAX_REFERENCE: usize = 128;
const MAX_ENVIRONMENT: usize = 4_000;
/// No limit of the service is known; this one only keeps a typing error from filling the memory.
const MAX_JOBS: i64 = 10_000;

/// Every field, and the API version that brought it, where that is known (11 = 20.10, the oldest one described).
const FIELDS: [(&str, u32); 39] = [
    ("ReleaseKey", 0),
    ("ReleaseName", 12),
    ("Strategy", 0),
    ("RobotIds", 0),
    ("MachineSessionIds", 0),
    ("NoOfRobots", 0),
    ("JobsCount", 0),
    ("Source", 0),
    ("JobPriority", 0),
    ("SpecificPriorityValue", 0),
    ("RuntimeType", 0),
    ("InputArguments", 0),
    ("InputFile", 0),
    ("EnvironmentVariables", 19),
    ("Reference", 11),
    ("MachineRobots", 0),
    ("Attachments", 0),
    ("TargetFramework", 0),
    ("ResumeOnSameContext", 0),
    ("BatchExecutionKey", 0),
    ("RequiresUserInteraction", 0),
    ("StopProcessExpression", 15),
    ("StopStrategy", 15),
    ("KillProcessExpression", 15),
    ("RemoteControlAccess", 0),
    ("AlertPendingExpression", 15),
    ("AlertRunningExpression", 15),
    ("RunAsMe", 0),
    ("ParentOperationId", 0),
    ("AutopilotForRobots", 0),
    ("ProfilingOptions", 0),
    ("FpsContext", 0),
    ("FpsProperties", 0),
    ("TraceId", 0),
    ("ParentSpanId", 0),
    ("RootSpanId", 0),
    ("EntryPointPath", 0),
    ("VideoRecordingSettings", 0),
    ("MachineInfraTarget", 0),
];

const STRATEGIES: &[&str] = &["All", "Specific", "RobotCount", "JobsCount", "ModernJobsCount"];
const PRIORITIES: &[&str] = &["Low", "Normal", "High"];
const STOP_STRATEGIES: &[&str] = &["SoftStop", "Kill"];
const RUNTIMES: &[&str] = &[
    "NonProduction",
    "Attended",
    "Unattended",
    "Development",
    "Studio",
    "RpaDeveloper",
    "StudioX",
    "CitizenDeveloper",
    "Headless",
    "StudioPro",
    "RpaDeveloperPro",
    "TestAutomation",
    "AutomationCloud",
    "Serverless",
    "AutomationKit",
    "ServerlessTestAutomation",
    "AutomationCloudTestAutomation",
    "AttendedStudioWeb",
    "Hosting",
    "AssistantWeb",
    "ProcessOrchestration",
    "AgentService",
    "AppTest",
    "PerformanceTest",
];
const SOURCES: &[&str] = &[
    "Manual",
    "Schedule",
    "Queue",
    "StudioWeb",
    "IntegrationTrigger",
    "StudioDesktop",
    "AutomationOpsPipelines",
    "Apps",
    "SAP",
    "HttpTrigger",
    "HttpTriggerWithCallback",
    "RobotAPI",
    "Assistant",
    "CommandLine",
    "RobotNetAPI",
    "Autopilot",
    "TestManager",
    "AgentService",
    "ProcessOrchestration",
    "PluginEcosystem",
    "PerformanceTesting",
    "AgentHub",
    "ApiWorkflow",
];

impl StartInfo {
    /// Reads the body.
    pub(super) fn parse(body: Option<Map<String, Value>>, api_version: u32) -> Result<StartInfo, Answer> {
        let body = body.ok_or_else(|| Answer::bad_body("startParameters"))?;
        let Some(Value::Object(info)) = member(&body, "startInfo") else {
            return Err(Answer::bad_body("startInfo"));
        };
        let info = Fields { info, api_version };
        info.check_names()?;

        let wanted = match (info.guid("ReleaseKey")?, info.text("ReleaseName")?) {
            (Some(key), _) => Wanted::Key(key),
            (None, Some(name)) => Wanted::Name(name),
            (None, None) => return Err(invalid("A release key or a release name is required")),
        };
        let strategy = info.one_of("Strategy", STRATEGIES)?;
        let jobs = jobs(strategy.as_deref(), info.number("JobsCount")?)?;
        let arguments = info.limited("InputArguments", MAX_ARGUMENTS)?;
        if let Some(text) = arguments.as_deref().filter(|text| !text.trim().is_empty()) {
            match serde_json::from_str(text) {
                Ok(Value::Object(_)) => {}
                Ok(_) | Err(_) => return Err(invalid("The input arguments are not valid JSON")),
            }
        }
        if arguments.is_some() && info.guid("InputFile")?.is_some() {
            return Err(invalid("Input arguments and an input file cannot both be given"));
        }
        let priority = info.one_of("JobPriority", PRIORITIES)?;
        let specific_priority = info.number("SpecificPriorityValue")?;
        match (&priority, specific_priority) {
            (Some(_), Some(_)) => return Err(invalid("A priority and a specific priority cannot both be given")),
            (_, Some(value)) if !(1..=100).contains(&value) => {
                return Err(invalid("The specific priority must be between 1 and 100"));
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        let stop_by = info.one_of("StopStrategy", STOP_STRATEGIES)?;
        Ok(StartInfo {
            wanted,
            jobs,
            reference: info.limited("Reference", MAX_REFERENCE)?,
            arguments,
            runtime: info.one_of("RuntimeType", RUNTIMES)?,
            source: info.one_of("Source", SOURCES)?,
            priority,
            specific_priority,
            batch: info.guid("BatchExecutionKey")?,
            entry_point: info.text("EntryPointPath")?,
            environment: info.limited("EnvironmentVariables", MAX_ENVIRONMENT)?,
            stop_after: info.seconds("StopProcessExpression")?,
            stop_by: stop_by.as_deref().and_then(StopStrategy::parse).unwrap_or(StopStrategy::SoftStop),
            kill_after: info.seconds("KillProcessExpression")?,
        })
    }

    pub(super) fn source(&self) -> &str {
        self.source.as_deref().unwrap_or("Manual")
    }

    /// The job's enum lacks two names of the request's.
    pub(super) fn source_type(&self) -> &str {
        match self.source() {
            "Assistant" => "Manual",
            "HttpTriggerWithCallback" => "HttpTriggerCallback",
            other => other,
        }
    }

    pub(super) fn runtime(&self) -> &str {
        self.runtime.as_deref().unwrap_or("Unattended")
    }
}

fn jobs(strategy: Option<&str>, count: Option<i64>) -> Result<usize, Answer> {
    match (strategy, count) {
        (Some("JobsCount" | "ModernJobsCount") | None, Some(count)) if (1..=MAX_JOBS).contains(&count) => {
            usize::try_from(count).map_err(|_| invalid("The jobs count must be greater than 0"))
        }
        (Some("JobsCount" | "ModernJobsCount"), _) | (None, Some(_)) => {
            Err(invalid("The jobs count must be greater than 0"))
        }
        (Some(_), _) => Err(invalid("The strategy is not supported in this folder")),
        (None, None) => Ok(1),
    }
}

/// The service's `InvalidArgument`; its number is not known, so none is made up.
fn invalid(message: &str) -> Answer {
    Answer::error(400, 0, message)
}

struct Fields<'a> {
    info: &'a Map<String, Value>,
    api_version: u32,
}

impl Fields<'_> {
    fn check_names(&self) -> Result<(), Answer> {
        let known = |name: &str| {
            FIELDS.iter().any(|(field, since)| *since <= self.api_version && field.eq_ignore_ascii_case(name))
        };
        if self.info.keys().all(|name| known(name)) { Ok(()) } else { Err(Answer::bad_body("startInfo")) }
    }

    fn text(&self, name: &str) -> Result<Option<String>, Answer> {
        match member(self.info, name) {
            None => Ok(None),
            Some(_) => match text_member(self.info, name) {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(Answer::bad_body("startInfo")),
            },
        }
    }

    fn limited(&self, name: &str, most: usize) -> Result<Option<String>, Answer> {
        let text = self.text(name)?;
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            return Err(invalid(&format!("The field {name} must have at most {most} characters")));
        }
        Ok(text)
    }

    fn number(&self, name: &str) -> Result<Option<i64>, Answer> {
        match member(self.info, name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| Answer::bad_body("startInfo")),
        }
    }

    fn guid(&self, name: &str) -> Result<Option<Uuid>, Answer> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.map(|text| Uuid::parse_str(&text).map_err(|_| Answer::bad_body("startInfo"))).transpose()
    }

    /// The name as the contract spells it.
    fn one_of(&self, name: &str, names: &[&str]) -> Result<Option<String>, Answer> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = names.iter().find(|known| known.eq_ignore_ascii_case(&text));
        found.map(|known| Some((*known).to_owned())).ok_or_else(|| Answer::bad_body("startInfo"))
    }

    fn seconds(&self, name: &str) -> Result<Option<Duration>, Answer> {
        let Some(text) = self.text(name)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        text.parse()
            .map(|seconds| Some(Duration::from_secs(seconds)))
            .map_err(|_| invalid(&format!("The field {name} must be a number of seconds")))
    }
}
