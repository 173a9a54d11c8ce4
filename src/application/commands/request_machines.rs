//! Asks for hosts.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::{info, warn};

use crate::application::engine::EngineSource;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{Admission, Changes, Owner};
use crate::application::{ApplicationError, StorageError};
use crate::domain::request::{OverMaximum, Request};
use crate::domain::template::Template;
use crate::domain::{AccountName, DomainError, MachineCount, RequestId, RequestKey, RequestKind, TemplateId};

/// Asks for so many hosts of a template.
#[derive(Debug, Clone)]
pub struct RequestMachines {
    /// The template.
    pub template: TemplateId,
    /// How many hosts.
    pub count: MachineCount,
    /// The account they are charged to.
    pub account: Option<AccountName>,
    /// What tells the caller's repetition of an order from a second order; Host Factory sends none.
    pub key: Option<RequestKey>,
}

impl Message for RequestMachines {
    const NAME: &'static str = "RequestMachines";
    type Output = RequestId;
}

impl Command for RequestMachines {}

/// Carries out [`RequestMachines`].
#[derive(Component)]
#[shaku(interface = Handler<RequestMachines>)]
pub struct RequestMachinesHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
}

impl RequestMachinesHandler {
    /// Returns a handler over `engine`.
    pub fn new(engine: Arc<dyn EngineSource>) -> Self {
        Self { engine }
    }

    /// Commits the request with its first intents, before anything is sent (INV-01), within `maxNumber` (`design.md`
    /// 5.18).
    async fn open(
        &self,
        id: &RequestId,
        command: &RequestMachines,
        template: &Template,
    ) -> Result<(), ApplicationError> {
        let engine = self.engine.engine();
        let installation = engine.installation.id()?;
        let owner = Owner {
            installation: installation.clone(),
            request: id.clone(),
            template: template.id().clone(),
            account: command.account.clone(),
        };
        let mut count = engine.within(template, command.count, engine.store.committed_hosts(template.id()).await?)?;
        let mut plan = engine.fulfilment(template.api())?.prepare(template, &owner).await?;
        plan.tiers = engine.worth_asking(template, &plan.tiers, count).await?;
        loop {
            let now = engine.clock.now();
            let account = command.account.clone();
            let mut request = Request::acquire(id.clone(), template, count, account, plan.clone(), &engine.policy, now);
            request.plan_attempts(&installation, now.into());
            let admission = template.max_number().limit().map(|maximum| Admission {
                template: template.id().clone(),
                adding: count.get(),
                maximum,
            });
            let changes =
                Changes { requests: vec![&mut request], template: Some(template), admission, ..Changes::default() };
            match engine.store.commit(changes, now).await {
                // Another request was faster; there may still be room for a smaller one.
                Err(StorageError::OverMaximum { committed, .. }) => {
                    count = engine.within(template, count, committed)?;
                }
                other => return other.map_err(Into::into),
            }
        }
    }
}

impl RequestMachinesHandler {
    /// Makes the request of this id, or finds the one that an earlier call with the same key has made. Returns whether it
    /// is new.
    async fn open_once(
        &self,
        id: &RequestId,
        command: &RequestMachines,
        template: &Template,
    ) -> Result<bool, ApplicationError> {
        if command.key.is_none() {
            return self.open(id, command, template).await.map(|()| true);
        }
        let engine = self.engine.engine();
        if let Some(request) = engine.store.request(id).await? {
            return self.is_repeated(&request, command).map(|()| false);
        }
        match self.open(id, command, template).await {
            // Another process with the same key was faster.
            Err(ApplicationError::Storage(StorageError::Conflict { id: conflict })) => {
                match engine.store.request(id).await? {
                    Some(request) => self.is_repeated(&request, command).map(|()| false),
                    None => Err(StorageError::Conflict { id: conflict }.into()),
                }
            }
            other => other.map(|()| true),
        }
    }

    /// Refuses a key that stands for another order.
    fn is_repeated(&self, request: &Request, command: &RequestMachines) -> Result<(), ApplicationError> {
        let clips = self.engine.engine().policy.over_maximum == OverMaximum::Clip;
        let Some(first) = request.as_acquire() else { return Ok(()) };
        let same_count = first.wanted == command.count || (clips && first.wanted < command.count);
        // A request that was rebuilt from tags knows neither for sure.
        let rebuilt = first.template_digest.is_none();
        if rebuilt || (first.template_id.as_ref() == Some(&command.template) && same_count) {
            return Ok(());
        }
        let template = first.template_id.as_ref().map_or("an unknown template", TemplateId::as_str);
        let reason = format!(
            "this key stands for an order of {} hosts of {template} already; take a new key for another order",
            first.wanted
        );
        Err(DomainError::BusinessRule { rule: "requestKey", reason }.into())
    }
}

#[async_trait]
impl Handler<RequestMachines> for RequestMachinesHandler {
    async fn handle(&self, command: RequestMachines) -> Result<RequestId, ApplicationError> {
        let engine = self.engine.engine();
        engine.watch().await;
        let id = match &command.key {
            None => engine.ids.request_id(RequestKind::Acquire),
            Some(key) => RequestId::of_key(&engine.installation.id()?, key),
        };
        let template = engine.templates.find(&command.template)?;
        let fresh = self.open_once(&id, &command, &template).await?;
        info!(
            request_id = %id, template_id = %template.id(), requested = command.count.get(), repeated = !fresh,
            "request accepted"
        );
        // The request is durable, so its id is printed whatever comes now, unless it is settled with nothing.
        let report = match engine.launch(&id, fresh).await {
            Ok(report) => report,
            Err(error) => {
                warn!(request_id = %id, %error, "the launch is taken up again by a later call");
                return Ok(id);
            }
        };
        // Settled with nothing, or withdrawn because nothing could be sent: there is no host to wait for.
        let reason = match engine.store.request(&id).await {
            Ok(Some(request)) if request.is_settled() && request.as_acquire().is_none_or(|a| a.claimed() == 0) => {
                request.message().to_owned()
            }
            Ok(None) => "the request was withdrawn".to_owned(),
            Ok(Some(_)) | Err(_) => return Ok(id),
        };
        Err(report.refusal.map_or_else(
            || ApplicationError::NothingLaunched { request_id: id.to_string(), reason },
            ApplicationError::Provider,
        ))
    }
}

#[cfg(test)]
#[path = "request_machines_tests.rs"]
mod tests;
