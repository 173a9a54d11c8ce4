//! What EC2 tells about the instance types of a region.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::types::{EfaInfo, GpuDeviceInfo, GpuDeviceMemoryInfo, InstanceTypeInfo, NetworkCardInfo, NetworkInfo};
use shaku::{Component, Keyed};

use super::client::ClientSource;
use super::error::{incomplete, plain, provider_error};
use super::observation::all_pages;
use super::retry::Policy;
use crate::application::ProviderError;
use crate::application::ports::{InstanceTypeSource, OfferedTypes};
use crate::domain::template::{Architecture, Gpus, InstanceShape, ProviderKind};

const TYPES: &str = "DescribeInstanceTypes";
/// The largest page (`aws-semantics.md` section 9).
const PAGE: i32 = 100;

/// Asks EC2 for the instance types of the region.
#[derive(Component)]
#[shaku(interface = InstanceTypeSource)]
pub struct AwsInstanceTypes {
    #[shaku(inject)]
    clients: Arc<dyn ClientSource>,
}

impl Keyed for AwsInstanceTypes {
    type KeyType = ProviderKind;
    const KEY: ProviderKind = ProviderKind::Aws;
}

#[async_trait]
impl InstanceTypeSource for AwsInstanceTypes {
    async fn offered(&self) -> Result<Option<OfferedTypes>, ProviderError> {
        let clients = self.clients.clients().await?;
        let policy = Policy::describes(self.clients.settings());
        let told = all_pages(clients, TYPES, policy, |token| async move {
            let call = clients.ec2.describe_instance_types().max_results(PAGE).set_next_token(token);
            let answer = call.send().await.map_err(|error| provider_error(TYPES, &error))?;
            Ok((answer.instance_types.unwrap_or_default(), answer.next_token))
        })
        .await?;
        if told.is_empty() {
            return Err(incomplete(TYPES, "the region offers no instance type at all"));
        }
        let mut offered = OfferedTypes::default();
        for info in &told {
            match shape_of(info)? {
                Some(shape) => offered.shapes.push(shape),
                None => offered.left_out += 1,
            }
        }
        Ok(Some(offered))
    }
}

/// Returns what a type is made of; `None` for one that no grid runs on, and for one of which too little is told.
fn shape_of(info: &InstanceTypeInfo) -> Result<Option<InstanceShape>, ProviderError> {
    let name = info.instance_type().ok_or_else(|| incomplete(TYPES, "missing field instance_type"))?.as_str();
    Ok(made_of(name, info))
}

fn made_of(name: &str, info: &InstanceTypeInfo) -> Option<InstanceShape> {
    let runs = info.processor_info()?.supported_architectures();
    let cpus = info.v_cpu_info()?;
    let (vcpus, cores) = (counted(cpus.default_v_cpus()?)?, counted(cpus.default_cores()?)?);
    let network = info.network_info();
    let (baseline_bandwidth, peak_bandwidth) = network.map_or((None, None), bandwidths);
    Some(InstanceShape {
        name: plain(name, 100),
        vcpus,
        // With a guess the hosts would be half or twice as large as they are.
        cores: Some(cores).filter(|cores| vcpus.get().is_multiple_of(cores.get()))?,
        memory: u32::try_from(info.memory_info()?.size_in_mib()?).ok().and_then(NonZeroU32::new)?,
        architecture: [Architecture::X86_64, Architecture::Arm64]
            .into_iter()
            .find(|one| runs.iter().any(|run| run.as_str() == one.word()))?,
        baseline_bandwidth,
        peak_bandwidth,
        network_cards: network
            .and_then(NetworkInfo::maximum_network_cards)
            .and_then(counted)
            .unwrap_or(NonZeroU32::MIN),
        efa_interfaces: network.map_or(0, efa_interfaces),
        gpus: info.gpu_info().and_then(|gpus| gpus_of(gpus.gpus().last()?)),
    })
}

fn counted(number: i32) -> Option<NonZeroU32> {
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}

fn efa_interfaces(network: &NetworkInfo) -> u32 {
    if network.efa_supported() != Some(true) {
        return 0;
    }
    let most = network.efa_info().and_then(EfaInfo::maximum_efa_interfaces).unwrap_or(1);
    u32::try_from(most).unwrap_or(0)
}

fn gpus_of(gpu: &GpuDeviceInfo) -> Option<Gpus> {
    // A share of a GPU is told as none, and as one logical GPU.
    let count =
        gpu.count().and_then(counted).or_else(|| gpu.logical_gpu_count().map_or(Some(NonZeroU32::MIN), counted))?;
    let memory = gpu.memory_info().and_then(GpuDeviceMemoryInfo::size_in_mib).unwrap_or(0);
    let model = format!("{} {}", gpu.manufacturer().unwrap_or_default(), gpu.name().unwrap_or_default());
    Some(Gpus { count, memory: u32::try_from(memory).unwrap_or(0), model: plain(model.trim(), 100) })
}

/// Returns the baseline and the peak bandwidth of all cards together in Mbit/s.
///
/// Words such as `200 Gigabit` go first: what the cards tell adds up to more than a host of several cards can have.
fn bandwidths(network: &NetworkInfo) -> (Option<NonZeroU32>, Option<NonZeroU32>) {
    let (at_best, told) = network.network_performance().map_or((true, None), in_words);
    if told.is_some() && !at_best {
        return (told, told);
    }
    let cards = network.network_cards();
    let sum = |figures: Vec<Option<f64>>| {
        let all: Option<Vec<f64>> = figures.into_iter().map(|figure| figure.filter(|figure| *figure > 0.0)).collect();
        megabits(all?.into_iter().sum())
    };
    let baseline = sum(cards.iter().map(NetworkCardInfo::baseline_bandwidth_in_gbps).collect());
    let peak = sum(cards.iter().map(NetworkCardInfo::peak_bandwidth_in_gbps).collect());
    // The words may be rounded down.
    (baseline, told.map_or(peak, |told| Some(told).max(baseline)))
}

/// Reads `Up to 12.5 Gigabit`, `4x 100 Gigabit`: whether it is so at best only, and the figure in Mbit/s.
fn in_words(text: &str) -> (bool, Option<NonZeroU32>) {
    let (at_best, rest) = text.strip_prefix("Up to ").map_or((false, text), |rest| (true, rest));
    let figure = |text: &str| text.strip_suffix(" Gigabit")?.parse::<f64>().ok();
    let gigabits = match rest.split_once("x ") {
        Some((times, each)) => times.parse::<u16>().ok().zip(figure(each)).map(|(times, each)| f64::from(times) * each),
        None => figure(rest),
    };
    (at_best, gigabits.and_then(megabits))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the limits of the line above")]
fn megabits(gigabits: f64) -> Option<NonZeroU32> {
    let figure = (gigabits * 1000.0).round();
    if (1.0..=f64::from(u32::MAX)).contains(&figure) { NonZeroU32::new(figure as u32) } else { None }
}

#[cfg(test)]
#[path = "instance_types_tests.rs"]
mod tests;
