//! Every configuration key: its kind, its default and what it means.
//!
//! Invariant: a value enters the configuration only through [`Kind::read`], which refuses what the kind does not allow.

use std::path::Path;

use super::address::is_address;
use super::document::Node;
use super::text::{nearest, same_word, short};
use super::{ConfigurationError, Origin};
use crate::domain::delivery::Wanted;

/// A value that was read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    /// A text, a word or a path.
    Text(String),
    /// A whole number.
    Number(u64),
    /// A boolean.
    Flag(bool),
    /// Tags in the operator's order.
    Tags(Vec<(String, String)>),
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A file or folder; a relative one lies below the configuration folder.
    Path,
    /// A whole number within limits.
    Number(u64, u64),
    /// A boolean.
    Flag,
    /// One of these words, whatever its case.
    Word(&'static [&'static str]),
    /// A log level under any of the names in use.
    Level,
    /// `http://…` or `https://…` without user or password.
    Url,
    /// The same, and a user and password may be in it. Shown masked, as is everything after the host.
    SecretUrl,
    /// `Name: value`. Shown masked.
    SecretHeader,
    /// Names of events, and words that stand for several.
    Events,
    /// 1 to 64 of `0-9 A-Z a-z _ -`.
    Name,
    /// An object of texts, or `key=value;key=value`.
    Tags,
}

/// A key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name, section first.
    pub name: &'static str,
    pub(super) kind: Kind,
    /// Its default as text; empty for none.
    pub default: &'static str,
    /// What it decides.
    pub meaning: &'static str,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { name, kind, default, meaning }
}

const DAY: u64 = 86_400;

/// Every key, section by section.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("provider.type", Kind::Word(&["aws", "simulated"]), "aws", "Who rents out the hosts. `simulated` needs no cloud at all."),
    key("provider.aws.region", Kind::Text, "", "The region. Needed for every call to AWS."),
    key("provider.aws.profile", Kind::Text, "", "A profile of the shared AWS configuration."),
    key("provider.aws.endpointUrl", Kind::Url, "", "An endpoint other than the region's own, for EC2, Systems Manager and STS."),
    key("provider.aws.credentialFile", Kind::Path, "", "An ini file with a section `[default]`. Unset: the usual AWS chain, on EC2 the instance's role."),
    key("provider.aws.credentialScript", Kind::Path, "", "A program that prints temporary credentials as ini text or JSON."),
    key("provider.aws.proxyUrl", Kind::SecretUrl, "", "An HTTP proxy; goes before `proxy.host`."),
    key("provider.aws.proxy.host", Kind::Text, "", "The host of an HTTP proxy."),
    key("provider.aws.proxy.port", Kind::Number(1, 65_535), "", "Its port; needed with the host."),
    key("provider.aws.caBundle", Kind::Path, "", "A PEM file with the certificates to trust. Unset: the system's."),
    key("provider.aws.connectTimeoutMs", Kind::Number(1, 2_147_483_647), "3000", "How long a connection to AWS may take."),
    key("provider.aws.attemptTimeoutMs", Kind::Number(100, 2_147_483_647), "20000", "How long one exchange with AWS may take."),
    key("provider.aws.createRetries", Kind::Number(0, 10), "2", "How often a failed create call is sent again within a call, with the same token."),
    key("provider.aws.describeRetries", Kind::Number(0, 10), "2", "How often a failed status query is sent again within a call."),
    key("provider.aws.describeIntervalMs", Kind::Number(0, 10_000), "500", "The wait before the n-th repetition of a status query is n times this."),
    key("provider.aws.rateScalePercent", Kind::Number(0, 10_000), "100", "How much of AWS's default request rates all calls together use; more for an account with raised rates, less where others share it. 0 switches our limiter off."),
    key("provider.aws.tags", Kind::Tags, "", "Tags for everything created, below the template's `instanceTags`."),
    key("provider.simulated.bootSeconds", Kind::Number(0, DAY), "20", "How long a simulated host is pending."),
    key("provider.simulated.shutdownSeconds", Kind::Number(0, DAY), "10", "How long a simulated host takes to end."),
    key("provider.simulated.failurePercent", Kind::Number(0, 100), "0", "How many of a hundred simulated hosts die while they boot."),
    key("provider.simulated.reclaimPercent", Kind::Number(0, 100), "0", "How many of a hundred simulated spot hosts are taken back."),
    key("provider.simulated.reclaimAfterSeconds", Kind::Number(0, 365 * DAY), "600", "How old a simulated spot host is when it is taken back."),
    key("storage.strategy", Kind::Word(&["json", "sqlite"]), "json", "Where state is kept, below the work folder."),
    key("storage.lockTimeoutMs", Kind::Number(1, 240_000), "10000", "How long a commit waits for another process."),
    key("logging.level", Kind::Level, "info", "`error`, `warn`, `info`, `debug` or `trace`."),
    key("logging.maxFileSizeMb", Kind::Number(1, 10_240), "10", "The size at which the log file is rotated."),
    key("logging.maxFiles", Kind::Number(1, 100), "5", "How many rotated log files are kept."),
    key("logging.acceptPropagated", Kind::Flag, "true", "Whether Host Factory's `HF_LOGLEVEL`, `HF_LOG_MAX_FILE_SIZE` and `HF_LOG_MAX_ROTATE` go before the three keys above."),
    key("template.file", Kind::Path, "", "The template file. Unset: looked for in the configuration folder."),
    key("template.defaultApi", Kind::Word(&["awsprov", "orb"]), "awsprov", "What a template without `providerApi` means: `awsprov` chooses as IBM's plug-in does, `orb` takes EC2Fleet."),
    key("template.overMaximum", Kind::Word(&["refuse", "clip"]), "refuse", "What happens to a request that would pass `maxNumber`."),
    key("template.brake.deaths", Kind::Number(0, 10_000), "10", "How many hosts of a template must die at boot before it is put out of use; 0 for never."),
    key("template.brake.withinMinutes", Kind::Number(1, 1440), "10", "Within what time they must die."),
    key("template.brake.pauseMinutes", Kind::Number(1, 1440), "15", "How long such a template is out of use, unless it is changed."),
    key("recovery.everySeconds", Kind::Number(10, 3600), "60", "How often calls bring requests forward that they are not asked about."),
    key("recovery.unclaimedMinutes", Kind::Number(20, 10_080), "60", "How long nobody may ask about a request before it is given up and its hosts are ended."),
    key("recovery.collectMinutes", Kind::Number(1, 1440), "5", "How often calls look for hosts with our owner tag that no request accounts for."),
    key("recovery.orphanMinutes", Kind::Number(1, 10_080), "5", "How long such a host is watched before it is ended."),
    key("recovery.mostEnded", Kind::Number(1, 10_000), "100", "The most such hosts that one call ends."),
    key("recovery.keepDays", Kind::Number(1, 3650), "30", "How long settled requests and ended hosts are kept and answered for."),
    key("events.retentionHours", Kind::Number(1, 87_600), "24", "How long the history of events is kept."),
    key("events.webhook.url", Kind::SecretUrl, "", "Where events are posted as JSON (docs/notifications.md). Shown without what may be a secret."),
    key("events.webhook.header", Kind::SecretHeader, "", "A header that goes with them, such as `Authorization: Bearer …`. Shown masked."),
    key("events.webhook.only", Kind::Events, "", "Which events it is told of. Unset: all."),
    key("events.command.program", Kind::Path, "", "A program that is given events as JSON on standard input. No shell, no arguments."),
    key("events.command.only", Kind::Events, "", "Which events it is told of. Unset: all."),
    key("events.sns.url", Kind::SecretUrl, "", "Where events go in the form of Amazon SNS, unsigned."),
    key("events.sns.form", Kind::Word(&["notification", "publish"]), "notification", "`notification`: the document that SNS posts to its subscribers. `publish`: the call `Publish`, for something that speaks SNS without signatures."),
    key("events.sns.topicArn", Kind::Text, "arn:aws:sns:us-east-1:000000000000:hostfactory", "The topic that is named there."),
    key("events.sns.only", Kind::Events, "", "Which events it is told of. Unset: all."),
    key("events.proxy", Kind::Word(&["same", "none"]), "same", "How they are reached: through the proxy of `provider.aws` or else of the environment, or straight. Loopback is always reached straight."),
    key("metrics.file", Kind::Path, "", "A file that calls keep up to date with metrics in Prometheus' text format (docs/metrics.md)."),
    key("metrics.everySeconds", Kind::Number(5, 3600), "30", "How old that file may be before the next call renews it, after its answer."),
    key("hostFactory.partialStatus", Kind::Word(&["complete", "completeWithError"]), "complete", "The status of a settled request with fewer usable hosts than asked for, and at least one."),
    key("hostFactory.acquireDeadlineSeconds", Kind::Number(60, DAY), "900", "How long hosts may take to become usable before a request settles without them."),
    key("hostFactory.returnDeadlineSeconds", Kind::Number(60, 7 * DAY), "3600", "How long hosts may take to end before a return settles with an error."),
    key("hostFactory.pendingTimeoutSeconds", Kind::Number(180, 10_000), "180", "How long a single host may be pending before it is ended."),
    key("hostFactory.callDeadlineSeconds", Kind::Number(2, 3600), "240", "How long one call may take; always less than `HF_PROVIDER_ACTION_TIMEOUT` where that is set."),
    key("hostFactory.softBudgetSeconds", Kind::Number(1, 3600), "10", "How long after its start a call still begins new cloud steps."),
    key("hostFactory.batchLimit", Kind::Number(1, 500), "100", "The most hosts of one create call."),
    key("hostFactory.strictOwner", Kind::Flag, "false", "Whether a host without our owner tag is spared even when Host Factory names it in a return."),
    key("hostFactory.terminateOnReclaim", Kind::Flag, "false", "Whether a returned spot host that AWS already takes back is ended at once."),
    key("hostFactory.scheduledEvents", Kind::Word(&["ignore", "ending", "all"]), "ending", "Which events that AWS has scheduled for a host let getReturnRequests name it: those that end or stop it (`instance-retirement`, `instance-stop`), or reboots and maintenance too."),
    key("hostFactory.impairedAfterSeconds", Kind::Number(0, DAY), "0", "How long a status check of a host must have failed before getReturnRequests names it, at least 120; 0 for never."),
    key("installationId", Kind::Name, "", "The id under which hosts are owned. Unset: made once and kept in the work folder. Never the same for two work folders: each would end the other's hosts as orphans."),
];

impl Key {
    /// Returns the variable that overrides this key: `provider.aws.endpointUrl` is
    /// `HOSTFACTORY_PROVIDER_AWS_ENDPOINT_URL`.
    pub fn variable(&self) -> String {
        let mut name = String::from("HOSTFACTORY_");
        for letter in self.name.chars() {
            if letter.is_ascii_uppercase() {
                name.push('_');
            }
            name.push(if letter == '.' { '_' } else { letter.to_ascii_uppercase() });
        }
        name
    }

    /// Returns whether its value may be secret, in whole or in part.
    pub fn may_be_secret(&self) -> bool {
        matches!(self.kind, Kind::SecretUrl | Kind::SecretHeader)
    }

    /// Returns what the key takes, for documents.
    pub fn takes(&self) -> String {
        self.kind.describe()
    }
}

/// Returns the key of this name.
///
/// # Errors
/// [`ConfigurationError::Invalid`] naming the nearest key, when there is none.
pub(super) fn find(name: &str) -> Result<&'static Key, ConfigurationError> {
    KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
        let near = nearest(name, KEYS.iter().map(|key| key.name)).filter(|_| in_section(name).is_empty());
        let hint = match near {
            Some(near) => format!("there is no such key; did you mean {near}?"),
            None => match in_section(name) {
                members if members.is_empty() => "there is no such key; hostfactory config show lists them".to_owned(),
                members => format!("is a section; its keys are {}", members.join(", ")),
            },
        };
        ConfigurationError::invalid(short(name), Origin::CommandLine, hint)
    })
}

fn in_section(name: &str) -> Vec<&'static str> {
    let is_in = |key: &&'static str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    KEYS.iter().map(|key| key.name).filter(is_in).collect()
}

/// The levels that there are, most quiet first, each with the other names it goes by.
pub(super) const LEVELS: [(&str, &[&str]); 5] = [
    ("error", &["err", "critical", "crit", "fatal", "alert", "emerg"]),
    ("warn", &["warning"]),
    ("info", &["notice"]),
    ("debug", &[]),
    ("trace", &["all"]),
];

/// Returns our name for a log level under any of its names, with or without `LOG_`.
pub(super) fn level_of(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let bare = match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("LOG_") => text.get(4..)?,
        _ => text,
    };
    let is = |name: &&str| name.eq_ignore_ascii_case(bare);
    LEVELS.iter().find(|(name, others)| is(name) || others.iter().any(is)).map(|(name, _)| *name)
}

impl Kind {
    fn describe(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Number(least, most) => format!("a whole number from {least} to {most}"),
            Self::Flag => "true or false".to_owned(),
            Self::Word(words) => words.join(" or "),
            Self::Level => "error, warn, info, debug or trace".to_owned(),
            Self::Url | Self::SecretUrl => "an address http://host[:port] or https://host[:port]".to_owned(),
            Self::SecretHeader => "a header of the form Name: value".to_owned(),
            Self::Events => "names of events, failures, lost or all; several with commas between them".to_owned(),
            Self::Name => "1 to 64 of 0-9 A-Z a-z _ -".to_owned(),
            Self::Tags => "an object of texts, or key=value;key=value".to_owned(),
        }
    }

    /// Reads a value. A relative path is taken from `base`.
    ///
    /// # Errors
    /// Says what the key takes, and what it was given unless that may be a secret.
    pub(super) fn read(self, node: &Node<'_>, base: &Path) -> Result<Setting, String> {
        let refused = || {
            let given = match (self, node) {
                (Self::Url | Self::SecretUrl | Self::SecretHeader, _)
                | (_, Node::List(_) | Node::Object(_) | Node::Null) => node.kind().to_owned(),
                (_, scalar) => format!("'{}'", short(&scalar.as_plain().unwrap_or_default())),
            };
            format!("{given} cannot be used; it takes {}", self.describe())
        };
        let text = || match node {
            Node::Text(text) if !text.chars().any(char::is_control) => Some(text.trim()),
            _ => None,
        };
        let setting = match self {
            Self::Text => text().map(|text| Setting::Text(text.to_owned())),
            Self::Path => text().map(|text| Setting::Text(base.join(text).to_string_lossy().into_owned())),
            Self::Number(least, most) => {
                let number = node.as_whole().and_then(|number| u64::try_from(number).ok());
                number.filter(|number| (least..=most).contains(number)).map(Setting::Number)
            }
            Self::Flag => node.as_flag().map(Setting::Flag),
            Self::Word(words) => text()
                .and_then(|text| words.iter().find(|word| same_word(word, text)))
                .map(|word| Setting::Text((*word).to_owned())),
            Self::Level => text().and_then(level_of).map(|level| Setting::Text(level.to_owned())),
            Self::Url => text().filter(|text| is_address(text, false)).map(|text| Setting::Text(text.to_owned())),
            Self::SecretUrl => text().filter(|text| is_address(text, true)).map(|text| Setting::Text(text.to_owned())),
            Self::Name => node
                .as_plain()
                .filter(|text| text.parse::<crate::domain::InstallationId>().is_ok())
                .map(|text| Setting::Text(text.into_owned())),
            Self::SecretHeader => text().filter(|text| is_header(text)).map(|text| Setting::Text(text.to_owned())),
            Self::Events => return events(node).map(|words| Setting::Text(words.join(","))),
            Self::Tags => return super::tags::read(node).map(Setting::Tags),
        };
        setting.ok_or_else(refused)
    }
}

fn is_header(text: &str) -> bool {
    text.split_once(':').is_some_and(|(name, value)| {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !name.is_empty() && name.bytes().all(is_token) && value.trim().bytes().all(|b| (b' '..=b'~').contains(&b))
    })
}

/// Reads which events are meant.
///
/// # Errors
/// Names the word that stands for none, and the nearest that does.
fn events(node: &Node<'_>) -> Result<Vec<&'static str>, String> {
    let texts: Vec<&str> = match node {
        Node::Text(text) => text.split([',', ' ']).collect(),
        Node::List(items) => {
            let texts = items.iter().map(|item| if let Node::Text(text) = item { Some(&**text) } else { None });
            texts.collect::<Option<_>>().ok_or("a list of anything but texts cannot be used")?
        }
        other => return Err(format!("{} cannot be used; it takes {}", other.kind(), Kind::Events.describe())),
    };
    let named = |text: &str| {
        Wanted::words().find(|word| same_word(word, text)).ok_or_else(|| {
            let near = nearest(text, Wanted::words()).map(|near| format!("; did you mean {near}?"));
            let others = || format!("; it takes {}", Kind::Events.describe());
            format!("'{}' names no event{}", short(text), near.unwrap_or_else(others))
        })
    };
    texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(named).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_kind() {
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            let node = Node::Text(Cow::Borrowed(key.default));
            assert!(key.kind.read(&node, Path::new("/")).is_ok(), "{}", key.name);
        }
    }

    #[test]
    fn variables_follow_from_names_and_are_all_different() {
        let variable = |name| KEYS.iter().find(|key| key.name == name).unwrap().variable();
        assert_eq!(variable("provider.type"), "HOSTFACTORY_PROVIDER_TYPE");
        assert_eq!(variable("provider.aws.endpointUrl"), "HOSTFACTORY_PROVIDER_AWS_ENDPOINT_URL");
        assert_eq!(variable("hostFactory.partialStatus"), "HOSTFACTORY_HOST_FACTORY_PARTIAL_STATUS");
        let mut all: Vec<String> = KEYS.iter().map(Key::variable).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), KEYS.len());
    }

    #[test]
    fn events_are_named_one_by_one_or_several_at_a_time() {
        let read = |text: &str| Kind::Events.read(&Node::Text(Cow::Borrowed(text)), Path::new("/"));
        assert_eq!(read("failures, Lost,requestcreated"), Ok(Setting::Text("failures,lost,RequestCreated".to_owned())));
        let list = Node::List(vec![Node::Text(Cow::Borrowed("MachineTerminated")), Node::Text(Cow::Borrowed("lost"))]);
        let read_list = Kind::Events.read(&list, Path::new("/"));
        assert_eq!(read_list, Ok(Setting::Text("MachineTerminated,lost".to_owned())));
        assert!(read("MachineTerminate").unwrap_err().contains("did you mean MachineTerminated?"));
        assert!(Kind::Events.read(&Node::List(vec![Node::Whole(1)]), Path::new("/")).is_err());
    }

    #[test]
    fn a_header_is_a_name_and_a_value_and_never_shown() {
        let read = |text: &str| Kind::SecretHeader.read(&Node::Text(Cow::Owned(text.to_owned())), Path::new("/"));
        assert!(read("Authorization: Bearer x.y").is_ok());
        for bad in ["canary", ": canary", "a b: canary", "A: canary\r\nB: c", "A: canary\u{e9}"] {
            let error = read(bad).unwrap_err();
            assert!(error.contains("Name: value") && !error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn levels_have_many_names() {
        for (text, level) in [
            ("LOG_INFO", Some("info")),
            ("log_debug", Some("debug")),
            ("WARNING", Some("warn")),
            ("LOG_CRIT", Some("error")),
            ("Trace", Some("trace")),
            ("LOG_", None),
            ("verbose", None),
        ] {
            assert_eq!(level_of(text), level, "{text}");
        }
    }
}
