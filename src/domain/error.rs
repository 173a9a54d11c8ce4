//! What the domain refuses, and why.

/// A rule of the domain that was not met. Messages are fragments without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DomainError {
    /// A value that does not have the form its type demands.
    #[error("{field}: {reason}")]
    Validation {
        /// The key or value that is at fault, as the operator knows it.
        field: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// Something that was named does not exist.
    #[error("the {entity} does not exist: {id}")]
    NotFound {
        /// What kind of thing was looked for.
        entity: &'static str,
        /// The id it was looked for by.
        id: String,
    },
    /// A state change that the transition table does not have.
    #[error("{entity} cannot go from {from} to {to}")]
    InvalidTransition {
        /// The aggregate that refused.
        entity: &'static str,
        /// The state it is in.
        from: &'static str,
        /// The state that was asked for.
        to: &'static str,
    },
    /// A rule over several values, such as `maxNumber`.
    #[error("{rule}: {reason}")]
    BusinessRule {
        /// The rule's name.
        rule: &'static str,
        /// Why it is not met, with the figures.
        reason: String,
    },
}

impl DomainError {
    /// Returns a [`DomainError::Validation`] for `field`.
    pub fn validation(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Validation { field: field.into(), reason: reason.into() }
    }
}
