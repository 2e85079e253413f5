//! What one schedule is read against: the files, their names, and what holds for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::habits::Habits;
use super::known::Known;
use super::moved::ClockChanges;
use crate::schedule::diagnostic::SourceFile;
use crate::schedule::excerpt::Lines;
use crate::schedule::folder::FolderChoice;
use crate::schedule::model::Connection;
use crate::schedule::name::ConnectionName;

/// What an entry is read against.
pub(super) struct Context<'c> {
    pub(super) sources: &'c [SourceFile],
    /// Of each source.
    pub(super) lines: &'c [Lines],
    pub(super) now: Timestamp,
    pub(super) known: Known<'c>,
    /// The connections that are rightly described.
    pub(super) connections: &'c BTreeMap<ConnectionName, Arc<Connection>>,
    pub(super) changes: &'c ClockChanges,
    pub(super) defaults: &'c Habits,
    pub(super) default_folder: Option<&'c FolderChoice>,
    /// The variables that templates may name.
    pub(super) env: &'c BTreeSet<String>,
}
