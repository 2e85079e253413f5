//! `punctual audit`: who did what by hand, by the daemon's own record. Its rows are only ever added.

use super::args::{AuditArgs, Format, Global};
use super::failure::{Exit, Failure};
use super::grid::{Cell, Grid};
use super::output::{Columns, Out, plain};
use super::times;
use crate::clock::Clock;
use crate::history::{DeedLine, History};

impl Columns for DeedLine {
    const COLUMNS: &'static [&'static str] = &["at", "actor", "action", "subject", "detail"];
}

pub(super) async fn run(global: &Global, args: &AuditArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let now = clock.now();
    let history = History::open(&global.state_dir()).await?;
    let (since, until) = (args.since.map(|when| when.resolve(now)), args.until.map(|when| when.resolve(now)));
    let deeds = history.deeds(since, until, args.limit).await;
    history.close().await;
    let deeds = deeds?;
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
