//! Tags of groups: `CreateOrUpdateTags`, `DescribeTags`. Hosts that live already keep theirs.

use std::sync::Arc;

use super::Context;
use super::group_listing::write_tag;
use super::group_query::{filters, find, invalid, page};
use super::group_settings::tags;
use crate::refusal::Refusal;
use crate::xml::Xml;

const FILTERS: [&str; 4] = ["auto-scaling-group", "key", "value", "propagate-at-launch"];

/// `CreateOrUpdateTags`: all, or none when a group is not there.
pub(super) fn create_or_update(context: &mut Context<'_>) -> Result<String, Refusal> {
    let tags = tags(context.parameters, None)?;
    if tags.is_empty() {
        return Err(invalid("The request must name at least one tag."));
    }
    let mut found = Vec::new();
    for (name, tags) in tags {
        found.push((find(context, &name)?, tags));
    }
    for (id, tags) in found {
        if let Some(group) = context.world.groups.get_mut(id) {
            group.tags.extend(tags);
        }
    }
    Ok(String::new())
}

/// `DescribeTags`: of every group.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let page = page(context, 50, 100)?;
    let filters = filters(&parameters, &FILTERS)?;
    let world = &*context.world;
    let groups = world.groups.ever(&world.account, context.region).filter(|(_, group)| !group.deleted);
    let all =
        groups.flat_map(|(_, group)| group.tags.iter().map(move |(key, (value, passes))| (group, key, value, *passes)));
    let asked = all.filter(|(group, key, value, passes)| {
        filters.iter().all(|filter| match filter.name.as_str() {
            "auto-scaling-group" => filter.takes(&group.name),
            "key" => filter.takes(key),
            "value" => filter.takes(value),
            _ => filter.takes(&passes.to_string()),
        })
    });
    let (found, next) = page.cut(context, (0..).zip(asked));
    let mut xml = Xml::default();
    xml.members("Tags", found, |xml, (group, key, value, passes)| write_tag(xml, group, key, value, passes));
    xml.leaf("NextToken", next);
    Ok(xml.into_text())
}
