//! Rows about connections and their folders.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rows::{broken, ms};
use super::trouble::StoreError;
use crate::run::{Evidence, FolderId, ListCalls, Reference, ShortFolder};
use crate::schedule::ConnectionName;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EvidenceRow {
    connection: ConnectionName,
    folder_id: i64,
    reference: String,
    proven_at: i64,
}

impl EvidenceRow {
    pub(super) fn from_evidence(evidence: &Evidence) -> EvidenceRow {
        EvidenceRow {
            connection: evidence.connection.clone(),
            folder_id: evidence.folder_id.0,
            reference: evidence.reference.as_str().to_owned(),
            proven_at: ms(evidence.proven_at),
        }
    }

    pub(super) fn into_evidence(self) -> Result<Evidence, StoreError> {
        Ok(Evidence {
            proven_at: Timestamp::from_millisecond(self.proven_at)
                .map_err(|_| broken("evidence", &self.connection, "proven_at"))?,
            connection: self.connection,
            folder_id: FolderId(self.folder_id),
            reference: Reference::from_text(self.reference),
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ShortFolderRow {
    connection: ConnectionName,
    name: String,
    folder_id: i64,
    full_name: String,
    found_at: i64,
}

impl ShortFolderRow {
    pub(super) fn from_short_folder(short: &ShortFolder) -> ShortFolderRow {
        let ShortFolder { connection, name, folder_id, full_name, found_at } = short.clone();
        ShortFolderRow { connection, name, folder_id: folder_id.0, full_name, found_at: ms(found_at) }
    }

    pub(super) fn into_short_folder(self) -> Result<ShortFolder, StoreError> {
        let ShortFolderRow { connection, name, folder_id, full_name, found_at } = self;
        let found_at = Timestamp::from_millisecond(found_at).map_err(|_| broken("short_folder", &name, "found_at"))?;
        Ok(ShortFolder { connection, name, folder_id: FolderId(folder_id), full_name, found_at })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ListCallsRow {
    connection: ConnectionName,
    pub(super) at: i64,
    calls: u32,
}

impl ListCallsRow {
    pub(super) fn from_list_calls(made: &ListCalls) -> ListCallsRow {
        let ListCalls { connection, at, calls } = made.clone();
        ListCallsRow { connection, at: ms(at), calls }
    }

    pub(super) fn into_list_calls(self) -> Result<ListCalls, StoreError> {
        let ListCallsRow { connection, at, calls } = self;
        let at = Timestamp::from_millisecond(at).map_err(|_| broken("list_call", connection.to_string(), "at"))?;
        Ok(ListCalls { connection, at, calls })
    }
}
