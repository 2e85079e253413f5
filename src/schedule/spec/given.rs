//! A value that a schedule and `defaults` can both give.

/// A value that other values depend on.
#[derive(Clone, Debug, Default)]
pub(super) enum Given<T> {
    #[default]
    Absent,
    /// It was told; nothing that follows from it is told as well.
    Wrong,
    Here(T),
}

impl<T: Clone> Given<T> {
    pub(super) fn or(&self, other: &Given<T>) -> Given<T> {
        match self {
            Given::Absent => other.clone(),
            Given::Wrong => Given::Wrong,
            Given::Here(value) => Given::Here(value.clone()),
        }
    }

    /// `None`: something was told. `Some(None)`: nothing was said.
    pub(super) fn settled(&self) -> Option<Option<&T>> {
        match self {
            Given::Absent => Some(None),
            Given::Wrong => None,
            Given::Here(value) => Some(Some(value)),
        }
    }
}
