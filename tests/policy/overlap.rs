//! Whether a due time may start, by what is open and how much is known of it.

use punctual::policy::overlap::{ActiveRun, Admission, Knowledge, Stage, decide};
use punctual::run::RunId;
use punctual::schedule::OverlapPolicy;
use uuid::Uuid;

fn open(number: u128, knowledge: Knowledge) -> ActiveRun {
    ActiveRun { id: RunId(Uuid::from_u128(number)), knowledge, stage: Stage::Job }
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

/// All rows: how many are open, whether the front was read, and what each policy says.
#[test]
fn each_policy_has_its_answer_for_every_queue() {
    use Admission::{AfterStopping, AskAgain, Behind, InPlaceOf, Skip, Start, TooMany};
    let id = |number| RunId(Uuid::from_u128(number));
    let row = |count: u128, front: Knowledge| -> Vec<ActiveRun> {
        let one = |number| match number {
            0 => ActiveRun { id: id(0), knowledge: front, stage: Stage::Job },
            _ => ActiveRun { id: id(number), knowledge: Knowledge::Current, stage: Stage::Unsent },
        };
        (0..count).map(one).collect()
    };
    for policy in OverlapPolicy::ALL {
        assert_eq!(decide(policy, &[]), Start, "{policy:?}");
        for front in [Knowledge::Current, Knowledge::NotReadYet] {
            for count in [1, 2, 3, 1_000, 1_001, 1_002] {
                let open = row(count, front);
                let read = front == Knowledge::Current;
                let waiting = count - 1;
                let expected = match policy {
                    OverlapPolicy::Allow => Start,
                    OverlapPolicy::Skip if read => Skip(id(0)),
                    OverlapPolicy::Skip if waiting > 0 => Skip(id(1)),
                    OverlapPolicy::QueueOne if read && waiting > 0 || waiting > 1 => Skip(id(if read { 1 } else { 2 })),
                    OverlapPolicy::QueueOne if read => Behind(id(0)),
                    OverlapPolicy::QueueAll if waiting >= 1_000 => TooMany,
                    OverlapPolicy::QueueAll if read || waiting > 0 => Behind(id(0)),
                    OverlapPolicy::QueueLatest if read && waiting == 0 => Behind(id(0)),
                    OverlapPolicy::QueueLatest if read => InPlaceOf(id(0), (1..count).map(id).collect()),
                    OverlapPolicy::StopOther | OverlapPolicy::KillOther if read => AfterStopping(open.clone()),
                    OverlapPolicy::Skip
                    | OverlapPolicy::QueueOne
                    | OverlapPolicy::QueueAll
                    | OverlapPolicy::QueueLatest
                    | OverlapPolicy::StopOther
                    | OverlapPolicy::KillOther => AskAgain,
                };
                assert_eq!(decide(policy, &open), expected, "{policy:?}, {count} open, front {front:?}");
            }
        }
    }
}

#[test]
fn what_was_sent_is_never_replaced() {
    for stage in [Stage::Unclear, Stage::Job, Stage::Retrying, Stage::GivenUp] {
        let older = [Stage::Job, stage].into_iter().zip(0..);
        let open: Vec<ActiveRun> = older.map(|(stage, n)| ActiveRun { stage, ..open(n, Knowledge::Current) }).collect();
        assert_eq!(decide(OverlapPolicy::QueueLatest, &open), Admission::Behind(open[0].id), "{stage:?}");
    }
}

#[test]
fn one_that_runs_next_to_the_front_takes_nobodys_place_in_a_queue_of_one() {
    let stage = |number, stage| ActiveRun { stage, ..open(number, Knowledge::Current) };
    let (first, second) = (RunId(Uuid::from_u128(0)), RunId(Uuid::from_u128(1)));
    for (stages, expected) in [
        // A run by hand, or one of before an edit, was started next to it: what has waited goes on waiting.
        ([Stage::Job, Stage::Job], Admission::Behind(first)),
        ([Stage::Job, Stage::Unclear], Admission::Behind(first)),
        ([Stage::Job, Stage::Unsent], Admission::Skip(second)),
        ([Stage::Unsent, Stage::Job], Admission::Skip(first)),
    ] {
        let open = [stage(0, stages[0]), stage(1, stages[1])];
        assert_eq!(decide(OverlapPolicy::QueueOne, &open), expected, "{stages:?}");
    }
}
