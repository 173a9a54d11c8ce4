//! What is drawn at random, and how much of it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Numbers that are the same for the same seed (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// Draws a number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    /// Draws the index of one of `length` things.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }
}

#[cfg(feature = "aws")]
impl Draw {
    /// Draws a number from `from` up to but not `to`.
    pub(crate) fn small(&mut self, from: u32, to: u32) -> u32 {
        from + u32::try_from(self.below(u64::from(to - from))).unwrap()
    }

    /// Draws one of these.
    pub(crate) fn of<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.index(things.len())].clone()
    }

    /// Draws a time up to `most`.
    pub(crate) fn duration(&mut self, most: std::time::Duration) -> std::time::Duration {
        std::time::Duration::from_micros(self.below(u64::try_from(most.as_micros()).unwrap_or(u64::MAX)))
    }
}

#[expect(clippy::disallowed_methods, reason = "tests read the variables that the operator of a campaign sets")]
fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// How much is drawn, as far as the operator of a campaign says: `HOSTFACTORY_TEST_TRIALS`. What it counts, each campaign
/// says itself.
pub(crate) fn trials() -> Option<u64> {
    number_from("HOSTFACTORY_TEST_TRIALS")
}

/// How many times the ordinary amount is drawn, for campaigns that count in that.
pub(crate) fn times() -> usize {
    trials().and_then(|trials| usize::try_from(trials).ok()).unwrap_or(1).max(1)
}

/// The seed that the operator wants, `HOSTFACTORY_TEST_SEED`; a new one for each run in which more is drawn than usual, and
/// otherwise always the same, so that a run of the tests repeats itself. It is to be printed.
#[expect(clippy::disallowed_methods, reason = "a new seed for each long run; it is printed")]
pub(crate) fn seed() -> u64 {
    let fresh = || u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
    number_from("HOSTFACTORY_TEST_SEED").or_else(|| trials().map(|_| fresh())).unwrap_or(30)
}
