//! What there is in the account before anything is launched: subnets, images, types and the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::query::Parameters;
use crate::templates::LaunchTemplate;

/// The account of every emulator, until a test says otherwise.
pub const ACCOUNT: &str = "123456789012";
/// The region of calls whose credentials name none.
pub const REGION: &str = "us-east-1";
/// The one network.
pub const VPC: &str = "vpc-0123456789abcdef0";
/// One subnet in each of the zones `a`, `b` and `c`; the first two are those of `config/awsprov_templates.json`.
pub const SUBNETS: [&str; 3] = ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210", "subnet-0c0c0c0c0c0c0c0c0"];
/// Images that exist. The first is behind every parameter of [`PARAMETERS`].
pub const IMAGES: [&str; 2] = ["ami-0123456789abcdef0", "ami-0fedcba9876543210"];
/// A security group that exists.
pub const SECURITY_GROUP: &str = "sg-0123456789abcdef0";
/// A key pair that exists.
pub const KEY_PAIR: &str = "grid";
/// A launch template that exists, with versions 1 and 2; 1 is the default.
pub const LAUNCH_TEMPLATE: &str = "lt-0123456789abcdef0";
/// Parameters that hold an image id.
pub const PARAMETERS: [&str; 2] = [
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2",
];
/// Addresses that a subnet has left at the start.
pub const FREE_ADDRESSES: u32 = 4_000;

/// A subnet.
#[derive(Debug, Clone)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    /// The letter of its zone.
    pub(crate) zone: char,
    /// Addresses that can still be given out.
    pub(crate) free: u32,
    /// The first address, and the number of the next that was never used.
    pub(crate) base: u32,
    pub(crate) next: u32,
    /// Addresses whose host has ended, the last one last.
    pub(crate) returned: Vec<u32>,
}

impl Subnet {
    pub(crate) fn zone_in(&self, region: &str) -> String {
        format!("{region}{}", self.zone)
    }

    /// Returns the id of its zone; which letter that is differs from account to account, and here it is the order.
    pub(crate) fn zone_id(&self) -> String {
        format!("use1-az{}", u32::from(self.zone).saturating_sub(u32::from('a')) + 1)
    }

    /// Takes an address; `again` takes those of ended hosts first.
    pub(crate) fn take(&mut self, again: bool) -> u32 {
        self.free = self.free.saturating_sub(1);
        if let Some(address) = self.returned.pop().filter(|_| again) {
            return address;
        }
        self.next += 1;
        self.base + self.next
    }
}

/// An instance type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InstanceType {
    pub(crate) name: &'static str,
    pub(crate) vcpus: u32,
    pub(crate) threads_per_core: u32,
    pub(crate) memory_mib: u32,
    pub(crate) architecture: &'static str,
}

impl InstanceType {
    /// Returns the quota that it counts against, as Service Quotas groups types by their first letters.
    pub(crate) fn family(self) -> &'static str {
        match self.name.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default() {
            "g" | "vt" => "g",
            "p" => "p",
            "x" => "x",
            "inf" => "inf",
            _ => "standard",
        }
    }
}

const fn kind(name: &'static str, vcpus: u32, memory_gib: u32) -> InstanceType {
    InstanceType { name, vcpus, threads_per_core: 2, memory_mib: memory_gib * 1024, architecture: "x86_64" }
}

const fn arm(name: &'static str, vcpus: u32, memory_gib: u32) -> InstanceType {
    InstanceType { threads_per_core: 1, architecture: "arm64", ..kind(name, vcpus, memory_gib) }
}

/// The types that exist.
pub(crate) const TYPES: [InstanceType; 24] = [
    kind("t3.micro", 2, 1),
    kind("t3.small", 2, 2),
    kind("t3.medium", 2, 4),
    kind("t3.large", 2, 8),
    kind("m5.large", 2, 8),
    kind("m5.xlarge", 4, 16),
    kind("m5.2xlarge", 8, 32),
    kind("m6i.large", 2, 8),
    kind("m6i.xlarge", 4, 16),
    kind("m6i.2xlarge", 8, 32),
    kind("m6i.4xlarge", 16, 64),
    kind("m6a.xlarge", 4, 16),
    kind("m7i.large", 2, 8),
    kind("m7i.4xlarge", 16, 64),
    kind("c5.large", 2, 4),
    kind("c6i.large", 2, 4),
    kind("c6i.xlarge", 4, 8),
    kind("c6i.32xlarge", 128, 256),
    kind("r6i.large", 2, 16),
    kind("r6i.xlarge", 4, 32),
    kind("g5.xlarge", 4, 16),
    kind("p4d.24xlarge", 96, 1152),
    arm("m7g.large", 2, 8),
    arm("c7g.xlarge", 4, 8),
];

/// Returns a type by name.
pub(crate) fn instance_type(name: &str) -> Option<InstanceType> {
    TYPES.into_iter().find(|kind| kind.name == name)
}

/// What an account has.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) images: BTreeSet<String>,
    /// Takes every well-formed image id.
    pub(crate) any_image: bool,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) key_pairs: BTreeSet<String>,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) launch_templates: BTreeMap<String, LaunchTemplate>,
    /// How many launch templates calls have made.
    pub(crate) templates_made: u64,
    /// What each token of theirs was sent with, and the answer, also after the template is gone.
    pub(crate) template_tokens: BTreeMap<String, (Arc<Parameters>, String)>,
}

impl Default for Catalogue {
    fn default() -> Self {
        let parameter = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let data: BTreeMap<String, String> =
            [parameter("ImageId", IMAGES[0]), parameter("InstanceType", "m6i.large")].into();
        let versions = [(1, data.clone()), (2, data)].into();
        let template =
            LaunchTemplate { name: LAUNCH_TEMPLATE.to_owned(), default: 1, versions, ..LaunchTemplate::default() };
        let mut catalogue = Self {
            subnets: Vec::new(),
            images: IMAGES.map(str::to_owned).into(),
            any_image: false,
            groups: [SECURITY_GROUP.to_owned()].into(),
            key_pairs: [KEY_PAIR.to_owned()].into(),
            parameters: PARAMETERS.map(|name| parameter(name, IMAGES[0])).into(),
            launch_templates: [(LAUNCH_TEMPLATE.to_owned(), template)].into(),
            templates_made: 0,
            template_tokens: BTreeMap::new(),
        };
        for (id, zone) in SUBNETS.into_iter().zip('a'..) {
            catalogue.add_subnet(id, zone, FREE_ADDRESSES);
        }
        catalogue
    }
}

impl Catalogue {
    /// Adds a subnet; its addresses are a sixteenth of `10.0.0.0/8`.
    pub(crate) fn add_subnet(&mut self, id: &str, zone: char, free: u32) {
        let number = u32::try_from(self.subnets.len()).unwrap_or_default() % 16;
        let base = (10 << 24) + (number << 20) + 3;
        self.subnets.push(Subnet { id: id.to_owned(), zone, free, base, next: 0, returned: Vec::new() });
    }

    pub(crate) fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id == id)
    }

    pub(crate) fn subnet_mut(&mut self, id: &str) -> Option<&mut Subnet> {
        self.subnets.iter_mut().find(|subnet| subnet.id == id)
    }

    pub(crate) fn has_image(&self, id: &str) -> bool {
        self.images.contains(id) || self.any_image
    }
}
