//! `CreateLaunchTemplateVersion` and `DescribeLaunchTemplateVersions` (`aws-semantics.md` section 7).

use std::sync::Arc;

use super::Context;
use super::launch_templates::{check_token, data, mismatch};
use super::pages::Window;
use crate::clock::iso;
use crate::query::{Filter, Parameters};
use crate::refusal::Refusal;
use crate::templates::{LaunchTemplate, Note, merged};
use crate::tree::{Tree, of_templates};
use crate::xml::Xml;

/// The most versions of one launch template.
const MOST: usize = 10_000;
const FILTERS: [&str; 4] = ["image-id", "instance-type", "is-default-version", "create-time"];

/// `CreateLaunchTemplateVersion`: over `SourceVersion` when there is one; the default stays what it was.
pub(super) fn create(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let token = check_token(&parameters)?;
    let (id, template) = context.world.catalogue.named_template(&parameters, "")?;
    let mut data = data(&parameters)?;
    if let Some(source) = parameters.get("SourceVersion") {
        let source = template.version(id, Some(source))?;
        data = merged(&template.versions[&source], &data).0;
    }
    context.dry_run()?;
    let with_token = |note: &Note| token.is_some() && note.parameters.get("ClientToken") == token;
    if let Some((number, note)) = template.notes.iter().find(|(_, note)| with_token(note)) {
        let same = note.parameters == parameters;
        return if same { Ok(answer(id, template, *number)) } else { Err(mismatch()) };
    }
    if template.versions.len() >= MOST {
        let text = format!("You have reached the maximum number of versions of a launch template: {MOST}");
        return Err(Refusal::new("MaxTemplateVersionLimitExceeded", text));
    }
    let id = id.to_owned();
    let created = context.world.now();
    let description = parameters.get("VersionDescription").map(str::to_owned);
    let note = Note { description, created, parameters: Arc::clone(&parameters) };
    let template = context.world.catalogue.launch_templates.entry(id.clone()).or_default();
    let number = template.add(data, Some(note));
    Ok(answer(&id, template, number))
}

/// `DescribeLaunchTemplateVersions`: the versions that are named, or all; without a launch template `$Latest` and
/// `$Default` of each.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let parameters = Arc::clone(context.parameters);
    let window = Window::of(context, 1..=200)?;
    let catalogue = &context.world.catalogue;
    let named = parameters.list("LaunchTemplateVersion");
    let every = parameters.get("LaunchTemplateId").is_none()
        && parameters.get("LaunchTemplateName").is_none()
        && !named.is_empty()
        && named.iter().all(|name| name.starts_with('$'));
    let templates: Vec<(&str, &LaunchTemplate)> = if every {
        catalogue.launch_templates.iter().map(|(id, template)| (id.as_str(), template)).collect()
    } else {
        vec![catalogue.named_template(&parameters, "")?]
    };
    let mut found = Vec::new();
    for (id, template) in templates {
        let least = parameters.number("MinVersion")?.unwrap_or(0);
        let most = parameters.number("MaxVersion")?.unwrap_or(u32::MAX);
        let all = template.versions.keys().copied().filter(|number| (least..=most).contains(number));
        let named = named.iter().map(|name| template.version(id, Some(name))).collect::<Result<Vec<u32>, _>>()?;
        let mut numbers = if named.is_empty() { all.collect() } else { named };
        numbers.dedup();
        found.extend(numbers.into_iter().map(|number| (id, template, number)));
    }
    for filter in parameters.filters()? {
        if !FILTERS.contains(&filter.name.as_str()) {
            return Err(Refusal::invalid(format!("The filter '{}' is invalid", filter.name)));
        }
        found.retain(|(_, template, number)| passes(&filter, template, *number));
    }
    let (page, next) = window.cut_list(context, found);
    let mut xml = Xml::default();
    xml.items("launchTemplateVersionSet", page, |xml, (id, template, number)| write(xml, id, template, number));
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}

fn passes(filter: &Filter, template: &LaunchTemplate, number: u32) -> bool {
    let value = |name: &str| template.versions.get(&number).and_then(|data| data.get(name));
    match filter.name.as_str() {
        "image-id" => value("ImageId").is_some_and(|image| filter.takes(image)),
        "instance-type" => value("InstanceType").is_some_and(|kind| filter.takes(kind)),
        "is-default-version" => filter.takes(&(number == template.default).to_string()),
        _ => filter.takes(&iso(created(template, number))),
    }
}

fn created(template: &LaunchTemplate, number: u32) -> i64 {
    template.notes.get(&number).map_or(template.created, |note| note.created)
}

fn answer(id: &str, template: &LaunchTemplate, number: u32) -> String {
    let mut xml = Xml::default();
    xml.element("launchTemplateVersion", |xml| write(xml, id, template, number));
    xml.into_text()
}

fn write(xml: &mut Xml, id: &str, template: &LaunchTemplate, number: u32) {
    xml.leaf("launchTemplateId", id).leaf("launchTemplateName", &template.name).leaf("versionNumber", number);
    xml.leaf("versionDescription", template.notes.get(&number).and_then(|note| note.description.as_ref()));
    xml.leaf("createTime", iso(created(template, number))).leaf("defaultVersion", number == template.default);
    let data = Parameters(template.versions.get(&number).cloned().unwrap_or_default());
    xml.element("launchTemplateData", |xml| Tree::below(&data, "").write(xml, of_templates));
}
