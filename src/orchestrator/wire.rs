//! The shapes on the wire: what is sent and what is read of the answers.
//!
//! Read leniently where nothing hangs on it (either case of a key, a state as word or number, an odd time is no time),
//! strictly where a run hangs on it: a job without id or key is no job, and the whole answer is unreadable.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::job::{JobFault, JobState, JobView, LogLine};
use crate::run::{JobId, JobKey, Reference};

/// The body of `StartJobs`. Nothing but the basic fields: an older server reads an unknown one as no body at all
/// (semantics.md 19).
#[derive(Serialize)]
pub(super) struct StartBody<'a> {
    #[serde(rename = "startInfo")]
    pub(super) start_info: StartInfo<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartInfo<'a> {
    pub(super) release_key: Uuid,
    pub(super) strategy: &'static str,
    pub(super) jobs_count: u8,
    pub(super) reference: &'a Reference,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input_arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) runtime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) job_priority: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_process_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_strategy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kill_process_expression: Option<String>,
}

#[derive(Serialize)]
pub(super) struct StopBody {
    pub(super) strategy: &'static str,
}

/// An OData list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    #[serde(alias = "Value")]
    pub(super) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next_link: Option<String>,
    #[serde(rename = "@odata.count")]
    pub(super) count: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct FolderDto {
    #[serde(rename = "Id", alias = "id")]
    pub(super) id: i64,
    #[serde(rename = "FullyQualifiedName", alias = "fullyQualifiedName")]
    pub(super) full_name: String,
    /// The last part of the full name; a `/` in it is part of it.
    #[serde(rename = "DisplayName", alias = "displayName")]
    pub(super) display_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ReleaseDto {
    #[serde(rename = "Key", alias = "key")]
    pub(super) key: Uuid,
    #[serde(rename = "Name", alias = "name")]
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct ValidationDto {
    #[serde(rename = "IsValid", alias = "isValid")]
    pub(super) is_valid: bool,
    #[serde(rename = "Errors", alias = "errors")]
    pub(super) errors: Option<Vec<String>>,
    #[serde(rename = "ErrorCodes", alias = "errorCodes")]
    pub(super) error_codes: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub(super) struct JobDto {
    #[serde(rename = "Id", alias = "id")]
    id: i64,
    #[serde(rename = "Key", alias = "key")]
    key: Uuid,
    #[serde(rename = "State", alias = "state", deserialize_with = "state")]
    state: JobState,
    #[serde(rename = "Reference", alias = "reference")]
    reference: Option<String>,
    #[serde(rename = "ReleaseName", alias = "releaseName")]
    release_name: Option<String>,
    #[serde(rename = "CreationTime", alias = "creationTime", default, deserialize_with = "time")]
    creation_time: Option<Timestamp>,
    #[serde(rename = "StartTime", alias = "startTime", default, deserialize_with = "time")]
    start_time: Option<Timestamp>,
    #[serde(rename = "EndTime", alias = "endTime", default, deserialize_with = "time")]
    end_time: Option<Timestamp>,
    #[serde(rename = "Info", alias = "info")]
    info: Option<String>,
    #[serde(rename = "JobError", alias = "jobError")]
    job_error: Option<JobErrorDto>,
    #[serde(rename = "ErrorCode", alias = "errorCode")]
    error_code: Option<String>,
    #[serde(rename = "OutputArguments", alias = "outputArguments")]
    output_arguments: Option<String>,
}

#[derive(Deserialize)]
struct JobErrorDto {
    #[serde(rename = "Code", alias = "code")]
    code: Option<String>,
    #[serde(rename = "Title", alias = "title")]
    title: Option<String>,
    #[serde(rename = "Detail", alias = "detail")]
    detail: Option<String>,
    #[serde(rename = "Category", alias = "category")]
    category: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LogDto {
    #[serde(rename = "TimeStamp", alias = "timeStamp", default, deserialize_with = "time")]
    time_stamp: Option<Timestamp>,
    #[serde(rename = "Level", alias = "level")]
    level: Option<String>,
    #[serde(rename = "Message", alias = "message")]
    message: Option<String>,
}

impl From<JobDto> for JobView {
    fn from(dto: JobDto) -> JobView {
        let JobDto {
            id,
            key,
            state,
            reference,
            release_name,
            creation_time,
            start_time,
            end_time,
            info,
            job_error,
            error_code,
            output_arguments,
        } = dto;
        // A serverless job that found no licence has a code but no error.
        let error = match job_error {
            Some(JobErrorDto { code, title, detail, category }) => Some(JobFault { code, title, detail, category }),
            None => error_code
                .filter(|code| !code.is_empty())
                .map(|code| JobFault { code: Some(code), ..JobFault::default() }),
        };
        JobView {
            id: JobId(id),
            key: JobKey(key),
            state,
            reference: reference.filter(|text| !text.is_empty()).map(Reference::from_text),
            release_name,
            created_at: creation_time,
            started_at: start_time,
            ended_at: end_time,
            info: info.filter(|text| !text.is_empty()),
            error,
            output: output_arguments.filter(|text| !text.is_empty()),
        }
    }
}

impl From<LogDto> for LogLine {
    fn from(dto: LogDto) -> LogLine {
        let LogDto { time_stamp, level, message } = dto;
        LogLine { at: time_stamp, level: level.unwrap_or_default(), message: message.unwrap_or_default() }
    }
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JobState, D::Error> {
    struct Word;
    impl Visitor<'_> for Word {
        type Value = JobState;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a job state")
        }
        fn visit_str<E: de::Error>(self, word: &str) -> Result<JobState, E> {
            Ok(JobState::from_text(word))
        }
        fn visit_u64<E: de::Error>(self, number: u64) -> Result<JobState, E> {
            Ok(JobState::from_text(&number.to_string()))
        }
        fn visit_i64<E: de::Error>(self, number: i64) -> Result<JobState, E> {
            Ok(JobState::from_text(&number.to_string()))
        }
    }
    deserializer.deserialize_any(Word)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.as_deref().and_then(read_time))
}

/// .NET writes year 1 for "no time", and older servers leave the `Z` out.
fn read_time(text: &str) -> Option<Timestamp> {
    const NO_TIME: civil::Date = civil::date(2, 1, 1);
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_ambiguous_timestamp(local).compatible().ok()
    })?;
    (TimeZone::UTC.to_datetime(instant).date() >= NO_TIME).then_some(instant)
}
