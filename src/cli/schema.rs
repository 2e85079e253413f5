//! `punctual schema`: what editors need to help with schedule files.

use super::failure::{Exit, Failure};
use super::output::Out;
use crate::schedule::json_schema;

pub(super) fn run(out: &mut Out) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(&json_schema())
        .map_err(|cause| Failure::new(Exit::Usage, format!("failed to print: {cause}")))?;
    out.line(text)?;
    Ok(Exit::Fine)
}
