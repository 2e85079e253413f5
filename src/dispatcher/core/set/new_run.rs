//! The row of a time: what is frozen in it at the claim (semantics.md 12a, 18).

use jiff::Timestamp;

use crate::clock::later;
use crate::recurrence::Nominal;
use crate::run::{FrozenPolicy, InstallationId, Run, RunId, RunState, Work};
use crate::schedule::{Schedule, ScheduleSet, TemplateContext, TemplateError, Trigger};

/// Fills in the templates of the arguments and begins the first attempt: from here on the work is frozen, but for what each attempt has
/// anew (semantics.md 12a, 18).
pub(crate) fn fill_in(
    run: &mut Run,
    schedule: &Schedule,
    set: &ScheduleSet,
    installation: InstallationId,
) -> Result<(), TemplateError> {
    if schedule.start.arguments.is_none() {
        return run.begin_attempt(installation, 1, run.fire_at);
    }
    let previous = schedule.start.names_previous().then(|| schedule.previous_time(run.nominal_at)).flatten();
    let context = TemplateContext {
        nominal: run.nominal_at,
        previous,
        fire: run.fire_at,
        schedule: schedule.key.as_str(),
        run: &run.id.to_string(),
        // What these are is open in the template.
        attempt: 1,
        reference: "",
        zone: schedule.recurrence.zone(),
        env: &set.env,
    };
    run.template = schedule.start.freeze(&context)?;
    if run.template.is_none() {
        match &mut run.work {
            Work::Process(start) => start.arguments = Some(schedule.start.render(&context)?),
        }
    }
    run.begin_attempt(installation, 1, run.fire_at)
}

/// When `timeout.at` shows on the clocks of the schedule's zone next after a run is to be sent; in a gap the first instant after it, of two the
/// first, but for a run that is sent in the second of two alike hours.
fn stop_at(schedule: &Schedule, fire_at: Timestamp) -> Option<Timestamp> {
    let at = schedule.timeout.as_ref()?.at?;
    let zone = schedule.recurrence.zone();
    let (local, offset) = zone.read(fire_at);
    let same_hour = offset.to_timestamp(local.date().to_datetime(at)).ok();
    let is_shown = |instant: &Timestamp| *instant > fire_at && zone.read(*instant).0 == local.date().to_datetime(at);
    if let Some(instant) = same_hour.filter(is_shown) {
        return Some(instant);
    }
    let days = [local.date(), local.date().tomorrow().ok()?, local.date().tomorrow().ok()?.tomorrow().ok()?];
    days.into_iter().filter_map(|day| zone.first_instant_at(day.to_datetime(at))).find(|instant| *instant > fire_at)
}

pub(crate) fn new_run(id: RunId, schedule: &Schedule, nominal: &Nominal, trigger: Trigger, at: Timestamp) -> Run {
    Run {
        id,
        version: 1,
        schedule: schedule.key.clone(),
        trigger,
        nominal_at: nominal.at,
        nominal_until: None,
        count: None,
        local: nominal.local,
        offset: nominal.offset,
        fire_at: nominal.fire_at,
        claimed_at: at,
        deadline_from: nominal.fire_at,
        deadline_at: later(nominal.fire_at, schedule.start_deadline),
        state: RunState::Armed,
        note: nominal.note.as_ref().map(ToString::to_string),
        error: None,
        connection: schedule.connection.clone(),
        identity: None,
        work: Work::Process(schedule.start.clone()),
        template: None,
        policy: FrozenPolicy { stop_at: stop_at(schedule, nominal.fire_at), ..FrozenPolicy::of(schedule) },
        schedule_version: None,
        waiting_until: None,
        sent_at: None,
        accepted_at: None,
        started_at: None,
        ended_at: None,
        actor: None,
        cancelled_by: None,
        parent: None,
        retry_of: None,
        made_good_by: None,
        output: None,
        trace_id: None,
        held_for: None,
        counts_until: None,
        attempts: Vec::new(),
    }
}
