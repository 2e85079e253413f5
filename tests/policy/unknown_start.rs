//! What becomes of an unclear start that certainly made no job.

use punctual::policy::unknown_start::{NoJob, decide};
use punctual::schedule::OnUnknownStart;

use super::at;

#[test]
fn only_retry_asks_for_the_deadline_and_at_the_deadline_it_is_too_late() {
    let deadline = at("2026-11-23T08:00:00Z");
    let (before, after) = (at("2026-11-23T07:59:59.999Z"), at("2026-11-23T08:00:01Z"));
    for (policy, early, late) in [
        (OnUnknownStart::Retry, NoJob::SendAgain, NoJob::TooLate),
        (OnUnknownStart::Skip, NoJob::Skip, NoJob::Skip),
        (OnUnknownStart::Hold, NoJob::Hold, NoJob::Hold),
    ] {
        assert_eq!(decide(policy, before, deadline), early, "{policy:?}, before");
        assert_eq!(decide(policy, deadline, deadline), late, "{policy:?}, at the deadline");
        assert_eq!(decide(policy, after, deadline), late, "{policy:?}, after");
    }
}
