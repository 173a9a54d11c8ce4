//! Where hosts are placed: group, partition, dedicated host; and the zones that are left out.

use std::borrow::Cow;

use super::fields::Field;
use super::launch::{is_id, limited};
use super::record::Record;
use crate::domain::DomainError;
use crate::domain::template::{Affinity, Placement, Tenancy};
use crate::infrastructure::config::text::{same_word, short};

fn refused<T>(field: Field, reason: impl Into<String>) -> Result<T, DomainError> {
    Err(DomainError::validation(field.name(), reason))
}

/// Reads where hosts are placed.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn read(record: &Record<'_, '_>) -> Result<Placement, DomainError> {
    let group = record.text(Field::PlacementGroupName)?.map(Cow::into_owned);
    Ok(Placement {
        group: limited(group, Field::PlacementGroupName, 255)?,
        group_id: id(record, Field::PlacementGroupId, "pg-")?,
        partition: record.whole(Field::PartitionNumber, 1, 7)?.and_then(|number| u8::try_from(number).ok()),
        tenancy: word(
            record,
            Field::Tenancy,
            &[("default", Tenancy::Default), ("dedicated", Tenancy::Dedicated), ("host", Tenancy::Host)],
        )?,
        host: id(record, Field::HostId, "h-")?,
        host_group: resource_group(record, Field::HostResourceGroupArn)?,
        affinity: word(record, Field::Affinity, &[("default", Affinity::Default), ("host", Affinity::Host)])?,
    })
}

/// Reads an AWS id with this prefix.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn id(record: &Record<'_, '_>, field: Field, prefix: &str) -> Result<Option<String>, DomainError> {
    match record.text(field)? {
        Some(text) if !is_id(&text, prefix) => {
            refused(field, format!("'{}' is not of the form {prefix}…", short(&text)))
        }
        text => Ok(text.map(Cow::into_owned)),
    }
}

/// Reads the ARN of a resource group.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn resource_group(record: &Record<'_, '_>, field: Field) -> Result<Option<String>, DomainError> {
    let is_group = |text: &str| {
        text.len() <= 2048 && text.starts_with("arn:") && text.contains(":resource-groups:") && text.contains(":group/")
    };
    match record.text(field)? {
        Some(text) if !is_group(&text) => {
            let form = "the ARN of a resource group (arn:…:resource-groups:…:group/…)";
            refused(field, format!("'{}' is not {form}", short(&text)))
        }
        text => Ok(text.map(Cow::into_owned)),
    }
}

/// Reads one of a few words.
///
/// # Errors
/// [`DomainError::Validation`] naming the field, and the words that there are.
pub(super) fn word<T: Copy>(
    record: &Record<'_, '_>,
    field: Field,
    words: &[(&str, T)],
) -> Result<Option<T>, DomainError> {
    let Some(word) = record.text(field)? else { return Ok(None) };
    if let Some((_, meant)) = words.iter().find(|(known, _)| same_word(known, &word)) {
        return Ok(Some(*meant));
    }
    let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
    refused(field, format!("'{}' is unknown; there are {}", short(&word), known.join(", ")))
}

/// Reads the zones whose subnets are not used, by name (`us-east-1a`) or id (`use1-az1`).
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn excluded_zones(record: &Record<'_, '_>) -> Result<Vec<String>, DomainError> {
    let is_zone = |zone: &str| {
        let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        zone.len() <= 64 && zone.contains('-') && zone.bytes().all(is_part)
    };
    let mut zones: Vec<String> = Vec::new();
    for zone in record.list(Field::ExcludedZones)? {
        let zone = zone.to_ascii_lowercase();
        if !is_zone(&zone) {
            let text = format!("'{}' is neither a zone such as us-east-1a nor its id such as use1-az1", short(&zone));
            return refused(Field::ExcludedZones, text);
        }
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    Ok(zones)
}
