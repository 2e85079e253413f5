//! What stands between us and Orchestrator, and what it answers in its place.
//!
//! Most of it is from reports, named at each; the rest is drawn without any regard to what is likely. What may never be said
//! of a job that was made is in [`is_left_out`], one line for each assumption of docs/promises.md.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use punctual::clock::{earlier, later};
use serde_json::{Value, json};

use super::super::dice::Dice;
use super::wire::{Answer, Framing, Request};

/// Whether Orchestrator made the job, or will within the settle time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processed {
    Yes,
    No,
}

/// What is in the way of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// Whose answers most are.
    pub(crate) style: Option<Report>,
    pub(crate) about: About,
}

/// What answers to starts may speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Tokens and limits, too.
    Anything,
    /// The start.
    OneStart,
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// ModSecurity's phase 4 and rule 950100 of the Core Rule Set look at the answer, when the work has been done: version 2 on
    /// Apache gives 403 and the server's error page, version 3 on nginx cuts the connection or gives 502
    /// (owasp-modsecurity/ModSecurity issues 1784, 3357, 3461; coreruleset issue 3936).
    OutboundFirewall,
    /// 520 to 527 and 530: the origin may have done all of it; 524 comes while it still works (Cloudflare's page on 5xx errors;
    /// sindresorhus/got pull request 991).
    Cloudflare,
    /// 403, 502 and 504 pages of Azure's Application Gateway (learn.microsoft.com, its page on HTTP response codes).
    ApplicationGateway,
    /// nginx gives up with 504 or 502 while the upstream completes what was asked (oneuptime.com and netdata.cloud on 504).
    Nginx,
    /// F5 ASM rejects with status 200, a page and a support id (Ekultek/WhatWaf issues 289, 1390; ariya/phantomjs issue 14601).
    F5,
    /// Zscaler answers with its login page, as 200 or by a redirect (microsoft/vscode issue 115795).
    Zscaler,
    /// IIS while a site is deployed: 503 with the page `app_offline.htm`, or its bare "Service Unavailable".
    AppOffline,
    /// A portal under maintenance sends everybody to its error page (302, for 25 s and for hours).
    Maintenance,
    /// RFC 9457, as ASP.NET Core and gateways write it.
    ProblemDetails,
    /// An OData error of a gateway or of a framework below Orchestrator.
    OData,
    /// API gateways' short JSON: `{"message": …}`, `{"fault": …}`, a word as `errorCode`.
    ApiGateway,
    /// A login by Windows or by a form in front of the site.
    Login,
}

const REPORTS: [Report; 12] = [
    Report::OutboundFirewall,
    Report::Cloudflare,
    Report::ApplicationGateway,
    Report::Nginx,
    Report::F5,
    Report::Zscaler,
    Report::AppOffline,
    Report::Maintenance,
    Report::ProblemDetails,
    Report::OData,
    Report::ApiGateway,
    Report::Login,
];

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
const PROBLEM: &str = "application/problem+json";

impl Report {
    pub(crate) fn draw(dice: &mut Dice) -> Report {
        pick(dice, &REPORTS)
    }

    fn answer(self, dice: &mut Dice) -> Answer {
        let number = dice.throw(u64::from(u32::MAX));
        match self {
            Report::OutboundFirewall => match dice.throw(4) {
                0 => Answer::new(502, HTML, "<html><head><title>502 Bad Gateway</title></head></html>"),
                _ => Answer::new(403, "text/html; charset=iso-8859-1", "<html><head>\n<title>403 Forbidden</title>\n</head><body>\n<h1>Forbidden</h1>\n<p>You don't have permission to access this resource.</p>\n</body></html>\n")
                    .with("Server", "Apache"),
            },
            Report::Cloudflare => {
                let status = pick(dice, &[520, 521, 522, 523, 524, 525, 526, 527, 530]);
                Answer::new(status, "text/html; charset=UTF-8", format!("<!DOCTYPE html><title>acme | {status}: A timeout occurred</title>error code: {status}"))
                    .with("CF-RAY", format!("{number:x}-FRA"))
                    .with("Server", "cloudflare")
            }
            Report::ApplicationGateway => {
                let (status, title) =
                    pick(dice, &[(403, "403 Forbidden"), (502, "502 Bad Gateway"), (504, "504 Gateway Time-out")]);
                let page = format!("<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center><hr><center>Microsoft-Azure-Application-Gateway/v2</center></body></html>");
                Answer::new(status, "text/html", page).with("Server", "Microsoft-Azure-Application-Gateway/v2")
            }
            Report::Nginx => {
                let (status, title) = pick(
                    dice,
                    &[(504, "504 Gateway Time-out"), (502, "502 Bad Gateway"), (499, "499"), (413, "413 Request Entity Too Large")],
                );
                Answer::new(status, "text/html", format!("<html><head><title>{title}</title></head><body><hr><center>nginx/1.27.2</center></body></html>"))
            }
            Report::F5 => Answer::new(200, HTML, format!("<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with your administrator.<br><br>Your support ID is: {number}</body></html>"))
                .with("Cache-Control", "no-cache"),
            Report::Zscaler => match dice.throw(2) {
                0 => Answer::new(200, HTML, "<!--samlchecks_get.html --><!DOCTYPE html><html><head><title>Welcome To Zscaler Directory Authentication</title></head></html>"),
                _ => Answer::new(307, HTML, "").with("Location", format!("https://gateway.zscaler.net/auD?origurl={number}")),
            },
            Report::AppOffline => match dice.throw(2) {
                0 => Answer::new(503, "text/html", "<!DOCTYPE html><html><body><h2>We are updating the site, be back soon</h2></body></html>"),
                _ => Answer::new(503, "text/html; charset=us-ascii", "<HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD><BODY><h2>Service Unavailable</h2><hr><p>HTTP Error 503. The service is unavailable.</p></BODY></HTML>"),
            },
            Report::Maintenance => {
                let status = pick(dice, &[302, 302, 302, 303, 301, 307, 308]);
                Answer::new(status, HTML, "").with("Location", "/portal_/unexpectederror?errorCode=maintenance")
            }
            Report::ProblemDetails => {
                let status = pick(dice, &[400, 403, 404, 409, 429, 500, 503]);
                let body = json!({"type": "https://tools.ietf.org/html/rfc9110", "title": "Forbidden", "status": status, "traceId": format!("00-{number:032x}-00")});
                Answer::new(status, PROBLEM, body.to_string())
            }
            Report::OData => {
                let status = pick(dice, &[400, 403, 404, 500, 501]);
                let body = json!({"error": {"code": "", "message": "The request could not be completed.", "innererror": {"type": "System.Exception"}}});
                Answer::new(status, "application/json; odata.metadata=minimal", body.to_string())
            }
            Report::ApiGateway => {
                let (status, body): (u16, Value) = pick(
                    dice,
                    &[
                        (403, json!({"message": "Forbidden"})),
                        (404, json!({"message": "no Route matched with those values", "request_id": "9c2e"})),
                        (504, json!({"message": "Endpoint request timed out"})),
                        (403, json!({"message": "Blocked by policy", "errorCode": "POLICY_DENIED"})),
                        (500, json!({"fault": {"faultstring": "Rejected", "detail": {"errorcode": "steps.jsonthreatprotection.ExecutionFailed"}}})),
                        (429, json!({"error": {"code": "TooManyRequests", "message": "Slow down"}})),
                        (400, json!([{"message": "Bad request", "errorCode": "INVALID"}])),
                    ],
                );
                Answer::new(status, JSON, body.to_string())
            }
            Report::Login => match dice.throw(4) {
                0 => Answer::new(401, HTML, "<h1>401 Unauthorized</h1>").with("WWW-Authenticate", "Negotiate").with("WWW-Authenticate", "NTLM"),
                1 => Answer::new(401, HTML, "").with("WWW-Authenticate", "Basic realm=\"acme\""),
                2 => Answer::new(401, HTML, "<form action=/login><input name=user></form>"),
                _ => Answer::new(302, HTML, "").with("Location", "https://login.acme.example/adfs/ls?wa=wsignin1.0"),
            },
        }
    }
}

/// What is in the way answers.
pub(crate) fn gateway(dice: &mut Dice, style: Option<Report>, request: &Request, now: Timestamp) -> Answer {
    let mut answer = match style {
        Some(style) if dice.percent(60) => style.answer(dice),
        Some(_) | None => match dice.percent(50) {
            true => Report::draw(dice).answer(dice),
            false => anything(dice, now),
        },
    };
    if dice.percent(25) {
        answer = odd_headers(dice, answer, now);
    }
    // Pages that show the request, with all of its headers.
    if dice.percent(8) {
        answer.body.extend_from_slice(format!("\r\n<!-- {:?} -->", request.headers).as_bytes());
    }
    if dice.percent(15) {
        answer.framing = framing(dice);
    }
    answer
}

/// Of a start: the same, without what is left out.
pub(crate) fn to_a_start(
    dice: &mut Dice,
    way: &Way,
    request: &Request,
    processed: Processed,
    now: Timestamp,
) -> Answer {
    loop {
        let answer = match processed {
            Processed::No if dice.percent(25) => own(dice),
            Processed::Yes | Processed::No => gateway(dice, way.style, request, now),
        };
        let of_the_tenant = matches!(answer.status, 401 | 407 | 429) && is_left_out(&answer);
        match (processed, way.about) {
            (Processed::Yes, _) if is_left_out(&answer) => {}
            (_, About::OneStart) if of_the_tenant => {}
            (Processed::Yes | Processed::No, About::Anything | About::OneStart) => return answer,
        }
    }
}

/// The assumptions of docs/promises.md: so nobody answers a start whose job was made. (That no job is made later than the
/// settle time after the end of our call is kept by `stand_in`.)
pub(crate) fn is_left_out(answer: &Answer) -> bool {
    let bearer = answer
        .headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("www-authenticate") && value.starts_with("Bearer"));
    let proxy_login = answer.status == 407;
    let refused_token = answer.status == 401 && bearer;
    let rate_limit = answer.status == 429 && answer.header("retry-after").is_some();
    let own_refusal = (400..500).contains(&answer.status) && is_own_form(&answer.body);
    proxy_login || refused_token || rate_limit || own_refusal
}

/// `message` with a number as `errorCode`, `errorMessage`, or the ABP envelope.
fn is_own_form(body: &[u8]) -> bool {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return false };
    let envelope = body.contains_key("__abp") || body.get("error").is_some_and(|error| error["code"].is_number());
    envelope
        || body.contains_key("errorMessage")
        || body.contains_key("message") && body.get("errorCode").is_some_and(Value::is_number)
}

/// Orchestrator refuses, in its own form, and made no job.
pub(crate) fn own(dice: &mut Dice) -> Answer {
    let coded = |status, code: i64, message: &str| {
        let body = json!({"message": message, "errorCode": code, "traceId": "00-5f1c-01", "resourceIds": null});
        Answer::new(status, JSON, body.to_string())
    };
    let abp = |status, message: &str| {
        let error = json!({"code": 0, "message": message, "details": null, "validationErrors": null});
        let body = json!({"error": error, "success": false, "unAuthorizedRequest": false, "__abp": true});
        Answer::new(status, JSON, body.to_string())
    };
    match dice.throw(14) {
        0 => coded(409, 2818, "No machine is configured with the runtime."),
        1 => coded(404, 1002, "The process does not exist."),
        2 => coded(400, 1100, "Folder does not exist or the user does not have access to the folder."),
        3 => coded(409, 1670, "Job could not be created, the process has a pending job already."),
        4 => coded(403, 0, "You are not authorized!"),
        5 => coded(400, 2002, "Invalid input arguments."),
        6 => coded(401, 0, "You are not authenticated!"),
        7 => coded(429, 0, "Too many requests.").with("Retry-After", (1 + dice.throw(15)).to_string()),
        8 => abp(400, "Your request is not valid!"),
        9 => abp(403, "Required permissions are not granted."),
        10 => Answer::new(401, JSON, "").with("WWW-Authenticate", "Bearer error=\"invalid_token\""),
        11 => Answer::new(407, HTML, "<h1>Proxy login</h1>").with("Proxy-Authenticate", "Basic realm=\"proxy\""),
        12 => Answer::new(429, HTML, "<h1>Slow down</h1>").with("Retry-After", (1 + dice.throw(15)).to_string()),
        _ => coded(409, 2813, "The folder has no robots."),
    }
}

/// Any status with any body.
fn anything(dice: &mut Dice, now: Timestamp) -> Answer {
    let status = 100 + dice.throw(500) as u16;
    let kind = pick(dice, &["", HTML, JSON, PROBLEM, "text/plain", "application/octet-stream", "application/json"]);
    let answer = Answer::new(status, kind, body(dice));
    if dice.percent(50) { odd_headers(dice, answer, now) } else { answer }
}

fn body(dice: &mut Dice) -> Vec<u8> {
    match dice.throw(10) {
        0 => Vec::new(),
        1 => (0..dice.throw(3_000)).map(|_| dice.throw(256) as u8).collect(),
        2 => b"<!DOCTYPE html><html><body>Error</body></html>".to_vec(),
        3 => b"\xef\xbb\xbf{\"message\":\"no\"}".to_vec(),
        4 => b"{\"value\":[{\"Id\":".to_vec(),
        5 => b"{\"value\":[]}".to_vec(),
        6 => b"null".to_vec(),
        7 => br#"{"error":{"code":"Forbidden","message":"no"}}"#.to_vec(),
        8 => br#"{"title":"Not Found","status":404,"detail":"Nothing here","type":"about:blank"}"#.to_vec(),
        _ => super::pack::Coding::Gzip.pack(b"{\"message\":\"packed\"}"),
    }
}

fn odd_headers(dice: &mut Dice, mut answer: Answer, now: Timestamp) -> Answer {
    for _ in 0..1 + dice.throw(3) {
        let seconds = Duration::from_secs(1 + dice.throw(7_200));
        let number = dice.throw(400).to_string();
        answer = match dice.throw(12) {
            0 => answer.with("Retry-After", number),
            1 => answer.with("Retry-After", date(later(now, seconds))),
            2 => answer.with("Retry-After", pick(dice, &["soon", "-5", "99999999999999999999", ""])),
            3 => answer
                .with("WWW-Authenticate", pick(dice, &["Basic realm=\"x\"", "NTLM", "Negotiate", "Digest qop=auth"])),
            4 => answer.with(
                "Location",
                pick(dice, &["/", "https://portal.example/down", "http://[::", "//elsewhere.example"]),
            ),
            5 => answer.with("Age", number),
            6 => answer.with("X-Cache", pick(dice, &["HIT", "MISS", "HIT from proxy.acme.example", "TCP_MISS"])),
            7 => answer.with("CF-Cache-Status", pick(dice, &["HIT", "MISS", "DYNAMIC", "STALE", "EXPIRED"])),
            8 => answer.set("Date", date(earlier(now, seconds))),
            9 => answer.set("Date", date(later(now, seconds))),
            10 => answer.with("Set-Cookie", "session=1; Path=/"),
            _ => {
                answer.with("Content-Encoding", pick(dice, &["gzip", "br", "deflate", "identity", "zstd", "x-unknown"]))
            }
        };
    }
    answer
}

fn framing(dice: &mut Dice) -> Framing {
    match dice.throw(5) {
        0 => Framing::Chunked,
        1 => Framing::UntilClosed,
        2 => Framing::TooLong(1 + dice.throw(500) as usize),
        3 => Framing::TooShort(1 + dice.throw(20) as usize),
        _ => Framing::Length,
    }
}

/// An instant as headers write it.
pub(crate) fn date(instant: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&instant).unwrap_or_default()
}

pub(crate) fn pick<T: Clone>(dice: &mut Dice, choices: &[T]) -> T {
    choices[dice.throw(choices.len() as u64) as usize].clone()
}
