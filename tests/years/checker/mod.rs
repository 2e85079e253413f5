//! The independent checker: it has learned the rules from docs/semantics.md and nothing else, and judges a story by its rows, its lines and
//! the truth of the server. It shares no code with the program but the names of states.

mod acts;
mod failing;
mod late;
mod overlap;
mod pauses;
mod pools;
mod retries;
mod stops;
mod times;
mod truth;
mod windows;

use std::fmt;

use jiff::Timestamp;

use super::job::Moment;
use super::story::{Row, Story};

/// Something that is not as the law says.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) seed: u64,
    /// Of docs/semantics.md.
    pub(crate) rule: &'static str,
    pub(crate) schedule: String,
    pub(crate) at: Moment,
    pub(crate) text: String,
    /// The rows that it is about, each with its lines.
    pub(crate) rows: Vec<String>,
}

/// What was found so far.
pub(crate) struct Findings<'s> {
    story: &'s Story,
    list: Vec<Difference>,
}

impl Findings<'_> {
    pub(crate) fn add(&mut self, rule: &'static str, at: Moment, rows: &[&Row], text: impl Into<String>) {
        let schedule = rows.first().map(|row| row.schedule.clone()).unwrap_or_default();
        self.about(rule, schedule, at, rows, text);
    }

    pub(crate) fn about(
        &mut self,
        rule: &'static str,
        schedule: String,
        at: Moment,
        rows: &[&Row],
        text: impl Into<String>,
    ) {
        let rows = rows.iter().map(|row| shown(self.story, row)).collect();
        self.list.push(Difference { seed: self.story.seed, rule, schedule, at, text: text.into(), rows });
    }
}

/// All differences.
pub(crate) fn check(story: &Story) -> Vec<Difference> {
    let mut found = Findings { story, list: Vec::new() };
    times::check(story, &mut found);
    late::check(story, &mut found);
    overlap::check(story, &mut found);
    pools::check(story, &mut found);
    retries::check(story, &mut found);
    stops::check(story, &mut found);
    truth::check(story, &mut found);
    pauses::check(story, &mut found);
    windows::check(story, &mut found);
    failing::check(story, &mut found);
    acts::check(story, &mut found);
    found.list
}

/// Prints all there is of one schedule.
#[expect(clippy::print_stdout, reason = "a person asked for it")]
pub(crate) fn tell(story: &Story, schedule: &str) {
    println!("{:#?}", story.record.lives.iter().map(|(a, b)| (clock(*a), clock(*b))).collect::<Vec<_>>());
    println!("{:#?}", story.record.troubles.iter().map(|(c, a, b)| (c, clock(*a), clock(*b))).collect::<Vec<_>>());
    for (at, files) in &story.record.loads {
        let files = &story.files[*files];
        let Some(law) = files.laws.get(schedule) else { continue };
        println!("{} {law:?}", clock(*at));
        let about = files.blackouts.values().filter(|blackout| blackout.is_about(schedule, law.connection));
        about.for_each(|blackout| print!("{}", blackout.yaml()));
    }
    for pause in story.pauses_by_schedule.get(schedule).into_iter().flatten().map(|place| &story.pauses[*place]) {
        println!("{} to {}: {pause:?}", clock(pause.since), clock(pause.end()));
    }
    for asked in &story.record.asked {
        println!("{} {:?} {:?}", clock(asked.at), asked.ask, asked.answer);
    }
    story.of(schedule).for_each(|row| println!("{}", shown(story, row)));
}

pub(crate) fn clock(at: Moment) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}

fn shown(story: &Story, row: &Row) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "{} {} {} {} fire {} claimed {} -> {} ended {} note {:?}",
        row.id,
        row.schedule,
        row.trigger,
        clock(row.nominal),
        clock(row.fire),
        clock(row.claimed),
        row.state,
        row.ended.map(clock).unwrap_or_default(),
        row.note
    );
    for (at, state) in &row.lines {
        let _ = write!(text, "\n        {} {state}", clock(*at));
    }
    for attempt in &row.tries {
        let _ = write!(text, "\n        {attempt:?}");
        if let Some(job) = story.job_of(attempt) {
            let (at, state) = job.end();
            let end = format!("{} {state:?}", clock(at));
            let begins = clock(job.begins);
            let fault = job.fault.map(|(class, _)| class);
            let _ = write!(text, "\n          job made {} begins {begins} ends {end} {fault:?}", clock(job.made));
            let _ = write!(text, " parked {:?} read {}", job.parked, job.reads.len());
        }
    }
    text
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { seed, rule, schedule, at, text, rows } = self;
        write!(f, "seed {seed}, rule {rule}, {schedule} at {}: {text}", clock(*at))?;
        rows.iter().try_for_each(|row| write!(f, "\n      {row}"))
    }
}
