//! Where a secret is kept, as a file names it.
//!
//! A literal secret is refused here; that nothing shows it is the work of `hidden`.

use std::path::Path;

use super::field::Field;
use super::tree::{Kind, Scalar, Value};
use crate::schedule::diagnostic::{Findings, SourceFile};
use crate::secret::{SecretRef, first_sign, without_signs};

/// Where a secret is kept. `None`: something was told, and a literal one is hidden.
pub(super) fn secret(field: &Field<'_>, sources: &[SourceFile], findings: &mut Findings) -> Option<SecretRef> {
    let how = "write where it is kept: `credential:NAME`, `file:PATH` or `env:NAME`";
    let name = field.named();
    match &field.node.value {
        Value::Scalar(Scalar { kind: Kind::Null, .. }) => {
            findings.valueless(field.key_at, field.said(&format!("{name} is empty"))).hint(how);
            None
        }
        Value::Scalar(scalar) => {
            let folder = sources.get(field.at().file).map_or(Path::new(""), |source| source.folder.as_path());
            match SecretRef::parse(&scalar.text, folder) {
                Ok(SecretRef::Env(variable)) => {
                    let what = format!("{name} is read from the environment, which other programs may see");
                    field.warning(&what, findings).hint("`credential:NAME` and `file:PATH` are safer");
                    Some(SecretRef::Env(variable))
                }
                Ok(reference) => Some(reference),
                Err(_) => {
                    findings.hide(field.at());
                    let looks_like_one =
                        ["credential:", "file:", "env:"].iter().any(|kind| scalar.text.starts_with(kind));
                    let meant = without_signs(&scalar.text);
                    if meant != scalar.text && SecretRef::parse(&meant, folder).is_ok() {
                        let sign = first_sign(&scalar.text).map(|sign| sign.to_string()).unwrap_or_default();
                        let what = format!("{name} has {sign}, which is not meant");
                        let cure = format!("write `{}: \"{meant}\"`", field.key());
                        findings.valueless(field.at(), field.said(&what)).hint(cure);
                    } else if looks_like_one {
                        let what = format!("{name} is not a well-formed reference");
                        findings
                            .valueless(field.at(), field.said(&what))
                            .hint("names are letters, digits, `_`, `-` and `.`");
                    } else {
                        let what = format!("{name} holds the secret itself, which must not stand in this file");
                        findings.valueless(field.at(), field.said(&what)).hint(how);
                    }
                    None
                }
            }
        }
        Value::Map(_) | Value::List(_) => {
            findings.valueless(field.at(), field.said(&format!("{name} must be a reference to a secret"))).hint(how);
            None
        }
    }
}
