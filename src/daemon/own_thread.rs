//! A thread of its own for the dispatcher and the writer.
//!
//! Each start that is sent is a task. On the threads that send, a burst's second part would be decided and stored only after all of
//! its first part had been served: each step from the dispatcher to the database and back waits behind those tasks (measured: a third
//! of the time that 250 claims took).

use std::fmt;
use std::io;

use tokio::runtime::{Builder, EnterGuard, Runtime};

/// The thread. Its tasks end by themselves before it is dropped; what has not ended then is dropped with it.
pub(super) struct OwnThread(Option<Runtime>);

impl OwnThread {
    /// # Errors
    /// The machine has no thread left.
    pub(super) fn start() -> io::Result<OwnThread> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("dispatcher").enable_all().build()?;
        Ok(OwnThread(Some(runtime)))
    }

    /// What is spawned while this is held runs there.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.0.as_ref().expect("it is taken out only when it is dropped").enter()
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        // Whoever drops a daemon is in a task, where waiting for a thread is not allowed.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for OwnThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnThread").finish_non_exhaustive()
    }
}
