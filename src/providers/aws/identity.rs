//! Whether the credentials belong to the account and region whose hosts the work folder holds (fault 54).
//!
//! A key that was seen before costs nothing; a new one costs one `GetCallerIdentity`. Where nobody answers that, calls go
//! on, and an answer in which no host appears at all is not believed.
//! Invariant: of a key the notes hold a digest of its id, never the id or the secret.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::error::{plain, provider_error};
use super::held::Held;
use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::ports::{Caller, Clock, Notebook};
use crate::domain::notes::{Account, Duty, Notes};
use crate::domain::{Digest, FailureClass};

const OPERATION: &str = "GetCallerIdentity";
/// How long the question may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long nobody asks again where nobody answers, such as on an endpoint without that service.
const PAUSE: Duration = Duration::from_mins(1);

/// How sure it is that the credentials belong to the work folder's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    /// They do.
    Certain,
    /// The account is noted, and nobody says whether it is theirs.
    Doubtful,
    /// Nobody ever said which account there is.
    Unknown,
}

/// How the account stands.
#[derive(Debug, Clone)]
enum Standing {
    /// It was not looked into.
    Open,
    /// Calls may go on.
    Settled(Certainty),
    /// They do not, or there are none.
    Refused(String),
}

/// Who we are to AWS.
pub(super) struct Identity {
    config: SdkConfig,
    credentials: Arc<Held>,
    region: String,
    has_endpoint: bool,
    notebook: Arc<dyn Notebook>,
    clock: Arc<dyn Clock>,
    standing: Mutex<Standing>,
    renewed: AtomicBool,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("region", &self.region).finish_non_exhaustive()
    }
}

fn refused(message: String) -> ProviderError {
    ProviderError::new("checking the account", FailureClass::AuthExpired, message)
}

impl Identity {
    pub(super) fn new(
        config: SdkConfig,
        credentials: Arc<Held>,
        region: String,
        notebook: Arc<dyn Notebook>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let has_endpoint = config.endpoint_url().is_some();
        let (standing, renewed) = (Mutex::new(Standing::Open), AtomicBool::new(false));
        Self { config, credentials, region, has_endpoint, notebook, clock, standing, renewed }
    }

    /// Makes sure that nothing is asked of an account or a region that is not the work folder's. Asks once a process.
    ///
    /// # Errors
    /// Class `AuthExpired`, which says nothing about any host and launches none.
    pub(super) async fn check(&self) -> Result<(), ProviderError> {
        let mut standing = self.standing.lock().await;
        match &*standing {
            Standing::Settled(_) => return Ok(()),
            Standing::Refused(message) => return Err(refused(message.clone())),
            Standing::Open => {}
        }
        let outcome = self.look_into_it().await;
        *standing = match &outcome {
            Ok(certainty) => Standing::Settled(*certainty),
            Err(error) => Standing::Refused(error.message.clone()),
        };
        outcome.map(|_| ())
    }

    /// Returns how sure it is that the account is the work folder's.
    pub(super) async fn certainty(&self) -> Certainty {
        match &*self.standing.lock().await {
            Standing::Settled(certainty) => *certainty,
            Standing::Open | Standing::Refused(_) => Certainty::Unknown,
        }
    }

    /// Looks for other credentials after AWS refused these, once a process. Returns whether there are any; they too have
    /// to belong to the account.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(super) async fn renew(&self) -> Result<bool, ProviderError> {
        if self.renewed.swap(true, Ordering::Relaxed) || !self.credentials.renew().await {
            return Ok(false);
        }
        info!("AWS refused the credentials; others were found");
        *self.standing.lock().await = Standing::Open;
        self.check().await.map(|()| true)
    }

    async fn look_into_it(&self) -> Result<Certainty, ProviderError> {
        let notes = self.notebook.read().await;
        let account = notes.account.as_ref();
        if let Some(account) = account.filter(|account| account.region != self.region) {
            return Err(refused(other_region(account, &self.region)));
        }
        let credentials = self.credentials.get().await?;
        let key = Digest::of(&[credentials.access_key_id()]);
        if account.is_some_and(|account| account.keys.contains(&key)) {
            return Ok(Certainty::Certain);
        }
        let unsure = if account.is_some() { Certainty::Doubtful } else { Certainty::Unknown };
        if !notes.is_due(Duty::Identity, PAUSE, self.clock.now()) {
            return Ok(unsure);
        }
        match self.ask().await {
            Ok(id) => self.note(&id, &key).await.map(|()| Certainty::Certain),
            Err(error) => {
                warn!(%error, "it is not known which account the credentials belong to; calls go on");
                // What passes soon, or is for the next call to complain about, is asked again by the next process.
                let passes = matches!(error.class, FailureClass::Throttle | FailureClass::Server)
                    || (error.class == FailureClass::AuthExpired && !self.has_endpoint);
                if !passes {
                    let now = self.clock.now();
                    let mut edit = |notes: &mut Notes| {
                        notes.take_on(Duty::Identity, Duration::ZERO, now);
                    };
                    self.notebook.edit(&mut edit).await;
                }
                Ok(unsure)
            }
        }
    }

    async fn ask(&self) -> Result<String, ProviderError> {
        self.caller().await.map(|caller| caller.account)
    }

    /// Asks AWS whose the credentials are.
    ///
    /// # Errors
    /// [`ProviderError`] when it does not say.
    pub(super) async fn caller(&self) -> Result<Caller, ProviderError> {
        let time = TIMEOUT.min(Budget::current().for_cloud_call());
        let client = aws_sdk_sts::Client::new(&self.config);
        let answer = tokio::time::timeout(time, client.get_caller_identity().send())
            .await
            .map_err(|_| ProviderError::new(OPERATION, FailureClass::Network, "no answer in time"))?
            .map_err(|error| provider_error(OPERATION, &error))?;
        let id = answer.account().map(str::trim).filter(|id| !id.is_empty() && id.len() <= 64);
        let id = id.filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let account = id
            .map(str::to_owned)
            .ok_or_else(|| ProviderError::new(OPERATION, FailureClass::Unknown, "the answer names no account"))?;
        Ok(Caller { account, name: plain(answer.arn().unwrap_or_default(), 300) })
    }

    /// Notes the account, or that the key belongs to it.
    async fn note(&self, id: &str, key: &Digest) -> Result<(), ProviderError> {
        let mut outcome = Ok(());
        self.notebook
            .edit(&mut |notes| {
                let region = &self.region;
                let new = || Account { id: id.to_owned(), region: region.clone(), keys: Vec::new() };
                let account = notes.account.get_or_insert_with(new);
                if account.region != *region {
                    outcome = Err(refused(other_region(account, region)));
                } else if account.id == id {
                    account.add_key(key.clone());
                } else {
                    outcome = Err(refused(other_account(account, id)));
                }
            })
            .await;
        outcome
    }
}

fn other_region(account: &Account, region: &str) -> String {
    format!(
        "the configuration names region {region}, and the hosts of this work folder are in region {} of account {}; \
         put provider.aws.region back, or {}",
        account.region,
        account.id,
        elsewhere("region")
    )
}

fn other_account(account: &Account, id: &str) -> String {
    format!(
        "the credentials belong to account {id}, and the hosts of this work folder to account {} in region {}; use \
         credentials of account {}, or {}",
        account.id,
        account.region,
        account.id,
        elsewhere("account")
    )
}

fn elsewhere(what: &str) -> String {
    format!(
        "use another work folder; once no host of the old {what} is left, removing data/request_database.notes from this \
         one lets it begin anew"
    )
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
