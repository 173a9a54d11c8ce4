//! Fleets that launch by themselves, of either service: `request` until everything is there, `maintain` for good.
//!
//! Invariants: a fleet of type `request` cannot be changed, so it is held by removing it, and what it was still to bring is
//! given up with it; one of type `maintain` is held by lowering its target; each in a way that ends no host
//! (`aws-semantics.md` 4.5). A target is never raised.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{FleetType, Tag};
use aws_smithy_types::DateTime;
use shaku::{Component, Keyed};

use super::client::{ClientSource, Clients};
use super::codes::class_in;
use super::error::{explained, incomplete};
use super::fleet::Sources;
use super::lasting_fleet::Ec2Fleets;
use super::launch_template::Tagging;
use super::limit::Call;
use super::parameters::FrozenParameters;
use super::retry::{self, Policy};
use super::spot_fleet::SpotFleets;
use super::{launch_template, prepare, rehearsal, tags, terminate, user_data};
use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::ports::{
    Acquired, Fulfilment, Hold, Keep, Launch, Leftover, Owner, Progress, Rehearsal, Released,
};
use crate::domain::failure::AttemptVerdict;
use crate::domain::request::{Attempt, LaunchPlan, Refusal};
use crate::domain::template::{ProviderApi, Template};
use crate::domain::{FailureClass, InstallationId, MachineId};

/// How long a fleet goes on launching when the template does not say; it is held long before.
const VALID_FOR: Duration = Duration::from_hours(1);
/// Between two looks at a fleet that is being changed.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// How far a fleet has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Activity {
    /// It goes on.
    #[default]
    Filling,
    /// It has everything.
    Fulfilled,
    /// It cannot launch at present.
    Failing,
}

/// A fleet as it stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) id: String,
    pub(super) kind: Option<FleetType>,
    pub(super) token: Option<String>,
    /// Whether it launches, or may again.
    pub(super) launches: bool,
    /// Whether its target is being changed.
    pub(super) changing: bool,
    pub(super) activity: Activity,
    pub(super) made_at: Option<DateTime>,
    pub(super) target: Option<i32>,
    pub(super) on_demand_target: i32,
    /// The names of the launch templates that it launches from.
    pub(super) templates: Vec<String>,
    pub(super) tags: Vec<Tag>,
}

/// One attempt's fleet, with everything it takes to ask for it.
pub(super) struct Order<'a> {
    pub(super) kind: &'a FleetType,
    pub(super) attempt: &'a Attempt,
    pub(super) plan: &'a LaunchPlan,
    pub(super) frozen: &'a FrozenParameters,
    pub(super) sources: &'a Sources,
    /// Until when it launches, whatever becomes of us.
    pub(super) until: DateTime,
}

/// What the two services differ in.
pub(super) trait Service {
    /// The call that makes a fleet.
    const CREATE: &'static str;
    /// The call that looks at fleets.
    const DESCRIBE: &'static str;

    /// Asks for a fleet once and returns its id.
    async fn create(clients: &Clients, order: &Order<'_>) -> Result<String, ProviderError>;

    /// Returns one fleet, or all that may launch.
    async fn described(clients: &Clients, policy: Policy, id: Option<&str>) -> Result<Vec<Standing>, ProviderError>;

    /// Returns what happened to a fleet, as pairs of kind and text.
    async fn history(
        clients: &Clients,
        policy: Policy,
        id: &str,
        since: DateTime,
    ) -> Result<Vec<(String, String)>, ProviderError>;

    /// Lowers a fleet's targets, ending no host.
    async fn lower(
        clients: &Clients,
        policy: Policy,
        id: &str,
        total: i32,
        on_demand: i32,
    ) -> Result<(), ProviderError>;

    /// Removes a fleet's record, ending no host. Class `Busy` when it cannot be removed in its present state.
    async fn delete(clients: &Clients, policy: Policy, id: &str) -> Result<(), ProviderError>;
}

fn describes(source: &dyn ClientSource) -> Policy {
    Policy::describes(source.settings())
}

fn creates(source: &dyn ClientSource) -> Policy {
    Policy::creates(source.settings())
}

/// Makes the fleet of an attempt. It tells its hosts later.
async fn make<S: Service>(
    source: &dyn ClientSource,
    kind: &FleetType,
    launch: Launch<'_>,
) -> Result<Acquired, ProviderError> {
    let frozen = FrozenParameters::from_plan(S::CREATE, &launch.plan.parameters)?;
    let clients = source.clients().await?;
    let user_data = match user_data::encoded(S::CREATE, launch.user_data, frozen.user_data_digest.as_ref()) {
        Ok(user_data) => user_data,
        // The attempt may have been sent before the script changed.
        Err(error) => return find::<S>(source, launch).await?.ok_or(error),
    };
    let sources = Sources::of(&frozen, launch.attempt, user_data.as_ref(), Tagging::Template);
    let lasts = launch.plan.fill_seconds.map_or(VALID_FOR, Duration::from_secs);
    let until = DateTime::from_secs(launch.attempt.recorded_at.after(lasts).as_seconds());
    let (attempt, plan) = (launch.attempt, launch.plan);
    let order = Order { kind, attempt, plan, frozen: &frozen, sources: &sources, until };
    let limit = Call { operation: S::CREATE, hosts: 0 };
    let send = || retry::send(&clients.gate, limit, creates(source), || S::create(clients, &order));
    sources.ensure(clients, creates(source)).await?;
    let mut made = send().await;
    if made.as_ref().is_err_and(|error| error.class == FailureClass::Gone) {
        sources.forget(clients).await;
        sources.ensure(clients, creates(source)).await?;
        made = send().await;
    }
    match made {
        Ok(id) => Ok(filling(id)),
        Err(error) if error.class == FailureClass::Idempotency => find::<S>(source, launch).await?.ok_or(error),
        Err(error) => Err(error),
    }
}

fn filling(id: String) -> Acquired {
    Acquired { resource: Some(id), filling: true, ..Acquired::default() }
}

/// Returns every fleet that may launch, of either type.
async fn all<S: Service>(source: &dyn ClientSource) -> Result<Vec<Standing>, ProviderError> {
    let mut fleets = S::described(source.clients().await?, describes(source), None).await?;
    fleets.retain(|fleet| fleet.launches);
    Ok(fleets)
}

/// Finds the fleet of an attempt by its token, among all there are: AWS has no filter for tags or tokens of fleets.
async fn find<S: Service>(source: &dyn ClientSource, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
    let token = launch.attempt.token.as_str();
    let own = all::<S>(source).await?.into_iter().find(|fleet| fleet.token.as_deref() == Some(token));
    Ok(own.map(|fleet| filling(fleet.id)))
}

/// Returns a fleet as it stands; `None` for one that is gone.
async fn look<S: Service>(source: &dyn ClientSource, id: &str) -> Result<Option<Standing>, ProviderError> {
    match S::described(source.clients().await?, describes(source), Some(id)).await {
        Ok(found) => Ok(found.into_iter().find(|fleet| fleet.id == id)),
        Err(error) if error.class == FailureClass::Gone => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells how far a fleet has come; what it could not launch is in its history alone (4.4), told here each cause once.
async fn progress<S: Service>(source: &dyn ClientSource, id: &str) -> Result<Progress, ProviderError> {
    let Some(found) = look::<S>(source, id).await? else { return Ok(Progress { over: true, refusals: Vec::new() }) };
    if found.launches && found.activity == Activity::Fulfilled {
        return Ok(Progress { over: false, refusals: Vec::new() });
    }
    let since = found.made_at.unwrap_or_else(|| DateTime::from_secs(0));
    let mut refusals: Vec<Refusal> = Vec::new();
    for (what, text) in S::history(source.clients().await?, describes(source), id, since).await? {
        let Some((code, class)) = class_in(&text).or_else(|| class_in(&what)) else { continue };
        if refusals.iter().all(|known| known.code.as_deref() != Some(code)) {
            let message = format!("{}: {id} could not launch. Error Code: {code}. {}", class.word(), explained(&text));
            refusals.push(Refusal { pool: None, class, code: Some(code.to_owned()), message });
        }
    }
    // A shortage may pass; what is wrong with the request stays wrong however long the fleet tries.
    let hopeless = refusals.iter().any(|refusal| refusal.class.verdict() == AttemptVerdict::Final);
    Ok(Progress { over: !found.launches || (found.activity == Activity::Failing && hopeless), refusals })
}

/// Removes the record of a fleet, and before it the launch template that was made for its request: who dies in between leaves
/// the fleet, which is found again. Its hosts live on.
async fn remove<S: Service>(source: &dyn ClientSource, id: &str) -> Result<(), ProviderError> {
    let Some(found) = look::<S>(source, id).await? else { return Ok(()) };
    launch_template::remove_of_request(source, found.templates.iter().map(String::as_str)).await;
    if !found.launches {
        return Ok(());
    }
    match S::delete(source.clients().await?, creates(source), id).await {
        // It is being removed already, or launches nothing any more (4.6).
        Err(error) if error.class == FailureClass::Busy => match look::<S>(source, id).await? {
            Some(fleet) if fleet.launches => Err(error),
            Some(_) | None => Ok(()),
        },
        other => other,
    }
}

/// Lowers the target of a fleet to what it keeps, and waits until that is in force (4.5).
async fn shrink<S: Service>(source: &dyn ClientSource, id: &str, keep: Keep) -> Result<Hold, ProviderError> {
    let number = |units: u32| i32::try_from(units).unwrap_or(i32::MAX);
    let wanted = number(keep.total());
    let most_on_demand = number(keep.on_demand.saturating_add(keep.more)).min(wanted);
    loop {
        let found = look::<S>(source, id).await?.filter(|fleet| fleet.launches);
        let Some(found) = found else { return Ok(Hold::Holds) };
        let target = found.target.ok_or_else(|| incomplete(S::DESCRIBE, "missing the target"))?;
        if !found.changing {
            if target <= wanted {
                return Ok(Hold::Holds);
            }
            let on_demand = found.on_demand_target.min(most_on_demand);
            match S::lower(source.clients().await?, creates(source), id, wanted, on_demand).await {
                // Somebody else is changing it; it is looked at again.
                Err(error) if error.class == FailureClass::Busy => {}
                other => other?,
            }
        }
        if !Budget::current().allows_new_step() {
            return Ok(Hold::NotYet(format!("{id} is being changed; the next call goes on")));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// The fleets of this type that launch, with our tags.
async fn leftovers<S: Service>(source: &dyn ClientSource, kind: &FleetType) -> Result<Vec<Leftover>, ProviderError> {
    let fleets = all::<S>(source).await?;
    let of_type = fleets.iter().filter(|fleet| fleet.kind.as_ref() == Some(kind));
    Ok(of_type.filter_map(|fleet| tags::leftover(&fleet.id, &fleet.tags)).collect())
}

async fn sweep<S: Service>(
    source: &dyn ClientSource,
    installation: &InstallationId,
    api: ProviderApi,
) -> Result<(), ProviderError> {
    let in_use: HashSet<String> = all::<S>(source).await?.into_iter().flat_map(|fleet| fleet.templates).collect();
    launch_template::sweep(source, installation, Some(api), &in_use).await
}

/// Makes a component for each service and type.
macro_rules! lasting_ways {
    ($($(#[$doc:meta])* $name:ident = $api:ident, $service:ident of type $kind:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Component)]
        #[shaku(interface = Fulfilment)]
        pub struct $name {
            #[shaku(inject)]
            pub(super) clients: Arc<dyn ClientSource>,
        }

        impl Keyed for $name {
            type KeyType = ProviderApi;
            const KEY: ProviderApi = ProviderApi::$api;
        }

        #[async_trait]
        impl Fulfilment for $name {
            async fn prepare(&self, template: &Template, owner: &Owner) -> Result<LaunchPlan, ProviderError> {
                prepare::of_fleet(self.clients.clients().await?, self.clients.settings(), template, owner).await
            }

            async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
                Box::pin(make::<$service>(self.clients.as_ref(), &FleetType::$kind, launch)).await
            }

            async fn rehearse(&self, launch: Launch<'_>, check: bool) -> Result<Rehearsal, ProviderError> {
                let acquire = |clients| async move { Self { clients }.acquire(launch).await };
                rehearsal::of(self.clients.as_ref(), check, acquire).await
            }

            async fn recall(&self, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
                find::<$service>(self.clients.as_ref(), launch).await
            }

            async fn progress(&self, resource: &str) -> Result<Progress, ProviderError> {
                progress::<$service>(self.clients.as_ref(), resource).await
            }

            async fn hold(&self, resource: &str, keep: Keep) -> Result<Hold, ProviderError> {
                match FleetType::$kind {
                    FleetType::Maintain => shrink::<$service>(self.clients.as_ref(), resource, keep).await,
                    _ => remove::<$service>(self.clients.as_ref(), resource).await.map(|()| Hold::Holds),
                }
            }

            async fn release(&self, _: Option<&str>, hosts: &[MachineId]) -> Released {
                terminate::release(self.clients.as_ref(), hosts).await
            }

            async fn retire(&self, resource: &str) -> Result<(), ProviderError> {
                remove::<$service>(self.clients.as_ref(), resource).await
            }

            async fn leftovers(&self) -> Result<Vec<Leftover>, ProviderError> {
                leftovers::<$service>(self.clients.as_ref(), &FleetType::$kind).await
            }

            async fn sweep(&self, installation: &InstallationId) -> Result<(), ProviderError> {
                sweep::<$service>(self.clients.as_ref(), installation, ProviderApi::$api).await
            }
        }
    )*};
}

lasting_ways! {
    /// Gets hosts through EC2 Fleets of type `request`.
    RequestFleet = Ec2FleetRequest, Ec2Fleets of type Request;
    /// Gets hosts through EC2 Fleets of type `maintain`.
    MaintainFleet = Ec2FleetMaintain, Ec2Fleets of type Maintain;
    /// Gets hosts through Spot Fleet requests of type `request`.
    RequestSpotFleet = SpotFleetRequest, SpotFleets of type Request;
    /// Gets hosts through Spot Fleet requests of type `maintain`.
    MaintainSpotFleet = SpotFleetMaintain, SpotFleets of type Maintain;
}
