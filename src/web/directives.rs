//! What `PUNCTUAL_LOG`, and `punctual log`, mean.
//!
//! The filter of `tracing` takes any word for the name of a crate and lets that say everything: `PUNCTUAL_LOG=debgu` would change
//! nothing and say nothing. So each part is read here, and what is neither a level nor `CRATE=LEVEL` is a mistake, which its
//! reader tells; the other parts hold.

use std::fmt::Debug;

use tracing_subscriber::filter::LevelFilter;

use crate::text::{either, nearest};

/// Other crates are kept to warnings: they log requests.
const UNLESS_ASKED: &str = "warn,punctual=info";

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// What was asked for, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directives {
    /// What the filter is made of, without the mistakes.
    pub filter: String,
    /// A sentence for each part that is neither a level nor `CRATE=LEVEL`.
    pub mistakes: Vec<String>,
}

impl Directives {
    /// A bare level is about this program: only a part that names another crate lets it say more. Parts have commas between them.
    pub fn read(asked: &str) -> Directives {
        let mut directives = Directives { filter: UNLESS_ASKED.to_owned(), mistakes: Vec::new() };
        for part in asked.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None if is_level(part) => directives.add(&format!("punctual={part}")),
                Some((name, level)) if is_crate(name) && is_level(level) => directives.add(part),
                None | Some(_) => directives.mistakes.push(mistake(part)),
            }
        }
        directives
    }

    fn add(&mut self, part: &str) {
        self.filter.push(',');
        self.filter.push_str(part);
    }
}

/// The log of this process.
pub trait LogLevel: Debug + Send + Sync {
    /// What was asked for last, as it was written; empty where nobody asked.
    fn asked(&self) -> String;

    /// Takes over what was understood.
    ///
    /// # Errors
    /// A sentence: the log's filter is gone.
    fn set(&self, asked: &str, understood: &Directives) -> Result<(), String>;
}

fn mistake(part: &str) -> String {
    let word = part.rsplit_once('=').map_or(part, |(_, level)| level);
    let meant = nearest(word, LEVELS).map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
    let levels = either(LEVELS);
    format!("`{part}` is not understood{meant}: write {levels}, or `CRATE=LEVEL` for another crate")
}

fn is_level(word: &str) -> bool {
    word.parse::<LevelFilter>().is_ok()
}

fn is_crate(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
}
