//! `folder` and `folder_id`: which folder is meant.
//!
//! Absent: finding it. What `folder` may be is told apart only where Orchestrator can be asked (`orchestrator::find`).

use super::field::Field;
use super::fields::Fields;
use super::tree::{Kind, Scalar, Value};
use crate::schedule::diagnostic::Findings;
use crate::schedule::folder::FolderChoice;

/// The keys that name a folder.
const KEYS: [&str; 2] = ["folder", "folder_id"];

/// Reads both keys of a map, of which one may be there. `None`: neither is there, or something was told.
pub(super) fn read(fields: &Fields<'_>, findings: &mut Findings) -> Option<FolderChoice> {
    let [name, number] = KEYS.map(|key| fields.get(key));
    let named = name.as_ref().map(|field| field.name(findings).map(FolderChoice::Named));
    let numbered = number.as_ref().map(|field| read_number(field, findings).map(FolderChoice::Number));
    if let (Some(name), Some(number)) = (&name, &number) {
        let what = format!("{} and {} are both given, and each names a folder by itself", name.named(), number.named());
        let cure = "take one out: `folder` is the full name, `folder_id` the number that web addresses show as `fid=`";
        number.error_at(number.key_at, &what, findings).hint(cure).also(name.key_at, "the other one");
        return None;
    }
    named.or(numbered).flatten()
}

/// Orchestrator's number of a folder: a whole number from 1.
pub(super) fn read_number(field: &Field<'_>, findings: &mut Findings) -> Option<i64> {
    let scalar = match &field.node.value {
        Value::Scalar(scalar) if scalar.kind != Kind::Null => scalar,
        Value::Scalar(_) | Value::List(_) | Value::Map(_) => {
            let what = format!("{} must be one whole number from 1", field.named());
            let cure = "write the number that Orchestrator's address bar shows as `fid=`, such as `folder_id: 345`";
            field.error(&what, findings).hint(cure);
            return None;
        }
    };
    let number = match &scalar.kind {
        Kind::Number(number) => number.as_i64().filter(|number| *number > 0),
        Kind::Null | Kind::Bool(_) | Kind::Inexact | Kind::Text => None,
    };
    if number.is_none() {
        let cure = cure(scalar);
        field.error(&format!("{} must be a whole number from 1", field.named()), findings).hint(cure);
    }
    number
}

/// People paste the number in quotes, `fid=345`, the address around it, or the name.
fn cure(scalar: &Scalar) -> String {
    let text = scalar.text.trim();
    let after = text.rsplit_once("fid=").map_or(text, |(_, after)| after);
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let number = digits.trim_start_matches('0');
    match scalar.kind {
        Kind::Text if !number.is_empty() && (digits.len() == text.len() || after.len() < text.len()) => {
            format!("write `folder_id: {number}`, without quotes")
        }
        Kind::Text => {
            "write a name as `folder`; `folder_id` is the number that web addresses show as `fid=`".to_owned()
        }
        Kind::Null | Kind::Bool(_) | Kind::Inexact | Kind::Number(_) => {
            "write the number that Orchestrator's address bar shows as `fid=`, such as `folder_id: 345`".to_owned()
        }
    }
}
