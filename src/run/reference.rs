//! The name under which a job can be found again.
//!
//! It can be computed again from schedule and time alone: after a crash, a lost answer or a restored backup the same
//! occurrence asks for the same name, so one look-up finds whatever was started (semantics.md 13).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{InstallationId, RunId};
use crate::schedule::{ScheduleKey, Trigger};

/// `p1.<installation>.<schedule>.<nominal>[.r<run>][.j<n>][.a<attempt>]`: only `[a-z0-9.]`, at most 100 characters, so it
/// needs no quoting in a filter and fits Orchestrator's 128.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(String);

impl Reference {
    /// The first attempt at an occurrence's only job.
    pub fn for_occurrence(
        installation: InstallationId,
        schedule: &ScheduleKey,
        nominal_at: Timestamp,
        trigger: Trigger,
        run: RunId,
    ) -> Reference {
        let mut text = format!("p1.{installation}.{}.", Reference::part_of(schedule));
        push_base36(&mut text, nominal_at.as_second());
        if !trigger.is_planned() {
            // A person may ask for the same time twice and means two jobs.
            text.push_str(".r");
            text.push_str(&run.0.simple().to_string());
        }
        Reference(text)
    }

    /// The name of another job of the same run, or of a later attempt at it; this one is the first attempt at its first job.
    pub fn of_attempt(&self, job_number: u8, attempt: u16) -> Reference {
        let mut text = self.0.clone();
        if job_number > 1 {
            text.push_str(&format!(".j{job_number}"));
        }
        if attempt > 1 {
            text.push_str(&format!(".a{attempt}"));
        }
        Reference(text)
    }

    /// A name that no job has: asked for together with others, so that no cache knows the answer (semantics.md 16a).
    pub fn nonce(installation: InstallationId, bits: [u8; 10]) -> Reference {
        let digits: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        Reference(format!("p1.{installation}.nonce.{digits}"))
    }

    /// How a schedule is named in its references.
    pub fn part_of(schedule: &ScheduleKey) -> String {
        let digest = Sha256::digest(schedule.as_str().as_bytes());
        digest[..6].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The schedule's part, the time and the number of the attempt, if this is one at a planned time of this installation.
    pub fn planned_time(&self, installation: InstallationId) -> Option<(&str, Timestamp, u16)> {
        let rest = self.0.strip_prefix(&Reference::prefix(installation))?;
        let (schedule, rest) = rest.split_once('.')?;
        let (time, attempt) = match rest.split_once('.') {
            None => (rest, 1),
            // What else may follow is of a run by hand.
            Some((time, suffix)) => {
                let number = suffix.strip_prefix('a').filter(|digits| digits.chars().all(|c| c.is_ascii_digit()))?;
                (time, number.parse().ok().filter(|number| *number > 1)?)
            }
        };
        let (sign, digits) = time.strip_prefix('n').map_or((1, time), |digits| (-1, digits));
        // `from_str_radix` would take a sign or capitals.
        if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()) {
            return None;
        }
        let seconds = i64::from_str_radix(digits, 36).ok()?.checked_mul(sign)?;
        Some((schedule, Timestamp::from_second(seconds).ok()?, attempt))
    }

    /// What all references of one installation begin with.
    pub fn prefix(installation: InstallationId) -> String {
        format!("p1.{installation}.")
    }

    /// Takes a reference as it came back, from the database or the server.
    pub fn from_text(text: impl Into<String>) -> Reference {
        Reference(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Times before 1970 get an `n` in front: `-` is not in the alphabet.
fn push_base36(text: &mut String, seconds: i64) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    if seconds < 0 {
        text.push('n');
    }
    let mut left = seconds.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.push(DIGITS[(left % 36) as usize]);
        left /= 36;
        if left == 0 {
            break;
        }
    }
    text.extend(digits.iter().rev().map(|&d| char::from(d)));
}
