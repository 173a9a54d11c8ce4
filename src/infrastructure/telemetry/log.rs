//! Starting the log.
//!
//! Invariant: what is not ours is logged from `warn` on at most, whatever level the operator asks for: a cloud library's
//! lower levels may hold secrets.

use std::fmt;

use time::OffsetDateTime;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::Registry;

use super::file::LogFile;
use crate::infrastructure::config::LogSettings;

/// The target of the audit trail.
pub(super) const AUDIT: &str = "hostfactory::audit";

/// Starts the log of this process. When it cannot be written the process goes on without one; the text says why, for
/// stderr.
pub fn start(settings: &LogSettings) -> Option<String> {
    let complaint = |reason: &dyn fmt::Display| {
        Some(format!("there is no log: {} cannot be written: {reason}", settings.file.display()))
    };
    match LogFile::open(settings.file.clone(), settings.max_bytes, settings.max_files) {
        Err(error) => complaint(&error),
        Ok(file) => match tracing::subscriber::set_global_default(subscriber(file, settings.level)) {
            Err(error) => complaint(&error),
            Ok(()) => None,
        },
    }
}

/// Returns what turns events into lines of `file`.
pub(super) fn subscriber(file: LogFile, level: Level) -> impl Subscriber + Send + Sync {
    let foreign = LevelFilter::from_level(level).min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_default(foreign)
        .with_target("hostfactory", level)
        .with_target(AUDIT, LevelFilter::from_level(level).max(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_timer(Utc)
        .log_internal_errors(false)
        .with_writer(file);
    Registry::default().with(lines.with_filter(filter))
}

/// RFC 3339 with milliseconds, UTC.
#[derive(Debug, Clone, Copy)]
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = OffsetDateTime::now_utc();
        let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
        let (hour, minute, second, milli) = now.to_hms_milli();
        write!(writer, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tracing::{debug, error, info, info_span, warn};

    use super::*;

    /// Runs `work` under a log of this level and returns its lines.
    fn logged(level: Level, work: impl FnOnce()) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let file = LogFile::open(path.clone(), 1_000_000, 2).unwrap();
        tracing::subscriber::with_default(subscriber(file, level), work);
        std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_json_with_time_process_and_fields() {
        let lines = logged(Level::INFO, || {
            let _span = info_span!("command", use_case = "RequestMachines").entered();
            info!(request_id = "req-1", text = "a\nb\u{1b}[31m\"", "something happened");
        });
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["message"], "something happened");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["pid"], std::process::id());
        assert_eq!(line["request_id"], "req-1");
        assert_eq!(line["text"], "a\nb\u{1b}[31m\"");
        assert_eq!((&line["span"]["name"], &line["span"]["use_case"]), (&"command".into(), &"RequestMachines".into()));
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.len() == 24 && time.as_bytes()[10] == b'T', "{time}");
    }

    #[test]
    fn foreign_crates_are_heard_from_warn_on_and_the_audit_trail_always() {
        let work = || {
            info!(target: concat!("aws", "_config::profile"), "a");
            debug!(target: "hyper", "b");
            warn!(target: concat!("aws", "_smithy_runtime"), "c");
            debug!(target: "hostfactory::providers", "d");
            info!(target: "hostfactory::audit", "e");
            error!(target: "hostfactory::x", "f");
        };
        let messages = |level| -> String {
            logged(level, work).iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(messages(Level::TRACE), "cdef");
        assert_eq!(messages(Level::INFO), "cef");
        assert_eq!(messages(Level::ERROR), "ef");
    }

    #[test]
    fn a_log_that_cannot_be_written_is_told_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().to_owned();
        let settings = LogSettings { level: Level::INFO, max_bytes: 1, max_files: 1, file };
        assert!(start(&settings).unwrap().starts_with("there is no log: "));
    }

    #[test]
    fn secrets_do_not_reach_the_log() {
        use crate::application::ports::TemplateCatalogue as _;
        use crate::infrastructure::config::templates::FileCatalogue;
        use crate::infrastructure::config::{Environment, Overrides, Settings};

        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let mut file = std::fs::File::create(folder.path().join(name)).unwrap();
            std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        };
        put("config.json", r#"{"provider": {"aws": {"region": "r", "proxyUrl": "http://u:canary@p:1"}}}"#);
        let script = r##""userDataScript": "#!/bin/sh\nexport PASSWORD=canary""##;
        let common = r#""maxNumber": 1, "imageId": "ami-1", "vmType": "a.b", "subnetId": "subnet-1", "poolsCount": 2,
            "attributes": {"type": "X", "ncpus": 1, "nram": 1}"#;
        put(
            "templates.json",
            &format!(
                r#"[{{"templateId": "a", {common}, {script}, "odd": "x"}}, {{"templateId": "b", {common}, {script}, "iops": 1}},
                    {{"templateId": "c", {common}, "userData": "k=canary;l=2"}}]"#
            ),
        );
        let path = folder.path().to_str().unwrap();
        let environment: Environment =
            [("HOSTFACTORY_CONFIG_DIR", path), ("HOSTFACTORY_WORK_DIR", path), ("AWS_SECRET_ACCESS_KEY", "canary")]
                .into_iter()
                .collect();
        let lines = logged(Level::TRACE, || {
            let settings = Settings::load(&Overrides::default(), &environment).unwrap();
            let catalogue = FileCatalogue::new(
                settings.folders.config.clone(),
                settings.instance.clone(),
                settings.provider_kind,
                settings.templates.clone(),
                std::sync::Arc::new(crate::infrastructure::instance_types::KnownInstanceTypes::new(folder.path())),
            );
            let listing = catalogue.list().unwrap();
            info!(?settings, aws = ?settings.aws, ?environment, "settings");
            info!(?listing, found = ?catalogue.find(listing.templates[0].id()), "templates");
        });
        let text = lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(text.contains("template read with notes") && text.contains("template refused"), "{text}");
        assert!(text.contains("unknown template key") && text.contains("UserData("), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
