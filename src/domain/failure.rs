//! What kind of failure a cloud call ended with, and what follows from the kind.

use serde::{Deserialize, Serialize};

/// The classes of the error taxonomy (`aws-semantics.md` section 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureClass {
    /// The cloud asks to slow down. Nothing was done.
    Throttle,
    /// The cloud failed inside. What it did is not known.
    Server,
    /// The answer did not arrive. What the cloud did is not known.
    Network,
    /// No connection could be made, so nothing was sent this time.
    Unreachable,
    /// The pool has no hosts to give.
    Capacity,
    /// The subnet has no addresses to give.
    SubnetCapacity,
    /// A quota of the account is used up.
    Quota,
    /// One call asked for too much at a time.
    Size,
    /// Credentials are missing, expired or wrong.
    AuthExpired,
    /// Credentials are right and lack the permission.
    AuthDenied,
    /// The parameters are wrong and stay so until the template changes.
    Invalid,
    /// The token was used before with another outcome.
    Idempotency,
    /// What was named is not there (any more).
    Gone,
    /// What was named is in the middle of another change.
    Busy,
    /// The host is protected against termination.
    Protected,
    /// A page token was refused; the sweep starts anew.
    Paging,
    /// A dry run that would have worked.
    DryRun,
    /// A code that nobody has classified.
    Unknown,
}

impl FailureClass {
    /// Every class, for tests and tables.
    pub const ALL: [Self; 18] = [
        Self::Throttle,
        Self::Server,
        Self::Network,
        Self::Unreachable,
        Self::Capacity,
        Self::SubnetCapacity,
        Self::Quota,
        Self::Size,
        Self::AuthExpired,
        Self::AuthDenied,
        Self::Invalid,
        Self::Idempotency,
        Self::Gone,
        Self::Busy,
        Self::Protected,
        Self::Paging,
        Self::DryRun,
        Self::Unknown,
    ];

    /// Returns what a create call that failed like this means for its attempt.
    pub const fn verdict(self) -> AttemptVerdict {
        match self {
            // Expired credentials say nothing about an earlier send of the same token, so the attempt stays open.
            Self::Throttle
            | Self::Server
            | Self::Network
            | Self::Unreachable
            | Self::AuthExpired
            | Self::Idempotency
            | Self::Busy
            | Self::Paging => AttemptVerdict::Open,
            Self::Capacity | Self::SubnetCapacity => AttemptVerdict::NextPool,
            Self::Size => AttemptVerdict::SmallerBatch,
            Self::Quota
            | Self::AuthDenied
            | Self::Invalid
            | Self::Gone
            | Self::Protected
            | Self::DryRun
            | Self::Unknown => AttemptVerdict::Final,
        }
    }

    /// Returns the word shown to people in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Throttle => "throttled",
            Self::Server => "server error",
            Self::Network => "network error",
            Self::Unreachable => "unreachable",
            Self::Capacity => "no capacity",
            Self::SubnetCapacity => "no free addresses",
            Self::Quota => "quota reached",
            Self::Size => "too large",
            Self::AuthExpired => "credentials refused",
            Self::AuthDenied => "not authorised",
            Self::Invalid => "invalid parameters",
            Self::Idempotency => "token used before",
            Self::Gone => "not found",
            Self::Busy => "busy",
            Self::Protected => "protected",
            Self::Paging => "paging failed",
            Self::DryRun => "dry run",
            Self::Unknown => "failed",
        }
    }
}

impl FailureClass {
    /// Returns whether a call that failed like this certainly did nothing. Of an attempt that was never sent before, it
    /// follows that it launched nothing; of one that may have been sent by another process, nothing follows.
    pub const fn proves_nothing_was_done(self) -> bool {
        matches!(self, Self::Unreachable | Self::AuthExpired)
    }
}

/// What follows for an attempt whose create call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptVerdict {
    /// Ask again with the same token; it may have taken effect.
    Open,
    /// Nothing was launched; another pool may have hosts.
    NextPool,
    /// Nothing was launched; fewer at a time may pass.
    SmallerBatch,
    /// Nothing was launched, and asking elsewhere is pointless.
    Final,
}
