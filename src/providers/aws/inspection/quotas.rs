//! Whether the account's quotas leave room for what the templates may ask for.
//!
//! EC2 counts virtual CPUs, apart for on-demand and spot hosts and for groups of families (Amazon EC2 User Guide, "On-Demand
//! Instance quotas" and "Spot Instance quotas"). Service Quotas knows each by its code (`service-quotas
//! list-service-quotas --service-code ec2`). Spot hosts of P5 and newer have quotas of their own, which are not looked at.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_ec2::types::{Instance, Reservation};
use aws_sdk_servicequotas::types::ServiceQuota;

use crate::application::ProviderError;
use crate::application::ports::{Finding, InstanceTypes};
use crate::domain::template::{PriceType, Template};
use crate::domain::{FailureClass, InstallationId};
use crate::providers::aws::client::{ClientSource, Clients};
use crate::providers::aws::error::provider_error;
use crate::providers::aws::observation::{each_page, filter};
use crate::providers::aws::retry::{self, Policy};
use crate::providers::aws::tags;

const QUOTA: &str = "GetServiceQuota";
const INSTANCES: &str = "DescribeInstances";
/// The largest page of `DescribeInstances`.
const PAGE: i32 = 1_000;

/// Families that share quotas.
struct Families {
    name: &'static str,
    /// The letters that their types begin with.
    letters: &'static [&'static str],
    on_demand: &'static str,
    spot: &'static str,
}

const fn families(
    name: &'static str,
    letters: &'static [&'static str],
    on_demand: &'static str,
    spot: &'static str,
) -> Families {
    Families { name, letters, on_demand, spot }
}

const FAMILIES: &[Families] = &[
    families("Standard", &["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"], "L-1216C47A", "L-34B43A08"),
    families("DL", &["dl"], "L-6E869C2A", "L-85EED4F7"),
    families("F", &["f"], "L-74FC7D96", "L-88CF9481"),
    families("G and VT", &["g", "gr", "vt"], "L-DB2E81BA", "L-3819A6DF"),
    families("Inf", &["inf"], "L-1945791B", "L-B5D1601B"),
    families("P", &["p"], "L-417A185B", "L-7212CCBC"),
    families("Trn", &["trn"], "L-2C3B7624", "L-6B0D517C"),
    families("X", &["x"], "L-7295265B", "L-E3A00192"),
];

/// One quota, by its place in [`FAMILIES`], and whether it is that of spot hosts. Reserved ones count as those on demand.
type Key = (usize, bool);

/// Returns the quota that hosts of this type count against; `None` where we know of none.
fn quota_of(kind: &str, is_spot: bool) -> Option<Key> {
    let letters = kind.split(|c: char| !c.is_ascii_lowercase()).next()?;
    let place = FAMILIES.iter().position(|families| families.letters.contains(&letters))?;
    let generation = kind.get(letters.len()..)?.chars().next()?;
    let is_apart = letters == "p" && is_spot && !matches!(generation, '2'..='4');
    (!is_apart).then_some((place, is_spot))
}

/// What the templates may ask of a quota, in virtual CPUs.
#[derive(Debug, Default)]
struct Wanted {
    /// All hosts of all templates.
    all: u64,
    /// The smallest host of all.
    least: u64,
    /// The templates.
    templates: Vec<String>,
    /// Whether one of them has no limit.
    is_open: bool,
}

fn wanted(templates: &[Template], types: &dyn InstanceTypes) -> BTreeMap<Key, Wanted> {
    let mut all: BTreeMap<Key, Wanted> = BTreeMap::new();
    for template in templates {
        let launch = template.launch();
        for market in template.markets() {
            let is_spot = market == PriceType::Spot;
            let on_demand = (!is_spot).then_some(&launch.fleet.on_demand_types);
            let own = on_demand.filter(|types| !types.is_empty()).unwrap_or(&launch.instance_types);
            let mut sizes: BTreeMap<Key, (u64, u64)> = BTreeMap::new();
            for kind in own {
                let (Some(key), Some(shape)) = (quota_of(&kind.name, is_spot), types.shape(&kind.name)) else {
                    continue;
                };
                let size = u64::from(shape.vcpus.get());
                let (least, most) = sizes.entry(key).or_insert((size, size));
                (*least, *most) = ((*least).min(size), (*most).max(size));
            }
            for (key, (least, most)) in sizes {
                let wanted = all.entry(key).or_insert_with(|| Wanted { least, ..Wanted::default() });
                wanted.least = wanted.least.min(least);
                match template.max_number().limit() {
                    Some(limit) => wanted.all += u64::from(limit) * most,
                    None => wanted.is_open = true,
                }
                wanted.templates.push(template.id().to_string());
            }
        }
    }
    all
}

/// Virtual CPUs that run now: all of the account, and ours among them.
type Running = HashMap<Key, (u64, u64)>;

/// Holds what the templates may ask for against the quotas, and what runs now.
pub(super) async fn examined(
    source: &dyn ClientSource,
    types: &dyn InstanceTypes,
    templates: &[Template],
    installation: Option<&InstallationId>,
) -> Vec<Finding> {
    // The facts came through the same clients.
    let Ok(clients) = source.clients().await else { return Vec::new() };
    let wanted = wanted(templates, types);
    if wanted.is_empty() {
        return vec![Finding::skipped("quotas", "no template names a type whose quota is known")];
    }
    let policy = Policy::describes(source.settings());
    let client = aws_sdk_servicequotas::Client::new(&clients.config);
    let mut quotas = Vec::new();
    for (key, wanted) in wanted {
        let answer = quota(&client, clients, policy, key).await;
        // Who may not read one may read none.
        let refused = answer.as_ref().is_err_and(ProviderError::is_auth);
        quotas.push((key, wanted, answer));
        if refused {
            break;
        }
    }
    if let Some((_, _, Err(error))) = quotas.last()
        && error.is_auth()
    {
        let why = format!(
            "not looked at: the credentials may not call servicequotas:GetServiceQuota, which only doctor needs: {error}"
        );
        return vec![Finding::skipped("quotas", why)];
    }
    let running = running(clients, policy, types, installation).await;
    quotas.iter().map(|(key, wanted, answer)| judged(*key, wanted, answer, running.as_ref().ok())).collect()
}

async fn quota(
    client: &aws_sdk_servicequotas::Client,
    clients: &Clients,
    policy: Policy,
    (place, is_spot): Key,
) -> Result<Option<u64>, ProviderError> {
    let codes = FAMILIES.get(place).map(|families| if is_spot { families.spot } else { families.on_demand });
    let Some(code) = codes else { return Ok(None) };
    let answer = retry::send(&clients.gate, QUOTA, policy, || async {
        let call = client.get_service_quota().service_code("ec2").quota_code(code);
        call.send().await.map_err(|error| provider_error(QUOTA, &error))
    })
    .await?;
    let value = answer.quota().and_then(ServiceQuota::value);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no quota comes near the limits")]
    Ok(value.filter(|value| value.is_finite() && *value >= 0.0).map(|value| value as u64))
}

async fn running(
    clients: &Clients,
    policy: Policy,
    types: &dyn InstanceTypes,
    installation: Option<&InstallationId>,
) -> Result<Running, ProviderError> {
    let mut all = Running::new();
    let read = |token| async move {
        let call = clients.ec2.describe_instances().filters(filter("instance-state-name", ["pending", "running"]));
        let answer = call.max_results(PAGE).set_next_token(token).send().await;
        let answer = answer.map_err(|error| provider_error(INSTANCES, &error))?;
        Ok((answer.reservations.unwrap_or_default(), answer.next_token))
    };
    each_page(clients, INSTANCES, policy, read, |reservations| {
        for host in reservations.iter().flat_map(Reservation::instances) {
            let Some((key, size)) = counted(host, types) else { continue };
            let owner = tags::value_of(host.tags(), tags::OWNER);
            let is_ours = installation.is_some_and(|id| owner.as_deref() == Some(id.as_str()));
            let (used, ours) = all.entry(key).or_default();
            *used += size;
            *ours += if is_ours { size } else { 0 };
        }
        Ok(())
    })
    .await?;
    Ok(all)
}

/// Returns what a host counts against which quota.
fn counted(host: &Instance, types: &dyn InstanceTypes) -> Option<(Key, u64)> {
    let kind = host.instance_type()?.as_str();
    let is_spot = host.instance_lifecycle().is_some_and(|lifecycle| lifecycle.as_str() == "spot");
    let key = quota_of(kind, is_spot)?;
    let known = types.shape(kind).map(|shape| u64::from(shape.vcpus.get()));
    let told = || {
        let cpu = host.cpu_options()?;
        u64::try_from(cpu.core_count()? * cpu.threads_per_core()?).ok()
    };
    Some((key, known.or_else(told)?))
}

fn judged(
    (place, is_spot): Key,
    wanted: &Wanted,
    answer: &Result<Option<u64>, ProviderError>,
    running: Option<&Running>,
) -> Finding {
    let families = FAMILIES.get(place).map_or("?", |families| families.name);
    let name = format!("quota: {families} {}", if is_spot { "spot" } else { "on demand" });
    let quota = match answer {
        Ok(Some(quota)) => *quota,
        Ok(None) => return Finding::skipped(name, "AWS names no figure"),
        Err(error) if error.code.as_deref() == Some("NoSuchResourceException") => {
            return Finding::skipped(name, "Service Quotas does not know it in this region");
        }
        Err(error) if error.class == FailureClass::AuthDenied => return Finding::skipped(name, error.to_string()),
        Err(error) => {
            return Finding::warning(
                name,
                format!("it could not be read: {error}"),
                "run doctor again once AWS answers",
            );
        }
    };
    let used = running.map(|running| running.get(&(place, is_spot)).copied().unwrap_or_default());
    let mend = format!(
        "ask for a higher quota in the console of Service Quotas (Amazon EC2, {families}), lower maxNumber, or name smaller \
         types"
    );
    let now = used.map_or_else(
        || "what runs now could not be read".to_owned(),
        |(used, ours)| {
            if used == 0 { "none run now".to_owned() } else { format!("{used} run now, {ours} of them ours") }
        },
    );
    let (all, by) = (wanted.all, wanted.templates.join(", "));
    let open = if wanted.is_open { ", not counting those without maxNumber" } else { "" };
    let found = format!("{quota} vCPUs; {now}; templates may ask for {all}{open} ({by})");
    if quota < wanted.least {
        let text = format!("{found}; the smallest host takes {}", wanted.least);
        return Finding::failed(name, text, mend);
    }
    let others = used.map_or(0, |(used, ours)| used.saturating_sub(ours));
    if all.saturating_add(others) > quota {
        return Finding::warning(name, found, mend);
    }
    Finding::good(name, found)
}

#[cfg(test)]
#[path = "quotas_tests.rs"]
mod tests;
