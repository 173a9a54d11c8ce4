//! Resolves what a template names by alias, and freezes it for one request.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use aws_sdk_ec2::types::InstanceType;

use super::client::Clients;
use super::error::{incomplete, provider_error};
use super::parameters::{Cpu, FrozenParameters, FrozenTemplate, SCHEMA};
use super::retry::{self, Policy};
use super::{roles, tags, user_data, zones};
use crate::application::ProviderError;
use crate::application::ports::Owner;
use crate::application::settings::AwsSettings;
use crate::domain::FailureClass;
use crate::domain::request::{LaunchPlan, Pool};
use crate::domain::template::{
    Image, LaunchSettings, LaunchTemplate, OnDemandShare, PriceType, Template, UserData, Volume, WeightedType,
};

const PARAMETER: &str = "GetParameter";
const IMAGES: &str = "DescribeImages";
const TEMPLATES: &str = "DescribeLaunchTemplates";
const TYPES: &str = "DescribeInstanceTypes";
/// How an image alias may begin in EC2's own notation.
const ALIAS_PREFIX: &str = "resolve:ssm:";

fn invalid(operation: &str, text: String) -> ProviderError {
    ProviderError::new(operation, FailureClass::Invalid, text)
}

/// Returns the plan of a way that asks one pool in each call.
///
/// # Errors
/// Those of [`frozen`], of the tags and of the boot script.
pub(super) async fn of_one_pool_at_a_time(
    clients: &Clients,
    settings: &AwsSettings,
    template: &Template,
    owner: &Owner,
) -> Result<LaunchPlan, ProviderError> {
    let parameters = stored(clients, settings, template, owner).await?;
    let launch = template.launch();
    let subnets = zones::subnets(clients, Policy::describes(settings), launch).await?;
    let markets = template.markets().into_iter();
    let tiers = markets.flat_map(|market| pools(&subnets, &launch.instance_types, market)).map(|pool| vec![pool]);
    Ok(LaunchPlan { tiers: tiers.collect(), parameters, ..LaunchPlan::default() })
}

/// Returns the plan of a way that asks many pools in one call: those of both markets together where each has its share, else
/// one market after the other.
///
/// # Errors
/// Those of [`frozen`], of the tags and of the boot script.
pub(super) async fn of_fleet(
    clients: &Clients,
    settings: &AwsSettings,
    template: &Template,
    owner: &Owner,
) -> Result<LaunchPlan, ProviderError> {
    let parameters = stored(clients, settings, template, owner).await?;
    let launch = template.launch();
    let fleet = &launch.fleet;
    let subnets = zones::subnets(clients, Policy::describes(settings), launch).await?;
    let of_market = |market| {
        let other_types = market == PriceType::OnDemand && !fleet.on_demand_types.is_empty();
        pools(&subnets, if other_types { &fleet.on_demand_types } else { &launch.instance_types }, market)
    };
    let mut tiers: Vec<Vec<Pool>> = template.markets().into_iter().map(of_market).collect();
    if let (OnDemandShare::Percent(_), [first]) = (fleet.on_demand_share, tiers.as_mut_slice()) {
        first.extend(of_market(PriceType::OnDemand));
    }
    let weighted = launch.instance_types.iter().chain(&fleet.on_demand_types).filter(|kind| kind.weight != 1);
    Ok(LaunchPlan {
        tiers,
        weights: weighted.map(|kind| (kind.name.clone(), kind.weight)).collect(),
        fill_seconds: fleet.expiry_minutes.map(|minutes| u64::from(minutes) * 60),
        batch_limit: Some(super::fleet::MOST_UNITS),
        parameters,
    })
}

/// Returns the frozen parameters as a plan keeps them.
async fn stored(
    clients: &Clients,
    settings: &AwsSettings,
    template: &Template,
    owner: &Owner,
) -> Result<serde_json::Value, ProviderError> {
    let operation = "preparing a launch";
    let launch = template.launch();
    if let Some(text) = launch.user_data.as_ref().and_then(|data| data.text()) {
        user_data::fits(operation, text)?;
    }
    let tags = tags::launch_tags(&settings.tags, &launch.tags, owner, template.api())?;
    let mut frozen = frozen(clients, Policy::describes(settings), launch, tags).await?;
    if let (Some(role), Some(region)) = (&mut frozen.fleet.role, &settings.region)
        && let Some(account) = clients.notebook.read().await.account
    {
        *role = roles::arn(role, &account.id, region);
    }
    serde_json::to_value(&frozen)
        .map_err(|error| invalid(operation, format!("the parameters cannot be written down: {error}")))
}

/// Returns where to ask, in the operator's order: all subnets for the first type, then the next type.
pub(super) fn pools(subnets: &[String], types: &[WeightedType], price_type: PriceType) -> Vec<Pool> {
    let or_the_template = |names: Vec<String>| -> Vec<Option<String>> {
        if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() }
    };
    let subnets = or_the_template(subnets.to_vec());
    or_the_template(types.iter().map(|kind| kind.name.clone()).collect())
        .into_iter()
        .flat_map(|instance_type| {
            subnets.iter().map(move |subnet| Pool {
                instance_type: instance_type.clone(),
                subnet: subnet.clone(),
                price_type,
            })
        })
        .collect()
}

/// Returns the parameters of a launch, resolved; `tags` are those of the call.
///
/// # Errors
/// [`ProviderError`] when something that the template names is not there, or cannot be asked for.
pub(super) async fn frozen(
    clients: &Clients,
    policy: Policy,
    launch: &LaunchSettings,
    tags: BTreeMap<String, String>,
) -> Result<FrozenParameters, ProviderError> {
    let image = match &launch.image {
        Some(Image::Ami(id)) => Some(id.clone()),
        Some(Image::SsmParameter(name)) => Some(image_behind(clients, policy, name).await?),
        None => None,
    };
    let mut volumes = Vec::new();
    if let (Some(root), Some(image)) = (&launch.root_volume, &image) {
        volumes.push(Volume { device: Some(root_device(clients, policy, image).await?), ..root.clone() });
    }
    for volume in &launch.volumes {
        if volume.device.is_none() {
            return Err(invalid("RunInstances", "a further volume has no device name such as /dev/sdf".to_owned()));
        }
        volumes.push(volume.clone());
    }
    let launch_template = match &launch.launch_template {
        Some(template) => Some(numbered(clients, policy, template).await?),
        None => None,
    };
    let cpu = match (launch.threads_per_core, launch.core_count) {
        (None, None) => BTreeMap::new(),
        (threads, cores) => cpu(clients, policy, launch, threads, cores).await?,
    };
    Ok(FrozenParameters {
        schema: SCHEMA,
        image,
        security_groups: launch.security_groups.clone(),
        key_name: launch.key_name.clone(),
        instance_profile: launch.instance_profile.clone(),
        user_data_digest: launch.user_data.as_ref().map(UserData::digest).cloned(),
        tags,
        volumes,
        ebs_optimized: launch.ebs_optimized,
        monitoring: launch.monitoring,
        placement: launch.placement.clone(),
        interface: launch.interface,
        public_ip: launch.public_ip,
        max_spot_price: launch.max_spot_price.clone(),
        launch_template,
        metadata: launch.metadata.clone(),
        cpu,
        cpu_features: launch.cpu_features,
        capacity_reservation: launch.capacity_reservation.clone(),
        fleet: launch.fleet.clone(),
        native: launch.native.clone(),
    })
}

/// The image that a Systems Manager parameter names; `name:3` and `name:label` are resolved by the service.
pub(super) async fn image_behind(clients: &Clients, policy: Policy, alias: &str) -> Result<String, ProviderError> {
    let name = alias.strip_prefix(ALIAS_PREFIX).unwrap_or(alias);
    let answer = retry::send(&clients.gate, PARAMETER, policy, || async {
        let answer = clients.ssm.get_parameter().name(name).send().await;
        answer.map_err(|error| {
            let failure = provider_error(PARAMETER, &error);
            ProviderError { message: format!("image alias '{name}': {}", failure.message), ..failure }
        })
    })
    .await?;
    let value = answer.parameter().and_then(|parameter| parameter.value()).unwrap_or_default();
    if value.starts_with("ami-") {
        Ok(value.to_owned())
    } else {
        Err(invalid(PARAMETER, format!("parameter '{name}' does not hold an image id (ami-…); name one that does")))
    }
}

/// The root device is the image's to name; a guess would add a second disk.
async fn root_device(clients: &Clients, policy: Policy, image: &str) -> Result<String, ProviderError> {
    let answer = retry::send(&clients.gate, IMAGES, policy, || async {
        let answer = clients.ec2.describe_images().image_ids(image).send().await;
        answer.map_err(|error| provider_error(IMAGES, &error))
    })
    .await?;
    let found = answer.images().first().ok_or_else(|| invalid(IMAGES, format!("image {image} does not exist")))?;
    found
        .root_device_name()
        .map(str::to_owned)
        .ok_or_else(|| invalid(IMAGES, format!("image {image} has no root device whose volume could be changed")))
}

/// The launch template with the number that its version stands for now.
pub(super) async fn numbered(
    clients: &Clients,
    policy: Policy,
    template: &LaunchTemplate,
) -> Result<FrozenTemplate, ProviderError> {
    let id = &template.id;
    let version = template.version.as_deref().unwrap_or("$Default");
    if !version.starts_with('$') {
        return Ok(FrozenTemplate { id: id.clone(), version: version.to_owned() });
    }
    let answer = retry::send(&clients.gate, TEMPLATES, policy, || async {
        let answer = clients.ec2.describe_launch_templates().launch_template_ids(id).send().await;
        answer.map_err(|error| provider_error(TEMPLATES, &error))
    })
    .await?;
    let found = answer.launch_templates().first().ok_or_else(|| invalid(TEMPLATES, format!("{id} does not exist")))?;
    let number = match version {
        "$Latest" => found.latest_version_number(),
        "$Default" => found.default_version_number(),
        other => return Err(invalid(TEMPLATES, format!("'{other}' is not $Latest, $Default or a number"))),
    };
    let number = number.ok_or_else(|| incomplete(TEMPLATES, "missing the version number"))?;
    Ok(FrozenTemplate { id: id.clone(), version: number.to_string() })
}

/// Cores and threads of each type: AWS takes the two only together.
async fn cpu(
    clients: &Clients,
    policy: Policy,
    launch: &LaunchSettings,
    threads: Option<u8>,
    cores: Option<NonZeroU32>,
) -> Result<BTreeMap<String, Cpu>, ProviderError> {
    if launch.instance_types.is_empty() {
        let text = "threadsPerCore and coreCount need the instance type in the template (vmType); AWS asks for cores and \
                    threads together";
        return Err(invalid("RunInstances", text.to_owned()));
    }
    let mut names: Vec<InstanceType> = Vec::new();
    for kind in launch.instance_types.iter().chain(&launch.fleet.on_demand_types) {
        let name = InstanceType::from(kind.name.as_str());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let answer = retry::send(&clients.gate, TYPES, policy, || async {
        let answer = clients.ec2.describe_instance_types().set_instance_types(Some(names.clone())).send().await;
        answer.map_err(|error| provider_error(TYPES, &error))
    })
    .await?;
    let mut cpu = BTreeMap::new();
    for name in &names {
        let found = answer.instance_types().iter().find(|found| found.instance_type() == Some(name));
        let info = found
            .and_then(|found| found.v_cpu_info())
            .ok_or_else(|| invalid(TYPES, format!("nothing is known of type {}", name.as_str())))?;
        let chosen = |field: &str, wanted: Option<i32>, default: Option<i32>, valid: &[i32]| match wanted {
            Some(number) if !valid.is_empty() && !valid.contains(&number) => {
                let takes: Vec<String> = valid.iter().map(ToString::to_string).collect();
                let takes = takes.join(", ");
                let text = format!("type {} cannot have {field} {number}, but {takes}; correct it", name.as_str());
                Err(invalid(TYPES, text))
            }
            Some(number) => Ok(number),
            None => default.ok_or_else(|| incomplete(TYPES, "missing the type's own cores or threads")),
        };
        let cores = cores.and_then(|cores| i32::try_from(cores.get()).ok());
        let threads = threads.map(i32::from);
        let (valid_cores, valid_threads) = (info.valid_cores(), info.valid_threads_per_core());
        let cores = chosen("coreCount", cores, info.default_cores(), valid_cores)?;
        let threads = chosen("threadsPerCore", threads, info.default_threads_per_core(), valid_threads)?;
        cpu.insert(name.as_str().to_owned(), Cpu { cores, threads_per_core: threads });
    }
    Ok(cpu)
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;
