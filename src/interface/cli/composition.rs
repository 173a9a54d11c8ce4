//! What the command line needs from the composition root.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::output;
use super::screen::Terminal;
use crate::application::budget::Budget;
use crate::application::bus::Catalogue;
use crate::application::ports::Finding;
use crate::domain::template::InstanceShape;

/// Options of the command line that decide how the application is composed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartOptions {
    /// `--config-dir`.
    pub config_dir: Option<PathBuf>,
    /// `--work-dir`.
    pub work_dir: Option<PathBuf>,
    /// `--log-dir`.
    pub log_dir: Option<PathBuf>,
    /// `--set section.key=value`, in order.
    pub settings: Vec<(String, String)>,
}

/// A composed application.
#[derive(Debug)]
pub struct Started<M> {
    /// The components.
    pub module: M,
    /// The time a call has, counted from the start of the process.
    pub budget: Budget,
    /// What the operator should know and the log could not take, for standard error.
    pub hint: Option<String>,
}

/// The application could not be composed. The text names the cause and the key or file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// The whole chain of causes, for people.
    pub message: String,
}

/// What was changed in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// The file.
    pub path: PathBuf,
    /// Its former state, if there was one.
    pub former: Option<PathBuf>,
    /// The value in force before, secrets masked.
    pub before: Option<Value>,
    /// The value in force now.
    pub after: Option<Value>,
    /// Where that comes from: a variable may go before the file.
    pub origin: Option<String>,
    /// What is odd about the configuration and can be lived with.
    pub warnings: Vec<String>,
}

/// The files of a new installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The configuration.
    pub config: Value,
    /// The template file.
    pub templates: Value,
    /// The schemas of both, each with its path from the configuration folder.
    pub schemas: Vec<(&'static str, Value)>,
    /// Where the scripts go that Host Factory runs; `None` writes none.
    pub scripts: Option<PathBuf>,
    /// Where the files go that register the installation; `None` writes none.
    pub registration: Option<PathBuf>,
}

/// A new installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaidOut {
    /// The provider instance's name.
    pub instance: String,
    /// The configuration folder.
    pub config: PathBuf,
    /// The work folder.
    pub work: PathBuf,
    /// The log folder.
    pub log: PathBuf,
    /// The files that were written.
    pub files: Vec<PathBuf>,
    /// The document that registers the plug-in, `hostProviderPlugins.json`.
    pub plugins: Value,
    /// The document that registers the instance, `hostProviders.json`.
    pub providers: Value,
}

/// An application that is of no installation.
#[derive(Debug)]
pub struct Apart<M> {
    /// The application.
    pub started: Started<M>,
    /// Keeps its folders, which go with it.
    pub folders: Box<dyn fmt::Debug>,
}

/// A part of a support bundle: its file's name, and its text or why there is none.
pub type Section = (String, Result<String, String>);

/// A support bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Its size.
    pub bytes: u64,
    /// The names of the files in it.
    pub files: Vec<String>,
    /// What could not be had, and why.
    pub missing: Vec<(String, String)>,
}

/// Composes the application. `bootstrap` is the one implementation outside tests.
pub trait Composition {
    /// The composed application.
    type Module: Catalogue;

    /// Reads the configuration, starts the log and composes the application; opens no store and builds no client.
    ///
    /// # Errors
    /// [`StartError`] when the configuration cannot be used.
    fn start(&self, options: &StartOptions) -> Result<Started<Self::Module>, StartError>;

    /// Composes an application from these settings alone, over folders of its own that go with it: for questions to a cloud
    /// before there is an installation. Starts no log.
    ///
    /// # Errors
    /// [`StartError`] when the settings cannot be used.
    fn start_apart(&self, settings: &[(String, String)]) -> Result<Apart<Self::Module>, StartError>;

    /// Returns the configuration in force as one JSON document, secrets masked; with `origins`, each value with the
    /// place it came from.
    ///
    /// # Errors
    /// [`StartError`] when the configuration cannot be used.
    fn configuration(&self, options: &StartOptions, origins: bool) -> Result<Value, StartError>;

    /// Returns whether this is a key of the configuration, at least by its section.
    fn is_setting(&self, key: &str) -> bool;

    /// Returns the value in force of one key, secrets masked, and where it comes from; `None` when it is set nowhere.
    ///
    /// # Errors
    /// [`StartError`] when there is no such key, or the configuration cannot be used.
    fn configured(&self, options: &StartOptions, key: &str) -> Result<Option<(Value, String)>, StartError>;

    /// Sets one key in our own configuration file, once the whole configuration was found usable with it. An empty value
    /// removes the key from the file.
    ///
    /// # Errors
    /// [`StartError`] when the configuration could not be used with it, or the file cannot be replaced. Nothing has changed
    /// then.
    fn configure(&self, options: &StartOptions, key: &str, value: &str) -> Result<Configured, StartError>;

    /// Makes the folders of a new installation and its files, once all were found usable.
    ///
    /// # Errors
    /// [`StartError`] when one of the files is there already, or cannot be used or written; nothing is there then that was
    /// not before.
    fn lay_out(&self, options: &StartOptions, draft: &Draft) -> Result<LaidOut, StartError>;

    /// Returns the JSON Schema of `config.json`.
    fn config_schema(&self) -> Value;

    /// Returns the JSON Schema of template files.
    fn template_schema(&self) -> Value;

    /// Returns the instance types that this program ships.
    fn instance_types(&self) -> Vec<InstanceShape>;

    /// Writes a file that is not there yet.
    ///
    /// # Errors
    /// [`StartError`] when it is, or cannot be written.
    fn write_new(&self, path: &Path, text: &str) -> Result<(), StartError>;

    /// Returns what is found about configuration, folders and registration, whether or not they are in order.
    fn examine(&self, options: &StartOptions) -> Vec<Finding>;

    /// Puts these parts, and what this host tells by itself, into a new support bundle at `path`, known secrets masked.
    ///
    /// # Errors
    /// [`StartError`] when there is a file already, or it cannot be written.
    fn bundle(&self, options: &StartOptions, path: &Path, sections: Vec<Section>) -> Result<Bundle, StartError>;

    /// Returns the value of a variable of the environment that decides how answers look.
    fn variable(&self, name: &str) -> Option<String>;

    /// Returns what the process was started in.
    fn terminal(&self) -> Terminal {
        output::terminal(|name| self.variable(name))
    }

    /// Writes an error to the log, if one was started.
    fn log_failure(&self, message: &str);
}
