//! What can be taken from a `config.json` that ORB wrote: its one AWS provider instance.
//!
//! Invariant: ORB's other sections configure a service that does not exist here; they are passed over.

use std::borrow::Cow;

use super::ConfigurationError;
use super::document::Node;
use super::layers::{Layers, SourceFile};

/// Keys of ORB's provider instance and ours.
const PAIRS: &[(&str, &str)] = &[
    ("region", "provider.aws.region"),
    ("profile", "provider.aws.profile"),
    ("endpoint_url", "provider.aws.endpointUrl"),
    ("credential_file", "provider.aws.credentialFile"),
    ("proxy_host", "provider.aws.proxy.host"),
    ("proxy_port", "provider.aws.proxy.port"),
    ("connection_timeout_ms", "provider.aws.connectTimeoutMs"),
    ("request_retry_attempts", "provider.aws.createRetries"),
    ("instance_pending_timeout_sec", "hostFactory.pendingTimeoutSeconds"),
    ("describe_request_retry_attempts", "provider.aws.describeRetries"),
    ("describe_request_interval", "provider.aws.describeIntervalMs"),
];

/// Sections and keys that only ORB has.
pub(super) const ONLY_ORB: &[&str] = &[
    "version",
    "scheduler",
    "naming",
    "request",
    "performance",
    "server",
    "metrics",
    "native_spec",
    "environment",
    "resource",
    "database",
    "circuit_breaker",
    "provider.providers",
    "provider.active_provider",
    "provider.default_provider_type",
    "provider.selection_policy",
    "provider.health_check_interval",
    "provider.circuit_breaker",
    "provider.provider_defaults",
];

/// Returns whether a key is ORB's own and needs no warning.
pub(super) fn knows(name: &str) -> bool {
    ONLY_ORB.contains(&name)
}

/// Returns our key for one of ORB's provider instance.
pub(super) fn sets(theirs: &str) -> Option<&'static str> {
    PAIRS.iter().find(|(name, _)| *name == theirs).map(|(_, ours)| *ours)
}

/// Returns how many provider instances are enabled.
pub(super) fn enabled(members: &[(Cow<'_, str>, Node<'_>)]) -> usize {
    let Some(Node::Object(provider)) = member(members, "provider") else { return 0 };
    let Some(Node::List(instances)) = member(provider, "providers") else { return 0 };
    let is_enabled = |instance: &&Node<'_>| match instance {
        Node::Object(members) => member(members, "enabled").and_then(Node::as_flag) != Some(false),
        _ => false,
    };
    instances.iter().filter(is_enabled).count()
}

fn member<'n, 'a>(members: &'n [(Cow<'a, str>, Node<'a>)], name: &str) -> Option<&'n Node<'a>> {
    members.iter().find(|(key, _)| key == name).map(|(_, node)| node)
}

/// Takes ORB's provider instance in, if there is one.
///
/// # Errors
/// [`ConfigurationError::Invalid`] when several are enabled, or for a value that cannot be used.
pub(super) fn take(
    layers: &mut Layers,
    file: &SourceFile,
    members: &[(Cow<'_, str>, Node<'_>)],
) -> Result<(), ConfigurationError> {
    let Some(Node::Object(provider)) = member(members, "provider") else { return Ok(()) };
    let Some(Node::List(instances)) = member(provider, "providers") else { return Ok(()) };
    let enabled: Vec<_> = instances
        .iter()
        .filter_map(|instance| if let Node::Object(members) = instance { Some(members) } else { None })
        .filter(|instance| member(instance, "enabled").and_then(Node::as_flag) != Some(false))
        .collect();
    let [instance] = enabled[..] else {
        if enabled.is_empty() {
            return Ok(());
        }
        let names: Vec<_> =
            enabled.iter().filter_map(|instance| member(instance, "name")).filter_map(Node::as_plain).collect();
        let reason = format!("{} are enabled and this version has one provider; disable the others", names.join(", "));
        return Err(ConfigurationError::invalid("provider.providers", file.shown(), reason));
    };
    if let Some(kind) = member(instance, "type") {
        layers.put("provider.type", kind, file.origin("provider.providers.type"), file.folder())?;
    }
    let Some(Node::Object(config)) = member(instance, "config") else { return Ok(()) };
    for (theirs, ours) in PAIRS {
        if let Some(node) = member(config, theirs) {
            let origin = file.origin(format!("provider.providers.config.{theirs}"));
            layers.put(ours, node, origin, file.folder())?;
        }
    }
    let unread: Vec<&str> = config
        .iter()
        .map(|(key, _)| key.as_ref())
        .filter(|key| !key.starts_with('_') && !PAIRS.iter().any(|(theirs, _)| theirs == key))
        .collect();
    if !unread.is_empty() {
        layers.warnings.push(format!(
            "in {} these keys of provider.providers have no effect: {}",
            file.shown(),
            unread.join(", "),
        ));
    }
    Ok(())
}
