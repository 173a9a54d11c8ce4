//! What a host of an instance type is made of, and what Host Factory is told of it.
//!
//! The facts are those of EC2's `DescribeInstanceTypes`; sizes are those of a host launched with no CPU options.

use std::num::NonZeroU32;

/// What a host's processor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit Intel and AMD.
    X86_64,
    /// 64-bit Arm, such as AWS's Graviton.
    Arm64,
}

impl Architecture {
    /// Returns AWS's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns the architecture that AWS's word means, or `None` for one that no grid runs on.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::X86_64, Self::Arm64].into_iter().find(|one| one.word() == word)
    }

    /// Returns the Systems Manager parameter under which AWS keeps the id of the newest Amazon Linux 2023 image.
    pub fn newest_amazon_linux(self) -> String {
        format!("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}", self.word())
    }

    /// Returns the host type under which EGO knows Linux hosts (`X86_64`, `hostfactory.md` 3.1), or `None` where IBM
    /// documents none.
    pub const fn host_type(self) -> Option<&'static str> {
        match self {
            Self::X86_64 => Some("X86_64"),
            Self::Arm64 => None,
        }
    }
}

/// The GPUs of a host, all of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpus {
    /// How many; a share of one counts as one.
    pub count: NonZeroU32,
    /// Memory of each in MiB.
    pub memory: u32,
    /// Maker and name, such as `NVIDIA H100`.
    pub model: String,
}

/// An instance type and what a host of it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceShape {
    /// The instance type, such as `m6i.large`.
    pub name: String,
    /// Virtual CPUs: cores times threads a core.
    pub vcpus: NonZeroU32,
    /// Physical cores.
    pub cores: NonZeroU32,
    /// Memory in MiB.
    pub memory: NonZeroU32,
    /// What the processor runs.
    pub architecture: Architecture,
    /// Bandwidth that all network cards together always have, in Mbit/s, where it is known.
    pub baseline_bandwidth: Option<NonZeroU32>,
    /// Bandwidth that they reach at best, in Mbit/s, where it is known.
    pub peak_bandwidth: Option<NonZeroU32>,
    /// Network cards.
    pub network_cards: NonZeroU32,
    /// The most Elastic Fabric Adapters; 0 for a type that has none.
    pub efa_interfaces: u32,
    /// The GPUs, if it has any.
    pub gpus: Option<Gpus>,
}

impl InstanceShape {
    /// Returns the hardware threads of a core, usually 1 or 2.
    pub fn threads_per_core(&self) -> u32 {
        self.vcpus.get() / self.cores
    }
}
