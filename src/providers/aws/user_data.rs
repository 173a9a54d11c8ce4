//! The boot script on its way into a call.

use crate::application::ProviderError;
use crate::domain::{Digest, FailureClass};

/// The most user data, before base64 (`aws-semantics.md` section 2).
const MOST: usize = 16 * 1024;

fn invalid(operation: &str, text: impl Into<String>) -> ProviderError {
    ProviderError::new(operation, FailureClass::Invalid, text)
}

/// Checks that AWS takes a boot script of this length.
///
/// # Errors
/// Class `Invalid` when it is too long.
pub(super) fn fits(operation: &str, user_data: &str) -> Result<(), ProviderError> {
    if user_data.len() > MOST {
        let size = user_data.len();
        return Err(invalid(operation, format!("the boot script has {size} bytes; AWS takes at most {MOST}")));
    }
    Ok(())
}

/// Checks the boot script against what the request was frozen with, and encodes it.
///
/// # Errors
/// Class `Invalid` when it is another, or too long.
pub(super) fn encoded(
    operation: &str,
    user_data: Option<&str>,
    frozen: Option<&Digest>,
) -> Result<Option<String>, ProviderError> {
    if user_data.map(|text| Digest::of(&[text])).as_ref() != frozen {
        let text =
            "the boot script (userDataScript) is not the one the request was made with; put it back, or ask anew";
        return Err(invalid(operation, text));
    }
    user_data.map(|text| fits(operation, text).map(|()| aws_smithy_types::base64::encode(text))).transpose()
}
