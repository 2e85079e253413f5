//! `punctual sandbox`: the stand-in Orchestrator alone.

use super::args::SandboxArgs;
use super::failure::{Exit, Failure};
use super::output::Out;
use crate::clock::Clock;
use crate::lifecycle::{Asked, Signals};
use crate::sandbox::{Faults, Sandbox, SandboxConfig};

pub(super) async fn run(args: &SandboxArgs, clock: Clock, out: &mut Out) -> Result<Exit, Failure> {
    let faults = match &args.faults {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|cause| Failure::new(Exit::Usage, format!("failed to read `{}`: {cause}", path.display())))?;
            Faults::from_yaml(&text)
                .map_err(|cause| Failure::new(Exit::Usage, format!("`{}`: {cause}", path.display())))?
        }
        None => Faults::default(),
    };
    let mut signals = Signals::listen().map_err(|cause| Failure::new(Exit::Usage, cause.to_string()))?;
    let mut config = SandboxConfig::demo(clock);
    config.listen = args.listen;
    let folders: Vec<String> = config
        .tenant
        .folders
        .iter()
        .map(|folder| {
            let processes: Vec<_> = folder.processes.iter().map(|process| process.name.as_str()).collect();
            format!("  {}: {}", folder.path, processes.join(", "))
        })
        .collect();
    let sandbox = Sandbox::start(config).await.map_err(|cause| {
        Failure::new(Exit::Usage, format!("failed to listen on {}: {cause}", args.listen))
            .hint("another program may have the port; choose one with `--listen 127.0.0.1:PORT`")
    })?;
    sandbox.control().set_faults(faults);
    out.line(format!(
        "Sandbox at {url}\n\nFolders and processes:\n{folders}\n\nA connection to it, for a schedule file:\n\n\
         connections:\n  sandbox:\n    url: {url}\n    \
         auth: {{ grant: client_credentials, client_id: sandbox-client, client_secret: \"env:SANDBOX_SECRET\", \
         scope: OR.Jobs OR.Execution.Read OR.Folders.Read }}\n\n\
         with SANDBOX_SECRET=sandbox-secret in the environment. Ctrl-C ends it.",
        url = sandbox.base_url(),
        folders = folders.join("\n"),
    ))?;
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
