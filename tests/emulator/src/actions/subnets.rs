//! `DescribeSubnets`.

use std::net::Ipv4Addr;

use super::Context;
use crate::catalogue::{Subnet, VPC};
use crate::refusal::Refusal;
use crate::xml::Xml;

/// `DescribeSubnets`: all of them in one answer.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let world = &*context.world;
    let ids = context.parameters.list("SubnetId");
    if let Some(id) = ids.iter().find(|id| world.catalogue.subnet(id).is_none()) {
        let text = format!("The subnet ID '{id}' does not exist");
        return Err(Refusal::new("InvalidSubnetID.NotFound", text));
    }
    let filters = context.parameters.filters()?;
    let mut found: Vec<&Subnet> =
        world.catalogue.subnets.iter().filter(|subnet| ids.is_empty() || ids.contains(&subnet.id.as_str())).collect();
    for filter in &filters {
        match filter.name.as_str() {
            "subnet-id" => found.retain(|subnet| filter.takes(&subnet.id)),
            "vpc-id" => found.retain(|_| filter.takes(VPC)),
            "availability-zone" => found.retain(|subnet| filter.takes(&subnet.zone_in(context.region))),
            "availability-zone-id" => found.retain(|subnet| filter.takes(&subnet.zone_id())),
            "state" => found.retain(|_| filter.takes("available")),
            name => return Err(Refusal::invalid(format!("The filter '{name}' is invalid"))),
        }
    }
    let mut xml = Xml::default();
    xml.items("subnetSet", found, |xml, subnet| {
        xml.leaf("subnetId", &subnet.id).leaf("state", "available").leaf("vpcId", VPC).leaf("ownerId", &world.account);
        xml.leaf("cidrBlock", format!("{}/12", Ipv4Addr::from(subnet.base & 0xFFF0_0000)));
        xml.leaf("availableIpAddressCount", subnet.free).leaf("availabilityZone", subnet.zone_in(context.region));
        xml.leaf("availabilityZoneId", subnet.zone_id());
    });
    Ok(xml.into_text())
}
