//! From the text of a filter to tokens.

use jiff::Timestamp;
use uuid::Uuid;

use super::row::BadQuery;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    Comma,
    /// A name or an operator.
    Word(String),
    Literal(Literal),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Flag(bool),
    Number(i64),
    Text(String),
    Guid(Uuid),
    Time(Timestamp),
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, BadQuery> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, left) = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            ',' => (Token::Comma, &rest[1..]),
            '\'' => quoted(&rest[1..])?,
            _ => word(rest)?,
        };
        tokens.push(token);
        rest = left.trim_start();
    }
    Ok(tokens)
}

/// The text up to the closing quote; two quotes stand for one.
fn quoted(text: &str) -> Result<(Token, &str), BadQuery> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let Some((before, after)) = rest.split_once('\'') else {
            return Err(BadQuery("a string has no end".to_owned()));
        };
        value.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((Token::Literal(Literal::Text(value)), after)),
        }
    }
}

fn word(text: &str) -> Result<(Token, &str), BadQuery> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '+' | '/' | '@')))
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() {
        return Err(BadQuery(format!("`{text}` does not begin with anything known")));
    }
    Ok((classified(word), rest))
}

fn classified(word: &str) -> Token {
    let literal = match word {
        "null" => Some(Literal::Null),
        "true" => Some(Literal::Flag(true)),
        "false" => Some(Literal::Flag(false)),
        _ if word.len() == 36 => Uuid::parse_str(word).ok().map(Literal::Guid),
        _ => None,
    };
    let literal = literal
        .or_else(|| word.parse().ok().map(Literal::Number))
        // A date without an offset is no instant, and is refused by the service as well.
        .or_else(|| word.parse().ok().map(Literal::Time));
    literal.map_or_else(|| Token::Word(word.to_owned()), Token::Literal)
}
