//! Exit codes: the only place with numbers.

use std::process::ExitCode;

use crate::application::{ApplicationError, StorageError};

/// How the process ends. Host Factory calls end as [`Self::Done`] or [`Self::Failed`] and in no other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// The answer is on standard output.
    Done,
    /// It failed; the failure document is on standard output.
    Failed,
    /// The command line of an operator's verb cannot be understood.
    Usage,
    /// What was asked for breaks a rule.
    BadInput,
    /// The cloud did not do it.
    Provider,
    /// A fault of this program.
    Bug,
    /// The store is damaged or cannot be used.
    Storage,
    /// Another process is at it, or the time was up: the same again may work.
    Again,
    /// The configuration or the templates cannot be used.
    Configuration,
}

impl Exit {
    /// Returns the number that the caller sees: 0 to 2, else as `sysexits.h` has them (`docs/storage.md`).
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::BadInput => 65,
            Self::Provider => 69,
            Self::Bug => 70,
            Self::Storage => 74,
            Self::Again => 75,
            Self::Configuration => 78,
        }
    }

    /// Returns how an operator's verb ends over `error`.
    pub(super) const fn over(error: &ApplicationError) -> Self {
        match error {
            ApplicationError::Domain(_) | ApplicationError::Storage(StorageError::OverMaximum { .. }) => Self::BadInput,
            ApplicationError::Catalogue(_) | ApplicationError::NoProvider { .. } => Self::Configuration,
            ApplicationError::Storage(StorageError::Busy { .. } | StorageError::Conflict { .. })
            | ApplicationError::DeadlineExceeded { .. } => Self::Again,
            ApplicationError::Storage(StorageError::Corrupt { .. } | StorageError::Unavailable { .. }) => Self::Storage,
            ApplicationError::Provider(_) | ApplicationError::NothingLaunched { .. } => Self::Provider,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::{CatalogueError, ProviderError};
    use crate::domain::{DomainError, FailureClass};

    #[test]
    fn the_numbers_are_as_documented() {
        let all = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::BadInput, 65),
            (Exit::Provider, 69),
            (Exit::Bug, 70),
            (Exit::Storage, 74),
            (Exit::Again, 75),
            (Exit::Configuration, 78),
        ];
        for (exit, number) in all {
            assert_eq!(exit.number(), number, "{exit:?}");
        }
    }

    #[test]
    fn every_error_has_its_number() {
        let text = || "x".to_owned();
        let storage = |error| ApplicationError::Storage(error);
        for (error, number) in [
            (ApplicationError::Domain(DomainError::validation("a", "b")), 65),
            (storage(StorageError::OverMaximum { committed: 1, maximum: 1 }), 65),
            (ProviderError::new("x", FailureClass::Throttle, "y").into(), 69),
            (ApplicationError::NothingLaunched { request_id: text(), reason: text() }, 69),
            (storage(StorageError::Corrupt { what: text(), advice: text() }), 74),
            (storage(StorageError::Unavailable { operation: text(), source: "x".into() }), 74),
            (storage(StorageError::Busy { resource: text(), waited: Duration::ZERO }), 75),
            (storage(StorageError::Conflict { id: text() }), 75),
            (ApplicationError::DeadlineExceeded { after: Duration::ZERO }, 75),
            (CatalogueError::Unreadable { what: text(), advice: text() }.into(), 78),
            (ApplicationError::NoProvider { api: text(), advice: text() }, 78),
        ] {
            assert_eq!(Exit::over(&error).number(), number, "{error}");
        }
    }
}
