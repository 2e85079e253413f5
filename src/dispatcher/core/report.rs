//! Which rule hears which answer.

use super::command::{self, Desk};
use super::flights::{Folder, Question};
use super::run::{adopt, crowd, follow, found, looked_up, started, stop};
use super::set::planning::Planning;
use super::set::recall;
use super::state::State;
use crate::executor::Report;

/// An answer meets its question, and goes to the rule that asked.
pub(crate) fn take(state: &mut State, planning: &mut Planning, desk: &mut Desk, report: Report) {
    for question in Question::answered_by(&report) {
        state.book.end(&question, report.connection());
    }
    match report {
        Report::TokenRenewed { connection } => {
            if let Some(link) = state.links.get_mut(&connection) {
                link.health.has_token(state.now.boot);
            }
        }
        Report::Resolved { connection, asked_of, folder, process, result, server_skew } => {
            found::on_found(state, &connection, &asked_of, (folder, process), result, server_skew);
        }
        Report::Started { connection, run, ended, server_date, result } => {
            started::on_started(state, &connection, run, ended, server_date, result);
        }
        Report::LookedUp { connection, folder_id, asks, control, result } => {
            looked_up::on_looked_up(state, &Folder::new(connection, folder_id), &asks, control.as_ref(), result);
        }
        Report::LookedUpNextToNewest { connection, folder_id, asks, result } => {
            looked_up::on_looked_up_next_to_newest(state, &Folder::new(connection, folder_id), &asks, result);
        }
        Report::ListedSince { connection, folder_id, asks, result } => {
            looked_up::on_listed_since(state, &Folder::new(connection, folder_id), &asks, &result);
        }
        Report::Polled { connection, folder_id, jobs, result } => {
            follow::on_polled(state, &Folder::new(connection, folder_id), &jobs, result);
        }
        Report::ListedEnded { connection, folder_id, result } => {
            crowd::on_listed_ended(state, &Folder::new(connection, folder_id), result);
        }
        Report::Recalled { connection, folder, folder_id, result } => {
            recall::on_recalled(state, planning, &Folder::new(connection, folder_id), &folder, result);
        }
        Report::JobFound { connection, folder_id, run, result } => {
            command::on_job_found(state, desk, &Folder::new(connection, folder_id), run, result);
        }
        Report::Read { connection, run, result } => {
            follow::heard_read(state, &connection, run, &result);
            command::on_read(state, desk, run, &result);
            follow::on_read(state, &connection, run, result);
        }
        Report::SpareStopped { connection, run, job, result } => {
            adopt::on_spare_stopped(state, &connection, run, job, result);
        }
        Report::Stopped { connection, run, job, how, result } => {
            stop::on_stopped(state, &connection, run, (job, how), result);
        }
    }
}
