//! Files that are read again while the daemon runs: when asked to, and when they have changed and been still.
//!
//! All files are read and checked, and the set is swapped as a whole between two turns of the dispatcher. A wrong file never
//! replaces a good set, and a set that lost much is held back: the daemon goes on as it was and says so. However often it is
//! asked meanwhile, one reading answers all.
//!
//! Absent: what a new set means for marks and runs (`dispatcher`), and what is too great a loss (`schedule`).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ZonedDateTime};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};

use super::connections::Connections;
use super::files_state::{FilesState, HOLD, PUT_BACK, cure, gone_message};
use super::reloads::{Reloads, Request};
use super::settings::Files;
use crate::clock::Clock;
use crate::dispatcher::Handle;
use crate::dispatcher::core::Absent;
use crate::recurrence::{ZoneFiles, choose_zone_database, look_at_zone_files, zone_database};
use crate::schedule::{
    Change, Diagnostic, FileStamps, Invalid, Loaded, Look, Loss, Moved, Removals, ScheduleKey, ScheduleSet, Severity,
    Stillness, Watch, list_gone, load, look_at_files, replan, weigh,
};
use crate::web::{Reloaded, Reread, Served};

/// How often files are looked at: they must be still for two seconds, so a finer look would find nothing sooner.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A storm of signals writes this line no more often.
const NOTHING_CHANGED_EVERY: Duration = Duration::from_secs(1);

/// Begins to look at files, and to wait for who asks.
pub(super) fn start(settings: ReloadSettings) -> (Reloads, JoinHandle<()>) {
    let ReloadSettings {
        files: Files { paths, seen: stamps },
        clock,
        dispatcher,
        connections,
        served,
        set,
        loaded,
        held,
    } = settings;
    let (requests, to_read) = mpsc::unbounded_channel();
    let (tell, state) = watch::channel(FilesState::at_start(&set, held.as_ref()));
    let now = clock.boottime();
    let told_paths: Arc<[PathBuf]> = paths.as_slice().into();
    let reloader = Reloader {
        files: Stillness::new(stamps.clone(), now),
        zones: Stillness::new(look_at_zones(&set), now),
        loaded: if held.is_some() { loaded } else { set.schedules.keys().cloned().collect() },
        held: held.map(|loss| Held { loss, stamps, since: now }),
        nothing_changed_at: None,
        paths,
        clock,
        dispatcher,
        connections,
        served,
        set,
        tell,
    };
    (Reloads { requests, state, paths: told_paths }, tokio::spawn(reloader.run(to_read)))
}

/// What a daemon begins with.
pub(super) struct Beginning {
    pub(super) set: Arc<ScheduleSet>,
    pub(super) absent: Absent,
    pub(super) held: Option<Loss>,
}

/// A set that lost much against the last life's is held back at the start too: then nothing is started, open runs are
/// followed, and what comes due meanwhile is caught up when it is taken.
pub(super) fn begin(set: Arc<ScheduleSet>, loaded: &BTreeSet<ScheduleKey>, removals: Removals) -> Beginning {
    match too_great_a_loss(removals, loaded, &set) {
        None => Beginning { set, absent: Absent::Retire, held: None },
        Some(loss) => {
            tracing::error!("Nothing is started yet: {loss}; {}", cure(&loss));
            let set = Arc::new(ScheduleSet { schedules: Default::default(), ..(*set).clone() });
            Beginning { set, absent: Absent::Park, held: Some(loss) }
        }
    }
}

fn too_great_a_loss(removals: Removals, loaded: &BTreeSet<ScheduleKey>, set: &ScheduleSet) -> Option<Loss> {
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::NO_LOSS_GUARD) {
        return None;
    }
    match removals {
        Removals::Guarded => weigh(loaded, set),
        Removals::Accepted => None,
    }
}

pub(super) struct ReloadSettings {
    pub(super) files: Files,
    pub(super) clock: Clock,
    pub(super) dispatcher: Handle,
    pub(super) connections: Connections,
    /// What the control API shows.
    pub(super) served: watch::Sender<Served>,
    /// What the dispatcher began with.
    pub(super) set: Arc<ScheduleSet>,
    /// The keys of the last life.
    pub(super) loaded: BTreeSet<ScheduleKey>,
    pub(super) held: Option<Loss>,
}

/// A set that lost much, and waits.
struct Held {
    loss: Loss,
    stamps: FileStamps,
    /// In boot time.
    since: Duration,
}

struct Reloader {
    paths: Vec<PathBuf>,
    clock: Clock,
    dispatcher: Handle,
    connections: Connections,
    served: watch::Sender<Served>,
    set: Arc<ScheduleSet>,
    /// The keys of the last set that was taken, in this life or the one before.
    loaded: BTreeSet<ScheduleKey>,
    held: Option<Held>,
    files: Stillness<FileStamps>,
    zones: Stillness<ZoneFiles>,
    nothing_changed_at: Option<Duration>,
    tell: watch::Sender<FilesState>,
}

impl Reloader {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        let mut leaving = self.dispatcher.leaving();
        loop {
            let mut asked = Vec::new();
            tokio::select! {
                biased;
                count = requests.recv_many(&mut asked, usize::MAX) => if count == 0 {
                    return;
                },
                changed = leaving.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.connections.keep_only(&self.set, &leaving.borrow_and_update());
                    self.serve();
                }
                () = self.clock.sleep(LOOK_EVERY), if !self.paths.is_empty() => self.look().await,
            }
            if asked.is_empty() {
                continue;
            }
            let accepted = asked.iter().any(|request| request.removals == Removals::Accepted);
            let reloaded = self.reload(if accepted { Removals::Accepted } else { Removals::Guarded }).await;
            for reply in asked.into_iter().filter_map(|request| request.reply) {
                // Whoever asked may have gone.
                let _ = reply.send(reloaded.clone());
            }
        }
    }

    /// One look at the files and at the time zone database.
    async fn look(&mut self) {
        let (paths, set) = (self.paths.clone(), self.set.clone());
        let began = self.clock.boottime();
        let Ok((files, zones)) = spawn_blocking(move || (look_at_files(&paths), look_at_zones(&set))).await else {
            return;
        };
        let ended = self.clock.boottime();
        match self.zones.look(zones, began, ended) {
            Look::Same | Look::Moving => {}
            Look::Still => self.replan().await,
        }
        let waited = self
            .held
            .as_ref()
            .is_some_and(|held| held.loss.left > 0 && began.saturating_sub(held.since) >= HOLD && held.stamps == files);
        if waited {
            tracing::warn!("The files have been as they are for {} minutes: they are taken", HOLD.as_secs() / 60);
            self.reload(Removals::Accepted).await;
            return;
        }
        let seen = self.files.look(files, began, ended);
        #[cfg(feature = "faults")]
        let seen = match seen {
            Look::Moving if crate::faults::is_on(crate::faults::TAKE_MOVING_FILES) => Look::Still,
            Look::Same | Look::Moving | Look::Still => seen,
        };
        match (seen, self.set.watch) {
            (Look::Same | Look::Moving, _) | (Look::Still, Watch::Off) => {}
            (Look::Still, Watch::On) => {
                self.reload(Removals::Guarded).await;
            }
        }
    }

    async fn reload(&mut self, removals: Removals) -> Reread {
        let (paths, now) = (self.paths.clone(), self.clock.read());
        // Looked at before they are read: a change in between is seen by the next look.
        let read = spawn_blocking(move || (look_at_files(&paths), load(&paths, now.wall), list_gone(&paths))).await;
        let Ok((stamps, read, gone)) = read else { return self.reread(Reloaded::Stopping, Vec::new()) };
        self.files.taken(stamps.clone(), now.boot);
        let Loaded { set, warnings, files: _ } = match read {
            Ok(loaded) => loaded,
            Err(Invalid { diagnostics }) => {
                let wrong = self.wrong(diagnostics, &gone);
                return self.reread(wrong, Vec::new());
            }
        };
        for warning in &warnings {
            tracing::warn!("{}", warning.line());
        }
        let set = Arc::new(set);
        let outcome = match too_great_a_loss(removals, &self.loaded, &set) {
            Some(loss) => self.hold_back(loss, stamps, now.boot),
            None => {
                self.held = None;
                self.take(set).await
            }
        };
        self.reread(outcome, warnings)
    }

    fn reread(&self, outcome: Reloaded, warnings: Vec<Diagnostic>) -> Reread {
        Reread { outcome, warnings, schedules: self.set.schedules.len() }
    }

    fn wrong(&mut self, mut diagnostics: Vec<Diagnostic>, gone: &[PathBuf]) -> Reloaded {
        self.held = None;
        let schedules = self.set.schedules.len();
        let is_gone = |found: &Diagnostic| found.line == 0 && gone.contains(&found.file);
        for found in diagnostics.iter_mut().filter(|found| is_gone(found)) {
            // Who reads this has not named a wrong file: it was there, and its schedules are loaded.
            found.message = gone_message(schedules);
            found.hint = Some(PUT_BACK.to_owned());
        }
        let mut wrong = diagnostics.iter().filter(|found| found.severity == Severity::Error);
        if let Some(first) = wrong.next().filter(|first| is_gone(first))
            && wrong.all(is_gone)
        {
            let state = FilesState::Gone { schedules, file: first.file.clone() };
            tracing::error!("{}", state.trouble().unwrap_or_default());
            self.tell(state);
            return Reloaded::Wrong(diagnostics);
        }
        let errors: Vec<String> =
            diagnostics.iter().filter(|found| found.severity == Severity::Error).map(Diagnostic::line).collect();
        tracing::error!("The changed files have mistakes and are not taken; the schedules go on as they were loaded");
        for error in &errors {
            tracing::error!("{error}");
        }
        let first = errors.first().cloned().unwrap_or_default();
        self.tell(FilesState::Wrong { schedules, errors: errors.len(), first });
        Reloaded::Wrong(diagnostics)
    }

    fn hold_back(&mut self, loss: Loss, stamps: FileStamps, now: Duration) -> Reloaded {
        let since = self.held.as_ref().filter(|held| held.stamps == stamps).map_or(now, |held| held.since);
        if since == now {
            tracing::error!("The changed files are held back: {loss}; {}", cure(&loss));
        }
        self.held = Some(Held { loss: loss.clone(), stamps, since });
        self.tell(FilesState::HeldBack { schedules: self.set.schedules.len(), loss: loss.clone() });
        Reloaded::HeldBack { cure: cure(&loss), loss }
    }

    async fn take(&mut self, set: Arc<ScheduleSet>) -> Reloaded {
        let mut change = Change::between(&self.set, &set);
        // After a start that was held back the loaded set is empty, and yet nothing of the last one is new.
        change.added.retain(|key| !self.loaded.contains(key));
        change.removed = self.loaded.iter().filter(|key| !set.schedules.contains_key(*key)).cloned().collect();
        let same = change.is_nothing() && self.set.schedules.len() == set.schedules.len();
        if same {
            self.tell(FilesState::InUse { schedules: set.schedules.len() });
            self.say_that_nothing_changed();
            self.connections.look();
            return Reloaded::Unchanged;
        }
        let prepared = match self.connections.prepare(&set) {
            Ok(prepared) => prepared,
            Err(error) => {
                let error = error.to_string();
                tracing::error!("The changed files are not taken; the schedules go on as they were loaded: {error}");
                let schedules = self.set.schedules.len();
                self.tell(FilesState::Wrong { schedules, errors: 1, first: error.clone() });
                return Reloaded::Unusable(error);
            }
        };
        choose_zone_database(set.zone_database);
        let clients = prepared.clients();
        self.connections.take(prepared);
        self.connections.look();
        if self.dispatcher.load(set.clone(), clients).await.is_err() {
            return Reloaded::Stopping;
        }
        self.loaded = set.schedules.keys().cloned().collect();
        self.set = set;
        self.connections.keep_only(&self.set, &self.dispatcher.leaving().borrow());
        self.zones.taken(look_at_zones(&self.set), self.clock.boottime());
        self.tell(FilesState::InUse { schedules: self.set.schedules.len() });
        tracing::info!("Took the changed files: {change}");
        Reloaded::Taken(change)
    }

    fn serve(&self) {
        self.served.send_replace(Served {
            set: self.set.clone(),
            files: self.tell.borrow().trouble(),
            tokens: self.connections.managers(),
        });
    }

    fn say_that_nothing_changed(&mut self) {
        let now = self.clock.boottime();
        if self.nothing_changed_at.is_none_or(|at| now.saturating_sub(at) >= NOTHING_CHANGED_EVERY) {
            self.nothing_changed_at = Some(now);
            tracing::info!("Read the files again: nothing has changed");
        }
    }

    fn tell(&self, state: FilesState) {
        self.tell.send_if_modified(|old| {
            let changed = *old != state;
            *old = state;
            changed
        });
        self.serve();
    }

    /// The system's time zone database has changed: the same schedules, by the new rules.
    async fn replan(&mut self) {
        let before = zone_database();
        let after = choose_zone_database(self.set.zone_database);
        let (set, now) = (self.set.clone(), self.clock.now());
        let Ok(planned) = spawn_blocking(move || replan(&set, now)).await else { return };
        let (set, moved) = match planned {
            Ok(planned) => planned,
            Err(error) => {
                tracing::error!(
                    "The time zone database is now {after}, and cannot be used: {error}; the old times go on"
                );
                return;
            }
        };
        tracing::info!(
            "The time zone database is now {after} (it was {before}); schedules whose next times moved: {}",
            moved.len()
        );
        for one in &moved {
            tracing::warn!(schedule = %one.schedule, "{}", told(one, &set));
        }
        let set = Arc::new(set);
        let Ok(prepared) = self.connections.prepare(&set) else { return };
        if self.dispatcher.load(set.clone(), prepared.clients()).await.is_ok() {
            self.set = set;
            self.serve();
        }
    }
}

/// One line for a schedule whose times moved with the rules of its zone.
fn told(moved: &Moved, set: &ScheduleSet) -> String {
    let Moved { schedule, old, new } = moved;
    let show = |at: &Option<Timestamp>| match (at, set.schedules.get(schedule)) {
        (Some(at), Some(known)) => {
            ZonedDateTime::new(*at, known.recurrence.zone().time_zone().clone()).strftime("%F %T %:z").to_string()
        }
        (Some(at), None) => at.to_string(),
        (None, _) => "no time".to_owned(),
    };
    format!("Schedule `{schedule}` has other times now: {} instead of {}", show(new), show(old))
}

fn look_at_zones(set: &ScheduleSet) -> ZoneFiles {
    let names: BTreeSet<&str> = set.schedules.values().map(|schedule| schedule.recurrence.zone().name()).collect();
    look_at_zone_files(names.into_iter())
}
