//! What this version makes of each key of another plug-in's configuration file. No value is shown: it could be a secret.

use std::borrow::Cow;
use std::path::Path;

use super::document::{self, Node};
use super::ibm::{Fate, IBM_KEYS};
use super::keys::KEYS;
use super::{ConfigurationError, orb};
use crate::application::ports::FieldFate::{Changed, Left, Taken};
use crate::application::ports::{FieldFate, Flavour, Section};

/// The largest file that is read.
const LARGEST: u64 = 4 << 20;

/// What becomes of keys of ORB below these, the first that fits.
#[rustfmt::skip]
const ORB: &[(&str, FieldFate, &str)] = &[
    ("provider.providers[].name", Left, "the instance is named after HF_PROVIDER_NAME or its folder"),
    ("provider.providers[].type", Taken, "provider.type"),
    ("provider.providers[].enabled", Taken, "an instance that is off is passed over"),
    ("provider.providers[].template_defaults", Left, "write what you need of it into the templates"),
    ("provider.providers[].config.access_key_id", Left, "keys are not read from it: use provider.aws.credentialFile, a profile or a role"),
    ("provider.providers[].config.secret_access_key", Left, "keys are not read from it: use provider.aws.credentialFile, a profile or a role"),
    ("provider.providers[].config.session_token", Left, "keys are not read from it: use provider.aws.credentialFile, a profile or a role"),
    ("provider.providers[].config.role_arn", Left, "name it in a profile of the AWS configuration, and the profile in provider.aws.profile"),
    ("provider.providers[].config.aws_connect_timeout", Left, "set provider.aws.connectTimeoutMs, in milliseconds"),
    ("provider.providers[].config.aws_read_timeout", Left, "set provider.aws.attemptTimeoutMs, in milliseconds"),
    ("provider.providers[].config.timeout", Left, "set provider.aws.attemptTimeoutMs, in milliseconds"),
    ("provider.providers[].config.aws_max_retries", Left, "set provider.aws.describeRetries and provider.aws.createRetries"),
    ("provider.providers[].config.max_retries", Left, "set provider.aws.describeRetries and provider.aws.createRetries"),
    ("provider.providers[].config.service_role_spot_fleet", Left, "set fleetRole in the templates"),
    ("provider.providers[].config.fleet_role", Left, "set fleetRole in the templates"),
    ("provider.providers[].config.launch_template", Left, "launch templates are shared by content"),
    ("provider.providers[]", Left, "the way to get hosts is chosen by the template"),
    ("provider.provider_defaults", Left, "write what you need of it into the templates; allocation strategies have defaults of their own"),
    ("native_spec", Left, "requests are made from the template's fields"),
    ("request", Left, "the limit is maxNumber of the template, the time hostFactory.acquireDeadlineSeconds"),
    ("storage", Changed, "the database was looked for there; storage.strategy here is json or sqlite"),
    ("scheduler", Left, "the folders come from Host Factory's environment, or from --config-dir and --work-dir"),
    ("resource", Left, "what we make bears tags; nothing is found by its name"),
    ("template", Left, "the template file is named in template.file"),
    ("logging", Left, "set logging.level"),
];

/// Tells what becomes of each key of a configuration file.
///
/// # Errors
/// [`ConfigurationError`] when it cannot be read.
pub fn survey(path: &Path, flavour: Flavour) -> Result<Section, ConfigurationError> {
    let text = document::read(path, LARGEST)?;
    let Node::Object(members) = document::parse(&text, path, false)? else {
        return Err(ConfigurationError::invalid("the whole file", path.display(), "is not a JSON object"));
    };
    let mut section = Section { files: vec![path.to_owned()], records: 1, ..Section::default() };
    if flavour == Flavour::Ibm {
        for (key, node) in members.iter().filter(|(key, node)| !key.starts_with('_') && !node.is_unset()) {
            let known = IBM_KEYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, fate)| *fate);
            match known {
                Some(Fate::Sets(ours)) => section.note(key, Taken, ours),
                Some(Fate::OnlyOff(_)) if node.as_flag() == Some(false) => {
                    section.note(key, Taken, "it is off here too");
                }
                Some(Fate::OnlyOff(why) | Fate::SetAside(why)) => section.note(key, Left, why),
                None => section.note(key, Left, "not known here"),
            }
        }
        return Ok(section);
    }
    leaves("", &members, &mut |key| {
        let (fate, note) = fate_of(key);
        section.note(key, fate, note);
    });
    let enabled = orb::enabled(&members);
    if enabled > 1 {
        section.remarks.push(format!(
            "{enabled} provider instances are enabled, and one installation has one: make a configuration and a work \
             folder for each, and import into each"
        ));
    }
    if text.contains("\"$") || text.contains("${") {
        section.remarks.push("variables ($NAME) in values are not filled in: write the values out".to_owned());
    }
    Ok(section)
}

/// Hands over the name of each value that says anything; members of lists share theirs.
fn leaves(place: &str, members: &[(Cow<'_, str>, Node<'_>)], take: &mut impl FnMut(&str)) {
    for (key, node) in members.iter().filter(|(key, node)| !key.starts_with('_') && !node.is_unset()) {
        let place = if place.is_empty() { key.to_string() } else { format!("{place}.{key}") };
        match node {
            Node::Object(inner) => leaves(&place, inner, take),
            Node::List(items) if items.iter().any(|item| matches!(item, Node::Object(_))) => {
                for item in items {
                    if let Node::Object(inner) = item {
                        leaves(&format!("{place}[]"), inner, take);
                    }
                }
            }
            _ => take(&place),
        }
    }
}

fn fate_of(key: &str) -> (FieldFate, &'static str) {
    let below = |prefix: &str| {
        key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || prefix.ends_with(']'))
    };
    if let Some(ours) = key.strip_prefix("provider.providers[].config.").and_then(orb::sets) {
        return (Taken, ours);
    }
    if let Some(ours) = KEYS.iter().find(|known| known.name == key) {
        return if key == "storage.strategy" { (Changed, "it is json or sqlite here") } else { (Taken, ours.name) };
    }
    let known = ORB.iter().find(|(prefix, ..)| below(prefix));
    known.map_or((Left, "it configures a service that is not needed here"), |(_, fate, note)| (*fate, *note))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn surveyed(text: &str, flavour: Flavour) -> Section {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        survey(file.path(), flavour).unwrap()
    }

    #[test]
    fn each_key_of_orb_is_told_and_no_value_is() {
        let section = surveyed(
            r#"{"version": "2.0.0", "server": {"port": 8000}, "logging": {"level": "DEBUG", "format": "%x"},
                "scheduler": {"config_root": "$ORB_CONFIG_DIR"}, "storage": {"strategy": "json"}, "_comment": "x",
                "provider": {"providers": [{"name": "a", "type": "aws", "config": {"region": "us-east-1",
                    "secret_access_key": "hunter2", "role_arn": "arn:aws:iam::1:role/x", "profile": null}},
                    {"name": "b", "enabled": true}]}}"#,
            Flavour::Orb,
        );
        let fate = |key: &str| (section.fields[key].fate, section.fields[key].note.as_str());
        assert_eq!(fate("provider.providers[].config.region"), (Taken, "provider.aws.region"));
        assert_eq!(fate("logging.level"), (Taken, "logging.level"));
        assert_eq!(fate("storage.strategy").0, Changed);
        assert!(fate("provider.providers[].config.role_arn").1.contains("profile"));
        assert_eq!(fate("server.port"), (Left, "it configures a service that is not needed here"));
        assert_eq!(section.fields["provider.providers[].name"].count, 2);
        assert!(
            !section.fields.contains_key("_comment")
                && !section.fields.contains_key("provider.providers[].config.profile")
        );
        assert_eq!(section.remarks.len(), 2, "{:?}", section.remarks);
        assert!(!format!("{section:?}").contains("hunter2"));
    }

    #[test]
    fn each_key_of_ibm_is_told_whatever_its_case() {
        let section = surveyed(
            r#"{"aws_region": "eu-west-1", "AWS_KEY_FILE": "/k", "AWS_TAG_InstanceID": "false", "WHAT": "1", "AWS_PROXY_HOST": ""}"#,
            Flavour::Ibm,
        );
        assert_eq!(
            (section.fields["aws_region"].fate, section.fields["aws_region"].note.as_str()),
            (Taken, "provider.aws.region")
        );
        assert_eq!(section.fields["AWS_KEY_FILE"].fate, Left);
        assert_eq!(section.fields["AWS_TAG_InstanceID"].fate, Taken);
        assert_eq!(section.fields["WHAT"].note, "not known here");
        assert!(!section.fields.contains_key("AWS_PROXY_HOST"));
    }
}
