//! `timeout`: how long a job may take.

use super::choices;
use super::field::Field;
use super::fields::Fields;
use super::given::{Given, taken_back};
use super::keys;
use super::open;
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::policy::{CountedBy, OnPending, Timeouts};

/// What was said of it.
#[derive(Clone, Debug)]
pub(super) struct TimeOut {
    pub(super) timeouts: Timeouts,
    /// Where it stands.
    pub(super) key_at: At,
    /// Where `at` stands.
    pub(super) day_at: Option<At>,
    /// Where `kill_after` stands, if it stands alone: then it is about `overlap: stop_other`, or about nothing
    /// (semantics.md 11).
    pub(super) kill_alone: Option<At>,
}

/// What is wrong with a `kill_after` that has no stop to follow.
pub(super) const KILL_ALONE: &str = "`timeout.kill_after` stands alone, and follows a stop that never comes";

/// What may stand next to it.
pub(super) const STOPS: &str = "write `soft: 1h` (running for so long), `pending: 20m` (waiting for a robot) or `at: \"08:00\"` \
     under `timeout`, or take `timeout` out";

/// Reads it. `defaults` is what a schedule takes over where it says nothing; none: these are `defaults`.
pub(super) fn read(field: &Field<'_>, defaults: Option<&Given<TimeOut>>, findings: &mut Findings) -> Given<TimeOut> {
    if let Some(none) = taken_back(field, defaults, findings) {
        return none;
    }
    let Some(fields) = open::map_or_word(field, &keys::TIMEOUT, findings) else { return Given::Wrong };
    let mut length = |name| fields.get(name).map(|field| field.duration(findings));
    let (pending, soft, kill_after) = (length("pending"), length("soft"), length("kill_after"));
    let day = fields.get("at").map(|field| field.time_of_day(findings));
    let on_pending = fields.get("on_pending").map(|field| field.choice(&choices::ON_PENDING, findings));
    let on_server = fields.get("on_server").map(|field| field.flag(findings));
    let agree = agree(field, &fields, on_server.flatten(), findings);
    let timeouts = (|| {
        Some(Timeouts {
            pending: settled(pending)?,
            soft: settled(soft)?,
            at: settled(day)?,
            kill_after: settled(kill_after)?.unwrap_or(Timeouts::USUAL_KILL_AFTER),
            on_pending: settled(on_pending)?.map_or(OnPending::Stop, |(_, then)| then),
            counted_by: match settled(on_server)? {
                Some(true) => CountedBy::ServerToo,
                Some(false) | None => CountedBy::Us,
            },
        })
    })();
    let (Some(timeouts), true) = (timeouts, agree) else { return Given::Wrong };
    let place = |name| fields.get(name).map(|field| field.key_at);
    let alone = !names_a_time(&fields);
    Given::Here(TimeOut {
        timeouts,
        key_at: field.key_at,
        day_at: place("at"),
        kill_alone: place("kill_after").filter(|_| alone),
    })
}

/// `None`: it was there and wrong. `Some(None)`: it was not there.
fn settled<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    value.map_or(Some(None), |read| read.map(Some))
}

fn names_a_time(fields: &Fields<'_>) -> bool {
    ["pending", "soft", "at"].into_iter().any(|name| fields.get(name).is_some())
}

/// What holds between its keys. False: something was told.
fn agree(field: &Field<'_>, fields: &Fields<'_>, on_server: Option<bool>, findings: &mut Findings) -> bool {
    let mut agree = true;
    if let Some(then) = fields.get("on_pending")
        && fields.get("pending").is_none()
        && !fields.is_settled(&["pending"])
    {
        let hint = "write `pending: 20m` next to it, or take `on_pending` out";
        then.error_at(then.key_at, "`timeout.on_pending` goes with `timeout.pending` only", findings).hint(hint);
        agree = false;
    }
    if let Some(server) = fields.get("on_server")
        && on_server == Some(true)
        && !fields.is_settled(&["pending", "soft"])
    {
        let missing = match (fields.get("pending").is_some(), fields.get("soft").is_some()) {
            (true, true) => None,
            (false, true) => Some("`pending: 20m`"),
            (true, false) => Some("`soft: 1h`"),
            (false, false) => Some("`pending: 20m` and `soft: 1h`"),
        };
        if let Some(missing) = missing {
            let what = "`timeout.on_server` needs both `pending` and `soft`: Orchestrator counts them as one time";
            let hint = format!("write {missing} next to it, or take `on_server` out");
            server.error_at(server.key_at, what, findings).hint(hint);
            agree = false;
        }
    }
    let said = ["kill_after", "on_pending"].into_iter().any(|name| fields.get(name).is_some());
    if agree && !said && !names_a_time(fields) && !fields.is_settled(&["pending", "soft", "at", "kill_after"]) {
        let what = format!("{} names no time, so no job is ever stopped", field.named());
        field.error_at(field.key_at, &what, findings).hint(STOPS);
        agree = false;
    }
    agree
}
