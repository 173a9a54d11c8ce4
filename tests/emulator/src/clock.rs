//! The emulator's own time: it runs like the host's, or stands still, and can be moved on.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, in UTC.
pub type Millis = i64;

/// The virtual clock.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The time when it was made, and what it was moved by since.
    base: Millis,
    started: Instant,
    frozen: bool,
}

impl Clock {
    /// Returns a clock that shows the host's time; a frozen one moves only when it is told.
    pub(crate) fn new(frozen: bool) -> Self {
        Self { base: wall(), started: Instant::now(), frozen }
    }

    pub(crate) fn now(&self) -> Millis {
        if self.frozen { self.base } else { self.base + millis(self.started.elapsed()) }
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.base += millis(by);
    }
}

/// Returns the host's time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the host's clock")]
pub(crate) fn wall() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// Returns a duration in the clock's unit.
pub(crate) fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 4)
}

/// Year, month, day, hour, minute, second (Howard Hinnant, `civil_from_days`).
fn civil(at: Millis) -> [i64; 6] {
    let seconds = at.div_euclid(1_000);
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let clock = seconds.rem_euclid(86_400);
    [year, month, day, clock / 3_600, clock / 60 % 60, clock % 60]
}

/// Returns a time as EC2 writes it: `2026-01-31T12:00:00.000Z`.
pub(crate) fn iso(at: Millis) -> String {
    let [year, month, day, hour, minute, second] = civil(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", at.rem_euclid(1_000))
}

/// Returns a time as EC2 puts it into `stateTransitionReason`: `2026-01-31 12:00:00 GMT`.
pub(crate) fn gmt(at: Millis) -> String {
    let [year, month, day, hour, minute, second] = civil(at);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Returns a time as HTTP's `Date` header has it.
pub(crate) fn http_date(at: Millis) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let [year, month, day, hour, minute, second] = civil(at);
    let weekday = DAYS[usize::try_from(at.div_euclid(86_400_000).rem_euclid(7)).unwrap_or(0)];
    let month = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Returns the time of an `X-Amz-Date` header: `20260131T120000Z`.
pub(crate) fn signed_at(text: &str) -> Option<Millis> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    // Howard Hinnant, `days_from_civil`.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = (month + 9) % 12;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + (153 * shifted + 2) / 5 + day - 1;
    let days = era * 146_097 + day_of_era - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000)
}

/// Returns a time that a call names: `2026-01-31T12:00:00Z`, with or without a fraction.
pub(crate) fn parsed(text: &str) -> Option<Millis> {
    let plain: String = text.chars().filter(|letter| !matches!(letter, '-' | ':')).collect();
    let seconds = signed_at(&plain).filter(|_| plain.ends_with('Z'))?;
    let fraction = plain.get(15..plain.len() - 1)?.trim_start_matches('.');
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(seconds + digits.parse::<Millis>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_aws_writes_them() {
        let at = 1_769_860_800_123;
        assert_eq!(iso(at), "2026-01-31T12:00:00.123Z");
        assert_eq!(gmt(at), "2026-01-31 12:00:00 GMT");
        assert_eq!(http_date(at), "Sat, 31 Jan 2026 12:00:00 GMT");
        assert_eq!(signed_at("20260131T120000Z"), Some(1_769_860_800_000));
        assert_eq!(signed_at("20240229T235959Z").map(iso).as_deref(), Some("2024-02-29T23:59:59.000Z"));
        assert_eq!(signed_at("nonsense"), None);
        assert_eq!(parsed("2026-01-31T12:00:00.123Z"), Some(at));
        assert_eq!(parsed("2026-01-31T12:00:00Z"), Some(1_769_860_800_000));
        assert!(["", "2026-01-31", "2026-01-31T12:00:00", "nonsense"].into_iter().all(|text| parsed(text).is_none()));
    }

    #[test]
    fn a_frozen_clock_moves_only_when_it_is_told() {
        let mut clock = Clock::new(true);
        let start = clock.now();
        clock.advance(Duration::from_hours(1));
        assert_eq!(clock.now() - start, 3_600_000);
    }
}
