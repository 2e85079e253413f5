//! Folders and processes by the names that people use.
//!
//! A name is looked for, never guessed: the server is asked for the name as it is written; when it knows none, what it lists
//! is compared as people read (`alike`). Without a hit the nearest names are only a hint.

use super::alike::{folded, folded_path, last_part, usual, usual_path};
use super::call::Call;
use super::client::{Client, ReleaseKey, SMALL};
use super::error::CallError;
use super::nearest::{self, Known};
use super::odata;
use super::outcome::{self, Asked};
use super::pages::{MOST_LISTED, Reach};
use super::wire::{FolderDto, Page, ReleaseDto};
use crate::run::FolderId;
use crate::schedule::FolderChoice;

/// How many folders are named where one must be chosen.
const CHOICES: usize = 100;

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

impl FoundFolder {
    fn by_number(number: i64) -> FoundFolder {
        FoundFolder { id: FolderId(number), full_name: None, found_by: FoundBy::Number }
    }

    /// A refusal of a call into this folder. That a number is unknown is learnt only from such a call, and a number is not
    /// looked for under a name: the cure says where numbers are shown.
    pub fn explain(&self, error: CallError) -> CallError {
        match (self.found_by, error) {
            (FoundBy::Number, CallError::Rejected { status, code: Some(code), text, trace_id, .. })
                if code == super::code::FOLDER_UNKNOWN =>
            {
                let cure = format!(
                    "open the folder in Orchestrator: the address shows its number after `fid=`; write that as `folder_id` \
                     in the place of {}, or write the folder's full name as `folder`. A number changes with the plan, or \
                     when the folder is made again",
                    self.id
                );
                CallError::Rejected { status, code: Some(code), text, cure: Some(cure), trace_id }
            }
            (FoundBy::Number | FoundBy::FullName | FoundBy::LastPart | FoundBy::OnlyOne, error) => error,
        }
    }
}

/// A folder as a list shows it.
#[derive(Clone, Debug)]
struct Listed {
    id: FolderId,
    full_name: String,
    /// Compared as people read.
    path: String,
    /// The last part, compared as people read.
    last: String,
}

impl From<FolderDto> for Listed {
    fn from(dto: FolderDto) -> Listed {
        let path = folded_path(&dto.full_name);
        let last = match &dto.display_name {
            Some(name) => folded_path(name),
            None => last_part(&path).to_owned(),
        };
        Listed { id: FolderId(dto.id), full_name: dto.full_name, path, last }
    }
}

impl Listed {
    fn found_by(&self, found_by: FoundBy) -> FoundFolder {
        FoundFolder { id: self.id, full_name: Some(self.full_name.clone()), found_by }
    }
}

impl Client {
    /// The folder that a schedule means; without a choice the only folder there is. A number is used as it is, without a
    /// call: that it is not known is learnt from the first call into it ([`FoundFolder::explain`]).
    ///
    /// # Errors
    /// `Rejected` with 404 for none, with 409 for several, naming the choices; else see [`CallError`].
    pub async fn find_folder(&self, choice: Option<&FolderChoice>) -> Result<FoundFolder, CallError> {
        match choice {
            Some(FolderChoice::Named(name)) => self.find_folder_by_name(name).await,
            Some(FolderChoice::Number(number)) => Ok(FoundFolder::by_number(*number)),
            None => self.find_only_folder().await,
        }
    }

    /// The folder that had this full name when it was found before, under whatever number it has now: for 1100. Neither the
    /// last part of a path nor a number leads to another folder here (semantics.md 22).
    ///
    /// # Errors
    /// `Rejected` with 404 when no folder has this full name; else see [`CallError`].
    pub async fn find_folder_again(&self, full_name: &str) -> Result<FoundFolder, CallError> {
        let asked = self.asked(Call::FindFolder, format!("looking for folder `{full_name}` again"));
        if let Some(found) = self.folder_by_full_name(full_name, &asked).await? {
            return Ok(found);
        }
        let (listed, _) = self.every_folder(&asked).await?;
        match by_path(&listed, full_name) {
            Picked::One(folder) => Ok(folder.found_by(FoundBy::FullName)),
            Picked::None | Picked::Several(_) => Err(none(&asked, full_name, &listed)),
        }
    }

    async fn find_folder_by_name(&self, name: &str) -> Result<FoundFolder, CallError> {
        let asked = self.asked(Call::FindFolder, format!("looking for folder `{name}`"));
        let number = digits(name);
        let found = match self.folder_by_full_name(name, &asked).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => self.every_folder(&asked).await,
            Err(error) => Err(error),
        };
        let (listed, reach) = match (found, number) {
            (Ok(listed), _) => listed,
            // Who may not list folders may still start in one whose number is known.
            (Err(error), Some(number)) if is_forbidden(&error) => {
                tracing::debug!("Folder `{name}` is used as a number: {error}");
                return Ok(FoundFolder::by_number(number));
            }
            (Err(error), _) => return Err(by_number_instead(error)),
        };
        match by_path(&listed, name) {
            Picked::One(folder) => return Ok(folder.found_by(FoundBy::FullName)),
            Picked::Several(names) => return Err(several(&asked, &names)),
            Picked::None => {}
        }
        match (by_last_part(&listed, name), reach) {
            (Picked::One(folder), Reach::All) => return Ok(folder.found_by(FoundBy::LastPart)),
            // Another one of this name may be among those that were not read.
            (Picked::One(folder), Reach::Bounded) => return Err(perhaps_several(&asked, &folder.full_name)),
            (Picked::Several(names), Reach::All | Reach::Bounded) => return Err(several(&asked, &names)),
            (Picked::None, Reach::All | Reach::Bounded) => {}
        }
        match number {
            Some(number) => {
                let known = listed.iter().find(|folder| folder.id == FolderId(number));
                Ok(known.map_or_else(|| FoundFolder::by_number(number), |folder| folder.found_by(FoundBy::Number)))
            }
            None => Err(none(&asked, name, &listed)),
        }
    }

    /// One call: as it is written, or as Orchestrator most likely writes it.
    async fn folder_by_full_name(&self, name: &str, asked: &Asked) -> Result<Option<FoundFolder>, CallError> {
        let forms = forms(name.trim(), usual_path(name));
        let filter = any_of("FullyQualifiedName", &forms);
        let query = [("$filter", filter), ("$top", "2".to_owned()), ("$select", "Id,FullyQualifiedName".to_owned())];
        let page: Page<FolderDto> = self.read("odata/Folders", &query, None, SMALL, asked).await?;
        // The server's hits are compared again: some ignore a filter.
        let found: Vec<Listed> = page.value.into_iter().map(Listed::from).collect();
        match by_path(&found, name) {
            Picked::One(folder) => Ok(Some(folder.found_by(FoundBy::FullName))),
            Picked::Several(names) => Err(several(asked, &names)),
            Picked::None => Ok(None),
        }
    }

    async fn every_folder(&self, asked: &Asked) -> Result<(Vec<Listed>, Reach), CallError> {
        let (rows, reach) = self
            .every_row::<FolderDto, _>("odata/Folders", "Id,DisplayName,FullyQualifiedName", None, asked, |dto| dto.id)
            .await?;
        Ok((rows.into_iter().map(Listed::from).collect(), reach))
    }

    async fn find_only_folder(&self) -> Result<FoundFolder, CallError> {
        let asked = self.asked(Call::FindFolder, "looking for the only folder".to_owned());
        let query = [("$top", CHOICES.to_string()), ("$select", "Id,FullyQualifiedName".to_owned())];
        let page: Result<Page<FolderDto>, CallError> = self.read("odata/Folders", &query, None, SMALL, &asked).await;
        let page = page.map_err(by_number_instead)?;
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
        let filter = any_of("Name", &forms(process.trim(), usual(process)));
        let query = [("$filter", filter), ("$top", "2".to_owned()), ("$select", "Key,Name".to_owned())];
        let page: Page<ReleaseDto> = self.read("odata/Releases", &query, Some(folder), SMALL, &asked).await?;
        match by_name(&page.value, process) {
            Picked::One(release) => return Ok(ReleaseKey(release.key)),
            Picked::Several(names) => return Err(several_processes(&asked, &names)),
            Picked::None => {}
        }
        // A name in another form may be in the list. Who may not see it has the first answer.
        let listed =
            self.every_row::<ReleaseDto, _>("odata/Releases", "Key,Name", Some(folder), &asked, |dto| dto.key).await;
        let listed = match listed {
            Ok((rows, _)) => rows,
            Err(CallError::Rejected { .. }) => Vec::new(),
            Err(error @ (CallError::Unsent { .. } | CallError::Unknown { .. })) => return Err(error),
        };
        match by_name(&listed, process) {
            Picked::One(release) => Ok(ReleaseKey(release.key)),
            Picked::Several(names) => Err(several_processes(&asked, &names)),
            Picked::None => {
                let known: Vec<Known<'_>> =
                    listed.iter().map(|dto| Known::by(&dto.name, [folded(&dto.name)])).collect();
                let cure = nearest::hint(&[folded(process)], &known, "processes").unwrap_or_else(|| {
                    "create the process in this folder, or give the account a role with `Processes.View`".to_owned()
                });
                Err(outcome::not_found(&asked, 404, "found none", Some(cure)))
            }
        }
    }
}

enum Picked<'l, T> {
    One(&'l T),
    None,
    /// Their names.
    Several(Vec<String>),
}

/// The one row that is meant: exactly, else as people read.
fn pick<'l, T>(rows: &'l [T], name: impl Fn(&T) -> &str, exactly: &str, alike: impl Fn(&T) -> bool) -> Picked<'l, T> {
    if let Some(row) = rows.iter().find(|row| name(row) == exactly) {
        return Picked::One(row);
    }
    let alike: Vec<&T> = rows.iter().filter(|row| alike(row)).collect();
    match alike.as_slice() {
        [] => Picked::None,
        [row] => Picked::One(row),
        [_, ..] => Picked::Several(alike.iter().map(|row| name(row).to_owned()).collect()),
    }
}

fn by_path<'l>(listed: &'l [Listed], name: &str) -> Picked<'l, Listed> {
    let path = folded_path(name);
    pick(listed, |folder| &folder.full_name, name.trim(), |folder| folder.path == path)
}

fn by_last_part<'l>(listed: &'l [Listed], name: &str) -> Picked<'l, Listed> {
    let path = folded_path(name);
    // Two folders of one last part are two, however each is written: nothing is exact here.
    let alike: Vec<&Listed> = listed.iter().filter(|folder| !path.is_empty() && folder.last == path).collect();
    match alike.as_slice() {
        [] => Picked::None,
        [folder] => Picked::One(folder),
        [_, ..] => Picked::Several(alike.iter().map(|folder| folder.full_name.clone()).collect()),
    }
}

fn by_name<'l>(listed: &'l [ReleaseDto], name: &str) -> Picked<'l, ReleaseDto> {
    let wanted = folded(name);
    pick(listed, |release| &release.name, name, |release| folded(&release.name) == wanted)
}

/// The forms that the server is asked for, each once.
fn forms(written: &str, usual: String) -> Vec<String> {
    let mut forms = vec![written.to_owned()];
    if usual != written && !usual.is_empty() {
        forms.push(usual);
    }
    forms
}

fn any_of(field: &str, forms: &[String]) -> String {
    forms.iter().map(|form| format!("{field} eq {}", odata::literal(form))).collect::<Vec<_>>().join(" or ")
}

/// A folder's number in digits alone, as web addresses show it: from 1.
fn digits(name: &str) -> Option<i64> {
    let name = usual(name);
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| name.parse().ok()).flatten().filter(|number| *number > 0)
}

/// Whether it is the right to list folders that is missing.
fn is_forbidden(error: &CallError) -> bool {
    matches!(error, CallError::Rejected { status: 403, .. })
}

/// Where folders may not be listed there is a way around the right.
fn by_number_instead(error: CallError) -> CallError {
    match error {
        CallError::Rejected { status: 403, code, text, cure, trace_id } => {
            let other = "or write the folder's number as `folder_id`, which Orchestrator's address bar shows as `fid=`: \
                         it needs no right to list folders";
            let cure = cure.map_or_else(|| other.to_owned(), |cure| format!("{cure}, {other}"));
            CallError::Rejected { status: 403, code, text, cure: Some(cure), trace_id }
        }
        error @ (CallError::Rejected { .. } | CallError::Unsent { .. } | CallError::Unknown { .. }) => error,
    }
}

fn several(asked: &Asked, names: &[String]) -> CallError {
    let cure = format!("write the full name as `folder`: {}", nearest::listed(names));
    outcome::not_found(asked, 409, "found several", Some(cure))
}

fn perhaps_several(asked: &Asked, name: &str) -> CallError {
    let came = format!(
        "found one by its last part, and there are more folders than the {MOST_LISTED} that are looked through"
    );
    outcome::not_found(asked, 409, &came, Some(format!("write the full name as `folder`: `{name}`")))
}

fn several_processes(asked: &Asked, names: &[String]) -> CallError {
    let cure = format!("write the name exactly as one of {}", nearest::listed(names));
    outcome::not_found(asked, 409, "found several", Some(cure))
}

fn none(asked: &Asked, name: &str, listed: &[Listed]) -> CallError {
    let path = folded_path(name);
    let wanted = [path.clone(), last_part(&path).to_owned()];
    let known: Vec<Known<'_>> =
        listed.iter().map(|folder| Known::by(&folder.full_name, [folder.path.clone(), folder.last.clone()])).collect();
    let cure = match nearest::hint(&wanted, &known, "folders") {
        // Personal workspaces have a list of their own in the API, which needs another right.
        _ if path.ends_with("workspace") => {
            "a personal workspace is named by its number: write it as `folder_id`; Orchestrator's address bar shows it \
             as `fid=`"
                .to_owned()
        }
        Some(hint) => hint,
        None => "assign the account to the folder, by a role with `Folders.View`".to_owned(),
    };
    outcome::not_found(asked, 404, "found none", Some(cure))
}
