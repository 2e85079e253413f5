//! What the stand-in knows: what blows, what a cache has kept, which number a folder has, and the story of each Reference.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::earlier;
use serde_json::Value;

use super::super::dice::Dice;
use super::gateway::{About, Report, Way, date, pick};
use super::stand_in::QUIET;
use super::weather::{Asked, Kind, Plan, Reply, Weather, Work};
use super::wire::{Answer, Request};

/// An answer that a cache has kept.
#[derive(Clone, Debug)]
struct Kept {
    at: Timestamp,
    answer: Answer,
}

/// A cache forgets after this.
const KEPT_FOR: Duration = Duration::from_secs(300);

pub(crate) struct State {
    weather: Weather,
    pub(super) calm: bool,
    ordinals: HashMap<String, u64>,
    kept: HashMap<String, Kept>,
    /// Numbers as the daemon knows them, and the sandbox's. Renumbered folders have a new one.
    numbers: BTreeMap<i64, i64>,
    quiet: Vec<i64>,
    entered: usize,
    starts: usize,
    pub(crate) story: BTreeMap<String, Vec<String>>,
    pub(crate) counts: BTreeMap<String, u64>,
}

/// How a cache knows an answer that looks at the path alone.
fn by_path(request: &Request) -> String {
    format!("{} {:?}", request.path(), request.folder())
}

impl State {
    pub(crate) fn new(weather: Weather, folders: &[(i64, String)]) -> State {
        State {
            weather,
            calm: false,
            ordinals: HashMap::new(),
            kept: HashMap::new(),
            numbers: folders.iter().map(|(id, _)| (*id, *id)).collect(),
            quiet: folders.iter().filter(|(_, path)| path == QUIET).map(|(id, _)| *id).collect(),
            entered: usize::MAX,
            starts: 0,
            story: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// What blows now. With the first call in a stretch its folder is renumbered.
    pub(super) fn kind(&mut self, now: Timestamp) -> (Kind, Option<Report>) {
        if self.calm {
            return (Kind::Calm, None);
        }
        let (number, stretch) = self.weather.at(now);
        if self.entered != number {
            self.entered = number;
            *self.counts.entry(format!("weather {:?}", stretch.kind)).or_default() += 1;
            if let Some(nth) = stretch.renumbers {
                let mine: Vec<i64> = self.numbers.keys().copied().filter(|id| !self.quiet.contains(id)).collect();
                if !mine.is_empty() {
                    let old = mine[nth as usize % mine.len()];
                    if let Some(real) = self.numbers.remove(&old) {
                        self.numbers.insert(7_000_000 + number as i64, real);
                        *self.counts.entry("folders renumbered".to_owned()).or_default() += 1;
                    }
                }
            }
        }
        (stretch.kind, stretch.style)
    }

    pub(super) fn plan(
        &mut self,
        seed: u64,
        request: &Request,
        reference: Option<&str>,
        now: Timestamp,
    ) -> (Plan, Way, Vec<String>) {
        let (kind, style) = self.kind(now);
        let quiet = request.folder().is_some_and(|folder| self.quiet.contains(&folder));
        let kind = if quiet { Kind::Calm } else { kind };
        let about = if kind == Kind::Alone { About::OneStart } else { About::Anything };
        let way = Way { style, about };
        let asked = Asked::of(request.path());
        let key = reference.map_or_else(|| format!("{asked:?}"), str::to_owned);
        let ordinal = self.ordinals.entry(key).or_default();
        *ordinal += 1;
        self.starts += usize::from(*ordinal == 1 && reference.is_some() && !quiet);
        match reference {
            Some(reference) => {
                let plan = Plan::of_start(seed, reference, *ordinal, kind);
                (plan, way, vec![reference.to_owned()])
            }
            None => (Plan::of_read(seed, asked, *ordinal, kind), way, request.references_asked()),
        }
    }

    /// The request with the sandbox's number of its folder.
    pub(super) fn for_the_sandbox(&self, request: &Request) -> Request {
        match request.folder() {
            None => request.clone(),
            Some(number) => request.in_folder(self.numbers.get(&number).copied().unwrap_or(999_999_999)),
        }
    }

    /// The answer with the number that a folder has now; what a cache may keep is kept.
    pub(super) fn as_the_daemon_knows(&mut self, request: &Request, mut answer: Answer, now: Timestamp) -> Answer {
        if answer.status == 200
            && Asked::of(request.path()) == Asked::Folders
            && let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body)
        {
            for folder in body["value"].as_array_mut().into_iter().flatten() {
                let real = folder["Id"].as_i64();
                if let Some((number, _)) = self.numbers.iter().find(|(_, known)| Some(**known) == real) {
                    folder["Id"] = Value::from(*number);
                }
            }
            answer.body = body.to_string().into_bytes();
        }
        if answer.status == 200 && request.method == "GET" {
            for key in [request.target.clone(), by_path(request)] {
                let kept = self.kept.entry(key).or_insert_with(|| Kept { at: now, answer: answer.clone() });
                if kept.at < earlier(now, KEPT_FOR) {
                    *kept = Kept { at: now, answer: answer.clone() };
                }
            }
        }
        answer
    }

    /// What a cache has of the same question. One that goes by the path alone says that it is one; others may say nothing
    /// (envoyproxy/envoy issue 15830: no `Age` once an entry was validated).
    pub(super) fn cached(&mut self, dice: &mut Dice, request: &Request, now: Timestamp) -> Option<Answer> {
        if request.method != "GET" {
            return None;
        }
        let fresh = |kept: &&Kept| kept.at >= earlier(now, KEPT_FOR);
        let by_target = self.kept.get(&request.target).filter(fresh).cloned();
        let by_its_path = self.kept.get(&by_path(request)).filter(fresh).cloned();
        let (Kept { at, answer }, same) = match (by_target, by_its_path) {
            (Some(kept), _) => (kept, true),
            (None, Some(kept)) if dice.percent(20) => (kept, false),
            (None, _) => return None,
        };
        let age = now.duration_since(at).as_secs();
        *self.counts.entry("answers from a cache".to_owned()).or_default() += 1;
        let nothing_said = dice.percent(50);
        Some(match dice.throw(6) {
            5 if same && age > 3 => answer,
            _ if same && nothing_said => answer.set("Date", date(now)),
            // A mark of less than a second is none: the answer is as good as fresh.
            0 => answer.with("Age", age.max(1).to_string()),
            1 => answer.set("Date", date(now)).with("Age", age.max(1).to_string()),
            2 => answer.set("Date", date(now)).with("X-Cache", "HIT from proxy.acme.example"),
            3 => answer.set("Date", date(now)).with("CF-Cache-Status", pick(dice, &["HIT", "STALE"])),
            _ => answer.with("Age", age.max(1).to_string()).with("X-Cache", "HIT"),
        })
    }

    pub(super) fn note(&mut self, at: Timestamp, names: &[String], told: &str) {
        for name in names {
            self.story.entry(name.clone()).or_default().push(format!("{at:.3} {told}"));
        }
    }

    pub(super) fn tell(&mut self, at: Timestamp, names: &[String], request: &Request, plan: &Plan, told: &str) {
        let what = if request.is_start() { "start" } else { "look-up" };
        let Plan { work, reply, hold, dice: _ } = plan;
        let folder = request.folder().unwrap_or_default();
        if request.is_start() && !self.quiet.contains(&folder) && !self.calm {
            *self.counts.entry("starts".to_owned()).or_default() += 1;
            if *work != Work::Made || *reply != Reply::True {
                *self.counts.entry("starts attacked".to_owned()).or_default() += 1;
            }
        }
        let line = format!("{what} in folder {folder}: {work:?}, {reply:?} after {hold:?}: {told}");
        self.note(at, names, &line);
    }

    /// Starts with a story worth telling: asked for more than once, or looked up.
    pub(crate) fn attacked(&self) -> BTreeSet<String> {
        self.story.iter().filter(|(_, told)| told.len() > 1).map(|(name, _)| name.clone()).collect()
    }

    /// How many different starts were asked for, the neighbours' aside.
    pub(crate) fn references(&self) -> usize {
        self.starts
    }
}
