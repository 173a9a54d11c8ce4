//! `DescribeInstanceTypes`.

use super::Context;
use crate::catalogue::{InstanceType, TYPES, instance_type};
use crate::refusal::Refusal;
use crate::xml::Xml;

/// `DescribeInstanceTypes`: those that are named, or all.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let names = context.parameters.list("InstanceType");
    let unknown: Vec<&str> = names.iter().copied().filter(|name| instance_type(name).is_none()).collect();
    if !unknown.is_empty() {
        let text = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(Refusal::new("InvalidInstanceType", text));
    }
    let found: Vec<InstanceType> =
        TYPES.into_iter().filter(|kind| names.is_empty() || names.contains(&kind.name)).collect();
    let mut xml = Xml::default();
    xml.items("instanceTypeSet", found, |xml, kind| {
        xml.leaf("instanceType", kind.name).leaf("currentGeneration", true);
        xml.element("processorInfo", |xml| {
            xml.element("supportedArchitectures", |xml| {
                xml.leaf("item", kind.architecture);
            });
        });
        xml.element("vCpuInfo", |xml| {
            xml.leaf("defaultVCpus", kind.vcpus).leaf("defaultCores", kind.vcpus / kind.threads_per_core);
            xml.leaf("defaultThreadsPerCore", kind.threads_per_core);
            xml.element("validCores", |xml| {
                for cores in 1..=kind.vcpus / kind.threads_per_core {
                    xml.leaf("item", cores);
                }
            });
            xml.element("validThreadsPerCore", |xml| {
                for threads in 1..=kind.threads_per_core {
                    xml.leaf("item", threads);
                }
            });
        });
        xml.element("memoryInfo", |xml| {
            xml.leaf("sizeInMiB", kind.memory_mib);
        });
    });
    Ok(xml.into_text())
}
