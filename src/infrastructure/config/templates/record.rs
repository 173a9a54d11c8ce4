//! One template as the operator wrote it: each field at most once, under whatever name.
//!
//! Invariants: among several spellings of a field the camelCase one counts, IBM's own name first; the same key twice
//! refuses the template.

use std::borrow::Cow;

use tracing::debug;

use super::fields::{FIELDS, Field};
use crate::domain::DomainError;
use crate::infrastructure::config::document::Node;
use crate::infrastructure::config::text::short;

/// The fields of one template that are set.
pub(super) struct Record<'n, 'a> {
    /// One place for each field; with the rank of its spelling, lower is better.
    slots: Vec<Option<(u8, &'n Node<'a>)>>,
    /// A key that comes twice.
    pub(super) twice: Option<String>,
    /// Keys that are no fields.
    pub(super) unknown: Vec<&'n str>,
}

/// Lookups that ORB makes in `providerConfig` and `metadata` when the template itself says nothing.
const NESTED: [Field; 5] = [
    Field::FleetType,
    Field::FleetRole,
    Field::PercentOnDemand,
    Field::LaunchTemplateId,
    Field::AbisInstanceRequirements,
];

const NESTED_RANK: u8 = 10;

pub(super) fn rank(key: &str, field: Field) -> u8 {
    match (key.contains('_'), key == field.name()) {
        (false, true) => 0,
        (false, false) => 1,
        (true, true) => 2,
        (true, false) => 3,
    }
}

impl<'n, 'a> Record<'n, 'a> {
    /// Sorts the members of a template object into fields. Unset values and unknown keys are dropped.
    pub(super) fn of(members: &'n [(Cow<'a, str>, Node<'a>)]) -> Self {
        let mut record = Self { slots: vec![None; FIELDS.len()], twice: None, unknown: Vec::new() };
        for (at, (key, node)) in members.iter().enumerate() {
            if key.starts_with('_') {
                continue;
            }
            let Some(field) = Field::of(key) else {
                debug!(key = %short(key), "unknown template key");
                record.unknown.push(key);
                continue;
            };
            let rank = rank(key, field);
            match record.slots.get(field as usize) {
                Some(Some((held, _))) if *held == rank => {
                    if members.iter().take(at).any(|(other, _)| other == key) {
                        record.twice.get_or_insert_with(|| short(key));
                    }
                }
                _ => record.put(field, rank, node),
            }
        }
        for holder in [Field::ProviderConfig, Field::Metadata] {
            if let Some(Node::Object(members)) = record.get(holder) {
                record.take_nested(members);
            }
        }
        record
    }

    fn put(&mut self, field: Field, rank: u8, node: &'n Node<'a>) {
        if node.is_unset() {
            return;
        }
        if let Some(slot) = self.slots.get_mut(field as usize)
            && slot.is_none_or(|(held, _)| rank < held)
        {
            *slot = Some((rank, node));
        }
    }

    fn take_nested(&mut self, members: &'n [(Cow<'a, str>, Node<'a>)]) {
        for (key, node) in members {
            match Field::of(key) {
                Some(field) if NESTED.contains(&field) => self.put(field, NESTED_RANK, node),
                Some(Field::ProviderConfig) => {
                    if let Node::Object(members) = node {
                        self.take_nested(members);
                    }
                }
                _ => {}
            }
        }
    }

    /// Returns the value of a field, if it is set.
    pub(super) fn get(&self, field: Field) -> Option<&'n Node<'a>> {
        self.slots.get(field as usize).copied().flatten().map(|(_, node)| node)
    }

    /// Returns whether a field is set.
    pub(super) fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }

    /// Returns a text, numbers and booleans as they are written.
    pub(super) fn text(&self, field: Field) -> Result<Option<Cow<'n, str>>, DomainError> {
        let Some(node) = self.get(field) else { return Ok(None) };
        let text = node.as_plain().ok_or_else(|| wrong(field.name(), node, "a text"))?;
        if text.chars().any(char::is_control) {
            return Err(DomainError::validation(field.name(), "holds a control character"));
        }
        Ok(Some(text))
    }

    /// Returns a whole number within limits.
    pub(super) fn whole(&self, field: Field, least: i64, most: i64) -> Result<Option<i64>, DomainError> {
        self.get(field).map(|node| whole(field.name(), node, least, most)).transpose()
    }

    /// Returns a boolean.
    pub(super) fn flag(&self, field: Field) -> Result<Option<bool>, DomainError> {
        self.get(field).map(|node| flag(field.name(), node)).transpose()
    }

    /// Returns a list: an array, a comma list, or an array of comma lists. Empty members are dropped.
    pub(super) fn list(&self, field: Field) -> Result<Vec<Cow<'n, str>>, DomainError> {
        match self.get(field) {
            None => Ok(Vec::new()),
            Some(node) => list(field.name(), node),
        }
    }
}

/// Returns the error for a value of the wrong kind; what it was is told unless it is long or an object.
pub(super) fn wrong(name: &str, node: &Node<'_>, wanted: &str) -> DomainError {
    let given = match node.as_plain() {
        Some(text) => format!("'{}'", short(&text)),
        None => node.kind().to_owned(),
    };
    DomainError::validation(name, format!("{given} is not {wanted}"))
}

/// Returns a whole number within limits.
pub(super) fn whole(name: &str, node: &Node<'_>, least: i64, most: i64) -> Result<i64, DomainError> {
    node.as_whole()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| wrong(name, node, &format!("a whole number from {least} to {most}")))
}

/// Returns a boolean.
pub(super) fn flag(name: &str, node: &Node<'_>) -> Result<bool, DomainError> {
    node.as_flag().ok_or_else(|| wrong(name, node, "true or false"))
}

fn list<'n>(name: &str, node: &'n Node<'_>) -> Result<Vec<Cow<'n, str>>, DomainError> {
    let mut items = Vec::new();
    let nodes = if let Node::List(nodes) = node { nodes.as_slice() } else { std::slice::from_ref(node) };
    for node in nodes.iter().filter(|node| !node.is_unset()) {
        match node {
            Node::Text(text) => {
                items.extend(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Cow::Borrowed));
            }
            other => return Err(wrong(name, other, "a text or a list of texts")),
        }
    }
    if items.iter().any(|item| item.chars().any(char::is_control)) {
        return Err(DomainError::validation(name, "holds a control character"));
    }
    Ok(items)
}
