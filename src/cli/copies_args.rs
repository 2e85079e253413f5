//! What can be written behind `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
pub(super) struct BackupArgs {
    /// Where the copy is written; in a folder it gets a name with its time [default: this folder].
    pub(super) file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct RestoreArgs {
    /// The copy: of `backup`, of the nightly ones in `copies`, or a database that was saved.
    pub(super) file: PathBuf,
    /// Begin with a pause of everything, until `punctual resume --all`.
    #[arg(long)]
    pub(super) paused: bool,
    /// Also a copy of another installation: this state folder is of that one from then on.
    #[arg(long)]
    pub(super) force: bool,
    /// Put it back without asking.
    #[arg(long)]
    pub(super) yes: bool,
}
