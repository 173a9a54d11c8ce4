//! The layers of the configuration, lowest first: defaults, `AWS_…` variables, IBM's file, `config.json`, Host
//! Factory's log variables, `HOSTFACTORY_…` variables, the command line.
//!
//! Invariants: every value is checked in the layer it stands in, also when a higher layer hides it; a key that nobody
//! knows is a warning, never silence.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::{self, Node};
use super::keys::{KEYS, Setting, level_of};
use super::text::{nearest, short};
use super::{ConfigurationError, Environment, Origin, env, ibm, orb};

/// Our own file.
pub(super) const OWN: &str = "config.json";

/// The largest configuration file that is read.
pub(super) const LARGEST: u64 = 1024 * 1024;

/// Values with their origins, one place for each key of [`KEYS`].
#[derive(Debug)]
pub(super) struct Layers {
    values: Vec<Option<(Setting, Origin)>>,
    pub(super) warnings: Vec<String>,
}

/// Reads every layer; with a `draft`, that stands for the text of our own file.
///
/// # Errors
/// [`ConfigurationError`] for the first value or file that cannot be used.
pub(super) fn read(
    folder: &Path,
    instance: &str,
    environment: &Environment,
    command_line: &[(String, String)],
    draft: Option<&str>,
) -> Result<Layers, ConfigurationError> {
    let mut layers = Layers { values: vec![None; KEYS.len()], warnings: Vec::new() };
    layers.take_defaults(folder)?;
    layers.take_cloud_variables(environment, folder)?;
    if let Some(path) = find(folder, instance, "prov_config.json")? {
        with_members(&path, |file, members| ibm::take(&mut layers, file, members))?;
    }
    let own = folder.join(OWN);
    match draft {
        Some(text) => with_members_of(text, &own, |file, members| layers.take_own(file, members))?,
        None if own.exists() => with_members(&own, |file, members| layers.take_own(file, members))?,
        None => {}
    }
    layers.take_variables(environment)?;
    layers.take_command_line(command_line)?;
    layers.take_propagated(environment, folder)?;
    Ok(layers)
}

/// Finds `<instance><ending>`, else `aws<ending>`, else the only file that ends so.
///
/// # Errors
/// [`ConfigurationError::Invalid`] naming them when there are several.
pub(super) fn find(folder: &Path, instance: &str, ending: &str) -> Result<Option<PathBuf>, ConfigurationError> {
    for name in [format!("{instance}{ending}"), format!("aws{ending}")] {
        let path = folder.join(name);
        if path.is_file() {
            return Ok(Some(path));
        }
    }
    let entries = std::fs::read_dir(folder).map_err(|error| ConfigurationError::unreadable(folder, error))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(ending)))
        .collect();
    found.sort();
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => {
            let names: Vec<String> = found
                .iter()
                .filter_map(|path| path.file_name())
                .map(|name| name.to_string_lossy().into_owned())
                .collect();
            let reason = format!(
                "there are several: {}; keep one, or name it {instance}{ending} after the provider instance",
                names.join(", ")
            );
            Err(ConfigurationError::invalid(format!("*{ending}"), folder.display(), reason))
        }
    }
}

/// A file that is being read.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    path: Arc<PathBuf>,
}

impl SourceFile {
    /// Returns the origin of `key` in this file.
    pub(super) fn origin(&self, key: impl Into<String>) -> Origin {
        Origin::File { path: Arc::clone(&self.path), key: key.into() }
    }

    /// Returns the folder the file lies in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Returns the file's path for messages.
    pub(super) fn shown(&self) -> std::path::Display<'_> {
        self.path.display()
    }
}

type Members<'a> = [(Cow<'a, str>, Node<'a>)];

fn with_members(
    path: &Path,
    take: impl FnOnce(&SourceFile, &Members<'_>) -> Result<(), ConfigurationError>,
) -> Result<(), ConfigurationError> {
    with_members_of(&document::read(path, LARGEST)?, path, take)
}

fn with_members_of(
    text: &str,
    path: &Path,
    take: impl FnOnce(&SourceFile, &Members<'_>) -> Result<(), ConfigurationError>,
) -> Result<(), ConfigurationError> {
    let Node::Object(members) = document::parse(text, path, true)? else {
        return Err(ConfigurationError::invalid("the whole file", path.display(), "is not a JSON object"));
    };
    take(&SourceFile { path: Arc::new(path.to_owned()) }, &members)
}

fn index_of(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.name == name)
}

impl Layers {
    /// Returns the value in force.
    pub(super) fn get(&self, name: &str) -> Option<&(Setting, Origin)> {
        self.values.get(index_of(name)?)?.as_ref()
    }

    /// Puts a value into the layer that is being read. One that says nothing leaves the lower layer's.
    ///
    /// # Errors
    /// [`ConfigurationError::Invalid`] when the key does not take such a value, or when there is no such key.
    pub(super) fn put(
        &mut self,
        name: &str,
        node: &Node<'_>,
        origin: Origin,
        base: &Path,
    ) -> Result<(), ConfigurationError> {
        let Some((key, slot)) = KEYS.iter().zip(&mut self.values).find(|(key, _)| key.name == name) else {
            return Err(ConfigurationError::invalid(name, origin, "there is no such key"));
        };
        if node.is_unset() && !matches!(node, Node::List(_)) {
            return Ok(());
        }
        let setting = key.kind.read(node, base).map_err(|reason| ConfigurationError::invalid(name, &origin, reason))?;
        *slot = Some((setting, origin));
        Ok(())
    }

    fn take_defaults(&mut self, folder: &Path) -> Result<(), ConfigurationError> {
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            self.put(key.name, &Node::Text(Cow::Borrowed(key.default)), Origin::Default, folder)?;
        }
        Ok(())
    }

    fn take_cloud_variables(&mut self, environment: &Environment, folder: &Path) -> Result<(), ConfigurationError> {
        for (variable, key) in [
            (env::AWS_DEFAULT_REGION, "provider.aws.region"),
            (env::AWS_REGION, "provider.aws.region"),
            (env::AWS_PROFILE, "provider.aws.profile"),
            (env::AWS_ENDPOINT_URL, "provider.aws.endpointUrl"),
            (env::AWS_CA_BUNDLE, "provider.aws.caBundle"),
        ] {
            if let Some(value) = environment.get(variable) {
                self.put(key, &Node::Text(Cow::Borrowed(value)), Origin::Variable(variable.to_owned()), folder)?;
            }
        }
        Ok(())
    }

    /// Takes our own file in. What ORB wrote into a file of the same name is taken first.
    fn take_own(&mut self, file: &SourceFile, members: &Members<'_>) -> Result<(), ConfigurationError> {
        orb::take(self, file, members)?;
        self.take_section("", file, members)
    }

    fn take_section(
        &mut self,
        section: &str,
        file: &SourceFile,
        members: &Members<'_>,
    ) -> Result<(), ConfigurationError> {
        for (key, node) in members.iter().filter(|(key, _)| !key.starts_with(['_', '$'])) {
            let name = if section.is_empty() { key.to_string() } else { format!("{section}.{key}") };
            if index_of(&name).is_some() {
                self.put(&name, node, file.origin(&name), file.folder())?;
                continue;
            }
            let below = format!("{name}.");
            let is_section = KEYS.iter().any(|known| known.name.starts_with(&below));
            match node {
                Node::Object(members) if is_section => self.take_section(&name, file, members)?,
                _ if is_section && !node.is_unset() => {
                    let reason = format!("{} cannot be used; it is a section and takes an object", node.kind());
                    return Err(ConfigurationError::invalid(name, file.origin(key.as_ref()), reason));
                }
                _ if orb::knows(&name) => {}
                _ => self.warn_unknown(&name, &file.shown().to_string()),
            }
        }
        Ok(())
    }

    fn warn_unknown(&mut self, name: &str, place: &str) {
        let hint = match nearest(name, KEYS.iter().map(|key| key.name)) {
            Some(near) => format!("did you mean {near}?"),
            None => "it has no effect".to_owned(),
        };
        self.warnings.push(format!("unknown key {} in {place}; {hint}", short(name)));
    }

    fn take_variables(&mut self, environment: &Environment) -> Result<(), ConfigurationError> {
        let here = std::env::current_dir().unwrap_or_default();
        for (name, value) in environment.starting_with("HOSTFACTORY_") {
            if env::VARIABLES.iter().any(|known| known.name == name) {
                continue;
            }
            if let Some(key) = KEYS.iter().find(|key| key.variable() == name) {
                let origin = Origin::Variable(name.to_owned());
                self.put(key.name, &Node::Text(Cow::Borrowed(value)), origin, &here)?;
            } else {
                let names: Vec<String> = KEYS.iter().map(super::keys::Key::variable).collect();
                let hint = nearest(name, names.iter().map(String::as_str))
                    .map_or("it has no effect".to_owned(), |near| format!("did you mean {near}?"));
                self.warnings.push(format!("unknown variable {}; {hint}", short(name)));
            }
        }
        Ok(())
    }

    fn take_command_line(&mut self, settings: &[(String, String)]) -> Result<(), ConfigurationError> {
        let here = std::env::current_dir().unwrap_or_default();
        for (name, value) in settings {
            if index_of(name).is_none() {
                let hint = nearest(name, KEYS.iter().map(|key| key.name))
                    .map_or(String::new(), |near| format!("; did you mean {near}?"));
                let reason = format!("there is no such key{hint}");
                return Err(ConfigurationError::invalid(short(name), Origin::CommandLine, reason));
            }
            self.put(name, &Node::Text(Cow::Borrowed(value)), Origin::CommandLine, &here)?;
        }
        Ok(())
    }

    /// Takes Host Factory's log settings in: above the files, below what is ours in the environment and on the command
    /// line. They are for every provider of the site, so a value that makes no sense is a warning and no more.
    fn take_propagated(&mut self, environment: &Environment, folder: &Path) -> Result<(), ConfigurationError> {
        if matches!(self.get("logging.acceptPropagated"), Some((Setting::Flag(false), _))) {
            return Ok(());
        }
        let level = [env::HF_LOG_LEVEL, env::HF_LOGLEVEL].map(|variable| (variable, "logging.level"));
        let size = (env::HF_LOG_MAX_FILE_SIZE, "logging.maxFileSizeMb");
        let count = (env::HF_LOG_MAX_ROTATE, "logging.maxFiles");
        let mut taken: Option<&str> = None;
        for (variable, name) in [level[1], level[0], size, count] {
            let Some(value) = environment.get(variable) else { continue };
            let ours = match self.get(name) {
                Some((_, Origin::Variable(_) | Origin::CommandLine)) => true,
                Some((_, Origin::Default | Origin::File { .. })) | None => false,
            };
            if ours || taken == Some(name) {
                continue;
            }
            let value = if name == "logging.level" { level_of(value).unwrap_or(value) } else { value };
            let origin = Origin::Variable(variable.to_owned());
            match self.put(name, &Node::Text(Cow::Borrowed(value)), origin, folder) {
                Ok(()) => taken = Some(name),
                Err(error @ ConfigurationError::Invalid { .. }) => self.warnings.push(format!("set aside: {error}")),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
