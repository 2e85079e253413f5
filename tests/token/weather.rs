//! A token server in bad weather: two thousand rotations of a token that works once, drawn from a seed, with processes that are
//! asked to stop and killed in the middle of them.
//!
//! What must hold: no login is lost while any answer carried the new token whole within 100 s and the process was not killed.
//! The server knows the truth: which token it rotated into which, and whether an answer with the new one left it whole.
//!
//! Its behaviours are from reports: answers after 12 to 100 s (DuendeArchive/IdentityServer4 4465, Support 641), answers that
//! are lost after the rotation (IdentityServer4 3368, zitadel 9631, audiobookshelf 5281), a window in which the old token is
//! answered once more with the same one (WorkOS, 30 s: kurrent-io/kcap-cli 946) or with another one that replaces it (WSO2:
//! docs-is 6173), families that end when a token comes twice (RFC 9700, 4.14.2), gzip that nobody asked for, with and without its
//! header (modelcontextprotocol/typescript-sdk 2408, 2436), a byte order mark (microsoftgraph/microsoft-graph-docs 679).
//!
//! Time is moved by hand. A process is a runtime of its own: a kill drops every task where it stands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use punctual::auth::{AuthEnvironment, Credential, Exchanges, TokenManager, TokenState, TokenStatus};
use punctual::clock::{Clock, ManualClock};
use punctual::grant::Grant;
use punctual::secret::{SecretRef, SecretSource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::server::noon;

/// Longest that an answer takes in all.
const LONGEST: Duration = Duration::from_secs(99);
const STEP: Duration = Duration::from_secs(5);

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// splitmix64.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    fn within(&mut self, length: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(length.as_millis()).unwrap() + 1))
    }
}

/// What a server does with a token that comes a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grace {
    /// The family ends.
    None,
    /// The same answer again, for so long.
    Same(Duration),
    /// A new token that replaces the one given before, for so long.
    Replaced(Duration),
}

/// How the answer looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Plain,
    Mark,
    Wide,
    Gzip,
    GzipWithoutHeader,
    MarkedGzip,
    TextPlain,
    TextHtml,
    InPage,
    Padded,
    Trailing,
    Wrapped,
    TokenFirst,
    Form,
}

const SHAPES: [Shape; 14] = [
    Shape::Plain,
    Shape::Mark,
    Shape::Wide,
    Shape::Gzip,
    Shape::GzipWithoutHeader,
    Shape::MarkedGzip,
    Shape::TextPlain,
    Shape::TextHtml,
    Shape::InPage,
    Shape::Padded,
    Shape::Trailing,
    Shape::Wrapped,
    Shape::TokenFirst,
    Shape::Form,
];

/// How it travels, and whether the token was given out before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Whole, in one piece.
    Whole,
    /// Whole, head first, then the body in pieces.
    Slow,
    /// Whole, then a reset.
    ResetAfter,
    /// With another status than 200.
    OddStatus(u16),
    /// The new token is whole, and then the connection ends.
    CutAfterToken,
    /// The connection ends before the new token is whole.
    CutBeforeToken,
    /// A reset in the place of an answer.
    ResetInstead,
    /// Another answer in the place of the right one, after the rotation.
    Instead(u16),
    /// None for ever.
    Silent,
    /// Refused before anything was rotated.
    Early(u16),
    /// Reset before anything was rotated.
    EarlyReset,
}

impl Fate {
    fn draw(dice: &mut Dice) -> Fate {
        match dice.below(100) {
            0..50 => Fate::Whole,
            50..65 => Fate::Slow,
            65..69 => Fate::ResetAfter,
            69..72 => Fate::OddStatus(dice.one_of(&[201, 203, 403, 500, 502])),
            72..79 => Fate::CutAfterToken,
            79..83 => Fate::CutBeforeToken,
            83..86 => Fate::ResetInstead,
            86..91 => Fate::Instead(dice.one_of(&[302, 403, 404, 500, 502, 503, 504])),
            91..93 => Fate::Silent,
            93..97 => Fate::Early(dice.one_of(&[429, 500, 502, 503])),
            _ => Fate::EarlyReset,
        }
    }

    fn rotates(self) -> bool {
        !matches!(self, Fate::Early(_) | Fate::EarlyReset)
    }
}

/// One rotation as the server knows it.
#[derive(Clone, Debug)]
struct Rotation {
    old: String,
    new: String,
    at: Duration,
    /// An answer with the new token left the server whole, within 100 s.
    carried: bool,
    /// The process that asked was killed meanwhile.
    killed: bool,
    fates: Vec<String>,
}

#[derive(Debug)]
struct Truth {
    dice: Dice,
    current: String,
    alive: bool,
    grace: Grace,
    last: Option<Rotation>,
    rotations: u64,
    logins: u64,
    counts: BTreeMap<String, u64>,
    /// Logins that were lost, each with whether it may have been.
    lost: Vec<(bool, String)>,
}

/// What the server is at with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum At {
    /// It is answered further at this instant.
    Until(Duration),
    /// It is never answered.
    Never,
    /// All has left.
    Answered,
}

/// The requests that are at the server, those of dead processes too.
#[derive(Debug, Default)]
struct Desk {
    arrived: u64,
    open: BTreeMap<u64, At>,
}

impl Desk {
    /// What the next thing is that only time can bring.
    fn next(&self) -> At {
        self.open.values().min().copied().unwrap_or(At::Answered)
    }
}

#[derive(Clone)]
struct Server {
    truth: Arc<Mutex<Truth>>,
    at: Arc<watch::Sender<Desk>>,
    clock: Clock,
}

/// What is sent for one request.
struct Plan {
    fate: Fate,
    shape: Shape,
    delay: Duration,
    pieces: u64,
    new: String,
}

impl Server {
    fn begin_login(&self) -> String {
        let mut truth = self.truth.lock().unwrap();
        truth.logins += 1;
        let first = format!("login-{}-first-0123456789abcdef", truth.logins);
        let length = Duration::from_secs(10 + truth.dice.below(50));
        let graces = [Grace::None, Grace::Same(length), Grace::Same(length), Grace::Replaced(length)];
        truth.grace = truth.dice.one_of(&graces);
        (truth.current, truth.alive, truth.last) = (first.clone(), true, None);
        first
    }

    /// What a request with this token comes to; none: it is refused.
    fn plan(&self, token: &str) -> Option<Plan> {
        let now = self.clock.boottime();
        let mut truth = self.truth.lock().unwrap();
        let mut dice = truth.dice.clone();
        let fate = Fate::draw(&mut dice);
        let delay = match dice.below(10) {
            0..5 => Duration::ZERO,
            5..8 => dice.within(Duration::from_secs(20)),
            _ => dice.within(LONGEST),
        };
        let plan = |new: &str, dice: &mut Dice| Plan {
            fate,
            shape: dice.one_of(&SHAPES),
            delay,
            pieces: 1 + dice.below(6),
            new: new.to_owned(),
        };
        let serial = dice.roll();
        truth.dice = dice.clone();
        *truth.counts.entry(format!("{fate:?}")).or_default() += 1;
        let is_current = truth.alive && truth.current == token;
        let again = truth.last.clone().filter(|last| {
            let within = match truth.grace {
                Grace::None => false,
                Grace::Same(length) | Grace::Replaced(length) => now.saturating_sub(last.at) <= length,
            };
            truth.alive && last.old == token && within
        });
        let old = token.to_owned();
        match (is_current, again) {
            (true, _) if !fate.rotates() => Some(plan("", &mut dice)),
            (true, _) => {
                truth.rotations += 1;
                let new = format!("refresh-{}-{serial:016x}", truth.rotations);
                let fates = vec![format!("{fate:?} after {delay:?}")];
                truth.current.clone_from(&new);
                truth.last = Some(Rotation { old, new: new.clone(), at: now, carried: false, killed: false, fates });
                Some(plan(&new, &mut dice))
            }
            (false, Some(last)) => {
                if !fate.rotates() {
                    return Some(plan("", &mut dice));
                }
                let new = match truth.grace {
                    Grace::Replaced(_) => format!("refresh-{}-again-{serial:016x}", truth.rotations),
                    Grace::None | Grace::Same(_) => last.new.clone(),
                };
                truth.current.clone_from(&new);
                let fates = [last.fates, vec![format!("again: {fate:?} after {delay:?}")]].concat();
                truth.last = Some(Rotation { new: new.clone(), fates, ..last });
                Some(plan(&new, &mut dice))
            }
            (false, None) => {
                // Used before: all that came of it is void.
                if truth.alive {
                    truth.alive = false;
                    let may =
                        truth.last.as_ref().is_some_and(|last| last.old == token && (!last.carried || last.killed));
                    let told = format!("{token} came again at {now:?}: {:?}", truth.last);
                    truth.lost.push((may, told));
                }
                None
            }
        }
    }

    fn carried(&self, new: &str) {
        let mut truth = self.truth.lock().unwrap();
        if let Some(last) = truth.last.as_mut().filter(|last| last.new == new) {
            last.carried = true;
        }
    }

    /// The process that asked is gone.
    fn killed(&self) {
        if let Some(last) = self.truth.lock().unwrap().last.as_mut() {
            last.killed = true;
        }
    }

    fn set(&self, number: u64, at: At) {
        self.at.send_modify(|desk| match at {
            At::Answered => drop(desk.open.remove(&number)),
            At::Until(_) | At::Never => {
                desk.arrived = desk.arrived.max(number);
                desk.open.insert(number, at);
            }
        });
    }

    async fn wait(&self, number: u64, length: Duration) {
        let end = self.clock.boottime() + length;
        self.set(number, At::Until(end));
        self.clock.sleep_until_boottime(end).await;
    }

    async fn serve(self, listener: TcpListener) {
        let mut number = 0;
        while let Ok((stream, _)) = listener.accept().await {
            number += 1;
            let server = self.clone();
            tokio::spawn(async move {
                // An error: whoever asked has gone.
                let _ = server.answer(number, stream).await;
                server.set(number, At::Answered);
            });
        }
    }

    async fn answer(&self, number: u64, mut stream: TcpStream) -> std::io::Result<()> {
        let Some(token) = asked_with(&mut stream).await? else { return Ok(()) };
        let Some(Plan { fate, shape, delay, pieces, new }) = self.plan(&token) else {
            self.set(number, At::Until(self.clock.boottime()));
            let refusal = head(400, "application/json", &[]) + "{\"error\":\"invalid_grant\"}";
            return stream.write_all(refusal.as_bytes()).await;
        };
        let share = if fate == Fate::Slow { delay / u32::try_from(pieces + 1).unwrap() } else { delay };
        self.wait(number, share).await;
        let body = body(shape, &new);
        match fate {
            Fate::Whole | Fate::ResetAfter | Fate::OddStatus(_) => {
                let status = if let Fate::OddStatus(status) = fate { status } else { 200 };
                let answer = [head(status, shape.content_type(), &shape.headers()).into_bytes(), body].concat();
                stream.write_all(&answer).await?;
                self.carried(&new);
                if fate == Fate::ResetAfter {
                    stream.set_zero_linger()?;
                }
            }
            Fate::Slow => {
                let head = head(200, shape.content_type(), &shape.headers());
                stream.write_all(head.as_bytes()).await?;
                let length = body.len().div_ceil(usize::try_from(pieces).unwrap());
                for piece in body.chunks(length) {
                    self.wait(number, share).await;
                    stream.write_all(piece).await?;
                    stream.flush().await?;
                }
                self.carried(&new);
            }
            Fate::CutAfterToken => {
                // Of what is packed nobody can say where the token ends.
                let plain = body_of_json(&new).into_bytes();
                let end = find_last(&plain, new.as_bytes()) + new.len() + 1;
                let promised = [("content-length", (plain.len() + 100).to_string())];
                let answer = [head(200, "application/json", &promised).as_bytes(), &plain[..end]].concat();
                stream.write_all(&answer).await?;
                self.carried(&new);
            }
            Fate::CutBeforeToken => {
                let plain = body_of_json(&new).into_bytes();
                let end = find_last(&plain, new.as_bytes()) + new.len() / 2;
                let promised = [("content-length", plain.len().to_string())];
                let answer = [head(200, "application/json", &promised).as_bytes(), &plain[..end]].concat();
                stream.write_all(&answer).await?;
            }
            Fate::ResetInstead | Fate::EarlyReset => stream.set_zero_linger()?,
            Fate::Instead(status) | Fate::Early(status) => {
                let page = head(status, "text/html", &[]) + "<!DOCTYPE html><title>Blocked</title>";
                stream.write_all(page.as_bytes()).await?;
            }
            Fate::Silent => {
                self.set(number, At::Never);
                let mut nothing = [0; 1];
                while stream.read(&mut nothing).await? > 0 {}
            }
        }
        stream.shutdown().await
    }
}

/// The refresh token of a request; none when the connection ends before.
async fn asked_with(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Ok(None);
        }
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
        });
        if body.len() >= length.unwrap_or(0) {
            let mut pairs = url::form_urlencoded::parse(body.as_bytes());
            return Ok(pairs.find(|(name, _)| name == "refresh_token").map(|(_, value)| value.into_owned()));
        }
    }
}

fn head(status: u16, kind: &str, more: &[(&str, String)]) -> String {
    let mut head = format!("HTTP/1.1 {status} Drawn\r\ncontent-type: {kind}\r\nconnection: close\r\n");
    for (name, value) in more {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head + "\r\n"
}

/// The access token, which comes first, is named after it.
fn find_last(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).rposition(|window| window == part).unwrap()
}

fn body_of_json(new: &str) -> String {
    format!(
        "{{\"access_token\":\"at-for-{new}\",\"expires_in\":3600,\"token_type\":\"Bearer\",\"refresh_token\":\"{new}\",\"scope\":\"OR.Jobs offline_access\"}}"
    )
}

impl Shape {
    fn content_type(self) -> &'static str {
        match self {
            Shape::TextPlain | Shape::Padded => "text/plain",
            Shape::TextHtml | Shape::InPage => "text/html; charset=utf-8",
            Shape::Form => "application/x-www-form-urlencoded",
            Shape::Plain
            | Shape::Mark
            | Shape::Wide
            | Shape::Gzip
            | Shape::GzipWithoutHeader
            | Shape::MarkedGzip
            | Shape::Trailing
            | Shape::Wrapped
            | Shape::TokenFirst => "application/json",
        }
    }

    fn headers(self) -> Vec<(&'static str, String)> {
        match self {
            Shape::Gzip | Shape::MarkedGzip => vec![("content-encoding", "gzip".to_owned())],
            _ => Vec::new(),
        }
    }
}

fn body(shape: Shape, new: &str) -> Vec<u8> {
    let plain = body_of_json(new);
    match shape {
        Shape::Plain | Shape::TextHtml => plain.into_bytes(),
        Shape::TextPlain => plain.replace("3600", "\"3600\"").into_bytes(),
        Shape::Mark => [b"\xEF\xBB\xBF".as_slice(), plain.replace("3600", "3599.0").as_bytes()].concat(),
        Shape::Wide => {
            let units = plain.encode_utf16().flat_map(u16::to_le_bytes);
            [0xFF, 0xFE].into_iter().chain(units).collect()
        }
        Shape::Gzip | Shape::GzipWithoutHeader => packed(plain.as_bytes()),
        Shape::MarkedGzip => packed(&[b"\xEF\xBB\xBF".as_slice(), plain.as_bytes()].concat()),
        Shape::InPage => format!("<html><style>p {{ color: red }}</style><pre>{plain}</pre></html>").into_bytes(),
        Shape::Padded => format!("\r\n \t{}\r\n\0", plain.replace(":", " : ")).into_bytes(),
        Shape::Trailing => format!("{plain}<!-- served by gateway 3 -->").into_bytes(),
        Shape::Wrapped => format!("{{\"success\":true,\"data\":{plain}}}").into_bytes(),
        Shape::TokenFirst => {
            format!("{{\"refresh_token\":\"{new}\",\"access_token\":\"at-for-{new}\",\"expires_in\":null}}")
                .into_bytes()
        }
        Shape::Form => format!("access_token=at-for-{new}&refresh_token={new}&expires_in=3600").into_bytes(),
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// One process: a runtime and a manager in it.
struct Life {
    runtime: Runtime,
    manager: TokenManager,
    statuses: watch::Receiver<TokenStatus>,
}

struct Place {
    folder: tempfile::TempDir,
    clock: Clock,
    hand: ManualClock,
    server: Server,
    url: Url,
}

impl Place {
    async fn new(seed: u64) -> Place {
        let (clock, hand) = Clock::manual(noon());
        let truth = Truth {
            dice: Dice(seed),
            current: String::new(),
            alive: false,
            grace: Grace::None,
            last: None,
            rotations: 0,
            logins: 0,
            counts: BTreeMap::new(),
            lost: Vec::new(),
        };
        let at = Arc::new(watch::channel(Desk::default()).0);
        let server = Server { truth: Arc::new(Mutex::new(truth)), at, clock: clock.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/acme/identity_/connect/token", listener.local_addr().unwrap());
        tokio::spawn(server.clone().serve(listener));
        let folder = tempfile::tempdir().unwrap();
        Place { folder, clock, hand, server, url: Url::parse(&url).unwrap() }
    }

    /// A person logs in: a first token of a new family.
    fn log_in(&self) {
        use std::os::unix::fs::PermissionsExt;
        let (path, prepared) = (self.folder.path().join("seed"), self.folder.path().join("seed.new"));
        std::fs::write(&prepared, self.server.begin_login()).unwrap();
        std::fs::set_permissions(&prepared, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(prepared, path).unwrap();
    }

    fn begin(&self, seed: u64) -> Life {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let entered = runtime.enter();
        let credential = Credential {
            tenant: None,
            authorities: None,
            connection: "cloud".to_owned(),
            grant: Grant::RefreshTokenIdentity {
                client_id: "app-1".to_owned(),
                client_secret: SecretSource::Kept,
                refresh_token: SecretSource::At(SecretRef::File(self.folder.path().join("seed"))),
                scope: None,
            },
            token_url: self.url.clone(),
        };
        let environment = AuthEnvironment {
            clock: self.clock.clone(),
            tokens_dir: self.folder.path().join("tokens"),
            tracker: TaskTracker::new(),
            seed,
            exchanges: Exchanges::default(),
        };
        let manager = TokenManager::start(credential, environment).unwrap();
        drop(entered);
        let statuses = manager.watch();
        Life { runtime, manager, statuses }
    }

    /// Lets time pass until a request is at the server; gives how many attempts had ended before it.
    async fn until_asked(&self, life: &mut Life, begun: u64) -> u64 {
        let mut at = self.server.at.subscribe();
        let mut before = attempts(&life.statuses.borrow());
        for _ in 0..20_000 {
            let ended = attempts(&life.statuses.borrow());
            if at.borrow_and_update().arrived > begun {
                return before;
            }
            before = ended;
            let status = life.statuses.borrow_and_update().clone();
            if status.state == TokenState::NeedsLogin && !self.server.truth.lock().unwrap().alive {
                self.log_in();
            }
            match status.next_try_at {
                Some(next) if next > self.clock.now() => self.hand.advance_to(next),
                Some(_) | None => {}
            }
            let news = async {
                tokio::select! { _ = at.changed() => {}, _ = life.statuses.changed() => {} }
            };
            if !shortly(20, news).await {
                // Whoever finds the token file locked looks again by the clock.
                self.hand.advance(Duration::from_millis(100));
            }
        }
        panic!("no request came: {:?}", life.statuses.borrow());
    }

    /// Lets time pass until `moment`, or until the request is dealt with; whether it is.
    async fn until_over(&self, life: &mut Life, before: u64, moment: Option<Duration>) -> bool {
        let mut at = self.server.at.subscribe();
        for _ in 0..20_000 {
            if attempts(&life.statuses.borrow_and_update()) > before {
                return true;
            }
            let now = self.clock.boottime();
            if moment.is_some_and(|moment| now >= moment) {
                return false;
            }
            let seen = at.borrow_and_update().next();
            let is_quiet = at.borrow().open.is_empty() && !life.statuses.borrow().state.is_undecided();
            let most = moment.map_or(STEP, |moment| STEP.min(moment.saturating_sub(now)));
            let news = async {
                tokio::select! { _ = at.changed() => {}, _ = life.statuses.changed() => {} }
            };
            match seen {
                At::Until(end) if end > now => {
                    self.hand.advance(most.min(end.saturating_sub(now)));
                    shortly(1, news).await;
                }
                At::Never => {
                    self.hand.advance(most);
                    shortly(1, news).await;
                }
                // It is on its way; no time passes meanwhile.
                At::Until(_) | At::Answered => {
                    if moment.is_some() && seen == At::Answered {
                        return false;
                    }
                    // It was a last request of a process that is dead by now, and this one has asked for nothing.
                    if is_quiet {
                        return true;
                    }
                    if !shortly(100, news).await {
                        self.hand.advance(Duration::from_millis(100));
                    }
                }
            }
        }
        panic!("a request was never dealt with: {:?}", life.statuses.borrow());
    }
}

fn attempts(status: &TokenStatus) -> u64 {
    status.refreshes_ok + status.refreshes_failed
}

/// Waits for news, at most so many milliseconds of the real clock.
#[expect(clippy::disallowed_methods, reason = "a wait for news, not for work that could be lost")]
async fn shortly(millis: u64, news: impl Future<Output = ()>) -> bool {
    tokio::time::timeout(Duration::from_millis(millis), news).await.is_ok()
}

/// What happens to the process during a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    None,
    Stop,
    Kill,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_is_lost_while_an_answer_carried_the_new_token_whole() {
    let (seed, wanted) = (setting("PUNCTUAL_SEED", 7_804), setting("PUNCTUAL_ROTATIONS", 150));
    let place = Place::new(seed).await;
    let mut dice = Dice(seed ^ 0xD1CE);
    let (mut stops, mut kills, mut begun) = (0_u64, 0_u64, 0_u64);
    place.log_in();
    let mut life = place.begin(dice.roll());
    while place.server.truth.lock().unwrap().rotations < wanted {
        let before = place.until_asked(&mut life, begun).await;
        begun = place.server.at.borrow().arrived;
        let blow = match dice.below(20) {
            0..3 => Blow::Stop,
            3..5 => Blow::Kill,
            _ => Blow::None,
        };
        let moment = place.clock.boottime() + dice.within(Duration::from_secs(40));
        if blow == Blow::None || place.until_over(&mut life, before, Some(moment)).await {
            place.until_over(&mut life, before, None).await;
            continue;
        }
        match blow {
            Blow::None => {}
            Blow::Kill => {
                kills += 1;
                place.server.killed();
                life.runtime.shutdown_background();
                begun = place.server.at.borrow().arrived;
                life = place.begin(dice.roll());
            }
            Blow::Stop => {
                stops += 1;
                let manager = life.manager.clone();
                let stopping = life.runtime.spawn(async move { manager.stop().await });
                while !stopping.is_finished() {
                    let most = match place.server.at.borrow().next() {
                        At::Until(end) => STEP.min(end.saturating_sub(place.clock.boottime())),
                        At::Never => STEP,
                        // Whoever finds the token file locked looks again by the clock.
                        At::Answered => Duration::from_millis(10),
                    };
                    place.hand.advance(most);
                    let mut at = place.server.at.subscribe();
                    shortly(1, async { drop(at.changed().await) }).await;
                }
                // The end of the process, right behind the end of the stop; what was asked for once more is over, too.
                life.runtime.shutdown_background();
                begun = place.server.at.borrow().arrived;
                life = place.begin(dice.roll());
            }
        }
    }
    let truth = place.server.truth.lock().unwrap();
    let unforgiven: Vec<&String> = truth.lost.iter().filter(|(may, _)| !may).map(|(_, told)| told).collect();
    println!(
        "figure: token server in bad weather, seed {seed}: {} rotations, {stops} stops and {kills} kills in the middle of one, {} logins lost with their last answer, {} against the rule; {:?}",
        truth.rotations,
        truth.lost.len() - unforgiven.len(),
        unforgiven.len(),
        truth.counts
    );
    life.runtime.shutdown_background();
    assert!(
        unforgiven.is_empty(),
        "logins were lost whose new token came whole: {unforgiven:#?}\nPUNCTUAL_SEED={seed} PUNCTUAL_ROTATIONS={wanted} cargo test --test token weather"
    );
    assert!(stops > 0 && kills > 0, "the weather was too good");
}
