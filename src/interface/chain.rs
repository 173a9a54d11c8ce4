//! Shows an error with all its causes.

use std::error::Error;
use std::fmt;

/// Shows an error and its causes, joined with `: `. A cause whose text its error already ends with is not repeated.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'e>(pub &'e (dyn Error + 'e));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
                last = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::{ApplicationError, StorageError};

    #[test]
    fn every_cause_is_shown_once() {
        let error = ApplicationError::from(StorageError::Unavailable {
            operation: "opening the store".to_owned(),
            source: std::io::Error::other("disk on fire").into(),
        });
        assert_eq!(Chain(&error).to_string(), "the store could not be used: opening the store failed: disk on fire");
    }
}
