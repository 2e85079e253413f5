//! Which part of the core hears which answer.

use super::Core;
use crate::clock::Reading;
use crate::executor::Report;

impl Core {
    pub(super) fn take_report(&mut self, report: Report, now: Reading) {
        match report {
            Report::TokenRenewed { connection } => {
                if let Some(link) = self.links.get_mut(&connection) {
                    link.has_token(now.boot);
                }
            }
            Report::Resolved { connection, asked_of, folder, process, result, server_skew } => {
                self.resolved(&connection, &asked_of, (folder, process), result, server_skew, now);
            }
            Report::Started { connection, run, ended, server_date, result } => {
                self.started(&connection, run, ended, server_date, result, now);
            }
            Report::LookedUp { connection, folder_id, asks, control, result } => {
                self.looked_up(&connection, folder_id, asks, control, result, now);
            }
            Report::LookedUpBeside { connection, folder_id, asks, result } => {
                self.looked_up_beside(&connection, folder_id, asks, result, now);
            }
            Report::ListedSince { connection, folder_id, asks, result } => {
                self.listed_since(&connection, folder_id, &asks, result, now);
            }
            Report::Polled { connection, folder_id, jobs, result } => {
                self.polled(&connection, folder_id, &jobs, result, now);
            }
            Report::ListedEnded { connection, folder_id, result } => {
                self.listed_ended(&connection, folder_id, result, now);
            }
            Report::Recalled { connection, folder, folder_id, result } => {
                self.recalled(&connection, &folder, folder_id, result, now);
            }
            Report::JobFound { connection, folder_id, run, result } => {
                self.found_job(&connection, folder_id, run, result, now);
            }
            Report::Read { connection, run, result } => self.read(&connection, run, result, now),
            Report::SpareStopped { connection, run, job, result } => {
                self.spare_stopped(&connection, run, job, result, now);
            }
        }
    }
}
