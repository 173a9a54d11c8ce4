//! Values as other plug-ins wrote them: numbers as text, lists as text, times in any form.

use serde_json::{Map, Value};

use crate::domain::Timestamp;

/// A record of a database.
pub(super) type Record = Map<String, Value>;

/// Returns whether a value says nothing.
pub(super) fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || text == "None" || text == "null",
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns the first of these members that says anything.
pub(super) fn first<'r>(record: &'r Record, names: &[&str]) -> Option<&'r Value> {
    names.iter().filter_map(|name| record.get(*name)).find(|value| !is_unset(value))
}

/// Returns a value as text. Some versions wrote an id as an object around it, or as the text of one.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(unwrapped(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Object(members) => first(members, &["value"]).and_then(text_of_plain),
        Value::Null | Value::Array(_) => None,
    }
}

fn text_of_plain(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Takes `{'value': 'req-…'}`, as Python shows an object, for the text in it.
fn unwrapped(text: &str) -> String {
    let inner = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).and_then(|text| {
        let (_, rest) = text.split_once("value")?;
        let rest = rest.trim_start_matches(['\'', '"', ':', ' ']);
        rest.split(['\'', '"']).next()
    });
    inner.filter(|inner| !inner.is_empty()).unwrap_or(text).to_owned()
}

/// Returns the member of one of these names as text.
pub(super) fn text_of(record: &Record, names: &[&str]) -> Option<String> {
    first(record, names).and_then(text).filter(|text| !text.is_empty())
}

/// Returns the member of one of these names as a whole number that is not negative.
pub(super) fn number_of(record: &Record, names: &[&str]) -> Option<u32> {
    match first(record, names)? {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()).or_else(|| {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0)?;
            format!("{whole:.0}").parse().ok()
        }),
        Value::String(text) => text.trim().trim_end_matches(".0").parse().ok(),
        _ => None,
    }
}

/// Returns a list of texts: a list, the JSON text of one, or texts with commas between them.
pub(super) fn list_of(record: &Record, names: &[&str]) -> Vec<String> {
    let texts = |items: &[Value]| items.iter().filter_map(text).filter(|text| !text.is_empty()).collect();
    match first(record, names) {
        Some(Value::Array(items)) => texts(items),
        Some(Value::String(list)) => match serde_json::from_str(list) {
            Ok(Value::Array(items)) => texts(&items),
            _ => list.split(',').map(str::trim).filter(|text| !text.is_empty()).map(unwrapped).collect(),
        },
        Some(_) | None => Vec::new(),
    }
}

/// Returns an object, or the JSON text of one.
pub(super) fn object_of(record: &Record, name: &str) -> Record {
    match record.get(name) {
        Some(Value::Object(members)) => members.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(_) | None => Record::new(),
    }
}

/// Returns the member of one of these names as a time: ISO 8601 in text, or seconds or milliseconds since 1970.
pub(super) fn time_of(record: &Record, names: &[&str]) -> Option<Timestamp> {
    match first(record, names)? {
        Value::Number(number) => since_epoch(number.as_f64()?),
        Value::String(text) => iso(text.trim()).or_else(|| since_epoch(text.trim().parse().ok()?)),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked just before")]
fn since_epoch(number: f64) -> Option<Timestamp> {
    // So many seconds are in the year 5138, so many milliseconds in 1973.
    let millis = if number.abs() < 1e11 { number * 1000.0 } else { number };
    (number > 0.0 && millis < 1e15).then(|| Timestamp::from_millis(millis as i64))
}

/// Reads `2026-08-01T10:20:30.123456+02:00`; without a zone it is UTC, without a time midnight.
fn iso(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some()
        || !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
    {
        return None;
    }
    let rest = rest.trim_start_matches(['T', 't', ' ']);
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    let mut clock = clock.splitn(3, ':');
    let mut part = || clock.next().filter(|part| !part.is_empty()).unwrap_or("0");
    let (hours, minutes, seconds) =
        (part().parse::<i64>().ok()?, part().parse::<i64>().ok()?, part().parse::<f64>().ok()?);
    let offset = match zone.as_bytes().first() {
        None | Some(b'Z' | b'z') => 0,
        Some(sign) => {
            let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
            let minutes =
                digits.get(..2)?.parse::<i64>().ok()? * 60 + digits.get(2..4).unwrap_or("0").parse::<i64>().ok()?;
            if *sign == b'-' { -minutes } else { minutes }
        }
    };
    // Days since 1970 in the Gregorian calendar, with years that begin in March.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    let whole = (days * 24 + hours) * 60 + minutes - offset;
    #[expect(clippy::cast_possible_truncation, reason = "less than a minute")]
    let millis = (seconds.clamp(0.0, 60.999) * 1000.0) as i64;
    Some(Timestamp::from_millis(whole * 60_000 + millis))
}

/// Returns tags as `k=v;k=v` in the order of their keys, AWS's own and those of plug-ins left out.
pub(super) fn tags_of(record: &Record) -> String {
    let reserved = |key: &str| ["aws:", "orb:", "hostfactory:"].iter().any(|prefix| key.starts_with(prefix));
    let pair = |key: &str, value: &str| (!key.is_empty() && !reserved(key)).then(|| format!("{key}={value}"));
    let mut pairs: Vec<String> = if let Some(Value::Array(items)) = record.get("tags") {
        let tags = items.iter().filter_map(Value::as_object);
        let named = |tag| Some((text_of(tag, &["Key", "key"])?, text_of(tag, &["Value", "value"]).unwrap_or_default()));
        tags.filter_map(named).filter_map(|(key, value)| pair(&key, &value)).collect()
    } else {
        let tags = object_of(record, "tags");
        tags.iter().filter_map(|(key, value)| pair(key, &text(value).unwrap_or_default())).collect()
    };
    pairs.sort_unstable();
    pairs.join(";")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(value: Value) -> Record {
        let Value::Object(members) = value else { panic!("{value} is no record") };
        members
    }

    #[test]
    fn ids_are_found_in_whatever_they_were_wrapped_in() {
        for odd in
            [json!("req-1"), json!("{'value': 'req-1'}"), json!("{\"value\": \"req-1\"}"), json!({"value": "req-1"})]
        {
            assert_eq!(text_of(&record(json!({ "id": odd })), &["id"]).as_deref(), Some("req-1"), "{odd}");
        }
        for nothing in [json!(null), json!(""), json!("None"), json!([]), json!({})] {
            assert_eq!(text_of(&record(json!({ "id": nothing })), &["id"]), None, "{nothing}");
        }
        assert_eq!(text_of(&record(json!({"old": "", "new": 7})), &["old", "new"]).as_deref(), Some("7"));
    }

    #[test]
    fn lists_and_numbers_come_in_every_form() {
        for odd in
            [json!(["a", "b"]), json!("[\"a\", \"b\"]"), json!("a, b"), json!([{"value": "a"}, "{'value': 'b'}"])]
        {
            assert_eq!(list_of(&record(json!({ "ids": odd })), &["ids"]), ["a", "b"], "{odd}");
        }
        for odd in [json!(3), json!("3"), json!(3.0), json!("3.0")] {
            assert_eq!(number_of(&record(json!({ "n": odd })), &["n"]), Some(3), "{odd}");
        }
        for odd in [json!(-3), json!("three"), json!(3.5), json!([3]), json!(1e20)] {
            assert_eq!(number_of(&record(json!({ "n": odd })), &["n"]), None, "{odd}");
        }
    }

    #[test]
    fn times_come_in_every_form() {
        for (odd, millis) in [
            (json!("1970-01-01T00:00:00Z"), Some(0)),
            (json!("2000-02-29"), Some(951_782_400_000)),
            (json!("2026-08-01T10:20:30.123456+02:00"), Some(1_785_572_430_123)),
            (json!("2026-08-01 08:20:30"), Some(1_785_572_430_000)),
            (json!("2026-08-01T03:20:30-0500"), Some(1_785_572_430_000)),
            (json!(1_785_572_430), Some(1_785_572_430_000)),
            (json!("1785572430"), Some(1_785_572_430_000)),
            (json!(1_785_572_430_123_i64), Some(1_785_572_430_123)),
            (json!("yesterday"), None),
            (json!("2026-13-01T00:00:00Z"), None),
            (json!("2026-08-01Tx"), None),
            (json!(-5), None),
        ] {
            let read = time_of(&record(json!({ "at": odd })), &["at"]).map(Timestamp::as_millis);
            assert_eq!(read, millis, "{odd}");
        }
    }

    #[test]
    fn tags_are_the_operators_in_their_order() {
        for odd in [
            json!({"team": "b", "cost": 1, "orb:request-id": "x", "aws:ec2:fleet-id": "y"}),
            json!("{\"team\": \"b\", \"cost\": 1}"),
            json!([{"Key": "team", "Value": "b"}, {"Key": "cost", "Value": "1"}]),
        ] {
            assert_eq!(tags_of(&record(json!({ "tags": odd }))), "cost=1;team=b", "{odd}");
        }
    }
}
