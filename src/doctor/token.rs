//! What is said of the identity server's path, of a token, its scopes and the clocks.
//!
//! Pure: what was seen goes in, a finding comes out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::scopes::{self, ScopeVerdict};
use super::step::{Blame, Finding};
use crate::auth::{Claims, Credential, Looks};
use crate::grant::{Asking, Grant};
use crate::text;
use crate::witness::{Came, Exchange};

/// From here on somebody should know; the token rules warn from the same point.
const CLOCK_DOUBT: SignedDuration = SignedDuration::from_secs(30);

/// Servers make tokens good from their own second on, and this one may be a little behind.
const CLOCK_GRACE: SignedDuration = SignedDuration::from_secs(10);

/// From here on tokens and due times are in danger (semantics.md 7).
const CLOCK_FAULT: SignedDuration = SignedDuration::from_mins(5);

/// Something else than an identity server answered; `elsewhere` is where one does.
pub(super) fn not_identity(credential: &Credential, status: u16, looks: Looks, elsewhere: Option<String>) -> Finding {
    let what = match looks {
        Looks::Page => "a web page",
        Looks::Data => "no description of an identity server",
    };
    let found = format!("the path of `{}` leads to {what} ({status})", credential.token_url);
    match elsewhere {
        Some(other) => Finding::fault(
            Blame::Here,
            found,
            "the path is wrong: the Cloud and Automation Suite have `/identity_/`, a stand-alone server has `/identity/`",
            format!("set `auth.token_url` to `{other}`, where an identity server answers"),
        ),
        None => Finding::doubt(
            found,
            "the path is wrong, or this server does not describe itself",
            "if the grant fails as well, correct `auth.token_url`: the Cloud and Automation Suite have `/identity_/`, a stand-alone server has `/identity/`",
        ),
    }
}

/// The scopes that a token answer names.
pub(super) fn granted(exchange: &Exchange) -> Option<String> {
    match &exchange.came {
        Came::Answer(answered) => answered.scope.clone(),
        Came::Nothing { .. } => None,
    }
}

/// What a token says of itself.
pub(super) fn token(claims: Option<&Claims>, now: Timestamp) -> Finding {
    let Some(claims) = claims else {
        let text = "opaque: only its server can read it, so nothing more can be said of it here";
        return Finding::fine(text);
    };
    let quoted = |text: &Option<String>| text.as_ref().map(|text| format!("`{text}`"));
    let parts = [
        quoted(&claims.issuer).map(|issuer| format!("by {issuer}")),
        (!claims.audience.is_empty()).then(|| format!("for `{}`", claims.audience.join("`, `"))),
        quoted(&claims.client_id).map(|client| format!("of application {client}")),
        claims.scopes.as_ref().map(|scopes| format!("with the scopes `{}`", scopes.join(" "))),
        claims.expires_at.map(|at| format!("good until {at:.0}")),
    ];
    let found = format!("a JWT {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "));
    let ahead = [claims.not_before, claims.issued_at].into_iter().flatten().map(|at| at.duration_since(now)).max();
    let late = claims.expires_at.map(|until| now.duration_since(until)).filter(|late| !late.is_negative());
    let elsewhere = !claims.audience.is_empty() && !claims.audience.iter().any(|one| is_orchestrator(one));
    let cure = "set the clock of this machine: `timedatectl set-ntp true`; the step `clock` says which one is wrong";
    match (ahead.filter(|ahead| *ahead > CLOCK_GRACE), late) {
        (Some(ahead), _) => {
            let cause = format!(
                "by this machine's clock the token begins only in {}: this clock is behind, or the identity server's is ahead",
                length(ahead)
            );
            Finding::doubt(found, cause, cure)
        }
        (None, Some(late)) => {
            let cause = format!(
                "by this machine's clock the token ended {} ago: this clock is ahead, or the identity server's is behind",
                length(late)
            );
            Finding::doubt(found, cause, cure)
        }
        (None, None) if elsewhere => Finding::doubt(
            found,
            "the token is for another API than Orchestrator's, which will refuse it: the scopes are of another product",
            "name Orchestrator's scopes in `auth.scope`, such as `OR.Jobs OR.Execution.Read OR.Folders.Read`, and grant them to the application",
        ),
        (None, None) => Finding::fine(found),
    }
}

/// `UiPath.Orchestrator` of the identity server, and the early Cloud's `https://orchestrator.cloud.uipath.com`.
fn is_orchestrator(audience: &str) -> bool {
    audience.to_ascii_lowercase().contains("orchestrator")
}

/// What is said of three clocks once both servers have told theirs; none when none of the three is alone. Both are the server's
/// minus ours.
pub(super) fn three_clocks(identity: SignedDuration, orchestrator: SignedDuration) -> Option<Finding> {
    let apart = |one: SignedDuration, other: SignedDuration| (one - other).abs() >= CLOCK_DOUBT;
    let off = |off: SignedDuration| match off.is_negative() {
        true => format!("{} behind", length(off.abs())),
        false => format!("{} ahead of", length(off.abs())),
    };
    let (ours_and_identity, ours_and_orchestrator) =
        (apart(identity, SignedDuration::ZERO), apart(orchestrator, SignedDuration::ZERO));
    let alone = match (ours_and_identity, ours_and_orchestrator, apart(identity, orchestrator)) {
        (_, _, false) if ours_and_orchestrator => {
            let found = format!(
                "this machine's clock is alone: it is {} the identity server and Orchestrator, which agree",
                off(-orchestrator)
            );
            let cause = "this machine's clock is wrong; starts come that much early or late, or wait";
            let cure = "set the clock of this machine: `timedatectl set-ntp true`";
            match orchestrator.abs() >= CLOCK_FAULT {
                true => Finding::fault(Blame::Here, found, cause, cure),
                false => Finding::doubt(found, cause, cure),
            }
        }
        (false, true, true) => Finding::doubt(
            format!(
                "Orchestrator's clock is alone: it is {} this machine and the identity server, which agree",
                off(orchestrator)
            ),
            "Orchestrator's clock is wrong; it may call tokens not yet valid or expired, and starts wait",
            "have the clock of Orchestrator's server set",
        ),
        (true, false, true) => Finding::doubt(
            format!(
                "the identity server's clock is alone: it is {} this machine and Orchestrator, which agree",
                off(identity)
            ),
            "the identity server's clock is wrong; its tokens begin or end at the wrong time",
            "have the clock of the identity server set",
        ),
        (true, true, true) => Finding::doubt(
            format!(
                "no two clocks agree: the identity server's is {} this machine's, Orchestrator's is {} it",
                off(identity),
                off(orchestrator)
            ),
            "at least two of the three clocks are wrong",
            "set the clock of this machine first: `timedatectl set-ntp true`; then have the servers' set",
        ),
        (_, _, _) => return None,
    };
    Some(alone)
}

/// Whether the scopes are enough: those that the server named, else the token, else the file.
pub(super) fn scopes(grant: &Grant, answered: Option<String>, claims: Option<&Claims>) -> Finding {
    let facts = grant.facts();
    if let Some(rights) = facts.rights {
        return Finding::fine(match facts.asking {
            Asking::Nobody => format!("{rights}; the calls below will show"),
            Asking::Free | Asking::UsesUp | Asking::MayLock => format!("{rights}; no scopes are needed"),
        });
    }
    let asked = grant.scope().map(str::to_owned);
    let split = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let had = answered.map(split).or_else(|| claims.and_then(|claims| claims.scopes.clone())).or(asked.map(split));
    match had {
        None => Finding::fine("neither the server nor the token names them; the calls below will show"),
        Some(had) => match scopes::judge(&had) {
            ScopeVerdict::Enough => Finding::fine(format!("`{}` is enough", had.join(" "))),
            ScopeVerdict::ByRoles => Finding::fine("`OR.Default`: the roles of the application in each folder decide"),
            ScopeVerdict::Missing { what_for, add } => Finding::doubt(
                format!("`{}` is not enough for {}", had.join(" "), text::all(what_for)),
                "the external application was given fewer scopes than the daemon's calls need, or `auth.scope` names fewer",
                format!("grant `{}` to the application, and name it in `auth.scope`", add.join(" ")),
            ),
        },
    }
}

/// Our clock against a server's: the server's minus ours.
pub(super) fn clock(off: SignedDuration) -> Finding {
    let size = off.abs();
    // `Date` has whole seconds.
    let found = match (size.as_secs(), off.is_negative()) {
        (0 | 1, _) => "this machine and the server agree to the second".to_owned(),
        (_, true) => format!("this machine is {} ahead of the server", length(size)),
        (_, false) => format!("this machine is {} behind the server", length(size)),
    };
    let cure = "set the clock of this machine: `timedatectl set-ntp true`";
    if size >= CLOCK_FAULT {
        let cause =
            "one of the two clocks is wrong; tokens end at the wrong time, and starts come that much early or late";
        Finding::fault(Blame::Here, found, cause, cure)
    } else if size >= CLOCK_DOUBT {
        Finding::doubt(found, "one of the two clocks is not kept by a time server", cure)
    } else {
        Finding::fine(found)
    }
}

/// `Date` has whole seconds, so parts of them say nothing.
fn length(size: SignedDuration) -> String {
    text::roughly(Duration::from_secs(size.unsigned_abs().as_secs()))
}
