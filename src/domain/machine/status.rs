//! The life of a host in EC2's words, and the transitions there are.

use serde::{Deserialize, Serialize};

use crate::domain::DomainError;

/// What a host is doing (EC2 instance states; `aws-semantics.md` section 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineStatus {
    /// It starts.
    Pending,
    /// It runs.
    Running,
    /// It goes to sleep.
    Stopping,
    /// It sleeps, and still costs storage.
    Stopped,
    /// It ends.
    ShuttingDown,
    /// It has ended.
    Terminated,
}

impl MachineStatus {
    /// Every status, in the order in which a life goes.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Stopping, Self::Stopped, Self::ShuttingDown, Self::Terminated];

    /// Returns the word on the wire (`status` of a machine).
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    /// Returns whether a host in this status can go to `next`. States only move forward: an older view of a host
    /// never overwrites a newer one.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => match next {
                Self::Pending => false,
                Self::Running | Self::Stopping | Self::Stopped | Self::ShuttingDown | Self::Terminated => true,
            },
            Self::Running => match next {
                Self::Pending | Self::Running => false,
                Self::Stopping | Self::Stopped | Self::ShuttingDown | Self::Terminated => true,
            },
            Self::Stopping => match next {
                Self::Pending | Self::Running | Self::Stopping => false,
                Self::Stopped | Self::ShuttingDown | Self::Terminated => true,
            },
            Self::Stopped => match next {
                Self::Pending | Self::Running | Self::Stopping | Self::Stopped => false,
                Self::ShuttingDown | Self::Terminated => true,
            },
            Self::ShuttingDown => match next {
                Self::Pending | Self::Running | Self::Stopping | Self::Stopped | Self::ShuttingDown => false,
                Self::Terminated => true,
            },
            Self::Terminated => match next {
                Self::Pending
                | Self::Running
                | Self::Stopping
                | Self::Stopped
                | Self::ShuttingDown
                | Self::Terminated => false,
            },
        }
    }

    /// Checks that a host in this status can go to `next`.
    ///
    /// # Errors
    /// [`DomainError::InvalidTransition`] when it cannot.
    pub const fn check_transition(self, next: Self) -> Result<(), DomainError> {
        if self.may_become(next) {
            Ok(())
        } else {
            Err(DomainError::InvalidTransition { entity: "machine", from: self.word(), to: next.word() })
        }
    }

    /// Returns whether the host is still there to be paid for.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Pending | Self::Running | Self::Stopping | Self::Stopped => true,
            Self::ShuttingDown | Self::Terminated => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_status_leads_back() {
        for from in MachineStatus::ALL {
            for to in MachineStatus::ALL {
                assert_eq!(from.may_become(to), from < to, "{from:?} -> {to:?}");
                assert_eq!(from.check_transition(to).is_ok(), from < to);
            }
        }
    }
}
