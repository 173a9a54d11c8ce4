//! Launch templates: named parameters of RunInstances in numbered versions that never change
//! (`aws-semantics.md` section 7).
//!
//! Invariant: what a version says is not looked at before something is launched with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::clock::Millis;
use crate::query::Parameters;
use crate::refusal::Refusal;

/// The lists of RunInstances that a call gives as a whole or not at all.
const WHOLE: [&str; 4] = ["BlockDeviceMapping.", "NetworkInterface.", "SecurityGroupId.", "SecurityGroup."];
const TAGS: &str = "TagSpecification";

/// A launch template: for each version the parameters of RunInstances that it stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaunchTemplate {
    pub(crate) name: String,
    pub(crate) default: u32,
    pub(crate) versions: BTreeMap<u32, BTreeMap<String, String>>,
    /// What else is known of a version.
    pub(crate) notes: BTreeMap<u32, Note>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created: Millis,
}

/// A version's description, when it was made, and the call that made it.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) description: Option<String>,
    pub(crate) created: Millis,
    pub(crate) parameters: Arc<Parameters>,
}

impl LaunchTemplate {
    /// Returns the newest version.
    pub(crate) fn latest(&self) -> u32 {
        self.versions.keys().next_back().copied().unwrap_or_default()
    }

    /// Adds a version, and returns its number.
    pub(crate) fn add(&mut self, data: BTreeMap<String, String>, note: Option<Note>) -> u32 {
        let number = self.latest() + 1;
        self.versions.insert(number, data);
        self.notes.extend(note.map(|note| (number, note)));
        number
    }

    /// Returns the number that a version stands for.
    pub(crate) fn version(&self, id: &str, version: Option<&str>) -> Result<u32, Refusal> {
        let number = match version.unwrap_or("$Default") {
            "$Default" => Some(self.default),
            "$Latest" => Some(self.latest()),
            number => number.parse().ok(),
        };
        number.filter(|number| self.versions.contains_key(number)).ok_or_else(|| {
            let text = format!("Could not find the specified version {} of {id}", version.unwrap_or_default());
            Refusal::new("InvalidLaunchTemplateId.VersionNotFound", text)
        })
    }
}

impl Catalogue {
    /// Returns a launch template and its id.
    pub(crate) fn template(&self, id: &str) -> Result<(&str, &LaunchTemplate), Refusal> {
        if !id.starts_with("lt-") {
            let text = format!("Invalid id: \"{id}\" (expecting \"lt-...\")");
            return Err(Refusal::new("InvalidLaunchTemplateId.Malformed", text));
        }
        let found = self.launch_templates.get_key_value(id).map(|(id, template)| (id.as_str(), template));
        found.ok_or_else(|| {
            let text = format!("The specified launch template, with template ID {id}, does not exist.");
            Refusal::new("InvalidLaunchTemplateId.NotFound", text)
        })
    }

    /// Returns a launch template by its name, and its id.
    pub(crate) fn template_called(&self, name: &str) -> Result<(&str, &LaunchTemplate), Refusal> {
        let mut all = self.launch_templates.iter();
        let found = all.find(|(_, template)| template.name == name).map(|(id, template)| (id.as_str(), template));
        found.ok_or_else(|| {
            let text = format!("The specified launch template, with template name {name}, does not exist.");
            Refusal::new("InvalidLaunchTemplateName.NotFoundException", text)
        })
    }

    /// Returns the launch template that is named below `prefix`, by id or by name.
    pub(crate) fn named_template(
        &self,
        parameters: &Parameters,
        prefix: &str,
    ) -> Result<(&str, &LaunchTemplate), Refusal> {
        let (id, name) = (format!("{prefix}LaunchTemplateId"), format!("{prefix}LaunchTemplateName"));
        match (parameters.get(&id), parameters.get(&name)) {
            (Some(_), Some(_)) => {
                let text = "You must specify either the launch template ID or the launch template name, but not both.";
                Err(Refusal::combination(text))
            }
            (Some(id), None) => self.template(id),
            (None, Some(name)) => self.template_called(name),
            (None, None) => parameters.required(&id).and_then(|id| self.template(id)),
        }
    }

    /// Returns the launch template that is named below `prefix`, and the version that is meant now.
    pub(crate) fn meant_template(
        &self,
        parameters: &Parameters,
        prefix: &str,
    ) -> Result<(&str, &LaunchTemplate, u32), Refusal> {
        let (id, template) = self.named_template(parameters, prefix)?;
        let version = template.version(id, parameters.get(&format!("{prefix}Version")))?;
        Ok((id, template, version))
    }
}

/// Puts what is to be launched into a subnet.
pub(crate) fn put_into(all: &mut Parameters, subnet: &str) {
    let inside = all.has_below("NetworkInterface.");
    let (name, other) = ("SubnetId", "NetworkInterface.1.SubnetId");
    all.0.remove(if inside { name } else { other });
    all.0.insert(if inside { other } else { name }.to_owned(), subnet.to_owned());
    all.0.remove("Placement.AvailabilityZone");
}

/// Has what is to be launched paid for as a spare host, at most at this price.
pub(crate) fn on_spot(all: &mut Parameters, price: Option<&str>) {
    let price = price.map(|price| ("InstanceMarketOptions.SpotOptions.MaxPrice".to_owned(), price.to_owned()));
    all.0.insert("InstanceMarketOptions.MarketType".to_owned(), "spot".to_owned());
    all.0.extend(price);
}

/// Returns what a call says over what a launch template says.
///
/// A list of the call takes the place of the template's; tags come together, and the call's value wins.
pub(crate) fn merged(data: &BTreeMap<String, String>, call: &BTreeMap<String, String>) -> Parameters {
    let has = |prefix: &str| call.keys().any(|name| name.starts_with(prefix));
    let replaced: Vec<&str> = WHOLE.into_iter().filter(|prefix| has(prefix)).collect();
    let kept = |name: &str| !replaced.iter().any(|prefix| name.starts_with(prefix)) && !name.starts_with(TAGS);
    let mut all: BTreeMap<String, String> =
        data.iter().filter(|(name, _)| kept(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    all.extend(
        call.iter().filter(|(name, _)| !name.starts_with(TAGS)).map(|(name, value)| (name.clone(), value.clone())),
    );
    let mut tags = tags_in(data);
    for (resource, own) in tags_in(call) {
        tags.entry(resource).or_default().extend(own);
    }
    for ((resource, tags), at) in tags.into_iter().zip(1_u32..) {
        all.insert(format!("{TAGS}.{at}.ResourceType"), resource);
        for ((key, value), number) in tags.into_iter().zip(1_u32..) {
            all.insert(format!("{TAGS}.{at}.Tag.{number}.Key"), key);
            all.insert(format!("{TAGS}.{at}.Tag.{number}.Value"), value);
        }
    }
    Parameters(all)
}

fn tags_in(parameters: &BTreeMap<String, String>) -> BTreeMap<String, BTreeMap<String, String>> {
    let below = parameters.range(TAGS.to_owned()..).take_while(|(name, _)| name.starts_with(TAGS));
    let parameters = Parameters(below.map(|(name, value)| (name.clone(), value.clone())).collect());
    let text = |name: String| parameters.get(&name).unwrap_or_default().to_owned();
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for prefix in parameters.prefixes(TAGS) {
        let tags = parameters.prefixes(&format!("{prefix}Tag"));
        let tags = tags.into_iter().map(|tag| (text(format!("{tag}Key")), text(format!("{tag}Value"))));
        all.entry(text(format!("{prefix}ResourceType"))).or_default().extend(tags);
    }
    all
}

/// Returns the id of the `number`-th launch template.
pub(crate) fn template_id(number: u64) -> String {
    format!("lt-0{:016x}", crate::instances::mixed(number | 1 << 40))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_replaces_lists_and_adds_tags() {
        let of = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let data = of(&[
            ("ImageId", "ami-1"),
            ("SecurityGroupId.1", "sg-1"),
            ("SecurityGroupId.2", "sg-2"),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "a"),
            ("TagSpecification.1.Tag.1.Value", "theirs"),
            ("TagSpecification.1.Tag.2.Key", "b"),
            ("TagSpecification.1.Tag.2.Value", "theirs"),
        ]);
        let call = of(&[
            ("SecurityGroupId.1", "sg-3"),
            ("TagSpecification.1.ResourceType", "volume"),
            ("TagSpecification.1.Tag.1.Key", "v"),
            ("TagSpecification.1.Tag.1.Value", "ours"),
            ("TagSpecification.2.ResourceType", "instance"),
            ("TagSpecification.2.Tag.1.Key", "a"),
            ("TagSpecification.2.Tag.1.Value", "ours"),
        ]);
        let all = merged(&data, &call);
        assert_eq!((all.get("ImageId"), all.list("SecurityGroupId")), (Some("ami-1"), vec!["sg-3"]));
        assert_eq!(all.get("TagSpecification.1.Tag.1.Value"), Some("ours"));
        assert_eq!(
            (all.get("TagSpecification.1.Tag.2.Key"), all.get("TagSpecification.2.Tag.1.Key")),
            (Some("b"), Some("v"))
        );
    }
}
