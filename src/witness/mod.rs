//! What one HTTP exchange looked like, for people who look for a fault.
//!
//! `auth` and `orchestrator` tell a [`Witness`] of each request, if one was given: what left, what came back, how long it
//! took. Secrets are masked here, before anybody else sees the text: those that were sent are known and replaced in every
//! form (`masker`), and whatever looks like one in an answer is hidden too, because an answer can hold a token that nobody has
//! seen before.
//!
//! Absent: any effect on the exchange. Without a witness nothing of this is built.

mod masker;
mod names;
mod view;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::secret::{Secret, proxy_passwords};
use crate::text::cut;

use masker::is_invisible;
pub use masker::{MASK, Masker};

/// How much of an answer is kept, in characters.
const EXCERPT_CHARS: usize = 200;

/// How much of a body is looked at, in bytes: an excerpt needs no more, however long a server talks.
const LOOKED_AT: usize = 16 * 1024;

/// From this many characters on, a word of letters and digits may be a key or a token.
const SECRET_LIKE_CHARS: usize = 24;

/// Hears of exchanges. Clones hear the same.
#[derive(Clone)]
pub struct Witness(Arc<dyn Fn(Exchange) + Send + Sync>);

impl Witness {
    /// A witness that hands each exchange on.
    pub fn new(hear: impl Fn(Exchange) + Send + Sync + 'static) -> Witness {
        Witness(Arc::new(hear))
    }

    /// Tells of an exchange that is over.
    pub fn tell(&self, exchange: Exchange) {
        (self.0)(exchange);
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

/// One request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `POST https://…`, without login.
    pub request: String,
    /// Headers and fields that matter, one a line, secrets masked.
    pub sent: Vec<String>,
    /// What came back.
    pub came: Came,
    /// From the request to the end of the answer.
    pub took: Duration,
    /// Our clock at the end.
    pub ended_at: Timestamp,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// No answer.
    Nothing {
        /// The innermost reason.
        cause: String,
    },
    /// An answer, at least its head.
    Answer(Answered),
}

/// An answer, as far as people are shown it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// The header, if it is text.
    pub content_type: Option<String>,
    /// The first 200 characters of the body, cleaned and masked.
    pub excerpt: String,
    /// The server's clock (`Date`).
    pub server_date: Option<Timestamp>,
    /// Orchestrator's `api-supported-versions`.
    pub api_versions: Option<String>,
    /// OAuth's `error` in a token answer.
    pub error: Option<String>,
    /// The scopes that a token answer names.
    pub scope: Option<String>,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// How the body was packed, though nobody asked for it (`Content-Encoding`).
    pub encoding: Option<String>,
}

impl Exchange {
    /// The server's clock minus ours, compared in the middle of the exchange.
    pub fn clock_off(&self) -> Option<jiff::SignedDuration> {
        match &self.came {
            Came::Nothing { .. } => None,
            Came::Answer(answered) => {
                let middle = self.ended_at.checked_sub(self.took / 2).ok()?;
                Some(answered.server_date?.duration_since(middle))
            }
        }
    }
}

/// The beginning of a body as it may be shown: one line, no control characters, no secret.
pub fn excerpt(body: &[u8], secrets: &[Secret]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
    cut(&masked(&text, secrets), EXCERPT_CHARS)
}

/// Text of another side as it may be shown, of any length: what looks like a secret is hidden too.
pub fn masked(text: &str, secrets: &[Secret]) -> String {
    masked_by(text, &knowing(secrets))
}

/// The same, with secrets that are known to a masker.
pub fn masked_by(text: &str, masker: &Masker) -> String {
    let words: Vec<String> = line(text, masker).split(' ').map(hide_in_word).collect();
    words.join(" ")
}

/// One line of another side's text, without these secrets in any form, and without control and invisible characters.
pub fn without_secrets(text: &str, secrets: &[Secret]) -> String {
    line(text, &knowing(secrets))
}

/// These, and what proxies are given: any answer may be a proxy's.
fn knowing(secrets: &[Secret]) -> Masker {
    Masker::of(secrets.iter().chain(proxy_passwords()))
}

fn line(text: &str, masker: &Masker) -> String {
    let is_seen = |c: &char| c.is_whitespace() || !(c.is_control() || is_invisible(*c));
    let text: String = masker.mask(text).chars().filter(is_seen).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Hides runs of characters that look like a key or token; ids in GUID form, words and paths stay.
fn hide_in_word(word: &str) -> String {
    let mut shown = String::new();
    let mut run = String::new();
    for c in word.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '~' | '=') {
            run.push(c);
        } else {
            shown.push_str(&shown_run(&run));
            run.clear();
            shown.push(c);
        }
    }
    shown + &shown_run(&run)
}

fn shown_run(run: &str) -> String {
    let digits = run.chars().any(|c| c.is_ascii_digit());
    let letters = run.chars().any(|c| c.is_ascii_alphabetic());
    let secret_like = run.len() >= SECRET_LIKE_CHARS && digits && letters && uuid::Uuid::parse_str(run).is_err();
    if secret_like { MASK.to_owned() } else { run.to_owned() }
}
