//! The subnets of a template that are not in a zone that it excludes.

use super::client::Clients;
use super::error::provider_error;
use super::retry::{self, Policy};
use crate::application::ProviderError;
use crate::domain::FailureClass;
use crate::domain::template::LaunchSettings;

const DESCRIBE: &str = "DescribeSubnets";

/// Returns the subnets to launch into, in the operator's order. AWS is asked only when the template excludes zones.
///
/// # Errors
/// [`ProviderError`] when the zones cannot be told, or when none of the subnets is left.
pub(super) async fn subnets(
    clients: &Clients,
    policy: Policy,
    launch: &LaunchSettings,
) -> Result<Vec<String>, ProviderError> {
    if launch.excluded_zones.is_empty() {
        return Ok(launch.subnets.clone());
    }
    let answer = retry::send(&clients.gate, DESCRIBE, policy, || async {
        let call = clients.ec2.describe_subnets().set_subnet_ids(Some(launch.subnets.clone()));
        call.send().await.map_err(|error| provider_error(DESCRIBE, &error))
    })
    .await?;
    let invalid = |text: String| ProviderError::new(DESCRIBE, FailureClass::Invalid, text);
    let mut kept = Vec::with_capacity(launch.subnets.len());
    for subnet in &launch.subnets {
        let found = answer.subnets().iter().find(|found| found.subnet_id() == Some(subnet));
        let found = found.ok_or_else(|| invalid(format!("nothing is known of {subnet}; correct subnetId")))?;
        let zones = [found.availability_zone(), found.availability_zone_id()];
        if !zones.iter().flatten().any(|zone| launch.excluded_zones.iter().any(|excluded| excluded == zone)) {
            kept.push(subnet.clone());
        }
    }
    if kept.is_empty() {
        let (subnets, zones) = (launch.subnets.join(", "), launch.excluded_zones.join(", "));
        let text = format!(
            "every subnet of the template ({subnets}) is in a zone that excludedZones names ({zones}); add a subnet of \
             another zone, or take a zone out"
        );
        return Err(invalid(text));
    }
    Ok(kept)
}
