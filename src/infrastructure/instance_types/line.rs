//! One instance type as a line of text, as `scripts/instance-types.py` writes it too.
//!
//! Fields stand in a fixed order, divided by tabs; empty ones at the end are left away: name, vCPUs, cores, memory in MiB,
//! architecture, baseline and peak bandwidth in Mbit/s (empty where unknown), network cards (empty for 1), EFA interfaces
//! (empty for none), GPUs (empty for none), memory of a GPU in MiB, what the GPU is.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::domain::template::{Architecture, Gpus, InstanceShape};

/// Reads a line without its end; `None` when it is damaged.
pub(super) fn read(line: &str) -> Option<InstanceShape> {
    let mut fields = line.split('\t');
    let shape = InstanceShape {
        name: fields.next().filter(|name| name.contains('.')).map(str::to_owned)?,
        vcpus: fields.next()?.parse().ok()?,
        cores: fields.next()?.parse().ok()?,
        memory: fields.next()?.parse().ok()?,
        architecture: Architecture::of_word(fields.next()?)?,
        baseline_bandwidth: optional(fields.next()).ok()?,
        peak_bandwidth: optional(fields.next()).ok()?,
        network_cards: optional(fields.next()).ok()?.unwrap_or(NonZeroU32::MIN),
        efa_interfaces: optional(fields.next()).ok()?.unwrap_or(0),
        gpus: match optional(fields.next()).ok()? {
            None => None,
            Some(count) => {
                let memory = fields.next()?.parse().ok()?;
                Some(Gpus { count, memory, model: fields.next()?.to_owned() })
            }
        },
    };
    let whole = fields.next().is_none() && shape.vcpus.get().is_multiple_of(shape.cores.get());
    whole.then_some(shape)
}

/// A field that may be empty or left away; an error for a damaged one.
fn optional<T: FromStr>(field: Option<&str>) -> Result<Option<T>, T::Err> {
    field.filter(|text| !text.is_empty()).map(str::parse).transpose()
}

/// Writes a line without its end.
pub(super) fn write(shape: &InstanceShape) -> String {
    fn text(value: Option<impl Display>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    let mut line = format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        shape.name,
        shape.vcpus,
        shape.cores,
        shape.memory,
        shape.architecture.word(),
        text(shape.baseline_bandwidth),
        text(shape.peak_bandwidth),
        text(Some(shape.network_cards).filter(|cards| *cards != NonZeroU32::MIN)),
        text(Some(shape.efa_interfaces).filter(|interfaces| *interfaces > 0)),
    );
    match &shape.gpus {
        Some(Gpus { count, memory, model }) => {
            for field in [&count.to_string(), &memory.to_string(), model] {
                line.push('\t');
                line.push_str(field);
            }
        }
        None => line.truncate(line.trim_end_matches('\t').len()),
    }
    line
}
