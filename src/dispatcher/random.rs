//! Random bits for the ids of runs and for names that were never used: the one place where the dispatcher is not a function of what it
//! hears.

use super::core::RandomBits;

/// Ten bytes from the system, each time.
pub(super) fn random_bits() -> RandomBits {
    Box::new(|| {
        let mut bits = [0u8; 10];
        // Without random bits ids still differ by their instant; two in one millisecond would collide and be refused.
        if let Err(error) = getrandom::fill(&mut bits) {
            tracing::error!("The system gives no random bits: {error}");
        }
        bits
    })
}
