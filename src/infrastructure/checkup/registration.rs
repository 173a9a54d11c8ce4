//! The files by which Host Factory knows the plug-in and this instance of it (`hostfactory.md` 1.5).

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::application::ports::Finding;
use crate::infrastructure::config::{self, Environment};
use crate::infrastructure::files;

const SCRIPTS: [&str; 5] =
    ["getAvailableTemplates", "requestMachines", "getRequestStatus", "requestReturnMachines", "getReturnRequests"];
const LARGEST: u64 = 1 << 20;
const PLUGINS: &str = "hostProviderPlugins.json";
const PROVIDERS: &str = "hostProviders.json";
const INSTANCE: &str = "registration: instance";
const PLUGIN: &str = "registration: plug-in";
const SCRIPT: &str = "registration: scripts";

/// Looks for this instance and its plug-in in Host Factory's own files, where their folder is known.
pub(super) fn examined(instance: &str, folder: &Path, environment: &Environment) -> Vec<Finding> {
    let Some(conf) = conf_folder(folder, environment) else {
        let why = "not looked at: HF_CONFDIR and HF_TOP are not set, so Host Factory's own folder is not known";
        return vec![Finding::skipped("registration", why)];
    };
    let providers = conf.join("providers").join(PROVIDERS);
    let (entry, finding) = match entry(&providers, "providers", instance) {
        Ok(entry) => {
            let finding = judged_instance(&entry, &providers, folder, environment);
            (Some(entry), finding)
        }
        Err(found) => (None, unregistered(INSTANCE, found, &providers)),
    };
    let mut findings = vec![finding];
    let Some(plugin) = entry.as_ref().and_then(|entry| entry.get("plugin")).and_then(Value::as_str) else {
        let why = "not looked at: the instance names no plug-in";
        findings.extend([PLUGIN, SCRIPT].map(|name| Finding::skipped(name, why)));
        return findings;
    };
    let plugins = conf.join("providerplugins").join(PLUGINS);
    match self::entry(&plugins, "providerplugins", plugin) {
        Err(found) => {
            findings.push(unregistered(PLUGIN, found, &plugins));
            findings.push(Finding::skipped(SCRIPT, "not looked at: the plug-in is not registered"));
        }
        Ok(entry) => {
            findings.push(switched_on(PLUGIN, plugin, &entry, &plugins));
            findings.push(scripts(&entry, environment));
        }
    }
    findings
}

/// Returns Host Factory's folder of configurations.
fn conf_folder(folder: &Path, environment: &Environment) -> Option<PathBuf> {
    if let Some(conf) = environment.get(config::HF_CONFDIR) {
        return Some(conf.into());
    }
    if let Some(top) = environment.get(config::HF_TOP) {
        return Some(Path::new(top).join("conf"));
    }
    let above = folder.parent().filter(|above| above.join(PROVIDERS).is_file())?;
    above.parent().map(Path::to_owned)
}

/// Returns the entry of this name in a list of one of Host Factory's files.
fn entry(path: &Path, list: &str, name: &str) -> Result<Value, String> {
    let bytes = files::read_limited(path, LARGEST).map_err(|error| error.to_string())?;
    let document: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("{} is not JSON: {error}", path.display()))?;
    let entries = document.get(list).and_then(Value::as_array);
    let found = entries.into_iter().flatten().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
    found.cloned().ok_or_else(|| format!("{} has no {name} in {list}", path.display()))
}

fn unregistered(name: &str, found: String, path: &Path) -> Finding {
    let mend = format!(
        "add it to {} (README, Register the plug-in; hostfactory init prints it), then egosh service stop HostFactory and \
         egosh service start HostFactory",
        path.display()
    );
    Finding::failed(name, found, mend)
}

fn switched_on(name: &str, of: &str, entry: &Value, path: &Path) -> Finding {
    if entry.get("enabled").is_none_or(|enabled| enabled == 1 || enabled == true) {
        return Finding::good(name, format!("{of} is in {}", path.display()));
    }
    Finding::failed(name, format!("{of} is switched off"), format!("set \"enabled\": 1 in {}", path.display()))
}

fn judged_instance(entry: &Value, path: &Path, folder: &Path, environment: &Environment) -> Finding {
    let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
    let finding = switched_on(INSTANCE, name, entry, path);
    let named = entry.get("confPath").and_then(Value::as_str).and_then(|text| expanded(text, environment));
    let same = |one: &Path| match (one.canonicalize(), folder.canonicalize()) {
        (Ok(one), Ok(other)) => one == other || one.join("conf") == other,
        _ => false,
    };
    match named {
        Some(named) if !same(&named) => Finding::warning(
            INSTANCE,
            format!("confPath is {}, and this command reads {}", named.display(), folder.display()),
            format!("correct confPath in {}, or run this command with --config-dir", path.display()),
        ),
        Some(_) | None => finding,
    }
}

fn scripts(plugin: &Value, environment: &Environment) -> Finding {
    let named = plugin.get("scriptPath").and_then(Value::as_str);
    let Some(folder) = named.and_then(|text| expanded(text, environment)) else {
        return Finding::skipped(
            SCRIPT,
            format!("scriptPath {} names a variable that is not set", named.unwrap_or("-")),
        );
    };
    let ending = if cfg!(windows) { "bat" } else { "sh" };
    let cannot_run = |path: &PathBuf| !is_program(path);
    let missing: Vec<String> = SCRIPTS
        .iter()
        .map(|script| folder.join(format!("{script}.{ending}")))
        .filter(cannot_run)
        .map(|path| path.display().to_string())
        .collect();
    if missing.is_empty() {
        return Finding::good(SCRIPT, format!("all five are in {}", folder.display()));
    }
    let mend =
        format!("copy the scripts of this program to {} and make them executable (README, Install)", folder.display());
    Finding::failed(SCRIPT, format!("not there, or not executable: {}", missing.join(", ")), mend)
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Returns a path with `${NAME}` replaced; `None` when one of the names is not set.
fn expanded(text: &str, environment: &Environment) -> Option<PathBuf> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}')?;
        whole.push_str(before);
        whole.push_str(environment.get(name)?);
        rest = behind;
    }
    whole.push_str(rest);
    Some(whole.into())
}
