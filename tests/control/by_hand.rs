//! A daemon whose schedules nobody starts but a person, and what the commands say there.

use std::time::Duration;

use punctual::clock::Clock;
use punctual::sandbox::{ProcessSpec, Sandbox, SandboxConfig};
use tokio::process::Child;

use super::place::{FINE, Place, text};

/// As a run that was waited for and did not succeed ends.
pub(crate) const FOUND: i32 = 1;

/// The files of a connection to a sandbox, and what else stands in them from the first column on.
pub(crate) fn files(sandbox: &Sandbox, more: &str) -> String {
    format!(
        "version: 1\nconnections:\n  uipath:\n    url: {}\n    tenant: acmeprod\n    auth: {{ grant: refresh_token, style: account, \
         client_id: sandbox-account, refresh_token: \"file:user-key\" }}\n{more}",
        sandbox.base_url()
    )
}

/// A sandbox that has these processes too, each with how long its jobs run.
pub(crate) async fn sandbox(processes: &[(&str, Duration)]) -> Sandbox {
    let mut config = SandboxConfig::demo(Clock::system());
    let all = processes.iter().map(|(name, lasts)| ProcessSpec::new(*name).taking(Duration::ZERO, *lasts));
    config.tenant.folders[0].processes.extend(all);
    Sandbox::start(config).await.unwrap()
}

/// A daemon with these files.
pub(crate) async fn daemon(files: &str) -> (Place, Child) {
    let place = Place::new(files);
    place.write("user-key", "sandbox-user-key\n");
    let daemon = place.daemon().await;
    (place, daemon)
}

/// What a command says that ends with this code: on stdout where it did what was asked, else on stderr.
pub(crate) async fn said(place: &Place, arguments: &[&str], code: i32) -> String {
    let end = place.run(arguments).await;
    let (out, err) = (text(&end.stdout), text(&end.stderr));
    assert_eq!(end.status.code(), Some(code), "{arguments:?}: {out}{err}");
    if code == FINE || code == FOUND { out } else { err }
}
