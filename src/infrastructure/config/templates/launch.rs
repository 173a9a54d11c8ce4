//! How the hosts of a template are launched, from its fields.
//!
//! Invariant: what leaves here has the form AWS takes it in; ids are checked loosely, since AWS has changed them before.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use super::api::Choice;
use super::fields::Field;
use super::record::{Record, whole, wrong};
use super::{Notes, TemplateSettings, fleets, market, native, placement, volumes};
use crate::domain::DomainError;
use crate::domain::template::{
    CpuFeatures, FleetSettings, Image, LaunchSettings, LaunchTemplate, MetadataOptions, NetworkInterface, PriceType,
    ProviderApi, WeightedType,
};
use crate::infrastructure::config::document::Node;
use crate::infrastructure::config::tags;
use crate::infrastructure::config::text::{nearest, same_word, short};

/// Reads everything but the boot script.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn read(
    record: &Record<'_, '_>,
    choice: Choice<'_>,
    folder: &Path,
    settings: &TemplateSettings,
    notes: &mut Notes,
) -> Result<LaunchSettings, DomainError> {
    let owned = |field| Ok::<_, DomainError>(record.text(field)?.map(Cow::into_owned));
    let mut launch = LaunchSettings {
        image: image(record)?,
        instance_types: types(record, choice, notes)?,
        subnets: subnets(record, choice, notes)?,
        security_groups: ids(record, Field::SecurityGroupIds, "sg-")?,
        key_name: limited(owned(Field::KeyName)?, Field::KeyName, 255)?,
        instance_profile: profile(record)?,
        user_data: None,
        tags: instance_tags(record, settings)?,
        root_volume: volumes::root(record)?,
        volumes: volumes::further(record)?,
        ebs_optimized: record.flag(Field::EbsOptimized)?,
        monitoring: record.flag(Field::MonitoringEnabled)?,
        placement: placement::read(record)?,
        interface: interface(record, notes)?,
        public_ip: record.flag(Field::PublicIpAssignment)?,
        max_spot_price: max_price(record, choice, notes)?,
        launch_template: launch_template(record, choice, notes)?,
        metadata: metadata_options(record)?,
        threads_per_core: record.whole(Field::ThreadsPerCore, 1, 2)?.map(|threads| if threads == 1 { 1 } else { 2 }),
        core_count: cores(record)?,
        cpu_features: CpuFeatures {
            amd_sev_snp: record.flag(Field::AmdSevSnp)?,
            nested_virtualization: record.flag(Field::NestedVirtualization)?,
        },
        excluded_zones: placement::excluded_zones(record)?,
        market_order: market::order(record)?,
        capacity_reservation: market::reservation(record)?,
        fleet: FleetSettings::default(),
        native: native::read(record, choice.api, folder, notes)?,
    };
    if fleets::are_asked_for(record, choice) {
        launch.fleet = fleets::read(record, choice, &launch.instance_types, notes)?;
        if choice.api == ProviderApi::AutoScaling && !launch.fleet.priorities.is_empty() {
            // A group has no priorities but the order of its types.
            let priorities = &launch.fleet.priorities;
            launch.instance_types.sort_by_key(|one| priorities.get(&one.name).copied().unwrap_or(u32::MAX));
        }
    }
    Ok(launch)
}

fn refused<T>(field: Field, reason: impl Into<String>) -> Result<T, DomainError> {
    Err(DomainError::validation(field.name(), reason))
}

/// Returns a text that is no longer than AWS takes it.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn limited(text: Option<String>, field: Field, longest: usize) -> Result<Option<String>, DomainError> {
    match text {
        Some(text) if text.chars().count() > longest => refused(field, format!("is longer than {longest} characters")),
        text => Ok(text),
    }
}

/// Returns whether `text` is an AWS id with this prefix: letters and digits behind it.
pub(super) fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        (1..=64).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// Returns how many physical cores of its type a host is to have, where the template says so.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn cores(record: &Record<'_, '_>) -> Result<Option<NonZeroU32>, DomainError> {
    let cores = record.whole(Field::CoreCount, 1, 1024)?.and_then(|cores| u32::try_from(cores).ok());
    Ok(cores.and_then(NonZeroU32::new))
}

fn image(record: &Record<'_, '_>) -> Result<Option<Image>, DomainError> {
    let Some(text) = record.text(Field::ImageId)? else { return Ok(None) };
    let is_parameter = |name: &str| {
        (1..=2048).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_' | b':'))
    };
    if is_id(&text, "ami-") {
        return Ok(Some(Image::Ami(text.into_owned())));
    }
    match text.strip_prefix("resolve:ssm:").or_else(|| text.starts_with('/').then_some(&*text)) {
        Some(name) if is_parameter(name) => Ok(Some(Image::SsmParameter(name.to_owned()))),
        _ => refused(
            Field::ImageId,
            format!("'{}' is neither an image (ami-…) nor a parameter (/aws/service/… or resolve:ssm:…)", short(&text)),
        ),
    }
}

/// Returns whether `text` has the form of an instance type.
pub(super) fn is_type(text: &str) -> bool {
    text.len() <= 64
        && text.split_once('.').is_some_and(|(family, size)| {
            let is_part = |part: &str| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            is_part(family) && is_part(size)
        })
}

/// Reads the instance types. Spot hosts, fleets and groups take `vmTypes` first and a plain launch `vmType`, as in IBM's
/// plug-in; either does for both. Each host of a plain launch counts as one.
pub(super) fn types(
    record: &Record<'_, '_>,
    choice: Choice<'_>,
    notes: &mut Notes,
) -> Result<Vec<WeightedType>, DomainError> {
    let order =
        if choice.prefers_several() { [Field::VmTypes, Field::VmType] } else { [Field::VmType, Field::VmTypes] };
    if let Some(file) = choice.file.filter(|file| !file.types.is_empty()) {
        for field in order.into_iter().filter(|field| record.has(*field)) {
            notes.set_aside(field.name(), FILED);
        }
        return Ok(file.types.clone());
    }
    let Some(field) = order.into_iter().find(|field| record.has(*field)) else { return Ok(Vec::new()) };
    if record.has(order[0]) && record.has(order[1]) {
        let what = if choice.price == PriceType::Spot { "spot hosts" } else { "this way to get hosts" };
        notes.set_aside(order[1].name(), &format!("{} goes before it for {what}", order[0].name()));
    }
    let mut types = weighted_types(record, field)?;
    if matches!(choice.api, ProviderApi::RunInstances | ProviderApi::Simulated) {
        let mut weighted = false;
        for one in &mut types {
            weighted |= one.weight > 1;
            one.weight = 1;
        }
        if weighted {
            notes.set_aside(field.name(), "its weights do not count: with RunInstances each host counts as one");
        }
    }
    Ok(types)
}

/// Why a field has no effect beside a fleet file.
const FILED: &str = "ec2FleetConfig goes before it";

/// Reads types with weights, 1 to 1000, or a plain list of types.
///
/// # Errors
/// [`DomainError::Validation`] naming the field, and the type.
pub(super) fn weighted_types(record: &Record<'_, '_>, field: Field) -> Result<Vec<WeightedType>, DomainError> {
    let mut types: Vec<WeightedType> = Vec::new();
    match record.get(field) {
        Some(Node::Object(members)) => {
            for (name, node) in members.iter().filter(|(name, _)| !name.starts_with('_')) {
                let name = name.trim();
                let weight = node.as_whole().filter(|weight| (1..=1000).contains(weight));
                let weight = weight.and_then(|weight| u32::try_from(weight).ok()).ok_or_else(|| {
                    let name = format!("{}.{}", field.name(), short(name));
                    wrong(&name, node, "a whole number from 1 to 1000")
                })?;
                types.push(WeightedType { name: name.to_owned(), weight });
            }
        }
        // One type, as in most templates.
        Some(Node::Text(text)) if !text.contains(',') => {
            types.push(WeightedType { name: text.trim().to_owned(), weight: 1 });
        }
        _ => types
            .extend(record.list(field)?.into_iter().map(|name| WeightedType { name: name.into_owned(), weight: 1 })),
    }
    for (at, one) in types.iter().enumerate() {
        if !is_type(&one.name) {
            return refused(field, format!("'{}' is not an instance type such as m6i.xlarge", short(&one.name)));
        }
        if types.iter().take(at).any(|other| other.name == one.name) {
            return refused(field, format!("{} comes twice", one.name));
        }
    }
    Ok(types)
}

fn subnets(record: &Record<'_, '_>, choice: Choice<'_>, notes: &mut Notes) -> Result<Vec<String>, DomainError> {
    let Some(file) = choice.file.filter(|file| !file.subnets.is_empty()) else {
        return ids(record, Field::SubnetId, "subnet-");
    };
    if record.has(Field::SubnetId) {
        notes.set_aside(Field::SubnetId.name(), FILED);
    }
    Ok(file.subnets.clone())
}

fn ids(record: &Record<'_, '_>, field: Field, prefix: &str) -> Result<Vec<String>, DomainError> {
    let mut ids: Vec<String> = Vec::new();
    for id in record.list(field)? {
        if !is_id(&id, prefix) {
            return refused(field, format!("'{}' is not of the form {prefix}…", short(&id)));
        }
        if !ids.iter().any(|known| *known == id) {
            ids.push(id.into_owned());
        }
    }
    Ok(ids)
}

fn profile(record: &Record<'_, '_>) -> Result<Option<String>, DomainError> {
    let Some(text) = record.text(Field::InstanceProfile)? else { return Ok(None) };
    let is_arn = text.starts_with("arn:") && text.contains(":instance-profile/");
    let is_name =
        (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if is_arn || is_name {
        return Ok(Some(text.into_owned()));
    }
    refused(
        Field::InstanceProfile,
        format!("'{}' is neither the name of an instance profile nor its ARN (arn:…:instance-profile/…)", short(&text)),
    )
}

fn instance_tags(
    record: &Record<'_, '_>,
    settings: &TemplateSettings,
) -> Result<BTreeMap<String, String>, DomainError> {
    let Some(node) = record.get(Field::InstanceTags) else { return Ok(BTreeMap::new()) };
    let tags = tags::read(node).map_err(|reason| DomainError::validation(Field::InstanceTags.name(), reason))?;
    let tags: BTreeMap<String, String> = tags.into_iter().collect();
    let all = tags.len() + settings.common_tags.iter().filter(|key| !tags.contains_key(*key)).count();
    if all > tags::MOST {
        let reason =
            format!("{all} tags, provider.aws.tags included, are more than the {} there is room for", tags::MOST);
        return refused(Field::InstanceTags, reason);
    }
    Ok(tags)
}

fn interface(record: &Record<'_, '_>, notes: &mut Notes) -> Result<Option<NetworkInterface>, DomainError> {
    let count = record.whole(Field::EfaCount, 1, 32)?;
    let word = record.text(Field::InterfaceType)?;
    let efa = word.as_ref().is_some_and(|word| same_word(word, "efa"));
    if !efa && count.is_some() {
        notes.set_aside(Field::EfaCount.name(), "it counts interfaces of interfaceType efa only");
    }
    match word {
        None => Ok(None),
        Some(_) if efa => {
            let count = count.and_then(|count| u8::try_from(count).ok()).unwrap_or(1);
            Ok(Some(NetworkInterface::Efa { count }))
        }
        Some(word) if same_word(&word, "interface") => Ok(Some(NetworkInterface::Ordinary)),
        Some(word) => refused(Field::InterfaceType, format!("'{}' is not efa or interface", short(&word))),
    }
}

/// Returns whether `text` is a plain number of dollars.
pub(super) fn is_price(text: &str) -> bool {
    text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.parse::<f64>().is_ok()
}

/// The price limit, as the operator wrote it. On-demand hosts have none: IBM's samples leave it in such templates.
fn max_price(record: &Record<'_, '_>, choice: Choice<'_>, notes: &mut Notes) -> Result<Option<String>, DomainError> {
    let mut limit = None;
    for field in [Field::MaxSpotPrice, Field::SpotPrice] {
        let Some(text) = record.text(field)? else { continue };
        if !is_price(&text) {
            return refused(field, format!("'{}' is not a price in dollars such as 0.25", short(&text)));
        }
        match text.parse::<f64>() {
            Ok(price) if price > 0.0 && limit.is_none() => limit = Some((field, text.into_owned())),
            Ok(price) if price > 0.0 => notes.set_aside(field.name(), "maxSpotPrice goes before it"),
            _ => {}
        }
    }
    if let Some(price) = choice.file.and_then(|file| file.max_price.as_ref()) {
        let filed = (choice.price == PriceType::Spot && limit.is_none()).then(|| (Field::MaxSpotPrice, price.clone()));
        limit = limit.or(filed);
    }
    match (limit, choice.price) {
        (Some((field, _)), PriceType::OnDemand) => {
            notes.set_aside(field.name(), "it limits the price of spot hosts, and these are on demand");
            Ok(None)
        }
        (limit, _) => Ok(limit.map(|(_, price)| price)),
    }
}

fn launch_template(
    record: &Record<'_, '_>,
    choice: Choice<'_>,
    notes: &mut Notes,
) -> Result<Option<LaunchTemplate>, DomainError> {
    if let Some(template) = choice.file.and_then(|file| file.launch_template.as_ref()) {
        for field in [Field::LaunchTemplateId, Field::LaunchTemplateVersion] {
            if record.has(field) {
                notes.set_aside(field.name(), FILED);
            }
        }
        return Ok(Some(template.clone()));
    }
    let text = record.text(Field::LaunchTemplateVersion)?;
    let Some(id) = record.text(Field::LaunchTemplateId)? else {
        return match text {
            None => Ok(None),
            Some(_) => refused(Field::LaunchTemplateVersion, "is set without launchTemplateId"),
        };
    };
    if !is_id(&id, "lt-") {
        return refused(Field::LaunchTemplateId, format!("'{}' is not of the form lt-…", short(&id)));
    }
    match text.map(|text| version(&text).ok_or(text)).transpose() {
        Ok(version) => Ok(Some(LaunchTemplate { id: id.into_owned(), version })),
        Err(text) => {
            let reason = format!("'{}' is not $Latest, $Default or a number above 0", short(&text));
            refused(Field::LaunchTemplateVersion, reason)
        }
    }
}

/// Returns the version of a launch template as AWS spells it.
pub(super) fn version(text: &str) -> Option<String> {
    let word = ["$Latest", "$Default"].into_iter().find(|word| word.eq_ignore_ascii_case(text));
    word.or_else(|| text.parse::<u32>().is_ok_and(|number| number > 0).then_some(text)).map(str::to_owned)
}

/// Reads our own object `metadataOptions`. A misspelt member is refused: it could be the one that asks for tokens.
fn metadata_options(record: &Record<'_, '_>) -> Result<MetadataOptions, DomainError> {
    const MEMBERS: [&str; 4] = ["httpTokens", "httpPutResponseHopLimit", "instanceMetadataTags", "httpEndpoint"];
    let mut options = MetadataOptions::default();
    let members = match record.get(Field::MetadataOptions) {
        None => return Ok(options),
        Some(Node::Object(members)) => members,
        Some(other) => return Err(wrong("metadataOptions", other, "an object")),
    };
    for (key, node) in members.iter().filter(|(key, node)| !key.starts_with('_') && !node.is_unset()) {
        let name = format!("metadataOptions.{}", short(key));
        let one_of = |yes: &str, no: &str| match node.as_plain() {
            Some(word) if same_word(&word, yes) => Ok(true),
            Some(word) if same_word(&word, no) => Ok(false),
            _ => Err(wrong(&name, node, &format!("{yes} or {no}"))),
        };
        match key.as_ref() {
            "httpTokens" => options.tokens_required = one_of("required", "optional")?,
            "httpPutResponseHopLimit" => options.hop_limit = u8::try_from(whole(&name, node, 1, 64)?).ok(),
            "instanceMetadataTags" => options.instance_tags = Some(one_of("enabled", "disabled")?),
            "httpEndpoint" => options.enabled = Some(one_of("enabled", "disabled")?),
            other => {
                let hint = nearest(other, MEMBERS).map_or(MEMBERS.join(", "), str::to_owned);
                return Err(DomainError::validation(name, format!("is unknown; did you mean {hint}?")));
            }
        }
    }
    Ok(options)
}
