//! The JSON Schema of `config.json`, by which an editor completes and checks it: made from [`KEYS`].
//!
//! Draft 7, since editors know no later one as a whole; `patternErrorMessage`, `deprecationMessage` and `doNotSuggest` are
//! words of VS Code that others pass over. Invariant: a member that the reader knows no meaning of is an error here and a
//! warning there, so that a slip shows while it is made.

use serde_json::{Map, Value, json};

use super::keys::{KEYS, Key, Kind, LEVELS};
use super::orb;
use crate::domain::delivery::Wanted;

/// The members of a schema.
pub(super) type Members = Map<String, Value>;

/// Keys that are comments, or an editor's.
pub(super) const COMMENTS: &str = "^[_$]";

/// Returns the schema of `config.json`.
pub fn config_schema() -> Value {
    let mut root = section();
    for key in KEYS {
        place(&mut root, key.name, of_key(key));
    }
    for name in orb::ONLY_ORB {
        let meaning = "ORB's own: no warning, and no effect but that of the one provider instance that is enabled.";
        place(&mut root, name, json!({ "description": meaning, "doNotSuggest": true }));
    }
    head(root, "hostfactory: config.json", "docs/configuration.md says more of each key")
}

/// Returns a schema with what stands at the head of a file.
pub(super) fn head(mut members: Members, title: &str, more: &str) -> Value {
    members.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    members.insert("title".to_owned(), json!(title));
    members.insert("description".to_owned(), json!(format!("{more}. Made by hostfactory; changes here are lost.")));
    Value::Object(members)
}

/// An object in which nothing is known yet.
fn section() -> Members {
    object(&json!({
        "type": ["object", "null"],
        "properties": {},
        "patternProperties": { COMMENTS: true },
        "additionalProperties": false,
    }))
}

pub(super) fn object(value: &Value) -> Members {
    value.as_object().cloned().unwrap_or_default()
}

/// Puts the schema of a key where its name says, section by section.
fn place(into: &mut Members, name: &str, schema: Value) {
    let Some(Value::Object(properties)) = into.get_mut("properties") else { return };
    match name.split_once('.') {
        None => {
            properties.entry(name.to_owned()).or_insert(schema);
        }
        Some((first, rest)) => {
            let below = properties.entry(first.to_owned()).or_insert_with(|| Value::Object(section()));
            if let Value::Object(below) = below {
                place(below, rest, schema);
            }
        }
    }
}

fn of_key(key: &Key) -> Value {
    let mut schema = match key.kind {
        Kind::Text | Kind::Path => text(r"^[^\u0000-\u001f\u007f-\u009f]*$", &key.takes()),
        Kind::Number(least, most) => whole(least, most),
        Kind::Flag => flag(),
        Kind::Word(words) => one_of(words),
        Kind::Level => {
            let names: Vec<&str> = LEVELS.iter().flat_map(|(name, others)| [&[*name], *others].concat()).collect();
            let dressed = format!(r"^\s*({}_)?({})\s*$|{BLANK}", in_any_case(&["log"]), in_any_case(&names));
            let words: Vec<&str> = LEVELS.iter().map(|(name, _)| *name).collect();
            object(&json!({ "anyOf": [{ "enum": words }, text(&dressed, &key.takes())] }))
        }
        Kind::Url => text(&format!(r"^\s*https?://{HOST}([/?#].*)?$|{BLANK}"), &key.takes()),
        Kind::SecretUrl => text(&format!(r"^\s*https?://([^/?#]*@)?{HOST}([/?#].*)?$|{BLANK}"), &key.takes()),
        Kind::Name => scalar(&format!(r"^\s*[0-9A-Za-z_-]{{1,64}}\s*$|{BLANK}"), &key.takes()),
        Kind::SecretHeader => text(&format!(r"^\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ -~]*$|{BLANK}"), &key.takes()),
        Kind::Events => events(&key.takes()),
        Kind::Tags => tags(),
    };
    let default = match key.kind {
        _ if key.default.is_empty() => None,
        Kind::Number(..) => key.default.parse::<u64>().ok().map(Value::from),
        Kind::Flag => key.default.parse::<bool>().ok().map(Value::from),
        _ => Some(Value::from(key.default)),
    };
    schema.extend(default.map(|default| ("default".to_owned(), default)));
    let meaning = format!("{} Takes {}. Variable: {}", key.meaning, key.takes(), key.variable());
    schema.insert("description".to_owned(), Value::from(meaning));
    Value::Object(schema)
}

/// Words that stand for events, as a list or in one text.
fn events(takes: &str) -> Members {
    let words: Vec<&str> = Wanted::words().collect();
    let one = in_any_case(&words);
    let several = format!(r"^[ ,]*(({one})([ ,]+({one}))*)?[ ,]*$|{BLANK}");
    let item = json!({ "type": "string", "pattern": format!(r"^\s*({one})?\s*$") });
    object(&json!({ "anyOf": [text(&several, takes), { "type": "array", "items": item }] }))
}

/// A text that says nothing.
pub(super) const BLANK: &str = r"^\s*$";

const HOST: &str = r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?";

/// A text of this form, or nothing. Who fails it is told `takes`.
pub(super) fn text(pattern: &str, takes: &str) -> Members {
    object(
        &json!({ "type": ["string", "null"], "pattern": pattern, "patternErrorMessage": format!("It takes {takes}.") }),
    )
}

/// The same, and a number or a boolean is the text that it is written as.
pub(super) fn scalar(pattern: &str, takes: &str) -> Members {
    let mut schema = text(pattern, takes);
    schema.insert("type".to_owned(), json!(["string", "number", "boolean", "null"]));
    schema
}

/// A whole number within limits, which may be written as text; there the limits are the reader's to check.
pub(super) fn whole<N: Into<Value> + Copy + std::fmt::Display>(least: N, most: N) -> Members {
    object(&json!({
        "type": ["integer", "string", "null"],
        "minimum": least.into(),
        "maximum": most.into(),
        "pattern": r"^\s*([+-]?[0-9]+(\.0)?)?\s*$",
        "patternErrorMessage": format!("It takes a whole number from {least} to {most}."),
    }))
}

/// A boolean, which may be written as a word or as 0 or 1.
pub(super) fn flag() -> Members {
    let dressed = format!(r"^\s*({}|0|1)?\s*$", in_any_case(&["true", "false", "yes", "no", "on", "off"]));
    object(&json!({ "anyOf": [{ "type": "boolean" }, { "enum": [0, 1] }, text(&dressed, "true or false")] }))
}

/// One of these words; case, `_`, `-` and spaces make no difference.
pub(super) fn one_of(words: &[&str]) -> Members {
    let dressed = format!(r"^\s*({})\s*$|{BLANK}", in_any_dress(words));
    object(&json!({ "anyOf": [{ "enum": words }, text(&dressed, &words.join(" or "))] }))
}

/// Tags: an object of plain values, or `key=value;key=value`.
pub(super) fn tags() -> Members {
    let reserved = format!(r"^\s*({}):", in_any_case(&["aws", "hostfactory"]));
    object(&json!({
        "type": ["object", "string", "null"],
        "propertyNames": { "not": { "pattern": reserved }, "maxLength": 130 },
        "patternProperties": { "^_": true },
        "additionalProperties": { "type": ["string", "number", "boolean", "null"], "maxLength": 256 },
        "pattern": r"^([^=;]+=[^;]*|[;\s])*$",
        "patternErrorMessage": "It takes key=value;key=value, or an object of texts.",
    }))
}

/// A pattern for one of these words whatever its case.
pub(super) fn in_any_case(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| between(word.chars(), "")).collect();
    words.join("|")
}

/// A pattern for one of these words whatever its case, and whatever of `_`, `-` and space is in it.
pub(super) fn in_any_dress(words: &[&str]) -> String {
    let bare = |word: &str| between(word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')), "[-_ ]*");
    let words: Vec<String> = words.iter().map(|word| bare(word)).collect();
    words.join("|")
}

/// A pattern for the key of a template: case and underscores make no difference, but that in front marks a comment.
pub(super) fn any_spelling(key: &str) -> String {
    between(key.chars().filter(|c| *c != '_'), "_*")
}

fn between(letters: impl Iterator<Item = char>, filling: &str) -> String {
    letters.flat_map(|c| [letter(c), filling.to_owned()]).collect()
}

fn letter(c: char) -> String {
    match (c.to_ascii_lowercase(), c.to_ascii_uppercase()) {
        (small, large) if small != large => format!("[{small}{large}]"),
        ('.', _) => r"\.".to_owned(),
        (same, _) => same.to_string(),
    }
}
