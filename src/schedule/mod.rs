//! Schedule files: what they may say, what they mean, and what is wrong with them.
//!
//! `spec` reads the shapes as written, `model` has what they mean. Everything is parsed once and all mistakes are told
//! together; later code cannot see an invalid schedule. Only `load` touches files, and `secrets` looks whether those it refers to are there.

mod blackout;
mod change;
mod diagnostic;
mod excerpt;
mod folder;
mod kept;
mod load;
mod mask;
mod model;
mod name;
mod policy;
mod render;
mod schema;
mod secrets;
mod spec;
mod stamp;
mod template;
mod timing;

pub use blackout::{Blackout, BlackoutThen, Stretch};
pub use change::{Change, Loss, Moved, Removals, Settings, asks_elsewhere, replan, weigh};
pub use diagnostic::{Diagnostic, Excerpt, Severity, SourceFile};
pub use folder::FolderChoice;
pub use kept::{HistoryChoice, Kept};
pub use load::{list_gone, load};
pub use model::{
    AuthSpec, Connection, ConnectionLimits, Copies, Enablement, HighWaterMark, HistoryLimits, Marks, Occurrence, Place,
    Schedule, ScheduleSet, StartSpec, Trigger, Watch,
};
pub use name::{ConnectionName, ScheduleKey};
pub use policy::{
    CatchUp, CatchUpPolicy, CountedBy, JobPriority, OnPending, OnUnknownStart, OverlapPolicy, PauseAfter, Retry,
    RetryOn, Timeouts, milliseconds,
};
pub use render::{Paint, render};
pub use schema::json_schema;
pub use secrets::{SecretDoubt, doubtful_secrets};
pub use spec::{Invalid, Loaded, parse};
pub use stamp::{FileStamps, Look, Stillness, look_at_files};
pub use template::{ArgumentTemplate, AttemptFacts, TemplateContext, TemplateError};
// Readers of single values, which are fuzzed by themselves: within a file that is a hundred times slower.
#[doc(hidden)]
pub use spec::{Wrong, duration, instant};
#[doc(hidden)]
pub use template::{Slip, check as check_template};
pub use timing::{Bounds, CalendarDays, Timing, TimingError};
