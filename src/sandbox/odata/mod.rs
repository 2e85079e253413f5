//! The part of OData that Orchestrator's lists are asked with: filter, select, order, page and count.
//!
//! It is honest rather than lenient: a property that does not exist, a literal of the wrong type or one expression too
//! many is refused as the real service refuses it, so a client cannot pass here and fail there.
//!
//! Absent: arithmetic, `any`/`all`, `$apply`, `$search`, and following a navigation property in a filter.

mod filter;
mod lexer;
mod options;
mod row;

pub(super) use options::{Page, list};
pub(super) use row::{Kind, Property, Row, Scalar};
