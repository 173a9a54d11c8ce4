//! The two buses: span, duration and deadline of every use case, once.

use std::time::Instant;

use shaku::{HasComponent, Module};
use tracing::{Instrument, debug, info_span};

use super::ApplicationError;
use super::budget::Budget;
use super::commands::{
    AdoptHosts, CancelRequest, CreateTemplates, DeleteTemplate, DeliverEvents, ImportArchive, MigrateStore, PurgeStore,
    Reconcile, RecoverStore, RefreshInstanceTypes, RequestMachines, ReturnMachines, SyncMachines, SyncRequests,
    TakeMetrics, TakeOver, UpdateTemplate,
};
use super::events::EventDelivery;
use super::message::{Command, Handler, Message, Query};
use super::queries::{
    CheckProviders, CheckSinks, CheckStore, ChooseTypes, DiscoverSite, ExamineTemplates, ExportStore,
    GetAvailableTemplates, GetRequestStatus, GetReturnRequests, ListEvents, ListMachines, ListRequests, ListResources,
    ReadConsole, ReadNotes, RehearseRequest, ReviewTemplates, ShowMachine, ShowRequest, ShowTemplate,
};
use super::reporting::Reporting;

/// The use cases. A composed application that forgets one does not compile.
pub trait Catalogue:
    Module
    + HasComponent<dyn EventDelivery>
    + HasComponent<dyn Reporting>
    + HasComponent<dyn Handler<RequestMachines>>
    + HasComponent<dyn Handler<ReturnMachines>>
    + HasComponent<dyn Handler<SyncRequests>>
    + HasComponent<dyn Handler<SyncMachines>>
    + HasComponent<dyn Handler<Reconcile>>
    + HasComponent<dyn Handler<AdoptHosts>>
    + HasComponent<dyn Handler<CancelRequest>>
    + HasComponent<dyn Handler<RecoverStore>>
    + HasComponent<dyn Handler<PurgeStore>>
    + HasComponent<dyn Handler<RefreshInstanceTypes>>
    + HasComponent<dyn Handler<CreateTemplates>>
    + HasComponent<dyn Handler<UpdateTemplate>>
    + HasComponent<dyn Handler<DeleteTemplate>>
    + HasComponent<dyn Handler<MigrateStore>>
    + HasComponent<dyn Handler<ImportArchive>>
    + HasComponent<dyn Handler<TakeOver>>
    + HasComponent<dyn Handler<TakeMetrics>>
    + HasComponent<dyn Handler<DeliverEvents>>
    + HasComponent<dyn Handler<CheckSinks>>
    + HasComponent<dyn Handler<ReadNotes>>
    + HasComponent<dyn Handler<CheckStore>>
    + HasComponent<dyn Handler<ExportStore>>
    + HasComponent<dyn Handler<GetAvailableTemplates>>
    + HasComponent<dyn Handler<GetRequestStatus>>
    + HasComponent<dyn Handler<GetReturnRequests>>
    + HasComponent<dyn Handler<RehearseRequest>>
    + HasComponent<dyn Handler<ListRequests>>
    + HasComponent<dyn Handler<ListMachines>>
    + HasComponent<dyn Handler<ListEvents>>
    + HasComponent<dyn Handler<ShowRequest>>
    + HasComponent<dyn Handler<ShowMachine>>
    + HasComponent<dyn Handler<ShowTemplate>>
    + HasComponent<dyn Handler<ReviewTemplates>>
    + HasComponent<dyn Handler<ReadConsole>>
    + HasComponent<dyn Handler<ListResources>>
    + HasComponent<dyn Handler<CheckProviders>>
    + HasComponent<dyn Handler<ExamineTemplates>>
    + HasComponent<dyn Handler<DiscoverSite>>
    + HasComponent<dyn Handler<ChooseTypes>>
{
}

/// Takes commands to their handlers, and what they committed to the event handlers.
#[derive(Debug)]
pub struct CommandBus<'m, M> {
    module: &'m M,
    budget: Budget,
}

impl<'m, M: Catalogue> CommandBus<'m, M> {
    /// Returns a bus over the composed application; commands share `budget`.
    pub fn new(module: &'m M, budget: Budget) -> Self {
        Self { module, budget }
    }

    /// Carries out a command, then delivers the events it committed.
    ///
    /// # Errors
    /// What the handler answers, or [`ApplicationError::DeadlineExceeded`].
    pub async fn dispatch<C>(&self, command: C) -> Result<C::Output, ApplicationError>
    where
        C: Command,
        M: HasComponent<dyn Handler<C>>,
    {
        let handler: &dyn Handler<C> = self.module.resolve_ref();
        let answer = run(handler, command, self.budget).await;
        let delivery: &dyn EventDelivery = self.module.resolve_ref();
        delivery.deliver().await;
        answer
    }

    /// Returns whether there is anything to do once the answer is out.
    pub fn has_conclusion(&self) -> bool {
        let reporting: &dyn Reporting = self.module.resolve_ref();
        reporting.is_due()
    }

    /// Does what comes after the answer.
    pub async fn conclude(&self) {
        let reporting: &dyn Reporting = self.module.resolve_ref();
        reporting.conclude(self.budget).instrument(info_span!("conclusion")).await;
    }
}

/// Takes queries to their handlers.
#[derive(Debug)]
pub struct QueryBus<'m, M> {
    module: &'m M,
    budget: Budget,
}

impl<'m, M: Catalogue> QueryBus<'m, M> {
    /// Returns a bus over the composed application; queries share `budget`.
    pub fn new(module: &'m M, budget: Budget) -> Self {
        Self { module, budget }
    }

    /// Answers a query.
    ///
    /// # Errors
    /// What the handler answers, or [`ApplicationError::DeadlineExceeded`].
    pub async fn ask<Q>(&self, query: Q) -> Result<Q::Output, ApplicationError>
    where
        Q: Query,
        M: HasComponent<dyn Handler<Q>>,
    {
        run(self.module.resolve_ref() as &dyn Handler<Q>, query, self.budget).await
    }

    /// Answers a query whose handler never waits, without a runtime.
    ///
    /// # Errors
    /// What the handler answers; [`ApplicationError::DeadlineExceeded`] when it waits after all.
    pub fn ask_now<Q>(&self, query: Q) -> Result<Q::Output, ApplicationError>
    where
        Q: Query,
        M: HasComponent<dyn Handler<Q>>,
    {
        let handler: &dyn Handler<Q> = self.module.resolve_ref();
        let _span = info_span!("query", use_case = Q::NAME).entered();
        let mut answer = handler.handle(query);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match answer.as_mut().poll(&mut context) {
            std::task::Poll::Ready(answer) => answer,
            std::task::Poll::Pending => Err(ApplicationError::DeadlineExceeded { after: std::time::Duration::ZERO }),
        }
    }
}

async fn run<M: Message>(handler: &dyn Handler<M>, message: M, budget: Budget) -> Result<M::Output, ApplicationError> {
    let started = Instant::now();
    let work = async {
        let answer = tokio::time::timeout(budget.left(), budget.scope(handler.handle(message)))
            .await
            .unwrap_or_else(|_| Err(ApplicationError::DeadlineExceeded { after: budget.hard_limit() }));
        debug!(micros = started.elapsed().as_micros(), ok = answer.is_ok(), "handled");
        answer
    };
    work.instrument(info_span!("message", use_case = M::NAME)).await
}
