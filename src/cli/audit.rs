//! `punctual audit`: who did what by hand, by the daemon's own record. Its rows are only ever added.

use super::args::{AuditArgs, Format, Global};
use super::client::segment;
use super::failure::{Exit, Failure};
use super::grid::{Cell, Grid};
use super::output::{Columns, Out, plain};
use super::reads::Reads;
use super::times;
use crate::clock::Clock;
use crate::history::DeedLine;

impl Columns for DeedLine {
    const COLUMNS: &'static [&'static str] = &["at", "actor", "action", "subject", "detail"];
}

pub(super) async fn run(global: &Global, args: &AuditArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let now = clock.now();
    let (since, until) = (args.since.map(|when| when.resolve(now)), args.until.map(|when| when.resolve(now)));
    let deeds: Vec<DeedLine> = match Reads::find(global).await? {
        Reads::Daemon(client) => {
            let mut path = format!("/audit?limit={}", args.limit);
            for (name, at) in [("since", since), ("until", until)] {
                path.push_str(&at.map(|at| format!("&{name}={}", segment(&at.to_string()))).unwrap_or_default());
            }
            client.get(&path).await?
        }
        Reads::Files(history) => {
            let deeds = history.deeds(since, until, args.limit).await;
            history.close().await;
            deeds?
        }
        Reads::Nothing(cause) => return Err(cause.into()),
    };
    if deeds.is_empty() && args.output == Format::Table {
        out.line("Nobody has done anything by hand in that time.")?;
        return Ok(Exit::Fine);
    }
    out.rows(args.output, &deeds, table)?;
    Ok(Exit::Fine)
}

fn table(deeds: &[DeedLine]) -> Grid {
    let mut shown = Grid::new(&["WHEN", "WHO", "DID", "TO", "HOW"]).spare(&[4]);
    for deed in deeds {
        let short = deed.at.parse().map_or_else(|_| deed.at.clone(), times::local_short);
        shown.row([
            Cell::new(times::local_text(&deed.at)).or_short(short),
            Cell::new(plain(&deed.actor)),
            Cell::new(plain(&deed.action)),
            Cell::new(plain(&deed.subject)),
            Cell::new(deed.detail.as_deref().map(plain).unwrap_or_default()),
        ]);
    }
    shown
}
