//! What goes wrong in a use case and in the ports behind it.
//!
//! `Display` never prints its source; [`crate::interface`] prints the whole chain once.

use std::time::Duration;

use crate::domain::{DomainError, FailureClass, MachineId};

/// A boxed cause from an adapter.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The store did not do what was asked of it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A stored version differs from the loaded one: another process was faster.
    #[error("{id} was changed by another process")]
    Conflict {
        /// What was changed.
        id: String,
    },
    /// The commit would bring a template over its `maxNumber`.
    #[error("{committed} of at most {maximum} hosts are taken")]
    OverMaximum {
        /// Hosts that live or are on order.
        committed: u32,
        /// The template's limit.
        maximum: u32,
    },
    /// Another process holds the store for too long.
    #[error("{resource} is held by another process (waited {} ms)", waited.as_millis())]
    Busy {
        /// What is held.
        resource: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The store cannot be read as what it should be. It is left as it is.
    #[error("{what}: {advice}")]
    Corrupt {
        /// What was found, where.
        what: String,
        /// What to do about it.
        advice: String,
    },
    /// The file system or the database refused.
    #[error("{operation} failed")]
    Unavailable {
        /// What was being done, to what.
        operation: String,
        /// Why.
        #[source]
        source: Cause,
    },
}

/// A cloud call failed. The failure says nothing about any host.
#[derive(Debug, thiserror::Error)]
#[error("{}: {operation} failed. {}{message}", class.word(), code_phrase(code.as_deref()))]
pub struct ProviderError {
    /// The call, in the cloud's own name for it.
    pub operation: String,
    /// The kind of failure.
    pub class: FailureClass,
    /// The cloud's error code. Shown as `Error Code: <code>`, which LSF looks for (`hostfactory.md` 1.2).
    pub code: Option<String>,
    /// The explanation, secrets masked.
    pub message: String,
    /// The cause in the adapter, where there is one.
    #[source]
    pub source: Option<Cause>,
}

fn code_phrase(code: Option<&str>) -> String {
    code.map(|code| format!("Error Code: {code}. ")).unwrap_or_default()
}

impl ProviderError {
    /// Returns an error without a code or a cause.
    pub fn new(operation: impl Into<String>, class: FailureClass, message: impl Into<String>) -> Self {
        Self { operation: operation.into(), class, code: None, message: message.into(), source: None }
    }

    /// Returns whether the credentials are at fault, so that no call at all can succeed.
    pub fn is_auth(&self) -> bool {
        matches!(self.class, FailureClass::AuthExpired | FailureClass::AuthDenied)
    }
}

/// Templates could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The file is missing, unreadable or not of the form it should have.
    #[error("{what}: {advice}")]
    Unreadable {
        /// What was found, where.
        what: String,
        /// What to do about it.
        advice: String,
    },
    /// The template is there and was refused when it was read.
    #[error("template {id} cannot be used: {reason}")]
    Refused {
        /// The template.
        id: String,
        /// Why.
        reason: String,
    },
    /// No template has this id.
    #[error("the template does not exist: {id}; {advice}")]
    Unknown {
        /// The id that was asked for.
        id: String,
        /// What there is instead.
        advice: String,
    },
    /// A template or the template file was to be written, and was not. It is as it was.
    #[error("{what} is not written: {reason}")]
    NotWritten {
        /// What was to be written.
        what: String,
        /// Why it was not.
        reason: String,
    },
}

/// A use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicationError {
    /// A rule of the domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// The templates.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The store.
    #[error("the store could not be used: {0}")]
    Storage(#[from] StorageError),
    /// The cloud.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The time for the call is used up.
    #[error("the call took longer than its {} seconds; ask again", after.as_secs())]
    DeadlineExceeded {
        /// The time that there was.
        after: Duration,
    },
    /// Every attempt failed for good and no host was launched; the request is settled.
    #[error("no host could be launched for {request_id}: {reason}")]
    NothingLaunched {
        /// The request.
        request_id: String,
        /// Why.
        reason: String,
    },
    /// A way to get hosts that this binary does not have.
    #[error("this binary has no provider for {api}; {advice}")]
    NoProvider {
        /// The way that was asked for.
        api: String,
        /// What to do about it.
        advice: String,
    },
}

impl ApplicationError {
    /// Returns the error of a binary that has no provider for `what`.
    pub(crate) fn no_provider(what: &impl ToString) -> Self {
        let advice = "build it with that provider, or set provider.type to one that it has".to_owned();
        Self::NoProvider { api: what.to_string(), advice }
    }
}

/// A host that could not be ended, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEnded {
    /// The host.
    pub id: MachineId,
    /// The kind of failure.
    pub class: FailureClass,
    /// Why, with the cloud's code.
    pub reason: String,
}
