//! Finds out whose installation it is, where its files lie, and reads them (`orb-formats.md` E.1).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shaku::Component;

use super::records::Kind;
use super::values::{Record, object_of, text_of};
use super::{database, ibm, survey};
use crate::application::ports::{Flavour, ForeignPlace, ForeignReader, Found, InstanceTypes, Section};
use crate::domain::DomainError;
use crate::infrastructure::config;
use crate::infrastructure::config::Settings;

/// Reads installations from their folders.
#[derive(Component)]
#[shaku(interface = ForeignReader)]
pub struct FileReader {
    #[shaku(inject)]
    types: Arc<dyn InstanceTypes>,
    /// Our own configuration folder.
    #[shaku(default)]
    config_dir: PathBuf,
    /// Our own work folder.
    #[shaku(default)]
    work_dir: PathBuf,
}

/// The files of an installation.
#[derive(Debug, Default)]
struct Files {
    config: Option<PathBuf>,
    settings: Record,
    templates: Option<PathBuf>,
}

impl FileReader {
    /// Returns the parameters of this component for the settings in force.
    pub fn parameters(settings: &Settings) -> FileReaderParameters {
        FileReaderParameters { config_dir: settings.folders.config.clone(), work_dir: settings.folders.work.clone() }
    }

    /// Returns a reader that knows our own folders.
    pub fn new(types: Arc<dyn InstanceTypes>, config_dir: PathBuf, work_dir: PathBuf) -> Self {
        Self { types, config_dir, work_dir }
    }

    /// Says what the operator has to copy by hand: the configuration folder is never written.
    fn by_hand(&self, files: &Files, flavour: Flavour) -> Vec<String> {
        let mut next = Vec::new();
        for file in [&files.config, &files.templates].into_iter().flatten() {
            let (Some(name), Some(folder)) = (file.file_name(), file.parent()) else { continue };
            if same_folder(folder, &self.config_dir) {
                continue;
            }
            let own = self.config_dir.join(name);
            if own.exists() {
                next.push(format!("{} is there: compare it with {}, which is left", own.display(), file.display()));
            } else {
                next.push(format!("copy the file: cp {} {}", quoted(file), quoted(&own)));
            }
        }
        if flavour != Flavour::Ibm && files.templates.is_some() {
            next.push("set template.defaultApi to orb in config.json, if templates leave providerApi out".to_owned());
        }
        next
    }
}

fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains([' ', '\'', '"', '$']) { format!("'{}'", text.replace('\'', "'\\''")) } else { text }
}

fn same_folder(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn files_of(folder: Option<&Path>) -> Vec<String> {
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

/// Tells whose installation it is, and by which signs.
fn detect(place: &ForeignPlace) -> Result<(Flavour, Vec<String>), DomainError> {
    if let Some(flavour) = place.flavour {
        return Ok((flavour, vec!["--from says so".to_owned()]));
    }
    let names = files_of(place.config.as_deref());
    let has = |name: &str| names.iter().any(|known| known == name);
    let ends = |ending: &str| names.iter().find(|known| known.ends_with(ending));
    let mut signs = Vec::new();
    if let Some(name) = ends("prov_config.json") {
        signs.push(format!("there is {name}"));
        return Ok((Flavour::Ibm, signs));
    }
    if has("config.json") || has("default_config.json") {
        let config = place.config.as_ref().map(|folder| folder.join("config.json"));
        let settings = config.filter(|path| path.is_file()).and_then(|path| database::object(&path).ok());
        let root = settings.map(|settings| object_of(&settings, "scheduler"));
        let root = root.and_then(|scheduler| text_of(&scheduler, &["config_root"])).unwrap_or_default();
        if root.contains("HF_PROVIDER_CONFDIR") || !has("config.json") {
            signs.push("its configuration is that of Open Host Factory".to_owned());
            return Ok((Flavour::Ohfp, signs));
        }
        if let Some(name) = ends("prov_templates.json").filter(|_| !root.contains("ORB_CONFIG_DIR")) {
            signs.push(format!("there are config.json and {name}"));
            return Ok((Flavour::Ohfp, signs));
        }
        signs.push("there is config.json".to_owned());
        return Ok((Flavour::Orb, signs));
    }
    if let Some(name) = files_of(place.work.as_deref()).iter().find(|name| name.ends_with("-db.json")) {
        signs.push(format!("there is {name} in the work folder"));
        return Ok((Flavour::Ibm, signs));
    }
    if let Some(name) = ends("prov_templates.json") {
        signs.push(format!("there is {name}"));
        return Ok((Flavour::Ibm, signs));
    }
    if place.work.as_deref().is_some_and(|work| !candidates(work, &Record::new()).is_empty()) {
        signs.push("there is request_database.json".to_owned());
        return Ok((Flavour::Orb, signs));
    }
    Err(DomainError::validation("--from", "whose installation it is cannot be told; say ibm, orb or ohfp"))
}

fn find(folder: Option<&Path>, flavour: Flavour) -> Files {
    let Some(folder) = folder else { return Files::default() };
    let names = files_of(Some(folder));
    let config = match flavour {
        Flavour::Ibm => names.iter().find(|name| name.ends_with("prov_config.json")).cloned(),
        Flavour::Ohfp | Flavour::Orb => ["config.json", "default_config.json"]
            .into_iter()
            .find(|name| names.iter().any(|n| n == name))
            .map(str::to_owned),
    };
    let config = config.map(|name| folder.join(name));
    let settings = config.as_ref().and_then(|path| database::object(path).ok()).unwrap_or_default();
    Files { settings, templates: survey::template_file(folder, flavour), config }
}

/// The folders in which a JSON database may lie.
fn folders(work: &Path, settings: &Record) -> Vec<PathBuf> {
    let storage = object_of(settings, "storage");
    let json = object_of(&storage, "json_strategy");
    let base = text_of(&json, &["base_path"]).or_else(|| text_of(&storage, &["default_storage_path"]));
    let mut folders: Vec<PathBuf> =
        base.filter(|base| !base.contains('$')).map(|base| work.join(base)).into_iter().collect();
    folders.extend([work.join("data"), work.to_owned()]);
    folders.dedup();
    folders
}

fn candidates(work: &Path, settings: &Record) -> Vec<PathBuf> {
    let names = object_of(&object_of(&object_of(settings, "storage"), "json_strategy"), "filenames");
    let single = text_of(&names, &["single_file"]).unwrap_or_else(|| "request_database.json".to_owned());
    let paths = folders(work, settings).into_iter().map(|folder| folder.join(&single));
    paths.filter(|path| path.is_file()).collect()
}

impl FileReader {
    /// Reads the database, wherever it lies.
    fn database(&self, work: &Path, settings: &Record, found: &mut Found) -> Result<(), DomainError> {
        if found.flavour == Flavour::Ibm {
            let names = files_of(Some(work));
            if let Some(name) = names.iter().find(|name| name.ends_with("-db.json")) {
                return ibm::read(&work.join(name), found);
            }
            let why = format!("there is no …-db.json in {}: no request and no host is taken over", work.display());
            found.sections.entry("requests").or_default().remarks.push(why);
            return Ok(());
        }
        let storage = object_of(settings, "storage");
        match text_of(&storage, &["strategy"]).as_deref() {
            Some("sql") => return sql(work, &object_of(&storage, "sql_strategy"), found),
            Some(other @ ("dynamodb" | "aurora")) => {
                let why =
                    format!("the database is on {other}, which is not read; have ORB write it as json or sqlite first");
                return Err(DomainError::validation("storage.strategy", why));
            }
            Some(_) | None => {}
        }
        if let Some(path) = candidates(work, settings).first() {
            if same_folder(path.parent().unwrap_or(work), &self.work_dir.join("data")) {
                let data = self.work_dir.join("data");
                let why = format!(
                    "is where our own store will lie; stop Host Factory, then move the folder away and name it: mv {} {}, \
                     and --work {}",
                    quoted(&data),
                    quoted(&self.work_dir.join("data-before")),
                    quoted(&self.work_dir.join("data-before")),
                );
                return Err(DomainError::validation(path.display().to_string(), why));
            }
            return database::single(path, found);
        }
        let files = object_of(&object_of(&object_of(&storage, "json_strategy"), "filenames"), "split_files");
        let name = |kind: &str| PathBuf::from(text_of(&files, &[kind]).unwrap_or_else(|| format!("{kind}.json")));
        let names =
            [(Kind::Template, name("templates")), (Kind::Request, name("requests")), (Kind::Machine, name("machines"))];
        let has_one = |folder: &PathBuf| names.iter().skip(1).any(|(_, name)| folder.join(name).is_file());
        if let Some(folder) = folders(work, settings).into_iter().find(has_one) {
            return database::split(&folder, &names, found);
        }
        let databases: Vec<PathBuf> = folders(work, settings)
            .iter()
            .flat_map(|folder| files_of(Some(folder)).into_iter().map(|name| folder.join(name)).collect::<Vec<_>>())
            .filter(|path| is_sqlite(path) && !path.starts_with(self.work_dir.join("data")))
            .collect();
        match &databases[..] {
            [one] => read_sql(one, found),
            [] => {
                let why = format!("there is no database in {}: no request and no host is taken over", work.display());
                found.sections.entry("requests").or_default().remarks.push(why);
                Ok(())
            }
            _ => Err(DomainError::validation(
                "--work",
                "there are several databases; move away those that are not ORB's",
            )),
        }
    }
}

fn sql(work: &Path, settings: &Record, found: &mut Found) -> Result<(), DomainError> {
    let kind = text_of(settings, &["type"]).unwrap_or_else(|| "sqlite".to_owned());
    if kind != "sqlite" {
        let why = format!("the database is on {kind}, which is not read; have ORB write it as json or sqlite first");
        return Err(DomainError::validation("storage.sql_strategy.type", why));
    }
    let name = text_of(settings, &["name"]).unwrap_or_else(|| "request_database.db".to_owned());
    // ORB takes a relative name from wherever it was started.
    let places = [work.join(&name), work.join("data").join(&name), PathBuf::from(&name)];
    let Some(path) = places.iter().find(|path| is_sqlite(path)) else {
        let why = format!("{name} is not in {}; name the folder that it is in as --work", work.display());
        return Err(DomainError::validation("storage.sql_strategy.name", why));
    };
    read_sql(path, found)
}

#[cfg(feature = "sqlite")]
use super::sql::{is_database as is_sqlite, read as read_sql};

#[cfg(not(feature = "sqlite"))]
fn is_sqlite(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "db" || ending == "sqlite") && path.is_file()
}

#[cfg(not(feature = "sqlite"))]
fn read_sql(path: &Path, _: &mut Found) -> Result<(), DomainError> {
    Err(DomainError::validation(path.display().to_string(), "this binary was built without SQLite"))
}

impl ForeignReader for FileReader {
    fn read(&self, place: &ForeignPlace) -> Result<Found, DomainError> {
        for (option, folder) in [("--config", &place.config), ("--work", &place.work)] {
            if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
                return Err(DomainError::validation(option, format!("{} is not a folder", folder.display())));
            }
        }
        let (flavour, signs) = detect(place)?;
        let files = find(place.config.as_deref(), flavour);
        let sections = ["configuration", "templates", "requests", "machines"].map(|name| (name, Section::default()));
        let mut found = Found {
            flavour,
            signs,
            requests: Vec::new(),
            machines: Vec::new(),
            weights: BTreeMap::new(),
            sections: sections.into(),
            next: self.by_hand(&files, flavour),
        };
        if let Some(path) = &files.config {
            let section = config::survey(path, flavour).unwrap_or_else(|error| Section {
                files: vec![path.clone()],
                remarks: vec![error.to_string()],
                ..Section::default()
            });
            found.sections.insert("configuration", section);
        }
        if let Some(path) = &files.templates {
            survey::templates(path, &self.types, &mut found);
        }
        if let Some(work) = &place.work {
            self.database(work, &files.settings, &mut found)?;
        }
        Ok(found)
    }
}
