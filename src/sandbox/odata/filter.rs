//! `$filter`: read once, then asked about each row.

use std::cmp::Ordering;

use jiff::Timestamp;
use uuid::Uuid;

use super::lexer::{Literal, Token, tokens};
use super::row::{BadQuery, Kind, Property, Row, Scalar, find_property};

/// What Orchestrator allows in one filter, by its OpenAPI description. Members of an `in` list do not count, or both SDKs' lists of 50
/// keys would be refused.
const MAX_EXPRESSIONS: usize = 100;

/// A filter that fits the entity it was read for.
#[derive(Clone, Debug)]
pub(in super::super) struct Filter(Node);

#[derive(Clone, Debug)]
enum Node {
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare { property: &'static str, operator: Operator, value: Value },
    OneOf { property: &'static str, values: Vec<Value> },
    Match { property: &'static str, part: Part, text: String },
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Start,
    End,
    Anywhere,
}

/// A literal of the type of its property; text is folded, as the service's database compares without case.
#[derive(Clone, Debug)]
enum Value {
    Null,
    Flag(bool),
    Number(i64),
    Text(String),
    Guid(Uuid),
    Time(Timestamp),
}

impl Filter {
    /// Reads a filter for rows with these properties.
    pub(in super::super) fn parse(text: &str, properties: &'static [Property]) -> Result<Filter, BadQuery> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, at: 0, properties, expressions: 0 };
        let node = parser.any()?;
        if let Some(token) = parser.peek() {
            return Err(BadQuery(format!("{token:?} is left over in the filter")));
        }
        if parser.expressions > MAX_EXPRESSIONS {
            return Err(BadQuery(format!("{} expressions, more than {MAX_EXPRESSIONS}", parser.expressions)));
        }
        Ok(Filter(node))
    }

    /// Whether the row is wanted.
    pub(in super::super) fn admits(&self, row: &impl Row) -> bool {
        admits(&self.0, row)
    }
}

fn admits(node: &Node, row: &impl Row) -> bool {
    match node {
        Node::Or(left, right) => admits(left, row) || admits(right, row),
        Node::And(left, right) => admits(left, row) && admits(right, row),
        Node::Not(inner) => !admits(inner, row),
        Node::Compare { property, operator, value } => compare(&row.scalar(property), *operator, value),
        Node::OneOf { property, values } => {
            let scalar = row.scalar(property);
            values.iter().any(|value| equal(&scalar, value))
        }
        Node::Match { property, part, text } => match row.scalar(property) {
            Scalar::Text(value) => {
                let value = value.to_lowercase();
                match part {
                    Part::Start => value.starts_with(text.as_str()),
                    Part::End => value.ends_with(text.as_str()),
                    Part::Anywhere => value.contains(text.as_str()),
                }
            }
            Scalar::Absent | Scalar::Flag(_) | Scalar::Number(_) | Scalar::Guid(_) | Scalar::Time(_) => false,
        },
    }
}

fn compare(scalar: &Scalar<'_>, operator: Operator, value: &Value) -> bool {
    let order = order(scalar, value);
    match operator {
        Operator::Equal => equal(scalar, value),
        Operator::NotEqual => !equal(scalar, value),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
    }
}

fn equal(scalar: &Scalar<'_>, value: &Value) -> bool {
    match (scalar, value) {
        (Scalar::Absent, Value::Null) => true,
        (
            Scalar::Absent | Scalar::Flag(_) | Scalar::Number(_) | Scalar::Text(_) | Scalar::Guid(_) | Scalar::Time(_),
            _,
        ) => order(scalar, value) == Some(Ordering::Equal),
    }
}

/// `None` where nothing can be said: an absent value is neither more nor less than any other.
fn order(scalar: &Scalar<'_>, value: &Value) -> Option<Ordering> {
    match (scalar, value) {
        (Scalar::Flag(a), Value::Flag(b)) => Some(a.cmp(b)),
        (Scalar::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Scalar::Text(a), Value::Text(b)) => Some(a.to_lowercase().as_str().cmp(b)),
        (Scalar::Guid(a), Value::Guid(b)) => Some(a.cmp(b)),
        (Scalar::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (
            Scalar::Absent | Scalar::Flag(_) | Scalar::Number(_) | Scalar::Text(_) | Scalar::Guid(_) | Scalar::Time(_),
            _,
        ) => None,
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    properties: &'static [Property],
    expressions: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<&'a Token, BadQuery> {
        let token = self.tokens.get(self.at).ok_or_else(|| BadQuery("the filter ends too early".to_owned()))?;
        self.at += 1;
        Ok(token)
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), BadQuery> {
        let token = self.next()?;
        if token == wanted { Ok(()) } else { Err(BadQuery(format!("{token:?} stands where {wanted:?} should"))) }
    }

    /// Takes the word if it is next.
    fn took_word(&mut self, word: &str) -> bool {
        let here = matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word));
        self.at += usize::from(here);
        here
    }

    fn any(&mut self) -> Result<Node, BadQuery> {
        let mut node = self.all()?;
        while self.took_word("or") {
            self.expressions += 1;
            node = Node::Or(Box::new(node), Box::new(self.all()?));
        }
        Ok(node)
    }

    fn all(&mut self) -> Result<Node, BadQuery> {
        let mut node = self.one()?;
        while self.took_word("and") {
            self.expressions += 1;
            node = Node::And(Box::new(node), Box::new(self.one()?));
        }
        Ok(node)
    }

    fn one(&mut self) -> Result<Node, BadQuery> {
        // Counted on the way down as well, so that a wall of `not`s or brackets is refused before the stack is.
        self.expressions += 1;
        if self.expressions > 2 * MAX_EXPRESSIONS {
            return Err(BadQuery("far too many expressions".to_owned()));
        }
        if self.took_word("not") {
            return Ok(Node::Not(Box::new(self.one()?)));
        }
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let node = self.any()?;
            self.expect(&Token::Close)?;
            // Brackets are no expression of their own.
            self.expressions -= 1;
            return Ok(node);
        }
        let Token::Word(name) = self.next()?.clone() else {
            return Err(BadQuery("a literal stands where a property should".to_owned()));
        };
        if self.peek() == Some(&Token::Open) {
            return self.function(&name);
        }
        let (property, kind) = self.property(&name)?;
        let Token::Word(operator) = self.next()?.clone() else {
            return Err(BadQuery(format!("`{name}` is followed by no operator")));
        };
        self.expressions += 1;
        if operator.eq_ignore_ascii_case("in") {
            return self.list(property, kind);
        }
        let operator = match operator.to_ascii_lowercase().as_str() {
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            other => return Err(BadQuery(format!("`{other}` is no operator"))),
        };
        self.expressions += 1;
        let value = self.value(property, kind)?;
        Ok(Node::Compare { property, operator, value })
    }

    fn list(&mut self, property: &'static str, kind: Kind) -> Result<Node, BadQuery> {
        self.expect(&Token::Open)?;
        let mut values = vec![self.value(property, kind)?];
        loop {
            match self.next()? {
                Token::Comma => values.push(self.value(property, kind)?),
                Token::Close => return Ok(Node::OneOf { property, values }),
                other => return Err(BadQuery(format!("{other:?} stands in a list"))),
            }
        }
    }

    fn function(&mut self, name: &str) -> Result<Node, BadQuery> {
        let part = match name.to_ascii_lowercase().as_str() {
            "startswith" => Part::Start,
            "endswith" => Part::End,
            "contains" => Part::Anywhere,
            other => return Err(BadQuery(format!("`{other}` is no function"))),
        };
        self.expressions += 2;
        self.expect(&Token::Open)?;
        let Token::Word(name) = self.next()?.clone() else {
            return Err(BadQuery(format!("`{name}` needs a property")));
        };
        let (property, kind) = self.property(&name)?;
        self.expect(&Token::Comma)?;
        let text = match (kind, self.next()?) {
            (Kind::Text, Token::Literal(Literal::Text(text))) => text.to_lowercase(),
            _ => return Err(BadQuery(format!("`{property}` cannot be searched like this"))),
        };
        self.expect(&Token::Close)?;
        Ok(Node::Match { property, part, text })
    }

    fn property(&self, name: &str) -> Result<Property, BadQuery> {
        match find_property(self.properties, name) {
            Some((property, Kind::Opaque)) => Err(BadQuery(format!("`{property}` cannot be compared"))),
            Some(found) => Ok(found),
            None => Err(BadQuery(format!("there is no property `{name}`"))),
        }
    }

    fn value(&mut self, property: &str, kind: Kind) -> Result<Value, BadQuery> {
        let token = self.next()?;
        let Token::Literal(literal) = token else {
            return Err(BadQuery(format!("{token:?} is no literal")));
        };
        let value = match (kind, literal) {
            (_, Literal::Null) => Some(Value::Null),
            (Kind::Flag, Literal::Flag(flag)) => Some(Value::Flag(*flag)),
            (Kind::Number, Literal::Number(number)) => Some(Value::Number(*number)),
            (Kind::Text, Literal::Text(text)) => Some(Value::Text(text.to_lowercase())),
            (Kind::Guid, Literal::Guid(guid)) => Some(Value::Guid(*guid)),
            // Both SDKs put keys in quotes, and the service takes them.
            (Kind::Guid, Literal::Text(text)) => Uuid::parse_str(text).ok().map(Value::Guid),
            (Kind::Time, Literal::Time(time)) => Some(Value::Time(*time)),
            (Kind::OneOf(names), Literal::Text(text)) => {
                let numbered = text.parse::<usize>().ok().and_then(|number| names.get(number));
                let named = names.iter().find(|name| name.eq_ignore_ascii_case(text));
                named.or(numbered).map(|name| Value::Text(name.to_lowercase()))
            }
            (
                Kind::Number | Kind::Text | Kind::Flag | Kind::Guid | Kind::Time | Kind::OneOf(_) | Kind::Opaque,
                Literal::Flag(_) | Literal::Number(_) | Literal::Text(_) | Literal::Guid(_) | Literal::Time(_),
            ) => None,
        };
        value.ok_or_else(|| BadQuery(format!("{literal:?} does not fit `{property}`")))
    }
}
