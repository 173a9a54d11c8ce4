//! From the SDK's errors to [`ProviderError`]: classified by code first, then by status and connection
//! (`aws-semantics.md` section 10).
//!
//! Invariant: the SDK's error is not kept as a source, since its text and `Debug` hold AWS's words unmasked.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::codes::{class_of, class_of_status};
use crate::application::ProviderError;
use crate::application::error::Cause;
use crate::domain::{FailureClass, Timestamp};

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
            // `with_skew` compares it with our clock.
            let is_about_time = matches!(metadata.code(), Some("RequestExpired" | "SignatureDoesNotMatch"));
            let dated = failure.raw().headers().get("date").filter(|_| is_about_time);
            let dated = dated.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
            let hint = if is_about_time && dated.is_none() { " (is the clock of this host right?)" } else { "" };
            let source = dated.map(|date| Box::new(Dated(date)) as Cause);
            ProviderError { operation: operation.to_owned(), class, code, message: text + hint, source }
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
        if let Some(missing) = current.downcast_ref::<CredentialsError>() {
            return credentials_error(operation, missing);
        }
        cause = current.source();
    }
    let text = causes(error);
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

/// Returns what it means that credentials could not be had.
pub(super) fn credentials_error(operation: &str, error: &CredentialsError) -> ProviderError {
    let why = causes(error);
    let text = match error {
        CredentialsError::CredentialsNotLoaded(_) => NO_CREDENTIALS.to_owned(),
        CredentialsError::ProviderTimedOut(_) => format!("{NO_CREDENTIALS} ({why})"),
        _ if why.contains("IMDS") => format!("{NO_CREDENTIALS} ({why})"),
        _ => format!("the AWS credentials could not be loaded: {why}"),
    };
    ProviderError::new(operation, FailureClass::AuthExpired, text)
}

/// When AWS gave an answer, by its own clock.
#[derive(Debug)]
struct Dated(DateTime);

impl fmt::Display for Dated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AWS's clock shows {} seconds since 1970", self.0.secs())
    }
}

impl Error for Dated {}

/// Says by how much our clock is off, where AWS refused a call for its time (`aws-semantics.md` section 10).
pub(super) fn with_skew(error: ProviderError, now: Timestamp) -> ProviderError {
    let dated = error.source.as_ref().and_then(|source| source.downcast_ref::<Dated>());
    let Some(theirs) = dated.map(|dated| Timestamp::from_seconds(dated.0.secs())) else { return error };
    let (off, direction) = if now > theirs { (now.since(theirs), "ahead") } else { (theirs.since(now), "behind") };
    let minutes = off.as_secs() / 60;
    let message = if minutes == 0 {
        format!("{} (the clock of this host agrees with that of AWS)", error.message)
    } else {
        format!(
            "{} (the clock of this host is {minutes} minutes {direction} of that of AWS, which takes at most 5; set it, \
             best by NTP)",
            error.message
        )
    };
    ProviderError { message, source: None, ..error }
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

/// Characters that change how a terminal or a viewer shows the text around them: controls, line separators, and marks of
/// direction (fault 102).
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Hostile characters escaped, long text cut.
pub(super) fn plain(text: &str, longest: usize) -> String {
    let escaped: String = text
        .chars()
        .take(longest)
        .flat_map(|c| if is_hostile(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    if text.chars().count() > longest { escaped + "…" } else { escaped }
}

/// The last `longest` characters of what a host wrote to its console, masked; lines stay lines.
pub(super) fn console(text: &str, longest: usize) -> Option<String> {
    let shown: String = mask(text)
        .chars()
        .filter(|c| *c != '\r')
        .flat_map(|c| if is_hostile(c) && c != '\n' { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    let start = shown.char_indices().rev().nth(longest - 1).map_or(0, |(at, _)| at);
    shown.get(start..).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
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
    use crate::application::settings::AwsSettings;
    use crate::providers::aws::client::{AwsClients, ClientSource};
    use crate::providers::aws::fake::{FakeAws, Reply};

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
        let fake = FakeAws::new(|_| Reply::Lost);
        let settings = AwsSettings { endpoint_url: Some(format!("http://{closed}")), ..fake.settings() };
        let http = crate::providers::aws::http::direct_client();
        let clients = AwsClients::over(settings, http, fake.notebook.clone(), fake.clock.clone());
        let error = clients.clients().await.unwrap().ec2.describe_instances().send().await.unwrap_err();
        assert_eq!(provider_error("DescribeInstances", &error).class, FailureClass::Unreachable);
    }
}
