//! Block devices: the root volume's fields and our own list `volumes` (`aws-semantics.md` section 13).
//!
//! Invariant: a volume that leaves here has only figures that AWS takes for its type.

use super::fields::Field;
use super::record::{Record, flag, whole, wrong};
use crate::domain::DomainError;
use crate::domain::template::Volume;
use crate::infrastructure::config::document::Node;
use crate::infrastructure::config::text::{nearest, short};

/// What AWS takes for a volume type: GiB, I/O operations a second, MiB a second; `None` where it takes none.
struct Limits {
    kind: &'static str,
    size: (u32, u32),
    iops: Option<(u32, u32)>,
    throughput: Option<(u32, u32)>,
    /// Whether it must be told how many I/O operations.
    needs_iops: bool,
    /// Whether a host can start from it.
    root: bool,
}

const fn plain(kind: &'static str, size: (u32, u32), root: bool) -> Limits {
    Limits { kind, size, iops: None, throughput: None, needs_iops: false, root }
}

const LIMITS: [Limits; 7] = [
    plain("gp2", (1, 16_384), true),
    Limits { iops: Some((3_000, 80_000)), throughput: Some((125, 2_000)), ..plain("gp3", (1, 65_536), true) },
    Limits { iops: Some((100, 64_000)), needs_iops: true, ..plain("io1", (4, 16_384), true) },
    Limits { iops: Some((100, 256_000)), needs_iops: true, ..plain("io2", (4, 65_536), true) },
    plain("standard", (1, 1_024), true),
    plain("st1", (125, 16_384), false),
    plain("sc1", (125, 16_384), false),
];

/// For a volume whose type is the image's or the account's default.
const ANY: Limits = Limits {
    iops: Some((100, 256_000)),
    throughput: Some((125, 2_000)),
    ..plain("the image's own type", (1, 65_536), true)
};

/// Returns the name of every volume type; with `root`, of those that a host can start from.
pub(super) fn kinds(root: bool) -> Vec<&'static str> {
    LIMITS.iter().filter(|limits| limits.root || !root).map(|limits| limits.kind).collect()
}

/// Returns the widest limits on size, I/O operations and throughput.
pub(super) fn widest() -> ((u32, u32), (u32, u32), (u32, u32)) {
    let none = (1, u32::MAX);
    (ANY.size, ANY.iops.unwrap_or(none), ANY.throughput.unwrap_or(none))
}

/// The names under which the figures of a volume stand, for messages.
struct Names {
    kind: &'static str,
    size: &'static str,
    iops: &'static str,
    throughput: &'static str,
}

const MOST: i64 = 1_000_000;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked just before")]
fn figure(name: &str, node: &Node<'_>) -> Result<u32, DomainError> {
    whole(name, node, 1, MOST).map(|number| number as u32)
}

fn check(volume: &Volume, names: &Names, root: bool) -> Result<(), DomainError> {
    let refuse = |name: &str, reason: String| Err(DomainError::validation(name, reason));
    let limits = match &volume.kind {
        None => &ANY,
        Some(kind) => match LIMITS.iter().find(|limits| limits.kind == kind) {
            Some(limits) => limits,
            None => {
                return refuse(
                    names.kind,
                    format!("'{}' is not gp2, gp3, io1, io2, standard, st1 or sc1", short(kind)),
                );
            }
        },
    };
    if root && !limits.root {
        return refuse(names.kind, format!("no host can start from a volume of type {}", limits.kind));
    }
    let within = |name: &str, figure: Option<u32>, range: Option<(u32, u32)>| match (figure, range) {
        (Some(figure), Some((least, most))) if !(least..=most).contains(&figure) => {
            refuse(name, format!("{figure} is not {least} to {most}, the range for {}", limits.kind))
        }
        (Some(_), None) => refuse(name, format!("cannot be set for {}", limits.kind)),
        _ => Ok(()),
    };
    within(names.size, volume.size, Some(limits.size))?;
    within(names.iops, volume.iops, limits.iops)?;
    within(names.throughput, volume.throughput, limits.throughput)?;
    if limits.needs_iops && volume.iops.is_none() {
        return refuse(names.iops, format!("is missing; {} needs it", limits.kind));
    }
    Ok(())
}

/// Reads the fields about the root volume; `None` when there are none.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn root(record: &Record<'_, '_>) -> Result<Option<Volume>, DomainError> {
    let number = |field: Field| record.get(field).map(|node| figure(field.name(), node)).transpose();
    let volume = Volume {
        device: None,
        size: number(Field::RootDeviceVolumeSize)?,
        kind: record.text(Field::VolumeType)?.map(|kind| kind.to_ascii_lowercase()),
        iops: number(Field::Iops)?,
        throughput: number(Field::Throughput)?,
        encrypted: record.flag(Field::StorageEncryption)?,
        kms_key: record.text(Field::EncryptionKey)?.map(std::borrow::Cow::into_owned),
        snapshot: None,
    };
    if volume == Volume::default() {
        return Ok(None);
    }
    let names = Names {
        kind: Field::VolumeType.name(),
        size: Field::RootDeviceVolumeSize.name(),
        iops: Field::Iops.name(),
        throughput: Field::Throughput.name(),
    };
    check(&volume, &names, true)?;
    encryption(volume, Field::EncryptionKey.name()).map(Some)
}

/// A key without a word about encryption means that it is wanted.
fn encryption(volume: Volume, name: &str) -> Result<Volume, DomainError> {
    match (volume.encrypted, &volume.kms_key) {
        (Some(false), Some(_)) => Err(DomainError::validation(name, "is set though encryption is switched off")),
        (None, Some(_)) => Ok(Volume { encrypted: Some(true), ..volume }),
        _ => Ok(volume),
    }
}

pub(super) const MEMBERS: [&str; 8] =
    ["deviceName", "size", "volumeType", "iops", "throughput", "encrypted", "kmsKeyId", "snapshotId"];

/// Reads the list `volumes`.
///
/// # Errors
/// [`DomainError::Validation`] naming the volume and its member. A misspelt member is refused: it could be `encrypted`.
pub(super) fn further(record: &Record<'_, '_>) -> Result<Vec<Volume>, DomainError> {
    let items = match record.get(Field::Volumes) {
        None => return Ok(Vec::new()),
        Some(Node::List(items)) => items,
        Some(other) => return Err(wrong("volumes", other, "a list of objects")),
    };
    let mut volumes: Vec<Volume> = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let volume = one(item).map_err(|error| match error {
            DomainError::Validation { field, reason } if field.is_empty() => {
                DomainError::validation(format!("volumes[{at}]"), reason)
            }
            DomainError::Validation { field, reason } => {
                DomainError::validation(format!("volumes[{at}].{field}"), reason)
            }
            other => other,
        })?;
        if volumes.iter().any(|other| other.device == volume.device) {
            return Err(DomainError::validation(format!("volumes[{at}].deviceName"), "comes twice"));
        }
        volumes.push(volume);
    }
    Ok(volumes)
}

/// Reads one volume; errors name its member alone.
fn one(item: &Node<'_>) -> Result<Volume, DomainError> {
    let Node::Object(members) = item else { return Err(wrong("", item, "an object")) };
    let mut volume = Volume::default();
    let mut seen: Vec<&str> = Vec::new();
    for (key, node) in members.iter().filter(|(key, node)| !key.starts_with('_') && !node.is_unset()) {
        let name = key.as_ref();
        if seen.contains(&key.as_ref()) {
            return Err(DomainError::validation(name, "comes twice"));
        }
        seen.push(key);
        let text = || {
            let text = node.as_plain().filter(|text| text.len() <= 2048 && !text.chars().any(char::is_control));
            text.map(std::borrow::Cow::into_owned).ok_or_else(|| wrong(name, node, "a text"))
        };
        match key.as_ref() {
            "deviceName" => volume.device = Some(text()?),
            "size" => volume.size = Some(figure(name, node)?),
            "volumeType" => volume.kind = Some(text()?.to_ascii_lowercase()),
            "iops" => volume.iops = Some(figure(name, node)?),
            "throughput" => volume.throughput = Some(figure(name, node)?),
            "encrypted" => volume.encrypted = Some(flag(name, node)?),
            "kmsKeyId" => volume.kms_key = Some(text()?),
            "snapshotId" => volume.snapshot = Some(text()?),
            other => {
                let hint = nearest(other, MEMBERS).unwrap_or("one of deviceName, size, volumeType, iops, …");
                return Err(DomainError::validation(short(name), format!("is unknown; did you mean {hint}?")));
            }
        }
    }
    let fault = |member: &str, reason: &str| Err(DomainError::validation(member, reason));
    match &volume.device {
        None => return fault("deviceName", "is missing; name it, such as /dev/sdf"),
        Some(device) if !is_device(device) => return fault("deviceName", "is not a device name such as /dev/sdf"),
        Some(_) => {}
    }
    if volume.size.is_none() && volume.snapshot.is_none() {
        return fault("size", "is missing; name the size in GiB, or a snapshotId");
    }
    if volume.snapshot.as_ref().is_some_and(|snapshot| !snapshot.starts_with("snap-")) {
        return fault("snapshotId", "is not of the form snap-…");
    }
    let names = Names { kind: "volumeType", size: "size", iops: "iops", throughput: "throughput" };
    check(&volume, &names, false)?;
    encryption(volume, "kmsKeyId")
}

fn is_device(text: &str) -> bool {
    (2..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'/')
}
