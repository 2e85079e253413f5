//! The stand-in between daemon and sandbox: it does with each call what the weather and the draw say, and writes it down.
//!
//! Its time is the clock of the test, its connections are real. A job that is made late is made so long after the end of the
//! call as the client knows it: after the last byte of the answer, or after the client hung up, whichever came first.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::{Clock, earlier};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::dice::Dice;
use super::gateway::{self, Report, date, pick};
use super::pack::Coding;
use super::weather::{Asked, Kind, Plan, Reply, Weather, Work};
use super::wire::{Answer, Framing, Request, forward};

/// An answer that a cache has kept.
#[derive(Clone, Debug)]
struct Kept {
    at: Timestamp,
    answer: Answer,
}

/// A cache forgets after this.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// How the neighbours' folder is called; nobody touches what is asked there.
pub(crate) const QUIET: &str = "Quiet";

pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    server: JoinHandle<()>,
}

pub(crate) struct Shared {
    seed: u64,
    clock: Clock,
    real: Clock,
    sandbox: SocketAddr,
    state: Mutex<State>,
    /// Calls that are being worked on now, those that wait for the clock aside.
    active: AtomicUsize,
    last: Mutex<Duration>,
    /// Closed while nobody listens.
    gate: watch::Sender<bool>,
}

pub(crate) struct State {
    weather: Weather,
    calm: bool,
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

/// A call that is being worked on.
struct Busy<'a>(&'a Shared);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::SeqCst);
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = self.0.real.boottime();
    }
}

impl StandIn {
    pub(crate) async fn start(
        seed: u64,
        clock: &Clock,
        sandbox: SocketAddr,
        folders: &[(i64, String)],
        weather: Weather,
    ) -> io::Result<StandIn> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = State {
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
        };
        let shared = Arc::new(Shared {
            seed,
            clock: clock.clone(),
            real: Clock::system(),
            sandbox,
            state: Mutex::new(state),
            active: AtomicUsize::new(0),
            last: Mutex::new(Duration::ZERO),
            gate: watch::Sender::new(true),
        });
        let server = tokio::spawn(accept(shared.clone(), listener, address));
        Ok(StandIn { address, shared, server })
    }

    pub(crate) fn stop(self) {
        self.server.abort();
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut gate = shared.gate.subscribe();
    let mut listener = Some(listener);
    loop {
        let open = *gate.borrow_and_update();
        match &listener {
            Some(socket) if open => {
                let accepted = tokio::select! {
                    accepted = socket.accept() => accepted,
                    _ = gate.changed() => continue,
                };
                if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    let (shared, gate) = (shared.clone(), shared.gate.subscribe());
                    tokio::spawn(async move { serve(&shared, stream, gate).await });
                }
            }
            Some(_) => listener = None,
            None if open => match TcpListener::bind(address).await {
                Ok(socket) => listener = Some(socket),
                Err(_) => shared.real.sleep(Duration::from_millis(5)).await,
            },
            None => {
                if gate.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// How a connection goes on.
enum Then {
    Again,
    Close,
    Reset,
}

async fn serve(shared: &Arc<Shared>, mut stream: TcpStream, mut gate: watch::Receiver<bool>) {
    let mut seen = Vec::new();
    loop {
        let request = tokio::select! {
            request = Request::read(&mut stream, &mut seen) => request,
            // Nobody is there any more.
            _ = gate.wait_for(|open| !open) => return,
        };
        let Ok(Some(request)) = request else { return };
        match shared.call(&mut stream, &request).await {
            Then::Again => {}
            Then::Close => {
                let _ = stream.shutdown().await;
                return;
            }
            Then::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
        }
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing has been worked on for this long of real time.
    pub(crate) fn is_idle_for(&self, length: Duration) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.active.load(Ordering::SeqCst) == 0 && self.real.boottime().saturating_sub(last) >= length
    }

    /// Nothing is attacked from here on.
    pub(crate) fn calm_down(&self) {
        self.lock().calm = true;
        self.gate.send_replace(true);
    }

    /// Lets the weather change, also while nobody asks.
    pub(crate) fn blow(&self, now: Timestamp) {
        let open = {
            let mut state = self.lock();
            state.kind(now).0 != Kind::Gone
        };
        self.gate.send_if_modified(|gate| std::mem::replace(gate, open) != open);
    }

    fn busy(&self) -> Busy<'_> {
        self.active.fetch_add(1, Ordering::SeqCst);
        Busy(self)
    }

    async fn call(self: &Arc<Self>, stream: &mut TcpStream, request: &Request) -> Then {
        let busy = self.busy();
        let now = self.clock.now();
        let reference = request.is_start().then(|| request.reference()).flatten();
        let (plan, style, names) = self.lock().plan(self.seed, request, reference.as_deref(), now);
        let reals = self.lock().for_the_sandbox(request);
        let mut plan = plan;
        let kept = match plan.reply {
            Reply::Cached => self.lock().cached(&mut plan.dice, request, now),
            _ => None,
        };
        let said = match (plan.work, kept) {
            // Orchestrator is not asked.
            (_, Some(kept)) => Some(kept),
            (Work::Made, None) => {
                let asked = if plan.reply == Reply::Unfiltered { reals.without_filter() } else { reals.clone() };
                let answer = forward(self.sandbox, &asked).await.ok();
                answer.map(|answer| self.lock().as_the_daemon_knows(request, answer, now))
            }
            (Work::NotMade | Work::MadeLate(_), None) => None,
        };
        drop(busy);
        let mut gone = false;
        if !plan.hold.is_zero() {
            let mut nothing = [0_u8; 1];
            tokio::select! {
                () = self.clock.sleep(plan.hold) => {}
                // It hung up, or died.
                _ = stream.read(&mut nothing) => gone = true,
            }
        }
        let busy = self.busy();
        let (then, told) = if gone {
            (Then::Reset, "the client hung up".to_owned())
        } else {
            self.reply(stream, request, plan.clone(), style, said).await
        };
        self.lock().tell(now, &names, request, &plan, &told);
        if let Work::MadeLate(after) = plan.work {
            let shared = self.clone();
            let names = names.clone();
            tokio::spawn(async move {
                shared.clock.sleep(after).await;
                let _busy = shared.busy();
                let made = forward(shared.sandbox, &reals).await.map(|answer| answer.status);
                let at = shared.clock.now();
                shared.lock().note(at, &names, &format!("made now, {after:?} after the end of the call: {made:?}"));
            });
        }
        drop(busy);
        then
    }

    /// Answers, and tells what was answered.
    async fn reply(
        &self,
        stream: &mut TcpStream,
        request: &Request,
        plan: Plan,
        style: Option<Report>,
        said: Option<Answer>,
    ) -> (Then, String) {
        let Plan { work, reply, hold: _, mut dice } = plan;
        let now = self.clock.now();
        let said = said.unwrap_or_else(|| Answer::new(502, "", ""));
        let gateway = |dice: &mut Dice| match request.is_start() {
            true => gateway::to_a_start(dice, style, request, work.processed(), now),
            false => gateway::gateway(dice, style, request, now),
        };
        let (answer, cut) = match reply {
            Reply::True | Reply::Unfiltered | Reply::Cached => (said, None),
            Reply::Dressed => (dressed(&mut dice, said), None),
            Reply::Gateway => (gateway(&mut dice), None),
            Reply::Own => (gateway::own(&mut dice), None),
            Reply::Empty => (Answer { body: br#"{"@odata.context":"x","value":[]}"#.to_vec(), ..said }, None),
            Reply::Silence => return (Then::Close, "nothing for 30 s".to_owned()),
            Reply::Cut => {
                let whole = if dice.percent(50) { said } else { gateway(&mut dice) };
                let length = whole.bytes().len() as u64;
                (whole, Some(dice.throw(length) as usize))
            }
        };
        let bytes = answer.bytes();
        let sent = cut.unwrap_or(bytes.len());
        let written = stream.write_all(&bytes[..sent]).await;
        let marks: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| MARKS.iter().any(|mark| name.eq_ignore_ascii_case(mark)))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let told =
            format!("{} {:?} [{}] {} of {} bytes", answer.status, answer.framing, marks.join("; "), sent, bytes.len());
        let then = match cut {
            _ if written.is_err() => Then::Reset,
            Some(_) if dice.percent(50) => Then::Reset,
            Some(_) => Then::Close,
            None if answer.keeps_alive() && !dice.percent(5) => Then::Again,
            None => Then::Close,
        };
        (then, told)
    }
}

/// How a cache knows an answer that looks at the path alone.
fn by_path(request: &Request) -> String {
    format!("{} {:?}", request.path(), request.folder())
}

/// Headers that are worth a word in the story.
const MARKS: [&str; 8] =
    ["age", "x-cache", "cf-cache-status", "date", "retry-after", "www-authenticate", "location", "content-encoding"];

/// The truth in odd clothes.
fn dressed(dice: &mut Dice, answer: Answer) -> Answer {
    let mut answer = answer;
    match dice.throw(6) {
        // RFC 8259 8.1: a parser may ignore it.
        0 => answer.body = [b"\xef\xbb\xbf".as_slice(), &answer.body].concat(),
        // Unasked, as behind Kong/insomnia issue 2047.
        1 | 2 => {
            let coding = pick(dice, &[Coding::Gzip, Coding::Deflate, Coding::Brotli]);
            answer.body = coding.pack(&answer.body);
            answer = answer.set("Content-Encoding", coding.name());
        }
        // Packed without a word of it (apache/trafficcontrol issue 1737), or the word without the packing
        // (jolibrain/deepdetect issue 176).
        3 if dice.percent(30) => answer.body = Coding::Gzip.pack(&answer.body),
        3 => answer = answer.set("Content-Encoding", "gzip"),
        4 => answer.framing = Framing::Chunked,
        _ => answer.framing = Framing::UntilClosed,
    }
    answer
}

impl State {
    /// What blows now. With the first call in a stretch its folder is renumbered.
    fn kind(&mut self, now: Timestamp) -> (Kind, Option<Report>) {
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

    fn plan(
        &mut self,
        seed: u64,
        request: &Request,
        reference: Option<&str>,
        now: Timestamp,
    ) -> (Plan, Option<Report>, Vec<String>) {
        let (kind, style) = self.kind(now);
        let quiet = request.folder().is_some_and(|folder| self.quiet.contains(&folder));
        let kind = if quiet { Kind::Calm } else { kind };
        let asked = Asked::of(request.path());
        let key = reference.map_or_else(|| format!("{asked:?}"), str::to_owned);
        let ordinal = self.ordinals.entry(key).or_default();
        *ordinal += 1;
        self.starts += usize::from(*ordinal == 1 && reference.is_some() && !quiet);
        match reference {
            Some(reference) => {
                let plan = Plan::of_start(seed, reference, *ordinal, kind);
                (plan, style, vec![reference.to_owned()])
            }
            None => (Plan::of_read(seed, asked, *ordinal, kind), style, request.references_asked()),
        }
    }

    /// The request with the sandbox's number of its folder.
    fn for_the_sandbox(&self, request: &Request) -> Request {
        match request.folder() {
            None => request.clone(),
            Some(number) => request.in_folder(self.numbers.get(&number).copied().unwrap_or(999_999_999)),
        }
    }

    /// The answer with the number that a folder has now; what a cache may keep is kept.
    fn as_the_daemon_knows(&mut self, request: &Request, mut answer: Answer, now: Timestamp) -> Answer {
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

    /// What a cache has of the same question. One that goes by the path alone says that it is one; others may be silent
    /// (envoyproxy/envoy issue 15830: no `Age` once an entry was validated).
    fn cached(&mut self, dice: &mut Dice, request: &Request, now: Timestamp) -> Option<Answer> {
        if request.method != "GET" {
            return None;
        }
        let fresh = |kept: &&Kept| kept.at >= earlier(now, KEPT_FOR);
        let by_target = self.kept.get(&request.target).filter(fresh).cloned();
        let by_its_path = self.kept.get(&by_path(request)).filter(fresh).cloned();
        let (Kept { at, answer }, silent) = match (by_target, by_its_path) {
            (Some(kept), _) => (kept, dice.percent(50)),
            (None, Some(kept)) if dice.percent(20) => (kept, false),
            (None, _) => return None,
        };
        let age = now.duration_since(at).as_secs();
        *self.counts.entry("answers from a cache".to_owned()).or_default() += 1;
        Some(match dice.throw(6) {
            5 if age > 3 => answer,
            _ if silent => answer.set("Date", date(now)),
            // A mark of less than a second is none: the answer is as good as fresh.
            0 => answer.with("Age", age.max(1).to_string()),
            1 => answer.set("Date", date(now)).with("Age", age.max(1).to_string()),
            2 => answer.set("Date", date(now)).with("X-Cache", "HIT from proxy.acme.example"),
            3 => answer.set("Date", date(now)).with("CF-Cache-Status", pick(dice, &["HIT", "STALE"])),
            _ => answer.with("Age", age.max(1).to_string()).with("X-Cache", "HIT"),
        })
    }

    fn note(&mut self, at: Timestamp, names: &[String], told: &str) {
        for name in names {
            self.story.entry(name.clone()).or_default().push(format!("{at:.3} {told}"));
        }
    }

    fn tell(&mut self, at: Timestamp, names: &[String], request: &Request, plan: &Plan, told: &str) {
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

    /// How many different starts were asked for, the neighbours' aside.
    pub(crate) fn references(&self) -> usize {
        self.starts
    }
}
