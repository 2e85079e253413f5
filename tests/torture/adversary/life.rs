//! The daemon in this process, on a runtime of its own: to kill it is to take the runtime away.
//!
//! Whatever was under way is dropped where it stood, with its connections, as by SIGKILL; what the database has is what was
//! committed. The next life begins when the last file of the dead one has been closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use punctual::clock::Clock;
use punctual::daemon::{Chores, Daemon, DaemonSettings, DispatcherThread, Files, Removals};
use punctual::dispatcher::core::Pace;
use tokio::runtime::{Builder, Runtime};

use super::super::support;

pub(crate) struct Life {
    runtime: Runtime,
    pub(crate) daemon: Daemon,
    folder: PathBuf,
}

impl Life {
    /// Begins a life with a schedule file; its log is added to `log` in the folder.
    pub(crate) async fn begin(folder: &Path, yaml: &str, clock: &Clock) -> Result<Life, String> {
        let set = support::load(folder, yaml, clock.now()).set;
        let settings = DaemonSettings {
            clock: clock.clone(),
            set: Arc::new(set),
            files: Files::none(),
            removals: Removals::Guarded,
            state_dir: folder.join("state"),
            thread: DispatcherThread::Callers,
            pace: Pace::default(),
            housekeeping: Chores::None,
            socket: None,
            log: None,
        };
        let log = folder.join("log");
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("life")
            .on_thread_start(move || keep_log(&log))
            .enable_all()
            .build()
            .map_err(|cause| cause.to_string())?;
        let started = runtime.spawn(Daemon::start(settings)).await.map_err(|cause| cause.to_string())?;
        match started {
            Ok(daemon) => Ok(Life { runtime, daemon, folder: folder.to_owned() }),
            Err(cause) => {
                runtime.shutdown_background();
                Err(format!("{cause:?}"))
            }
        }
    }

    /// Ends it between two lines.
    pub(crate) async fn kill(self) {
        let Life { runtime, daemon, folder } = self;
        let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(20))).await;
        // The lock is let go with it, when nothing of it runs any more.
        closed(&folder).await;
        drop(daemon);
    }

    /// Asks it to stop, as SIGTERM does; `pass` lets time pass meanwhile.
    pub(crate) async fn stop(self, mut pass: impl AsyncFnMut()) -> Result<(), String> {
        let Life { runtime, daemon, folder } = self;
        let mut stopping = runtime.spawn(daemon.stop());
        let real = Clock::system();
        let ended = loop {
            tokio::select! {
                ended = &mut stopping => break ended,
                () = real.sleep(Duration::from_millis(10)) => pass().await,
            }
        };
        let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(20))).await;
        closed(&folder).await;
        ended.map_err(|cause| cause.to_string())?.map_err(|cause| cause.to_string())
    }
}

/// Waits until no file of the state folder but its lock is open in this process: the driver's own threads end a little later.
async fn closed(folder: &Path) {
    let real = Clock::system();
    let database = folder.join("state").join("punctual.db");
    let database = database.to_string_lossy().into_owned();
    for _ in 0..4_000 {
        let open = std::fs::read_dir("/proc/self/fd")
            .map(|all| {
                all.flatten()
                    .filter_map(|entry| std::fs::read_link(entry.path()).ok())
                    .any(|path| path.to_string_lossy().starts_with(&database))
            })
            .unwrap_or(false);
        if !open {
            return;
        }
        real.sleep(Duration::from_millis(1)).await;
    }
    panic!("the dead life keeps its database open");
}

thread_local! {
    static LOGGING: std::cell::RefCell<Option<tracing::subscriber::DefaultGuard>> = const { std::cell::RefCell::new(None) };
}

/// What a thread of the daemon logs goes to its file.
fn keep_log(path: &Path) {
    let Ok(file) = std::fs::File::options().create(true).append(true).open(path) else { return };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("punctual=debug"))
        .with_ansi(false)
        .with_writer(Arc::new(file))
        .finish();
    LOGGING.set(Some(tracing::subscriber::set_default(subscriber)));
}
