//! `punctual sandbox`: the stand-in Orchestrator alone.

use super::args::SandboxArgs;
use super::failure::{Exit, Failure};
use super::output::Out;
use crate::clock::Clock;
use crate::lifecycle::{Asked, Signals};
use crate::sandbox::{Faults, Sandbox, SandboxConfig};
use crate::text::counted;

pub(super) async fn run(args: &SandboxArgs, clock: Clock, out: &mut Out) -> Result<Exit, Failure> {
    let faults = match &args.faults {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|cause| Failure::new(Exit::Usage, format!("failed to read `{}`: {cause}", path.display())))?;
            Faults::from_yaml(&text).map_err(|cause| {
                Failure::new(Exit::Usage, format!("`{}`: {}", path.display(), told_once(&cause.to_string())))
            })?
        }
        None => Faults::default(),
    };
    let mut signals = Signals::listen().map_err(|cause| Failure::new(Exit::Usage, cause.to_string()))?;
    // Keys are made from the seed: a second life must not give a new job the key of an old one.
    let seed = u64::try_from(clock.now().as_nanosecond()).unwrap_or(1);
    let mut config = SandboxConfig::demo(clock);
    config.seed = seed;
    config.listen = args.listen;
    let tenant = config.tenant.tenant.clone();
    let folders: Vec<String> = config
        .tenant
        .folders
        .iter()
        .map(|folder| {
            let processes: Vec<_> = folder.processes.iter().map(|process| process.name.as_str()).collect();
            format!("#   {} ({}): {}", folder.path, counted(folder.robots, "robot"), processes.join(", "))
        })
        .collect();
    let sandbox = Sandbox::start(config).await.map_err(|cause| {
        Failure::new(Exit::Usage, format!("failed to listen on {}: {cause}", args.listen))
            .hint("another program may have the port; choose one with `--listen 127.0.0.1:PORT`")
    })?;
    sandbox.control().set_faults(faults);
    let url = sandbox.base_url();
    out.line(format!(
        "# Sandbox at {url}; Ctrl-C ends it.\n#\n# Folders, their robots, and processes:\n{}\n#",
        folders.join("\n")
    ))?;
    out.line(format!("# Save this as schedules.yaml:\n{}", example(&url, &tenant)))?;
    out.line(SECRETS)?;
    out.flush()?;
    loop {
        match signals.next().await {
            Asked::Stop => break,
            Asked::Reload => {}
        }
    }
    sandbox.stop().await;
    Ok(Exit::Fine)
}

/// The parser draws the place below its message and repeats the message there; the first line has it all.
fn told_once(cause: &str) -> String {
    let first = cause.lines().next().unwrap_or_default();
    first.replacen(": error: ", ": ", 1)
}

/// The secret files that the example names, for its owner alone.
const SECRETS: &str = "# and next to it, in a shell:
#   printf sandbox-secret > client-secret; chmod 600 client-secret
#   printf sandbox-user-key > user-key; chmod 600 user-key
# then, with a state folder of its own, which every other command is told too:
#   punctual daemon --state-dir state
#   punctual status --state-dir state";

/// A whole file, with both styles of connection.
fn example(url: &str, tenant: &str) -> String {
    format!(
        r#"version: 1
connections:
  sandbox:
    url: {url}
    tenant: {tenant}
    auth: {{ grant: client_credentials, client_id: sandbox-client, client_secret: "file:client-secret", scope: OR.Jobs OR.Execution.Read OR.Folders.Read }}
  sandbox-account:
    url: {url}
    tenant: {tenant}
    auth: {{ grant: refresh_token, style: account, client_id: sandbox-account, refresh_token: "file:user-key" }}
defaults: {{ connection: sandbox, folder: Shared, timezone: UTC }}
schedules:
  heartbeat:
    every: 10s
    start: {{ process: Heartbeat }}
"#
    )
}
