//! Lays the operator's own members over a call in the form in which it goes to AWS.
//!
//! Invariant: the same document and call make the same bytes, so that a replay is a replay.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;

use crate::domain::template::NativeRequest;

/// Changes a call of the Query protocol before it is signed.
#[derive(Debug, Clone)]
pub(super) struct Overlay(pub(super) NativeRequest);

impl Overlay {
    /// Returns one that adds a single member.
    pub(super) fn adding(name: &str, value: &str) -> Self {
        let mut request = NativeRequest::default();
        request.members.insert(name.to_owned(), value.to_owned());
        Self(request)
    }
}

impl Intercept for Overlay {
    fn name(&self) -> &'static str {
        "Overlay"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let request = context.request_mut();
        let body = request.body().bytes().ok_or("the call has no body to change")?;
        let body = encoded(&self.0.over(decoded(body)));
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body);
        Ok(())
    }
}

/// Returns the parameters of a call.
pub(super) fn decoded(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

fn encoded(parameters: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}
