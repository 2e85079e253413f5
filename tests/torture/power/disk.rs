//! What a disk may hold when the power goes at any point of a log.
//!
//! The model is what POSIX lets a program rely on, and no more. The content of a file is sure up to its last flush that has
//! ended; each write and cut since then is on the disk, or not, or in part (sectors of 512 bytes), in any choice. A name (made,
//! renamed, removed) is sure when its folder was flushed afterwards; flushing the file says nothing about its name. ext4 and
//! xfs promise more: changes of names reach the disk in their order, and any flush carries all before it along. So images
//! are made in both ways: what is right on the first is right on every disk, and the second is what is in the field.
//!
//! Within one rename old and new name change together. What was never written of a longer file reads as zeros.
//!
//! Absent: permissions (files are private in every image), and what is memory (`image`).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dice::Dice;
use super::image::Image;
use super::log::{Entry, Flush, Inode, Opened};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Which changes of names since a folder's flush are on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// None: the least that POSIX leaves.
    Flushed,
    /// Those up to some point, in the order in which they were made: ext4, xfs.
    InOrder,
    /// Any of them.
    Some,
    All,
}

/// Which writes since a file's flush are on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// None.
    Flushed,
    /// Any of them, each whole.
    Some,
    /// Any sectors of any of them.
    Torn,
    All,
}

pub(crate) const NAMES: [Names; 4] = [Names::Flushed, Names::InOrder, Names::Some, Names::All];
pub(crate) const CONTENT: [Content; 4] = [Content::Flushed, Content::Some, Content::Torn, Content::All];

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, data: Arc<[u8]> },
    Cut(usize),
}

#[derive(Clone, Debug, Default)]
struct Body {
    sure: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

#[derive(Clone, Debug)]
enum Named {
    Put(String, Node),
    Gone(String),
    Moved(String, String, Node),
}

#[derive(Clone, Debug, Default)]
struct Folder {
    sure: BTreeMap<String, Node>,
    /// Each with the place of its record.
    since: Vec<(usize, Named)>,
}

#[derive(Clone, Debug)]
enum Covered {
    Content(usize, usize),
    Names(PathBuf, usize),
}

/// The state after some records.
#[derive(Debug)]
pub(crate) struct Disk {
    base: PathBuf,
    bodies: Vec<Body>,
    folders: BTreeMap<PathBuf, Folder>,
    /// As a program sees it.
    seen: BTreeMap<PathBuf, Node>,
    inodes: HashMap<Inode, usize>,
    flushes: HashMap<u64, (usize, Covered)>,
    /// How many records were taken in.
    place: usize,
    /// Where the newest flush that has ended began.
    last_flush: usize,
}

impl Disk {
    /// `base` is there and durable, and everything below it is still to come.
    pub(crate) fn new(base: &Path) -> Disk {
        Disk {
            base: base.to_owned(),
            bodies: Vec::new(),
            folders: BTreeMap::from([(base.to_owned(), Folder::default())]),
            seen: BTreeMap::new(),
            inodes: HashMap::new(),
            flushes: HashMap::new(),
            place: 0,
            last_flush: 0,
        }
    }

    /// A new process: flushes that the old one did not see the end of promise nothing.
    pub(crate) fn next_life(&mut self) {
        self.flushes.clear();
    }

    fn folder(&mut self, path: &Path) -> (&mut Folder, String) {
        let parent = path.parent().expect("a path below the base");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let folder = self.folders.get_mut(parent);
        (folder.unwrap_or_else(|| panic!("`{}` is in a folder that was never made", path.display())), name)
    }

    fn name(&mut self, path: &Path, change: impl FnOnce(String) -> Named) {
        let place = self.place;
        let (folder, name) = self.folder(path);
        folder.since.push((place, change(name)));
    }

    fn body(&mut self, file: Inode) -> Option<&mut Body> {
        let body = *self.inodes.get(&file)?;
        Some(&mut self.bodies[body])
    }

    /// Takes in the next record.
    pub(crate) fn take(&mut self, entry: &Entry) {
        self.place += 1;
        match entry {
            Entry::Opened { file, path, how } => self.open(*file, path, *how),
            Entry::Written { file, at, data } => {
                let at = usize::try_from(*at).expect("a small file");
                if let Some(body) = self.body(*file) {
                    body.since.push(Change::Write { at, data: data.clone() });
                }
            }
            Entry::Cut { file, length } => {
                let length = usize::try_from(*length).expect("a small file");
                if let Some(body) = self.body(*file) {
                    body.since.push(Change::Cut(length));
                }
            }
            Entry::FlushBegun { number, of } => self.flush_begins(*number, of),
            Entry::Flushed { number } => self.flush_ends(*number),
            Entry::Renamed { from, to } => {
                assert_eq!(from.parent(), to.parent(), "the model knows no renames between folders");
                let node = self.seen.remove(from).unwrap_or_else(|| panic!("`{}` was never made", from.display()));
                self.seen.insert(to.clone(), node);
                let new = to.file_name().expect("a name").to_string_lossy().into_owned();
                self.name(from, |old| Named::Moved(old, new, node));
            }
            Entry::Unlinked { path } => {
                // A socket is made by the kernel and means nothing after a restart.
                if self.seen.remove(path).is_some() {
                    self.name(path, Named::Gone);
                }
            }
            Entry::FolderMade { path } => {
                self.folders.insert(path.clone(), Folder::default());
                self.seen.insert(path.clone(), Node::Folder);
                self.name(path, |name| Named::Put(name, Node::Folder));
            }
            Entry::Sent(_) | Entry::Received(_) | Entry::Failed { .. } => {}
            Entry::Unknown { call, path } => {
                panic!("the model of the disk does not know `{call}` (on `{}`)", path.display())
            }
        }
    }

    fn open(&mut self, file: Inode, path: &Path, how: Opened) {
        let known = match (how, self.seen.get(path)) {
            (Opened::Folder, _) => return,
            (Opened::Made, _) => None,
            (Opened::Emptied | Opened::AsItWas, Some(Node::File(body))) => Some(*body),
            // The harness's own files, which stand next to the state folder.
            (Opened::Emptied | Opened::AsItWas, None | Some(Node::Folder)) => return,
        };
        let body = known.unwrap_or_else(|| {
            self.bodies.push(Body::default());
            let body = self.bodies.len() - 1;
            self.seen.insert(path.to_owned(), Node::File(body));
            self.name(path, |name| Named::Put(name, Node::File(body)));
            body
        });
        self.inodes.insert(file, body);
        if how == Opened::Emptied {
            self.bodies[body].since.push(Change::Cut(0));
        }
    }

    fn flush_begins(&mut self, number: u64, of: &Flush) {
        let covered = match of {
            Flush::Content(file) => match self.inodes.get(file) {
                Some(body) => Covered::Content(*body, self.bodies[*body].since.len()),
                None => return,
            },
            Flush::Names(path) => match self.folders.get(path) {
                Some(folder) => Covered::Names(path.clone(), folder.since.len()),
                None => return,
            },
        };
        self.flushes.insert(number, (self.place, covered));
    }

    fn flush_ends(&mut self, number: u64) {
        let Some((begun, covered)) = self.flushes.remove(&number) else { return };
        self.last_flush = self.last_flush.max(begun);
        match covered {
            Covered::Content(body, count) => {
                let Body { sure, since } = &mut self.bodies[body];
                for change in since.drain(..count) {
                    apply(sure, &change);
                }
                for (_, other) in self.flushes.values_mut() {
                    if let Covered::Content(same, left) = other
                        && *same == body
                    {
                        *left = left.saturating_sub(count);
                    }
                }
            }
            Covered::Names(path, count) => {
                if let Some(Folder { sure, since }) = self.folders.get_mut(&path) {
                    for (_, change) in since.drain(..count) {
                        rename(sure, &change);
                    }
                }
                for (_, other) in self.flushes.values_mut() {
                    if let Covered::Names(same, left) = other
                        && *same == path
                    {
                        *left = left.saturating_sub(count);
                    }
                }
            }
        }
    }

    /// The disk after the power went here.
    pub(crate) fn after_loss(&self, names: Names, content: Content, dice: &mut Dice) -> Image {
        let span = (self.place - self.last_flush) as u64;
        let until = self.last_flush + usize::try_from(dice.throw(span + 1)).expect("a small number");
        let mut image = Image::default();
        let mut folders = vec![self.base.clone()];
        while let Some(path) = folders.pop() {
            let Folder { sure, since } = &self.folders[&path];
            let mut there = sure.clone();
            for (place, change) in since {
                let is_there = match names {
                    Names::Flushed => false,
                    Names::InOrder => *place <= until,
                    Names::Some => dice.percent(50),
                    Names::All => true,
                };
                if is_there {
                    rename(&mut there, change);
                }
            }
            for (name, node) in there {
                let path = path.join(name);
                let below = path.strip_prefix(&self.base).expect("a path below the base").to_owned();
                match node {
                    Node::Folder => {
                        folders.push(path);
                        image.folders.insert(below);
                    }
                    Node::File(body) => {
                        let text = self.bodies[body].after_loss(content, dice);
                        image.files.insert(below, text);
                    }
                }
            }
        }
        image
    }
}

impl Body {
    fn after_loss(&self, content: Content, dice: &mut Dice) -> Vec<u8> {
        let mut text = self.sure.clone();
        for change in &self.since {
            match (content, change) {
                (Content::Flushed, _) => {}
                (Content::All, change) => apply(&mut text, change),
                (Content::Some, change) | (Content::Torn, change @ Change::Cut(_)) => {
                    if dice.percent(50) {
                        apply(&mut text, change);
                    }
                }
                (Content::Torn, Change::Write { at, data }) => {
                    let mut from = 0;
                    while from < data.len() {
                        let to = data.len().min(from + SECTOR - (at + from) % SECTOR);
                        if dice.percent(50) {
                            apply(&mut text, &Change::Write { at: at + from, data: data[from..to].into() });
                        }
                        from = to;
                    }
                }
            }
        }
        text
    }
}

fn apply(text: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Cut(length) => text.resize(*length, 0),
        Change::Write { at, data } => {
            let end = at + data.len();
            if text.len() < end {
                text.resize(end, 0);
            }
            text[*at..end].copy_from_slice(data);
        }
    }
}

fn rename(names: &mut BTreeMap<String, Node>, change: &Named) {
    match change {
        Named::Put(name, node) => {
            names.insert(name.clone(), *node);
        }
        Named::Gone(name) => {
            names.remove(name);
        }
        Named::Moved(old, new, node) => {
            if names.get(old) == Some(node) {
                names.remove(old);
            }
            names.insert(new.clone(), *node);
        }
    }
}
