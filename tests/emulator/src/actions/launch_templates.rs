//! `CreateLaunchTemplate`, `DescribeLaunchTemplates`, `DeleteLaunchTemplate` (`aws-semantics.md` section 7).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pages::Window;
use super::{Context, tags};
use crate::clock::iso;
use crate::query::{Filter, Parameters};
use crate::refusal::Refusal;
use crate::templates::{LaunchTemplate, Note, template_id};
use crate::xml::Xml;

const LONGEST_TOKEN: usize = 128;
/// The most launch templates of a region.
const MOST: usize = 5_000;

/// Refuses a client token that is too long.
pub(super) fn check_token(parameters: &Parameters) -> Result<Option<&str>, Refusal> {
    let token = parameters.get("ClientToken").filter(|token| !token.is_empty());
    if token.is_some_and(|token| token.len() > LONGEST_TOKEN || !token.is_ascii()) {
        let text = format!("The client token must have at most {LONGEST_TOKEN} ASCII characters.");
        return Err(Refusal::new("InvalidClientToken", text));
    }
    Ok(token)
}

/// Returns what a call says of the version that it makes.
pub(super) fn data(parameters: &Parameters) -> Result<BTreeMap<String, String>, Refusal> {
    const PREFIX: &str = "LaunchTemplateData.";
    let below = parameters.0.range(PREFIX.to_owned()..).take_while(|(name, _)| name.starts_with(PREFIX));
    let data: BTreeMap<String, String> =
        below.map(|(name, value)| (name[PREFIX.len()..].to_owned(), value.clone())).collect();
    if data.is_empty() {
        return Err(Refusal::new("MissingParameter", "The request must contain the parameter LaunchTemplateData"));
    }
    Ok(data)
}

/// Returns the refusal of a token that came with other parameters.
pub(super) fn mismatch() -> Refusal {
    let text = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
    Refusal::new("IdempotentParameterMismatch", text)
}

/// `CreateLaunchTemplate`: once for each token, whatever became of the template; what the data says is not looked at.
pub(super) fn create(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let name = parameters.required("LaunchTemplateName")?;
    let token = check_token(&parameters)?;
    let is_good = |letter: char| letter.is_ascii_alphanumeric() || "().-/_".contains(letter);
    if !(3..=128).contains(&name.len()) || !name.chars().all(is_good) {
        let text = format!("The launch template name '{name}' is not valid: 3 to 128 letters, digits and ().-/_");
        return Err(Refusal::new("InvalidLaunchTemplateName.MalformedException", text));
    }
    let data = data(&parameters)?;
    let mut tags = tags::specified_below(&parameters, "TagSpecification", &["launch-template"])?;
    context.dry_run()?;
    let catalogue = &mut context.world.catalogue;
    if let Some((made, answer)) = token.and_then(|token| catalogue.template_tokens.get(token)) {
        return if *made == parameters { Ok(answer.clone()) } else { Err(mismatch()) };
    }
    if catalogue.template_called(name).is_ok() {
        let text = "Launch template name already in use.";
        return Err(Refusal::new("InvalidLaunchTemplateName.AlreadyExistsException", text));
    }
    if catalogue.launch_templates.len() >= MOST {
        let text = format!("You have reached the maximum number of launch templates: {MOST}");
        return Err(Refusal::new("MaxTemplateLimitExceeded", text));
    }
    catalogue.templates_made += 1;
    let id = template_id(catalogue.templates_made);
    let created = context.world.now();
    let tags = tags.remove("launch-template").unwrap_or_default();
    let mut template = LaunchTemplate { name: name.to_owned(), default: 1, created, tags, ..LaunchTemplate::default() };
    let description = parameters.get("VersionDescription").map(str::to_owned);
    template.add(data, Some(Note { description, created, parameters: Arc::clone(&parameters) }));
    let answer = answer(&id, &template);
    let catalogue = &mut context.world.catalogue;
    catalogue.launch_templates.insert(id, template);
    if let Some(token) = token {
        catalogue.template_tokens.insert(token.to_owned(), (Arc::clone(&parameters), answer.clone()));
    }
    Ok(answer)
}

/// `DeleteLaunchTemplate`, with all its versions.
pub(super) fn delete(context: &mut Context<'_>) -> Result<String, Refusal> {
    let (id, template) = context.world.catalogue.named_template(context.parameters, "")?;
    let (id, answer) = (id.to_owned(), answer(id, template));
    context.dry_run()?;
    context.world.catalogue.launch_templates.remove(&id);
    Ok(answer)
}

/// `DescribeLaunchTemplates`: those that are named, by id or by name, or all.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let parameters = Arc::clone(context.parameters);
    let window = Window::of(context, 1..=200)?;
    let catalogue = &context.world.catalogue;
    let (ids, names) = (parameters.list("LaunchTemplateId"), parameters.list("LaunchTemplateName"));
    let mut found = Vec::new();
    for id in &ids {
        found.push(catalogue.template(id)?);
    }
    for name in &names {
        found.push(catalogue.template_called(name)?);
    }
    if ids.is_empty() && names.is_empty() {
        found.extend(catalogue.launch_templates.iter().map(|(id, template)| (id.as_str(), template)));
    }
    for filter in parameters.filters()? {
        let known = ["launch-template-name", "create-time", "tag-key"].contains(&filter.name.as_str());
        if !known && !filter.name.starts_with("tag:") {
            return Err(Refusal::invalid(format!("The filter '{}' is invalid", filter.name)));
        }
        found.retain(|(_, template)| passes(&filter, template));
    }
    let (page, next) = window.cut_list(context, found);
    let mut xml = Xml::default();
    xml.items("launchTemplates", page, |xml, (id, template)| write(xml, id, template));
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}

fn passes(filter: &Filter, template: &LaunchTemplate) -> bool {
    match filter.name.as_str() {
        "launch-template-name" => filter.takes(&template.name),
        "create-time" => filter.takes(&iso(template.created)),
        "tag-key" => template.tags.keys().any(|key| filter.takes(key)),
        tag => {
            let value = template.tags.get(tag.strip_prefix("tag:").unwrap_or_default());
            value.is_some_and(|value| filter.takes(value))
        }
    }
}

fn answer(id: &str, template: &LaunchTemplate) -> String {
    let mut xml = Xml::default();
    xml.element("launchTemplate", |xml| write(xml, id, template));
    xml.into_text()
}

fn write(xml: &mut Xml, id: &str, template: &LaunchTemplate) {
    xml.leaf("launchTemplateId", id).leaf("launchTemplateName", &template.name);
    xml.leaf("createTime", iso(template.created)).leaf("defaultVersionNumber", template.default);
    xml.leaf("latestVersionNumber", template.latest());
    tags::write(xml, &template.tags);
}
