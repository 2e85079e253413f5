//! Puts a call that is over into the records.

use jiff::Timestamp;

use super::answer::Answer;
use super::identity::Granted;
use super::record::{Exchange, TokenCall, TokenOutcome};
use super::request::Request;
use super::route::{Call, Route};
use super::shared::SharedState;

/// Exchanges that are kept; a long rehearsal must not fill the memory.
const MAX_EXCHANGES: usize = 20_000;

/// A call, as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request,
    pub(super) route: &'a Route,
    pub(super) at: Timestamp,
}

/// How its connection ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// With this answer.
    Given(Answer),
    /// Cut, with an answer that never left.
    CutWith(Answer),
    /// Cut.
    Cut,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) faults: Vec<&'static str>,
    /// Of a token call that was looked at.
    pub(super) token: Option<Granted>,
    pub(super) ending: Ending,
}

impl Ending {
    /// The answer that was made, whether it left or not.
    fn answer(&self) -> Option<&Answer> {
        match self {
            Ending::Given(answer) | Ending::CutWith(answer) => Some(answer),
            Ending::Cut => None,
        }
    }

    /// What the client got.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Ending::Given(answer) => Some(answer.status),
            Ending::CutWith(_) | Ending::Cut => None,
        }
    }
}

/// Records it.
pub(super) fn record(state: &mut SharedState, asked: Asked<'_>, done: &Done, now: Timestamp) {
    match asked.route {
        Route::IdentityToken | Route::AccountToken | Route::PasswordLogin => {
            state.token_calls.push(token_call(asked, done));
        }
        // The way back from a login carries a code; nobody needs it in a record.
        Route::IdentityAuthorize
        | Route::AccountAuthorize
        | Route::IdentityConfiguration
        | Route::LoginPage
        | Route::Nothing => {}
        Route::Api { base: _, call } => {
            let exchange = exchange(state, asked, call, done, now);
            if state.exchanges.len() >= MAX_EXCHANGES {
                state.exchanges.pop_front();
            }
            state.exchanges.push_back(exchange);
        }
    }
}

fn token_call(asked: Asked<'_>, done: &Done) -> TokenCall {
    let Asked { request, route: _, at } = asked;
    let (path, faults) = (request.path.clone(), done.faults.clone());
    match done.token.clone() {
        Some(Granted { grant, client_id, outcome, answer: _ }) => {
            TokenCall { at, path, grant, client_id, outcome, faults }
        }
        None => TokenCall {
            at,
            path,
            grant: String::new(),
            client_id: String::new(),
            outcome: TokenOutcome::Prevented,
            faults,
        },
    }
}

fn exchange(state: &SharedState, asked: Asked<'_>, call: &Call, done: &Done, now: Timestamp) -> Exchange {
    let Asked { request, route: _, at } = asked;
    let answer = done.ending.answer();
    let headers = answer.map(|answer| answer.headers.as_slice()).unwrap_or_default();
    Exchange {
        at,
        answered_at: now,
        method: request.method.clone(),
        path: request.path.clone(),
        template: call.template(),
        query: request.query.clone(),
        headers: request.headers.iter().map(|header| without_secret(state, request, header)).collect(),
        request_body: serde_json::from_slice(&request.body).ok(),
        status: done.ending.status(),
        response_headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        response_body: answer.and_then(|answer| answer.body.text()),
        faults: done.faults.clone(),
    }
}

fn without_secret(state: &SharedState, request: &Request, header: &(String, String)) -> (String, String) {
    let (name, value) = header;
    let value = match name.as_str() {
        "authorization" => match request.bearer().and_then(|token| state.service.identity.number(token)) {
            Some(number) => format!("Bearer [token {number}]"),
            None => "[unknown]".to_owned(),
        },
        "cookie" | "proxy-authorization" => "[hidden]".to_owned(),
        _ => value.clone(),
    };
    (name.clone(), value)
}
