//! What an order of hosts would send.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::engine::EngineSource;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Launch, Owner, RehearsedCall};
use crate::application::{ApplicationError, ProviderError};
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
    /// Where would not be asked now, since it lacked capacity a moment ago.
    pub left_out: Vec<Pool>,
    /// The calls in their order. What follows from the answers is not among them.
    pub calls: Vec<RehearsedCall>,
    /// What the cloud says to the first call, where it was asked.
    pub verdict: Option<Result<(), ProviderError>>,
}

/// Goes through the same steps as an order, and commits nothing.
#[derive(Component)]
#[shaku(interface = Handler<RehearseRequest>)]
pub struct RehearseRequestHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
}

impl RehearseRequestHandler {
    /// Returns a handler over `engine`.
    pub fn new(engine: Arc<dyn EngineSource>) -> Self {
        Self { engine }
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
        let all = std::mem::take(&mut plan.tiers);
        plan.tiers = engine.worth_asking(&template, &all, count).await?;
        let asked = |pool: &Pool| plan.tiers.iter().flatten().any(|asked| asked == pool);
        let left_out = all.into_iter().flatten().filter(|pool| !asked(pool)).collect();
        let pools = plan.tiers.clone();
        let now = engine.clock.now();
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
        Ok(RehearsedRequest { template, count, pools, left_out, calls, verdict })
    }
}
