//! What an operator's verb works with: the composed application, the screen, and somebody to ask.

use std::panic::{self, AssertUnwindSafe};

use tokio::runtime::Builder;

use super::exit::Exit;
use super::output;
use super::screen::Screen;
use super::{Composition, StartError, StartOptions, Started};
use crate::application::ApplicationError;
use crate::application::budget::Budget;
use crate::application::bus::{Catalogue, CommandBus, QueryBus};
use crate::domain::DomainError;
use crate::interface::hostfactory::Failure;

/// The failure of an operator's verb, and how the process ends over it.
#[derive(Debug)]
pub(super) struct Ended {
    /// How the process ends.
    pub(super) exit: Exit,
    /// Why.
    pub(super) failure: Failure,
}

impl Ended {
    /// Returns a failure of what was tried.
    pub(super) fn failed(failure: Failure) -> Self {
        Self { exit: Exit::Failed, failure }
    }

    /// Returns a refusal of what the command line asks for.
    pub(super) fn usage(text: &str) -> Self {
        Self { exit: Exit::Usage, failure: Failure::new(text) }
    }
}

impl From<StartError> for Ended {
    fn from(error: StartError) -> Self {
        Self::failed(error.into())
    }
}

impl From<ApplicationError> for Ended {
    fn from(error: ApplicationError) -> Self {
        Self::failed(error.into())
    }
}

impl From<DomainError> for Ended {
    fn from(error: DomainError) -> Self {
        Self::failed(error.into())
    }
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        Self::failed(Failure::new(&format!("the answer could not be written to standard output: {error}")))
    }
}

/// Where an operator's verb is carried out.
#[derive(Debug)]
pub(super) struct Desk<'a, C> {
    /// The composition root.
    pub(super) composition: &'a C,
    /// Where the installation lies.
    pub(super) options: &'a StartOptions,
    /// How answers are shown.
    pub(super) screen: Screen,
}

impl<'a, C: Composition> Desk<'a, C> {
    /// Returns a desk over these.
    pub(super) fn new(composition: &'a C, options: &'a StartOptions, screen: Screen) -> Self {
        Self { composition, options, screen }
    }

    /// Composes the application; from here on there is a log.
    pub(super) fn start(&self) -> Result<Started<C::Module>, Ended> {
        let started = self.composition.start(self.options)?;
        if let Some(hint) = &started.hint {
            output::hint(hint);
        }
        Ok(started)
    }

    /// Has somebody agree to what cannot be taken back, unless the command line does (`yes`).
    ///
    /// # Errors
    /// When nobody agrees, or nobody can be asked. `what` says what would be done: "returns 3 hosts".
    pub(super) fn confirm(&self, what: &str, yes: bool) -> Result<(), Ended> {
        if yes {
            return Ok(());
        }
        if !self.screen.terminal.asks {
            return Err(Ended::usage(&format!("this {what}; add --yes to do it, since nobody can be asked here")));
        }
        let answer = output::ask(&format!("This {what}. Go on? [y/N]")).unwrap_or_default();
        if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        Err(Ended::failed(Failure::new("not confirmed; nothing was done")))
    }
}

/// The composed application, with the time that one round of work has.
#[derive(Debug)]
pub(super) struct App<'m, M> {
    module: &'m M,
    budget: Budget,
}

impl<M> Clone for App<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for App<'_, M> {}

impl<'m, M: Catalogue> App<'m, M> {
    /// Returns the application with the time that the process has.
    pub(super) fn of(started: &'m Started<M>) -> Self {
        Self { module: &started.module, budget: started.budget }
    }

    /// Returns the same application with its whole time before it, for the next round of something that goes on.
    pub(super) fn anew(self) -> Self {
        Self { budget: self.budget.anew(), ..self }
    }

    /// Returns the bus for commands.
    pub(super) fn commands(self) -> CommandBus<'m, M> {
        CommandBus::new(self.module, self.budget)
    }

    /// Returns the bus for queries.
    pub(super) fn queries(self) -> QueryBus<'m, M> {
        QueryBus::new(self.module, self.budget)
    }
}

/// Runs one call to its end, then leaves without waiting for blocking threads.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(&format!("the runtime could not be built: {error}")))?;
    // A panic must not wait for blocking threads either, so it is held up until they are let go.
    let answer = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(Box::pin(work))));
    runtime.shutdown_background();
    Ok(answer.unwrap_or_else(|panic| panic::resume_unwind(panic)))
}
