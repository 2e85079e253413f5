//! A failed call to Orchestrator as a finding: where the fault is, its cause, its cure.
//!
//! The error says what the call's fate is; what was witnessed of it says who spoke. Both are needed: "unsent" may be a proxy,
//! a wrong address or a tenant that is busy.

use super::challenge;
use super::step::{Blame, Finding};
use crate::http;
use crate::orchestrator::{CallError, Explained, UnsentReason, explain_status};
use crate::witness::{Answered, Came, Exchange};

/// Turns a failed call into a finding.
pub(super) fn finding(error: &CallError, exchange: Option<Exchange>) -> Finding {
    let heard = Heard::of(exchange.as_ref());
    let text = sentence(error);
    let found = match error {
        CallError::Rejected { status, .. } => rejected(error, text, *status, heard),
        CallError::Unsent { reason: UnsentReason::RateLimit, .. } => by_status(Blame::Refused, text, 429),
        CallError::Unsent { reason: UnsentReason::Token, .. } => match heard {
            Heard::Status(401) => by_status(Blame::Refused, text, 401),
            Heard::Status(_) | Heard::Page(_) | Heard::Silence | Heard::Nothing => Finding::fault(
                Blame::Here,
                text,
                "the access token ended meanwhile, and there was no new one",
                "see the step `grant`",
            ),
        },
        CallError::Unsent { reason: UnsentReason::Outage, .. } | CallError::Unknown { .. } => match heard {
            Heard::Status(status @ (404 | 405)) | Heard::Page(status @ (404 | 405)) => {
                by_status(Blame::Here, text, status)
            }
            // RFC 6585, 6: the network itself wants a login first.
            Heard::Status(511) | Heard::Page(511) => Finding::fault(
                Blame::Unreached,
                text,
                "this network lets nobody out before a login in its own page (a captive portal)",
                "log in to the network with a browser, or have this machine excepted from it",
            ),
            Heard::Page(200..=299) => Finding::fault(
                Blame::Here,
                text,
                "a login page answered: the address leads to the web interface or to another service, or a proxy wants a login",
                "compare the connection's `url` with the address in the browser, up to and without `/odata`",
            ),
            Heard::Status(status @ 300..) | Heard::Page(status @ 300..) => by_status(Blame::Unreached, text, status),
            Heard::Status(_) | Heard::Page(_) => Finding::fault(
                Blame::Here,
                text,
                "what answered is not Orchestrator, or a proxy changes its answers",
                "compare the connection's `url` with the address in the browser, up to and without `/odata`",
            ),
            Heard::Silence | Heard::Nothing => Finding::fault(
                Blame::Unreached,
                text,
                "the connection broke, or the server took longer than 30 s",
                "try again; if it lasts, look at the network, the proxy and the server's load",
            ),
        },
    };
    challenge::explained(found, exchange.as_ref()).with(exchange)
}

/// Who spoke.
#[derive(Clone, Copy)]
enum Heard {
    Status(u16),
    Page(u16),
    Silence,
    Nothing,
}

impl Heard {
    fn of(exchange: Option<&Exchange>) -> Heard {
        match exchange.map(|exchange| &exchange.came) {
            Some(Came::Answer(answered)) => {
                let page = http::is_page(answered.content_type.as_deref(), answered.excerpt.as_bytes());
                if page { Heard::Page(answered.status) } else { Heard::Status(answered.status) }
            }
            Some(Came::Nothing { .. }) => Heard::Silence,
            None => Heard::Nothing,
        }
    }
}

fn rejected(error: &CallError, text: String, status: u16, heard: Heard) -> Finding {
    // A good answer in which the name was not found is our file's mistake, not the server's refusal.
    let blame = match heard {
        Heard::Status(200..=299) => Blame::Here,
        Heard::Status(_) | Heard::Page(_) | Heard::Silence | Heard::Nothing => Blame::Refused,
    };
    let known = explain_status(status);
    let cause = match (error.cause(), blame) {
        (Some(cause), _) => cause,
        (None, Blame::Here) => "the name is written otherwise in Orchestrator, or the account does not see it",
        (None, Blame::Refused | Blame::Unreached) => match (status, known) {
            (300..=399, Some(Explained { cause, .. })) => cause,
            _ => "Orchestrator refused a value of the request; its words say which",
        },
    };
    let cure =
        error.cure().unwrap_or("compare the schedule with what the process takes; its words say what is missing");
    Finding::fault(blame, text, cause, cure)
}

fn by_status(blame: Blame, text: String, status: u16) -> Finding {
    match explain_status(status) {
        Some(explained) => Finding::explained(blame, text, explained),
        None => Finding::fault(
            blame,
            text,
            "this answer is no HTTP that is known",
            "see what listens at the connection's `url`",
        ),
    }
}

/// The error's sentence, without the connection, which is above, and without the cure, which is below.
fn sentence(error: &CallError) -> String {
    let text = error.text();
    format!("{} {}", text.what, text.came).trim().to_owned()
}

/// A gateway that packs answers which were asked for as they are does more than hand them on.
pub(super) fn packed(exchange: Option<&Exchange>) -> String {
    match exchange.map(|exchange| &exchange.came) {
        Some(Came::Answer(Answered { encoding: Some(encoding), .. })) => {
            format!(", compressed (`{encoding}`) though nobody asked for it: a gateway on the way changes answers")
        }
        Some(_) | None => String::new(),
    }
}

/// The API versions that the server names.
pub(super) fn versions_of(exchange: &Exchange) -> Option<String> {
    match &exchange.came {
        Came::Answer(answered) => answered.api_versions.clone(),
        Came::Nothing { .. } => None,
    }
}
