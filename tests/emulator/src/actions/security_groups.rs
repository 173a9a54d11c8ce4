//! `DescribeSecurityGroups`.

use super::Context;
use crate::catalogue::{SECURITY_GROUP, VPC};
use crate::refusal::Refusal;
use crate::xml::Xml;

/// `DescribeSecurityGroups`: all of them in one answer. The one that is there from the start is the network's default.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let groups = &context.world.catalogue.groups;
    let ids = context.parameters.list("GroupId");
    if let Some(id) = ids.iter().find(|id| !groups.contains(**id)) {
        return Err(Refusal::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist")));
    }
    let name_of = |id: &str| if id == SECURITY_GROUP { "default".to_owned() } else { format!("group {id}") };
    let mut found: Vec<&String> = groups.iter().filter(|id| ids.is_empty() || ids.contains(&id.as_str())).collect();
    for filter in context.parameters.filters()? {
        match filter.name.as_str() {
            "group-id" => found.retain(|id| filter.takes(id)),
            "group-name" => found.retain(|id| filter.takes(&name_of(id))),
            "vpc-id" => found.retain(|_| filter.takes(VPC)),
            name => return Err(Refusal::invalid(format!("The filter '{name}' is invalid"))),
        }
    }
    let account = &context.world.account;
    let mut xml = Xml::default();
    xml.items("securityGroupInfo", found, |xml, id| {
        xml.leaf("groupId", id).leaf("groupName", name_of(id)).leaf("vpcId", VPC).leaf("ownerId", account);
        xml.leaf("groupDescription", "emulated");
    });
    Ok(xml.into_text())
}
