//! What was attacked and held: a robot and a stop that meet while the daemon dies, and thousands of times that are missed at once.

use std::collections::BTreeMap;

use punctual::clock::later;
use punctual::orchestrator::JobState;
use punctual::schedule::{CatchUpPolicy, CountedBy, OnPending, OverlapPolicy, Timeouts};

use super::holding::{only, pause};
use super::queue::set;
use super::server::Life;
use super::world::{World, at, changed, seconds, set_of};

const BEFORE: &str = "2026-11-23T11:59:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

#[test]
fn a_robot_takes_a_job_around_its_stop_while_the_daemon_dies_and_no_other_is_started() {
    for waits in [1_198, 1_200, 1_201, 1_203] {
        for (dies_at, takes) in [(1_196, 0), (1_199, 2), (1_200, 0), (1_200, 2), (1_202, 2), (1_205, 2), (1_208, 0)] {
            let timeouts = Timeouts {
                pending: Some(seconds(1_200)),
                soft: None,
                at: None,
                kill_after: seconds(300),
                on_pending: OnPending::Restart,
                counted_by: CountedBy::Us,
            };
            let mut world = World::proven_with(set(|schedule| schedule.timeout = Some(timeouts)), BEFORE);
            let obeys = Some((seconds(4), JobState::Stopped));
            let life = Life { waits: Some(seconds(waits)), lasts: seconds(300), obeys, ..Life::usual() };
            world.server.lives.push_back(life);
            world.pass_to("2026-11-23T12:19:30Z");
            world.server.read_takes.push_back(seconds(takes));
            world.pass(seconds(dies_at - 1_170));
            world.crash();
            world.sleep(seconds(1));
            world.recover();
            world.pass(seconds(900));
            let run = world.run("x", NOON);
            let jobs = run
                .attempts
                .iter()
                .filter_map(|attempt| world.server.jobs.iter().find(|job| job.reference == attempt.reference));
            let taken = jobs.filter(|job| job.obeyed.is_none_or(|at| at >= job.begins)).count();
            let what = format!("taken after {waits} s, dies after {dies_at} s: {:?}", world.lines(run));
            assert!(taken == 1 && run.state.is_final(), "{what}");
        }
    }
}

#[test]
fn of_thousands_of_times_that_are_missed_around_a_pause_each_has_one_row_or_lies_in_one() {
    for policy in [CatchUpPolicy::Last, CatchUpPolicy::Skip, CatchUpPolicy::All] {
        for overlap in [OverlapPolicy::Skip, OverlapPolicy::QueueAll, OverlapPolicy::StopOther] {
            let lines = "  x: { every: 5s, start: { process: P } }\n";
            let set = changed(&set_of(lines, at(BEFORE)), "x", |schedule| {
                schedule.catch_up.policy = policy;
                schedule.catch_up.window = seconds(3 * 3_600);
                schedule.overlap = overlap;
            });
            let mut world = World::proven_with(set, BEFORE);
            world.server.lasts = seconds(2);
            world.pass(seconds(30));
            pause(&mut world, only("x"), Some("2026-11-23T13:30:00Z"));
            for hours in [5, 2] {
                world.crash();
                world.sleep(seconds(hours * 3_600));
                world.recover();
                world.pass(seconds(60));
            }
            let mut rows = BTreeMap::new();
            for run in world.all("x") {
                let until = run.nominal_until.unwrap_or(run.nominal_at);
                let times = std::iter::successors(Some(run.nominal_at), |time| Some(later(*time, seconds(5))));
                let times: Vec<_> = times.take_while(|time| *time <= until).collect();
                let count = run.nominal_until.map(|_| times.len() as u64);
                assert_eq!(run.count, count, "{policy:?} {overlap:?}");
                times.into_iter().for_each(|time| *rows.entry(time).or_insert(0) += 1);
            }
            let times: Vec<_> = rows.keys().collect();
            assert!(times.len() > 5_000 && rows.values().all(|rows| *rows == 1), "{policy:?} {overlap:?}");
            assert!(times.windows(2).all(|pair| pair[1].duration_since(*pair[0]).as_secs() == 5), "{policy:?}");
        }
    }
}
