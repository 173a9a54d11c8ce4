//! `DescribeInstanceTypes` (`aws-semantics.md` section 9).

use super::Context;
use super::pages::Window;
use crate::catalogue::{InstanceType, TYPES, instance_type};
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The most types that are named in one call.
const MOST: usize = 100;
/// GPUs: how many of which, and the memory of each in MiB.
const GPUS: [(&str, (u32, &str, u32)); 2] = [("g5.xlarge", (1, "A10G", 22_888)), ("p4d.24xlarge", (8, "A100", 40_960))];

/// `DescribeInstanceTypes`: those that are named, or all.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let names = context.parameters.list("InstanceType");
    if names.len() > MOST {
        return Err(Refusal::invalid(format!("At most {MOST} instance types can be named in one request")));
    }
    if !names.is_empty() && context.parameters.get("MaxResults").is_some() {
        let text = "The parameter instanceTypes cannot be used with the parameter maxResults";
        return Err(Refusal::combination(text));
    }
    let window = Window::of(context, 5..=100)?.at_most(context.world.settings.type_page);
    let unknown: Vec<&str> = names.iter().copied().filter(|name| instance_type(name).is_none()).collect();
    if !unknown.is_empty() {
        let text = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(Refusal::new("InvalidInstanceType", text));
    }
    let found: Vec<InstanceType> =
        TYPES.into_iter().filter(|kind| names.is_empty() || names.contains(&kind.name)).collect();
    let (page, next) = window.cut_list(context, found);
    let mut xml = Xml::default();
    xml.items("instanceTypeSet", page, |xml, kind| {
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
        xml.element("networkInfo", |xml| {
            xml.leaf("networkPerformance", "Up to 12.5 Gigabit").leaf("maximumNetworkCards", 1_u32);
            xml.leaf("efaSupported", false);
        });
        if let Some((count, name, memory)) = GPUS.iter().find(|gpu| gpu.0 == kind.name).map(|gpu| gpu.1) {
            xml.element("gpuInfo", |xml| {
                xml.items("gpus", [()], |xml, ()| {
                    xml.leaf("name", name).leaf("manufacturer", "NVIDIA").leaf("count", count);
                    xml.element("memoryInfo", |xml| {
                        xml.leaf("sizeInMiB", memory);
                    });
                });
            });
        }
    });
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}
