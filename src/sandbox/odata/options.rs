//! The query options of a list, and the list they make.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::super::answer::without_nulls;
use super::super::config::Nulls;
use super::filter::Filter;
use super::row::{BadQuery, Row, Scalar, find_property};

/// The most rows of one answer, asked for or not, by the OpenAPI description.
const MAX_TOP: usize = 1_000;
/// The most properties in `$orderby`, by the same.
const MAX_ORDER: usize = 5;

/// Query options, read for one entity.
#[derive(Clone, Debug)]
pub(in super::super) struct Page {
    pub(in super::super) filter: Option<Filter>,
    select: Option<Vec<&'static str>>,
    order: Vec<(&'static str, Direction)>,
    top: usize,
    skip: usize,
    count: Count,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Wanted,
    Unwanted,
}

impl Page {
    /// Reads the options of a query; those that do not belong to OData are left alone.
    pub(in super::super) fn parse<R: Row>(query: &[(String, String)]) -> Result<Page, BadQuery> {
        let mut page =
            Page { filter: None, select: None, order: Vec::new(), top: MAX_TOP, skip: 0, count: Count::Unwanted };
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in query {
            let Some(option) = name.strip_prefix('$').map(str::to_ascii_lowercase) else { continue };
            if seen.contains(&option) {
                return Err(BadQuery(format!("`${option}` stands twice")));
            }
            match option.as_str() {
                "filter" => page.filter = Some(Filter::parse(value, R::PROPERTIES)?),
                "select" => page.select = Some(names::<R>(value)?),
                "orderby" => page.order = order::<R>(value)?,
                "top" => page.top = number(value).filter(|top| *top <= MAX_TOP).ok_or_else(|| odd(name, value))?,
                "skip" => page.skip = number(value).ok_or_else(|| odd(name, value))?,
                "count" => {
                    page.count = match value.to_ascii_lowercase().as_str() {
                        "true" => Count::Wanted,
                        "false" => Count::Unwanted,
                        _ => return Err(odd(name, value)),
                    }
                }
                // Nothing here has anything to expand.
                "expand" => {}
                _ => return Err(odd(name, value)),
            }
            seen.push(option);
        }
        Ok(page)
    }

    /// Leaves out what was not selected.
    pub(in super::super) fn selected(&self, row: Map<String, Value>) -> Map<String, Value> {
        match &self.select {
            None => row,
            Some(names) => row.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect(),
        }
    }
}

/// Filters, orders, pages and shows the rows.
pub(in super::super) fn list<R: Row>(rows: impl Iterator<Item = R>, page: &Page, nulls: Nulls) -> Value {
    let mut rows: Vec<R> = rows.filter(|row| page.filter.as_ref().is_none_or(|filter| filter.admits(row))).collect();
    rows.sort_by(|a, b| {
        page.order.iter().fold(Ordering::Equal, |so_far, (property, direction)| {
            so_far.then_with(|| {
                let order = compare(&a.scalar(property), &b.scalar(property));
                match direction {
                    Direction::Up => order,
                    Direction::Down => order.reverse(),
                }
            })
        })
    });
    let total = rows.len();
    let value = rows
        .iter()
        .skip(page.skip)
        .take(page.top)
        .map(|row| Value::Object(without_nulls(page.selected(row.render()), nulls)))
        .collect();

    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), Value::from(format!("$metadata#{}", R::CONTEXT)));
    match page.count {
        Count::Wanted => {
            body.insert("@odata.count".to_owned(), Value::from(total));
        }
        Count::Unwanted => {}
    }
    body.insert("value".to_owned(), Value::Array(value));
    Value::Object(body)
}

/// Absent values come first, as in the service's database.
fn compare(a: &Scalar<'_>, b: &Scalar<'_>) -> Ordering {
    match (a, b) {
        (Scalar::Absent, Scalar::Absent) => Ordering::Equal,
        (Scalar::Absent, _) => Ordering::Less,
        (_, Scalar::Absent) => Ordering::Greater,
        (Scalar::Flag(a), Scalar::Flag(b)) => a.cmp(b),
        (Scalar::Number(a), Scalar::Number(b)) => a.cmp(b),
        (Scalar::Text(a), Scalar::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Scalar::Guid(a), Scalar::Guid(b)) => a.cmp(b),
        (Scalar::Time(a), Scalar::Time(b)) => a.cmp(b),
        // A property has one type, so this pair cannot be met.
        (Scalar::Flag(_) | Scalar::Number(_) | Scalar::Text(_) | Scalar::Guid(_) | Scalar::Time(_), _) => {
            Ordering::Equal
        }
    }
}

fn number(text: &str) -> Option<usize> {
    text.trim().parse().ok()
}

fn odd(name: &str, value: &str) -> BadQuery {
    BadQuery(format!("`{name}={value}` cannot be answered"))
}

fn names<R: Row>(text: &str) -> Result<Vec<&'static str>, BadQuery> {
    text.split(',')
        .map(|name| {
            let found = find_property(R::PROPERTIES, name.trim());
            found.map(|(property, _)| property).ok_or_else(|| BadQuery(format!("there is no property `{name}`")))
        })
        .collect()
}

fn order<R: Row>(text: &str) -> Result<Vec<(&'static str, Direction)>, BadQuery> {
    let order: Vec<(&'static str, Direction)> = text
        .split(',')
        .map(|part| {
            let mut words = part.split_whitespace();
            let found = words.next().and_then(|name| find_property(R::PROPERTIES, name));
            let direction = match words.next().map(str::to_ascii_lowercase).as_deref() {
                None | Some("asc") => Some(Direction::Up),
                Some("desc") => Some(Direction::Down),
                Some(_) => None,
            };
            match (found, direction, words.next()) {
                (Some((property, _)), Some(direction), None) => Ok((property, direction)),
                _ => Err(BadQuery(format!("`{part}` is no order"))),
            }
        })
        .collect::<Result<_, _>>()?;
    if order.len() > MAX_ORDER {
        return Err(BadQuery(format!("more than {MAX_ORDER} properties in `$orderby`")));
    }
    Ok(order)
}
