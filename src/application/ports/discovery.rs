//! What an account has that a first template can name.

use std::collections::{HashMap, HashSet};

use super::Caller;
use crate::application::ProviderError;
use crate::domain::template::Architecture;

/// A part of what there is, or why it was not told.
pub type Part<T> = Result<Vec<T>, ProviderError>;

/// A network of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: String,
    /// Its addresses.
    pub cidr: Option<String>,
    /// Whether it is the one that AWS made.
    pub is_default: bool,
    /// What people call it.
    pub name: Option<String>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: String,
    /// The network that it is part of.
    pub vpc: String,
    /// The zone that it is in.
    pub zone: String,
    /// How many addresses are free.
    pub free: u32,
    /// What people call it.
    pub name: Option<String>,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `sg-…`.
    pub id: String,
    /// The network that it is part of.
    pub vpc: Option<String>,
    /// Its name; `default` for the one that every network has.
    pub name: String,
}

/// An image that hosts can be launched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedImage {
    /// What a template names: `ami-…`, or the name of a parameter that holds one.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it runs on, where that is one that grids run on.
    pub architecture: Option<Architecture>,
    /// When it was made, as the cloud writes it, so that the newest sorts last.
    pub made_at: Option<String>,
}

/// What an account has in a region.
#[derive(Debug)]
pub struct Discovery {
    /// Whose credentials ours are, where somebody says so.
    pub caller: Option<Caller>,
    /// The networks.
    pub vpcs: Part<Vpc>,
    /// The subnets of all networks.
    pub subnets: Part<Subnet>,
    /// The security groups of all networks.
    pub security_groups: Part<SecurityGroup>,
    /// The names of the key pairs.
    pub key_pairs: Part<String>,
    /// The ARNs of the instance profiles that hosts of the account have now.
    pub instance_profiles: Part<String>,
    /// The account's own images, the newest first.
    pub images: Part<OfferedImage>,
    /// The names under which the cloud keeps its newest images, as far as they can be looked up.
    pub aliases: Part<OfferedImage>,
    /// The zones in which each instance type is offered.
    pub offers: Result<HashMap<String, HashSet<String>>, ProviderError>,
}
