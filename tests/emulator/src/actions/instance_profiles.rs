//! `DescribeIamInstanceProfileAssociations`.

use super::{Context, listing};
use crate::instances::State;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// `DescribeIamInstanceProfileAssociations`: the profiles of hosts that live, as their launches named them.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    let filters = context.parameters.filters()?;
    if let Some(filter) = filters.iter().find(|filter| !["state", "instance-id"].contains(&filter.name.as_str())) {
        return Err(Refusal::invalid(format!("The filter '{}' is invalid", filter.name)));
    }
    let account = &context.world.account;
    let mut found = Vec::new();
    for number in 0..context.world.instances.len() {
        let Some(seen) = listing::sight(context.world, number, context.region) else { continue };
        let named = |name: &str| seen.launch.merged.get(&format!("IamInstanceProfile.{name}")).map(str::to_owned);
        let of_name = |name: String| format!("arn:aws:iam::{account}:instance-profile/{name}");
        let Some(arn) = named("Arn").or_else(|| named("Name").map(of_name)) else { continue };
        let id = seen.id();
        let passes = filters.iter().all(|filter| match filter.name.as_str() {
            "state" => filter.takes("associated"),
            _ => filter.takes(&id),
        });
        if passes && matches!(seen.state, State::Pending | State::Running) {
            found.push((id, arn));
        }
    }
    let mut xml = Xml::default();
    xml.items("iamInstanceProfileAssociationSet", found, |xml, (id, arn)| {
        xml.leaf("associationId", format!("iip-assoc-{}", id.trim_start_matches("i-"))).leaf("instanceId", id);
        xml.leaf("state", "associated").element("iamInstanceProfile", |xml| {
            xml.leaf("arn", arn);
        });
    });
    Ok(xml.into_text())
}
