//! Getting hosts, giving them back, and looking at them.

use async_trait::async_trait;
use shaku::Interface;

use crate::application::ProviderError;
use crate::application::error::NotEnded;
use crate::application::settings::HealthSettings;
use crate::domain::machine::{Interruption, Sighting};
use crate::domain::request::{Attempt, LaunchPlan, Refusal};
use crate::domain::template::{PriceType, Template};
use crate::domain::{AccountName, HostName, InstallationId, MachineId, RequestId, TemplateId, Timestamp};

/// Whom a launch is for; becomes the owner tags inside the create call (R-12, `design.md` 5.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// This installation.
    pub installation: InstallationId,
    /// The request.
    pub request: RequestId,
    /// The template.
    pub template: TemplateId,
    /// The account it is charged to.
    pub account: Option<AccountName>,
}

/// One create call, ready to be sent or sent again.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// Where, how many, with which token.
    pub attempt: &'a Attempt,
    /// Frozen parameters, owner tags included.
    pub plan: &'a LaunchPlan,
    /// The boot script, which is never stored; its digest is in the frozen parameters.
    pub user_data: Option<&'a str>,
}

/// What a create call brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acquired {
    /// The hosts; fewer than asked for is a success.
    pub hosts: Vec<Sighting>,
    /// What AWS made for the call: the reservation, fleet or group.
    pub resource: Option<String>,
    /// Whether the resource goes on launching by itself, so that more hosts come later.
    pub filling: bool,
    /// Why there are fewer hosts than were asked for. Something short without a reason is asked for again.
    pub refusals: Vec<Refusal>,
}

/// A call as it would be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RehearsedCall {
    /// The operation, such as `RunInstances`.
    pub operation: String,
    /// Its parameters, in the order in which they would be sent. A boot script is not among them.
    pub parameters: Vec<(String, String)>,
}

/// What a launch would send.
#[derive(Debug, Default)]
pub struct Rehearsal {
    /// The calls in their order, up to and with the one that asks for hosts.
    pub calls: Vec<RehearsedCall>,
    /// What the cloud says it would do with the first of them, where it was asked.
    pub verdict: Option<Result<(), ProviderError>>,
}

/// What a fleet or group tells about its launching.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// It launches nothing more: it is gone, it failed, or its time is up.
    pub over: bool,
    /// What stood in its way.
    pub refusals: Vec<Refusal>,
}

/// How many capacity units of a fleet or group stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// Of on-demand hosts that stay.
    pub on_demand: u32,
    /// Of spot hosts that stay.
    pub spot: u32,
    /// That are still to come.
    pub more: u32,
}

impl Keep {
    /// Returns all of them.
    pub const fn total(self) -> u32 {
        self.on_demand.saturating_add(self.spot).saturating_add(self.more)
    }
}

/// A fleet or group that bears an owner tag and may launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its id or name.
    pub name: String,
    /// The installation on its owner tag.
    pub owner: String,
    /// The request on its request tag.
    pub request: String,
}

/// Whether a fleet or group launches no more than it is to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// It does not.
    Holds,
    /// It was told, and the cloud is still at it. The text says what it is waiting for.
    NotYet(String),
}

/// What an order to end hosts brought. Each host named is in exactly one of the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// The cloud took the order.
    pub accepted: Vec<MachineId>,
    /// The cloud does not know them (any more).
    pub gone: Vec<MachineId>,
    /// The cloud refused, or its answer did not arrive. Asking again is harmless.
    pub not_ended: Vec<NotEnded>,
}

/// One way to get hosts and to give them back.
#[async_trait]
pub trait Fulfilment: Interface {
    /// Resolves and freezes everything that launches of `template` need: aliases, versions, pools, owner tags.
    /// Implementations MUST NOT create anything in the cloud.
    ///
    /// # Errors
    /// [`ProviderError`] when something the template names cannot be resolved.
    async fn prepare(&self, template: &Template, owner: &Owner) -> Result<LaunchPlan, ProviderError>;

    /// Sends one attempt. Sending it again with the same token MUST NOT launch anything more.
    ///
    /// # Errors
    /// [`ProviderError`]; its class tells whether the call may have taken effect.
    async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError>;

    /// Tells what [`Self::acquire`] would send. Implementations MUST NOT create anything; with `check` the cloud is asked
    /// whether it would do it. A provider that sends nothing has nothing to tell.
    ///
    /// # Errors
    /// [`ProviderError`] when it would fail before anything is sent.
    async fn rehearse(&self, _launch: Launch<'_>, _check: bool) -> Result<Rehearsal, ProviderError> {
        Ok(Rehearsal::default())
    }

    /// Finds what an attempt has brought, without sending it again. Returns `None` when nothing is found, which proves
    /// nothing for some minutes.
    ///
    /// # Errors
    /// [`ProviderError`] when any part of the answer is missing.
    async fn recall(&self, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError>;

    /// Tells how far a fleet or group has come that goes on launching by itself.
    ///
    /// # Errors
    /// [`ProviderError`] when the cloud does not say.
    async fn progress(&self, _resource: &str) -> Result<Progress, ProviderError> {
        Ok(Progress { over: true, refusals: Vec::new() })
    }

    /// Sees to it that a fleet or group launches nothing beyond what it keeps, ending no host. Doing it again changes
    /// nothing; it MUST never raise a target. Whatever has no such thing holds by itself.
    ///
    /// # Errors
    /// [`ProviderError`]; it does not hold then.
    async fn hold(&self, _resource: &str, _keep: Keep) -> Result<Hold, ProviderError> {
        Ok(Hold::Holds)
    }

    /// Ends exactly these hosts and no other (INV-07), members of `resource` where they are members of anything. A host
    /// that cannot be ended MUST NOT keep the others alive.
    async fn release(&self, resource: Option<&str>, hosts: &[MachineId]) -> Released;

    /// Removes a fleet or group whose hosts have all ended. One that is gone already is no error.
    ///
    /// # Errors
    /// [`ProviderError`]; it may still be there then.
    async fn retire(&self, _resource: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Lists the fleets or groups of this way that bear an owner tag and may launch.
    ///
    /// # Errors
    /// [`ProviderError`] when any part of the answer is missing.
    async fn leftovers(&self) -> Result<Vec<Leftover>, ProviderError> {
        Ok(Vec::new())
    }

    /// Removes what launches of this way left behind beside hosts, fleets and groups: launch templates of this installation
    /// that nothing has used for a day.
    ///
    /// # Errors
    /// [`ProviderError`]; what is left is removed by the next sweep.
    async fn sweep(&self, _installation: &InstallationId) -> Result<(), ProviderError> {
        Ok(())
    }
}

/// A host to look at. A cloud needs only the id; the rest is for a provider without a memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The host.
    pub id: MachineId,
    /// How it is paid for.
    pub price_type: PriceType,
    /// When the cloud took the order to end it.
    pub ending_since: Option<Timestamp>,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// Every host tagged as ours that lives.
    Installation(InstallationId),
    /// Hosts tagged as ours and with this request.
    Request(InstallationId, RequestId),
    /// Hosts tagged as ours and with one of these private DNS names.
    Names(InstallationId, Vec<HostName>),
}

/// Looks at hosts, whichever way they were got.
#[async_trait]
pub trait Observation: Interface {
    /// Returns what the cloud shows of these hosts. A host that is missing from the answer was missing from a complete
    /// and successful answer of the cloud; an empty `hosts` MUST NOT ask the cloud.
    ///
    /// # Errors
    /// [`ProviderError`] when any part of the answer is missing.
    async fn observe(&self, hosts: &[Host]) -> Result<Vec<Sighting>, ProviderError>;

    /// Returns the hosts that match, terminated ones included.
    ///
    /// # Errors
    /// [`ProviderError`] when any part of the answer is missing.
    async fn find(&self, search: &Search) -> Result<Vec<Sighting>, ProviderError>;

    /// Returns the spot hosts among these that the cloud is taking away, with its notice.
    ///
    /// # Errors
    /// [`ProviderError`] when any part of the answer is missing.
    async fn interruptions(&self, hosts: &[Host]) -> Result<Vec<(MachineId, Interruption)>, ProviderError>;

    /// Returns what the cloud says about the health of these running hosts, as far as it is asked for, in notices that
    /// nothing has confirmed yet. Of a host that is not named everything is well, as a complete answer says. `None`: the
    /// cloud was asked a short while ago and was not asked again. A cloud without such signs says that all is well.
    ///
    /// # Errors
    /// [`ProviderError`] when any part of the answer is missing.
    async fn health(
        &self,
        _hosts: &[Host],
        _wanted: HealthSettings,
    ) -> Result<Option<Vec<(MachineId, Interruption)>>, ProviderError> {
        Ok(Some(Vec::new()))
    }

    /// Returns the end of what a host wrote to its console, at most 2,000 characters, if the cloud has kept any of it.
    ///
    /// # Errors
    /// [`ProviderError`] when the cloud does not say.
    async fn console(&self, host: &MachineId) -> Result<Option<String>, ProviderError>;
}
