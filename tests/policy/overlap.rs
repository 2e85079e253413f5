//! Whether a due time may start, by what is open and how much is known of it.

use punctual::policy::overlap::{ActiveRun, Admission, Knowledge, decide};
use punctual::run::RunId;
use punctual::schedule::OverlapPolicy;
use uuid::Uuid;

fn open(number: u128, knowledge: Knowledge) -> ActiveRun {
    ActiveRun { id: RunId(Uuid::from_u128(number)), knowledge }
}

#[test]
fn a_time_is_skipped_only_for_a_run_that_is_known_to_be_open() {
    use Admission::{AskAgain, Skip, Start};
    use Knowledge::{Current, NotReadYet};
    let first = RunId(Uuid::from_u128(0));
    let second = RunId(Uuid::from_u128(1));
    let table: [(&[Knowledge], Admission, Admission); 7] = [
        // What is open, oldest first; then what `skip` and `allow` say.
        (&[], Start, Start),
        (&[Current], Skip(first), Start),
        (&[NotReadYet], AskAgain, Start),
        (&[Current, Current], Skip(first), Start),
        (&[NotReadYet, NotReadYet], AskAgain, Start),
        // Whatever becomes of the one that was not read, the other is open.
        (&[NotReadYet, Current], Skip(second), Start),
        (&[Current, NotReadYet], Skip(first), Start),
    ];
    for (runs, skip, allow) in table {
        let runs: Vec<_> = (0..).zip(runs).map(|(number, knowledge)| open(number, *knowledge)).collect();
        assert_eq!(decide(OverlapPolicy::Skip, &runs), skip, "skip, {runs:?}");
        assert_eq!(decide(OverlapPolicy::Allow, &runs), allow, "allow, {runs:?}");
    }
}
