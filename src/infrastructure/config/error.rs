//! What is wrong with the configuration, and where.
//!
//! Invariant: no message holds the value of a key that may be a secret.

use std::fmt;
use std::path::PathBuf;

use crate::application::error::Cause;

/// The configuration cannot be used. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// Something that must be set is set nowhere.
    #[error("{key} is not set; looked in {}", looked_in.join(", "))]
    Missing {
        /// What is missing.
        key: String,
        /// Every place where it could have been.
        looked_in: Vec<String>,
    },
    /// A value cannot be used.
    #[error("{key} ({origin}): {reason}")]
    Invalid {
        /// The key at fault, as the operator wrote it.
        key: String,
        /// Where it was written.
        origin: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// A file or folder cannot be read as what it should be.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why, with line and column where there are any.
        #[source]
        source: Cause,
    },
    /// A file cannot be written. It is as it was.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Cause,
    },
}

impl ConfigurationError {
    /// Returns an [`ConfigurationError::Invalid`].
    pub(crate) fn invalid(key: impl Into<String>, origin: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), origin: format!("{origin}"), reason: reason.into() }
    }

    /// Returns an [`ConfigurationError::Unreadable`].
    pub(crate) fn unreadable(path: impl Into<PathBuf>, source: impl Into<Cause>) -> Self {
        Self::Unreadable { path: path.into(), source: source.into() }
    }
}
