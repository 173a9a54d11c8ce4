//! Templates that are written from needs: `templates generate`, and what `init` begins with.

use std::num::NonZeroU32;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::application::queries::ChooseTypes;
use crate::domain::template::{Architecture, InstanceShape};
use crate::domain::{DomainError, TemplateId};
use crate::interface::cli::desk::Ended;
use crate::interface::hostfactory::Failure;

/// A processor that hosts may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    /// 64-bit Intel and AMD.
    #[value(name = "x86_64", alias = "amd64")]
    X86,
    /// 64-bit Arm.
    #[value(name = "arm64", alias = "aarch64")]
    Arm,
}

impl Arch {
    const fn architecture(self) -> Architecture {
        match self {
            Self::X86 => Architecture::X86_64,
            Self::Arm => Architecture::Arm64,
        }
    }
}

/// What hosts are needed for.
#[derive(Debug, Clone, Args)]
pub(crate) struct NeedArgs {
    /// The virtual CPUs that a host has at least.
    #[arg(long, value_name = "N", default_value = "2")]
    vcpus: NonZeroU32,
    /// The memory that it has at least: 32GiB, 512MiB.
    #[arg(long, value_name = "SIZE", default_value = "8GiB", value_parser = memory)]
    memory: NonZeroU32,
    /// What its processor runs.
    #[arg(long, value_enum, default_value = "x86_64")]
    arch: Arch,
    /// Spot hosts.
    #[arg(long)]
    spot: bool,
    /// How many pools to ask, each a type in a subnet: more of them find spot hosts more surely; 10 for spot hosts, else 3.
    #[arg(long, value_name = "N")]
    pools: Option<NonZeroU32>,
    /// The most hosts of the template at a time.
    #[arg(long, value_name = "N", default_value = "10")]
    count: NonZeroU32,
    /// The template's id; made from the needs unless told.
    #[arg(long, value_name = "ID")]
    id: Option<TemplateId>,
    /// The word by which Symphony knows such hosts; X86_64 for Intel and AMD.
    #[arg(long, value_name = "WORD")]
    host_type: Option<String>,
    /// The image: ami-…, or the name of a Systems Manager parameter that holds one; Amazon Linux 2023 unless told.
    #[arg(long, value_name = "IMAGE")]
    pub(super) image: Option<String>,
    /// A subnet; may be given more than once.
    #[arg(long = "subnet", value_name = "ID")]
    pub(super) subnets: Vec<String>,
    /// A security group; may be given more than once.
    #[arg(long = "security-group", value_name = "ID")]
    pub(super) security_groups: Vec<String>,
    /// The key pair for logging in.
    #[arg(long, value_name = "NAME")]
    pub(super) key_name: Option<String>,
    /// The instance profile of the hosts: its name or ARN.
    #[arg(long, value_name = "PROFILE")]
    pub(super) instance_profile: Option<String>,
}

/// Reads an amount of memory in MiB: `32GiB`, `32G`, `512MiB`.
fn memory(text: &str) -> Result<NonZeroU32, DomainError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let times = match unit.trim().to_ascii_lowercase().as_str() {
        "g" | "gb" | "gib" => 1024,
        "m" | "mb" | "mib" => 1,
        "t" | "tb" | "tib" => 1024 * 1024,
        _ => 0,
    };
    let mebibytes = number.parse::<u32>().ok().and_then(|number| number.checked_mul(times)).and_then(NonZeroU32::new);
    mebibytes
        .ok_or_else(|| DomainError::validation("memory", format!("{text:?} is not a size such as 32GiB or 512MiB")))
}

impl NeedArgs {
    fn image(&self) -> String {
        self.image.clone().unwrap_or_else(|| self.arch.architecture().newest_amazon_linux())
    }

    /// Returns what the hosts' processors run.
    pub(super) const fn architecture(&self) -> Architecture {
        self.arch.architecture()
    }

    /// Returns the id that a template of these needs has.
    pub(super) fn id(&self) -> String {
        if let Some(id) = &self.id {
            return id.to_string();
        }
        let market = if self.spot { "Spot" } else { "OnDemand" };
        let memory = self.memory.get();
        let memory = if memory.is_multiple_of(1024) { format!("{}g", memory / 1024) } else { format!("{memory}m") };
        format!("{market}-{}c-{memory}-{}", self.vcpus, self.arch.architecture().word().replace('_', "-"))
    }

    /// Returns the template of a host without a cloud.
    pub(super) fn simulated(&self) -> Value {
        let mut template = Map::from_iter([
            ("templateId".to_owned(), json!(self.id())),
            ("maxNumber".to_owned(), json!(self.count)),
            ("attributes".to_owned(), self.attributes(self.vcpus.get(), self.memory.get())),
        ]);
        if self.spot {
            template.insert("priceType".to_owned(), json!("spot"));
        }
        Value::Object(template)
    }

    fn attributes(&self, cores: u32, memory: u32) -> Value {
        // IBM documents no word for Arm; AWS's own tells at least what is meant.
        let own = || self.arch.architecture().host_type().unwrap_or("ARM64").to_owned();
        let numeric = |number: u32| json!(["Numeric", number.to_string()]);
        json!({
            "type": ["String", self.host_type.clone().unwrap_or_else(own)],
            "ncores": numeric(1),
            "ncpus": numeric(cores),
            "nram": numeric(memory),
        })
    }

    fn document(&self, types: &[InstanceShape]) -> Value {
        let least = |figure: &dyn Fn(&InstanceShape) -> u32| types.iter().map(figure).min().unwrap_or(1);
        let attributes = self.attributes(least(&|shape| shape.cores.get()), least(&|shape| shape.memory.get()));
        let mut template = Map::from_iter([
            ("templateId".to_owned(), json!(self.id())),
            ("maxNumber".to_owned(), json!(self.count)),
            ("attributes".to_owned(), attributes),
            ("imageId".to_owned(), json!(self.image())),
        ]);
        if let [one] = types {
            template.insert("vmType".to_owned(), json!(one.name));
        } else {
            let weighted: Map<_, _> = types.iter().map(|shape| (shape.name.clone(), json!(1))).collect();
            template.insert("vmTypes".to_owned(), Value::Object(weighted));
        }
        if self.spot {
            template.insert("priceType".to_owned(), json!("spot"));
        }
        if !self.subnets.is_empty() {
            template.insert("subnetId".to_owned(), json!(self.subnets));
        }
        if !self.security_groups.is_empty() {
            template.insert("securityGroupIds".to_owned(), json!(self.security_groups));
        }
        let optional = [("keyName", &self.key_name), ("instanceProfile", &self.instance_profile)];
        template
            .extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))));
        Value::Object(template)
    }

    /// Returns the question for types that fit.
    pub(super) fn query(&self) -> ChooseTypes {
        let pools = self.pools.map_or(if self.spot { 10 } else { 3 }, NonZeroU32::get);
        let subnets = u32::try_from(self.subnets.len().max(1)).unwrap_or(u32::MAX);
        let most = usize::try_from(pools.div_ceil(subnets)).unwrap_or(usize::MAX);
        ChooseTypes { vcpus: self.vcpus, memory: self.memory, architecture: self.arch.architecture(), most }
    }

    /// Returns the template of AWS with these types.
    ///
    /// # Errors
    /// When there is none that fits.
    pub(super) fn template(&self, types: &[InstanceShape]) -> Result<Value, Ended> {
        if !types.is_empty() {
            return Ok(self.document(types));
        }
        let text = format!(
            "no instance type that is known has {} to {} vCPUs, {} to {} MiB and {}; change the needs, or run hostfactory \
             templates refresh to learn newer types",
            self.vcpus,
            self.vcpus.get().saturating_mul(2),
            self.memory,
            self.memory.get().saturating_mul(2),
            self.arch.architecture().word()
        );
        Err(Ended::failed(Failure::new(&text)))
    }

    /// Returns what there is to know about a template of these needs before it is used.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.subnets.is_empty() {
            notes.push("no subnet is named, and the template is refused without one; --subnet names it".to_owned());
        }
        if self.security_groups.is_empty() {
            notes
                .push("no security group is named: AWS takes the VPC's default; --security-group names one".to_owned());
        }
        if self.arch == Arch::Arm && self.host_type.is_none() {
            notes.push(
                "IBM documents no host type for Arm: ARM64 stands in the attributes until --host-type names the word that \
                 Symphony shows for such hosts"
                    .to_owned(),
            );
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory_are_read_with_their_unit_and_not_without() {
        for (text, wanted) in [("32GiB", 32_768), ("32g", 32_768), ("512MiB", 512), ("1TiB", 1 << 20)] {
            assert_eq!(memory(text).unwrap().get(), wanted, "{text}");
        }
        for text in ["32", "GiB", "0GiB", "-1GiB", "5000TiB", "1.5GiB"] {
            assert!(memory(text).is_err(), "{text}");
        }
    }
}
