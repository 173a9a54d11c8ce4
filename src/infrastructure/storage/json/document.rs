//! The text of the JSON store: one valid document with one line for each thing it keeps.
//!
//! ```text
//! {"checksum":"<16 hexadecimal digits over everything after them>",
//! "schema":1,
//! "nextSequence":7,
//! "templates":{ … },
//! "requests":{ … },
//! "machines":{ … },
//! "events":[ … ]}
//! ```
//!
//! Invariant: a text that differs in one bit from one that [`encode`] made is not decoded.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::application::StorageError;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::MachineSnapshot;
use crate::domain::request::RequestSnapshot;
use crate::domain::template::TemplateParts;
use crate::domain::{Digest, MachineId, RequestId};
use crate::infrastructure::storage::{StoreState, checksum, place, rules};

/// The form that this version writes, and the newest that it reads.
pub(super) const SCHEMA: u64 = 3;

const OPENING: &[u8] = b"{\"checksum\":\"";
const CHECKSUM_LENGTH: usize = 16;

/// Why a text is not decoded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error("is empty")]
    Empty,
    #[error("has schema {0}, and this version knows schemas up to {SCHEMA}")]
    Newer(u64),
    #[error("was cut short or changed: its checksum does not fit its content")]
    Changed,
    #[error("is not a store of this program: {0}")]
    Foreign(String),
}

impl Damage {
    /// Returns the error of the damaged store at `path`.
    pub(super) fn at(&self, path: &Path) -> StorageError {
        let advice = match self {
            Self::Newer(_) => "run the newer version of hostfactory; the file is left as it is".to_owned(),
            Self::Empty | Self::Changed | Self::Foreign(_) => place::JSON.advice(path),
        };
        StorageError::Corrupt { what: format!("{} {self}", path.display()), advice }
    }
}

/// Returns the text of a state.
pub(super) fn encode(state: &StoreState) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(4096 + 1024 * (state.machines.len() + state.requests.len() + state.events.len()));
    out.extend_from_slice(OPENING);
    out.extend_from_slice(&[b'0'; CHECKSUM_LENGTH]);
    out.extend_from_slice(format!("\",\n\"schema\":{SCHEMA},\n\"nextSequence\":{}", state.next_sequence).as_bytes());
    encode_map(&mut out, "templates", &state.templates)?;
    encode_map(&mut out, "requests", &state.requests)?;
    encode_map(&mut out, "machines", &state.machines)?;
    out.extend_from_slice(b",\n\"events\":[");
    for (number, event) in state.events.iter().enumerate() {
        out.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut out, event)?;
    }
    out.extend_from_slice(b"]}\n");
    let (head, rest) = out.split_at_mut(OPENING.len() + CHECKSUM_LENGTH);
    if let Some(place) = head.get_mut(OPENING.len()..) {
        place.copy_from_slice(&digits(rest));
    }
    Ok(out)
}

fn encode_map<K: Display, V: Serialize>(
    out: &mut Vec<u8>,
    name: &str,
    map: &BTreeMap<K, V>,
) -> Result<(), serde_json::Error> {
    out.extend_from_slice(format!(",\n\"{name}\":{{").as_bytes());
    for (number, (key, value)) in map.iter().enumerate() {
        out.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        // Ids and digests hold nothing that JSON would have to escape.
        out.extend_from_slice(format!("\"{key}\":").as_bytes());
        serde_json::to_writer(&mut *out, value)?;
    }
    out.push(b'}');
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema: u64,
    next_sequence: u64,
    templates: BTreeMap<Digest, TemplateParts>,
    requests: BTreeMap<RequestId, RequestSnapshot>,
    machines: BTreeMap<MachineId, MachineSnapshot>,
    events: Vec<EventEnvelope>,
}

/// Checks that a text is one that [`encode`] made, of whatever schema.
pub(super) fn check(text: &[u8]) -> Result<(), Damage> {
    if text.is_empty() {
        return Err(Damage::Empty);
    }
    if is_whole(text) {
        return Ok(());
    }
    let foreign = || Damage::Foreign("it has no checksum".to_owned());
    Err(newer(text).unwrap_or_else(|| if text.starts_with(OPENING) { Damage::Changed } else { foreign() }))
}

/// Returns the state of a text, in the form of this version, and the schema that it was written in.
pub(super) fn decode(text: &[u8]) -> Result<(StoreState, u64), Damage> {
    check(text)?;
    decode_checked(text)
}

/// Does what [`decode`] does with a text that was checked.
pub(super) fn decode_checked(text: &[u8]) -> Result<(StoreState, u64), Damage> {
    let foreign = |error: serde_json::Error| newer(text).unwrap_or_else(|| Damage::Foreign(error.to_string()));
    let Document { schema, next_sequence, templates, mut requests, mut machines, events } =
        serde_json::from_slice(text).map_err(foreign)?;
    if schema > SCHEMA {
        return Err(Damage::Newer(schema));
    }
    if schema < 2 {
        requests.values_mut().for_each(rules::upgrade_request);
        machines.values_mut().for_each(rules::upgrade_machine);
    }
    Ok((StoreState { templates, requests, machines, events, next_sequence }, schema))
}

fn is_whole(text: &[u8]) -> bool {
    text.strip_prefix(OPENING)
        .and_then(|rest| rest.split_at_checked(CHECKSUM_LENGTH))
        .is_some_and(|(expected, rest)| *expected == digits(rest))
}

/// Returns how many requests and machines a damaged text holds, as far as it can be read at all.
pub(super) fn counts(text: &[u8]) -> Option<(usize, usize)> {
    #[derive(Deserialize)]
    struct Counts {
        requests: Map<String, Value>,
        machines: Map<String, Value>,
    }
    let counts: Counts = serde_json::from_slice(text).ok()?;
    Some((counts.requests.len(), counts.machines.len()))
}

/// A store of a newer version is named as such even when its checksum is taken in another way.
fn newer(text: &[u8]) -> Option<Damage> {
    #[derive(Deserialize)]
    struct Head {
        schema: u64,
    }
    let head: Head = serde_json::from_slice(text).ok()?;
    (head.schema > SCHEMA).then_some(Damage::Newer(head.schema))
}

/// Returns the checksum as lower-case hexadecimal digits.
fn digits(bytes: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let sum = checksum::of(&[bytes]);
    let mut shift = u64::BITS;
    [0; CHECKSUM_LENGTH].map(|_: u8| {
        shift -= 4;
        let value = u8::try_from(sum >> shift & 15).unwrap_or(0);
        if value < 10 { b'0' + value } else { b'a' - 10 + value }
    })
}
