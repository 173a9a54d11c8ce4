//! The five calls, from a message to the answer on the wire.

use std::time::Duration;

use tracing::warn;

use super::failure::Failure;
use super::reader::{Asked, HeldHosts};
use super::writer::{self, Answer};
use super::{Chain, status};
use crate::application::ApplicationError;
use crate::application::budget::Budget;
use crate::application::bus::{Catalogue, CommandBus, QueryBus};
use crate::application::commands::{Reconcile, RequestMachines, ReturnMachines, SyncMachines};
use crate::application::queries::{GetAvailableTemplates, GetReturnRequests};
use crate::domain::RequestId;

/// The time that an answer from the store is granted when the cloud has used up the call's own.
const TO_ANSWER: Duration = Duration::from_secs(2);

/// Host Factory's calls on a composed application.
#[derive(Debug)]
pub struct Calls<'m, M> {
    module: &'m M,
    budget: Budget,
}

impl<'m, M: Catalogue> Calls<'m, M> {
    /// Returns the calls on `module`; all of them share `budget`.
    pub fn new(module: &'m M, budget: Budget) -> Self {
        Self { module, budget }
    }

    pub(super) fn commands(&self) -> CommandBus<'m, M> {
        CommandBus::new(self.module, self.budget)
    }

    /// Returns the bus for an answer from the store, which is owed even when the time is used up.
    pub(super) fn queries(&self) -> QueryBus<'m, M> {
        let budget =
            if self.budget.left() < TO_ANSWER { Budget::starting_now(Duration::ZERO, TO_ANSWER) } else { self.budget };
        QueryBus::new(self.module, budget)
    }

    /// Answers getAvailableTemplates, without a runtime. Templates that were refused go to the log.
    ///
    /// # Errors
    /// [`Failure`] when there is no template to use; an empty answer would make Host Factory forget its hosts.
    pub fn available_templates(&self) -> Result<Answer, Failure> {
        let listing = self.queries().ask_now(GetAvailableTemplates)?;
        for refused in &listing.refused {
            warn!(template_id = %refused.id, reason = %refused.reason, "a template cannot be used");
        }
        if listing.templates.is_empty() {
            return Err(Failure::new("no template can be used; the log says why"));
        }
        Ok(writer::templates(&listing))
    }

    /// Answers requestMachines.
    ///
    /// # Errors
    /// [`Failure`] when nothing was launched.
    pub async fn request_machines(&self, order: RequestMachines) -> Result<Answer, Failure> {
        let id = self.commands().dispatch(order).await?;
        self.reconcile_in_passing(std::slice::from_ref(&id)).await;
        Ok(writer::requested(&id))
    }

    /// Answers requestReturnMachines.
    ///
    /// # Errors
    /// [`Failure`] when the return could not be written down.
    pub async fn return_machines(&self, order: ReturnMachines) -> Result<Answer, Failure> {
        let accepted = self.commands().dispatch(order).await?;
        self.reconcile_in_passing(std::slice::from_ref(&accepted.id)).await;
        Ok(writer::returned(&accepted))
    }

    /// Answers getRequestStatus: one entry for each id, in order.
    ///
    /// # Errors
    /// [`Failure`] when the store cannot be used, or the credentials are refused.
    pub async fn request_status(&self, asked: Vec<Asked>) -> Result<Answer, Failure> {
        status::answer(self, asked).await
    }

    /// Answers getReturnRequests from stored facts, which are brought up to date where the cloud answers.
    ///
    /// # Errors
    /// [`Failure`] when the store cannot be used.
    pub async fn return_requests(&self, held: HeldHosts) -> Result<Answer, Failure> {
        for error in &held.problems {
            warn!(%error, skipped = held.skipped, "a host that Host Factory holds cannot be read and is left out");
        }
        let hosts = held.hosts;
        if hosts.is_empty() {
            self.reconcile_in_passing(&[]).await;
            return Ok(writer::to_return(Vec::new()));
        }
        match self.commands().dispatch(SyncMachines { hosts: hosts.clone() }).await {
            Ok(()) => {}
            Err(error @ ApplicationError::Storage(_)) => return Err(error.into()),
            // A cloud that cannot be asked adds nothing to what is known.
            Err(error) => warn!(error = %Chain(&error), "hosts could not be looked at; answering what is known"),
        }
        self.reconcile_in_passing(&[]).await;
        Ok(writer::to_return(self.queries().ask(GetReturnRequests { hosts }).await?))
    }

    /// Does what is due of the work that no call asks for. It changes nothing about the answer but what it finds out in
    /// time for it. The call has seen to the requests in `except`.
    pub(super) async fn reconcile_in_passing(&self, except: &[RequestId]) {
        let command = Reconcile::InPassing { except: except.to_vec() };
        if let Err(error) = self.commands().dispatch(command).await {
            warn!(error = %Chain(&error), "what was due beside this call could not be done");
        }
    }
}
