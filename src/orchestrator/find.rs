//! Folders and processes by the names that people use.
//!
//! A name is looked for, never guessed: the server's hits are compared again, and without one the nearest names are only a
//! hint.

use uuid::Uuid;

use super::client::{Client, SMALL};
use super::error::CallError;
use super::outcome::{self, Asked, Call};
use super::wire::{FolderDto, NameDto, Page, ReleaseDto};
use super::{nearest, odata};
use crate::run::FolderId;
use crate::schedule::FolderChoice;

/// How many names a hint is looked for in.
const HINT_NAMES: usize = 100;

/// Orchestrator's GUID of a process in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseKey(pub Uuid);

/// A folder that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFolder {
    /// Its number.
    pub id: FolderId,
    /// Its full name, as the server writes it; absent where the number was used as it was given.
    pub full_name: Option<String>,
    /// How.
    pub found_by: FoundBy,
}

/// How a folder was found. What was found by a last part may lead elsewhere when folders are added (semantics.md 22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// By its full name.
    FullName,
    /// By the last part of its full name, which no other folder has that the account sees.
    LastPart,
    /// By its number.
    Number,
    /// It is the only folder that the account sees.
    OnlyOne,
}

impl Client {
    /// The folder that a schedule means; without a choice the only folder there is.
    ///
    /// # Errors
    /// `Rejected` with 404 for none, with 409 for several, naming the choices; else see [`CallError`].
    pub async fn find_folder(&self, choice: Option<&FolderChoice>) -> Result<FoundFolder, CallError> {
        match choice {
            Some(FolderChoice::Named(name)) => self.find_folder_by_path(name).await,
            Some(FolderChoice::Number(number)) => {
                Ok(FoundFolder { id: FolderId(*number), full_name: None, found_by: FoundBy::Number })
            }
            None => self.find_only_folder().await,
        }
    }

    async fn find_folder_by_path(&self, path: &str) -> Result<FoundFolder, CallError> {
        let asked = self.asked(Call::FindFolder, format!("looking for folder `{path}`"));
        let filter = format!("FullyQualifiedName eq {}", odata::literal(path));
        let query = [("$filter", filter), ("$top", "2".to_owned()), ("$select", "Id,FullyQualifiedName".to_owned())];
        let page: Page<FolderDto> = self.read("odata/Folders", &query, None, SMALL, &asked).await?;
        let found: Vec<(FolderId, String)> =
            page.value.into_iter().map(|dto| (FolderId(dto.id), dto.full_name)).collect();
        match pick(found, path) {
            Picked::One(id) => Ok(FoundFolder { id, full_name: Some(path.to_owned()), found_by: FoundBy::FullName }),
            Picked::Several => Err(outcome::not_found(&asked, 409, "found several", None)),
            Picked::None => {
                let query = [("$top", HINT_NAMES.to_string()), ("$select", "FullyQualifiedName".to_owned())];
                let known = self.names("odata/Folders", &query, None, &asked).await;
                let cure = nearest::hint(path, &known, "folders")
                    .unwrap_or_else(|| "assign the account to the folder, by a role with `Folders.View`".to_owned());
                Err(outcome::not_found(&asked, 404, "found none", Some(cure)))
            }
        }
    }

    async fn find_only_folder(&self) -> Result<FoundFolder, CallError> {
        let asked = self.asked(Call::FindFolder, "looking for the only folder".to_owned());
        let query = [("$top", HINT_NAMES.to_string()), ("$select", "Id,FullyQualifiedName".to_owned())];
        let page: Page<FolderDto> = self.read("odata/Folders", &query, None, SMALL, &asked).await?;
        let names: Vec<String> = page.value.iter().map(|folder| folder.full_name.clone()).collect();
        match page.value.as_slice() {
            [folder] => Ok(FoundFolder {
                id: FolderId(folder.id),
                full_name: Some(folder.full_name.clone()),
                found_by: FoundBy::OnlyOne,
            }),
            [] => {
                let cure = "assign the account to a folder, by a role with `Folders.View`".to_owned();
                Err(outcome::not_found(&asked, 404, "found none", Some(cure)))
            }
            [_, ..] => {
                let cure = format!("name one as the schedule's `folder`: {}", nearest::listed(&names));
                Err(outcome::not_found(&asked, 409, &format!("found {}", names.len()), Some(cure)))
            }
        }
    }

    /// The process with this name in a folder.
    ///
    /// # Errors
    /// `Rejected` with 404 and the nearest names when there is none; else see [`CallError`].
    pub async fn find_release(&self, folder: FolderId, process: &str) -> Result<ReleaseKey, CallError> {
        let asked = self.asked(Call::FindRelease, format!("looking for process `{process}` in folder {folder}"));
        let filter = format!("Name eq {}", odata::literal(process));
        let query = [("$filter", filter), ("$top", "2".to_owned()), ("$select", "Key,Name".to_owned())];
        let page: Page<ReleaseDto> = self.read("odata/Releases", &query, Some(folder), SMALL, &asked).await?;
        let found: Vec<(ReleaseKey, String)> =
            page.value.into_iter().map(|dto| (ReleaseKey(dto.key), dto.name)).collect();
        match pick(found, process) {
            Picked::One(release) => Ok(release),
            Picked::Several => Err(outcome::not_found(&asked, 409, "found several", None)),
            Picked::None => {
                let query = [("$top", HINT_NAMES.to_string()), ("$select", "Name".to_owned())];
                let known = self.names("odata/Releases", &query, Some(folder), &asked).await;
                let cure = nearest::hint(process, &known, "processes").unwrap_or_else(|| {
                    "create the process in this folder, or give the account a role with `Processes.View`".to_owned()
                });
                Err(outcome::not_found(&asked, 404, "found none", Some(cure)))
            }
        }
    }

    async fn names(
        &self,
        path: &str,
        query: &[(&str, String)],
        folder: Option<FolderId>,
        asked: &Asked,
    ) -> Vec<String> {
        // Only a hint hangs on it: without an answer there is none.
        let page: Result<Page<NameDto>, CallError> = self.read(path, query, folder, SMALL, asked).await;
        page.map(|page| page.value.into_iter().map(|dto| dto.name).collect()).unwrap_or_default()
    }
}

enum Picked<T> {
    One(T),
    None,
    Several,
}

/// Compares the names again: exactly, else without regard to case, as Orchestrator does.
fn pick<T: Copy>(found: Vec<(T, String)>, wanted: &str) -> Picked<T> {
    if let Some((value, _)) = found.iter().find(|(_, name)| name == wanted) {
        return Picked::One(*value);
    }
    let wanted = wanted.to_lowercase();
    let alike: Vec<T> =
        found.iter().filter(|(_, name)| name.to_lowercase() == wanted).map(|(value, _)| *value).collect();
    match alike.as_slice() {
        [] => Picked::None,
        [value] => Picked::One(*value),
        [_, ..] => Picked::Several,
    }
}
