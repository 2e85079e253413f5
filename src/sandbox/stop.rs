//! The two ways to ask a job to end.

/// How somebody wants a job to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopStrategy {
    SoftStop,
    Kill,
}

impl StopStrategy {
    pub(super) fn name(self) -> &'static str {
        match self {
            StopStrategy::SoftStop => "SoftStop",
            StopStrategy::Kill => "Kill",
        }
    }

    /// Takes names in any case and the numbers of old clients.
    pub(super) fn parse(text: &str) -> Option<StopStrategy> {
        match text.to_ascii_lowercase().as_str() {
            "softstop" | "1" => Some(StopStrategy::SoftStop),
            "kill" | "2" => Some(StopStrategy::Kill),
            _ => None,
        }
    }
}
