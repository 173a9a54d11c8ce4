//! The answer of a call that failed.

use std::error::Error;

use serde::Serialize;

use super::document::DocumentError;
use super::writer::tidy;
use crate::application::ApplicationError;
use crate::domain::DomainError;
use crate::interface::chain::Chain;

/// The document of a call that failed: `{"message": …}`, with the cloud's error code where there is one. It never names
/// a request (`hostfactory.md` 1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
}

impl Failure {
    /// Returns a failure for people: on one line, not too long, never empty.
    pub fn new(message: &str) -> Self {
        let message = tidy(message);
        Self {
            message: if message.trim().is_empty() { "the call failed".to_owned() } else { message },
            error_code: None,
        }
    }

    /// Returns the text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the cloud's error code, if there is one.
    pub fn error_code(&self) -> Option<&str> {
        self.error_code.as_deref()
    }

    fn of(error: &dyn Error) -> Self {
        Self::new(&Chain(error).to_string())
    }
}

impl From<ApplicationError> for Failure {
    fn from(error: ApplicationError) -> Self {
        let code = match &error {
            ApplicationError::Provider(error) => error.code.as_deref().map(tidy).filter(|code| !code.is_empty()),
            _ => None,
        };
        Self { error_code: code, ..Self::of(&error) }
    }
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Self {
        Self::of(&error)
    }
}

impl From<DomainError> for Failure {
    fn from(error: DomainError) -> Self {
        Self::of(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ProviderError;
    use crate::domain::FailureClass;

    #[test]
    fn a_message_is_one_short_line_and_never_empty() {
        assert_eq!(Failure::new(" \n").message(), r" \n");
        assert_eq!(Failure::new("").message(), "the call failed");
        assert_eq!(Failure::new("a\r\n\u{1b}[2Jb\0").message(), r"a\r\n\u{1b}[2Jb\0");
        assert!(Failure::new(&"é".repeat(10_000)).message().chars().count() <= 2000);
        assert!(Failure::new(&"\u{1b}".repeat(10_000)).message().chars().count() <= 2000);
    }

    #[test]
    fn the_clouds_code_is_in_the_text_and_beside_it() {
        let mut error = ProviderError::new("RunInstances", FailureClass::AuthDenied, "not you");
        error.code = Some("UnauthorizedOperation".to_owned());
        let failure = Failure::from(ApplicationError::from(error));
        assert_eq!(failure.error_code(), Some("UnauthorizedOperation"));
        assert!(failure.message().contains("Error Code: UnauthorizedOperation"), "{}", failure.message());
    }
}
