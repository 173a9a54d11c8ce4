//! The attributes under which Host Factory sees the hosts of a template (`hostfactory.md` 3.1).

use serde::{Deserialize, Serialize};

use crate::domain::DomainError;

/// The type word of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeType {
    /// `String`.
    String,
    /// `Numeric`.
    Numeric,
}

/// One attribute: type word and value, both text on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute(pub AttributeType, pub String);

/// The attributes of a template in the order in which the operator wrote them, complete by construction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Vec<(String, Attribute)>);

/// What the requestor needs to count a host's cores; without `ncores` it over-provisions for ever.
const REQUIRED: [(&str, AttributeType); 4] = [
    ("type", AttributeType::String),
    ("ncpus", AttributeType::Numeric),
    ("ncores", AttributeType::Numeric),
    ("nram", AttributeType::Numeric),
];

impl Attributes {
    /// Returns the attributes, with `ncores` 1 when it was left out.
    ///
    /// # Errors
    /// [`DomainError::Validation`] when `type`, `ncpus` or `nram` is missing, when a count is not a whole number
    /// above zero, or when another numeric attribute is not a number.
    pub fn new(mut entries: Vec<(String, Attribute)>) -> Result<Self, DomainError> {
        if !entries.iter().any(|(name, _)| name == "ncores") {
            entries.push(("ncores".to_owned(), Attribute(AttributeType::Numeric, "1".to_owned())));
        }
        for (name, wanted) in REQUIRED {
            let field = format!("attributes.{name}");
            match entries.iter().find(|(key, _)| key == name) {
                None => return Err(DomainError::validation(field, "is missing; Host Factory needs it")),
                Some((_, Attribute(AttributeType::String, value)))
                    if wanted == AttributeType::String && !value.is_empty() => {}
                Some((_, Attribute(AttributeType::Numeric, value)))
                    if wanted == AttributeType::Numeric && is_positive(value) => {}
                Some((_, Attribute(_, value))) => {
                    let form = match wanted {
                        AttributeType::String => "a text such as [\"String\", \"X86_64\"]",
                        AttributeType::Numeric => "a whole number above 0 such as [\"Numeric\", \"4\"]",
                    };
                    return Err(DomainError::validation(field, format!("'{value}' is not {form}")));
                }
            }
        }
        for (name, Attribute(kind, value)) in &entries {
            let field = || format!("attributes.{name}");
            if value.is_empty() {
                return Err(DomainError::validation(field(), "is empty"));
            }
            let number = value.bytes().all(|b| b.is_ascii_digit() || b == b'.') && value.parse::<f64>().is_ok();
            if name == "rank" && (*kind != AttributeType::Numeric || !number) {
                return Err(DomainError::validation(field(), format!("'{value}' is not a number of 0 or more")));
            }
            if name == "priceInfo" && *kind != AttributeType::String {
                return Err(DomainError::validation(field(), "must be of type String"));
            }
        }
        Ok(Self(entries))
    }

    /// Returns the entries in the operator's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        self.0.iter().map(|(name, attribute)| (name.as_str(), attribute))
    }
}

fn is_positive(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: AttributeType, value: &str) -> (String, Attribute) {
        (name.to_owned(), Attribute(kind, value.to_owned()))
    }

    fn usual() -> Vec<(String, Attribute)> {
        vec![
            entry("type", AttributeType::String, "X86_64"),
            entry("ncpus", AttributeType::Numeric, "2"),
            entry("nram", AttributeType::Numeric, "4096"),
        ]
    }

    #[test]
    fn ncores_is_one_when_left_out_and_order_is_kept() {
        let names: Vec<String> = Attributes::new(usual()).unwrap().iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["type", "ncpus", "nram", "ncores"]);
    }

    #[test]
    fn a_missing_or_senseless_attribute_is_refused_by_name() {
        for (at, replacement) in [
            (0, entry("type", AttributeType::Numeric, "1")),
            (1, entry("ncpus", AttributeType::Numeric, "0")),
            (2, entry("nram", AttributeType::Numeric, "4 GiB")),
            (2, entry("other", AttributeType::String, "x")),
        ] {
            let mut entries = usual();
            let name = entries[at].0.clone();
            entries[at] = replacement;
            let error = Attributes::new(entries).unwrap_err().to_string();
            assert!(error.contains(&format!("attributes.{name}")), "{error}");
        }
    }
}
