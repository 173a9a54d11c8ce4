//! Instance types by what they have: the object `abisInstanceRequirements` (`aws-semantics.md` section 13).
//!
//! Members may be written as AWS does (`VCpuCount`) or as ORB does (`vcpu_count`). Invariant: what leaves here has the form
//! that AWS takes it in, with a least number of CPUs and a least memory.

use std::fmt::Display;

use super::Notes;
use super::record::{flag, whole, wrong};
use crate::domain::DomainError;
use crate::domain::template::{InstanceRequirements, Span};
use crate::infrastructure::config::document::Node;
use crate::infrastructure::config::text::{nearest, same_word, short};

const FIELD: &str = "abisInstanceRequirements";

/// The most types that may be allowed, or excluded.
const MOST_TYPES: usize = 400;
/// The most members of any other list.
const MOST: usize = 50;

/// What a member takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// `Min` and `Max`, whole numbers.
    Span,
    /// `Min` and `Max`, any numbers.
    Fractions,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words.
    Words(&'static [&'static str]),
    /// Instance types, or patterns of them.
    Types,
    /// Names that AWS adds to.
    Names,
    /// A boolean.
    Flag,
    /// A whole number of percent.
    Percentage,
}

const SUPPORT: &[&str] = &["included", "excluded", "required"];

/// Every member.
pub(super) const MEMBERS: [(&str, Takes); 24] = [
    ("VCpuCount", Takes::Span),
    ("MemoryMiB", Takes::Span),
    ("MemoryGiBPerVCpu", Takes::Fractions),
    ("CpuManufacturers", Takes::Words(&["intel", "amd", "amazon-web-services", "apple"])),
    ("ExcludedInstanceTypes", Takes::Types),
    ("AllowedInstanceTypes", Takes::Types),
    ("InstanceGenerations", Takes::Words(&["current", "previous"])),
    ("BareMetal", Takes::Word(SUPPORT)),
    ("BurstablePerformance", Takes::Word(SUPPORT)),
    ("RequireHibernateSupport", Takes::Flag),
    ("NetworkInterfaceCount", Takes::Span),
    ("NetworkBandwidthGbps", Takes::Fractions),
    ("LocalStorage", Takes::Word(SUPPORT)),
    ("LocalStorageTypes", Takes::Words(&["hdd", "ssd"])),
    ("TotalLocalStorageGB", Takes::Fractions),
    ("BaselineEbsBandwidthMbps", Takes::Span),
    ("AcceleratorTypes", Takes::Words(&["gpu", "fpga", "inference", "media"])),
    ("AcceleratorCount", Takes::Span),
    ("AcceleratorManufacturers", Takes::Words(&["nvidia", "amd", "amazon-web-services", "xilinx", "habana"])),
    ("AcceleratorNames", Takes::Names),
    ("AcceleratorTotalMemoryMiB", Takes::Span),
    ("SpotMaxPricePercentageOverLowestPrice", Takes::Percentage),
    ("MaxSpotPriceAsPercentageOfOptimalOnDemandPrice", Takes::Percentage),
    ("OnDemandMaxPricePercentageOverLowestPrice", Takes::Percentage),
];

/// The words that a member takes.
fn known(member: &str) -> &'static [&'static str] {
    match MEMBERS.iter().find(|(name, _)| *name == member) {
        Some((_, Takes::Word(words) | Takes::Words(words))) => words,
        _ => &[],
    }
}

fn refused<T>(member: &str, reason: impl Into<String>) -> Result<T, DomainError> {
    Err(DomainError::validation(name(member), reason))
}

fn name(member: &str) -> String {
    format!("{FIELD}.{member}")
}

/// Reads the object. A member that is not known is left out with a note.
///
/// # Errors
/// [`DomainError::Validation`] naming the member.
pub(super) fn read(node: &Node<'_>, notes: &mut Notes) -> Result<InstanceRequirements, DomainError> {
    let Node::Object(members) = node else { return Err(wrong(FIELD, node, "an object")) };
    let mut wanted = InstanceRequirements::default();
    let mut seen: Vec<&str> = Vec::new();
    for (key, node) in members.iter().filter(|(key, node)| !key.starts_with('_') && !node.is_unset()) {
        let Some(member) = MEMBERS.into_iter().map(|(name, _)| name).find(|known| same_word(known, key)) else {
            let hint = nearest(key, MEMBERS.map(|(name, _)| name))
                .map_or(String::new(), |near| format!("; did you mean {near}?"));
            notes.add(format!("{FIELD}.{} is unknown and left out{hint}", short(key)));
            continue;
        };
        if seen.contains(&member) {
            return refused(member, "comes twice");
        }
        seen.push(member);
        one(&mut wanted, member, node)?;
    }
    for (member, given) in [("VCpuCount", &wanted.vcpus), ("MemoryMiB", &wanted.memory_mib)] {
        if given.min.is_none() {
            return refused(&format!("{member}.Min"), "is missing; AWS demands it, and 0 means any");
        }
    }
    if !wanted.allowed_types.is_empty() && !wanted.excluded_types.is_empty() {
        return refused("ExcludedInstanceTypes", "cannot go with AllowedInstanceTypes; keep one of them");
    }
    if wanted.spot_max_price_percentage_over_lowest_price.is_some()
        && wanted.max_spot_price_as_percentage_of_optimal_on_demand_price.is_some()
    {
        return refused(
            "MaxSpotPriceAsPercentageOfOptimalOnDemandPrice",
            "cannot go with SpotMaxPricePercentageOverLowestPrice; keep one of them",
        );
    }
    Ok(wanted)
}

fn one(wanted: &mut InstanceRequirements, member: &str, node: &Node<'_>) -> Result<(), DomainError> {
    match member {
        "VCpuCount" => wanted.vcpus = span(member, node)?,
        "MemoryMiB" => wanted.memory_mib = span(member, node)?,
        "MemoryGiBPerVCpu" => wanted.memory_gib_per_vcpu = Some(fractions(member, node)?),
        "CpuManufacturers" => {
            wanted.cpu_manufacturers = words(member, node)?;
        }
        "ExcludedInstanceTypes" => wanted.excluded_types = types(member, node)?,
        "AllowedInstanceTypes" => wanted.allowed_types = types(member, node)?,
        "InstanceGenerations" => wanted.generations = words(member, node)?,
        "BareMetal" => wanted.bare_metal = Some(word(member, node)?),
        "BurstablePerformance" => wanted.burstable = Some(word(member, node)?),
        "RequireHibernateSupport" => wanted.hibernate = Some(flag(&name(member), node)?),
        "NetworkInterfaceCount" => wanted.network_interfaces = Some(span(member, node)?),
        "NetworkBandwidthGbps" => wanted.network_bandwidth_gbps = Some(fractions(member, node)?),
        "LocalStorage" => wanted.local_storage = Some(word(member, node)?),
        "LocalStorageTypes" => wanted.local_storage_types = words(member, node)?,
        "TotalLocalStorageGB" => wanted.total_local_storage_gb = Some(fractions(member, node)?),
        "BaselineEbsBandwidthMbps" => wanted.baseline_ebs_bandwidth_mbps = Some(span(member, node)?),
        "AcceleratorTypes" => {
            wanted.accelerator_types = words(member, node)?;
        }
        "AcceleratorCount" => wanted.accelerator_count = Some(span(member, node)?),
        "AcceleratorManufacturers" => wanted.accelerator_manufacturers = words(member, node)?,
        "AcceleratorNames" => wanted.accelerator_names = names(member, node)?,
        "AcceleratorTotalMemoryMiB" => wanted.accelerator_total_memory_mib = Some(span(member, node)?),
        "SpotMaxPricePercentageOverLowestPrice" => {
            wanted.spot_max_price_percentage_over_lowest_price = Some(percentage(member, node)?);
        }
        "MaxSpotPriceAsPercentageOfOptimalOnDemandPrice" => {
            wanted.max_spot_price_as_percentage_of_optimal_on_demand_price = Some(percentage(member, node)?);
        }
        "OnDemandMaxPricePercentageOverLowestPrice" => {
            wanted.on_demand_max_price_percentage_over_lowest_price = Some(percentage(member, node)?);
        }
        _ => {}
    }
    Ok(())
}

fn figure(name: &str, node: &Node<'_>) -> Result<u32, DomainError> {
    let number = whole(name, node, 0, i64::from(i32::MAX))?;
    u32::try_from(number).map_err(|_| wrong(name, node, "a whole number"))
}

/// A percentage; AWS takes 999999 for no limit.
fn percentage(member: &str, node: &Node<'_>) -> Result<u32, DomainError> {
    figure(&name(member), node)
}

/// Reads `Min` and `Max`. Another member in their place is refused: it could be the limit on what a host costs.
fn bounds<T>(
    member: &str,
    node: &Node<'_>,
    read: impl Fn(&str, &Node<'_>) -> Result<T, DomainError>,
) -> Result<Span<T>, DomainError> {
    let Node::Object(members) = node else {
        return Err(wrong(&name(member), node, "an object with Min and Max"));
    };
    let mut span = Span { min: None, max: None };
    for (key, node) in members.iter().filter(|(key, node)| !key.starts_with('_') && !node.is_unset()) {
        let (end, slot) = if same_word(key, "min") {
            ("Min", &mut span.min)
        } else if same_word(key, "max") {
            ("Max", &mut span.max)
        } else {
            return refused(&format!("{member}.{}", short(key)), "is unknown; there are Min and Max");
        };
        let full = format!("{}.{end}", name(member));
        if slot.replace(read(&full, node)?).is_some() {
            return Err(DomainError::validation(full, "comes twice"));
        }
    }
    Ok(span)
}

fn ordered<T: PartialOrd + Display>(member: &str, min: Option<&T>, max: Option<&T>) -> Result<(), DomainError> {
    match (min, max) {
        (Some(min), Some(max)) if min > max => refused(member, format!("Min {min} is more than Max {max}")),
        _ => Ok(()),
    }
}

fn span(member: &str, node: &Node<'_>) -> Result<Span<u32>, DomainError> {
    let span = bounds(member, node, figure)?;
    ordered(member, span.min.as_ref(), span.max.as_ref())?;
    Ok(span)
}

fn fractions(member: &str, node: &Node<'_>) -> Result<Span<String>, DomainError> {
    let span = bounds(member, node, |full, node| {
        let text = node.as_plain().filter(|text| {
            text.len() <= 20
                && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                && text.parse::<f64>().is_ok_and(f64::is_finite)
        });
        text.map(std::borrow::Cow::into_owned).ok_or_else(|| wrong(full, node, "a number, 0 or more"))
    })?;
    let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
    ordered(member, number(&span.min).as_ref(), number(&span.max).as_ref())?;
    Ok(span)
}

fn word(member: &str, node: &Node<'_>) -> Result<String, DomainError> {
    let known = known(member);
    let given = node.as_plain();
    let found = given.and_then(|given| known.iter().find(|known| same_word(known, &given)));
    found.map(|word| (*word).to_owned()).ok_or_else(|| wrong(&name(member), node, &known.join(", ")))
}

/// A list, or a comma list.
fn items<'n>(member: &str, node: &'n Node<'_>, most: usize) -> Result<Vec<&'n str>, DomainError> {
    let nodes = if let Node::List(nodes) = node { nodes.as_slice() } else { std::slice::from_ref(node) };
    let mut items = Vec::new();
    for node in nodes.iter().filter(|node| !node.is_unset()) {
        let Node::Text(text) = node else { return Err(wrong(&name(member), node, "a text or a list of texts")) };
        items.extend(text.split(',').map(str::trim).filter(|item| !item.is_empty()));
    }
    if items.len() > most {
        return refused(member, format!("has {} members; AWS takes {most}", items.len()));
    }
    Ok(items)
}

fn words(member: &str, node: &Node<'_>) -> Result<Vec<String>, DomainError> {
    let known = known(member);
    let mut words: Vec<String> = Vec::new();
    for item in items(member, node, MOST)? {
        let Some(word) = known.iter().find(|known| same_word(known, item)) else {
            return refused(member, format!("'{}' is not one of {}", short(item), known.join(", ")));
        };
        if !words.iter().any(|other| other == word) {
            words.push((*word).to_owned());
        }
    }
    Ok(words)
}

/// Names that AWS adds to, so their form alone is looked at.
fn names(member: &str, node: &Node<'_>) -> Result<Vec<String>, DomainError> {
    let is_name = |item: &&str| item.len() <= 40 && item.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    items(member, node, MOST)?
        .into_iter()
        .map(|item| match Some(item).filter(is_name) {
            Some(item) => Ok(item.to_ascii_lowercase()),
            None => refused(member, format!("'{}' is not a name such as a100", short(item))),
        })
        .collect()
}

fn types(member: &str, node: &Node<'_>) -> Result<Vec<String>, DomainError> {
    let is_pattern =
        |item: &&str| item.len() <= 30 && item.bytes().all(|b| b.is_ascii_alphanumeric() || b".*-".contains(&b));
    items(member, node, MOST_TYPES)?
        .into_iter()
        .map(|item| match Some(item).filter(is_pattern) {
            Some(item) => Ok(item.to_owned()),
            None => refused(member, format!("'{}' is not an instance type, or a pattern such as m5.*", short(item))),
        })
        .collect()
}
