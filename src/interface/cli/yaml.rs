//! A JSON document as YAML 1.2.
//!
//! Invariant: a text that YAML might take for anything else is quoted as in JSON, which YAML reads in the same way.

use serde_json::Value;

/// Returns the document as YAML, without its last line end.
pub(super) fn text(document: &Value) -> String {
    let mut lines = Vec::new();
    match document {
        Value::Object(_) | Value::Array(_) if !is_empty(document) => write(document, 0, &mut lines),
        other => lines.push(scalar(other)),
    }
    lines.join("\n")
}

fn write(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = quoted(name);
                if is_empty(value) || !(value.is_object() || value.is_array()) {
                    lines.push(format!("{indent}{name}: {}", scalar(value)));
                } else {
                    lines.push(format!("{indent}{name}:"));
                    write(value, depth + 1, lines);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if is_empty(item) || !(item.is_object() || item.is_array()) {
                    lines.push(format!("{indent}- {}", scalar(item)));
                    continue;
                }
                let first = lines.len();
                write(item, depth + 1, lines);
                // The first line of the item stands beside its dash.
                if let Some(line) = lines.get_mut(first) {
                    *line = format!("{indent}- {}", line.trim_start());
                }
            }
        }
        other => lines.push(format!("{indent}{}", scalar(other))),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+@".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_lines_and_doubtful_texts_are_quoted() {
        let document = json!({
            "a": [1, {"b": "x", "c": []}, [2, 3]], "d": {"e": null, "f": "no", "g": "a: b", "h": {}}, "i": "12", "j k": "",
        });
        let expected = "a:\n  - 1\n  - b: x\n    c: []\n  - - 2\n    - 3\nd:\n  e: null\n  f: \"no\"\n  g: \"a: b\"\n  h: {}\ni: \"12\"\n\"j k\": \"\"";
        assert_eq!(text(&document), expected);
        assert_eq!((text(&json!([])), text(&json!("x"))), ("[]".to_owned(), "x".to_owned()));
    }
}
