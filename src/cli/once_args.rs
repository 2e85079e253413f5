//! What can be written of the key under which an act is done once.

use clap::Args;

use crate::web::LONGEST_KEY;

#[derive(Args, Debug)]
pub(super) struct OnceArgs {
    /// A name of your own for this act: asked again under it within a day, it is not done twice, and the first answer is shown again.
    #[arg(long, value_name = "K", value_parser = parse_key)]
    pub(super) idempotency_key: Option<String>,
}

/// What the daemon takes, told here with the name of the option; a quote would begin another way to write it.
fn parse_key(text: &str) -> Result<String, String> {
    let is_one = (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_one && !text.starts_with('"') {
        Ok(text.to_owned())
    } else {
        Err("a key has 1 to 255 letters, digits and signs, without spaces, and begins with no quote".to_owned())
    }
}
