//! From an EC2 instance to what the domain sees of it.

use aws_sdk_ec2::types::{Instance, InstanceLifecycleType, InstanceState, InstanceStateName};
use aws_smithy_types::DateTime;

use super::error::{explained, incomplete};
use super::tags;
use crate::application::ProviderError;
use crate::domain::machine::{MachineStatus, Sighting};
use crate::domain::template::PriceType;
use crate::domain::{MachineId, Timestamp};

/// Returns what `operation` showed of a host.
///
/// # Errors
/// Class `Server` when the id or the state is missing or is none that we know: a host that cannot be read is not a host
/// that is gone (INV-06).
pub(super) fn of_instance(operation: &str, instance: &Instance) -> Result<Sighting, ProviderError> {
    let id: MachineId = instance
        .instance_id()
        .ok_or_else(|| incomplete(operation, "missing field instance_id"))?
        .parse()
        .map_err(|error| incomplete(operation, &format!("{error}")))?;
    let status = status_of(instance.state())
        .ok_or_else(|| incomplete(operation, &format!("{id} is in no state that we know")))?;
    let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
    let tags = instance.tags();
    Ok(Sighting {
        status,
        name: instance.private_dns_name().and_then(|name| name.parse().ok()),
        private_ip: text(instance.private_ip_address()),
        public_ip: text(instance.public_ip_address()),
        launched_at: instance.launch_time().and_then(timestamp),
        instance_type: text(instance.instance_type().map(aws_sdk_ec2::types::InstanceType::as_str)),
        price_type: match instance.instance_lifecycle() {
            Some(InstanceLifecycleType::Spot) => PriceType::Spot,
            _ => PriceType::OnDemand,
        },
        zone: text(instance.placement().and_then(|placement| placement.availability_zone())),
        tags: tags::shown(tags),
        reason: reason_of(status, instance),
        owner: tags::value_of(tags, tags::OWNER),
        request: tags::value_of(tags, tags::REQUEST),
        template: tags::value_of(tags, tags::TEMPLATE),
        resource: tags::resource_of(tags),
        api: tags::api_of(tags),
        id,
    })
}

/// Returns a point in time in the domain's unit.
pub(super) fn timestamp(at: &DateTime) -> Option<Timestamp> {
    at.to_millis().ok().map(Timestamp::from_millis)
}

/// The low byte of the code counts; AWS keeps its own marks in the high one.
fn status_of(state: Option<&InstanceState>) -> Option<MachineStatus> {
    let state = state?;
    match (state.code(), state.name()) {
        (Some(code), _) => match code & 0xFF {
            0 => Some(MachineStatus::Pending),
            16 => Some(MachineStatus::Running),
            32 => Some(MachineStatus::ShuttingDown),
            48 => Some(MachineStatus::Terminated),
            64 => Some(MachineStatus::Stopping),
            80 => Some(MachineStatus::Stopped),
            _ => None,
        },
        (None, Some(InstanceStateName::Pending)) => Some(MachineStatus::Pending),
        (None, Some(InstanceStateName::Running)) => Some(MachineStatus::Running),
        (None, Some(InstanceStateName::ShuttingDown)) => Some(MachineStatus::ShuttingDown),
        (None, Some(InstanceStateName::Terminated)) => Some(MachineStatus::Terminated),
        (None, Some(InstanceStateName::Stopping)) => Some(MachineStatus::Stopping),
        (None, Some(InstanceStateName::Stopped)) => Some(MachineStatus::Stopped),
        (None, _) => None,
    }
}

/// Why a host ended or ends, with the code of section 10.1.
fn reason_of(status: MachineStatus, instance: &Instance) -> Option<String> {
    if matches!(status, MachineStatus::Pending | MachineStatus::Running) {
        return None;
    }
    let reason = instance.state_reason();
    let code = reason.and_then(|reason| reason.code()).unwrap_or_default();
    let message = reason.and_then(|reason| reason.message()).unwrap_or_default();
    let text = match (code, message) {
        ("", "") => instance.state_transition_reason().unwrap_or_default().to_owned(),
        (code, "") => code.to_owned(),
        (code, message) if message.starts_with(code) => message.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    (!text.is_empty()).then(|| explained(&text))
}
