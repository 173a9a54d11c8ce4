//! What is to be had from this host without the application: the log, the environment, the folders and the machine.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::secrets::Secrets;
use crate::infrastructure::config::{Environment, Folders, KEYS, Overrides, Settings, VARIABLES, located};
use crate::infrastructure::file_system;

/// A part of a bundle: its file's name, and its text or why there is none.
pub(super) type Section = (String, Result<String, String>);

/// How much of the end of the log is taken.
const LOG: u64 = 2 << 20;
/// The most entries of a folder that are listed.
const ENTRIES: usize = 1000;

/// Gathers what this host tells.
pub(super) fn gathered(overrides: &Overrides, environment: &Environment, secrets: &Secrets) -> Vec<Section> {
    let settings = Settings::load(overrides, environment);
    let located = located(&overrides.folders, environment);
    let file = settings.as_ref().map(|settings| settings.logging.file.clone()).ok();
    let log = match (file, &located) {
        (Some(file), _) => Ok(file),
        (None, Ok((instance, folders))) => newest_log(&folders.log, instance),
        (None, Err(error)) => Err(format!("the log folder is not known: {error}")),
    };
    let folders = located.as_ref().map(|(_, folders)| folders).map_err(|error| format!("not known: {error}"));
    let mut sections = vec![
        ("environment.json".to_owned(), Ok(pretty(&variables(environment, secrets)))),
        ("system.json".to_owned(), Ok(pretty(&machine()))),
        ("folders.json".to_owned(), folders.map(|folders| pretty(&listings(folders)))),
        ("log.jsonl".to_owned(), log.and_then(|path| tail(&path))),
    ];
    if let Err(error) = &settings {
        sections.push(("configuration-error.txt".to_owned(), Ok(format!("{error}\n"))));
    }
    sections
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Every variable that means something to us or to the AWS SDK: its value where that is harmless, else that it is set.
fn variables(environment: &Environment, secrets: &Secrets) -> Value {
    let harmless = |name: &str| VARIABLES.iter().any(|variable| variable.name == name);
    let by_key = |name: &str| KEYS.iter().any(|key| key.variable() == name && !key.may_be_secret());
    let prefixes = ["HOSTFACTORY_", "HF_", "EGO", "PRO_", "AWS_", "SSL_", "LC_"];
    let others = [
        "PROVIDER_NAME",
        "TERM",
        "NO_COLOR",
        "HOME",
        "LANG",
        "TZ",
        "PATH",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
    ];
    let mut shown = Map::new();
    for (name, value) in environment.starting_with("") {
        let upper = name.to_ascii_uppercase();
        if !prefixes.iter().any(|prefix| name.starts_with(prefix)) && !others.contains(&upper.as_str()) {
            continue;
        }
        let may_show =
            harmless(name) || by_key(name) || ["LANG", "TZ", "PATH"].contains(&name) || name.starts_with("LC_");
        let value = if may_show { json!(secrets.removed_from(value)) } else { json!("*** (set)") };
        shown.insert(name.to_owned(), value);
    }
    Value::Object(shown)
}

fn machine() -> Value {
    let text = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let lines = |path: &str, wanted: &[&str]| -> Vec<String> {
        let text = text(path).unwrap_or_default();
        text.lines().filter(|line| wanted.iter().any(|word| line.starts_with(word))).map(ToOwned::to_owned).collect()
    };
    json!({
        "os": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "release": lines("/etc/os-release", &["PRETTY_NAME=", "VERSION_ID="]),
        "kernel": text("/proc/sys/kernel/osrelease"),
        "hostName": text("/proc/sys/kernel/hostname"),
        "uptimeAndIdleSeconds": text("/proc/uptime"),
        "load": text("/proc/loadavg"),
        "memory": lines("/proc/meminfo", &["MemTotal", "MemAvailable", "SwapTotal", "SwapFree"]),
        "processors": std::thread::available_parallelism().map(usize::from).ok(),
        "limits": lines("/proc/self/limits", &["Max open files", "Max processes", "Max address space", "Max file size"]),
        "user": lines("/proc/self/status", &["Uid:", "Gid:"]),
        "selinux": text("/sys/fs/selinux/enforce"),
        "certificates": crate::application::settings::SYSTEM_BUNDLES.iter().find(|path| Path::new(path).is_file()),
    })
}

fn listings(folders: &Folders) -> Value {
    let data = folders.work.join("data");
    let named = [("config", &folders.config), ("work", &folders.work), ("data", &data), ("log", &folders.log)];
    let listing = |(name, path): (&str, &PathBuf)| (name.to_owned(), listing(path));
    Value::Object(named.into_iter().map(listing).collect())
}

fn listing(folder: &Path) -> Value {
    let kind = file_system::at(folder).map(|kind| format!("{kind:?}"));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return json!({ "path": folder.display().to_string(), "error": error.to_string() }),
    };
    let mut shown: Vec<Value> = entries.flatten().take(ENTRIES).map(|entry| described(&entry)).collect();
    shown.sort_by_key(|entry| entry["name"].to_string());
    json!({ "path": folder.display().to_string(), "fileSystem": kind, "mode": mode(folder), "entries": shown })
}

fn described(entry: &std::fs::DirEntry) -> Value {
    let metadata = entry.metadata().ok();
    let age = metadata.as_ref().and_then(|found| found.modified().ok()?.elapsed().ok()).map(|age| age.as_secs());
    json!({
        "name": entry.file_name().to_string_lossy(),
        "folder": metadata.as_ref().map(std::fs::Metadata::is_dir),
        "bytes": metadata.as_ref().map(std::fs::Metadata::len),
        "ageSeconds": age,
        "mode": mode(&entry.path()),
    })
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::symlink_metadata(path)
        .ok()
        .map(|found| format!("{:o} {}:{}", found.mode() & 0o7777, found.uid(), found.gid()))
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<String> {
    None
}

/// Returns the log file that was written last, where the configuration does not tell its name.
fn newest_log(folder: &Path, instance: &str) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let prefix = format!("{instance}-hostfactory");
    let logs = entries.flatten().filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with(&prefix) && Path::new(&name).extension().is_some_and(|extension| extension == "log")
    });
    let newest = logs.max_by_key(|entry| entry.metadata().and_then(|found| found.modified()).ok());
    newest.map(|entry| entry.path()).ok_or_else(|| format!("there is no log in {}", folder.display()))
}

/// Returns the end of a log, from a whole line on.
fn tail(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let from = length.saturating_sub(LOG);
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LOG).read_to_end(&mut bytes).map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(if from == 0 { text.into_owned() } else { text.split_once('\n').map_or("", |(_, rest)| rest).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_and_shown_only_where_they_are_harmless() {
        let environment: Environment = [
            ("HF_TOP", "/opt/hf"),
            ("AWS_SECRET_ACCESS_KEY", "canary-1"),
            ("HOSTFACTORY_EVENTS_WEBHOOK_URL", "http://h/canary-2"),
            ("HOSTFACTORY_STORAGE_STRATEGY", "sqlite"),
            ("https_proxy", "http://u:canary-3@p:1"),
            ("HOSTFACTORY_SOMETHING", "canary-4"),
            ("AWS_ENDPOINT_URL", "http://u:canary-5@p:1"),
            ("UNRELATED", "canary-6"),
        ]
        .into_iter()
        .collect();
        let secrets = Secrets::of(&Overrides::default(), &environment);
        let shown = variables(&environment, &secrets);
        assert!(!shown.to_string().contains("canary"), "{shown}");
        assert_eq!((&shown["HF_TOP"], &shown["HOSTFACTORY_STORAGE_STRATEGY"]), (&json!("/opt/hf"), &json!("sqlite")));
        for name in ["AWS_SECRET_ACCESS_KEY", "HOSTFACTORY_EVENTS_WEBHOOK_URL", "https_proxy", "HOSTFACTORY_SOMETHING"]
        {
            assert_eq!(shown[name], "*** (set)", "{name}");
        }
        assert!(shown.get("UNRELATED").is_none());
    }

    #[test]
    fn of_a_long_log_the_end_is_taken_in_whole_lines() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..3000 {
            std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
        }
        let text = tail(file.path()).unwrap();
        assert!(text.len() as u64 <= LOG && text.len() > 2_000_000 && text.starts_with('x'));
        assert!(text.lines().all(|line| line.len() == 999));
        assert!(tail(Path::new("/nonexistent/log")).unwrap_err().contains("/nonexistent/log"));
    }
}
