//! Exit codes: the only place with numbers.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// The answer is on standard output.
    Done,
    /// It failed; the failure document is on standard output.
    Failed,
    /// The command line of an operator's verb cannot be understood. Never the end of a Host Factory call.
    Usage,
}

impl Exit {
    /// Returns the number that the caller sees (`design.md` 5.4).
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
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
        assert_eq!([Exit::Done, Exit::Failed, Exit::Usage].map(Exit::number), [0, 1, 2]);
    }
}
