//! What a request is for, and how that is read: its kind stands first, so that nothing has to be set aside until it is known.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{Acquire, Return};

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "a call has few requests at a time")]
pub enum Body {
    /// To get hosts.
    Acquire(Acquire),
    /// To give hosts back.
    Return(Return),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Acquire,
    Return,
}

impl Body {
    fn read<'de, D: Deserializer<'de>>(kind: Kind, rest: D) -> Result<Self, D::Error> {
        match kind {
            Kind::Acquire => Acquire::deserialize(rest).map(Self::Acquire),
            Kind::Return => Return::deserialize(rest).map(Self::Return),
        }
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Body;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("what a request is for")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Body, A::Error> {
                let mut aside = Map::new();
                while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                    if name != "kind" {
                        // Somebody has sorted the document.
                        aside.insert(name.into_owned(), members.next_value()?);
                        continue;
                    }
                    let kind = members.next_value()?;
                    if aside.is_empty() {
                        return Body::read(kind, MapAccessDeserializer::new(members));
                    }
                    while let Some((name, value)) = members.next_entry()? {
                        aside.insert(name, value);
                    }
                    return Body::read(kind, Value::Object(aside)).map_err(A::Error::custom);
                }
                Err(A::Error::missing_field("kind"))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::super::RequestPolicy;
    use super::super::request::tests::request;
    use super::*;

    #[test]
    fn a_body_is_read_wherever_its_kind_stands_and_not_without_it() {
        let body = request(3, 2, &RequestPolicy::default()).into_snapshot().body;
        let text = serde_json::to_string(&body).unwrap();
        assert!(text.starts_with(r#"{"kind":"acquire","#), "{text}");
        assert_eq!(serde_json::from_str::<Body>(&text).unwrap(), body);
        // A value keeps its members in the order of their names.
        let sorted = serde_json::to_string(&serde_json::to_value(&body).unwrap()).unwrap();
        assert!(!sorted.starts_with(r#"{"kind""#), "{sorted}");
        assert_eq!(serde_json::from_str::<Body>(&sorted).unwrap(), body);
        for (text, wanted) in [
            (r#"{"items":[]}"#, "missing field `kind`"),
            (r#"{"kind":"return"}"#, "missing field `items`"),
            (r#"{"kind":"lend","items":[]}"#, "unknown variant `lend`"),
            (r#"{"a":1,"kind":"return"}"#, "missing field `items`"),
            ("[]", "what a request is for"),
        ] {
            let error = serde_json::from_str::<Body>(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
