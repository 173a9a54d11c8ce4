//! Messages and who handles them.

use std::fmt;

use async_trait::async_trait;
use shaku::Interface;

use super::ApplicationError;

/// What a use case is asked, in domain types that are already parsed.
pub trait Message: fmt::Debug + Send + 'static {
    /// The name of the use case, for spans and logs.
    const NAME: &'static str;
    /// What it answers.
    type Output: Send;
}

/// Changes state.
pub trait Command: Message {}

/// Changes nothing.
pub trait Query: Message {}

/// Carries out one use case.
#[async_trait]
pub trait Handler<M: Message>: Interface {
    /// Carries out `message`.
    ///
    /// # Errors
    /// [`ApplicationError`], with nothing half done that a later call could not pick up.
    async fn handle(&self, message: M) -> Result<M::Output, ApplicationError>;
}
