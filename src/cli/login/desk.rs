//! Where a login is dealt with: at the running daemon, or here when there is none.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::auth::{
    Earlier, Given, Login, LoginError, LoginFate, NotKept, Unfinished, at_rest, finish_login, take_login,
};
use crate::clock::Clock;
use crate::secret::{Purpose, Secret};
use crate::store::{StateFolder, StateFolderError};
use crate::text::either;
use crate::web::{Begin, Begun, Finish, Keep, LoginNeed, TokenReport, Typed};

use super::super::args::Global;
use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::farewell::patiently;
use super::super::here::Here;
use super::super::output::plain;
use super::super::state_folder::folder_failure;
use super::super::token::segment;

/// Who deals with it.
pub(super) enum Desk {
    Daemon { client: Client, connection: String },
    Here { here: Box<Here>, begun: Box<Mutex<Option<Login>>>, state_dir: PathBuf, sockets: Vec<PathBuf> },
}

impl Desk {
    /// The daemon if one answers. Without one the state folder must be ours, and no daemon may hold it.
    pub(super) async fn find(global: &Global, connection: &str, clock: &Clock) -> Result<Desk, Failure> {
        if let Some(client) = Client::find(global).await? {
            return Ok(Desk::Daemon { client, connection: connection.to_owned() });
        }
        let here = Here::find(global, connection, clock)?;
        let folder = global.state_dir();
        // Let go at once: a daemon may be started while somebody looks for a password.
        match StateFolder::take(&folder) {
            Ok(_) => {}
            Err(StateFolderError::Held { path: folder, .. }) => {
                let message = format!(
                    "a daemon holds the state folder `{}`, but none answers at its control socket",
                    folder.display()
                );
                return Err(Failure::new(Exit::Held, message).hint("name its socket with `--socket`"));
            }
            Err(cause) => return Err(folder_failure(&cause)),
        }
        let owner = std::fs::metadata(&folder).map(|meta| meta.uid());
        let ours = rustix::process::geteuid().as_raw();
        if owner.as_ref().is_ok_and(|owner| *owner != ours) {
            let message = format!(
                "the state folder `{}` belongs to another user, who could not read what is kept there now",
                folder.display()
            );
            return Err(Failure::new(Exit::Usage, message)
                .hint("start the daemon first: the login then goes through its control socket"));
        }
        Ok(Desk::Here {
            here: Box::new(here),
            begun: Box::new(Mutex::new(None)),
            state_dir: folder,
            sockets: global.sockets(),
        })
    }

    pub(super) async fn need(&self) -> Result<LoginNeed, Failure> {
        match self {
            Desk::Daemon { client, connection } => client.get(&format!("/login/{}", segment(connection))).await,
            Desk::Here { here, .. } => Ok(LoginNeed::of(&here.credential)),
        }
    }

    pub(super) async fn begin(&self, port: u16) -> Result<Begun, Failure> {
        match self {
            Desk::Daemon { client, connection } => {
                client.post(&format!("/login/{}/begin", segment(connection)), &Begin { port }).await
            }
            Desk::Here { here, begun, .. } => {
                let login = Login::begin(here.credential.clone(), port).map_err(|cause| login_failure(&cause))?;
                let told = Begun::of(&login);
                *begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(login);
                Ok(told)
            }
        }
    }

    pub(super) async fn finish(&self, state: &str, code: Secret) -> Result<TokenReport, Failure> {
        match self {
            Desk::Daemon { client, connection } => {
                let finish = Finish { state: state.to_owned(), code: Typed(code) };
                client.post(&format!("/login/{}/finish", segment(connection)), &finish).await
            }
            Desk::Here { here, begun, .. } => {
                let login = begun.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some(login) = login else {
                    return Err(Failure::new(Exit::Fault, "no login was begun; please report this"));
                };
                let kept = patiently(&here.exchanges, &here.clock, finished_here(here, login, code));
                kept.await?
            }
        }
    }

    pub(super) async fn keep(&self, secret: &str, value: Secret) -> Result<TokenReport, Failure> {
        match self {
            Desk::Daemon { client, connection } => {
                let order = Keep { secret: secret.to_owned(), value: Typed(value) };
                client.post(&format!("/login/{}/keep", segment(connection)), &order).await
            }
            Desk::Here { here, .. } => {
                let Some(kind) = Purpose::of_key(secret) else {
                    return Err(Failure::new(Exit::Fault, "no such kind of secret; please report this"));
                };
                let kept = patiently(&here.exchanges, &here.clock, kept_here(here, Given { kind, secret: value }));
                kept.await?
            }
        }
    }

    /// What a person must know who has logged in while no daemon answers; none when one does.
    pub(super) fn nobody_renews(&self) -> Option<String> {
        match self {
            Desk::Daemon { .. } => None,
            Desk::Here { state_dir, sockets, .. } => {
                let service = match rustix::process::geteuid().is_root() {
                    true => "`systemctl start punctual`",
                    false => "`sudo systemctl start punctual`",
                };
                Some(format!(
                    "It is in the state folder `{}`, and no daemon answers at {}: only a daemon that is started with this folder renews it.\nTo log in to the service instead: {service}, then log in again; the login then goes through the service's socket.",
                    state_dir.display(),
                    either(sockets.iter().map(|socket| socket.display()))
                ))
            }
        }
    }
}

/// Without a daemon: tried, kept, and taken up once, so that the person sees a token.
async fn kept_here(here: &Here, given: Given) -> Result<TokenReport, Failure> {
    let taken = take_login(here.credential.clone(), here.environment(), earlier(here), given).await;
    taken.map_err(|cause| not_kept(&cause))?;
    taken_up(here).await
}

/// The same for a browser's code.
async fn finished_here(here: &Here, login: Login, code: Secret) -> Result<TokenReport, Failure> {
    finish_login(login, code, here.environment(), earlier(here)).await.map_err(|cause| match cause {
        Unfinished::Code(cause) => login_failure(&cause),
        Unfinished::Token(cause) => not_kept(&cause),
    })?;
    taken_up(here).await
}

fn earlier(here: &Here) -> Earlier {
    Earlier::of(at_rest(&here.credential, &here.tokens_dir, &here.clock).state)
}

fn not_kept(cause: &NotKept) -> Failure {
    let exit = match cause {
        NotKept::Keep(_) | NotKept::Setup(_) => Exit::Usage,
        NotKept::Refused { .. } => Exit::Refused,
        NotKept::Unclear { .. } => Exit::Unreachable,
        NotKept::Crashed => Exit::Fault,
    };
    Failure::new(exit, plain(&cause.to_string())).hint(plain(&cause.cure()))
}

async fn taken_up(here: &Here) -> Result<TokenReport, Failure> {
    let manager = here.manager()?;
    let status = manager.look().await;
    manager.stop().await;
    Ok(TokenReport::new(&here.credential.connection, &status))
}

pub(super) fn login_failure(cause: &LoginError) -> Failure {
    let exit = match cause.fate {
        LoginFate::Wrong => Exit::Usage,
        LoginFate::Refused => Exit::Refused,
        LoginFate::Unreachable => Exit::Unreachable,
    };
    Failure::new(exit, plain(&cause.message)).hint(plain(&cause.cure))
}
