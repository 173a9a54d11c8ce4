//! A JSON value, smaller in memory than a general one and strict where foreign input is concerned.
//!
//! Invariants: no object holds a key twice; a document has a bounded number of values, and an object of keys, so that
//! neither memory nor time runs away with hostile input.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The most values of one document: enough for every host of the largest grid, little enough for 64 MiB.
const MOST_VALUES: usize = 500_000;
/// The most keys of one object; keys are compared with one another.
const MOST_KEYS: usize = 256;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Members),
}

/// The members of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members(Vec<(String, Json)>);

impl Members {
    /// Returns the value of `key`, unless it is missing or null.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value).filter(|value| **value != Json::Null)
    }
}

impl Json {
    /// Shows the value in a message: short, on one line.
    pub fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => shown_text(text),
            Self::List(_) => "a list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        }
    }
}

/// Shows foreign text in a message: in quotes, cut, control characters escaped.
pub(super) fn shown_text(text: &str) -> String {
    let cut: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    format!("'{cut}{}'", if text.chars().nth(80).is_some() { "…" } else { "" })
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Node { seen: &mut 0 }.deserialize(deserializer)
    }
}

/// Reads one value and counts it.
struct Node<'c> {
    seen: &'c mut usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        *self.seen += 1;
        if *self.seen > MOST_VALUES {
            return Err(D::Error::custom(format!("more than {MOST_VALUES} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        // Nothing that we read is anywhere near this limit; what lies above only has to stay too large.
        Ok(Json::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Node { seen: self.seen })? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(key) = object.next_key::<String>()? {
            if members.iter().any(|(name, _)| *name == key) {
                return Err(A::Error::custom(format!("the key {} is there twice", shown_text(&key))));
            }
            if members.len() == MOST_KEYS {
                return Err(A::Error::custom(format!("more than {MOST_KEYS} keys in one object")));
            }
            members.push((key, object.next_value_seed(Node { seen: self.seen })?));
        }
        members.shrink_to_fit();
        Ok(Json::Object(Members(members)))
    }
}
