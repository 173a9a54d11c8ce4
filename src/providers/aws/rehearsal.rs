//! Goes through a launch without sending it: what would be sent is written down, and AWS is left alone, or asked what it
//! would say (`DryRun`, `aws-semantics.md` section 2).
//!
//! Invariants: nothing is created; no note is taken; a boot script is not shown.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;

use super::client::{ClientSource, Clients};
use super::limit::Limiter;
use super::overlay::{Overlay, decoded};
use super::retry::Gate;
use crate::application::ProviderError;
use crate::application::ports::{Acquired, Notebook, Rehearsal, RehearsedCall};
use crate::application::settings::AwsSettings;
use crate::domain::notes::Notes;

/// What AWS answers to a call with `DryRun` that it would carry out.
const WOULD_DO: &str = "DryRunOperation";
/// What the stand-in answers to any call but one.
const NOT_SENT: &str = "NotSent";
/// The members that carry a boot script.
const USER_DATA: &str = "UserData";

/// Goes through a launch that `acquire` makes with the clients it is given. With `check` AWS is asked whether it would carry
/// out the first call.
///
/// # Errors
/// [`ProviderError`] when there are no clients, or the launch fails before anything would be sent.
pub(super) async fn of<F: Future<Output = Result<Acquired, ProviderError>>>(
    source: &dyn ClientSource,
    check: bool,
    acquire: impl Fn(Arc<dyn ClientSource>) -> F,
) -> Result<Rehearsal, ProviderError> {
    let clients = source.clients().await?;
    let stage = Stage::new(clients, source.settings(), Line::Dead);
    let seen = stage.seen.clone();
    let outcome = acquire(Arc::new(stage)).await;
    let calls = seen.calls();
    if calls.is_empty() {
        return outcome.map(|_| Rehearsal::default());
    }
    let verdict = if check {
        // A launch template that is only rehearsed is not there for the call that follows, so the first call tells.
        match acquire(Arc::new(Stage::new(clients, source.settings(), Line::Asking))).await {
            Err(error) if error.code.as_deref() == Some(WOULD_DO) => Some(Ok(())),
            // Auto Scaling knows no DryRun, so it was not asked.
            Err(error) if error.code.as_deref() == Some(NOT_SENT) => None,
            Err(error) => Some(Err(error)),
            Ok(_) => None,
        }
    } else {
        None
    };
    Ok(Rehearsal { calls, verdict })
}

/// Whether what is said reaches AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Dead,
    Asking,
}

/// Clients that create nothing.
struct Stage {
    clients: Clients,
    settings: AwsSettings,
    seen: Seen,
}

impl Stage {
    fn new(clients: &Clients, settings: &AwsSettings, line: Line) -> Self {
        let seen = Seen::default();
        let notebook: Arc<dyn Notebook> = Arc::new(Unwritten(clients.notebook.clone()));
        let stand_in = http_client_fn(|_, _| SharedHttpConnector::new(StandIn));
        let mut ec2 = clients.ec2.config().to_builder().interceptor(seen.clone());
        if line == Line::Asking {
            ec2 = ec2.interceptor(Overlay::adding("DryRun", "true"));
        } else {
            ec2 = ec2.http_client(SharedHttpClient::clone(&stand_in));
        }
        let groups = clients.groups.config().to_builder().interceptor(seen.clone()).http_client(stand_in);
        let limiter = Limiter::new(settings, notebook.clone(), clients.gate.clock.clone());
        let gate = Gate { limiter: Arc::new(limiter), ..clients.gate.clone() };
        let clients = Clients {
            ec2: aws_sdk_ec2::Client::from_conf(ec2.build()),
            groups: aws_sdk_autoscaling::Client::from_conf(groups.build()),
            ssm: clients.ssm.clone(),
            config: clients.config.clone(),
            gate,
            notebook,
        };
        // A call that fails is not to be repeated.
        let settings = AwsSettings { create_retries: 0, describe_retries: 0, ..settings.clone() };
        Self { clients, settings, seen }
    }
}

#[async_trait]
impl ClientSource for Stage {
    async fn clients(&self) -> Result<&Clients, ProviderError> {
        Ok(&self.clients)
    }

    fn settings(&self) -> &AwsSettings {
        &self.settings
    }
}

/// Writes down what would be sent, as it would go over the wire.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<RehearsedCall>>>);

impl Seen {
    fn calls(&self) -> Vec<RehearsedCall> {
        self.0.lock().map(|mut calls| std::mem::take(&mut *calls)).unwrap_or_default()
    }
}

impl Intercept for Seen {
    fn name(&self) -> &'static str {
        "Rehearsal"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut operation = String::new();
        let mut parameters = Vec::new();
        for (name, value) in decoded(context.request().body().bytes().unwrap_or_default()) {
            match name.as_str() {
                "Action" => operation = value,
                "Version" => {}
                _ if name.rsplit('.').next() == Some(USER_DATA) => {
                    parameters.push((name, format!("(boot script, {} characters of base64)", value.len())));
                }
                _ => parameters.push((name, value)),
            }
        }
        if let Ok(mut calls) = self.0.lock() {
            calls.push(RehearsedCall { operation, parameters });
        }
        Ok(())
    }
}

/// Answers in place of AWS: a launch template is there, anything else would have been carried out.
#[derive(Debug)]
struct StandIn;

impl HttpConnector for StandIn {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let action = decoded(request.body().bytes().unwrap_or_default());
        let makes_template = action.iter().any(|(name, value)| name == "Action" && value == "CreateLaunchTemplate");
        let (status, body) = if makes_template {
            (200, "<CreateLaunchTemplateResponse></CreateLaunchTemplateResponse>".to_owned())
        } else {
            // EC2 and Auto Scaling wrap an error each in their own way; each takes what it knows.
            let error = format!("<Error><Code>{NOT_SENT}</Code><Message>a rehearsal</Message></Error>");
            (412, format!("<Response><Errors>{error}</Errors>{error}</Response>"))
        };
        let answer = StatusCode::try_from(status).map(|status| HttpResponse::new(status, SdkBody::from(body)));
        HttpConnectorFuture::ready(
            answer.map_err(|error| aws_smithy_runtime_api::client::result::ConnectorError::other(error.into(), None)),
        )
    }
}

/// Notes that are read and never changed.
struct Unwritten(Arc<dyn Notebook>);

#[async_trait]
impl Notebook for Unwritten {
    async fn read(&self) -> Notes {
        self.0.read().await
    }

    async fn edit(&self, edit: &mut (dyn for<'n> FnMut(&'n mut Notes) + Send)) {
        edit(&mut self.0.read().await);
    }

    fn holder(&self) -> String {
        self.0.holder()
    }
}

impl fmt::Debug for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unwritten")
    }
}
