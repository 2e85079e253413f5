//! The calls that make jobs, and that change them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, without_nulls};
use super::conduct::Waits;
use super::effects::{Pending, Takes, Twist};
use super::ending::Resumed;
use super::faults::known_message;
use super::job::{Job, JobState};
use super::odata::Row;
use super::request::{Request, member, text_member};
use super::service::Service;
use super::shown_job::ShownJob;
use super::start::StartInfo;
use super::stop::StopStrategy;
use super::world::Making;

impl Service {
    pub(super) fn start_jobs(&mut self, request: &Request, twist: &Twist, now: Timestamp) -> Result<Answer, Answer> {
        let folder = self.folder(request)?;
        let start = StartInfo::parse(request.object(), self.tenant.api_version)?;
        let process = self.world.find_process(folder, &start.wanted);
        let process = process.ok_or_else(|| Answer::not_found("The process"))?;
        match twist.pending {
            Pending::One if self.world.has_pending(folder, process) => {
                return Err(Answer::error(409, 1670, known_message(1670)));
            }
            Pending::One | Pending::Any => {}
        }
        let batch = start.batch.unwrap_or_else(|| self.world.new_key());
        let making = Making { batch, visible_after: twist.late, conduct: twist.conduct.clone() };
        let made: Vec<usize> = (0..start.jobs * twist.duplicates.max(1))
            .map(|_| self.world.make_job(folder, process, &start, &making, now))
            .collect();
        let shown = made.iter().skip(made.len() - start.jobs);
        let value: Vec<Value> = shown
            .map(|at| {
                let row = ShownJob { job: &self.world.jobs[*at], mask: twist.mask.clone() }.render();
                Value::Object(without_nulls(row, self.tenant.nulls))
            })
            .collect();
        Ok(Answer::json(201, json!({"@odata.context": "$metadata#Jobs", "value": value})))
    }

    pub(super) fn validate(&self, request: &Request) -> Result<Answer, Answer> {
        let folder = self.folder(request)?;
        let start = StartInfo::parse(request.object(), self.tenant.api_version)?;
        self.world.find_process(folder, &start.wanted).ok_or_else(|| Answer::not_found("The process"))?;
        Ok(match self.world.robots(folder) {
            (0, _) => validity(&["No runtime is available in the folder"], &["TemplateNoRuntime"]),
            (1.., _) => validity(&[], &[]),
        })
    }

    /// Why a job is Pending, as it was written down when the job was made.
    pub(super) fn validate_existing(&self, request: &Request, id: i64, now: Timestamp) -> Result<Answer, Answer> {
        let folder = self.folder(request)?;
        let Job { state, ref conduct, .. } = self.world.jobs[self.shown(self.world.find_job(id), folder, now)?];
        Ok(match conduct.waits {
            Waits::ForEver(reason) if state == JobState::Pending => validity(reason.sentences(), reason.codes()),
            Waits::ForEver(_) | Waits::Longer(_) | Waits::AsUsual => validity(&[], &[]),
        })
    }

    /// The runtimes of a folder: all of them are connected here.
    pub(super) fn runtimes(&self, folder_id: i64) -> Result<Answer, Answer> {
        let folder = self.world.folders.iter().position(|folder| folder.id == folder_id);
        let (robots, free) = self.world.robots(folder.ok_or_else(|| Answer::not_found("The folder"))?);
        Ok(Answer::json(
            200,
            json!({
                "@odata.context": "$metadata#Collection(UiPath.Server.Configuration.OData.MachineRuntimeDto)",
                "value": [{"Type": "Unattended", "Total": robots, "Connected": robots, "Available": free}],
            }),
        ))
    }

    pub(super) fn stop_jobs(&mut self, request: &Request, twist: &Twist, now: Timestamp) -> Result<Answer, Answer> {
        let folder = self.folder(request)?;
        let body = request.object().ok_or_else(|| Answer::bad_body("stopJobsParameters"))?;
        let strategy = strategy(&body)?;
        let ids = member(&body, "jobIds").and_then(Value::as_array).ok_or_else(|| Answer::bad_body("jobIds"))?;
        // All or nothing: a list with a stranger in it stops nobody.
        let jobs: Vec<usize> = ids
            .iter()
            .map(|id| self.shown(id.as_i64().and_then(|id| self.world.find_job(id)), folder, now))
            .collect::<Result<_, _>>()?;
        for job in jobs {
            self.stop(job, strategy, twist.takes, now);
        }
        Ok(Answer::empty(200))
    }

    fn stop(&mut self, job: usize, strategy: StopStrategy, takes: Takes, now: Timestamp) {
        match takes {
            Takes::Nothing => self.world.stop(job, strategy, now),
            Takes::WhatIsStopped => self.world.take_and_stop(job, strategy, now),
        }
    }

    pub(super) fn restart(&mut self, request: &Request, twist: &Twist, now: Timestamp) -> Result<Answer, Answer> {
        let folder = self.folder(request)?;
        let body = request.object().ok_or_else(|| Answer::bad_body("restartJobParameters"))?;
        let id = member(&body, "jobId").and_then(Value::as_i64).ok_or_else(|| Answer::bad_body("jobId"))?;
        let old = self.shown(self.world.find_job(id), folder, now)?;
        let Job { process, ref start, state, .. } = self.world.jobs[old];
        if !state.is_final() {
            return Err(Answer::error(409, 0, "The job is not in a final state"));
        }
        let start = start.clone();
        let batch = self.world.new_key();
        let making = Making { batch, visible_after: twist.late, conduct: twist.conduct.clone() };
        let job = self.world.make_job(folder, process, &start, &making, now);
        self.one(request, &self.unmasked(job))
    }

    pub(super) fn stop_job(
        &mut self,
        request: &Request,
        id: i64,
        twist: &Twist,
        now: Timestamp,
    ) -> Result<Answer, Answer> {
        let folder = self.folder(request)?;
        let body = request.object().ok_or_else(|| Answer::bad_body("stopJobParameters"))?;
        let strategy = strategy(&body)?;
        let job = self.shown(self.world.find_job(id), folder, now)?;
        self.stop(job, strategy, twist.takes, now);
        Ok(Answer::empty(200))
    }

    pub(super) fn resume_job(&mut self, request: &Request, now: Timestamp) -> Result<Answer, Answer> {
        let folder = self.folder(request)?;
        let body = request.object().ok_or_else(|| Answer::bad_body("resumeJobParameters"))?;
        let key = text_member(&body, "jobKey").and_then(|key| Uuid::parse_str(key).ok());
        let key = key.ok_or_else(|| Answer::bad_body("resumeJobParameters"))?;
        let job = self.shown(self.world.find_key(key), folder, now)?;
        match self.world.resume(job, now) {
            Resumed::Done => self.one(request, &self.unmasked(job)),
            Resumed::NotSuspended => Err(Answer::error(409, 0, "The job is not suspended")),
        }
    }
}

fn strategy(body: &Map<String, Value>) -> Result<StopStrategy, Answer> {
    let strategy = text_member(body, "strategy").and_then(StopStrategy::parse);
    strategy.ok_or_else(|| Answer::bad_body("strategy"))
}

fn validity(errors: &[&str], codes: &[&str]) -> Answer {
    Answer::json(
        200,
        json!({
            "@odata.context": "$metadata#UiPath.Server.Configuration.OData.ValidationResultDto",
            "IsValid": codes.is_empty(), "Errors": errors, "ErrorCodes": codes,
        }),
    )
}
