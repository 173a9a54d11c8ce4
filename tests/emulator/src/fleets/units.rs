//! Capacity: what hosts weigh and what a fleet is to reach, in thousandths, so that 2.5 is exact.

use std::fmt;
use std::ops::{Add, AddAssign};

use crate::instances::Market;

const ONE: u64 = 1_000;

/// An amount of capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Units(u64);

impl Units {
    pub(crate) const ZERO: Self = Self(0);
    pub(crate) const ONE: Self = Self(ONE);
    pub(crate) const MOST: Self = Self(u64::MAX / 4);

    pub(crate) fn whole(number: u32) -> Self {
        Self(u64::from(number) * ONE)
    }

    /// Reads a number that is not negative, like `3` or `2.5`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        let part: String = part.chars().chain("000".chars()).take(3).collect();
        let whole: u32 = whole.parse().ok().filter(|_| digits)?;
        Some(Self(u64::from(whole) * ONE + part.parse::<u64>().ok()?))
    }

    pub(crate) const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns what so many hosts of this weight give.
    pub(crate) fn times(self, hosts: u32) -> Self {
        Self(self.0.saturating_mul(hosts.into()))
    }

    /// Returns one of so many parts, rounded up.
    pub(crate) fn part(self, parts: usize) -> Self {
        Self(self.0.div_ceil(u64::try_from(parts).unwrap_or(u64::MAX).max(1)))
    }

    /// Returns how many hosts of this weight reach it: rounded up (`aws-semantics.md` section 4.2).
    pub(crate) fn hosts(self, weight: Self) -> u32 {
        u32::try_from(self.0.div_ceil(weight.0.max(1))).unwrap_or(u32::MAX)
    }

    /// Returns what one unit costs of a host that costs `price`.
    pub(crate) const fn share_of(self, price: u64) -> u64 {
        price.saturating_mul(ONE) / if self.0 == 0 { 1 } else { self.0 }
    }
}

impl Add for Units {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / ONE, self.0 % ONE);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// One for each market.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Both<T> {
    pub(crate) on_demand: T,
    pub(crate) spot: T,
}

impl<T> Both<T> {
    pub(crate) const fn of(&self, market: Market) -> &T {
        match market {
            Market::OnDemand => &self.on_demand,
            Market::Spot => &self.spot,
        }
    }

    pub(crate) const fn of_mut(&mut self, market: Market) -> &mut T {
        match market {
            Market::OnDemand => &mut self.on_demand,
            Market::Spot => &mut self.spot,
        }
    }
}

impl Both<Units> {
    pub(crate) fn sum(&self) -> Units {
        self.on_demand + self.spot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_written_and_rounded_up_to_hosts() {
        for (text, again) in [("3", "3"), ("2.5", "2.5"), ("7.0", "7"), ("10", "10"), ("0.001", "0.001")] {
            assert_eq!(Units::parse(text).map(|units| units.to_string()).as_deref(), Some(again));
        }
        assert!(["", "-1", "a", "1.x"].into_iter().all(|text| Units::parse(text).is_none()));
        assert_eq!(Units::whole(7).hosts(Units::whole(3)), 3);
        assert_eq!(Units::whole(6).hosts(Units::whole(3)), 2);
        assert_eq!(Units::whole(10).part(4), Units::parse("2.5").unwrap());
    }
}
