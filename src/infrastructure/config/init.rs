//! A new installation: its folders, `config.json`, a template file, and what registers it with Host Factory.
//!
//! Invariants: what is written was read as a whole first; no file that is there is replaced; when anything fails, nothing of
//! it is left.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::layers::OWN;
use super::site::{Made, PLUGINS, PROVIDERS, Registration, SCRIPTS};
use super::templates::FileCatalogue;
use super::{ConfigurationError, Environment, Folders, Overrides, Settings, folders};
use crate::application::ports::{InstanceTypes, TemplateCatalogue};
use crate::infrastructure::files;

/// What a new installation is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The configuration.
    pub config: Value,
    /// The template file.
    pub templates: Value,
    /// The schemas of both, each with its path from the configuration folder; one that is there already stays as it is.
    pub schemas: Vec<(&'static str, Value)>,
    /// Where the scripts go that Host Factory runs; `None` writes none.
    pub scripts: Option<PathBuf>,
    /// Where the files go that register it; `None` writes none.
    pub registration: Option<PathBuf>,
}

/// A new installation.
#[derive(Debug)]
pub struct NewSite {
    /// The instance's name.
    pub instance: String,
    /// Its folders.
    pub folders: Folders,
    /// Everything that was written.
    pub files: Vec<PathBuf>,
    /// What registers it.
    pub registration: Registration,
}

/// Makes the folders that are named and not there, and all files.
///
/// # Errors
/// [`ConfigurationError`] when a file is there already, cannot be used or cannot be written; nothing is there then that was
/// not before.
pub fn lay_out(
    overrides: &Overrides,
    environment: &Environment,
    site: &Site,
    types: Arc<dyn InstanceTypes>,
) -> Result<NewSite, ConfigurationError> {
    let named = &overrides.folders;
    let mut made = Made::default();
    for folder in [&named.config, &named.work, &named.log].into_iter().flatten() {
        made.folder(folder)?;
    }
    let (instance, folders) = folders::resolve(named, environment)?;
    let absolute =
        |folder: &PathBuf| std::path::absolute(folder).map_err(|error| ConfigurationError::unreadable(folder, error));
    let scripts = site.scripts.as_ref().map(absolute).transpose()?;
    let registered = site.registration.as_ref().map(absolute).transpose()?;
    let registration = Registration::of(&instance, &folders, scripts.as_deref());
    let own = folders.config.join(OWN);
    let template_file = folders.config.join(format!("{instance}prov_templates.json"));
    let programs: Vec<(PathBuf, &str)> =
        scripts.iter().flat_map(|folder| SCRIPTS.map(|(name, text)| (folder.join(name), text))).collect();
    let entries: Vec<(PathBuf, &Value)> = registered
        .iter()
        .flat_map(|folder| {
            [(folder.join(PLUGINS), &registration.plugins), (folder.join(PROVIDERS), &registration.providers)]
        })
        .collect();
    let all = [&own, &template_file].into_iter().chain(programs.iter().map(|one| &one.0));
    for path in all.chain(entries.iter().map(|one| &one.0)) {
        // A link that leads nowhere is something too.
        if path.symlink_metadata().is_ok() {
            return Err(taken(path));
        }
    }
    let (config, templates) = (format!("{:#}\n", site.config), format!("{:#}\n", site.templates));
    let settings = Settings::load_with(overrides, environment, Some(&config))?;
    let draft = files::temporary_beside(&template_file).map_err(|error| ConfigurationError::unreadable(&own, error))?;
    files::replace_shared(draft.path(), templates.as_bytes(), None)
        .map_err(|error| ConfigurationError::unreadable(&template_file, error))?;
    judge(draft.path(), &folders, &instance, &settings, types, &template_file)?;
    drop(draft);
    for folder in [&scripts, &registered].into_iter().flatten() {
        made.folder(folder)?;
    }
    made.file(&own, &config)?;
    made.file(&template_file, &templates)?;
    for (place, schema) in &site.schemas {
        let path = folders.config.join(place);
        made.folder(path.parent().unwrap_or(&folders.config))?;
        if !path.exists() {
            made.file(&path, &format!("{schema:#}\n"))?;
        }
    }
    for (path, text) in &programs {
        made.program(path, text)?;
    }
    for (path, document) in &entries {
        made.file(path, &format!("{document:#}\n"))?;
    }
    Ok(NewSite { instance, folders, files: made.keep(), registration })
}

/// Refuses a template file in which not every template can be used.
fn judge(
    draft: &Path,
    folders: &Folders,
    instance: &str,
    settings: &Settings,
    types: Arc<dyn InstanceTypes>,
    shown: &Path,
) -> Result<(), ConfigurationError> {
    let (kind, how) = (settings.provider_kind, settings.templates.clone());
    let catalogue = FileCatalogue::new(folders.config.clone(), instance.to_owned(), kind, how, types);
    let refused = |reason: String| ConfigurationError::invalid("templates", shown.display(), reason);
    let review = catalogue.review(Some(draft)).map_err(|error| refused(error.to_string()))?;
    match review.refused.first() {
        Some(template) => Err(refused(format!("{}: {}", template.id, template.reason))),
        None => Ok(()),
    }
}

fn taken(path: &Path) -> ConfigurationError {
    let reason = "is there already and is not replaced; name another folder, or change it with hostfactory config set";
    ConfigurationError::invalid("the file", path.display(), reason)
}

/// Writes a file that is not there yet.
///
/// # Errors
/// [`ConfigurationError`] when it is, or cannot be written.
pub fn write_new(path: &Path, text: &str) -> Result<(), ConfigurationError> {
    match files::create_atomic(path, text.as_bytes()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(taken(path)),
        Err(error) => Err(ConfigurationError::unreadable(path, error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::infrastructure::config::FolderOptions;
    use crate::infrastructure::instance_types::KnownInstanceTypes;

    fn site(config: &Value, template: &Value) -> Site {
        let templates = json!({ "templates": [template] });
        let schemas = vec![("schemas/config.schema.json", json!({ "title": "a" }))];
        Site { config: config.clone(), templates, schemas, scripts: None, registration: None }
    }

    fn laid_out(root: &Path, site: &Site) -> Result<Vec<PathBuf>, ConfigurationError> {
        let folder = |name: &str| Some(root.join(name));
        let folders = FolderOptions { config: folder("grid/conf"), work: folder("grid/work"), log: folder("grid/log") };
        let overrides = Overrides { folders, settings: Vec::new() };
        let types = Arc::new(KnownInstanceTypes::new(""));
        lay_out(&overrides, &Environment::default(), site, types).map(|made| made.files)
    }

    fn simulated() -> (Value, Value) {
        let template = json!({"templateId": "A", "maxNumber": 1, "attributes":
            {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1"]}});
        (json!({"provider": {"type": "simulated"}}), template)
    }

    /// Everything below a folder.
    fn below(root: &Path) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_new_installation_is_read_before_it_is_written_and_never_replaces_one() {
        let root = tempfile::tempdir().unwrap();
        let (config, template) = simulated();
        let wrong = json!({"storage": {"strategy": "paper"}});
        let refused = laid_out(root.path(), &site(&wrong, &template)).unwrap_err();
        assert!(refused.to_string().contains("storage.strategy"), "{refused}");
        let refused =
            laid_out(root.path(), &site(&config, &json!({"templateId": "A", "maxNumber": "many"}))).unwrap_err();
        assert!(refused.to_string().contains("maxNumber"), "{refused}");
        assert_eq!(below(root.path()), Vec::<PathBuf>::new(), "not even a folder is left");
        let files = laid_out(root.path(), &site(&config, &template)).unwrap();
        assert!(files.iter().all(|file| file.is_file()), "{files:?}");
        assert!(files[1].ends_with("gridprov_templates.json"), "{files:?}");
        let schema = std::fs::read_to_string(root.path().join("grid/conf/schemas/config.schema.json")).unwrap();
        assert_eq!(schema, "{\n  \"title\": \"a\"\n}\n");
        let refused = laid_out(root.path(), &site(&config, &template)).unwrap_err();
        assert!(refused.to_string().contains("there already"), "{refused}");
    }

    #[test]
    fn scripts_and_registration_lie_where_they_are_told_to_and_name_each_other() {
        let root = tempfile::tempdir().unwrap();
        let (config, template) = simulated();
        let (scripts, registration) = (root.path().join("grid/scripts"), root.path().join("grid/registration"));
        let whole = Site {
            scripts: Some(scripts.clone()),
            registration: Some(registration.clone()),
            ..site(&config, &template)
        };
        let files = laid_out(root.path(), &whole).unwrap();
        assert_eq!(files.len(), 10, "{files:?}");
        let read = |name: &str| -> Value {
            serde_json::from_str(&std::fs::read_to_string(registration.join(name)).unwrap()).unwrap()
        };
        let plugins = read(PLUGINS);
        assert_eq!(plugins["providerplugins"][0]["scriptPath"], json!(format!("{}/", scripts.display())));
        let provider = read(PROVIDERS)["providers"][0].clone();
        assert_eq!((&provider["name"], &provider["plugin"]), (&json!("grid"), &plugins["providerplugins"][0]["name"]));
        assert!(provider["confPath"].as_str().unwrap().ends_with("grid/conf/"), "{provider}");
        for (name, text) in SCRIPTS {
            let path = scripts.join(name);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755, "{name}");
            }
        }
    }

    #[test]
    fn what_is_in_the_way_is_named_and_nothing_half_made_is_left() {
        let root = tempfile::tempdir().unwrap();
        let (config, template) = simulated();
        let scripts = root.path().join("scripts");
        let whole = Site { scripts: Some(scripts.clone()), ..site(&config, &template) };
        #[expect(clippy::disallowed_methods, reason = "a file of a test")]
        let in_the_way = |name: &str| {
            std::fs::create_dir_all(&scripts).unwrap();
            std::fs::write(scripts.join(name), "mine").unwrap();
        };
        in_the_way("getRequestStatus.sh");
        in_the_way("getRequestStatus.bat");
        let before = below(root.path());
        let refused = laid_out(root.path(), &whole).unwrap_err();
        assert!(refused.to_string().contains("getRequestStatus"), "{refused}");
        assert_eq!(below(root.path()), before);
        // A file where a folder has to be stops it after other things were made.
        let under_a_file = scripts.join("getRequestStatus.sh").join("registration");
        let whole = Site { scripts: None, registration: Some(under_a_file), ..whole };
        assert!(laid_out(root.path(), &whole).is_err());
        assert_eq!(below(root.path()), before);
    }
}
