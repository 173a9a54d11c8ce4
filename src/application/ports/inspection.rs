//! A cloud as an operator looks into it: what is there of ours, whether it can be reached, what templates name.
//!
//! Invariant: nothing here changes anything.

use std::time::Duration;

use async_trait::async_trait;
use shaku::Interface;

use super::Discovery;
use crate::application::ProviderError;
use crate::domain::template::Template;
use crate::domain::{InstallationId, Timestamp};

/// What a cloud makes for launches, beside hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// An EC2 Fleet that launches by itself.
    Ec2Fleet,
    /// A Spot Fleet request.
    SpotFleet,
    /// An Auto Scaling group.
    AutoScalingGroup,
    /// A launch template.
    LaunchTemplate,
}

impl ResourceKind {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ec2Fleet => "ec2-fleet",
            Self::SpotFleet => "spot-fleet",
            Self::AutoScalingGroup => "auto-scaling-group",
            Self::LaunchTemplate => "launch-template",
        }
    }
}

/// Something in the cloud that bears an owner tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudResource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its id or name.
    pub name: String,
    /// The installation on its owner tag.
    pub owner: String,
    /// The request on its request tag; what requests share has none.
    pub request: Option<String>,
    /// What it is doing, where the cloud says.
    pub state: Option<String>,
    /// When it was made, where the cloud says.
    pub made_at: Option<Timestamp>,
}

/// Everything in the cloud that bears an owner tag.
#[derive(Debug, Default)]
pub struct CloudResources {
    /// What was found.
    pub found: Vec<CloudResource>,
    /// What could not be listed, and why; the rest is complete.
    pub unread: Vec<ProviderError>,
}

/// Whose credentials ours are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: String,
    /// Who it is there.
    pub name: String,
}

/// One harmless call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The call, in the cloud's own name for it.
    pub operation: &'static str,
    /// How long the answer took.
    pub took: Duration,
    /// The cloud's clock when it answered, where it said.
    pub their_clock: Option<Timestamp>,
    /// Ours at that moment.
    pub our_clock: Timestamp,
}

/// Whether a cloud can be worked with.
#[derive(Debug)]
pub struct Reach {
    /// Whose credentials ours are.
    pub caller: Result<Caller, ProviderError>,
    /// A harmless call; `None` when there was nothing to make it with.
    pub probe: Option<Result<Probe, ProviderError>>,
}

/// How something was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Not looked at.
    Skipped,
    /// Work goes on with it, for now or in part.
    Warning,
    /// Work does not go on with it.
    Failed,
}

impl Outcome {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// What a check found, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub name: String,
    /// How it is.
    pub outcome: Outcome,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub mend: Option<String>,
}

impl Finding {
    /// Returns that something is as it should be.
    pub fn good(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), outcome: Outcome::Ok, found: found.into(), mend: None }
    }

    /// Returns that something was not looked at, and why.
    pub fn skipped(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Skipped, ..Self::good(name, why) }
    }

    /// Returns that work goes on with something, and what to do about it.
    pub fn warning(name: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, mend: Some(mend.into()), ..Self::good(name, found) }
    }

    /// Returns that work does not go on with something, and what to do about it.
    pub fn failed(name: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, mend: Some(mend.into()), ..Self::good(name, found) }
    }
}

/// Looks into a cloud for its operator; never for a call of Host Factory.
#[async_trait]
pub trait Inspection: Interface {
    /// Returns where hosts are rented, such as a region. Implementations MUST NOT ask the cloud.
    fn region(&self) -> Option<String> {
        None
    }

    /// Lists what bears an owner tag, of whatever installation. Something without a cloud has no such thing.
    ///
    /// # Errors
    /// [`ProviderError`] when there is nothing to ask with. What could not be listed alone is in the answer.
    async fn resources(&self) -> Result<CloudResources, ProviderError> {
        Ok(CloudResources::default())
    }

    /// Tells whose credentials ours are, and makes a harmless call; `None` without a cloud.
    async fn reach(&self) -> Option<Reach> {
        None
    }

    /// Looks at everything that these templates name and need, rights and quotas included; `None` without a cloud. What is
    /// owned by `installation` may serve to try a right on; implementations MUST NOT change it.
    ///
    /// # Errors
    /// [`ProviderError`] when there is nothing to ask with.
    async fn examine(
        &self,
        _templates: &[Template],
        _installation: Option<&InstallationId>,
    ) -> Result<Option<Vec<Finding>>, ProviderError> {
        Ok(None)
    }

    /// Tells what the account has that a first template can name; `None` without a cloud.
    ///
    /// # Errors
    /// [`ProviderError`] when the cloud does not answer at all. What alone could not be listed is in the answer.
    async fn discover(&self) -> Result<Option<Discovery>, ProviderError> {
        Ok(None)
    }
}
