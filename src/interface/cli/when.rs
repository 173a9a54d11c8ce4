//! Times and spans of time, as people write and read them.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::domain::{DomainError, Timestamp};

/// Returns a time as `2026-01-02T03:04:05.678Z`.
pub(super) fn rfc3339(at: Timestamp) -> String {
    let nanos = i128::from(at.as_millis()).saturating_mul(1_000_000);
    let text = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| at.as_millis().to_string())
}

/// Returns how long ago something was, in its largest unit: `45s`, `12m`, `3h`, `5d`.
pub(super) fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.since(then).as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Returns a span as it is measured: `0.4s`, `12.0s`, `3m05s`, `2h10m`.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds}.{}s", span.subsec_millis() / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Reads a span: `90s`, `30m`, `2h`, `7d`.
///
/// # Errors
/// [`DomainError::Validation`] when it is none.
pub(super) fn parse_span(text: &str) -> Result<Duration, DomainError> {
    let wrong = || DomainError::validation("time", format!("{text:?} is not a time such as 90s, 30m, 2h or 7d"));
    let (at, unit) = text.char_indices().next_back().ok_or_else(wrong)?;
    let number: u64 = text.get(..at).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans_are_short() {
        let at = Timestamp::from_millis(1_767_323_045_678);
        assert_eq!(rfc3339(at), "2026-01-02T03:04:05.678Z");
        for (seconds, expected) in [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172_800, "2d")] {
            assert_eq!(age(at.after(Duration::from_secs(seconds)), at), expected);
        }
        for (millis, expected) in [(0, "0.0s"), (12_345, "12.3s"), (185_000, "3m05s"), (7_800_000, "2h10m")] {
            assert_eq!(span(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn spans_are_read_with_their_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604_800)] {
            assert_eq!(parse_span(text).unwrap(), Duration::from_secs(seconds));
        }
        for text in ["", "s", "5", "-1m", "1w", "1.5h", "é"] {
            parse_span(text).unwrap_err();
        }
    }
}
