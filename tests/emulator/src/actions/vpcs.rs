//! `DescribeVpcs`.

use super::Context;
use crate::catalogue::VPC;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// `DescribeVpcs`: the one network, which is the default one.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let ids = context.parameters.list("VpcId");
    if let Some(id) = ids.iter().find(|id| **id != VPC) {
        return Err(Refusal::new("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist")));
    }
    let mut is_shown = true;
    for filter in context.parameters.filters()? {
        is_shown &= match filter.name.as_str() {
            "vpc-id" => filter.takes(VPC),
            "is-default" => filter.takes("true"),
            "state" => filter.takes("available"),
            name => return Err(Refusal::invalid(format!("The filter '{name}' is invalid"))),
        };
    }
    let account = &context.world.account;
    let mut xml = Xml::default();
    xml.items("vpcSet", is_shown.then_some(VPC), |xml, id| {
        xml.leaf("vpcId", id).leaf("ownerId", account).leaf("state", "available");
        xml.leaf("cidrBlock", "10.0.0.0/8").leaf("isDefault", true);
        xml.items("tagSet", [("Name", "grid")], |xml, (key, value)| {
            xml.leaf("key", key).leaf("value", value);
        });
    });
    Ok(xml.into_text())
}
