//! Exit codes: the only place with numbers.

use std::process::ExitCode;

/// How the process ends. Host Factory calls end as [`Self::Done`] or [`Self::Failed`] and in no other way (`design.md` 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// It is done; the answer is on standard output.
    Done,
    /// It failed, or what was looked at is not as it should be.
    Failed,
    /// The command line of an operator's verb cannot be understood, or lacks a confirmation.
    Usage,
    /// Whoever watched has seen enough (Ctrl-C).
    Interrupted,
}

impl Exit {
    /// Returns the number that the caller sees.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            // As shells number a process that SIGINT ended.
            Self::Interrupted => 130,
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
    use super::*;

    #[test]
    fn the_numbers_are_as_documented() {
        for (exit, number) in [(Exit::Done, 0), (Exit::Failed, 1), (Exit::Usage, 2), (Exit::Interrupted, 130)] {
            assert_eq!(exit.number(), number, "{exit:?}");
        }
    }
}
