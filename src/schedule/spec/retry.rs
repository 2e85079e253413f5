//! `retry`: which starts follow a failed job.

use std::time::Duration;

use super::choices;
use super::field::Field;
use super::foreign_cure;
use super::given::Given;
use super::keys::{self, MOST_ATTEMPTS};
use super::open;
use super::tree::{Kind, Scalar, Value};
use crate::schedule::diagnostic::{At, Findings};
use crate::schedule::policy::{Retry, RetryOn};

/// What was said of it.
#[derive(Clone, Debug)]
pub(super) struct Again {
    /// None: the schedule takes back what `defaults` say.
    pub(super) retry: Option<Retry>,
    /// Where it stands.
    pub(super) key_at: At,
    /// Where it names jobs that were stopped since they took too long.
    pub(super) timed_out: Option<At>,
}

/// Reads it. `defaults` is what a schedule takes over where it says nothing; none: these are `defaults`.
pub(super) fn read(field: &Field<'_>, defaults: Option<&Given<Again>>, findings: &mut Findings) -> Given<Again> {
    if let Value::Scalar(scalar) = &field.node.value
        && (foreign_cure::is_off(Some(scalar)) || scalar.text == "1")
    {
        let hint = match takes_back(defaults) {
            true => "write `retry: { attempts: 1 }`, which takes back the `retry` of `defaults`",
            false => "take `retry` out; nothing is tried again unless it is written",
        };
        field.error("`retry` must be a map", findings).hint(hint);
        return Given::Wrong;
    }
    let Some(fields) = open::map_or_word(field, &keys::RETRY, findings) else { return Given::Wrong };
    let hint = "write `attempts: 3`: how many starts in all, the first included";
    let attempts = fields.need("attempts", hint, findings).and_then(|field| attempts(&field, defaults, findings));
    let mut length = |name| fields.get(name).map(|field| (field.duration(findings), field));
    let (delay, longest) = (length("delay"), length("max_delay"));
    let on = fields.get("on").map(|field| ends(&field, findings));
    let wrong = [&delay, &longest].into_iter().flatten().any(|(length, _)| length.is_none());
    let (Some(attempts), false) = (attempts, wrong) else { return Given::Wrong };
    if let (Some((Some(first), delay)), Some((Some(most), longest))) = (&delay, &longest)
        && most < first
    {
        let what = format!("{} is shorter than {}", longest.named(), delay.named());
        longest.error(&what, findings).hint("swap the two, or take one out").also(delay.at(), "the delay here");
        return Given::Wrong;
    }
    let value = |given: Option<(Option<Duration>, Field<'_>)>| given.and_then(|(length, _)| length);
    let (delay, max_delay) = pauses(value(delay), value(longest));
    let on = match on {
        None => vec![(RetryOn::Faulted, field.key_at)],
        Some(Some(on)) => on,
        Some(None) => return Given::Wrong,
    };
    let timed_out = on.iter().find(|(end, _)| *end == RetryOn::TimedOut).map(|(_, at)| *at);
    let on = on.into_iter().map(|(end, _)| end).collect();
    let retry = (attempts > 1).then_some(Retry { attempts, delay, max_delay, on });
    let timed_out = timed_out.filter(|_| attempts > 1);
    Given::Here(Again { retry, key_at: field.key_at, timed_out })
}

/// The first and the longest pause. One that is said alone moves the other one, where that is usually on its wrong
/// side.
fn pauses(delay: Option<Duration>, longest: Option<Duration>) -> (Duration, Duration) {
    let delay = delay.unwrap_or_else(|| longest.map_or(Retry::USUAL_DELAY, |most| most.min(Retry::USUAL_DELAY)));
    (delay, longest.unwrap_or_else(|| delay.max(Retry::USUAL_MAX_DELAY)))
}

fn takes_back(defaults: Option<&Given<Again>>) -> bool {
    defaults.is_some_and(Given::is_said)
}

/// All starts count, so one of them is no retry. A schedule may say it all the same, to take back the retry of
/// `defaults`.
fn attempts(field: &Field<'_>, defaults: Option<&Given<Again>>, findings: &mut Findings) -> Option<u16> {
    let none = matches!(&field.node.value, Value::Scalar(Scalar { kind: Kind::Number(_), text }) if text == "0");
    let number = if none { 0 } else { field.count(MOST_ATTEMPTS, findings)? };
    let takes_back = takes_back(defaults);
    match u16::try_from(number).ok()? {
        1 if takes_back => Some(1),
        few @ (0 | 1) => {
            let what = format!("{} counts all starts, and with {few} nothing is tried again", field.named());
            let hint = match takes_back {
                true => "write 2 or more, or 1 to take back the `retry` of `defaults`",
                false => "write 2 or more, or take `retry` out",
            };
            field.error(&what, findings).hint(hint);
            None
        }
        enough => Some(enough),
    }
}

/// After which ends, each with its place.
fn ends(field: &Field<'_>, findings: &mut Findings) -> Option<Vec<(RetryOn, At)>> {
    let mut ends: Vec<(RetryOn, At)> = Vec::new();
    let items = field.items(findings);
    let mut fine = !items.is_empty();
    for item in items {
        let Some((word, end)) = item.choice(&choices::RETRIED, findings) else {
            fine = false;
            continue;
        };
        match ends.iter().find(|(known, _)| *known == end) {
            Some((_, first)) => {
                let what = format!("{} names `{word}` twice", item.named());
                item.error(&what, findings).hint("take one of the two out").also(*first, "first here");
                fine = false;
            }
            None => ends.push((end, item.at())),
        }
    }
    fine.then_some(ends)
}
