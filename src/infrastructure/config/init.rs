//! A new installation: its folders, `config.json` and a template file.
//!
//! Invariants: what is written was read as a whole first; no file that is there is replaced.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::layers::OWN;
use super::templates::FileCatalogue;
use super::{ConfigurationError, Environment, Folders, Overrides, Settings, folders};
use crate::application::ports::{InstanceTypes, TemplateCatalogue};
use crate::infrastructure::files;

/// Makes the folders that are named and not there, both files, and the schemas that they name, and returns the instance's
/// name, its folders and the files.
///
/// # Errors
/// [`ConfigurationError`] when a file is there already, cannot be used or cannot be written; neither is there then that was
/// not before.
pub fn lay_out(
    overrides: &Overrides,
    environment: &Environment,
    config: &Value,
    templates: &Value,
    schemas: &[(&str, Value)],
    types: Arc<dyn InstanceTypes>,
) -> Result<(String, Folders, Vec<PathBuf>), ConfigurationError> {
    let named = &overrides.folders;
    for folder in [&named.config, &named.work, &named.log].into_iter().flatten() {
        std::fs::create_dir_all(folder).map_err(|error| ConfigurationError::unreadable(folder, error))?;
    }
    let (instance, folders) = folders::resolve(named, environment)?;
    let own = folders.config.join(OWN);
    let template_file = folders.config.join(format!("{instance}prov_templates.json"));
    for path in [&own, &template_file] {
        if path.exists() {
            return Err(taken(path));
        }
    }
    let (config, templates) = (format!("{config:#}\n"), format!("{templates:#}\n"));
    let settings = Settings::load_with(overrides, environment, Some(&config))?;
    let draft = files::temporary_beside(&template_file).map_err(|error| ConfigurationError::unreadable(&own, error))?;
    files::replace_shared(draft.path(), templates.as_bytes(), None)
        .map_err(|error| ConfigurationError::unreadable(&template_file, error))?;
    judge(draft.path(), &folders, &instance, &settings, types, &template_file)?;
    drop(draft);
    // Without templates the configuration is of no use, without configuration the templates are of somebody's.
    write_new(&own, &config)?;
    if let Err(error) = write_new(&template_file, &templates) {
        let _ = std::fs::remove_file(&own);
        return Err(error);
    }
    if let Err(error) = lay_schemas(&folders.config, schemas) {
        let _ = std::fs::remove_file(&template_file).and(std::fs::remove_file(&own));
        return Err(error);
    }
    Ok((instance, folders, vec![own, template_file]))
}

/// Writes schemas, each at its path below the configuration folder; one that is there already stays as it is.
fn lay_schemas(folder: &Path, schemas: &[(&str, Value)]) -> Result<(), ConfigurationError> {
    for (place, schema) in schemas {
        let path = folder.join(place);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))
            .map_err(|error| ConfigurationError::unreadable(&path, error))?;
        files::create_atomic(&path, format!("{schema:#}\n").as_bytes())
            .map_err(|error| ConfigurationError::unreadable(&path, error))?;
    }
    Ok(())
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

    fn laid_out(root: &Path, config: &Value, template: &Value) -> Result<Vec<PathBuf>, ConfigurationError> {
        let folder = |name: &str| Some(root.join(name));
        let folders = FolderOptions { config: folder("grid/conf"), work: folder("grid/work"), log: folder("grid/log") };
        let overrides = Overrides { folders, settings: Vec::new() };
        let types = Arc::new(KnownInstanceTypes::new(""));
        let templates = json!({ "templates": [template] });
        let schemas = [("schemas/config.schema.json", json!({ "title": "a" }))];
        lay_out(&overrides, &Environment::default(), config, &templates, &schemas, types).map(|(_, _, files)| files)
    }

    #[test]
    fn a_new_installation_is_read_before_it_is_written_and_never_replaces_one() {
        let root = tempfile::tempdir().unwrap();
        let config = json!({"provider": {"type": "simulated"}});
        let template = json!({"templateId": "A", "maxNumber": 1, "attributes":
            {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1"]}});
        let wrong = json!({"storage": {"strategy": "paper"}});
        assert!(laid_out(root.path(), &wrong, &template).unwrap_err().to_string().contains("storage.strategy"));
        let refused = laid_out(root.path(), &config, &json!({"templateId": "A", "maxNumber": "many"})).unwrap_err();
        assert!(refused.to_string().contains("maxNumber"), "{refused}");
        assert_eq!(std::fs::read_dir(root.path().join("grid/conf")).unwrap().count(), 0);
        let files = laid_out(root.path(), &config, &template).unwrap();
        assert!(files.iter().all(|file| file.is_file()), "{files:?}");
        assert!(files[1].ends_with("gridprov_templates.json"), "{files:?}");
        let schema = std::fs::read_to_string(root.path().join("grid/conf/schemas/config.schema.json")).unwrap();
        assert_eq!(schema, "{\n  \"title\": \"a\"\n}\n");
        let refused = laid_out(root.path(), &config, &template).unwrap_err();
        assert!(refused.to_string().contains("there already"), "{refused}");
    }
}
