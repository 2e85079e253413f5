//! All files together become one set: entries are merged by name, `defaults` holds for all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;

use super::blackouts;
use super::calendar;
use super::connection;
use super::context::Context;
use super::daemon;
use super::field::Field;
use super::fields::Fields;
use super::folder;
use super::given::{Given, NONE};
use super::habits::Habits;
use super::hidden;
use super::keys;
use super::known::{Known, Pools};
use super::later;
use super::moved::ClockChanges;
use super::open;
use super::outdented;
use super::pools;
use super::schedule;
use super::shut::Shut;
use super::tree::{self, Entry, Kind, Node, Value};
use super::values::Zones;
use crate::recurrence::find_zone_database;
use crate::schedule::diagnostic::{At, Diagnostic, Findings, Severity, SourceFile, quoted};
use crate::schedule::excerpt::Lines;
use crate::schedule::model::ScheduleSet;
use crate::schedule::name::{ConnectionName, ScheduleKey};

/// What was read, when nothing is wrong with it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked set.
    pub set: ScheduleSet,
    /// What is perhaps not meant, in the order of files and lines.
    pub warnings: Vec<Diagnostic>,
    /// The files it stands in.
    pub files: Vec<PathBuf>,
}

/// Why files cannot be used: every mistake of every file.
#[derive(Clone, Debug)]
pub struct Invalid {
    /// Errors and warnings, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads texts that are already there. Pure: `now` only tells which instants have passed.
///
/// # Errors
/// [`Invalid`] when any file has any error.
pub fn parse(files: &[SourceFile], now: Timestamp) -> Result<Loaded, Invalid> {
    // Byte-order marks would shift every column of a first line.
    let sources: Vec<SourceFile> = files
        .iter()
        .map(|file| SourceFile { text: file.text.trim_start_matches('\u{feff}').to_owned(), ..file.clone() })
        .collect();
    let mut findings = Findings::default();
    let mut trees = tree::parse_all(&sources, &mut findings);
    outdented::put_back(&mut trees, &sources, &mut findings);
    let set = read(&trees, &sources, now, &mut findings);
    let diagnostics = findings.finish(&sources);
    if diagnostics.iter().any(|d| d.severity == Severity::Error) {
        return Err(Invalid { diagnostics });
    }
    Ok(Loaded { set, warnings: diagnostics, files: files.iter().map(|file| file.path.clone()).collect() })
}

/// The entries of all files, each name once.
#[derive(Default)]
struct Merged<'t> {
    connections: Vec<(ConnectionName, &'t Entry)>,
    connection_places: BTreeMap<String, At>,
    calendars: Vec<&'t Entry>,
    calendar_places: BTreeMap<String, At>,
    schedules: Vec<(ScheduleKey, &'t Entry)>,
    schedule_places: BTreeMap<String, At>,
    schedules_at: Option<At>,
    pools: Vec<&'t Entry>,
    pool_places: BTreeMap<String, At>,
    all_pools: Pools,
    blackouts: Vec<&'t Entry>,
    blackout_places: BTreeMap<String, At>,
    notify: Vec<Field<'t>>,
    defaults: Option<Field<'t>>,
    daemon: Option<Field<'t>>,
}

fn read(trees: &[Node], sources: &[SourceFile], now: Timestamp, findings: &mut Findings) -> ScheduleSet {
    trees.iter().for_each(|tree| hidden::all(tree, findings));
    let mut merged = Merged::default();
    let mut all_read = trees.len() == sources.len();
    for tree in trees {
        all_read &= file(tree, &mut merged, findings).is_some();
    }
    let mut set = ScheduleSet::default();
    for (name, entry) in &merged.connections {
        if let Some(connection) = connection::read(entry, name.clone(), sources, findings) {
            set.connections.insert(name.clone(), connection);
        }
    }
    let homeless = merged.schedules.iter().any(|_| merged.connection_places.is_empty());
    if let Some(at) = merged.schedules_at.filter(|_| homeless && all_read) {
        findings
            .error(at, "no connection is described, so nothing says where the schedules run")
            .hint("write `connections: { NAME: { url: …, auth: … } }`");
    }
    let calendars: BTreeMap<_, _> =
        merged.calendars.iter().map(|entry| (entry.key.clone(), calendar::read(entry, findings))).collect();
    let daemon = merged.daemon.as_ref().map(|field| daemon::read(field, findings)).unwrap_or_default();
    let database = find_zone_database(daemon.zone_database);
    let zones = Zones { database: &database, usual: "UTC" };
    let nameable = merged.pools.iter().filter(|entry| keys::POOL.key(&entry.key).is_none());
    let pools_to_name = nameable.map(|entry| (entry.key.clone(), entry.key_at)).collect();
    let known = Known {
        connections: &merged.connection_places,
        calendars: &calendars,
        pools: &merged.pool_places,
        all_pools: merged.all_pools,
        pools_to_name: &pools_to_name,
        schedules: &merged.schedule_places,
        zones,
    };
    let fields = merged.defaults.as_ref().and_then(|field| open::within(field, &keys::DEFAULTS, findings));
    let defaults = match &fields {
        Some(fields) => Habits::read(fields, known, None, findings),
        None => Habits::default(),
    };
    let known = match &defaults.timezone {
        Given::Here(zone) => Known { zones: Zones { usual: zone.name(), ..zones }, ..known },
        Given::Absent | Given::TakenBack | Given::Wrong => known,
    };
    let default_folder = fields.as_ref().and_then(|fields| folder::read(fields, findings));
    let lines: Vec<Lines> = sources.iter().map(|source| Lines::new(&source.text)).collect();
    let changes = ClockChanges::after(now);
    let connections = set.connections.clone();
    let context = Context {
        sources,
        lines: &lines,
        now,
        known,
        connections: &connections,
        changes: &changes,
        defaults: &defaults,
        default_folder: default_folder.as_ref(),
        env: &daemon.allow_env,
    };
    for (key, entry) in &merged.schedules {
        if let Some(schedule) = schedule::read(entry, key.clone(), &context, findings) {
            set.schedules.insert(key.clone(), schedule);
        }
    }
    held_back(&merged, &context, &mut set, findings);
    // What is wrong with a schedule is told; what it would be in is not known.
    if all_read && set.schedules.len() == merged.schedule_places.len() {
        unused(&merged, fields.as_ref(), context.known, &set, now, findings);
        defaults.policies.judge_defaults(&set, findings);
    }
    for notify in &merged.notify {
        later::notify(notify, &merged.schedule_places, findings);
    }
    later::circles(&merged.schedules, findings);
    set.zone_database = daemon.zone_database;
    set.watch = daemon.watch;
    set.allow_env = daemon.allow_env;
    set.history = daemon.history;
    set.copies = daemon.copies;
    set
}

/// Warns of pools and calendars that nobody uses, and of pools that are used too much.
fn unused(
    merged: &Merged<'_>,
    defaults: Option<&Fields<'_>>,
    known: Known<'_>,
    set: &ScheduleSet,
    now: Timestamp,
    findings: &mut Findings,
) {
    pools::doubts(set, &merged.pool_places, findings);
    pools::too_small(set, &merged.schedule_places, now, findings);
    let good = |entry: &&&Entry| known.calendars.get(&entry.key).is_some_and(Option::is_some);
    let calendars: Vec<&Entry> = merged.calendars.iter().filter(good).copied().collect();
    calendar::doubts(&calendars, merged.schedules.iter().map(|(_, entry)| *entry), defaults, findings);
}

/// Pools and blackouts.
fn held_back(merged: &Merged<'_>, context: &Context<'_>, set: &mut ScheduleSet, findings: &mut Findings) {
    for entry in &merged.pools {
        if let Some(running) = pools::read(entry, findings) {
            set.pools.insert(entry.key.clone(), running);
        }
    }
    let mut shut = Shut::new(context.now);
    if let Some(over) = merged.blackouts.get(blackouts::MOST) {
        let most = blackouts::MOST;
        let what = format!("more than {most} blackouts, and each time of each schedule is looked for in all");
        findings.error(over.key_at, what).hint("put beginnings together: `cron` and `at` take lists");
    }
    for entry in merged.blackouts.iter().take(blackouts::MOST) {
        if let Some(blackout) = blackouts::read(entry, context, findings) {
            shut.add(&blackout, entry.key_at, findings);
            set.blackouts.insert(entry.key.clone(), blackout);
        }
    }
    if set.schedules.len() == merged.schedule_places.len() {
        blackouts::doubts(set, &merged.blackout_places, findings);
        shut.useless_waits(set, findings);
    }
    shut.doubts(set, &merged.schedule_places, findings);
}

fn file<'t>(tree: &'t Node, merged: &mut Merged<'t>, findings: &mut Findings) -> Option<()> {
    let start = At { file: tree.at.file, start: 0, end: 0 };
    if matches!(&tree.value, Value::Scalar(scalar) if scalar.kind == Kind::Null) {
        findings.error(start, "the file is empty").hint("begin with `version: 1`, or take the file away");
        return None;
    }
    let fields = open::file(tree, &keys::FILE, start, findings)?;
    if let Some(field) = fields.need("version", "write `version: 1` at the top of every file", findings) {
        version(&field, findings);
    }
    if let Some(field) = fields.get("connections") {
        named(&field, "connection", &mut merged.connection_places, findings, |name, entry| {
            merged.connections.extend(ScheduleKey::parse(name).map(|_| (ConnectionName(name.into()), entry)));
        });
    }
    if let Some(field) = fields.get("calendars") {
        named(&field, "calendar", &mut merged.calendar_places, findings, |_, entry| merged.calendars.push(entry));
    }
    if let Some(field) = fields.get("schedules") {
        merged.schedules_at.get_or_insert(field.key_at);
        named(&field, "schedule", &mut merged.schedule_places, findings, |name, entry| {
            merged.schedules.extend(ScheduleKey::parse(name).map(|key| (key, entry)));
        });
    }
    if let Some(field) = fields.get("limits") {
        named(&field, "pool", &mut merged.pool_places, findings, |_, entry| merged.pools.push(entry));
    }
    let nameless = merged.pool_places.keys().any(|name| keys::POOL.key(name).is_some());
    if nameless || fields.is_settled(&["limits"]) {
        merged.all_pools = Pools::Misplaced;
    }
    if let Some(field) = fields.get("blackouts") {
        named(&field, "blackout", &mut merged.blackout_places, findings, |_, entry| merged.blackouts.push(entry));
    }
    merged.notify.extend(fields.get("notify"));
    for (name, slot) in [("defaults", &mut merged.defaults), ("daemon", &mut merged.daemon)] {
        let Some(field) = fields.get(name) else { continue };
        match slot {
            Some(first) => {
                let finding = findings.error(field.key_at, format!("`{name}` may stand in one file only"));
                finding.hint("put all of it into one file; it holds for every file").also(first.key_at, "first here");
            }
            None => *slot = Some(field),
        }
    }
    Some(())
}

fn version(field: &Field<'_>, findings: &mut Findings) {
    let one = matches!(&field.node.value, Value::Scalar(scalar) if scalar.text == "1");
    if !one {
        field.error("`version` must be 1, the only one there is", findings).hint("write `version: 1`");
    }
}

/// Entries under names: each well formed, each once in all files. A second one is taken too, for its own mistakes.
fn named<'t>(
    field: &Field<'t>,
    what: &str,
    places: &mut BTreeMap<String, At>,
    findings: &mut Findings,
    mut take: impl FnMut(&str, &'t Entry),
) {
    for entry in field.entries(findings).unwrap_or_default() {
        if findings.hides(entry.key_at) {
            findings.error(entry.key_at, format!("a secret cannot be the name of a {what}"));
            continue;
        }
        if let Some(first) = places.get(&entry.key) {
            let finding = findings.error(entry.key_at, format!("{what} {} stands twice", quoted(&entry.key)));
            finding.hint("rename or remove one of the two").also(*first, "first here");
        } else {
            places.insert(entry.key.clone(), entry.key_at);
        }
        if ScheduleKey::parse(&entry.key).is_none() {
            let message = format!("{} cannot be the name of a {what}", quoted(&entry.key));
            findings.error(entry.key_at, message).hint(format!(
                "use letters, digits, `.`, `_` and `-`, and at most {} characters",
                ScheduleKey::MAX_CHARS
            ));
            continue;
        }
        if entry.key == NONE && matches!(what, "pool" | "calendar") {
            let message = format!("`{NONE}` cannot be the name of a {what}");
            let hint = format!("rename it; in a schedule `{what}: {NONE}` takes back the one of `defaults`");
            findings.error(entry.key_at, message).hint(hint);
            continue;
        }
        take(&entry.key, entry);
    }
}
