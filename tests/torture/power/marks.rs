//! What the log tells about the network: when a start left, which login was given, and when it was used.
//!
//! A request leaves in one call here (head and body together), and a token's answer comes in one; the harness compares with
//! what the stand-in knows, so that a start or an answer that was not recognised fails the test.

use super::log::Entry;

/// A start that left, or was about to.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The place of its record.
    pub(crate) place: usize,
    pub(crate) reference: String,
}

/// An answer with a one-use refresh token.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) refresh_token: String,
    access_token: String,
    /// Where the access token of this answer was used first.
    pub(crate) used: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) starts: Vec<Start>,
    pub(crate) grants: Vec<Grant>,
}

impl Marks {
    pub(crate) fn of(entries: &[Entry]) -> Marks {
        let mut marks = Marks::default();
        for (place, entry) in entries.iter().enumerate() {
            match entry {
                Entry::Sent(data) => marks.sent(place, &String::from_utf8_lossy(data)),
                Entry::Received(data) => marks.received(&String::from_utf8_lossy(data)),
                Entry::Opened { .. }
                | Entry::Written { .. }
                | Entry::Cut { .. }
                | Entry::FlushBegun { .. }
                | Entry::Flushed { .. }
                | Entry::Renamed { .. }
                | Entry::Unlinked { .. }
                | Entry::FolderMade { .. }
                | Entry::Failed { .. }
                | Entry::Unknown { .. } => {}
            }
        }
        marks
    }

    fn sent(&mut self, place: usize, text: &str) {
        if text.contains(".StartJobs") {
            let reference =
                after(text, "\"Reference\":\"").expect("a start has a Reference, in one piece with its head");
            self.starts.push(Start { place, reference: reference.to_owned() });
        }
        for grant in &mut self.grants {
            if grant.used.is_none() && text.contains(&format!("Bearer {}\r\n", grant.access_token)) {
                grant.used = Some(place);
            }
        }
    }

    fn received(&mut self, text: &str) {
        if let (Some(access), Some(refresh)) = (after(text, "\"access_token\":\""), after(text, "\"refresh_token\":\""))
        {
            self.grants.push(Grant { refresh_token: refresh.to_owned(), access_token: access.to_owned(), used: None });
        }
    }

    /// The starts that had left after so many records.
    pub(crate) fn left_by(&self, place: usize) -> Vec<String> {
        self.starts.iter().filter(|start| start.place < place).map(|start| start.reference.clone()).collect()
    }

    /// The refresh tokens one of which must be on the disk then: that of the newest grant in use, or a later one. None are
    /// needed before the first use.
    pub(crate) fn logins_by(&self, place: usize) -> Vec<String> {
        let newest = self.grants.iter().rposition(|grant| grant.used.is_some_and(|used| used < place));
        newest
            .map_or_else(Vec::new, |from| self.grants[from..].iter().map(|grant| grant.refresh_token.clone()).collect())
    }
}

/// What stands between these words and the next quote.
fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.split_once(words)?.1.split('"').next()
}
