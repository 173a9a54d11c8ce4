//! IBM's `<instance>prov_config.json` (`awsprov-templates.md` section 5).
//!
//! Invariant: every key of it acts here, or is refused or set aside with the reason; none is passed over in silence.

use std::borrow::Cow;

use super::ConfigurationError;
use super::document::Node;
use super::layers::{Layers, SourceFile};
use super::text::{nearest, short};

/// What a key of IBM's file comes to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// It sets one of our keys.
    Sets(&'static str),
    /// It has no effect here, for this reason.
    SetAside(&'static str),
    /// It is a switch that can only be off here, for this reason.
    OnlyOff(&'static str),
}

/// Every key that IBM's plug-ins know.
#[rustfmt::skip]
pub(super) const IBM_KEYS: &[(&str, Fate)] = &[
    ("ACCEPT_PROPAGATED_LOG_SETTING", Fate::Sets("logging.acceptPropagated")),
    ("LogLevel", Fate::Sets("logging.level")),
    ("AWS_CREDENTIAL_FILE", Fate::Sets("provider.aws.credentialFile")),
    ("AWS_CREDENTIAL_SCRIPT", Fate::Sets("provider.aws.credentialScript")),
    ("AWS_CREDENTIAL_RENEW_MARGIN", Fate::SetAside("each call is a process of its own and asks for fresh credentials")),
    ("AWS_REGION", Fate::Sets("provider.aws.region")),
    ("AWS_ENDPOINT_URL", Fate::Sets("provider.aws.endpointUrl")),
    ("AWS_KEY_FILE", Fate::SetAside("private keys are not needed; keyName in the template names the key pair")),
    ("AWS_PROXY_HOST", Fate::Sets("provider.aws.proxy.host")),
    ("AWS_PROXY_PORT", Fate::Sets("provider.aws.proxy.port")),
    ("AWS_CONNECTION_TIMEOUT_MS", Fate::Sets("provider.aws.connectTimeoutMs")),
    ("AWS_REQUEST_RETRY_ATTEMPTS", Fate::Sets("provider.aws.createRetries")),
    ("AWS_INSTANCE_PENDING_TIMEOUT_SEC", Fate::Sets("hostFactory.pendingTimeoutSeconds")),
    ("AWS_DESCRIBE_REQUEST_RETRY_ATTEMPTS", Fate::Sets("provider.aws.describeRetries")),
    ("AWS_DESCRIBE_REQUEST_INTERVAL", Fate::Sets("provider.aws.describeIntervalMs")),
    ("AWS_SPOT_TERMINATE_ON_RECLAIM", Fate::Sets("hostFactory.terminateOnReclaim")),
    ("INSTANCE_CREATION_TIMEOUT", Fate::SetAside("orphans are told by their owner tag and their request's deadline (hostFactory.acquireDeadlineSeconds), not by age")),
    ("AWS_TAG_InstanceID", Fate::OnlyOff("tagging each host with its own id takes a second call for every host; the id is in the instance metadata already")),
];

/// Takes the file in.
///
/// # Errors
/// [`ConfigurationError::Invalid`] for a value that cannot be used.
pub(super) fn take(
    layers: &mut Layers,
    file: &SourceFile,
    members: &[(Cow<'_, str>, Node<'_>)],
) -> Result<(), ConfigurationError> {
    for (key, node) in members.iter().filter(|(key, _)| !key.starts_with('_')) {
        let known = IBM_KEYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        if known.is_some() && node.is_unset() {
            continue;
        }
        let refused = |reason: String| ConfigurationError::invalid(key.as_ref(), file.shown(), reason);
        match known.map(|(_, fate)| *fate) {
            Some(Fate::Sets(name)) => {
                layers.put(name, node, file.origin(key.as_ref()), file.folder()).map_err(|error| match error {
                    ConfigurationError::Invalid { reason, .. } => refused(reason),
                    other => other,
                })?;
            }
            Some(Fate::SetAside(reason)) => {
                layers.warnings.push(format!("{key} in {} has no effect: {reason}", file.shown()));
            }
            Some(Fate::OnlyOff(reason)) => match node.as_flag() {
                Some(false) => {}
                Some(true) => return Err(refused(format!("cannot be switched on: {reason}; set it to false"))),
                None => return Err(refused(format!("{} cannot be used; it takes true or false", node.kind()))),
            },
            None => {
                let hint = nearest(key, IBM_KEYS.iter().map(|(name, _)| *name))
                    .map_or("it has no effect".to_owned(), |near| format!("did you mean {near}?"));
                layers.warnings.push(format!("unknown key {} in {}; {hint}", short(key), file.shown()));
            }
        }
    }
    Ok(())
}
