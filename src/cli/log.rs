//! `punctual log LEVEL`: how much the running daemon logs, until it restarts.
//!
//! A restart to see more of a fault would lose the very state that is to be seen, so it is asked of the daemon that runs.

use super::args::Global;
use super::client::Client;
use super::failure::{Exit, Failure};
use super::output::{Out, plain};
use crate::web::{LogAnswer, LogRequest};

pub(super) async fn run(global: &Global, level: &str, out: &mut Out) -> Result<Exit, Failure> {
    let client = Client::find(global).await?.ok_or_else(|| {
        Failure::new(Exit::NotReachable, "no daemon answers, and only of a running one the log can be changed").hint(
            "say where its socket is with `--socket`; for the next start set the variable `PUNCTUAL_LOG`, in the service with \
             `systemctl edit punctual`",
        )
    })?;
    let LogAnswer { level, before } = client.post("/log", &LogRequest { level: level.to_owned() }).await?;
    out.line(format!("the daemon logs at `{}` until it restarts; it was `{}`", plain(&level), plain(&before)))?;
    Ok(Exit::Fine)
}
