//! Tags of a create call, and how they are written (`aws-semantics.md` section 13).

use std::collections::BTreeMap;

use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The most tags of one resource, and the longest key and value, in characters.
const MOST: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;
/// What RunInstances tags (section 2).
const RESOURCES: [&str; 4] = ["instance", "volume", "network-interface", "spot-instances-request"];

/// The tags of each resource that is named.
pub(super) type Tags = BTreeMap<String, BTreeMap<String, String>>;

/// Returns the tags of each resource that a launch names.
pub(super) fn specified(parameters: &Parameters) -> Result<Tags, Refusal> {
    specified_below(parameters, "TagSpecification", &RESOURCES)
}

/// Returns the tags of each resource that is named in this list; it may be one of `resources`.
pub(super) fn specified_below(parameters: &Parameters, list: &str, resources: &[&str]) -> Result<Tags, Refusal> {
    let mut all = BTreeMap::new();
    for prefix in parameters.prefixes(list) {
        let resource = parameters.required(&format!("{prefix}ResourceType"))?;
        if !resources.contains(&resource) {
            let text = format!("'{resource}' is not a valid taggable resource type for this operation.");
            return Err(Refusal::invalid(text));
        }
        let mut tags = BTreeMap::new();
        for tag in parameters.prefixes(&format!("{prefix}Tag")) {
            let key = parameters.get(&format!("{tag}Key")).unwrap_or_default();
            let value = parameters.get(&format!("{tag}Value")).unwrap_or_default();
            checked(key, value)?;
            if tags.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(Refusal::invalid(format!("Duplicate tag key '{key}' specified.")));
            }
        }
        if tags.len() > MOST {
            return Err(Refusal::new("TagLimitExceeded", format!("The maximum number of Tags is {MOST}")));
        }
        all.insert(resource.to_owned(), tags);
    }
    Ok(all)
}

/// Refuses what no tag can be.
pub(super) fn checked(key: &str, value: &str) -> Result<(), Refusal> {
    if key.is_empty() {
        return Err(Refusal::new("MissingParameter", "The request must contain the parameter Tag key"));
    }
    if key.to_lowercase().starts_with("aws:") {
        return Err(Refusal::invalid("Tag keys starting with 'aws:' are reserved for internal use"));
    }
    if key.chars().count() > LONGEST_KEY {
        return Err(Refusal::invalid(format!("Tag key exceeds the maximum length of {LONGEST_KEY} characters")));
    }
    if value.chars().count() > LONGEST_VALUE {
        return Err(Refusal::invalid(format!("Tag value exceeds the maximum length of {LONGEST_VALUE} characters")));
    }
    Ok(())
}

/// Writes a `tagSet`.
pub(super) fn write(xml: &mut Xml, tags: &BTreeMap<String, String>) {
    xml.items("tagSet", tags, |xml, (key, value)| {
        xml.leaf("key", key).leaf("value", value);
    });
}
