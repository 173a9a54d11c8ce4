//! What hosts cost.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use shaku::Interface;

use crate::domain::DomainError;

/// An amount of US dollars, in millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(u64);

impl Usd {
    /// Returns so many times as much.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }

    /// Returns the amount for programs.
    #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion dollars")]
    pub fn as_number(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl FromStr for Usd {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        let wrong = || DomainError::validation("price", format!("{text:?} is not an amount such as 0.0912"));
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || whole.len() > 9 {
            return Err(wrong());
        }
        let millionths: String = part.chars().chain("000000".chars()).take(6).collect();
        let amount = |digits: &str| digits.parse::<u64>().map_err(|_| wrong());
        Ok(Self(amount(whole)? * 1_000_000 + amount(&millionths)?))
    }
}

impl fmt::Display for Usd {
    /// Writes cents, and more digits below ten dollars.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if whole >= 10 {
            let cents = (self.0 + 5_000) / 10_000;
            return write!(f, "{}.{:02}", cents / 100, cents % 100);
        }
        let digits = format!("{part:06}");
        let kept = digits.trim_end_matches('0').len().max(2);
        write!(f, "{whole}.{}", digits.get(..kept).unwrap_or(&digits))
    }
}

/// Where prices come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceTable {
    /// The region that they are of.
    pub region: String,
    /// The day of the list prices that the program ships.
    pub day: &'static str,
    /// The operator's own table, if there is one; it counts first.
    pub own: Option<PathBuf>,
    /// What is wrong with that.
    pub faults: Vec<String>,
}

/// Knows what an hour of a host costs, its operating system Linux. Implementations MUST NOT ask the cloud; what cannot be read
/// is not known.
pub trait Prices: Interface {
    /// Returns the price on demand.
    fn on_demand(&self, instance_type: &str) -> Option<Usd>;

    /// Returns the spot price.
    fn spot(&self, instance_type: &str) -> Option<Usd>;

    /// Returns where the prices come from.
    fn table(&self) -> PriceTable;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_to_the_millionth() {
        for (text, shown) in [
            ("0.0912", "0.0912"),
            ("0.1", "0.10"),
            ("2", "2.00"),
            ("0.00000149", "0.000001"),
            ("98.32", "98.32"),
            ("1234.5678", "1234.57"),
            ("9.999999", "9.999999"),
            ("19.999", "20.00"),
        ] {
            assert_eq!(Usd::from_str(text).unwrap().to_string(), shown, "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "1e3", "0,1", "1234567890", "nan", "١"] {
            Usd::from_str(text).unwrap_err();
        }
        assert_eq!(Usd::from_str("0.25").unwrap().times(730).to_string(), "182.50");
    }
}
