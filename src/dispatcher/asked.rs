//! Who asks for something, and the way back of each answer.
//!
//! An answer that is to be kept goes into the transaction of what was decided, so the two cannot part (semantics.md 35). How it is told
//! is for whoever asked: the core decides and knows no shapes.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::core::{Answer, CommandId, CommandRefused, Done};
use crate::store::{KeptAnswer, OnceKey};

/// Tells what was done, as it is told again to whoever asks again. None: that is no answer to what was asked.
type Tell = Box<dyn FnOnce(&Done) -> Option<String> + Send>;

/// Who asks, for `audit`, and whether the answer is kept.
#[derive(Debug)]
pub struct By {
    pub(super) actor: String,
    pub(super) keep: Option<Keep>,
}

/// The key that was asked under, and how the answer is told.
pub(super) struct Keep {
    once: OnceKey,
    tell: Tell,
}

impl By {
    /// Somebody who asks under a key.
    pub fn once(actor: String, once: OnceKey, tell: impl FnOnce(&Done) -> Option<String> + Send + 'static) -> By {
        By { actor, keep: Some(Keep { once, tell: Box::new(tell) }) }
    }
}

impl From<String> for By {
    fn from(actor: String) -> By {
        By { actor, keep: None }
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep").field("once", &self.once).finish_non_exhaustive()
    }
}

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<Done, CommandRefused>>;

/// The commands that are not answered.
#[derive(Debug, Default)]
pub(super) struct Asked {
    waiting: BTreeMap<CommandId, (Reply, Option<Keep>)>,
    last: u64,
}

impl Asked {
    /// Somebody asks, and waits.
    pub(super) fn add(&mut self, reply: Reply, keep: Option<Keep>) -> CommandId {
        self.last += 1;
        let id = CommandId(self.last);
        self.waiting.insert(id, (reply, keep));
        id
    }

    /// What is to be stored with these answers. A refusal is not kept: the next one is to be tried.
    pub(super) fn keep(&mut self, answers: &[Answer], at: Timestamp) -> Vec<KeptAnswer> {
        let kept = answers.iter().filter_map(|(id, answer)| {
            let Keep { once, tell } = self.waiting.get_mut(id)?.1.take()?;
            let answer = tell(answer.as_ref().ok()?)?;
            Some(KeptAnswer { once, at, answer })
        });
        kept.collect()
    }

    /// Answers that are stored.
    pub(super) fn give(&mut self, answers: Vec<Answer>) {
        for (id, answer) in answers {
            if let Some((reply, _)) = self.waiting.remove(&id) {
                // Whoever asked may have gone.
                let _ = reply.send(answer);
            }
        }
    }

    /// Nothing could be stored, so nothing was decided.
    pub(super) fn refuse_all(&mut self) {
        for (_, (reply, _)) in std::mem::take(&mut self.waiting) {
            let _ = reply.send(Err(CommandRefused::NotStored));
        }
    }
}
