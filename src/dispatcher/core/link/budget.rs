//! How much a connection may be asked, in boot time, which a clock step cannot shorten.
//!
//! Starts are bounded by a rate, list calls by a number in any minute. Absent: what is asked first (`look_up`, `follow`).

use std::collections::VecDeque;
use std::time::Duration;

/// List calls, of which there are never more than the limit in any minute: the tenant's own limit is not far above it.
///
/// A third may be saved up, so that a handful of look-ups need not queue; the rest comes evenly.
#[derive(Debug)]
pub(crate) struct ListBudget {
    even: Bucket,
    /// When the calls of the last minute were made, oldest first.
    made: VecDeque<Duration>,
    most: usize,
}

/// What the limit of list calls is of.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

impl ListBudget {
    pub(crate) fn new(a_minute: u32, boot: Duration) -> ListBudget {
        let even = Bucket::new(f64::from(a_minute.div_ceil(3)), f64::from(a_minute) / MINUTE.as_secs_f64(), boot);
        ListBudget { even, made: VecDeque::new(), most: usize::try_from(a_minute).unwrap_or(usize::MAX) }
    }

    /// Another limit from now on; calls of the last minute stay counted.
    pub(crate) fn retune(&mut self, a_minute: u32, boot: Duration) {
        self.even.retune(f64::from(a_minute.div_ceil(3)), f64::from(a_minute) / MINUTE.as_secs_f64(), boot);
        self.most = usize::try_from(a_minute).unwrap_or(usize::MAX);
    }

    /// Counts calls of a life before this one, made no later than any that are counted already or will be.
    pub(crate) fn made_before(&mut self, calls: u32, boot: Duration) {
        self.made.extend((0..calls).map(|_| boot));
    }

    /// When the calls of the last minute were made, in boot time, oldest first.
    pub(crate) fn made(&self, boot: Duration) -> impl Iterator<Item = Duration> {
        self.made.iter().copied().filter(move |made| *made + MINUTE > boot)
    }

    /// Counts one that is made in any case.
    pub(crate) fn spend(&mut self, boot: Duration) {
        self.even.owe(boot);
        self.made.push_back(boot);
    }

    /// Takes one, or says when the next one is there.
    pub(crate) fn take(&mut self, boot: Duration) -> Result<(), Duration> {
        self.next(boot)?;
        self.even.take(boot)?;
        self.made.push_back(boot);
        Ok(())
    }

    /// Whether one is there, or when the next one is.
    pub(crate) fn next(&mut self, boot: Duration) -> Result<(), Duration> {
        while self.made.front().is_some_and(|made| *made + MINUTE <= boot) {
            self.made.pop_front();
        }
        if let Some(oldest) = self.made.front().filter(|_| self.made.len() >= self.most) {
            return Err(*oldest + MINUTE);
        }
        self.even.next(boot)
    }
}

/// A token bucket in boot time.
#[derive(Debug)]
pub(crate) struct Bucket {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    at: Duration,
}

impl Bucket {
    pub(crate) fn new(capacity: f64, per_second: f64, at: Duration) -> Bucket {
        Bucket { capacity, per_second, tokens: capacity, at }
    }

    /// Another limit from now on; what was saved up stays, as far as it fits.
    pub(crate) fn retune(&mut self, capacity: f64, per_second: f64, boot: Duration) {
        self.refill(boot, self.per_second);
        self.capacity = capacity;
        self.per_second = per_second;
        self.tokens = self.tokens.min(capacity);
    }

    /// Takes one, or says when the next one is there.
    pub(crate) fn take(&mut self, boot: Duration) -> Result<(), Duration> {
        self.refill(boot, self.per_second);
        self.spend(boot, self.per_second)
    }

    /// The same at a lower rate and without a saved-up burst.
    pub(crate) fn take_slowly(&mut self, boot: Duration, per_second: f64) -> Result<(), Duration> {
        let rate = per_second.min(self.per_second);
        self.refill(boot, rate);
        self.tokens = self.tokens.min(1.0);
        self.spend(boot, rate)
    }

    /// Takes one, also where there is none: the next ones come later.
    fn owe(&mut self, boot: Duration) {
        self.refill(boot, self.per_second);
        self.tokens -= 1.0;
    }

    fn refill(&mut self, boot: Duration, rate: f64) {
        let passed = boot.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(self.capacity);
        self.at = boot;
    }

    /// Whether one is there, or when the next one is.
    fn next(&mut self, boot: Duration) -> Result<(), Duration> {
        self.refill(boot, self.per_second);
        self.there(boot, self.per_second)
    }

    fn spend(&mut self, boot: Duration, rate: f64) -> Result<(), Duration> {
        self.there(boot, rate)?;
        self.tokens -= 1.0;
        Ok(())
    }

    fn there(&self, boot: Duration, rate: f64) -> Result<(), Duration> {
        // Sums of fractions fall a hair short of one; without this a refill at the very instant would wait again.
        if self.tokens >= 1.0 - 1e-6 {
            return Ok(());
        }
        Err(boot + Duration::from_secs_f64((1.0 - self.tokens) / rate.max(1e-6)) + Duration::from_millis(1))
    }
}
