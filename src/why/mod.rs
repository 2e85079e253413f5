//! Why a time of a schedule ran or did not, past or to come (semantics.md 36).
//!
//! `ask` reads what is known (rows, marks, versions of the schedule), `decide` judges it, and `words` alone puts the answer into sentences.
//! It is the same answer for the command line, the API and the page.
//!
//! Absent: the whole story of a run (`history`), and what is to happen at a time (`planner`, `dispatcher`): this reads, and decides nothing
//! that runs.

mod answer;
mod ask;
mod decide;
mod delay;
mod facts;
mod wanted;
mod words;

pub use self::answer::{Answer, Coming, Row, Why};
pub use self::ask::NoAnswer;
pub use self::delay::{Delay, Span};
pub use self::wanted::NotMeant;
