//! `launchTemplateSpec` and `providerApiSpec`: AWS request documents of the operator's own, inline or in a file.
//!
//! Invariants: a member that AWS does not have is refused, never sent or dropped; so is one that would change tokens,
//! counts, owner tags or the fate of hosts.

mod members;

use std::borrow::Cow;
use std::path::Path;

use self::members::{Kind, Member, find, why_not};
use super::Notes;
use super::fields::Field;
use super::record::Record;
use crate::domain::DomainError;
use crate::domain::template::{NativeRequest, NativeRequests, ProviderApi};
use crate::infrastructure::config::document::{self, Node};
use crate::infrastructure::config::text::short;

/// The largest document that is read.
const LARGEST: u64 = 256 * 1024;
/// How deep structures lie in each other in AWS's requests, at most.
const DEEPEST: usize = 10;

/// How members are named by which AWS replaces a host before it is interrupted.
const REBALANCING: [&str; 2] = ["CapacityRebalance", "MaintenanceStrategies"];

/// What ORB fills into documents and this plug-in fills into the request itself: a member that is one of them is left to it.
const FILLED_IN: [&str; 19] = [
    "base_tags",
    "custom_tags",
    "desired_capacity",
    "image_id",
    "instance_type",
    "key_name",
    "max_count",
    "min_count",
    "on_demand_count",
    "requested_count",
    "security_group_ids",
    "spot_count",
    "subnet_ids",
    "target_capacity",
    "total_capacity",
    "user_data",
    "instance_profile",
    "fleet_type",
    "client_token",
];

/// Reads the documents of a template.
///
/// # Errors
/// [`DomainError::Validation`] naming the field, and the member of the document.
pub(super) fn read(
    record: &Record<'_, '_>,
    api: ProviderApi,
    folder: &Path,
    notes: &mut Notes,
) -> Result<NativeRequests, DomainError> {
    let variables = Variables::of(record)?;
    let mut native = NativeRequests::default();
    let template = (Field::LaunchTemplateSpec, Field::LaunchTemplateSpecFile);
    with_document(record, template, folder, |document, field| {
        let document = inner(document, "LaunchTemplateData", field)?;
        // A plain launch makes no template; the same members go into its call.
        let (structure, prefix) = match api {
            ProviderApi::RunInstances => ("RunInstancesRequest", ""),
            _ => ("RequestLaunchTemplateData", "LaunchTemplateData."),
        };
        let reading = Reading { field, variables: &variables };
        native.launch_template = reading.request(document, structure, prefix)?;
        Ok(())
    })?;
    if record.has(Field::LaunchTemplateId) && !native.launch_template.is_empty() {
        return Err(DomainError::validation(
            Field::LaunchTemplateSpec.name(),
            "cannot go with launchTemplateId: that launch template is yours and is never changed; keep one of them",
        ));
    }
    let call = (Field::ProviderApiSpec, Field::ProviderApiSpecFile);
    with_document(record, call, folder, |document, field| {
        let (structure, prefix) = match api {
            ProviderApi::RunInstances => ("RunInstancesRequest", ""),
            ProviderApi::Ec2FleetInstant | ProviderApi::Ec2FleetRequest | ProviderApi::Ec2FleetMaintain => {
                ("CreateFleetRequest", "")
            }
            ProviderApi::SpotFleetRequest | ProviderApi::SpotFleetMaintain => {
                ("SpotFleetRequestConfigData", "SpotFleetRequestConfig.")
            }
            ProviderApi::AutoScaling => ("CreateAutoScalingGroupType", ""),
            ProviderApi::Simulated => return Ok(()),
        };
        let document = inner(document, "SpotFleetRequestConfig", field)?;
        let reading = Reading { field, variables: &variables };
        native.call = reading.request(document, structure, prefix)?;
        Ok(())
    })?;
    if let Some(member) = native.call.members.keys().find(|name| REBALANCING.iter().any(|word| name.contains(word))) {
        notes.add(format!(
            "{}: {member} lets AWS launch a host ahead of an interruption; Host Factory does not know of it, so it is paid for \
             until it is found and ended",
            Field::ProviderApiSpec.name()
        ));
    }
    if api == ProviderApi::RunInstances {
        let call = std::mem::take(&mut native.call);
        native.call = std::mem::take(&mut native.launch_template);
        native.call.add(call);
    }
    Ok(native)
}

/// Hands on a document that stands in the template, or in the file that it names.
fn with_document(
    record: &Record<'_, '_>,
    (inline, file): (Field, Field),
    folder: &Path,
    mut read: impl FnMut(&Node<'_>, Field) -> Result<(), DomainError>,
) -> Result<(), DomainError> {
    match (record.get(inline), record.text(file)?) {
        (Some(_), Some(_)) => {
            Err(DomainError::validation(file.name(), format!("cannot go with {}; keep one of them", inline.name())))
        }
        (Some(document), None) => read(document, inline),
        (None, Some(path)) => {
            let full = folder.join(&*path);
            let told = |error: &crate::infrastructure::config::ConfigurationError| {
                let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
                DomainError::validation(file.name(), format!("{error}{cause}"))
            };
            let text = document::read(&full, LARGEST).map_err(|error| told(&error))?;
            let document = document::parse(&text, &full, true).map_err(|error| told(&error))?;
            read(&document, file)
        }
        (None, None) => Ok(()),
    }
}

/// The part of a document that counts, where it is wrapped into the whole request.
fn inner<'n, 'a>(document: &'n Node<'a>, wrapper: &str, field: Field) -> Result<&'n Node<'a>, DomainError> {
    let Node::Object(members) = document else { return Ok(document) };
    let Some((_, inside)) = members.iter().find(|(key, _)| key == wrapper) else { return Ok(document) };
    let about_itself = ["LaunchTemplateName", "VersionDescription"];
    let other = members
        .iter()
        .map(|(key, _)| key.as_ref())
        .find(|key| *key != wrapper && !key.starts_with('_') && !about_itself.contains(key));
    match other {
        None => Ok(inside),
        Some("TagSpecifications") => Err(fault(field, "TagSpecifications", why_not("TagSpecifications"))),
        Some("ClientToken") => Err(fault(field, "ClientToken", why_not("ClientToken"))),
        Some(other) => Err(fault(field, &short(other), &format!("is not taken beside {wrapper}; remove it"))),
    }
}

fn fault(field: Field, member: &str, reason: &str) -> DomainError {
    DomainError::validation(field.name(), format!("{member}: {reason}"))
}

/// The operator's own names for what a document says (`customVariables`).
struct Variables<'n, 'a>(&'n [(Cow<'a, str>, Node<'a>)]);

impl<'n, 'a> Variables<'n, 'a> {
    fn of(record: &Record<'n, 'a>) -> Result<Self, DomainError> {
        match record.get(Field::CustomVariables) {
            None => Ok(Self(&[])),
            Some(Node::Object(members)) => Ok(Self(members)),
            Some(other) => {
                let text = format!("{} is not an object of names and values", other.kind());
                Err(DomainError::validation(Field::CustomVariables.name(), text))
            }
        }
    }

    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.iter().find(|(known, _)| known == name).and_then(|(_, node)| node.as_plain())
    }
}

struct Reading<'v, 'n, 'a> {
    field: Field,
    variables: &'v Variables<'n, 'a>,
}

impl Reading<'_, '_, '_> {
    fn request(
        &self,
        document: &Node<'_>,
        structure: &'static str,
        prefix: &str,
    ) -> Result<NativeRequest, DomainError> {
        let mut request = NativeRequest::default();
        self.structure(document, structure, prefix, "", &mut request, 0)?;
        Ok(request)
    }

    /// Reads the members of a structure. `prefix` is what stands in front of their names on the wire, `place` in messages.
    fn structure(
        &self,
        node: &Node<'_>,
        structure: &'static str,
        prefix: &str,
        place: &str,
        into: &mut NativeRequest,
        depth: usize,
    ) -> Result<(), DomainError> {
        let Node::Object(members) = node else {
            let what = if place.is_empty() { "the document" } else { place.trim_end_matches('.') };
            return Err(fault(self.field, what, &format!("{} is not an object", node.kind())));
        };
        for (key, value) in members.iter().filter(|(key, value)| !key.starts_with('_') && !value.is_unset()) {
            let named = format!("{place}{}", short(key));
            let member = find(structure, key).map_err(|meant| {
                let meant = meant.map(|name| format!("; is {name} meant?")).unwrap_or_default();
                fault(self.field, &named, &format!("AWS has no such member here{meant}"))
            })?;
            if self.is_left_to_us(value) {
                continue;
            }
            if member.kind == Kind::Own || depth > DEEPEST {
                return Err(fault(self.field, &named, why_not(member.name)));
            }
            let name = format!("{prefix}{}", member.query);
            if !member.is_list {
                self.value(value, member, &name, &named, into, depth)?;
                continue;
            }
            into.lists.insert(name.clone());
            let items = if let Node::List(items) = value { items.as_slice() } else { std::slice::from_ref(value) };
            for (at, item) in items.iter().filter(|item| !item.is_unset()).enumerate() {
                self.value(item, member, &format!("{name}.{}", at + 1), &named, into, depth)?;
            }
        }
        Ok(())
    }

    fn value(
        &self,
        node: &Node<'_>,
        member: Member,
        name: &str,
        place: &str,
        into: &mut NativeRequest,
        depth: usize,
    ) -> Result<(), DomainError> {
        if let Kind::Structure(inner) = member.kind {
            return self.structure(node, inner, &format!("{name}."), &format!("{place}."), into, depth + 1);
        }
        let wrong = |wanted: &str| {
            let given = node.as_plain().map_or_else(|| node.kind().to_owned(), |text| format!("'{}'", short(&text)));
            fault(self.field, place, &format!("{given} is not {wanted}"))
        };
        let text = node.as_plain().ok_or_else(|| wrong("a text"))?;
        let text = self.filled(&text, place)?;
        let plain = Node::Text(Cow::Borrowed(&*text));
        let value = match member.kind {
            Kind::Whole => plain.as_whole().map(|number| number.to_string()).ok_or_else(|| wrong("a whole number"))?,
            Kind::Flag => plain.as_flag().map(|flag| flag.to_string()).ok_or_else(|| wrong("true or false"))?,
            Kind::Decimal => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                number.map(|number| number.to_string()).ok_or_else(|| wrong("a number"))?
            }
            Kind::Text | Kind::Time | Kind::Structure(_) | Kind::Own => {
                if text.len() > 4096 || text.chars().any(char::is_control) {
                    return Err(wrong("a text of one line"));
                }
                text.into_owned()
            }
        };
        into.members.insert(name.to_owned(), value);
        Ok(())
    }

    /// Returns whether a value is nothing but the name of something that the plug-in fills in (`{{ image_id }}`).
    fn is_left_to_us(&self, node: &Node<'_>) -> bool {
        let Node::Text(text) = node else { return false };
        let name = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
        name.is_some_and(|name| FILLED_IN.contains(&name) && self.variables.value(name).is_none())
    }

    /// Fills in the operator's own variables.
    fn filled<'t>(&self, text: &'t str, place: &str) -> Result<Cow<'t, str>, DomainError> {
        if text.contains("{%") {
            return Err(fault(
                self.field,
                place,
                "conditions and loops ({% … %}) are not taken; write the document out",
            ));
        }
        if !text.contains("{{") {
            return Ok(Cow::Borrowed(text));
        }
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let name = after.split_once("}}").map(|(name, behind)| (name.trim(), behind));
            let Some((name, behind)) = name else {
                return Err(fault(self.field, place, "'{{' has no '}}'"));
            };
            let Some(value) = self.variables.value(name) else {
                let text = format!("there is no variable '{}' here; set it in customVariables", short(name));
                return Err(fault(self.field, place, &text));
            };
            filled.push_str(before);
            filled.push_str(&value);
            rest = behind;
        }
        filled.push_str(rest);
        Ok(Cow::Owned(filled))
    }
}

#[cfg(test)]
mod tests;
