//! `DescribeInstanceTypeOfferings`.

use std::collections::BTreeSet;

use super::Context;
use super::pages::Window;
use crate::catalogue::TYPES;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// `DescribeInstanceTypeOfferings`: every type is offered in every zone that has a subnet.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let location_type = context.parameters.get("LocationType").unwrap_or("region");
    let places: BTreeSet<String> = match location_type {
        "region" => [context.region.to_owned()].into(),
        "availability-zone" => {
            context.world.catalogue.subnets.iter().map(|subnet| subnet.zone_in(context.region)).collect()
        }
        other => return Err(Refusal::invalid(format!("Invalid value '{other}' for LocationType."))),
    };
    let window = Window::of(context, 5..=1_000)?;
    let mut found: Vec<(&str, &str)> =
        TYPES.iter().flat_map(|kind| places.iter().map(|place| (kind.name, place.as_str()))).collect();
    for filter in context.parameters.filters()? {
        match filter.name.as_str() {
            "instance-type" => found.retain(|(kind, _)| filter.takes(kind)),
            "location" => found.retain(|(_, place)| filter.takes(place)),
            name => return Err(Refusal::invalid(format!("The filter '{name}' is invalid"))),
        }
    }
    let (page, next) = window.cut_list(context, found);
    let mut xml = Xml::default();
    xml.items("instanceTypeOfferingSet", page, |xml, (kind, place)| {
        xml.leaf("instanceType", kind).leaf("location", place).leaf("locationType", location_type);
    });
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}
