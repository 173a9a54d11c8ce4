//! The three status words of a request and the transitions there are.

use serde::{Deserialize, Serialize};

use crate::domain::DomainError;

/// How a request stands (`hostfactory.md` 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Something of it may still change.
    Running,
    /// Settled; at least one host is usable (acquire), or all have ended (return).
    Complete,
    /// Settled with no usable host, or with hosts that could not be ended.
    CompleteWithError,
}

impl RequestStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Running, Self::Complete, Self::CompleteWithError];

    /// Returns the word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::CompleteWithError => "complete_with_error",
        }
    }

    /// Returns whether no part of the request can change any more.
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Running => false,
            Self::Complete | Self::CompleteWithError => true,
        }
    }

    /// Checks that a request in this status can go to `next`.
    ///
    /// # Errors
    /// [`DomainError::InvalidTransition`] when it cannot: a verdict is frozen.
    pub const fn check_transition(self, next: Self) -> Result<(), DomainError> {
        let possible = match self {
            Self::Running => match next {
                Self::Running => false,
                Self::Complete | Self::CompleteWithError => true,
            },
            // Only before anybody was told (`Request::abandon`).
            Self::Complete => match next {
                Self::Running | Self::Complete => false,
                Self::CompleteWithError => true,
            },
            Self::CompleteWithError => match next {
                Self::Running | Self::Complete | Self::CompleteWithError => false,
            },
        };
        if possible {
            Ok(())
        } else {
            Err(DomainError::InvalidTransition { entity: "request", from: self.word(), to: next.word() })
        }
    }
}
