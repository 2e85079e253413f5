//! `schedules.X`: one entry becomes one checked schedule.

use std::sync::Arc;

use super::arguments;
use super::choices;
use super::context::Context;
use super::doubts;
use super::field::Field;
use super::fields::Fields;
use super::folder;
use super::given::Given;
use super::habits::Habits;
use super::keys;
use super::later;
use super::open;
use super::times;
use super::tree::{Entry, Kind, Scalar, Value};
use crate::schedule::diagnostic::{Findings, quoted};
use crate::schedule::model::{Place, Schedule, StartSpec};
use crate::schedule::name::{ConnectionName, ScheduleKey};
use crate::text;

/// Reads one schedule. `None`: something was told.
pub(super) fn read(
    entry: &Entry,
    key: ScheduleKey,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<Arc<Schedule>> {
    let subject = format!("schedule `{key}`");
    let fields = open::map(&entry.value, &keys::SCHEDULE, subject, entry.key_at, findings)?;
    let habits = Habits::read(&fields, context.known, Some(context.defaults), findings).or(context.defaults);
    let policies = &habits.policies;
    policies.judge(&fields, findings);
    later::schedule(&fields, context.known, context.env, findings);
    let times = times::read(&fields, &habits, &key, context, findings);
    let start_hint = "write `start: { process: … }`";
    let start = match fields.is_settled(&["queue_item"]) {
        true => fields.get("start"),
        false => fields.need("start", start_hint, findings),
    }
    .and_then(|field| start(&field, context, findings));
    let connection = connection(&fields, &habits, context, findings);
    if let Some(connection) = connection.as_ref().and_then(|name| context.connections.get(name)) {
        policies.judge_deadline(connection.settle, &fields, findings);
    }
    let (timing, recurrence) = times?;
    doubts::of_schedule(&fields, &habits, &recurrence, context.now, findings);
    let line = context.lines.get(entry.key_at.file)?.line(entry.key_at.start);
    Some(Arc::new(Schedule {
        key,
        description: habits.description.clone(),
        timing,
        recurrence,
        enablement: habits.enablement(),
        connection: connection?,
        start: start?,
        overlap: policies.overlap(),
        catch_up: policies.catch_up(),
        start_deadline: policies.start_deadline(),
        on_unknown_start: policies.on_unknown_start(),
        retry: policies.retry.settled()?.and_then(|again| again.retry.clone()),
        timeout: policies.timeout.settled()?.map(|timeout| timeout.timeouts.clone()),
        pool: policies.pool.settled()?.cloned(),
        priority: policies.priority(),
        pause_after: policies.pause_after(),
        history: habits.history(),
        place: Place { file: context.sources.get(entry.key_at.file)?.path.clone(), line },
    }))
}

fn connection(
    fields: &Fields<'_>,
    habits: &Habits,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<ConnectionName> {
    match &habits.connection {
        Given::Here(name) => Some(name.clone()),
        Given::Wrong => None,
        Given::Absent | Given::TakenBack => {
            let mut names = context.known.connections.keys();
            match (names.next(), names.next()) {
                (Some(only), None) => Some(ConnectionName(only.as_str().into())),
                // That none is described is told once, for the whole set.
                (None, _) => None,
                (Some(first), Some(_)) => {
                    if !fields.is_settled(&["connection"]) {
                        let known = text::known(context.known.connections.keys().map(String::as_str));
                        let what = format!("no connection is named, and there are several; {known}");
                        let hint = format!("write `connection: {first}` here, or once under `defaults`");
                        fields.error(&what, findings).hint(hint);
                    }
                    None
                }
            }
        }
    }
}

fn start(field: &Field<'_>, context: &Context<'_>, findings: &mut Findings) -> Option<StartSpec> {
    if let Value::Scalar(Scalar { text, kind: Kind::Text }) = &field.node.value {
        let hint = format!("write `start: {{ process: {} }}`", quoted(text).trim_matches('`'));
        field.error("`start` must be a map", findings).hint(hint);
        return None;
    }
    let fields = open::within(field, &keys::START, findings)?;
    let process_hint = "write the process by its name in the folder";
    let process = fields.need("process", process_hint, findings).and_then(|field| field.name(findings));
    let mut line = |name| fields.get(name).and_then(|field| field.line(findings).map(str::to_owned));
    let runtime = line("runtime");
    let priority = fields.get("priority").and_then(|field| field.choice(&choices::PRIORITY, findings));
    // Of either kind it stands in the place of the default's, of either kind.
    let folder = folder::read(&fields, findings).or_else(|| context.default_folder.cloned());
    let arguments = fields.get("arguments").map(|field| arguments::read(&field, context.env, findings));
    Some(StartSpec {
        process: process?,
        folder,
        runtime,
        priority: priority.map(|(_, priority)| priority),
        arguments: match arguments {
            Some(read) => Some(read?),
            None => None,
        },
    })
}
