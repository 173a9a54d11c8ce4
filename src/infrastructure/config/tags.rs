//! The operator's tags, in configuration and templates.
//!
//! Invariant: no tag that is read here can take the place of one of ours or of one of AWS's own.

use std::borrow::Cow;

use super::document::Node;
use super::text::short;

/// The most tags an operator may give a host: AWS allows 50 and some are ours.
pub(super) const MOST: usize = 40;

/// Reads tags from an object of plain values or from `key=value;key=value`.
///
/// # Errors
/// Says which tag is at fault and why.
pub(super) fn read(node: &Node<'_>) -> Result<Vec<(String, String)>, String> {
    let mut tags: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, value: Cow<'_, str>| {
        let key = key.trim();
        check(key, &value)?;
        if tags.len() >= MOST {
            return Err(format!("there are more than the {MOST} tags there is room for"));
        }
        if tags.iter().any(|(known, _)| known == key) {
            return Err(format!("the tag '{}' comes twice", short(key)));
        }
        tags.push((key.to_owned(), value.into_owned()));
        Ok(())
    };
    match node {
        Node::Object(members) => {
            for (key, value) in members.iter().filter(|(key, _)| !key.starts_with('_')) {
                let value = if matches!(value, Node::Null) { Some(Cow::Borrowed("")) } else { value.as_plain() };
                let value = value.ok_or_else(|| format!("the value of the tag '{}' is not a text", short(key)))?;
                add(key, value)?;
            }
        }
        Node::Text(text) => {
            for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
                let (key, value) =
                    pair.split_once('=').ok_or_else(|| format!("'{}' is not of the form key=value", short(pair)))?;
                add(key, Cow::Borrowed(value.trim()))?;
            }
        }
        Node::Null => {}
        other => return Err(format!("{} cannot hold tags; it takes an object or key=value;key=value", other.kind())),
    }
    Ok(tags)
}

fn check(key: &str, value: &str) -> Result<(), String> {
    let fault = |what: &str| Err(format!("the tag '{}' {what}", short(key)));
    let starts = |prefix: &str| key.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if !(1..=128).contains(&key.chars().count()) {
        return fault("has a key that is not 1 to 128 characters long");
    }
    if value.chars().count() > 256 {
        return fault("has a value of more than 256 characters");
    }
    if starts("aws:") || starts("hostfactory:") {
        return fault("uses a reserved prefix (aws: or hostfactory:)");
    }
    if key.chars().chain(value.chars()).any(char::is_control) {
        return fault("holds a control character");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn tags(json: &str) -> Result<Vec<(String, String)>, String> {
        read(&super::super::document::parse(json, Path::new("f"), false).unwrap())
    }

    #[test]
    fn both_forms_are_read_byte_for_byte() {
        let expected = vec![("a".to_owned(), "1=2".to_owned()), ("b c".to_owned(), "$(x)".to_owned())];
        assert_eq!(tags(r#""a=1=2; b c=$(x);""#).unwrap(), expected);
        assert_eq!(tags(r#"{"a": "1=2", "b c": "$(x)", "_comment": 1}"#).unwrap(), expected);
        assert_eq!(tags(r#"{"n": 5, "f": true}"#).unwrap()[1].1, "true");
        assert_eq!(tags("null").unwrap(), []);
    }

    #[test]
    fn a_tag_that_cannot_be_set_is_refused() {
        let many: Vec<String> = (0..41).map(|n| format!("k{n}=v")).collect();
        for (json, word) in [
            (r#""novalue""#.to_owned(), "key=value"),
            (r#""=x""#.to_owned(), "1 to 128"),
            (r#"{"aws:x": ""}"#.to_owned(), "reserved"),
            (r#"{"AWS:x": ""}"#.to_owned(), "reserved"),
            (r#"{"hostfactory:owner": "me"}"#.to_owned(), "reserved"),
            (r#"{"a": "x\ny"}"#.to_owned(), "control"),
            (r#"{"a": [1]}"#.to_owned(), "not a text"),
            (r#"{"a": 1, "a": 2}"#.to_owned(), "twice"),
            (format!("{{\"a\": \"{}\"}}", "v".repeat(257)), "256"),
            (format!("{{\"{}\": \"\"}}", "k".repeat(129)), "128"),
            (format!("\"{}\"", many.join(";")), "more than the 40"),
            ("[1]".to_owned(), "a list"),
        ] {
            let reason = tags(&json).unwrap_err();
            assert!(reason.contains(word), "{json}: {reason}");
        }
    }
}
