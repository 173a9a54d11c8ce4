//! What a new installation has beside its configuration: the scripts that Host Factory runs, and the two files that register
//! it (`hostfactory.md` 1.5); and the undoing of all of it when something is in the way.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{ConfigurationError, Folders, init};

macro_rules! script {
    ($name:literal, $ending:literal) => {
        (
            concat!($name, ".", $ending),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/", $name, ".", $ending)),
        )
    };
}

macro_rules! scripts {
    ($ending:literal) => {
        [
            script!("getAvailableTemplates", $ending),
            script!("requestMachines", $ending),
            script!("getRequestStatus", $ending),
            script!("requestReturnMachines", $ending),
            script!("getReturnRequests", $ending),
        ]
    };
}

/// The five scripts of this system, with their names.
#[cfg(not(windows))]
pub(super) const SCRIPTS: [(&str, &str); 5] = scripts!("sh");
/// The five scripts of this system, with their names.
#[cfg(windows)]
pub(super) const SCRIPTS: [(&str, &str); 5] = scripts!("bat");

/// The name of the plug-in, and of the file that registers it.
const PLUGIN: &str = "aws";
pub(super) const PLUGINS: &str = "hostProviderPlugins.json";
/// The file that registers an instance of it.
pub(super) const PROVIDERS: &str = "hostProviders.json";
/// Where a plug-in's scripts lie that was put below Host Factory's own folder.
const USUAL: &str = "${HF_TOP}/${HF_VERSION}/providerplugins/aws/scripts/";

/// The documents that register a plug-in and an instance of it: whole files for a Host Factory that has no other, and else
/// one entry each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// `hostProviderPlugins.json`.
    pub plugins: Value,
    /// `hostProviders.json`.
    pub providers: Value,
}

impl Registration {
    /// Returns the documents for an instance; `scripts` is where its scripts are, if not where plug-ins usually have them.
    pub(super) fn of(instance: &str, folders: &Folders, scripts: Option<&Path>) -> Self {
        let folder = |path: &Path| format!("{}/", path.display().to_string().trim_end_matches('/'));
        let script_path = scripts.map_or_else(|| USUAL.to_owned(), folder);
        let plugin = json!({ "name": PLUGIN, "enabled": 1, "scriptPath": script_path });
        let provider = json!({
            "name": instance, "enabled": 1, "plugin": PLUGIN, "confPath": folder(&folders.config),
            "workPath": folder(&folders.work), "logPath": folder(&folders.log),
        });
        Self {
            plugins: json!({ "version": 2, "providerplugins": [plugin] }),
            providers: json!({ "version": 2, "providers": [provider] }),
        }
    }
}

/// Folders and files that were made; all of it goes again unless it is kept.
#[derive(Debug, Default)]
pub(super) struct Made {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Made {
    /// Makes a folder and those above it, as far as they are not there.
    pub(super) fn folder(&mut self, folder: &Path) -> Result<(), ConfigurationError> {
        let missing: Vec<&Path> = folder.ancestors().take_while(|above| !above.exists()).collect();
        for one in missing.into_iter().rev().filter(|one| !one.as_os_str().is_empty()) {
            match std::fs::create_dir(one) {
                Ok(()) => self.folders.push(one.to_owned()),
                // Another process was faster, or the path has a `..`.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(ConfigurationError::unreadable(one, error)),
            }
        }
        Ok(())
    }

    /// Writes a file that is not there yet, in a folder that is.
    pub(super) fn file(&mut self, path: &Path, text: &str) -> Result<(), ConfigurationError> {
        init::write_new(path, text)?;
        self.files.push(path.to_owned());
        Ok(())
    }

    /// Writes a program that is not there yet.
    pub(super) fn program(&mut self, path: &Path, text: &str) -> Result<(), ConfigurationError> {
        self.file(path, text)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let everybody = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(path, everybody).map_err(|error| ConfigurationError::unreadable(path, error))?;
        }
        Ok(())
    }

    /// Keeps everything, and returns the files.
    pub(super) fn keep(mut self) -> Vec<PathBuf> {
        self.folders.clear();
        std::mem::take(&mut self.files)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for file in self.files.drain(..).rev() {
            let _ = std::fs::remove_file(file);
        }
        // One that somebody has put something into stays.
        for folder in self.folders.drain(..).rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}
