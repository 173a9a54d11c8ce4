//! Resolves what a template names by alias, and freezes it for one request.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::InstanceType;

use super::client::Clients;
use super::error::{incomplete, provider_error};
use super::parameters::{Cpu, FrozenParameters, FrozenTemplate, SCHEMA};
use super::retry::{self, Policy};
use super::{roles, tags, user_data};
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
    let tiers = pools(launch, &launch.instance_types, template.price_type()).into_iter().map(|pool| vec![pool]);
    Ok(LaunchPlan { tiers: tiers.collect(), parameters, ..LaunchPlan::default() })
}

/// Returns the plan of a way that asks many pools in one call: those of all markets together where each has its share, one
/// market after the other where on-demand hosts stand in for spot hosts.
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
    let first = pools(launch, &launch.instance_types, template.price_type());
    let other_types = if fleet.on_demand_types.is_empty() { &launch.instance_types } else { &fleet.on_demand_types };
    let on_demand = || pools(launch, other_types, PriceType::OnDemand);
    let tiers = match fleet.on_demand_share {
        OnDemandShare::None => vec![first],
        OnDemandShare::Percent(_) => vec![first.into_iter().chain(on_demand()).collect()],
        OnDemandShare::Rest => vec![first, on_demand()],
    };
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
pub(super) fn pools(launch: &LaunchSettings, types: &[WeightedType], price_type: PriceType) -> Vec<Pool> {
    let or_the_template = |names: Vec<String>| -> Vec<Option<String>> {
        if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() }
    };
    let subnets = or_the_template(launch.subnets.clone());
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
    let cpu = match launch.threads_per_core {
        Some(threads) => cpu(clients, policy, launch, i32::from(threads)).await?,
        None => BTreeMap::new(),
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
        placement_group: launch.placement_group.clone(),
        tenancy: launch.tenancy,
        interface: launch.interface,
        public_ip: launch.public_ip,
        max_spot_price: launch.max_spot_price.clone(),
        launch_template,
        metadata: launch.metadata.clone(),
        cpu,
        fleet: launch.fleet.clone(),
        native: launch.native.clone(),
    })
}

/// The image that a Systems Manager parameter names; `name:3` and `name:label` are resolved by the service.
async fn image_behind(clients: &Clients, policy: Policy, alias: &str) -> Result<String, ProviderError> {
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
async fn numbered(
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

/// Cores and threads of each type: AWS takes threads only together with the number of cores.
async fn cpu(
    clients: &Clients,
    policy: Policy,
    launch: &LaunchSettings,
    threads: i32,
) -> Result<BTreeMap<String, Cpu>, ProviderError> {
    if launch.instance_types.is_empty() {
        let text = "threadsPerCore needs the instance type in the template (vmType); AWS asks for the number of cores";
        return Err(invalid("RunInstances", text.to_owned()));
    }
    let names: Vec<InstanceType> =
        launch.instance_types.iter().map(|kind| InstanceType::from(kind.name.as_str())).collect();
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
        let valid = info.valid_threads_per_core();
        if !valid.is_empty() && !valid.contains(&threads) {
            let text = format!("type {} cannot have threadsPerCore {threads}; remove it", name.as_str());
            return Err(invalid(TYPES, text));
        }
        let cores = info.default_cores().ok_or_else(|| incomplete(TYPES, "missing field default_cores"))?;
        cpu.insert(name.as_str().to_owned(), Cpu { cores, threads_per_core: threads });
    }
    Ok(cpu)
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;
