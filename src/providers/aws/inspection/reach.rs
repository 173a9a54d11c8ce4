//! Whether AWS answers: who we are to it, how long one harmless call takes, and what its clock shows.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

use crate::application::ProviderError;
use crate::application::ports::{Probe, Reach};
use crate::domain::Timestamp;
use crate::providers::aws::client::{ClientSource, Clients};
use crate::providers::aws::error::provider_error;
use crate::providers::aws::retry::{self, Policy};
use crate::providers::aws::sighting;

const PROBE: &str = "DescribeInstances";
/// The smallest page that EC2 gives.
const PAGE: i32 = 5;

/// Asks who we are, and times one call.
pub(super) async fn of(source: &dyn ClientSource) -> Reach {
    let clients = match source.clients().await {
        Ok(clients) => clients,
        Err(error) => return Reach { caller: Err(error), probe: None },
    };
    let caller = clients.gate.identity.caller().await;
    let probe = probe(clients, Policy::describes(source.settings()).once()).await;
    Reach { caller, probe: Some(probe) }
}

async fn probe(clients: &Clients, policy: Policy) -> Result<Probe, ProviderError> {
    let date = AnswerDate::default();
    let took = retry::send(&clients.gate, PROBE, policy, || async {
        let began = Instant::now();
        let call = clients.ec2.describe_instances().max_results(PAGE).customize().interceptor(date.clone());
        call.send().await.map_err(|error| provider_error(PROBE, &error))?;
        Ok(began.elapsed())
    })
    .await?;
    Ok(Probe { operation: PROBE, took, their_clock: date.timestamp(), our_clock: clients.gate.clock.now() })
}

/// Keeps the date of an answer.
#[derive(Debug, Clone, Default)]
struct AnswerDate(Arc<Mutex<Option<DateTime>>>);

impl AnswerDate {
    fn timestamp(&self) -> Option<Timestamp> {
        self.0.lock().ok()?.as_ref().and_then(sighting::timestamp)
    }
}

impl Intercept for AnswerDate {
    fn name(&self) -> &'static str {
        "AnswerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Ok(mut kept) = self.0.lock() {
            *kept = date;
        }
        Ok(())
    }
}
