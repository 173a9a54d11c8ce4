use std::path::Path;

use serde_json::json;

use super::*;
use crate::application::ports::Outcome;
use crate::infrastructure::config::FolderOptions;

struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.write("conf/providers/awsinst/config.json", r#"{"provider": {"type": "simulated"}}"#);
        std::fs::create_dir(site.path("work")).unwrap();
        site
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "a file of a test")]
    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn examined(&self, top: bool) -> Vec<Finding> {
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        let mut variables = vec![("HF_VERSION".to_owned(), "1.2".to_owned())];
        if top {
            variables.push(("HF_TOP".to_owned(), shown(self.0.path())));
            variables.push(("HF_CONFDIR".to_owned(), shown(&self.path("conf"))));
        }
        let folders = FolderOptions {
            config: Some(self.path("conf/providers/awsinst")),
            work: Some(self.path("work")),
            log: None,
        };
        examine(&Overrides { folders, settings: Vec::new() }, &variables.into_iter().collect())
    }
}

fn of<'f>(findings: &'f [Finding], name: &str) -> &'f Finding {
    findings.iter().find(|finding| finding.name == name).unwrap_or_else(|| panic!("{name} in {findings:?}"))
}

#[test]
fn an_installation_that_is_in_order_is_found_to_be() {
    let findings = Site::new().examined(false);
    for name in ["configuration", "configuration folder", "work folder", "data folder", "log folder"] {
        assert_eq!(of(&findings, name).outcome, Outcome::Ok, "{findings:?}");
    }
    assert_eq!(of(&findings, "registration").outcome, Outcome::Skipped);
}

#[test]
fn a_configuration_that_cannot_be_used_keeps_nothing_from_being_looked_at() {
    let site = Site::new();
    site.write("conf/providers/awsinst/config.json", r#"{"storage": {"strategy": "paper"}}"#);
    let findings = site.examined(false);
    let finding = of(&findings, "configuration");
    assert!(finding.outcome == Outcome::Failed && finding.found.contains("storage.strategy"), "{finding:?}");
    assert_eq!(of(&findings, "work folder").outcome, Outcome::Ok);
}

#[test]
fn the_registration_is_followed_from_the_instance_to_the_scripts() {
    let site = Site::new();
    let outcomes = || {
        let findings = site.examined(true);
        ["registration: instance", "registration: plug-in", "registration: scripts"]
            .map(|name| of(&findings, name).outcome)
    };
    let (good, bad, not) = (Outcome::Ok, Outcome::Failed, Outcome::Skipped);
    assert_eq!(outcomes(), [bad, not, not]);
    let provider = json!({"name": "awsinst", "enabled": 1, "plugin": "aws",
        "confPath": "${HF_CONFDIR}/providers/awsinst/"});
    site.write("conf/providers/hostProviders.json", &json!({"version": 2, "providers": [provider]}).to_string());
    assert_eq!(outcomes(), [good, bad, not]);
    let plugins = |enabled: u8| {
        let path = "${HF_TOP}/${HF_VERSION}/providerplugins/aws/scripts/";
        let plugin = json!({"name": "aws", "enabled": enabled, "scriptPath": path});
        json!({"version": 2, "providerplugins": [plugin]}).to_string()
    };
    site.write("conf/providerplugins/hostProviderPlugins.json", &plugins(0));
    assert_eq!(outcomes(), [good, bad, bad]);
    site.write("conf/providerplugins/hostProviderPlugins.json", &plugins(1));
    for script in
        ["getAvailableTemplates", "requestMachines", "getRequestStatus", "requestReturnMachines", "getReturnRequests"]
    {
        let name = format!("1.2/providerplugins/aws/scripts/{script}.sh");
        site.write(&name, "#!/bin/sh\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(site.path(&name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    assert_eq!(outcomes(), [good, good, good]);
}

#[cfg(unix)]
#[test]
fn a_data_folder_that_others_may_write_to_fails_with_how_to_mend_it() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    std::fs::create_dir(site.path("work/data")).unwrap();
    std::fs::set_permissions(site.path("work/data"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let findings = site.examined(false);
    let finding = of(&findings, "data folder");
    assert!(finding.outcome == Outcome::Failed && finding.mend.as_deref().unwrap().contains("chmod"), "{finding:?}");
}
