//! The configuration as an operator meets it: files in a folder, variables, options.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use super::ibm::{Fate, IBM_KEYS};
use super::keys::Kind;
use super::*;
use crate::application::settings::StorageStrategy;
use crate::domain::request::{OverMaximum, PartialStatus};
use crate::domain::template::ProviderKind;

/// A provider instance named `inst` with the configuration files given.
struct Site {
    root: tempfile::TempDir,
    variables: Vec<(String, String)>,
    options: Vec<(String, String)>,
}

impl Site {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("conf")).unwrap();
        let path = |name: &str| root.path().join(name).display().to_string();
        let variables = [
            ("HF_PROVIDER_NAME", "inst".to_owned()),
            ("HOSTFACTORY_CONFIG_DIR", path("conf")),
            ("HF_PROVIDER_WORKDIR", path("work")),
            ("HF_PROVIDER_LOGDIR", path("log")),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { root, variables, options: Vec::new() }
    }

    fn conf(&self) -> std::path::PathBuf {
        self.root.path().join("conf")
    }

    fn file(self, name: &str, text: &str) -> Self {
        put(&self.conf().join(name), text.as_bytes());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }

    fn load(&self) -> Result<Settings, String> {
        let overrides = Overrides { folders: FolderOptions::default(), settings: self.options.clone() };
        Settings::load(&overrides, &self.variables.iter().cloned().collect()).map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        })
    }

    fn loaded(&self) -> Settings {
        self.load().unwrap()
    }
}

fn put(path: &Path, bytes: &[u8]) {
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
}

/// A configuration file with one key, whatever its depth.
fn own(key: &str, value: &str) -> String {
    key.rsplit('.').fold(value.to_owned(), |inner, part| format!("{{\"{part}\": {inner}}}"))
}

/// A value that a key takes, as JSON, and the same as text.
fn good(kind: Kind) -> (String, String) {
    let text = |text: &str| (format!("\"{text}\""), text.to_owned());
    match kind {
        Kind::Text | Kind::Name => text("some-value"),
        Kind::Path => text("/some/value"),
        Kind::Number(least, most) => {
            let number = u64::midpoint(least, most);
            (number.to_string(), number.to_string())
        }
        Kind::Flag => ("true".to_owned(), "yes".to_owned()),
        Kind::Word(words) => text(words[words.len() - 1]),
        Kind::Level => text("LOG_DEBUG"),
        Kind::Url | Kind::SecretUrl => text("http://127.0.0.1:5000"),
        Kind::SecretHeader => text("Authorization: Bearer abc"),
        Kind::Events => ("[\"failures\", \"lost\"]".to_owned(), "failures, lost".to_owned()),
        Kind::Tags => ("{\"a\": \"b\"}".to_owned(), "a=b".to_owned()),
    }
}

/// Values that a key does not take.
fn bad(kind: Kind) -> Vec<String> {
    let mut values = vec!["[1, 2]".to_owned()];
    match kind {
        Kind::Text | Kind::Path => values.extend(["7".to_owned(), "true".to_owned(), "{}x".replace('x', "")]),
        Kind::Number(least, most) => {
            values.extend(["\"many\"".to_owned(), "1.5".to_owned(), "-1".to_owned(), (most + 1).to_string()]);
            if least > 0 {
                values.push((least - 1).to_string());
            }
            values.push(format!("\"{}\"", most + 1));
        }
        Kind::Flag => values.extend(["\"maybe\"".to_owned(), "2".to_owned(), "\"tru\"".to_owned()]),
        Kind::Word(_) | Kind::Level => values.extend(["\"something\"".to_owned(), "1".to_owned()]),
        Kind::Url | Kind::SecretUrl => {
            values.extend(["\"ftp://x\"".to_owned(), "\"127.0.0.1:80\"".to_owned(), "80".to_owned()]);
        }
        Kind::SecretHeader => values.extend(["\"no value\"".to_owned(), "\"a b: c\"".to_owned(), "1".to_owned()]),
        Kind::Events => values.extend(["\"RequestCreate\"".to_owned(), "7".to_owned()]),
        Kind::Name => values.extend(["\"a/b\"".to_owned(), "\"a b\"".to_owned()]),
        Kind::Tags => values.extend(["\"novalue\"".to_owned(), "{\"aws:x\": \"y\"}".to_owned(), "3".to_owned()]),
    }
    values.retain(|value| value != "{}");
    values
}

#[test]
fn every_key_takes_its_kind_and_refuses_the_rest_naming_key_and_file() {
    let mut tried = 0;
    for key in KEYS {
        let extra = if key.name == "provider.aws.proxy.host" {
            "HOSTFACTORY_PROVIDER_AWS_PROXY_PORT"
        } else {
            "EGOSC_INSTANCE_HOST"
        };
        let (as_json, as_text) = good(key.kind);
        let shown = |settings: &Settings| {
            let mut value = settings.describe(true);
            key.name.split('.').for_each(|part| value = value[part].take());
            (value["value"].to_string(), value["origin"].as_str().unwrap_or_default().to_owned())
        };
        let file = Site::new().file("config.json", &own(key.name, &as_json)).variable(extra, "3128").loaded();
        let text = format!("\"{as_text}\"");
        let file_text = Site::new().file("config.json", &own(key.name, &text)).variable(extra, "3128").loaded();
        let variable = Site::new().variable(&key.variable(), &as_text).variable(extra, "3128");
        let mut option = Site::new().option(key.name, &as_text).variable(extra, "3128");
        assert!(file.warnings.iter().all(|warning| warning.contains("region")), "{:?}", file.warnings);
        assert_eq!(shown(&file).0, shown(&file_text).0, "{}", key.name);
        assert!(shown(&file).1.ends_with(&format!("config.json: {}", key.name)), "{}", shown(&file).1);
        if variable.variables.iter().filter(|(name, _)| *name == key.variable()).count() == 1 {
            assert_eq!(shown(&variable.loaded()).1, format!("variable {}", key.variable()));
            option = option.variable(&key.variable(), &as_text);
        }
        assert_eq!(shown(&option.loaded()).1, "command line");
        tried += 4;
        for value in bad(key.kind) {
            let error = Site::new().file("config.json", &own(key.name, &value)).load().unwrap_err();
            assert!(error.contains(key.name) && error.contains("config.json"), "{} = {value}: {error}", key.name);
            if let Kind::Number(least, most) = key.kind {
                assert!(error.contains(&least.to_string()) && error.contains(&most.to_string()), "{error}");
            }
            tried += 1;
        }
        // A slip of the finger is a warning with the key that was meant.
        let slip = format!("{}x", key.name);
        let settings = Site::new().file("config.json", &own(&slip, &as_json)).loaded();
        let wanted = format!("did you mean {}?", key.name);
        assert!(
            settings.warnings.iter().any(|warning| warning.contains(&slip) && warning.contains(&wanted)),
            "{slip}: {:?}",
            settings.warnings
        );
        tried += 1;
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn false_as_text_is_false() {
    let settings = Site::new().file("config.json", &own("hostFactory.strictOwner", "\"false\"")).loaded();
    assert!(!settings.policy.strict_owner);
}

#[test]
fn the_layers_stand_in_their_order() {
    let site = Site::new().variable("AWS_DEFAULT_REGION", "r0");
    assert_eq!(site.loaded().aws.region.as_deref(), Some("r0"));
    let site = site.variable("AWS_REGION", "r1");
    assert_eq!(site.loaded().aws.region.as_deref(), Some("r1"));
    let site = site.file("instprov_config.json", r#"{"AWS_REGION": "r2"}"#);
    assert_eq!(site.loaded().aws.region.as_deref(), Some("r2"));
    let site = site.file("config.json", &own("provider.aws.region", "\"r3\""));
    assert_eq!(site.loaded().aws.region.as_deref(), Some("r3"));
    let site = site.variable("HOSTFACTORY_PROVIDER_AWS_REGION", "r4");
    assert_eq!(site.loaded().aws.region.as_deref(), Some("r4"));
    let site = site.option("provider.aws.region", "r5");
    assert_eq!(site.loaded().aws.region.as_deref(), Some("r5"));
    // An empty value says nothing, in any layer.
    let site = site.option("provider.aws.region", "");
    assert_eq!(site.loaded().aws.region.as_deref(), Some("r5"));
}

#[test]
fn without_any_file_the_defaults_hold() {
    let settings = Site::new().loaded();
    assert_eq!(settings.instance, "inst");
    assert_eq!(settings.provider_kind, ProviderKind::Aws);
    assert_eq!(settings.aws, crate::application::settings::AwsSettings::default());
    assert_eq!(settings.simulated, crate::application::settings::SimulatedSettings::default());
    assert_eq!(settings.policy, crate::domain::request::RequestPolicy::default());
    assert_eq!((settings.soft_budget, settings.hard_budget), (Duration::from_secs(10), Duration::from_mins(4)));
    assert_eq!(settings.storage.strategy, StorageStrategy::Json);
    assert_eq!(settings.logging.level, tracing::Level::INFO);
    assert_eq!((settings.logging.max_bytes, settings.logging.max_files), (10 * 1024 * 1024, 5));
    assert!(settings.logging.file.ends_with("log/inst-hostfactory.log"));
    assert!(settings.warnings.iter().any(|warning| warning.contains("provider.aws.region")));
}

#[test]
fn every_key_of_ibms_file_is_honoured_or_answered() {
    for (key, fate) in IBM_KEYS {
        let site = |value: &str| Site::new().file("awsprov_config.json", &format!("{{\"{key}\": {value}}}"));
        match fate {
            Fate::Sets(name) => {
                let kind = KEYS.iter().find(|known| known.name == *name).unwrap().kind;
                let port = ("AWS_PROXY_PORT", "HOSTFACTORY_PROVIDER_AWS_PROXY_PORT");
                let site = |value: &str| {
                    if *key == port.0 { site(value) } else { site(value).variable(port.1, "3128") }
                };
                let origin = format!("awsprov_config.json: {key}");
                let text = site(&format!("\"{}\"", good(kind).1)).loaded().describe(true).to_string();
                assert!(text.contains(&origin), "{key}: {text}");
                for value in bad(kind) {
                    let error = site(&value).load().unwrap_err();
                    assert!(error.contains(key) && error.contains("awsprov_config.json"), "{key}: {error}");
                }
            }
            Fate::SetAside(reason) => {
                assert!(site("\"1\"").loaded().warnings.iter().any(|w| w.contains(key) && w.contains(reason)));
            }
            Fate::OnlyOff(reason) => {
                assert!(site("\"false\"").load().is_ok());
                let error = site("\"true\"").load().unwrap_err();
                assert!(error.contains(key) && error.contains(reason), "{error}");
            }
        }
        assert!(site("\"\"").load().is_ok(), "{key}");
    }
    let settings = Site::new()
        .file(
            "instprov_config.json",
            r#"{"AWS_INSTANCE_PENDING_TIMEOUT_SEC": "600", "AWS_PROXY_HOST": "proxy", "AWS_PROXY_PORT": "3128",
                "AWS_SPOT_TERMINATE_ON_RECLAIM": "true", "AWS_REQUEST_RETRY_ATTEMPTS": 4, "AWS_REGOIN": "x"}"#,
        )
        .loaded();
    assert_eq!(settings.policy.pending_timeout, Duration::from_mins(10));
    assert_eq!(settings.aws.proxy.as_deref(), Some("http://proxy:3128"));
    assert!(settings.policy.terminate_on_reclaim);
    assert_eq!(settings.aws.create_retries, 4);
    assert!(settings.warnings.iter().any(|warning| warning.contains("did you mean AWS_REGION?")));
}

#[test]
fn a_proxy_host_needs_a_port() {
    let error = Site::new().file("awsprov_config.json", r#"{"AWS_PROXY_HOST": "p"}"#).load().unwrap_err();
    assert!(error.contains("provider.aws.proxy.port") && error.contains("AWS_PROXY_HOST"), "{error}");
}

#[test]
fn the_files_are_found_by_name_and_several_are_refused() {
    let region = |site: Site| site.load().map(|settings| settings.aws.region.unwrap_or_default());
    let site = || Site::new().file("otherprov_config.json", r#"{"AWS_REGION": "other"}"#);
    assert_eq!(region(site()).unwrap(), "other");
    assert_eq!(region(site().file("awsprov_config.json", r#"{"AWS_REGION": "aws"}"#)).unwrap(), "aws");
    assert_eq!(region(site().file("instprov_config.json", r#"{"AWS_REGION": "inst"}"#)).unwrap(), "inst");
    let error = region(site().file("thirdprov_config.json", "{}")).unwrap_err();
    assert!(error.contains("otherprov_config.json, thirdprov_config.json"), "{error}");
}

#[test]
fn a_file_that_is_no_configuration_is_refused_by_name() {
    for (text, word) in [
        ("", "line 1"),
        ("{\n\"provider\": {\n", "line 3"),
        ("[]", "not a JSON object"),
        ("{\"provider\": 1}", "it is a section"),
        ("{\"storage\": {}, \"storage\": {}}", "comes twice"),
        ("{\"provider\": {\"type\": \"aws\", \"type\": \"aws\"}}", "comes twice"),
        ("nonsense", "line 1"),
    ] {
        for name in ["config.json", "instprov_config.json"] {
            if name != "config.json" && text.contains("\"provider\": 1") {
                continue;
            }
            let error = Site::new().file(name, text).load().unwrap_err();
            assert!(error.contains(name) && error.contains(word), "{text}: {error}");
        }
    }
    let site = Site::new();
    put(&site.conf().join("config.json"), b"{\"a\": \"\xff\"}");
    assert!(site.load().unwrap_err().contains("UTF-8"));
    put(&site.conf().join("config.json"), &vec![b' '; 1024 * 1024 + 1]);
    assert!(site.load().unwrap_err().contains("larger than"));
    put(&site.conf().join("config.json"), "\u{feff}{\"_comment\": [1], \"$schema\": \"x\"}".as_bytes());
    assert_eq!(site.loaded().warnings.len(), 1);
}

#[test]
fn host_factorys_log_settings_are_taken_unless_refused() {
    let base = || {
        Site::new()
            .variable("HF_LOGLEVEL", "LOG_DEBUG")
            .variable("HF_LOG_MAX_FILE_SIZE", "3")
            .variable("HF_LOG_MAX_ROTATE", "2")
            .file("config.json", &own("logging.level", "\"warn\""))
    };
    let logging = |site: &Site| {
        let logging = site.loaded().logging;
        (logging.level, logging.max_bytes / 1024 / 1024, logging.max_files)
    };
    let accept = |value: &str| base().file("awsprov_config.json", &own("ACCEPT_PROPAGATED_LOG_SETTING", value));
    assert_eq!(logging(&base()), (tracing::Level::DEBUG, 3, 2));
    assert_eq!(logging(&accept("\"true\"")), (tracing::Level::DEBUG, 3, 2));
    assert_eq!(logging(&accept("\"false\"")), (tracing::Level::WARN, 10, 5));
    assert_eq!(logging(&base().variable("HOSTFACTORY_LOGGING_LEVEL", "trace")), (tracing::Level::TRACE, 3, 2));
    assert_eq!(logging(&base().option("logging.level", "error")).0, tracing::Level::ERROR);
    let old = Site::new().variable("HF_LOG_LEVEL", "error");
    assert_eq!(logging(&old).0, tracing::Level::ERROR);
    assert_eq!(logging(&old.variable("HF_LOGLEVEL", "LOG_WARN")).0, tracing::Level::WARN);
    let odd = Site::new().variable("HF_LOGLEVEL", "LOG_WHATEVER").variable("HF_LOG_MAX_ROTATE", "many");
    assert_eq!(logging(&odd), (tracing::Level::INFO, 10, 5));
    assert_eq!(odd.loaded().warnings.iter().filter(|warning| warning.starts_with("set aside")).count(), 2);
}

#[test]
fn the_call_deadline_stays_below_host_factorys() {
    let hard = |value: &str| Site::new().variable("HF_PROVIDER_ACTION_TIMEOUT", value).loaded().hard_budget;
    assert_eq!(hard("300"), Duration::from_mins(4));
    assert_eq!(hard("120"), Duration::from_secs(110));
    assert_eq!(hard("20"), Duration::from_secs(18));
    assert_eq!(hard("5"), Duration::from_millis(4500));
    assert_eq!((hard("0"), hard("soon")), (Duration::from_mins(4), Duration::from_mins(4)));
    let short = Site::new().variable("HF_PROVIDER_ACTION_TIMEOUT", "5").loaded();
    assert_eq!(short.soft_budget, short.hard_budget);
}

#[test]
fn words_have_their_meaning() {
    let settings = Site::new()
        .file(
            "config.json",
            r#"{"provider": {"type": "Simulated", "aws": {"tags": {"team": "risk"}}}, "storage": {"strategy": "sqlite"},
                "template": {"overMaximum": "clip", "file": "mine.json"}, "installationId": "grid-1",
                "hostFactory": {"partialStatus": "complete_with_error", "batchLimit": "500"}}"#,
        )
        .variable("EGOSC_INSTANCE_HOST", "mgmt1.example.com")
        .loaded();
    assert_eq!(settings.provider_kind, ProviderKind::Simulated);
    assert_eq!(settings.storage.strategy, StorageStrategy::Sqlite);
    assert_eq!(settings.policy.over_maximum, OverMaximum::Clip);
    assert_eq!(settings.policy.partial, PartialStatus::CompleteWithError);
    assert_eq!(settings.policy.batch_limit, 500);
    assert_eq!(settings.aws.tags, [("team".to_owned(), "risk".to_owned())]);
    assert_eq!(settings.templates.file, Some(settings.folders.config.join("mine.json")));
    assert_eq!(settings.installation_id.unwrap().as_str(), "grid-1");
    assert!(settings.logging.file.ends_with("inst-hostfactory.mgmt1.example.com.log"));
    assert_eq!(settings.warnings, [] as [String; 0]);
}

#[test]
fn an_unknown_variable_or_option_is_told() {
    let settings = Site::new().variable("HOSTFACTORY_PROVIDER_AWS_REGOIN", "x").loaded();
    assert!(settings.warnings.iter().any(|w| w.contains("did you mean HOSTFACTORY_PROVIDER_AWS_REGION?")));
    let error = Site::new().option("provider.aws.regoin", "x").load().unwrap_err();
    assert!(error.contains("command line") && error.contains("did you mean provider.aws.region?"), "{error}");
}

#[test]
fn orbs_file_gives_its_one_provider_instance() {
    let orb = |instances: &str| {
        format!(
            r#"{{"version": "1", "scheduler": {{"type": "hostfactory"}}, "provider": {{"providers": [{instances}]}}}}"#
        )
    };
    let one = r#"{"name": "a", "type": "aws", "enabled": true, "config": {"region": "eu-west-1", "profile": "p", "role_arn": "x"}}"#;
    let settings = Site::new().file("config.json", &orb(one)).loaded();
    assert_eq!((settings.aws.region.as_deref(), settings.aws.profile.as_deref()), (Some("eu-west-1"), Some("p")));
    assert_eq!(settings.warnings.len(), 1, "{:?}", settings.warnings);
    assert!(settings.warnings[0].contains("role_arn"));
    let error = Site::new().file("config.json", &orb(&format!("{one}, {one}"))).load().unwrap_err();
    assert!(error.contains("a, a are enabled"), "{error}");
}

#[test]
fn secrets_show_nowhere() {
    let secret = "hunter2canary";
    let site = Site::new().file("config.json", &own("provider.aws.proxyUrl", &format!("\"http://u:{secret}@p:1\"")));
    let settings = site.loaded();
    assert!(settings.aws.proxy.as_deref().is_some_and(|proxy| proxy.contains(secret)));
    for text in [
        settings.describe(true).to_string(),
        settings.describe(false).to_string(),
        format!("{settings:?} {:?} {:?}", settings.aws, settings.templates),
        Site::new().file("config.json", &own("provider.aws.proxyUrl", &format!("\"{secret}\""))).load().unwrap_err(),
        Site::new().file("config.json", &format!("{{\"a\": {secret}")).load().unwrap_err(),
    ] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(settings.describe(false)["provider"]["aws"]["proxyUrl"], "http://***@p:1");
}

#[test]
fn the_samples_can_be_loaded() {
    let folder = std::path::absolute("config").unwrap();
    let site =
        Site::new().variable("HF_PROVIDER_NAME", "awsinst").variable("HF_PROVIDER_CONFDIR", folder.to_str().unwrap());
    let variables = site.variables.iter().filter(|(name, _)| name != "HOSTFACTORY_CONFIG_DIR");
    let settings = Settings::load(&Overrides::default(), &variables.cloned().collect()).unwrap();
    assert_eq!(settings.warnings, [] as [String; 0]);
    assert_eq!(settings.aws.region.as_deref(), Some("eu-west-1"));
    for (name, count) in [("awsprov_templates.json", 3), ("fleet_templates.json", 9)] {
        let catalogue = templates::FileCatalogue::new(
            settings.folders.config.clone(),
            settings.instance.clone(),
            settings.provider_kind,
            templates::TemplateSettings { file: Some(folder.join(name)), ..settings.templates.clone() },
            std::sync::Arc::new(crate::infrastructure::instance_types::KnownInstanceTypes::new("")),
        );
        let listing = crate::application::ports::TemplateCatalogue::list(&catalogue).unwrap();
        assert_eq!((listing.templates.len(), listing.refused.len()), (count, 0), "{:?}", listing.refused);
        let notes: Vec<_> = catalogue.warnings().unwrap().iter().flat_map(|(_, notes)| notes).collect();
        assert!(notes.iter().all(|note| note.contains("AWS advises against new Spot Fleets")), "{notes:?}");
        let mut ways: Vec<_> = listing.templates.iter().map(crate::domain::template::Template::api).collect();
        ways.sort();
        ways.dedup();
        assert!(count == 3 || ways.len() == 7, "a sample of each way: {ways:?}");
    }
}
