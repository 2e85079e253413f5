//! The row of a time: what is frozen in it at the claim (semantics.md 12a, 18).

use jiff::Timestamp;

use crate::clock::later;
use crate::recurrence::Nominal;
use crate::run::{Run, RunId, RunState};
use crate::schedule::{Schedule, ScheduleSet, TemplateContext, TemplateError, Trigger};

/// Fills in the templates of the arguments: from here on the payload is frozen (semantics.md 18).
pub(crate) fn fill_in(run: &mut Run, schedule: &Schedule, set: &ScheduleSet) -> Result<(), TemplateError> {
    if schedule.start.arguments.is_none() {
        return Ok(());
    }
    let previous = schedule.start.names_previous().then(|| schedule.previous_time(run.nominal_at)).flatten();
    let (attempt, reference) =
        run.attempts.last().map_or((1, String::new()), |attempt| (attempt.attempt, attempt.reference.to_string()));
    run.start.arguments = Some(schedule.start.render(&TemplateContext {
        nominal: run.nominal_at,
        previous,
        fire: run.fire_at,
        schedule: schedule.key.as_str(),
        run: &run.id.to_string(),
        attempt,
        reference: &reference,
        zone: schedule.recurrence.zone(),
        env: &set.env,
    })?);
    Ok(())
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
        fire_at: nominal.at,
        claimed_at: at,
        deadline_at: later(nominal.at, schedule.start_deadline),
        state: RunState::Armed,
        note: nominal.note.as_ref().map(ToString::to_string),
        error: None,
        connection: schedule.connection.clone(),
        identity: None,
        start: schedule.start.clone(),
        on_unknown_start: schedule.on_unknown_start,
        history: schedule.history,
        waiting_until: None,
        sent_at: None,
        accepted_at: None,
        started_at: None,
        ended_at: None,
        actor: None,
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
