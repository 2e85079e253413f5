//! The order of an examination, and what is not tried when a step fails.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::case::{Broken, Case, ProbeWish};
use super::network::Way;
use super::step::{Blame, Finding, ORDER, Step, Topic};
use super::{grant, probe, secrets, tls, token, trouble, work};
use crate::auth::{
    AuthEnvironment, Credential, Discovery, Exchanges, TokenManager, discover, discover_elsewhere, tokens_folder,
};
use crate::clock::Clock;
use crate::grant::Asking;
use crate::orchestrator::{CallError, Client, UnsentReason};
use crate::schedule::{ConnectionName, ScheduleSet};
use crate::witness::Exchange;
use crate::{text, wiring};

/// What is examined.
#[derive(Clone, Debug)]
pub struct DoctorSettings {
    /// The time.
    pub clock: Clock,
    /// What the files say.
    pub set: Arc<ScheduleSet>,
    /// The files, for people.
    pub files: Vec<PathBuf>,
    /// Where saved tokens are.
    pub state_dir: PathBuf,
    /// Which connections, in order.
    pub connections: Vec<ConnectionName>,
    /// A job to start, if one was asked for.
    pub probe: Option<ProbeWish>,
    /// Where token exchanges are noted whose answers come once.
    pub exchanges: Exchanges,
}

/// Examines each connection; `hear` gets each step as it is done.
pub async fn examine(settings: DoctorSettings, hear: &mut (dyn FnMut(&Step) + Send)) -> Vec<Step> {
    let DoctorSettings { clock, set, files, state_dir, connections, probe, exchanges: register } = settings;
    let mut steps = Vec::new();
    for name in connections {
        let Some(connection) = set.connections.get(&name).cloned() else { continue };
        let schedules = set.schedules.values().filter(|schedule| schedule.connection == name).cloned().collect();
        let mut case = Case {
            clock: clock.clone(),
            connection,
            schedules,
            set: set.clone(),
            files: files.clone(),
            state_dir: state_dir.clone(),
            reported: BTreeSet::new(),
            steps: Vec::new(),
            hear,
            first_clock: None,
            register: register.clone(),
            exchanges: Arc::default(),
        };
        case.run(probe.as_ref()).await;
        steps.append(&mut case.steps);
    }
    steps
}

impl Case<'_> {
    async fn run(&mut self, wish: Option<&ProbeWish>) {
        let tracker = TaskTracker::new();
        let ended = self.up_to_the_token(&tracker).await;
        let (broken, manager) = match ended {
            Ok(manager) => (self.with_token(&manager, wish).await.err(), Some(manager)),
            Err(broken) => (Some(broken), None),
        };
        if let Some(manager) = manager {
            manager.stop().await;
        }
        tracker.close();
        tracker.wait().await;
        let Some(Broken(at)) = broken else { return };
        for topic in ORDER {
            let wanted = topic != Topic::Probe || wish.is_some();
            if topic > at && wanted && !self.reported.contains(&topic) {
                self.report(topic, None, Finding::not_tried(format!("not tried, because `{}` failed", at.as_str())));
            }
        }
    }

    /// From the file to an access token.
    async fn up_to_the_token(&mut self, tracker: &TaskTracker) -> Result<TokenManager, Broken> {
        let credential = wiring::credential(&self.connection);
        self.configuration(&credential);
        let tokens_dir = tokens_folder(&self.state_dir);
        for (key, finding) in secrets::findings(&credential, &tokens_dir) {
            self.need(Topic::Secret, Some(format!("auth.{key}")), finding)?;
        }
        match credential.grant.facts().asking {
            // There is no way to look at.
            Asking::Nobody => {}
            Asking::Free | Asking::UsesUp | Asking::MayLock => {
                self.way_to(&credential.token_url).await?;
                self.identity(&credential).await?;
            }
        }
        if let Some(finding) = secrets::foreign_folder(&self.state_dir) {
            self.need(Topic::Grant, None, finding)?;
        }
        let environment = AuthEnvironment {
            clock: self.clock.clone(),
            tokens_dir,
            tracker: tracker.clone(),
            seed: 0,
            exchanges: self.register.clone(),
        };
        let manager = match TokenManager::start_watched(credential.clone(), environment, self.witness()) {
            Ok(manager) => manager,
            Err(cause) => {
                let finding = Finding::fault(
                    Blame::Here,
                    cause.to_string(),
                    "what the token needs on this machine cannot be used",
                    secrets::as_the_service(Some(&self.state_dir), &[]),
                );
                self.need(Topic::Grant, None, finding)?;
                return Err(Broken(Topic::Grant));
            }
        };
        let mut granted = manager.token().await;
        if granted.as_ref().is_err_and(|refusal| refusal.state.is_undecided()) {
            // A slow server is no dead one: the answer to a token that works once is waited for in any case.
            manager.look().await;
            granted = manager.token().await;
        }
        let mut exchange = self.last_exchange();
        // A saved token says that the grant worked once; where asking again costs nothing, it is asked now.
        if let (Ok(_), None, Asking::Free) = (&granted, &exchange, credential.grant.facts().asking) {
            granted = match manager.refresh().await {
                Ok(_) => manager.token().await,
                Err(refusal) => Err(refusal),
            };
            exchange = self.last_exchange();
        }
        self.clock_of(exchange.as_ref());
        match granted {
            Ok(token) => {
                let scope = exchange.as_ref().and_then(token::granted);
                self.report(Topic::Grant, None, grant::got(&manager.status(), &credential, exchange));
                let claims = token.claims();
                self.report(Topic::Token, None, token::token(claims.as_ref(), self.clock.now()));
                self.report(Topic::Scopes, None, token::scopes(&credential.grant, scope, claims.as_ref()));
                Ok(manager)
            }
            Err(refusal) => {
                manager.stop().await;
                self.need(Topic::Grant, None, grant::none(&refusal, &credential.grant, exchange))?;
                Err(Broken(Topic::Grant))
            }
        }
    }

    /// What the token opens.
    async fn with_token(&mut self, manager: &TokenManager, wish: Option<&ProbeWish>) -> Result<(), Broken> {
        let credential = wiring::credential(&self.connection);
        let connection = self.connection.clone();
        if !self.reported.contains(&Topic::Tls) || connection.url.origin() != credential.token_url.origin() {
            self.way_to(&connection.url).await?;
        }
        let client = match wiring::client(&self.connection, &self.clock, manager) {
            Ok(client) => client.watched_by(self.witness()),
            Err(cause) => {
                let finding = Finding::fault(
                    Blame::Here,
                    cause.to_string(),
                    "the connection cannot be used as it is written",
                    "correct `url` and `tenant` of the connection",
                );
                self.need(Topic::Tenant, None, finding)?;
                return Err(Broken(Topic::Tenant));
            }
        };
        self.tenant(&client, &credential).await?;
        work::examine(self, &client).await;
        if let Some(wish) = wish {
            probe::examine(self, &client, wish).await;
        }
        Ok(())
    }

    fn configuration(&mut self, credential: &Credential) {
        let files: Vec<String> = self.files.iter().map(|file| format!("`{}`", file.display())).collect();
        let tenant = self.connection.tenant.as_ref().map(|tenant| format!(", tenant `{tenant}`")).unwrap_or_default();
        let found = format!(
            "{}: `{}`{tenant}, {}; schedules: {}",
            files.join(", "),
            self.connection.url,
            grant::named(credential),
            self.schedules.len()
        );
        self.report(Topic::Configuration, None, Finding::fine(found));
    }

    /// Proxy, name, TCP and TLS to one origin.
    async fn way_to(&mut self, url: &url::Url) -> Result<(), Broken> {
        let (way, proxy) = Way::to(url);
        let subject = Some(way.server.clone());
        self.need(Topic::Proxy, subject.clone(), proxy)?;
        let (addresses, finding) = way.resolve(&self.clock).await;
        self.need(Topic::Address, subject.clone(), finding)?;
        let (stream, finding) = way.connect(&addresses, &self.clock).await;
        self.need(Topic::Connect, subject.clone(), finding)?;
        let finding = match (url.scheme(), stream) {
            ("https", Some(stream)) => {
                tls::handshake(stream, url, self.connection.authorities.as_ref(), &self.clock).await
            }
            ("https", None) => Finding::not_tried("not looked at: the proxy wants TLS itself"),
            (_, _) => Finding::fine("none: plain HTTP, which is allowed on this machine only"),
        };
        self.need(Topic::Tls, subject, finding)
    }

    async fn identity(&mut self, credential: &Credential) -> Result<(), Broken> {
        let witness = self.witness();
        let found = discover(credential, &self.clock, &witness).await;
        let exchange = self.last_exchange();
        self.clock_of(exchange.as_ref());
        let finding = match found {
            Err(cause) => Finding::fault(
                Blame::Here,
                cause.to_string(),
                "the HTTP client cannot be set up, most likely for want of certificates",
                "install the system's certificates (`ca-certificates`)",
            ),
            Ok(Discovery::NotAsked) => Finding::fine(format!(
                "`{}` does not describe itself; the grant will show whether it is right",
                credential.token_url
            )),
            Ok(Discovery::Found { issuer, token_endpoint }) => {
                let who = issuer.map(|issuer| format!(" by `{issuer}`")).unwrap_or_default();
                let where_else = token_endpoint
                    .filter(|endpoint| *endpoint != credential.token_url.as_str())
                    .map(|endpoint| format!("; it names `{endpoint}` as its token endpoint"))
                    .unwrap_or_default();
                Finding::fine(format!("an identity server{who}{where_else}"))
            }
            Ok(Discovery::Silent { cause }) => Finding::fault(
                Blame::Unreached,
                format!("no answer: {cause}"),
                "the server or something on the way cuts the request",
                "try again; if it lasts, look at the proxy and the server",
            ),
            Ok(Discovery::Other { status, looks }) => {
                let elsewhere = discover_elsewhere(credential, &self.clock, &witness).await.unwrap_or_default();
                self.last_exchange();
                token::not_identity(credential, status, looks, elsewhere)
            }
        };
        self.need(Topic::Identity, None, finding.with(exchange))
    }

    /// Once, as soon as a server has shown its time.
    fn clock_of(&mut self, exchange: Option<&Exchange>) {
        let Some(off) = exchange.and_then(Exchange::clock_off) else { return };
        if self.reported.contains(&Topic::Clock) {
            return;
        }
        self.first_clock = Some(off);
        self.report(Topic::Clock, None, token::clock(off));
    }

    async fn tenant(&mut self, client: &Client, credential: &Credential) -> Result<(), Broken> {
        let folders = client.list_folders().await;
        let exchange = self.last_exchange();
        let off = exchange.as_ref().and_then(Exchange::clock_off);
        let are_two = self.connection.url.host() != credential.token_url.host(); // one host has one clock
        let alone = self
            .first_clock
            .zip(off)
            .filter(|_| are_two)
            .and_then(|(identity, off)| token::three_clocks(identity, off));
        if let Some(alone) = alone {
            self.report(Topic::Clock, Some("three clocks".to_owned()), alone);
        }
        self.clock_of(exchange.as_ref());
        let finding = match folders {
            Err(CallError::Rejected { status: 403, .. }) if work::names_folders_by_number(&self.schedules) => {
                work::unlisted_folders().with(exchange)
            }
            Err(error) => {
                let refused = error_is_of_token(&error);
                let finding = trouble::finding(&error, exchange);
                match credential.grant.facts().asking {
                    Asking::Nobody if refused => grant::dead_personal_token(finding),
                    Asking::Nobody | Asking::Free | Asking::UsesUp | Asking::MayLock => finding,
                }
            }
            Ok(folders) => {
                let version = exchange.as_ref().and_then(trouble::versions_of);
                let version = version.map(|version| format!(", API version {version}")).unwrap_or_default();
                if folders.is_empty() {
                    Finding::fault(
                        Blame::Here,
                        format!("the tenant answers{version}, and shows no folder"),
                        "the account or application is not assigned to any folder",
                        "assign it to the folders whose processes it starts, with a role that allows Folders, Processes and Jobs",
                    )
                    .with(exchange)
                } else {
                    Finding::fine(format!(
                        "the tenant answers{version}{}; folders: {}",
                        trouble::packed(exchange.as_ref()),
                        text::listed(&folders, 5)
                    ))
                    .with(exchange)
                }
            }
        };
        self.need(Topic::Tenant, None, finding)
    }
}

fn error_is_of_token(error: &CallError) -> bool {
    matches!(error, CallError::Unsent { reason: UnsentReason::Token, .. })
}
