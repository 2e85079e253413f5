//! Texts that are too long.

/// At most `most` characters, and `…` after them where there were more, so that nobody takes a part for all of it.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
