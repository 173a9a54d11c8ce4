//! What can be found out about an installation without its store and its cloud: configuration, folders, registration.
//!
//! Invariant: nothing is changed, and nothing that is wrong keeps the rest from being looked at.

mod folders;
mod registration;

use std::error::Error;

use super::config::{self, Environment, Overrides, Settings};
use crate::application::ports::Finding;

/// Looks at the configuration, the folders it names and the files that register the plug-in.
pub fn examine(overrides: &Overrides, environment: &Environment) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings = Settings::load(overrides, environment);
    match &settings {
        Ok(settings) => {
            findings.push(Finding::good("configuration", format!("{} can be used", settings.folders.config.display())));
            let advice = "docs/configuration.md lists every setting; hostfactory config show --origin tells where each \
                          value comes from";
            findings.extend(settings.warnings.iter().map(|odd| Finding::warning("configuration", odd, advice)));
        }
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let mend =
                "correct what is named; hostfactory config set changes one key, hostfactory init makes a new one";
            findings.push(Finding::failed("configuration", format!("{error}{cause}"), mend));
        }
    }
    let Ok((instance, folders)) = config::located(&overrides.folders, environment) else {
        findings.push(Finding::skipped("folders", "it is not known where they are"));
        return findings;
    };
    findings.extend(folders::examined(&folders));
    findings.extend(registration::examined(&instance, &folders.config, environment));
    findings
}

#[cfg(test)]
mod tests;
