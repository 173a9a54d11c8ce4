//! `DescribeKeyPairs`.

use super::Context;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// `DescribeKeyPairs`: all of them in one answer; AWS has no pages here either.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let pairs = &context.world.catalogue.key_pairs;
    let names = context.parameters.list("KeyName");
    if let Some(name) = names.iter().find(|name| !pairs.contains(**name)) {
        return Err(Refusal::new("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist")));
    }
    let mut found: Vec<&String> =
        pairs.iter().filter(|name| names.is_empty() || names.contains(&name.as_str())).collect();
    for filter in context.parameters.filters()? {
        match filter.name.as_str() {
            "key-name" => found.retain(|name| filter.takes(name)),
            name => return Err(Refusal::invalid(format!("The filter '{name}' is invalid"))),
        }
    }
    let mut xml = Xml::default();
    xml.items("keySet", found, |xml, name| {
        xml.leaf("keyName", name).leaf("keyType", "ed25519");
    });
    Ok(xml.into_text())
}
