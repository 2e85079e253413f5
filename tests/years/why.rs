//! Why a time ran or did not: what the program answers, against what the story of a day says by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use punctual::history::History;
use punctual::policy::holds::Holds;
use punctual::run::{JobPhase, RunState};
use punctual::schedule::{ScheduleSet, SourceFile, parse};
use punctual::web::HeldNow;
use punctual::why::{Answer, Why};

use super::DAY;
use super::job::Moment;
use super::law::Law;
use super::plan::Plan;
use super::story::{Row, Story};
use super::world::World;

fn instant(at: Moment) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap()
}

/// A day that has every kind of answer that is asserted below, and its database afterwards.
fn lived() -> (Plan, Story, tempfile::TempDir) {
    let plan = Plan::of(1, DAY);
    let mut world = World::new(&plan);
    world.run();
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(world.place.path()).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    let story = Story::told(&plan, world);
    (plan, story, copy)
}

/// What is asked, and by what.
struct Asker {
    runtime: tokio::runtime::Runtime,
    history: History,
    set: std::sync::Arc<ScheduleSet>,
    holds: Holds,
    now: Timestamp,
}

impl Asker {
    fn new(plan: &Plan, story: &Story, place: &Path) -> Asker {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let now = instant(story.end);
        let set = plan.files[story.record.loads.last().unwrap().1].read(story.end);
        let history = runtime.block_on(History::open(place)).unwrap();
        let held = runtime.block_on(history.held_back(now)).unwrap();
        Asker { holds: HeldNow::of(&held).under(&set), runtime, history, set, now }
    }

    fn ask(&mut self, key: &str, at: Moment) -> Why {
        let schedule = self.set.schedules.get(key).map(|schedule| &**schedule);
        let text = instant(at).to_string();
        let asked = Why::ask(Some(&self.history), key, schedule, &mut self.holds, Some(&text), self.now);
        self.runtime.block_on(asked).unwrap()
    }
}

/// The answer that a state of a row means, and its reason.
fn meant(row: &Row) -> (String, Option<String>) {
    let name = match row.state.name() {
        "succeeded" | "faulted" | "stopped" | "timed_out" | "lost" => "ran",
        "pending" | "running" | "suspended" | "stopping" => "runs",
        "starting" | "unknown" => "unclear",
        other => other,
    };
    (name.to_owned(), row.state.reason().map(str::to_owned))
}

/// From its time to the beginning of its first job, or to its end without one.
fn took(row: &Row, end: Moment) -> i64 {
    let over = |state: RunState| {
        state.is_final() || matches!(state, RunState::Job(JobPhase::Running | JobPhase::Suspended | JobPhase::Stopping))
    };
    row.lines.iter().find(|(_, state)| over(*state)).map_or(end, |(at, _)| *at) - row.fire
}

/// What a cure would have somebody write into a schedule is taken there, and without a doubt.
fn assert_can_be_written(cure: &str) {
    for key in cure.split('`').skip(1).step_by(2).filter(|words| words.contains(": ")) {
        let text = format!(
            "version: 1\nconnections: {{ c: {{ url: https://cloud.uipath.com/a/b/orchestrator_, auth: {{ grant: client_credentials, \
             client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }} }} }}\nschedules:\n  x:\n    cron: \"0 6 * * *\"\n    \
             timezone: UTC\n    start: {{ process: P, folder: F }}\n    {key}\n"
        );
        let file = SourceFile { path: PathBuf::from("s.yaml"), text, folder: PathBuf::from("/etc") };
        let read = parse(&[file], instant(1_800_000_000_000)).unwrap_or_else(|wrong| panic!("`{key}`: {wrong:?}"));
        assert!(read.warnings.is_empty(), "`{key}`: {:?}", read.warnings);
    }
}

#[test]
fn why_agrees_with_each_row_of_a_day() {
    let (plan, story, place) = lived();
    let mut asker = Asker::new(&plan, &story, place.path());
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    let mut cures: BTreeSet<String> = BTreeSet::new();
    for row in &story.rows {
        // Any time of a range is told by its row.
        for at in [Some(row.nominal), row.nominal_until].into_iter().flatten() {
            let why = asker.ask(&row.schedule, at);
            assert_eq!(why.answer.run(), Some(row.id.as_str()), "{row:?}");
            let said = (why.answer.name().to_owned(), why.answer.reason().map(str::to_owned));
            assert_eq!(said, meant(row), "{row:?}");
            let Answer::Row(told) = &why.answer else { panic!("{why:?}") };
            let total: i64 = told.delay.iter().map(|span| i64::try_from(span.length.as_millis()).unwrap()).sum();
            // Of a clock that was set back there is none here, and no row was written before its time.
            assert_eq!(total, took(row, story.end), "{:?}: {row:?}", told.delay);
            assert!(!why.sentence().is_empty() && !why.evidence().is_empty());
            cures.extend(why.cure());
            *answers.entry(format!("{} {}", said.0, said.1.unwrap_or_default())).or_default() += 1;
        }
    }
    cures.iter().for_each(|cure| assert_can_be_written(cure));
    // All that a day has, so that none of it is judged by nothing.
    let kinds = [
        "ran ",
        "waiting blackout",
        "skipped overlap",
        "skipped paused",
        "skipped blackout",
        "missed deadline",
        "missed down",
    ];
    for kind in kinds {
        assert!(answers.contains_key(kind), "the day has none: {kind}; it has {answers:?}");
    }
}

/// What will become of a time, by what the files and the database say of it.
fn outlook(story: &Story, law: &Law, skipped: bool, fire: Moment) -> Option<&'static str> {
    let pauses = story.pauses.iter().filter(|pause| pause.scope.holds(&law.key, law.connection));
    let paused = pauses.into_iter().any(|pause| pause.since <= fire && fire < pause.end());
    let windows = story.files_at(story.end).windows_at(law, fire);
    match () {
        () if !law.enabled => Some("disabled"),
        () if skipped || paused => Some("paused"),
        () if windows.is_some() => Some("blackout"),
        () => None,
    }
}

#[test]
fn why_tells_what_comes_and_what_was_never_planned() {
    let (plan, story, place) = lived();
    let mut asker = Asker::new(&plan, &story, place.path());
    let skips = asker.runtime.block_on(asker.history.held_back(asker.now)).unwrap().skips;
    let laws: Vec<Law> = story.files_at(story.end).laws.values().cloned().collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for law in &laws {
        let from = story.end / 1_000 + 1;
        let coming = law.nominal_times(from, from + 3 * 86_400);
        for pair in coming.windows(2).take(4) {
            let (first, second) = (pair[0] * 1_000, pair[1] * 1_000);
            let why = asker.ask(&law.key, first);
            let Answer::Coming(time) = &why.answer else { panic!("{}: {why:?}", law.key) };
            assert_eq!(time.time.at.as_millisecond(), first);
            let skipped =
                skips.iter().any(|mark| mark.schedule.as_str() == law.key && mark.nominal_at.as_millisecond() == first);
            let expected = outlook(&story, law, skipped, time.time.fire_at.as_millisecond());
            assert_eq!(why.answer.reason(), expected, "{}: {}", law.key, why.sentence());
            *seen.entry(format!("coming {}", expected.unwrap_or_default())).or_default() += 1;

            // Between two times lies none.
            let why = asker.ask(&law.key, first + (second - first) / 2_000 * 1_000);
            if second - first > 2_000 {
                let Answer::NotPlanned { before, after, loaded_at: None } = &why.answer else { panic!("{why:?}") };
                let at = |time: &Option<Box<punctual::recurrence::Nominal>>| time.as_ref().unwrap().at.as_millisecond();
                assert_eq!((at(before), at(after)), (first, second), "{}", law.key);
                *seen.entry("not_planned".to_owned()).or_default() += 1;
            }
        }
    }
    for key in plan.files[0].laws.keys() {
        let why = asker.ask(key, plan.begin - 86_400_000);
        assert_eq!(why.answer.name(), "before_it_existed", "{key}: {why:?}");
        *seen.entry("before_it_existed".to_owned()).or_default() += 1;
    }
    for kind in ["coming ", "coming paused", "coming blackout", "not_planned", "before_it_existed"] {
        assert!(seen.contains_key(kind), "nothing was judged as {kind}: {seen:?}");
    }
}
