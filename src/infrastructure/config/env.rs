//! The environment: every variable that is read, and the one place that reads them.
//!
//! Invariant: a value is read once, when the process starts, and never shown by `Debug`.

use std::collections::BTreeMap;
use std::fmt;

use super::ConfigurationError;

/// A variable that is read, and what for.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it decides.
    pub meaning: &'static str,
}

macro_rules! variables {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning]
        pub(crate) const $constant: &str = $name;)*

        /// Every variable that is read, besides one `HOSTFACTORY_…` for each configuration key.
        pub const VARIABLES: &[Variable] = &[
            Variable { name: "HOSTFACTORY_BIN", meaning: "The program that the wrapper scripts run; the program itself does not read it." },
            // The command line asks for these by name.
            Variable { name: "NO_COLOR", meaning: "Unless it is empty, answers for people have no colours on a terminal either." },
            Variable { name: "TERM", meaning: "With `dumb`, answers for people have no colours." },
            $(Variable { name: $name, meaning: $meaning }),*
        ];
    };
}

variables! {
    CONFIG_DIR = "HOSTFACTORY_CONFIG_DIR", "The configuration folder, before anything Host Factory says.";
    WORK_DIR = "HOSTFACTORY_WORK_DIR", "The work folder, before anything Host Factory says.";
    LOG_DIR = "HOSTFACTORY_LOG_DIR", "The log folder, before anything Host Factory says.";
    HF_PROVIDER_NAME = "HF_PROVIDER_NAME", "The name of the provider instance.";
    HF_PROVIDER_CONFDIR = "HF_PROVIDER_CONFDIR", "The configuration folder of the instance, or the parent of its `conf`.";
    HF_PROVIDER_WORKDIR = "HF_PROVIDER_WORKDIR", "The work folder of the instance.";
    HF_PROVIDER_LOGDIR = "HF_PROVIDER_LOGDIR", "The log folder of the instance.";
    HF_TOP = "HF_TOP", "Where Host Factory is installed; `hostfactory doctor` looks below it.";
    HF_CONFDIR = "HF_CONFDIR", "Host Factory's configuration folder; the instance's is `providers/<name>` below it.";
    HF_WORKDIR = "HF_WORKDIR", "Host Factory's work folder; the instance's is `providers/<name>` below it.";
    HF_LOGDIR = "HF_LOGDIR", "Host Factory's log folder.";
    HF_LOGLEVEL = "HF_LOGLEVEL", "Host Factory's log level, such as `LOG_INFO`.";
    HF_LOG_LEVEL = "HF_LOG_LEVEL", "An older name of `HF_LOGLEVEL`.";
    HF_LOG_MAX_FILE_SIZE = "HF_LOG_MAX_FILE_SIZE", "The size in MB at which a log file is rotated.";
    HF_LOG_MAX_ROTATE = "HF_LOG_MAX_ROTATE", "How many rotated log files are kept.";
    HF_PROVIDER_ACTION_TIMEOUT = "HF_PROVIDER_ACTION_TIMEOUT", "The seconds Host Factory gives one call; ours are fewer.";
    EGOSC_INSTANCE_HOST = "EGOSC_INSTANCE_HOST", "The host that Host Factory runs on; part of the log file's name.";
    PROVIDER_NAME = "PROVIDER_NAME", "The name of the provider instance (LSF, older releases).";
    PRO_CONF_DIR = "PRO_CONF_DIR", "The configuration folder, or the parent of its `conf` (LSF).";
    PRO_DATA_DIR = "PRO_DATA_DIR", "The work folder (LSF).";
    PRO_LSF_LOGDIR = "PRO_LSF_LOGDIR", "The log folder (LSF).";
    AWS_REGION = "AWS_REGION", "The region, when no configuration names one.";
    AWS_DEFAULT_REGION = "AWS_DEFAULT_REGION", "The region, when neither configuration nor `AWS_REGION` names one.";
    AWS_PROFILE = "AWS_PROFILE", "The profile of the shared AWS configuration, when no configuration names one.";
    AWS_ENDPOINT_URL = "AWS_ENDPOINT_URL", "The AWS endpoint, when no configuration names one.";
    AWS_CA_BUNDLE = "AWS_CA_BUNDLE", "A PEM file of certificates to trust, when no configuration names one.";
    HOME = "HOME", "What `~` stands for in the path of a boot script.";
}

/// What the process was started with. Tests build one by hand.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    values: BTreeMap<String, String>,
    /// Known variables whose value is not Unicode text.
    unreadable: Vec<String>,
}

impl Environment {
    /// Returns the environment of this process.
    pub fn capture() -> Self {
        let mut captured = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => {
                    captured.values.insert(name, value);
                }
                Err(_) if is_ours(&name) => captured.unreadable.push(name),
                Err(_) => {}
            }
        }
        captured
    }

    /// Returns the value of a variable; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Returns every variable whose name starts with `prefix`, empty ones left out.
    pub fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.trim()))
            .filter(|(_, value)| !value.is_empty())
    }

    /// Refuses an environment in which a variable that we read is not Unicode text.
    ///
    /// # Errors
    /// [`ConfigurationError::Invalid`] for the first of them.
    pub fn check(&self) -> Result<(), ConfigurationError> {
        match self.unreadable.first() {
            Some(name) => Err(ConfigurationError::invalid(name, "environment", "its value is not UTF-8 text")),
            None => Ok(()),
        }
    }
}

fn is_ours(name: &str) -> bool {
    name.starts_with("HOSTFACTORY_") || VARIABLES.iter().any(|variable| variable.name == name)
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let values = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, unreadable: Vec::new() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_not_set_and_values_do_not_show() {
        let environment: Environment =
            [("A", ""), ("B", " x "), ("HOSTFACTORY_A", "1"), ("HOSTFACTORY_B", ""), ("I", "2")].into_iter().collect();
        assert_eq!((environment.get("A"), environment.get("B"), environment.get("C")), (None, Some("x"), None));
        assert_eq!(environment.starting_with("HOSTFACTORY_").collect::<Vec<_>>(), [("HOSTFACTORY_A", "1")]);
        assert_eq!(format!("{environment:?}"), "Environment(5 variables)");
    }

    #[test]
    fn the_process_environment_is_captured() {
        assert!(Environment::capture().get("PATH").is_some());
    }

    #[test]
    fn no_variable_is_listed_twice() {
        let mut names: Vec<_> = VARIABLES.iter().map(|variable| variable.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), VARIABLES.len());
    }
}
