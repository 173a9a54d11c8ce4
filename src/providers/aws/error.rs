//! From the SDK's errors to [`ProviderError`]: classified by code first, then by status and connection
//! (`aws-semantics.md` section 10).
//!
//! Invariant: the SDK's error is not kept as a source, since its text and `Debug` hold AWS's words unmasked.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::codes::{class_of, class_of_status};
use crate::application::ProviderError;
use crate::domain::FailureClass;

/// The longest message that is passed on.
const LONGEST_MESSAGE: usize = 600;
/// The longest message with AWS's encoded explanation, which is worth nothing when it is cut.
const LONGEST_ENCODED: usize = 4_000;
const ENCODED: &str = "Encoded authorization failure message:";

const NO_CREDENTIALS: &str = "no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a \
    profile (provider.aws.profile) or a file (provider.aws.credentialFile), or give this host an instance profile";

/// Returns what a failed call means.
pub(super) fn provider_error<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(failure) => {
            let metadata = failure.err().meta();
            let status = failure.raw().status().as_u16();
            let code = metadata.code().map(|code| plain(code, 100));
            let class = metadata.code().and_then(class_of).unwrap_or_else(|| class_of_status(status));
            let text = metadata.message().map_or_else(|| format!("HTTP status {status}"), explained);
            let hint = if matches!(metadata.code(), Some("RequestExpired" | "SignatureDoesNotMatch")) {
                " (is the clock of this host right?)"
            } else {
                ""
            };
            ProviderError { operation: operation.to_owned(), class, code, message: text + hint, source: None }
        }
        SdkError::ResponseError(failure) => {
            let status = failure.raw().status().as_u16();
            let why = causes(error);
            ProviderError::new(operation, class_of_status(status), format!("HTTP status {status}: {why}"))
        }
        SdkError::ConstructionFailure(_) => ProviderError::new(operation, FailureClass::Invalid, causes(error)),
        SdkError::TimeoutError(_) => {
            ProviderError::new(operation, FailureClass::Network, format!("no answer in time: {}", causes(error)))
        }
        SdkError::DispatchFailure(_) => dispatch_error(operation, error),
        _ => ProviderError::new(operation, FailureClass::Network, causes(error)),
    }
}

/// A request that could not be sent: for want of credentials, or for want of a connection.
fn dispatch_error(operation: &str, error: &(dyn Error + 'static)) -> ProviderError {
    let mut cause = Some(error);
    while let Some(current) = cause {
        match current.downcast_ref::<CredentialsError>() {
            Some(CredentialsError::CredentialsNotLoaded(_)) => {
                return ProviderError::new(operation, FailureClass::AuthExpired, NO_CREDENTIALS);
            }
            Some(other) => {
                let why = causes(other);
                let text = if why.contains("IMDS") {
                    format!("{NO_CREDENTIALS} ({why})")
                } else {
                    format!("the AWS credentials could not be loaded: {why}")
                };
                return ProviderError::new(operation, FailureClass::AuthExpired, text);
            }
            None => cause = current.source(),
        }
    }
    let text = causes(error);
    if text.contains("identity resolver timed out") {
        return ProviderError::new(operation, FailureClass::AuthExpired, format!("{NO_CREDENTIALS} ({text})"));
    }
    // The HTTP client says in its text, and nowhere else, that it never had a connection.
    let class = if text.contains("client error (Connect)") { FailureClass::Unreachable } else { FailureClass::Network };
    let hint = if text.contains("invalid peer certificate") {
        " (is it in provider.aws.caBundle?)"
    } else if class == FailureClass::Unreachable {
        " (check the network, the proxy, provider.aws.region and provider.aws.endpointUrl)"
    } else {
        ""
    };
    ProviderError::new(operation, class, text + hint)
}

/// Returns an error for an answer that arrived and lacks what it must have. What the call did is not known.
pub(super) fn incomplete(operation: &str, what: &str) -> ProviderError {
    ProviderError::new(operation, FailureClass::Server, format!("the answer of AWS cannot be used: {what}"))
}

/// The words of an error and of everything below it, each once.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(current) = cause {
        let text = current.to_string();
        if !words.iter().any(|word| word.contains(&text)) {
            words.push(text);
        }
        cause = current.source();
    }
    plain(&mask(&words.join(": ")), LONGEST_MESSAGE)
}

/// AWS's own words, masked and bounded. An encoded explanation is kept for `sts:DecodeAuthorizationMessage`.
pub(super) fn explained(message: &str) -> String {
    match message.split_once(ENCODED) {
        Some((words, encoded)) => {
            format!("{}{ENCODED}{}", plain(&mask(words), LONGEST_MESSAGE), plain(encoded, LONGEST_ENCODED))
        }
        None => plain(&mask(message), LONGEST_MESSAGE),
    }
}

/// Control characters escaped, long text cut.
fn plain(text: &str, longest: usize) -> String {
    let escaped: String = text
        .chars()
        .take(longest)
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    if text.chars().count() > longest { escaped + "…" } else { escaped }
}

/// Hides what may be an access key or a secret: `AKIA…`, `ASIA…`, and long runs of mixed letters and digits.
fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_of_a_key(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        masked.push_str(if is_key_id(word) || is_secret(word) { "****" } else { word });
        let next = after.find(is_of_a_key).unwrap_or(after.len());
        masked.push_str(&after[..next]);
        rest = &after[next..];
    }
    masked
}

fn is_of_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

fn is_key_id(word: &str) -> bool {
    word.len() >= 16
        && (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn is_secret(word: &str) -> bool {
    word.len() >= 40
        && word.bytes().any(|b| b.is_ascii_uppercase())
        && word.bytes().any(|b| b.is_ascii_lowercase())
        && word.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'+' | b'='))
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    #[test]
    fn keys_and_secrets_are_masked_and_ids_are_not() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let text =
            mask(&format!("key AKIAIOSFODNN7EXAMPLE with '{secret}' for i-0123456789abcdef0 in subnet-0a1b2c3d"));
        assert_eq!(text, "key **** with '****' for i-0123456789abcdef0 in subnet-0a1b2c3d");
        let arn = "arn:aws:iam::123456789012:instance-profile/grid-hosts";
        assert_eq!(mask(arn), arn);
    }

    #[test]
    fn an_encoded_explanation_is_kept_whole_and_other_text_is_bounded() {
        let encoded = "Ab1".repeat(400);
        let kept = explained(&format!("You are not authorized. {ENCODED} {encoded}"));
        assert!(kept.ends_with(&encoded), "{kept}");
        let bounded = explained(&"word \u{1b}[2J\n".repeat(500));
        assert!(bounded.chars().count() < 1_500 && !bounded.contains('\u{1b}') && !bounded.contains('\n'));
    }

    #[test]
    fn missing_credentials_say_what_to_set() {
        let cause = CredentialsError::not_loaded_no_source();
        let error: SdkError<aws_sdk_ec2::operation::run_instances::RunInstancesError, HttpResponse> =
            SdkError::dispatch_failure(ConnectorError::other(cause.into(), None));
        let error = provider_error("RunInstances", &error);
        assert_eq!(error.class, FailureClass::AuthExpired);
        assert!(error.message.starts_with("no AWS credentials were found; set "), "{error}");
    }

    #[test]
    fn a_lost_connection_and_a_late_answer_are_network_errors() {
        type Failure = SdkError<aws_sdk_ec2::operation::run_instances::RunInstancesError, HttpResponse>;
        for error in [
            Failure::dispatch_failure(ConnectorError::io("reset".into())),
            Failure::dispatch_failure(ConnectorError::timeout("late".into())),
            Failure::timeout_error("late"),
        ] {
            assert_eq!(provider_error("RunInstances", &error).class, FailureClass::Network);
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_nobody_listens_at_is_unreachable() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = crate::application::settings::AwsSettings {
            region: Some("us-east-1".to_owned()),
            endpoint_url: Some(format!("http://{closed}")),
            ..Default::default()
        };
        let http = crate::providers::aws::http::direct_client();
        let clients = crate::providers::aws::client::AwsClients::over(settings, http);
        let ec2 = crate::providers::aws::client::ClientSource::clients(&clients).await.unwrap().ec2.clone();
        let keys = aws_sdk_ec2::config::Credentials::new("AKID", "SECRET", None, None, "test");
        let config = aws_sdk_ec2::config::Builder::new().credentials_provider(keys);
        let error = ec2.describe_instances().customize().config_override(config).send().await.unwrap_err();
        assert_eq!(provider_error("DescribeInstances", &error).class, FailureClass::Unreachable);
    }
}
