//! The attributes under which Host Factory sees the hosts of a template (`hostfactory.md` 3.1).

use serde::{Deserialize, Serialize};

use super::InstanceShape;
use crate::domain::DomainError;

/// The type word of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeType {
    /// `String`.
    String,
    /// `Numeric`.
    Numeric,
}

/// One attribute: type word and value, both text on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute(pub AttributeType, pub String);

/// The attributes of a template in the order in which the operator wrote them, complete by construction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Vec<(String, Attribute)>);

/// What the requestor needs to count a host's cores; without `ncores` it over-provisions for ever.
const REQUIRED: [(&str, AttributeType); 4] = [
    ("type", AttributeType::String),
    ("ncpus", AttributeType::Numeric),
    ("ncores", AttributeType::Numeric),
    ("nram", AttributeType::Numeric),
];

impl Attributes {
    /// Returns the attributes, with `ncores` 1 when it was left out.
    ///
    /// # Errors
    /// [`DomainError::Validation`] when `type`, `ncpus` or `nram` is missing, when a count is not a whole number
    /// above zero, or when another numeric attribute is not a number.
    pub fn new(mut entries: Vec<(String, Attribute)>) -> Result<Self, DomainError> {
        if !entries.iter().any(|(name, _)| name == "ncores") {
            entries.push(("ncores".to_owned(), Attribute(AttributeType::Numeric, "1".to_owned())));
        }
        for (name, wanted) in REQUIRED {
            let field = format!("attributes.{name}");
            match entries.iter().find(|(key, _)| key == name) {
                None => return Err(DomainError::validation(field, "is missing; Host Factory needs it")),
                Some((_, Attribute(AttributeType::String, value)))
                    if wanted == AttributeType::String && !value.is_empty() => {}
                Some((_, Attribute(AttributeType::Numeric, value)))
                    if wanted == AttributeType::Numeric && is_positive(value) => {}
                Some((_, Attribute(_, value))) => {
                    let form = match wanted {
                        AttributeType::String => "a text such as [\"String\", \"X86_64\"]",
                        AttributeType::Numeric => "a whole number above 0 such as [\"Numeric\", \"4\"]",
                    };
                    return Err(DomainError::validation(field, format!("'{value}' is not {form}")));
                }
            }
        }
        for (name, Attribute(kind, value)) in &entries {
            let field = || format!("attributes.{name}");
            if value.is_empty() {
                return Err(DomainError::validation(field(), "is empty"));
            }
            let number = value.bytes().all(|b| b.is_ascii_digit() || b == b'.') && value.parse::<f64>().is_ok();
            if name == "rank" && (*kind != AttributeType::Numeric || !number) {
                return Err(DomainError::validation(field(), format!("'{value}' is not a number of 0 or more")));
            }
            if name == "priceInfo" && *kind != AttributeType::String {
                return Err(DomainError::validation(field(), "must be of type String"));
            }
        }
        Ok(Self(entries))
    }

    /// Returns the first of the attributes that are missing and have no fixed value, or `None` when what `entries` hold
    /// is all there need be.
    pub fn lacking(entries: &[(String, Attribute)]) -> Option<&'static str> {
        let has = |wanted: &str| entries.iter().any(|(name, _)| name == wanted);
        ["type", "ncpus", "nram"].into_iter().find(|wanted| !has(wanted))
    }

    /// Returns the attributes, with what is missing taken from the instance types that the template may launch: what all
    /// of them have, so each count is the smallest one. What is there stays as it is.
    ///
    /// IBM's arithmetic (`hostfactory.md` 3.1): `ncpus` times `ncores` is the number of physical cores, not of vCPUs, and
    /// `ncores` is 1 when left out. So `threadsPerCore` changes nothing: a core without its second thread is a core.
    /// `nram` is in MB, which are MiB here.
    ///
    /// # Errors
    /// As [`Attributes::new`]; [`DomainError::Validation`] when `type` is missing and the instance types have none in
    /// common.
    pub fn completed(mut entries: Vec<(String, Attribute)>, shapes: &[InstanceShape]) -> Result<Self, DomainError> {
        let written =
            |wanted: &str| entries.iter().find(|(name, _)| name == wanted).map(|(_, Attribute(_, value))| value);
        let smallest = |figure: &dyn Fn(&InstanceShape) -> u32| {
            let least = shapes.iter().map(figure).min()?;
            Some(Attribute(AttributeType::Numeric, least.to_string()))
        };
        let mut found: Vec<(&str, Option<Attribute>)> = Vec::with_capacity(REQUIRED.len());
        if written("type").is_none() {
            found.push(("type", host_type(shapes)?.map(|word| Attribute(AttributeType::String, word.to_owned()))));
        }
        if written("ncpus").is_none() {
            let each: u32 = written("ncores").and_then(|value| value.parse().ok()).unwrap_or(1);
            found.push(("ncpus", smallest(&|shape| shape.cores.get().checked_div(each).unwrap_or(1).max(1))));
        }
        if written("nram").is_none() {
            found.push(("nram", smallest(&|shape| shape.memory.get())));
        }
        entries.extend(found.into_iter().filter_map(|(name, attribute)| Some((name.to_owned(), attribute?))));
        Self::new(entries)
    }

    /// Returns the entries in the operator's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        self.0.iter().map(|(name, attribute)| (name.as_str(), attribute))
    }
}

/// The host type that all of these instance types have, or `None` without any.
fn host_type(shapes: &[InstanceShape]) -> Result<Option<&'static str>, DomainError> {
    let Some(first) = shapes.first() else { return Ok(None) };
    let refuse = |reason: String| Err(DomainError::validation("attributes.type", reason));
    if let Some(other) = shapes.iter().find(|shape| shape.architecture != first.architecture) {
        let told = |shape: &InstanceShape| format!("{} is {}", shape.name, shape.architecture.word());
        return refuse(format!("is missing, and {} while {}; make them two templates", told(first), told(other)));
    }
    match first.architecture.host_type() {
        Some(word) => Ok(Some(word)),
        None => refuse(format!(
            "is missing, and IBM documents no host type for {} ({}); write the one that Symphony shows for such hosts",
            first.architecture.word(),
            first.name
        )),
    }
}

fn is_positive(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::template::Architecture;

    fn entry(name: &str, kind: AttributeType, value: &str) -> (String, Attribute) {
        (name.to_owned(), Attribute(kind, value.to_owned()))
    }

    fn usual() -> Vec<(String, Attribute)> {
        vec![
            entry("type", AttributeType::String, "X86_64"),
            entry("ncpus", AttributeType::Numeric, "2"),
            entry("nram", AttributeType::Numeric, "4096"),
        ]
    }

    #[test]
    fn ncores_is_one_when_left_out_and_order_is_kept() {
        let names: Vec<String> = Attributes::new(usual()).unwrap().iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["type", "ncpus", "nram", "ncores"]);
    }

    #[test]
    fn a_missing_or_senseless_attribute_is_refused_by_name() {
        for (at, replacement) in [
            (0, entry("type", AttributeType::Numeric, "1")),
            (1, entry("ncpus", AttributeType::Numeric, "0")),
            (2, entry("nram", AttributeType::Numeric, "4 GiB")),
            (2, entry("other", AttributeType::String, "x")),
        ] {
            let mut entries = usual();
            let name = entries[at].0.clone();
            entries[at] = replacement;
            let error = Attributes::new(entries).unwrap_err().to_string();
            assert!(error.contains(&format!("attributes.{name}")), "{error}");
        }
    }

    fn shape(name: &str, cores: u32, threads: u32, memory: u32, architecture: Architecture) -> InstanceShape {
        let number = |number: u32| NonZeroU32::new(number).unwrap();
        InstanceShape {
            name: name.to_owned(),
            vcpus: number(cores * threads),
            cores: number(cores),
            memory: number(memory),
            architecture,
            baseline_bandwidth: None,
            peak_bandwidth: None,
            network_cards: number(1),
            efa_interfaces: 0,
            gpus: None,
        }
    }

    fn shown(completed: Result<Attributes, DomainError>) -> String {
        let text = |attributes: Attributes| {
            attributes.iter().map(|(name, Attribute(_, value))| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        completed.map_or_else(|error| error.to_string(), text)
    }

    #[test]
    fn what_is_missing_is_counted_in_cores_and_the_smallest_type_counts() {
        let intel = shape("m6i.4xlarge", 8, 2, 65536, Architecture::X86_64);
        let amd = shape("m7a.xlarge", 4, 1, 16384, Architecture::X86_64);
        let all = |entries, shapes: &[InstanceShape]| shown(Attributes::completed(entries, shapes));
        let one = std::slice::from_ref(&intel);
        assert_eq!(all(Vec::new(), one), "type=X86_64 ncpus=8 nram=65536 ncores=1");
        assert_eq!(all(Vec::new(), &[intel.clone(), amd.clone()]), "type=X86_64 ncpus=4 nram=16384 ncores=1");
        // Each attribute has its own smallest type.
        let wide = shape("c6i.4xlarge", 8, 2, 1024, Architecture::X86_64);
        assert_eq!(all(Vec::new(), &[amd, wide]), "type=X86_64 ncpus=4 nram=1024 ncores=1");
        // Cores that the operator gave each CPU are divided off; there is never no CPU at all.
        for (ncores, ncpus) in [("1", "8"), ("2", "4"), ("3", "2"), ("8", "1"), ("16", "1")] {
            let entries = vec![entry("ncores", AttributeType::Numeric, ncores)];
            assert_eq!(all(entries, one), format!("ncores={ncores} type=X86_64 ncpus={ncpus} nram=65536"));
        }
        let wrong = vec![entry("ncores", AttributeType::Numeric, "0")];
        assert!(all(wrong, one).starts_with("attributes.ncores"));
    }

    #[test]
    fn a_type_that_cannot_be_told_is_left_to_the_operator() {
        let intel = shape("m6i.large", 1, 2, 8192, Architecture::X86_64);
        let arm = shape("m6g.large", 2, 1, 8192, Architecture::Arm64);
        let refusal = shown(Attributes::completed(Vec::new(), &[intel.clone(), arm.clone()]));
        assert!(refusal.contains("m6i.large is x86_64 while m6g.large is arm64"), "{refusal}");
        let refusal = shown(Attributes::completed(Vec::new(), std::slice::from_ref(&arm)));
        assert!(refusal.contains("no host type for arm64 (m6g.large)"), "{refusal}");
        let written = vec![entry("type", AttributeType::String, "LINUX_ARM64")];
        assert_eq!(shown(Attributes::completed(written, &[intel, arm])), "type=LINUX_ARM64 ncpus=1 nram=8192 ncores=1");
        assert!(shown(Attributes::completed(Vec::new(), &[])).starts_with("attributes.type: is missing"));
    }

    #[test]
    fn only_what_has_no_fixed_value_is_lacking() {
        assert_eq!(Attributes::lacking(&usual()), None);
        for (at, name) in ["type", "ncpus", "nram"].into_iter().enumerate() {
            let mut entries = usual();
            entries.remove(at);
            assert_eq!(Attributes::lacking(&entries), Some(name));
        }
    }

    proptest! {
        #[test]
        fn what_the_operator_wrote_stays_and_no_host_is_told_larger_than_it_is(
            kept in proptest::sample::subsequence(vec![0, 1, 2, 3], 0..=4),
            sizes in proptest::collection::vec((1_u32..500, 1_u32..3, 1_u32..u32::MAX), 1..5),
        ) {
            let mut all = usual();
            all.push(entry("ncores", AttributeType::Numeric, "3"));
            let written: Vec<_> = kept.into_iter().map(|at| all[at].clone()).collect();
            let shapes: Vec<_> = sizes
                .iter()
                .map(|(cores, threads, memory)| shape("a.b", *cores, *threads, *memory, Architecture::X86_64))
                .collect();
            let attributes = Attributes::completed(written.clone(), &shapes).unwrap();
            let (names, values): (Vec<_>, Vec<_>) = attributes.iter().unzip();
            for (at, (name, attribute)) in written.iter().enumerate() {
                prop_assert_eq!((names[at], values[at]), (name.as_str(), attribute));
            }
            let number = |wanted: &str| -> u32 {
                values[names.iter().position(|name| *name == wanted).unwrap()].1.parse().unwrap()
            };
            for wanted in ["type", "ncpus", "ncores", "nram"] {
                prop_assert_eq!(names.iter().filter(|name| **name == wanted).count(), 1);
            }
            let is_written = |wanted: &str| written.iter().any(|(name, _)| name == wanted);
            for shape in &shapes {
                prop_assert!(is_written("nram") || number("nram") <= shape.memory.get());
                let most = shape.cores.get().max(number("ncores"));
                prop_assert!(is_written("ncpus") || number("ncpus") * number("ncores") <= most);
            }
        }
    }
}
