//! The credentials of this process: looked for once, kept in memory, looked for again when they end.
//!
//! Invariants: neither the log nor `Debug` shows them; a search that failed is not begun again (INV-10: off EC2 it takes
//! seconds).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::Mutex;

use super::error::credentials_error;
use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::ports::Clock;

/// How long finding credentials may take. Off EC2 the host's metadata service does not answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Credentials that end sooner are not used any more.
const MARGIN: Duration = Duration::from_secs(10);
const OPERATION: &str = "finding credentials";

enum State {
    Unasked,
    Have(Credentials),
    Failed(String),
}

/// The credentials of this process.
pub(super) struct Held {
    inner: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl Held {
    pub(super) fn new(inner: SharedCredentialsProvider, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, state: Mutex::new(State::Unasked) }
    }

    /// Returns the credentials.
    ///
    /// # Errors
    /// Class `AuthExpired` when there are none.
    pub(super) async fn get(&self) -> Result<Credentials, ProviderError> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Have(credentials) if self.lasts(credentials) => return Ok(credentials.clone()),
            State::Failed(message) => return Err(refused(message.clone())),
            State::Have(_) | State::Unasked => {}
        }
        let found = self.look().await;
        *state = match &found {
            Ok(credentials) => State::Have(credentials.clone()),
            Err(error) => State::Failed(error.message.clone()),
        };
        found
    }

    /// Looks for credentials once more. Returns whether there are others now; where there are not, the former ones stay.
    pub(super) async fn renew(&self) -> bool {
        let mut state = self.state.lock().await;
        let Ok(found) = self.look().await else { return false };
        let others = !matches!(&*state, State::Have(former) if is_same(former, &found));
        *state = State::Have(found);
        others
    }

    async fn look(&self) -> Result<Credentials, ProviderError> {
        let time = TIMEOUT.min(Budget::current().for_cloud_call());
        let found = tokio::time::timeout(time, self.inner.provide_credentials())
            .await
            .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(time)));
        found.map_err(|error| credentials_error(OPERATION, &error))
    }

    fn lasts(&self, credentials: &Credentials) -> bool {
        let now = u64::try_from(self.clock.now().as_millis()).unwrap_or(0);
        let now: SystemTime = UNIX_EPOCH + Duration::from_millis(now);
        credentials.expiry().is_none_or(|end| end > now + MARGIN)
    }
}

fn refused(message: String) -> ProviderError {
    ProviderError::new(OPERATION, crate::domain::FailureClass::AuthExpired, message)
}

fn is_same(one: &Credentials, other: &Credentials) -> bool {
    one.access_key_id() == other.access_key_id()
        && one.secret_access_key() == other.secret_access_key()
        && one.session_token() == other.session_token()
}

impl ProvideCredentials for Held {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.get().await.map_err(|error| CredentialsError::provider_error(error.message))
        })
    }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
