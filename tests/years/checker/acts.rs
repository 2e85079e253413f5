//! Rules 29 and 35: what was confirmed is stored, and nothing is stored that nobody asked for.

use super::{Findings, clock};
use crate::job::Moment;
use crate::people::{Answer, Ask, Asked, PERSON, Scope, US};
use crate::story::Story;

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    for asked in &story.record.asked {
        match (&asked.ask, &asked.answer) {
            (_, None) => {}
            (Ask::Pause { scope, lasts }, Some(answer)) => paused(story, asked, scope, *lasts, answer, found),
            (Ask::Resume { scope }, Some(_)) => resumed(story, asked, scope, found),
            (Ask::Skip { schedule, at }, Some(answer)) => skip(story, asked, schedule, *at, answer, found),
            (Ask::Undo { schedule, at }, Some(answer)) => undone(story, asked, schedule, *at, answer, found),
        }
    }
    for pause in &story.pauses {
        let (scope, since) = (&pause.scope, pause.since);
        let mut asked = story.record.asked.iter();
        let by_person = asked.clone().any(|one| {
            one.at == since
                && matches!(&one.ask, Ask::Pause { scope, lasts }
                if *scope == pause.scope && lasts.map(|lasts| since + lasts) == pause.until)
        });
        if pause.actor != US && (pause.actor != PERSON || !by_person) {
            about(found, since, scope, "a pause that nobody asked for");
        }
        let by_itself = pause.until.is_some_and(|until| pause.ended.is_some_and(|ended| until <= ended));
        let Some(ended) = pause.ended.filter(|_| !by_itself) else { continue };
        let resumed =
            |one: &Asked| one.at == ended && matches!(&one.ask, Ask::Resume { scope } if *scope == pause.scope);
        if !asked.any(resumed) {
            about(found, ended, scope, "a pause ended that nobody has resumed");
        }
    }
}

fn about(found: &mut Findings<'_>, at: Moment, scope: &Scope, text: impl Into<String>) {
    found.about("29", format!("{scope:?}"), at, &[], text);
}

fn paused(story: &Story, asked: &Asked, scope: &Scope, lasts: Option<i64>, answer: &Answer, found: &mut Findings<'_>) {
    let stored = story.pauses.iter().any(|pause| {
        pause.scope == *scope && pause.since == asked.at && pause.until == lasts.map(|lasts| asked.at + lasts)
    });
    if stored != (*answer == Answer::Done) {
        about(found, asked.at, scope, format!("a pause was answered with {answer:?}, and stored is: {stored}"));
    }
    let unknown = match scope {
        Scope::Schedules(name) => !name.contains(['*', '?']) && !story.files_at(asked.at).laws.contains_key(name),
        Scope::Connections(_) | Scope::All => false,
    };
    if unknown == stored {
        about(
            found,
            asked.at,
            scope,
            format!("no schedule has this plain name: {unknown}, and it is paused: {stored}"),
        );
    }
}

fn resumed(story: &Story, asked: &Asked, scope: &Scope, found: &mut Findings<'_>) {
    let still =
        story.pauses.iter().any(|pause| pause.scope == *scope && pause.since < asked.at && asked.at < pause.end());
    let known = asked.answer == Some(Answer::Done);
    if still && known {
        about(found, asked.at, scope, "resumed, and a pause of just this goes on");
    }
}

/// The next time that is not past; one of those that its jitter may still keep back.
fn coming(story: &Story, schedule: &str, asked: &Asked) -> Vec<Moment> {
    let Some(law) = story.files_at(asked.at).laws.get(schedule) else { return Vec::new() };
    let now = asked.at.div_euclid(1_000);
    let times = law.nominal_times(now - law.jitter - 1, now + 3 * 86_400);
    let past = times.partition_point(|time| time * 1_000 <= asked.at);
    times[..=past.min(times.len() - 1)].iter().map(|time| time * 1_000).collect()
}

fn skip(story: &Story, asked: &Asked, key: &str, at: Option<Moment>, answer: &Answer, found: &mut Findings<'_>) {
    let scope = Scope::Schedules(key.to_owned());
    let law = story.files_at(asked.at).laws.get(key);
    let is_time = |law: &crate::law::Law, at: Moment| {
        law.nominal_times(at.div_euclid(1_000) - 1, at.div_euclid(1_000)) == [at.div_euclid(1_000)]
    };
    let right = match (law, at, answer) {
        (None, _, answer) => matches!(answer, Answer::Refused(_)),
        (Some(law), Some(at), Answer::Time(time)) => {
            at == *time && is_time(law, at) && at + law.jitter * 1_000 >= asked.at
        }
        (Some(law), Some(at), Answer::Refused(_)) => !is_time(law, at) || at <= asked.at,
        (Some(_), None, Answer::Time(time)) => coming(story, key, asked).contains(time),
        (Some(law), None, Answer::Refused(_)) => !law.enabled,
        (Some(_), _, Answer::Done) => false,
    };
    if !right {
        let at = at.map(clock);
        about(found, asked.at, &scope, format!("a skip of {at:?} was answered with {answer:?}"));
    }
}

fn undone(story: &Story, asked: &Asked, key: &str, at: Option<Moment>, answer: &Answer, found: &mut Findings<'_>) {
    let scope = Scope::Schedules(key.to_owned());
    let (marks, certain) = story.marks(key);
    let jitter = story.files_at(asked.at).laws.get(key).map_or(0, |law| law.jitter * 1_000);
    let known = story.files_at(asked.at).laws.contains_key(key);
    let open = || marks.iter().filter(|mark| mark.from <= asked.at && mark.until >= asked.at);
    let right = match (answer, at) {
        (Answer::Time(time), at) => {
            at.is_none_or(|at| at == *time) && open().any(|mark| mark.nominal == *time && *time + jitter >= asked.at)
        }
        (Answer::Refused(_), Some(at)) => !known || !open().any(|mark| mark.nominal == at && at > asked.at),
        (Answer::Refused(_), None) => !known || !open().any(|mark| mark.nominal > asked.at),
        (Answer::Done, _) => false,
    };
    if !right && certain {
        about(found, asked.at, &scope, format!("an undo of {:?} was answered with {answer:?}", at.map(clock)));
    }
}
