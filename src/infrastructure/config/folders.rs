//! Who we are and where our files lie (`hostfactory.md` 1.4).
//!
//! Invariant: the current folder is never a default; it only completes a relative path that the operator gave.

use std::path::{Path, PathBuf};

use super::{ConfigurationError, Environment, Origin, env};

/// Folders that the command line names; they go before everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderOptions {
    /// `--config-dir`.
    pub config: Option<PathBuf>,
    /// `--work-dir`.
    pub work: Option<PathBuf>,
    /// `--log-dir`.
    pub log: Option<PathBuf>,
}

/// The three folders of a provider instance, absolute, and where each was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Configuration and templates. Nothing is ever written here.
    pub config: PathBuf,
    /// State.
    pub work: PathBuf,
    /// Logs.
    pub log: PathBuf,
    /// Who named them, in the same order.
    pub(super) origins: [Origin; 3],
}

const LONGEST_NAME: usize = 64;

/// Finds the instance's name and its folders.
///
/// # Errors
/// [`ConfigurationError::Missing`] with every variable that was looked at, or [`ConfigurationError::Invalid`] for a
/// name that cannot be one or a configuration folder that is not there.
pub(in crate::infrastructure) fn resolve(
    options: &FolderOptions,
    environment: &Environment,
) -> Result<(String, Folders), ConfigurationError> {
    let named = given_name(environment)?;
    let (config, config_origin) = config_folder(options, environment, named.as_deref().unwrap_or("aws"))?;
    let instance = named.unwrap_or_else(|| name_from(&config));
    let (work, work_origin) = work_folder(options, environment, &instance)?;
    let log = first(
        options.log.as_deref(),
        environment,
        &[env::LOG_DIR, env::HF_PROVIDER_LOGDIR, env::PRO_LSF_LOGDIR, env::HF_LOGDIR],
    )?;
    let (log, log_origin) = log.unwrap_or_else(|| (work.clone(), work_origin.clone()));
    Ok((instance, Folders { config, work, log, origins: [config_origin, work_origin, log_origin] }))
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn given_name(environment: &Environment) -> Result<Option<String>, ConfigurationError> {
    for variable in [env::HF_PROVIDER_NAME, env::PROVIDER_NAME] {
        let Some(name) = environment.get(variable) else { continue };
        if !is_name(name) {
            let reason = format!(
                "'{}' is not the name of a provider instance; it takes 1 to {LONGEST_NAME} of 0-9 A-Z a-z _ -",
                super::text::short(name)
            );
            return Err(ConfigurationError::invalid(variable, "environment", reason));
        }
        return Ok(Some(name.to_owned()));
    }
    Ok(None)
}

/// The last part of the configuration folder; a `conf` at its end belongs to the layout, not to the name.
fn name_from(config: &Path) -> String {
    let last = if config.ends_with("conf") { config.parent().unwrap_or(config) } else { config };
    let name = last.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name));
    name.unwrap_or("aws").to_owned()
}

fn absolute(path: &Path, origin: &Origin) -> Result<PathBuf, ConfigurationError> {
    std::path::absolute(path)
        .map_err(|error| ConfigurationError::invalid(path.display().to_string(), origin, error.to_string()))
}

/// The first of these that is set.
fn first(
    option: Option<&Path>,
    environment: &Environment,
    variables: &[&'static str],
) -> Result<Option<(PathBuf, Origin)>, ConfigurationError> {
    if let Some(path) = option {
        return Ok(Some((absolute(path, &Origin::CommandLine)?, Origin::CommandLine)));
    }
    for variable in variables {
        if let Some(path) = environment.get(variable) {
            let origin = Origin::Variable((*variable).to_owned());
            return Ok(Some((absolute(Path::new(path), &origin)?, origin)));
        }
    }
    Ok(None)
}

fn config_folder(
    options: &FolderOptions,
    environment: &Environment,
    instance: &str,
) -> Result<(PathBuf, Origin), ConfigurationError> {
    let own = first(options.config.as_deref(), environment, &[env::CONFIG_DIR])?;
    let (folder, origin) = if let Some(own) = own {
        own
    } else if let Some((folder, origin)) = first(None, environment, &[env::HF_PROVIDER_CONFDIR])? {
        (if holds_json(&folder) { folder } else { conf_below(folder) }, origin)
    } else if let Some((folder, origin)) = first(None, environment, &[env::PRO_CONF_DIR])? {
        (conf_below(folder), origin)
    } else if let Some((folder, origin)) = first(None, environment, &[env::HF_CONFDIR])? {
        (folder.join("providers").join(instance), origin)
    } else {
        return Err(missing(
            "the configuration folder",
            "--config-dir",
            &[env::CONFIG_DIR, env::HF_PROVIDER_CONFDIR, env::PRO_CONF_DIR, env::HF_CONFDIR],
        ));
    };
    if !folder.is_dir() {
        let reason = "there is no such folder; it holds the configuration and the templates of the provider instance";
        return Err(ConfigurationError::invalid(folder.display().to_string(), origin, reason));
    }
    Ok((folder, origin))
}

fn conf_below(folder: PathBuf) -> PathBuf {
    let child = folder.join("conf");
    if child.is_dir() { child } else { folder }
}

fn holds_json(folder: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(folder) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|ending| ending == "json")))
}

fn work_folder(
    options: &FolderOptions,
    environment: &Environment,
    instance: &str,
) -> Result<(PathBuf, Origin), ConfigurationError> {
    const CHAIN: [&str; 3] = [env::WORK_DIR, env::HF_PROVIDER_WORKDIR, env::PRO_DATA_DIR];
    if let Some(found) = first(options.work.as_deref(), environment, &CHAIN)? {
        return Ok(found);
    }
    let Some((folder, origin)) = first(None, environment, &[env::HF_WORKDIR])? else {
        let variables = [CHAIN[0], CHAIN[1], CHAIN[2], env::HF_WORKDIR];
        return Err(missing("the work folder", "--work-dir", &variables));
    };
    let folder = folder.join("providers").join(instance);
    // Releases that set only the global folder expect the plug-in to make its own below it.
    std::fs::create_dir_all(&folder).map_err(|error| ConfigurationError::unreadable(&folder, error))?;
    Ok((folder, origin))
}

fn missing(what: &str, option: &str, variables: &[&str]) -> ConfigurationError {
    let looked_in = std::iter::once(option).chain(variables.iter().copied()).map(str::to_owned).collect();
    ConfigurationError::Missing { key: what.to_owned(), looked_in }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Site {
        root: tempfile::TempDir,
    }

    impl Site {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            for folder in ["hf/providers/awsinst", "hf/providers/aws", "lsf/conf", "old/blue/conf", "own"] {
                std::fs::create_dir_all(root.path().join(folder)).unwrap();
            }
            std::fs::File::create(root.path().join("own/config.json")).unwrap();
            Self { root }
        }

        fn resolve(&self, variables: &[(&str, &str)]) -> Result<(String, Folders), ConfigurationError> {
            let place = |text: &str| text.replace('@', self.root.path().to_str().unwrap());
            let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), place(value))).collect();
            resolve(&FolderOptions::default(), &environment)
        }

        fn shown(&self, variables: &[(&str, &str)]) -> String {
            let (name, folders) = self.resolve(variables).unwrap();
            let root = format!("{}/", self.root.path().display());
            [&folders.config, &folders.work, &folders.log]
                .iter()
                .fold(name, |text, path| format!("{text} {}", path.display().to_string().replace(&root, "")))
        }
    }

    #[test]
    fn every_chain_of_variables_is_followed_in_its_order() {
        let site = Site::new();
        for (variables, expected) in [
            (
                &[
                    ("HF_PROVIDER_NAME", "awsinst"),
                    ("HF_PROVIDER_CONFDIR", "@/own"),
                    ("HF_PROVIDER_WORKDIR", "@/w"),
                    ("HF_PROVIDER_LOGDIR", "@/l"),
                    ("HF_CONFDIR", "@/hf"),
                    ("HF_WORKDIR", "@/x"),
                    ("HF_LOGDIR", "@/y"),
                ] as &[(&str, &str)],
                "awsinst own w l",
            ),
            (
                &[("PROVIDER_NAME", "awsinst"), ("HF_CONFDIR", "@/hf"), ("HF_WORKDIR", "@/x"), ("HF_LOGDIR", "@/y")],
                "awsinst hf/providers/awsinst x/providers/awsinst y",
            ),
            (&[("HF_CONFDIR", "@/hf"), ("HF_WORKDIR", "@/x")], "aws hf/providers/aws x/providers/aws x/providers/aws"),
            (&[("PRO_CONF_DIR", "@/lsf"), ("PRO_DATA_DIR", "@/d"), ("PRO_LSF_LOGDIR", "@/l")], "lsf lsf/conf d l"),
            (&[("HF_PROVIDER_CONFDIR", "@/old/blue/"), ("HF_PROVIDER_WORKDIR", "@/w")], "blue old/blue/conf w w"),
            (
                &[
                    ("HOSTFACTORY_CONFIG_DIR", "@/own"),
                    ("HOSTFACTORY_WORK_DIR", "@/mine"),
                    ("HOSTFACTORY_LOG_DIR", "@/log"),
                    ("HF_PROVIDER_CONFDIR", "@/nowhere"),
                    ("HF_PROVIDER_WORKDIR", "@/w"),
                    ("HF_PROVIDER_LOGDIR", "@/l"),
                ],
                "own own mine log",
            ),
        ] {
            assert_eq!(site.shown(variables), expected, "{variables:?}");
        }
        assert!(site.root.path().join("x/providers/awsinst").is_dir());
        assert!(!site.root.path().join("w").exists());
    }

    #[test]
    fn the_command_line_goes_first_and_relative_paths_become_absolute() {
        let site = Site::new();
        let options = FolderOptions {
            config: Some(site.root.path().join("own")),
            work: Some(PathBuf::from("some/work")),
            log: None,
        };
        let environment = [("HOSTFACTORY_CONFIG_DIR", "/nowhere"), ("HOSTFACTORY_WORK_DIR", "/w")];
        let (_, folders) = resolve(&options, &environment.into_iter().collect()).unwrap();
        assert!(folders.work.is_absolute() && folders.work.ends_with("some/work"));
        assert_eq!(folders.origins[0], Origin::CommandLine);
    }

    #[test]
    fn nothing_found_names_what_was_looked_at() {
        let site = Site::new();
        let error = site.resolve(&[]).unwrap_err().to_string();
        for word in ["--config-dir", "HOSTFACTORY_CONFIG_DIR", "HF_PROVIDER_CONFDIR", "PRO_CONF_DIR", "HF_CONFDIR"] {
            assert!(error.contains(word), "{error}");
        }
        let error = site.resolve(&[("HF_PROVIDER_CONFDIR", "@/own")]).unwrap_err().to_string();
        assert!(error.contains("the work folder") && error.contains("HF_WORKDIR"), "{error}");
        let error = site.resolve(&[("HF_PROVIDER_CONFDIR", "@/none")]).unwrap_err().to_string();
        assert!(error.contains("HF_PROVIDER_CONFDIR") && error.contains("no such folder"), "{error}");
    }

    #[test]
    fn a_name_that_could_be_a_path_is_refused() {
        let site = Site::new();
        for name in ["../x", "a/b", "a b", "x\ny", &"n".repeat(65)] {
            let error = site.resolve(&[("HF_PROVIDER_NAME", name), ("HF_CONFDIR", "@/hf")]).unwrap_err().to_string();
            assert!(error.starts_with("HF_PROVIDER_NAME (environment)"), "{error}");
        }
    }
}
