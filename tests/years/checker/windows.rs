//! Rule 30: windows in which nothing is started.

use punctual::run::{RunState, WaitReason};

use super::pauses::is_left_out_first;
use super::{Findings, clock};
use crate::held::Windows;
use crate::law::Law;
use crate::story::{Row, Story};

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    for row in story.rows.iter().filter(|row| row.nominal_until.is_none()) {
        let Some(law) = story.law(row) else { continue };
        let Ok(windows) = story.windows_of(row, law) else { continue };
        let by_person = row.is("skipped", "paused") && !row.was_meant();
        match windows {
            _ if is_left_out_first(row) || by_person => {}
            None if row.is("skipped", "blackout") => {
                found.add("30", row.fire, &[row], "nothing held this time back");
            }
            None => {}
            Some(windows) if windows.waits => waits(story, row, law, windows, found),
            Some(_) if row.is("skipped", "blackout") && !row.was_meant() => {}
            Some(_) => found.add("30", row.fire, &[row], "lies in a window that takes it, and is not skipped for it"),
        }
    }
    for call in &story.starts {
        let row = story.by_reference.get(&call.reference).map(|(place, _)| &story.rows[*place]);
        let Some((row, law)) = row.and_then(|row| story.law(row).map(|law| (row, law))) else { continue };
        if let Some(windows) = story.files_at(call.at).windows_at(law, call.at) {
            let text = format!("sent inside a window from {} to {}", clock(windows.from), clock(windows.until));
            found.add("30", call.at, &[row], text);
        }
    }
}

/// Later times in the same windows that wait for their end too.
fn later<'s>(story: &'s Story, row: &'s Row, windows: Windows) -> impl Iterator<Item = &'s Row> {
    let later = story.near(row).filter(|other| other.nominal > row.nominal && other.nominal_until.is_none());
    later.filter(move |other| {
        let law = story.law(other);
        let same = law.and_then(|law| story.windows_of(other, law).ok().flatten());
        same.is_some_and(|same| same.waits && same.until == windows.until)
    })
}

fn waits(story: &Story, row: &Row, law: &Law, windows: Windows, found: &mut Findings<'_>) {
    if row.is("skipped", "blackout") {
        // An edit may have moved the end after the later one was claimed.
        let edited = story.files_at(row.claimed).windows_at(law, row.fire)
            != story.files_at(row.over().unwrap_or(story.end)).windows_at(law, row.fire);
        if !edited && later(story, row, windows).next().is_none() {
            found.add("30", row.fire, &[row], "it was the last time in these windows, and was left out");
        }
        return;
    }
    if row.claimed < windows.until {
        let waits = |state| matches!(state, RunState::Waiting(WaitReason::Blackout | WaitReason::Paused));
        if !row.lines.first().is_some_and(|(_, state)| waits(*state)) {
            return found.add("30", row.claimed, &[row], "it does not wait for the end of the window that it lies in");
        }
    }
    let stays = |other: &Row| {
        let last = row.over().unwrap_or(story.end).max(other.claimed);
        let loads = story.record.loads.iter().filter(|(at, _)| row.claimed <= *at && *at <= last);
        let unchanged = |files: usize| {
            story.files[files].windows_at(law, row.fire) == Some(windows)
                && story.files[files].windows_at(law, other.fire).is_some_and(|now| now.waits)
        };
        loads.into_iter().all(|(_, files)| unchanged(*files))
    };
    let goes = !row.was_meant() || row.over().is_none_or(|over| over >= windows.until);
    let by_itself = |other: &Row| is_left_out_first(other) || other.is("skipped", "paused");
    if let Some(other) = later(story, row, windows).find(|other| goes && !by_itself(other) && stays(other)) {
        found.add("30", row.fire, &[row, other], "it goes, and it is not the last of these windows");
    }
}
