//! `DescribeLaunchTemplates` and `DescribeLaunchTemplateVersions`.

use super::Context;
use crate::catalogue::LaunchTemplate;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// Returns a launch template.
pub(super) fn template<'c>(context: &'c Context<'_>, id: &str) -> Result<&'c LaunchTemplate, Refusal> {
    context.world.catalogue.launch_templates.get(id).ok_or_else(|| {
        let text = format!("The specified launch template, with template ID {id}, does not exist.");
        Refusal::new("InvalidLaunchTemplateId.NotFound", text)
    })
}

/// Returns the number that a version stands for.
pub(super) fn version(id: &str, template: &LaunchTemplate, version: Option<&str>) -> Result<u32, Refusal> {
    let number = match version.unwrap_or("$Default") {
        "$Default" => Some(template.default),
        "$Latest" => template.versions.keys().next_back().copied(),
        number => number.parse().ok(),
    };
    number.filter(|number| template.versions.contains_key(number)).ok_or_else(|| {
        let text = format!("Could not find the specified version {} of {id}", version.unwrap_or_default());
        Refusal::new("InvalidLaunchTemplateId.VersionNotFound", text)
    })
}

/// `DescribeLaunchTemplates`: those that are named, or all.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let mut ids = context.parameters.list("LaunchTemplateId");
    for id in &ids {
        template(context, id)?;
    }
    let all = &context.world.catalogue.launch_templates;
    if ids.is_empty() {
        ids = all.keys().map(String::as_str).collect();
    }
    let mut xml = Xml::default();
    xml.items("launchTemplates", ids.into_iter().filter_map(|id| all.get_key_value(id)), |xml, (id, template)| {
        xml.leaf("launchTemplateId", id).leaf("launchTemplateName", id);
        xml.leaf("defaultVersionNumber", template.default);
        xml.leaf("latestVersionNumber", template.versions.keys().next_back().copied());
    });
    Ok(xml.into_text())
}

/// `DescribeLaunchTemplateVersions`: the versions that are named, or all.
pub(super) fn describe_versions(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let id = context.parameters.required("LaunchTemplateId")?;
    let template = template(context, id)?;
    let named = context.parameters.list("LaunchTemplateVersion");
    let mut numbers = named.iter().map(|name| version(id, template, Some(name))).collect::<Result<Vec<u32>, _>>()?;
    if named.is_empty() {
        numbers = template.versions.keys().copied().collect();
    }
    let mut xml = Xml::default();
    xml.items("launchTemplateVersionSet", numbers, |xml, number| {
        let data = template.versions.get(&number);
        let value = |name: &str| data.and_then(|data| data.get(name)).cloned();
        xml.leaf("launchTemplateId", id).leaf("launchTemplateName", id).leaf("versionNumber", number);
        xml.leaf("defaultVersion", number == template.default);
        xml.element("launchTemplateData", |xml| {
            xml.leaf("imageId", value("ImageId")).leaf("instanceType", value("InstanceType"));
        });
    });
    Ok(xml.into_text())
}
