//! Lists of names, read to their end or to a bound.

use std::collections::HashSet;
use std::hash::Hash;

use serde::de::DeserializeOwned;

use super::client::{Client, LIST};
use super::error::CallError;
use super::outcome::Asked;
use super::wire::Page;
use crate::run::FolderId;

/// How many rows one page of a list is asked for: Orchestrator's own bound.
const PAGE_ROWS: usize = 1_000;

/// How many folders, or processes of a folder, are looked through for one name: ten pages. Beyond it a name must be written
/// as the server has it.
pub(super) const MOST_LISTED: usize = 10_000;

/// Whether a list was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    All,
    /// There is more than is looked through.
    Bounded,
}

impl Client {
    /// All rows of a list, page after page. `id` tells rows apart: a server that ignores `$skip` shows the same page again.
    pub(super) async fn every_row<T: DeserializeOwned, I: Eq + Hash>(
        &self,
        path: &str,
        fields: &str,
        folder: Option<FolderId>,
        asked: &Asked,
        id: impl Fn(&T) -> I,
    ) -> Result<(Vec<T>, Reach), CallError> {
        let mut rows: Vec<T> = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let query = [
                ("$orderby", "Id".to_owned()),
                ("$top", PAGE_ROWS.to_string()),
                ("$skip", rows.len().to_string()),
                ("$count", "true".to_owned()),
                ("$select", fields.to_owned()),
            ];
            let page: Page<T> = self.read(path, &query, folder, LIST, asked).await?;
            let (count, next, came, before) = (page.count, page.next_link.is_some(), page.value.len(), rows.len());
            rows.extend(page.value.into_iter().filter(|row| seen.insert(id(row))));
            // Without a count a page that is full may be followed by another.
            let more = next || count.map_or(came >= PAGE_ROWS, |count| count > rows.len() as u64);
            if !more {
                return Ok((rows, Reach::All));
            }
            // A page with nothing new ends it: what is counted and not shown cannot be read.
            if rows.len() >= MOST_LISTED || rows.len() == before {
                return Ok((rows, Reach::Bounded));
            }
        }
    }
}
