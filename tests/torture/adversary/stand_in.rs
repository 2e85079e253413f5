//! The stand-in between daemon and sandbox: it does with each call what the weather and the draw say, and writes it down.
//!
//! Its time is the clock of the test, its connections are real. A job that is made late is made so long after the end of the
//! call as the client knows it: after the last byte of the answer, or after the client hung up, whichever came first.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::{Clock, earlier, later};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::dice::Dice;
use super::gateway::{self, Way, date, pick};
use super::pack::Coding;
use super::traffic::State;
use super::weather::{Kind, Plan, Reply, Weather, Work};
use super::wire::{Answer, Framing, Request, forward};

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
        let state = State::new(weather, folders);
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
        let (plan, way, names) = self.lock().plan(self.seed, request, reference.as_deref(), now);
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
            self.reply(stream, request, plan.clone(), way, said).await
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
        way: Way,
        said: Option<Answer>,
    ) -> (Then, String) {
        let Plan { work, reply, hold: _, mut dice } = plan;
        let now = self.clock.now();
        let said = said.unwrap_or_else(|| Answer::new(502, "", ""));
        let gateway = |dice: &mut Dice| match request.is_start() {
            true => gateway::to_a_start(dice, &way, request, work.processed(), now),
            false => gateway::gateway(dice, way.style, request, now),
        };
        let (answer, cut) = match reply {
            Reply::True | Reply::Unfiltered | Reply::Cached => (said, None),
            Reply::Dressed => (dressed(&mut dice, said, now), None),
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

/// One answer's clock is wrong.
fn off_by_minutes(dice: &mut Dice, answer: Answer, now: Timestamp) -> Answer {
    let off = Duration::from_secs(3 + dice.throw(600));
    let shown = if dice.percent(50) { earlier(now, off) } else { later(now, off) };
    answer.set("Date", date(shown))
}

/// Headers that are worth a word in the story.
const MARKS: [&str; 8] =
    ["age", "x-cache", "cf-cache-status", "date", "retry-after", "www-authenticate", "location", "content-encoding"];

/// The truth in odd clothes.
fn dressed(dice: &mut Dice, answer: Answer, now: Timestamp) -> Answer {
    let mut answer = answer;
    match dice.throw(7) {
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
        5 => answer = off_by_minutes(dice, answer, now),
        _ => answer.framing = Framing::UntilClosed,
    }
    answer
}
