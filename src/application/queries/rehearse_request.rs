//! What an order of hosts would send.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;

use super::costing::{self, Cost};
use crate::application::engine::EngineSource;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Launch, Owner, Prices, RehearsedCall};
use crate::application::{ApplicationError, ProviderError};
use crate::domain::notes::PoolMark;
use crate::domain::request::{Pool, Request};
use crate::domain::template::Template;
use crate::domain::{MachineCount, RequestId, RequestKind, TemplateId};

/// Asks what ordering so many hosts of a template would send, without sending it.
#[derive(Debug, Clone)]
pub struct RehearseRequest {
    /// The template.
    pub template: TemplateId,
    /// How many hosts.
    pub count: MachineCount,
    /// Whether the cloud is asked if it would do it (`DryRun`).
    pub check: bool,
}

impl Message for RehearseRequest {
    const NAME: &'static str = "RehearseRequest";
    type Output = RehearsedRequest;
}

impl Query for RehearseRequest {}

/// What an order would send.
#[derive(Debug)]
pub struct RehearsedRequest {
    /// The template.
    pub template: Template,
    /// How many hosts it would be for; fewer than asked for where orders are clipped.
    pub count: MachineCount,
    /// Where would be asked, in this order.
    pub pools: Vec<Vec<Pool>>,
    /// Where would not be asked now, since it had nothing to give a moment ago.
    pub left_out: Vec<LeftOut>,
    /// Why the order would be refused now, if it would: the template is out of use, or no pool is left.
    pub refusal: Option<ApplicationError>,
    /// What it would cost.
    pub cost: Cost,
    /// The calls in their order. What follows from the answers is not among them.
    pub calls: Vec<RehearsedCall>,
    /// What the cloud says to the first call, where it was asked.
    pub verdict: Option<Result<(), ProviderError>>,
}

/// A pool that is passed over for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The pool.
    pub pool: Pool,
    /// Why, until when, and how many hosts it refused.
    pub mark: PoolMark,
    /// How long it still is.
    pub left: Duration,
}

/// Goes through the same steps as an order, and commits nothing.
#[derive(Component)]
#[shaku(interface = Handler<RehearseRequest>)]
pub struct RehearseRequestHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    prices: Arc<dyn Prices>,
}

impl RehearseRequestHandler {
    /// Returns a handler over these.
    pub fn new(engine: Arc<dyn EngineSource>, prices: Arc<dyn Prices>) -> Self {
        Self { engine, prices }
    }
}

#[async_trait]
impl Handler<RehearseRequest> for RehearseRequestHandler {
    async fn handle(&self, query: RehearseRequest) -> Result<RehearsedRequest, ApplicationError> {
        let engine = self.engine.engine();
        let template = engine.templates.find(&query.template)?;
        let installation = engine.installation.id()?;
        let id = RequestId::unused(RequestKind::Acquire);
        let owner = Owner {
            installation: installation.clone(),
            request: id.clone(),
            template: template.id().clone(),
            account: None,
        };
        let committed = engine.store.committed_hosts(template.id()).await?;
        let count = engine.within(&template, query.count, committed)?;
        let provider = engine.fulfilment(template.api())?;
        let mut plan = provider.prepare(&template, &owner).await?;
        let now = engine.clock.now();
        let notes = engine.notebook.read().await;
        let left_out: Vec<LeftOut> = plan
            .tiers
            .iter()
            .flatten()
            .filter_map(|pool| {
                let mark = notes.pools.obstacle(pool, count.get(), now)?.clone();
                Some(LeftOut { pool: pool.clone(), left: mark.until.since(now), mark })
            })
            .collect();
        // What would be sent is told also of an order that would be refused now: as it will be once it is not.
        let (open, refusal) = match engine.worth_asking(&template, &plan.tiers, count).await {
            Ok(open) => (open, None),
            Err(error @ ApplicationError::Provider(_)) => (plan.tiers.clone(), Some(error)),
            Err(error) => return Err(error),
        };
        let cost = costing::cost(&*self.prices, template.launch(), &open.concat(), count);
        let pools = if refusal.is_some() { Vec::new() } else { open.clone() };
        plan.tiers = open;
        let mut request = Request::acquire(id, &template, count, None, plan, &engine.policy, now);
        request.plan_attempts(&installation, now.into());
        let (mut calls, mut verdict) = (Vec::new(), None);
        let user_data = template.launch().user_data.as_ref().and_then(|data| data.text());
        for attempt in request.as_acquire().map(|acquire| acquire.attempts.as_slice()).unwrap_or_default() {
            let Some(acquire) = request.as_acquire() else { break };
            let launch = Launch { attempt, plan: &acquire.plan, user_data };
            let rehearsal = provider.rehearse(launch, query.check && verdict.is_none()).await?;
            for call in rehearsal.calls {
                // Each attempt would find the launch template that the first has made.
                if !calls.contains(&call) {
                    calls.push(call);
                }
            }
            verdict = verdict.or(rehearsal.verdict);
        }
        Ok(RehearsedRequest { template, count, pools, left_out, refusal, cost, calls, verdict })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ports::{MachineRepository as _, Notebook as _};
    use crate::application::testing::{World, template};
    use crate::domain::FailureClass;
    use crate::domain::template::PriceType;
    use crate::infrastructure::prices::KnownPrices;

    async fn rehearse(world: &World, count: u32, check: bool) -> Result<RehearsedRequest, ApplicationError> {
        let query = RehearseRequest { template: "small".parse().unwrap(), count: count.try_into().unwrap(), check };
        let prices = Arc::new(KnownPrices::new("", "us-east-1"));
        RehearseRequestHandler::new(world.engine(), prices).handle(query).await
    }

    #[tokio::test]
    async fn an_order_that_is_rehearsed_is_on_no_record_and_brings_no_host() {
        let world = World::new();
        let rehearsed = rehearse(&world, 150, false).await.unwrap();
        let counts: Vec<_> = rehearsed.calls.iter().map(|call| call.parameters[0].1.as_str()).collect();
        assert_eq!(counts, ["100", "50"]);
        assert_eq!((rehearsed.pools.len(), rehearsed.left_out.len(), rehearsed.verdict.is_some()), (2, 0, false));
        assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (0, 0));
        assert_eq!(world.store.committed_hosts(rehearsed.template.id()).await.unwrap(), 0);
        assert!(rehearse(&world, 1, true).await.unwrap().verdict.unwrap().is_ok());
    }

    #[tokio::test]
    async fn pools_that_had_nothing_a_moment_ago_are_named_as_left_out() {
        let world = World::new();
        let pool = Pool {
            instance_type: Some("m6i.large".to_owned()),
            subnet: Some("subnet-1".to_owned()),
            price_type: PriceType::OnDemand,
        };
        let now = world.engine().clock.now();
        world.notebook.edit(&mut |notes| notes.pools.failed(&pool, FailureClass::Capacity, None, 1, now)).await;
        let rehearsed = rehearse(&world, 1, false).await.unwrap();
        let [left_out] = rehearsed.left_out.as_slice() else { panic!("{rehearsed:?}") };
        assert_eq!((&left_out.pool, left_out.mark.code.as_str()), (&pool, FailureClass::Capacity.word()));
        assert_eq!(left_out.left, Duration::from_mins(3));
        assert_eq!(rehearsed.pools.len(), 1);
        assert!(rehearsed.refusal.is_none() && rehearsed.cost.host_hour.is_some(), "{rehearsed:?}");
    }

    #[tokio::test]
    async fn a_quota_that_is_full_leaves_every_pool_out_and_says_until_when_and_for_how_many() {
        let world = World::new();
        let now = world.engine().clock.now();
        let pools = rehearse(&world, 5, false).await.unwrap().pools;
        for pool in pools.iter().flatten() {
            world
                .notebook
                .edit(&mut |notes| notes.pools.failed(pool, FailureClass::Quota, Some("VcpuLimitExceeded"), 5, now))
                .await;
        }
        let rehearsed = rehearse(&world, 5, false).await.unwrap();
        assert!(rehearsed.pools.is_empty() && rehearsed.left_out.len() == 2, "{rehearsed:?}");
        assert!(rehearsed.left_out.iter().all(|out| out.mark.code == "VcpuLimitExceeded" && out.mark.count == 5));
        assert!(rehearsed.refusal.unwrap().to_string().contains("no pool of template small has hosts to give"));
        assert!(rehearse(&world, 4, false).await.unwrap().left_out.is_empty(), "fewer may pass");
    }

    #[tokio::test]
    async fn a_template_that_is_out_of_use_is_told_with_what_would_be_sent_once_it_is_not() {
        let world = World::new();
        let digest = world.engine().templates.find(&"small".parse().unwrap()).unwrap().digest();
        let now = world.engine().clock.now();
        world
            .notebook
            .edit(&mut |notes| {
                notes.brakes.entry("small".parse().unwrap()).or_default().refused("no rights", &digest, now);
            })
            .await;
        let rehearsed = rehearse(&world, 1, false).await.unwrap();
        assert!(!rehearsed.calls.is_empty() && rehearsed.pools.is_empty(), "{rehearsed:?}");
        let why = rehearsed.refusal.unwrap().to_string();
        assert!(why.contains("out of use for another 180 seconds") && why.contains("no rights"), "{why}");
        assert_eq!(why, world.request(1).await.unwrap_err().to_string(), "as the order is refused");
    }

    #[tokio::test]
    async fn what_would_be_refused_is_refused_in_the_same_words() {
        let world = World::new();
        *world.templates.0.lock().unwrap() = vec![template("small", 2, None)];
        let error = rehearse(&world, 3, false).await.unwrap_err().to_string();
        assert_eq!(error, world.request(3).await.unwrap_err().to_string());
    }
}
