//! The usage line of a wrong command line.
//!
//! clap shows in it whatever was given, by option or by variable: `punctual resolve --config <PATH> <RUN>` where `PUNCTUAL_CONFIG` is set,
//! as if the option had to be written. The line is made anew from the command alone.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};

use super::args::Arguments;

/// Puts the command's own usage line in the place of the one that knows what was given.
pub(super) fn leave_out_variables(error: &mut clap::Error) {
    let Some(ContextValue::StyledStr(told)) = error.get(ContextKind::Usage) else { return };
    let told = told.to_string();
    let mut command = Arguments::command();
    command.build();
    let mut meant = &mut command;
    // `Usage: punctual token refresh …`: the words after the program's name, as long as they are names of commands.
    for word in told.split_whitespace().skip(2) {
        if meant.find_subcommand(word).is_none() {
            break;
        }
        let Some(below) = meant.find_subcommand_mut(word) else { return };
        meant = below;
    }
    let usage = meant.render_usage();
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
}
