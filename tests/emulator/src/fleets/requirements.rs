//! Instance requirements instead of an instance type (`aws-semantics.md` section 13): what the types of the catalogue
//! can be asked for.
//!
//! Counts of virtual CPUs and memory, names with wildcards, makers of CPUs, burstable and accelerated types are looked at;
//! the rest is taken and not looked at.

use crate::catalogue::{InstanceType, TYPES};
use crate::query::Parameters;
use crate::refusal::Refusal;

/// Returns the types that meet the requirements below `prefix`.
pub(crate) fn matching(parameters: &Parameters, prefix: &str) -> Result<Vec<InstanceType>, Refusal> {
    parameters.required(&format!("{prefix}VCpuCount.Min"))?;
    parameters.required(&format!("{prefix}MemoryMiB.Min"))?;
    // Spot Fleet calls the same lists sets, and Auto Scaling calls them members.
    let list = |name: &str| -> Vec<&str> {
        let spelt = ["", "Set", "s.member"].into_iter();
        spelt.flat_map(|end| parameters.list(&format!("{prefix}{name}{end}"))).collect()
    };
    let (allowed, excluded) = (list("AllowedInstanceType"), list("ExcludedInstanceType"));
    if !allowed.is_empty() && !excluded.is_empty() {
        let text = "You can specify either AllowedInstanceTypes or ExcludedInstanceTypes, but not both.";
        return Err(Refusal::combination(text));
    }
    let (vcpus, memory) = (range(parameters, prefix, "VCpuCount")?, range(parameters, prefix, "MemoryMiB")?);
    let makers = list("CpuManufacturer");
    let burstable = parameters.get(&format!("{prefix}BurstablePerformance")).unwrap_or("excluded");
    let accelerated = parameters.number(&format!("{prefix}AcceleratorCount.Min"))?.unwrap_or(0) > 0;
    let takes = |kind: &InstanceType| {
        let is_burstable = kind.name.starts_with('t');
        vcpus.contains(&kind.vcpus)
            && memory.contains(&kind.memory_mib)
            && (allowed.is_empty() || allowed.iter().any(|pattern| is_like(kind.name, pattern)))
            && !excluded.iter().any(|pattern| is_like(kind.name, pattern))
            && (makers.is_empty() || makers.contains(&maker(*kind)))
            && match burstable {
                "included" => true,
                "required" => is_burstable,
                _ => !is_burstable,
            }
            // Every image is for this architecture.
            && kind.architecture == "x86_64"
            && accelerated == matches!(kind.family(), "g" | "p" | "inf")
    };
    Ok(TYPES.into_iter().filter(takes).collect())
}

fn range(parameters: &Parameters, prefix: &str, name: &str) -> Result<std::ops::RangeInclusive<u32>, Refusal> {
    let least = parameters.number(&format!("{prefix}{name}.Min"))?.unwrap_or(0);
    Ok(least..=parameters.number(&format!("{prefix}{name}.Max"))?.unwrap_or(u32::MAX))
}

/// Returns whether a name is like a pattern, in which `*` is anything.
fn is_like(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            (0..=name.len()).any(|skipped| name.get(skipped..).is_some_and(|name| is_like(name, rest)))
        }),
    }
}

fn maker(kind: InstanceType) -> &'static str {
    let family = kind.name.split('.').next().unwrap_or_default();
    let after = family.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    if after.contains('a') { "amd" } else { "intel" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(more: &[(&str, &str)]) -> Vec<&'static str> {
        let fixed = [("VCpuCount.Min", "4"), ("VCpuCount.Max", "4"), ("MemoryMiB.Min", "16384")];
        let all = fixed.iter().chain(more).map(|(name, value)| (format!("R.{name}"), (*value).to_owned())).collect();
        matching(&Parameters(all), "R.").unwrap().into_iter().map(|kind| kind.name).collect()
    }

    #[test]
    fn types_are_found_by_size_name_and_maker_and_special_ones_when_they_are_asked_for() {
        assert_eq!(names(&[]), ["m5.xlarge", "m6i.xlarge", "m6a.xlarge", "r6i.xlarge"]);
        assert_eq!(names(&[("AllowedInstanceType.1", "m6*.x*")]), ["m6i.xlarge", "m6a.xlarge"]);
        assert_eq!(names(&[("ExcludedInstanceTypeSet.1", "m*")]), ["r6i.xlarge"]);
        assert_eq!(names(&[("ExcludedInstanceTypes.member.1", "*6*")]), ["m5.xlarge"]);
        assert_eq!(names(&[("CpuManufacturer.1", "amd")]), ["m6a.xlarge"]);
        assert_eq!(names(&[("AcceleratorCount.Min", "1")]), ["g5.xlarge"]);
        assert_eq!(names(&[("BurstablePerformance", "required")]), Vec::<&str>::new());
        assert_eq!(matching(&Parameters::default(), "R.").unwrap_err().code, "MissingParameter");
    }
}
