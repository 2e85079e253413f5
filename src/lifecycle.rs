//! Signals and systemd: when to stop, and telling the manager how it goes.
//!
//! SIGTERM and SIGINT ask for a soft stop; a second one ends at once, which is safe at any instant: whatever was being sent
//! is looked up at the next start. Under systemd the service is ready when its socket and database are, not when every
//! tenant answers: a connection that is down delays only its own runs.
//!
//! Absent: what stopping means (`dispatcher`).

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals this process answers to.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

impl Signals {
    /// Begins to listen. From here on none of them ends the process by itself.
    ///
    /// # Errors
    /// The system refused a handler.
    pub fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }
}

/// systemd's watchdog: it ends the process when it is not fed, and starts it again.
#[derive(Debug)]
pub struct Watchdog {
    every: Option<Duration>,
    fed: Duration,
}

impl Watchdog {
    /// As the service manager asks for it, if it does.
    pub fn asked_for() -> Watchdog {
        // Three times in its span, so that one late turn is no death.
        Watchdog { every: sd_notify::watchdog_enabled().map(|span| span / 3), fed: Duration::ZERO }
    }

    /// Feeds it when it is time. `alive` is when the scheduling loop last went round, in boot time: a loop that hangs feeds
    /// nothing.
    pub fn feed(&mut self, alive: Duration) {
        if self.every.is_some_and(|every| alive >= self.fed + every) {
            self.fed = alive;
            tell_manager(&[sd_notify::NotifyState::Watchdog]);
        }
    }
}

/// Tells systemd, where there is one. A failure is logged and changes nothing.
pub fn tell_manager(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(state) {
        tracing::warn!("Failed to tell the service manager: {cause}");
    }
}
