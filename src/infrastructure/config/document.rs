//! JSON files as the operator wrote them: members in order, text borrowed from the file.
//!
//! Invariants: a file over its size limit is never read whole, nesting is bounded by the parser, and no error shows
//! what a file holds.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::ConfigurationError;

/// A JSON value. Unlike [`serde_json::Value`] it keeps the order of members, and a member that comes twice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Fraction(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Node<'a>>),
    /// An object.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl Node<'_> {
    /// Returns whether the value says nothing: `null`, `""`, `[]`, `{}`.
    pub(crate) fn is_unset(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::List(items) => items.iter().all(Self::is_unset),
            Self::Object(members) => members.is_empty(),
            Self::Flag(_) | Self::Whole(_) | Self::Fraction(_) => false,
        }
    }

    /// Returns a word for the kind of value, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag(_) => "a boolean",
            Self::Whole(_) | Self::Fraction(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Returns a scalar as the text that the operator wrote, numbers and booleans included.
    pub(crate) fn as_plain(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text.trim())),
            Self::Flag(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
            Self::Whole(number) => Some(Cow::Owned(number.to_string())),
            Self::Fraction(number) => Some(Cow::Owned(number.to_string())),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Returns a whole number, also one that is written as text or with a zero fraction.
    pub(crate) fn as_whole(&self) -> Option<i64> {
        match self {
            Self::Whole(number) => Some(*number),
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked just before")]
            Self::Fraction(number) if number.fract() == 0.0 && number.abs() < 9.0e15 => Some(*number as i64),
            Self::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| text.strip_suffix(".0")?.parse().ok())
            }
            _ => None,
        }
    }

    /// Returns a boolean, also one that is written as a word or as 0 or 1.
    pub(crate) fn as_flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Whole(0) => Some(false),
            Self::Whole(1) => Some(true),
            Self::Text(text) => {
                let is = |words: [&str; 4]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
                if is(["true", "yes", "on", "1"]) {
                    Some(true)
                } else {
                    is(["false", "no", "off", "0"]).then_some(false)
                }
            }
            _ => None,
        }
    }
}

/// Writes a value down as people lay it out: two spaces a level, members in their order.
pub(crate) fn laid_out(node: &Node<'_>) -> String {
    let mut text = String::new();
    lay_out(node, 0, &mut text);
    text.push('\n');
    text
}

fn lay_out(node: &Node<'_>, depth: usize, text: &mut String) {
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    let quoted = |word: &str| serde_json::Value::from(word).to_string();
    match node {
        Node::Null => text.push_str("null"),
        Node::Flag(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Node::Whole(number) => text.push_str(&number.to_string()),
        Node::Fraction(number) => text.push_str(&serde_json::Value::from(*number).to_string()),
        Node::Text(word) => text.push_str(&quoted(word)),
        Node::List(items) if items.is_empty() => text.push_str("[]"),
        Node::List(items) => {
            for (at, item) in items.iter().enumerate() {
                text.push(if at == 0 { '[' } else { ',' });
                line(text, depth + 1);
                lay_out(item, depth + 1, text);
            }
            line(text, depth);
            text.push(']');
        }
        Node::Object(members) if members.is_empty() => text.push_str("{}"),
        Node::Object(members) => {
            for (at, (name, value)) in members.iter().enumerate() {
                text.push(if at == 0 { '{' } else { ',' });
                line(text, depth + 1);
                text.push_str(&quoted(name));
                text.push_str(": ");
                lay_out(value, depth + 1, text);
            }
            line(text, depth);
            text.push('}');
        }
    }
}

/// The most members of one object where each is compared with those before it.
const MOST_MEMBERS: usize = 2000;

/// What is wrong with the bytes of a file.
#[derive(Debug, thiserror::Error)]
enum FileFault {
    #[error("it is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("it is not a file")]
    NotAFile,
    #[error("it is not UTF-8 text (byte {at})")]
    NotText { at: usize },
    #[error("line {line}, column {column}: {what}")]
    Malformed { line: usize, column: usize, what: String },
}

/// Reads a text file of at most `limit` bytes; a byte order mark is dropped.
///
/// # Errors
/// [`ConfigurationError::Unreadable`].
pub(crate) fn read(path: &Path, limit: u64) -> Result<String, ConfigurationError> {
    let unreadable = |fault: FileFault| ConfigurationError::unreadable(path, fault);
    let io = |error: std::io::Error| ConfigurationError::unreadable(path, error);
    // Asked before the file is opened: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(unreadable(FileFault::NotAFile));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(unreadable(FileFault::TooLarge { limit }));
    }
    let mut text = String::from_utf8(bytes)
        .map_err(|error| unreadable(FileFault::NotText { at: error.utf8_error().valid_up_to() }))?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Parses `text`, which was read from `path`. With `strict`, an object in which a key comes twice is refused.
///
/// # Errors
/// [`ConfigurationError::Unreadable`] with line and column.
pub(crate) fn parse<'a>(text: &'a str, path: &Path, strict: bool) -> Result<Node<'a>, ConfigurationError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Tree { strict }.deserialize(&mut reader).and_then(|node| reader.end().map(|()| node)).map_err(|error| {
        let full = error.to_string();
        let what = full.rsplit_once(" at line ").map_or(full.as_str(), |(what, _)| what).to_owned();
        ConfigurationError::unreadable(path, FileFault::Malformed { line: error.line(), column: error.column(), what })
    })
}

/// Builds a [`Node`] from whatever comes.
#[derive(Clone, Copy)]
struct Tree {
    strict: bool,
}

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node<'de>, E> {
        Ok(Node::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'de>, E> {
        Ok(Node::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'de>, E> {
        #[expect(clippy::cast_precision_loss, reason = "numbers past i64 are out of every range we have")]
        Ok(i64::try_from(number).map_or(Node::Fraction(number as f64), Node::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node<'de>, E> {
        Ok(Node::Fraction(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node<'de>, A::Error> {
        let mut items = Vec::with_capacity(2);
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Node<'de>)> = Vec::with_capacity(8);
        while let Some(key) = access.next_key_seed(Key)? {
            if self.strict && members.len() >= MOST_MEMBERS {
                return Err(A::Error::custom(format_args!("an object has more than {MOST_MEMBERS} members")));
            }
            if self.strict && members.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom(format_args!("the key {:?} comes twice", super::text::short(&key))));
            }
            members.push((key, access.next_value_seed(self)?));
        }
        Ok(Node::Object(members))
    }
}

/// Takes a key as it is, borrowed where it can be.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::io::Write::write_all(&mut File::create(&path).unwrap(), bytes).unwrap();
        let error = match read(&path, 1000) {
            Err(error) => error,
            Ok(text) => parse(&text, &path, true).unwrap_err(),
        };
        let mut shown = error.to_string();
        assert!(shown.contains("config.json"), "{shown}");
        if let Some(source) = std::error::Error::source(&error) {
            shown = format!("{shown}: {source}");
        }
        shown
    }

    #[test]
    fn members_keep_their_order_and_numbers_their_kind() {
        let text = r#"{"z": 1, "a": [-2, 0.5, "x\n", null, true], "n": 18446744073709551615}"#;
        let Node::Object(members) = parse(text, Path::new("f"), true).unwrap() else { panic!("no object") };
        assert_eq!(members.iter().map(|(key, _)| key.as_ref()).collect::<Vec<_>>(), ["z", "a", "n"]);
        assert_eq!(members[0].1, Node::Whole(1));
        let Node::List(items) = &members[1].1 else { panic!("no list") };
        assert_eq!(items[..3], [Node::Whole(-2), Node::Fraction(0.5), Node::Text("x\n".into())]);
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_column_and_without_content() {
        assert!(refusal(b"{\n \"a\": 1,\n \"a\": 2}").contains("line 3, column "));
        assert!(refusal(b"{\n \"a\": secret}").contains("line 2, column "));
        assert!(!refusal(b"{\n \"a\": secret}").contains("secret"));
        assert!(refusal(b"{} x").contains("line 1"));
        assert!(refusal(b"").contains("line 1"));
        assert!(refusal(b"{\"a\": \"\xff\"}").contains("not UTF-8"));
        assert!(refusal(&[b' '; 1001]).contains("larger than 1000 bytes"));
        assert!(refusal("[".repeat(900).as_bytes()).contains("recursion"));
    }

    #[test]
    fn a_byte_order_mark_is_no_fault_and_a_folder_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::io::Write::write_all(&mut File::create(&path).unwrap(), "\u{feff}{}".as_bytes()).unwrap();
        assert_eq!(read(&path, 100).unwrap(), "{}");
        assert!(read(folder.path(), 100).is_err());
    }

    #[test]
    fn numbers_and_booleans_may_be_text() {
        let text = |text: &'static str| Node::Text(Cow::Borrowed(text));
        for (node, whole, flag) in [
            (text("10"), Some(10), None),
            (text(" 1 "), Some(1), Some(true)),
            (text("-1.0"), Some(-1), None),
            (text("FALSE"), None, Some(false)),
            (text("yes"), None, Some(true)),
            (text("ten"), None, None),
            (text(""), None, None),
            (Node::Fraction(2.0), Some(2), None),
            (Node::Fraction(2.5), None, None),
            (Node::Whole(0), Some(0), Some(false)),
            (Node::Flag(true), None, Some(true)),
            (Node::Null, None, None),
        ] {
            assert_eq!((node.as_whole(), node.as_flag()), (whole, flag), "{node:?}");
        }
    }
}
