//! How an attempt is read: its state's members stand beside its own, and none has to be set aside until the state is known.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Attempt, AttemptState, Pool, Refusal};
use crate::domain::{ClientToken, FailureClass, Timestamp};

/// The members of an attempt, those of every state among them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parts {
    number: u32,
    /// Stores of schema 2 have one pool.
    #[serde(alias = "pool")]
    pools: Pools,
    count: u32,
    token: ClientToken,
    recorded_at: Timestamp,
    state: StateWord,
    resource: Option<String>,
    hosts: Option<u32>,
    #[serde(default)]
    refusals: Vec<Refusal>,
    class: Option<FailureClass>,
    code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum StateWord {
    Open,
    Filling,
    Launched,
    Failed,
}

impl TryFrom<Parts> for Attempt {
    type Error = &'static str;

    fn try_from(parts: Parts) -> Result<Self, &'static str> {
        let Parts { number, pools, count, token, recorded_at, resource, refusals, code, .. } = parts;
        let hosts = parts.hosts.ok_or("missing field `hosts`");
        let state = match parts.state {
            StateWord::Open => AttemptState::Open,
            StateWord::Filling => {
                AttemptState::Filling { resource: resource.ok_or("missing field `resource`")?, hosts: hosts?, refusals }
            }
            StateWord::Launched => AttemptState::Launched { hosts: hosts?, resource, refusals },
            StateWord::Failed => AttemptState::Failed {
                class: parts.class.ok_or("missing field `class`")?,
                code,
                message: parts.message.ok_or("missing field `message`")?,
            },
        };
        Ok(Self { number, pools: pools.0, count, token, recorded_at, state })
    }
}

/// Pools, of which stores of schema 2 have one where there are several now.
pub(super) struct Pools(pub(super) Vec<Pool>);

impl<'de> Deserialize<'de> for Pools {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Pools;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pool or a list of pools")
            }

            fn visit_map<A: MapAccess<'de>>(self, one: A) -> Result<Pools, A::Error> {
                Pool::deserialize(MapAccessDeserializer::new(one)).map(|one| Pools(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, several: A) -> Result<Pools, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(several)).map(Pools)
            }
        }

        deserializer.deserialize_any(OneOrSeveral)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn attempt(state: &Value) -> Value {
        let mut attempt = json!({ "number": 1, "pool": { "instanceType": "m6i.large", "subnet": null, "priceType": "spot" },
            "count": 3, "token": "a".repeat(64), "recordedAt": 7 });
        attempt.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
        attempt
    }

    #[test]
    fn every_state_is_read_as_it_was_written() {
        let refusals = json!([{ "pool": null, "class": "capacity", "code": "C", "message": "none left" }]);
        for state in [
            json!({ "state": "open" }),
            json!({ "state": "filling", "resource": "fleet-1", "hosts": 2 }),
            json!({ "state": "launched", "hosts": 2, "resource": null, "refusals": refusals }),
            json!({ "state": "failed", "class": "quota", "code": null, "message": "too many" }),
        ] {
            let read: Attempt = serde_json::from_value(attempt(&state)).unwrap();
            let written = serde_json::to_value(&read).unwrap();
            assert!(state.as_object().unwrap().iter().all(|(name, value)| written[name] == *value), "{written}");
            assert_eq!((read.pools.len(), serde_json::from_value(written).unwrap()), (1, read));
        }
    }

    #[test]
    fn a_state_without_what_belongs_to_it_is_refused() {
        for (state, lacking) in [
            (json!({}), "state"),
            (json!({ "state": "filling", "hosts": 2 }), "resource"),
            (json!({ "state": "launched", "resource": "r" }), "hosts"),
            (json!({ "state": "failed", "class": "quota" }), "message"),
            (json!({ "state": "failed", "message": "too many" }), "class"),
        ] {
            let error = serde_json::from_value::<Attempt>(attempt(&state)).unwrap_err().to_string();
            assert!(error.contains(&format!("missing field `{lacking}`")), "{error}");
        }
    }
}
