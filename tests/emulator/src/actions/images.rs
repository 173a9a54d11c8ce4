//! `DescribeImages`, and what an image id must be.

use super::Context;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// Refuses an image that is malformed or not there.
pub(super) fn check(context: &Context<'_>, id: &str) -> Result<(), Refusal> {
    let hex = id.strip_prefix("ami-").unwrap_or_default();
    if !matches!(hex.len(), 8 | 17) || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::new("InvalidAMIID.Malformed", format!("Invalid id: \"{id}\" (expecting \"ami-...\")")));
    }
    if !context.world.catalogue.has_image(id) {
        return Err(Refusal::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")));
    }
    Ok(())
}

/// When every image was made.
const MADE: &str = "2026-01-31T12:00:00.000Z";

/// `DescribeImages`: those that are named, or all; all of them belong to the account.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let mut ids = context.parameters.list("ImageId");
    for id in &ids {
        check(context, id)?;
    }
    if ids.is_empty() {
        ids = context.world.catalogue.images.iter().map(String::as_str).collect();
    }
    let account = &context.world.account;
    let owners = context.parameters.list("Owner");
    if !owners.is_empty() && !owners.iter().any(|owner| *owner == "self" || owner == account) {
        ids.clear();
    }
    for filter in context.parameters.filters()? {
        match filter.name.as_str() {
            "image-id" | "name" => ids.retain(|id| filter.takes(id)),
            "state" => ids.retain(|_| filter.takes("available")),
            "architecture" => ids.retain(|_| filter.takes("x86_64")),
            "owner-id" => ids.retain(|_| filter.takes(account)),
            name => return Err(Refusal::invalid(format!("The filter '{name}' is invalid"))),
        }
    }
    let mut xml = Xml::default();
    xml.items("imagesSet", ids, |xml, id| {
        xml.leaf("imageId", id)
            .leaf("imageState", "available")
            .leaf("imageOwnerId", account)
            .leaf("creationDate", MADE);
        xml.leaf("architecture", "x86_64").leaf("imageType", "machine").leaf("name", id);
        xml.leaf("rootDeviceType", "ebs").leaf("rootDeviceName", "/dev/xvda").leaf("virtualizationType", "hvm");
    });
    Ok(xml.into_text())
}
