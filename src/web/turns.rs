//! Of several calls under one key, one at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::store::OnceKey;

/// The calls under way, by whose key it is and the key.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<(String, String), UnderWay>>>);

#[derive(Debug)]
struct UnderWay {
    asked: String,
    /// Ends with the call.
    ended: watch::Receiver<()>,
}

/// Another act is under way under that key.
#[derive(Debug)]
pub(super) struct AnotherAct;

/// Nobody else acts under this key until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    whose: (String, String),
    _until: watch::Sender<()>,
}

impl Turns {
    /// Waits until nobody else acts under this key.
    ///
    /// # Errors
    /// Whoever does so asks for something else.
    pub(super) async fn of(&self, once: &OnceKey) -> Result<Turn, AnotherAct> {
        let whose = (once.actor.clone(), once.key.clone());
        loop {
            let mut ended = {
                let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                match all.get(&whose) {
                    Some(under_way) if under_way.asked != once.asked => return Err(AnotherAct),
                    Some(under_way) => under_way.ended.clone(),
                    None => {
                        let (until, ended) = watch::channel(());
                        all.insert(whose.clone(), UnderWay { asked: once.asked.clone(), ended });
                        return Ok(Turn { turns: self.clone(), whose, _until: until });
                    }
                }
            };
            // Nothing is ever sent: an error says that the call has ended.
            let _ = ended.changed().await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.whose);
    }
}
