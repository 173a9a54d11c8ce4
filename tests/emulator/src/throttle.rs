//! The token buckets of an account (`aws-semantics.md` section 8), refilled on the emulator's clock.

use std::collections::HashMap;

use crate::clock::Millis;

/// A bucket: how much it holds, and how much comes back a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) holds: u32,
    pub(crate) refill: u32,
}

impl Rate {
    pub(crate) const fn new(holds: u32, refill: u32) -> Self {
        Self { holds, refill }
    }
}

/// Describe, Get and List calls.
pub(crate) const READING: Rate = Rate::new(100, 20);
/// Some of the same, with neither filter nor page size (section 8.1).
pub(crate) const UNFILTERED: Rate = Rate::new(50, 10);

/// What is left in each bucket, in thousandths of a token.
#[derive(Debug, Default)]
pub(crate) struct Buckets(HashMap<(String, &'static str), (u64, Millis)>);

impl Buckets {
    /// Takes `tokens` out of a bucket, or none when there are fewer.
    pub(crate) fn take(&mut self, action: &str, kind: &'static str, rate: Rate, tokens: u32, now: Millis) -> bool {
        let full = u64::from(rate.holds) * 1_000;
        let (left, at) = self.0.entry((action.to_owned(), kind)).or_insert((full, now));
        let passed = u64::try_from(now - *at).unwrap_or(0);
        *left = (*left + passed * u64::from(rate.refill)).min(full);
        *at = now;
        let wanted = u64::from(tokens) * 1_000;
        let enough = *left >= wanted;
        if enough {
            *left -= wanted;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills_by_the_second_and_never_overflows() {
        let mut buckets = Buckets::default();
        let rate = Rate::new(5, 2);
        assert!((0..5).all(|_| buckets.take("RunInstances", "requests", rate, 1, 0)));
        assert!(!buckets.take("RunInstances", "requests", rate, 1, 499));
        assert!(buckets.take("RunInstances", "requests", rate, 1, 500));
        assert!(!buckets.take("RunInstances", "requests", rate, 6, 1_000_000));
        assert!(buckets.take("RunInstances", "requests", rate, 5, 1_000_000));
    }
}
