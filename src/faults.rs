//! Deliberately broken variants, for negative controls: a test that cannot fail proves nothing.
//!
//! Only under the cargo feature `faults`, switched on by the environment variable `PUNCTUAL_FAULT`. A binary built without
//! the feature has none of it, which a test shows.
//!
//! Next to them are the places where the process can be made to die: `PUNCTUAL_FAIL_AT=NAME/KIND:N` kills it at the N-th
//! passing of a place (the first without a number). A kind tells what a commit holds, or which call was answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::run::Reference;
use crate::schedule::Connection;

/// Starts leave before their claim is stored.
pub const CLAIM_AFTER_POST: &str = "claim_after_post";

/// Each call has a random Reference that cannot be computed again, so nothing is ever found.
pub const RANDOM_REFERENCE: &str = "random_reference";

/// The first look-up that shows no job is believed.
pub const NO_SETTLE: &str = "no_settle";

/// A 4xx without Orchestrator's own body counts as "certainly not processed", and a redirect as a refusal.
pub const OLD_4XX_RULE: &str = "old_4xx_rule";

/// What shows that a cache has answered is not looked at, and look-ups carry no name of their own.
pub const BELIEVE_CACHED_LISTS: &str = "believe_cached_lists";

/// How often the folder's database was written is not remembered, so an old copy is not recognised.
pub const NO_COUNTER: &str = "no_counter";

/// What must not change in a row has no seal.
pub const NO_SEAL: &str = "no_seal";

/// Each caller that needs a token asks the token server for itself, as the simplest token managers do.
pub const NO_SINGLE_FLIGHT: &str = "no_single_flight";

/// An access token is handed out before the refresh token that came with it is on the disk.
pub const USE_BEFORE_SAVE: &str = "use_before_save";

/// Processes do not wait for one another before they use a refresh token.
pub const NO_TOKEN_LOCK: &str = "no_token_lock";

/// The answer to a token that works once is waited for as briefly as any other.
pub const SHORT_TOKEN_WAIT: &str = "short_token_wait";

/// The scheduling loop stands still after some rounds, as in a deadlock, while the rest of the process lives.
pub const FREEZE_LOOP: &str = "freeze_loop";

/// Any state that comes back from a login page is taken for the one that was sent.
pub const ANY_STATE: &str = "any_login_state";

/// The control socket serves whoever can connect.
pub const NO_PEER_CHECK: &str = "no_peer_check";

/// What was sent to a token server is shown with its secrets.
pub const SHOW_SECRETS: &str = "show_secrets";

/// What stands in schedules' arguments is not taken out of a bundle.
pub const BUNDLE_SHOWS_ARGUMENTS: &str = "bundle_shows_arguments";

/// A set that lost much is taken like any other.
pub const NO_LOSS_GUARD: &str = "no_loss_guard";

/// Files are taken at the first look that shows a change, half written or not.
pub const TAKE_MOVING_FILES: &str = "take_moving_files";

/// A commit is not flushed to the disk; the next checkpoint is.
pub const SYNCHRONOUS_NORMAL: &str = "synchronous_normal";

/// Starts do not wait while the clocks differ.
pub const NO_CLOCK_CHECK: &str = "no_clock_check";

/// A further attempt is sent under the name of the first.
pub const RETRY_UNDER_OLD_NAME: &str = "retry_under_old_name";

/// Why a job is to stop is known to the process and not stored.
pub const STOP_IN_MEMORY: &str = "stop_in_memory";

/// A pause is known to the process and not stored.
pub const PAUSE_IN_MEMORY: &str = "pause_in_memory";

/// Of several times that wait behind an older run the one that came last goes first.
pub const LAST_COME_FIRST: &str = "last_come_first";

/// A token file is renamed into place, and its folder is not flushed.
pub const NO_FOLDER_FLUSH: &str = "no_folder_flush";

/// A transaction has all its rows and is not committed.
pub const FAIL_COMMIT_OPEN: &str = "fail_commit_open";

/// A transaction is committed, and nobody has been told.
pub const FAIL_COMMIT_DONE: &str = "fail_commit_done";

/// A start is claimed and about to be sent.
pub const FAIL_BEFORE_POST: &str = "fail_before_post";

/// An answer has arrived and has not been read.
pub const FAIL_BEFORE_PARSE: &str = "fail_before_parse";

/// A call has been answered, and the dispatcher does not know.
pub const FAIL_BEFORE_REPORT: &str = "fail_before_report";

/// The installation's id is in the database and not in its file.
pub const FAIL_INSTALLATION_WRITTEN: &str = "fail_installation_written";

/// A refresh is noted on the disk and not sent.
pub const FAIL_TOKEN_NOTED: &str = "fail_token_noted";

/// A refresh is answered, and the new token is in memory only.
pub const FAIL_TOKEN_ANSWERED: &str = "fail_token_answered";

/// The new token is on the disk, beside the one in force.
pub const FAIL_TOKEN_WRITTEN: &str = "fail_token_written";

/// The new token is in force.
pub const FAIL_TOKEN_RENAMED: &str = "fail_token_renamed";

static PASSINGS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

/// Dies here, as by SIGKILL, when this passing of this place was asked for.
pub fn point(name: &str, kind: &str) {
    let Ok(asked) = std::env::var("PUNCTUAL_FAIL_AT") else { return };
    let here = format!("{name}/{kind}");
    let (place, number) = asked.split_once(':').unwrap_or((&asked, "1"));
    if place != here && place != name {
        return;
    }
    let mut passings = PASSINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let passed = passings.entry(place.to_owned()).or_default();
    *passed += 1;
    if number.parse() == Ok(*passed) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Each answer of a token server ends in a panic that shows all that is at hand.
pub const PANIC_WITH_TOKEN: &str = "panic_with_token";

/// Ends the task, with `what` in the panic's text, as a hasty `expect` would.
pub fn panic_with(what: &dyn std::fmt::Debug) {
    if is_on(PANIC_WITH_TOKEN) {
        panic!("broken on purpose, with {what:#?}");
    }
}

/// Whether this variant was asked for.
pub fn is_on(fault: &str) -> bool {
    std::env::var("PUNCTUAL_FAULT").is_ok_and(|value| value == fault)
}

/// Long enough for calls to be made before the claim is stored, as a slow disk would be.
#[expect(clippy::disallowed_methods, reason = "a broken variant, not the product")]
pub async fn slow_disk() {
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

/// Rounds before the loop stands still: the daemon has been ready by then, and has been alive for a moment.
const ROUNDS: u32 = 5;

/// Stands still for ever, when asked to.
pub async fn freeze_loop(rounds: &mut u32) {
    *rounds += 1;
    if *rounds > ROUNDS && is_on(FREEZE_LOOP) {
        tracing::error!("The loop stands still, broken on purpose");
        std::future::pending::<()>().await;
    }
}

/// What is sent in the place of the Reference that is looked up.
pub fn reference_to_send(reference: Reference) -> Reference {
    if is_on(RETRY_UNDER_OLD_NAME) {
        return first_name(&reference);
    }
    if !is_on(RANDOM_REFERENCE) {
        return reference;
    }
    let mut bits = [0u8; 8];
    let _ = getrandom::fill(&mut bits);
    let prefix: String = reference.as_str().split_inclusive('.').take(2).collect();
    Reference::from_text(format!("{prefix}{:016x}", u64::from_be_bytes(bits)))
}

/// The name of the first attempt.
fn first_name(reference: &Reference) -> Reference {
    let text = reference.as_str();
    let counted = text.rsplit_once(".a").filter(|(_, number)| number.chars().all(|digit| digit.is_ascii_digit()));
    Reference::from_text(counted.map_or(text, |(first, _)| first))
}

/// A connection whose jobs are expected to be visible at once.
pub fn without_settle(connection: Arc<Connection>) -> Arc<Connection> {
    if !is_on(NO_SETTLE) {
        return connection;
    }
    Arc::new(Connection { settle: std::time::Duration::ZERO, ..(*connection).clone() })
}
