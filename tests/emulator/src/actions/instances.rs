//! `DescribeInstances`, and how an instance is written.

use super::Context;
use super::listing::{self, Sight};
use crate::clock::{gmt, iso};
use crate::faults::{Garble, Verb};
use crate::instances::{Launch, Market, State, dns_name, spot_request_id};
use crate::query::{Filter, Parameters};
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The filters that are understood, besides `tag:…`.
const FILTERS: [&str; 18] = [
    "instance-id",
    "client-token",
    "tag-key",
    "private-dns-name",
    "private-ip-address",
    "instance-state-name",
    "instance-state-code",
    "instance-type",
    "instance-lifecycle",
    "availability-zone",
    "subnet-id",
    "vpc-id",
    "image-id",
    "key-name",
    "owner-id",
    "reservation-id",
    "spot-instance-request-id",
    "launch-time",
];

/// `DescribeInstances`: all in one answer, or in pages of 5 to 1,000.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = std::sync::Arc::clone(context.parameters);
    let ids = parameters.list("InstanceId");
    context.dry_run()?;
    let (found, next) = listing::select(context, &ids, |_| true, passes, &FILTERS)?;
    let mut xml = Xml::default();
    let mut garble = match context.verb {
        Some(Verb::Garble(how)) => Some(*how),
        _ => None,
    };
    let world = &*context.world;
    let mut sights = found.iter().filter_map(|number| listing::sight(world, *number, context.region)).peekable();
    xml.element("reservationSet", |xml| {
        while let Some(first) = sights.peek().map(|sight| sight.launch.clone()) {
            xml.element("item", |xml| {
                reservation(xml, &first, |xml| {
                    while let Some(sight) = sights.next_if(|sight| std::sync::Arc::ptr_eq(sight.launch, &first)) {
                        xml.element("item", |xml| instance(xml, &sight, garble.take()));
                    }
                });
            });
        }
    });
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}

fn passes(filter: &Filter, sight: &Sight<'_>) -> Option<bool> {
    let launch = sight.launch;
    let address = || sight.instance.address(launch, sight.now);
    if let Some(key) = filter.name.strip_prefix("tag:") {
        return Some(sight.tags.get(key).is_some_and(|value| filter.takes(value)));
    }
    let spot = launch.market == Market::Spot;
    Some(match filter.name.as_str() {
        "instance-id" => filter.takes(&sight.id()),
        "client-token" => launch.token.as_deref().is_some_and(|token| filter.takes(token)),
        "tag-key" => sight.tags.keys().any(|key| filter.takes(key)),
        "private-dns-name" => address().is_some_and(|address| filter.takes(&dns_name(address, &launch.region))),
        "private-ip-address" => address().is_some_and(|address| filter.takes(&address.to_string())),
        "instance-state-name" => filter.takes(sight.state.name()),
        "instance-state-code" => filter.takes(&(sight.state as u16).to_string()),
        "instance-type" => filter.takes(&launch.instance_type),
        "instance-lifecycle" => spot && filter.takes("spot"),
        "availability-zone" => filter.takes(&launch.zone),
        "subnet-id" => filter.takes(&launch.subnet),
        "vpc-id" => filter.takes(crate::catalogue::VPC),
        "image-id" => filter.takes(&launch.image),
        "key-name" => launch.merged.get("KeyName").is_some_and(|name| filter.takes(name)),
        "owner-id" => filter.takes(&launch.account),
        "reservation-id" => filter.takes(&launch.reservation),
        "spot-instance-request-id" => spot && filter.takes(&spot_request_id(sight.number)),
        "launch-time" => filter.takes(&iso(launch.at)),
        _ => return None,
    })
}

/// Writes a reservation with the instances that `inside` writes.
pub(super) fn reservation(xml: &mut Xml, launch: &Launch, inside: impl FnOnce(&mut Xml)) {
    xml.leaf("reservationId", &launch.reservation).leaf("ownerId", &launch.account);
    groups(xml, &launch.merged);
    xml.element("instancesSet", inside);
}

fn groups(xml: &mut Xml, parameters: &Parameters) {
    let mut groups = parameters.list("SecurityGroupId");
    if groups.is_empty() {
        groups = parameters.list("NetworkInterface.1.SecurityGroupId");
    }
    xml.items("groupSet", groups, |xml, id| {
        xml.leaf("groupId", id).leaf("groupName", id);
    });
}

/// Writes one instance.
pub(super) fn instance(xml: &mut Xml, sight: &Sight<'_>, garble: Option<Garble>) {
    let Sight { number, launch, state, now, .. } = *sight;
    let address = sight.instance.address(launch, now);
    let parameters = &launch.merged;
    if garble != Some(Garble::NoId) {
        xml.leaf("instanceId", sight.id());
    }
    xml.leaf("imageId", &launch.image);
    if garble == Some(Garble::Frozen) {
        xml.element("instanceState", |xml| {
            xml.leaf("code", 99_u16).leaf("name", "frozen");
        });
    } else {
        write_state(xml, "instanceState", state);
    }
    xml.leaf("privateDnsName", address.map(|at| dns_name(at, &launch.region)).unwrap_or_default()).leaf("dnsName", "");
    why(xml, sight);
    xml.leaf("keyName", parameters.get("KeyName")).leaf("instanceType", &launch.instance_type);
    if garble != Some(Garble::NoLaunchTime) {
        xml.leaf("launchTime", iso(launch.at));
    }
    xml.element("placement", |xml| {
        xml.leaf("availabilityZone", &launch.zone)
            .leaf("groupName", parameters.get("Placement.GroupName").unwrap_or_default())
            .leaf("tenancy", parameters.get("Placement.Tenancy").unwrap_or("default"));
        for (leaf, name) in [
            ("groupId", "GroupId"),
            ("partitionNumber", "PartitionNumber"),
            ("hostId", "HostId"),
            ("hostResourceGroupArn", "HostResourceGroupArn"),
            ("affinity", "Affinity"),
        ] {
            xml.leaf(leaf, parameters.get(&format!("Placement.{name}")));
        }
    });
    if let Some(cores) = parameters.get("CpuOptions.CoreCount") {
        xml.element("cpuOptions", |xml| {
            xml.leaf("coreCount", cores).leaf("threadsPerCore", parameters.get("CpuOptions.ThreadsPerCore"));
        });
    }
    xml.leaf("capacityReservationId", launch.reserved.clone());
    if state != State::Terminated {
        xml.leaf("subnetId", &launch.subnet).leaf("vpcId", crate::catalogue::VPC).leaf("privateIpAddress", address);
    }
    let kind = crate::catalogue::instance_type(&launch.instance_type);
    xml.leaf("architecture", kind.map(|kind| kind.architecture)).leaf("rootDeviceType", "ebs");
    xml.leaf("virtualizationType", "hvm").leaf("clientToken", launch.token.clone().unwrap_or_default());
    if parameters.get("InstanceMarketOptions.MarketType") == Some("capacity-block") {
        xml.leaf("instanceLifecycle", "capacity-block");
    }
    if launch.market == Market::Spot {
        xml.leaf("instanceLifecycle", "spot").leaf("spotInstanceRequestId", spot_request_id(number));
    }
    groups(xml, parameters);
    super::tags::write(xml, sight.tags);
    xml.element("metadataOptions", |xml| {
        let option =
            |name: &str, default| parameters.get(&format!("MetadataOptions.{name}")).unwrap_or(default).to_owned();
        xml.leaf("state", if state == State::Pending { "pending" } else { "applied" })
            .leaf("httpTokens", option("HttpTokens", "optional"))
            .leaf("httpPutResponseHopLimit", option("HttpPutResponseHopLimit", "1"))
            .leaf("httpEndpoint", option("HttpEndpoint", "enabled"))
            .leaf("instanceMetadataTags", option("InstanceMetadataTags", "disabled"));
    });
}

/// Writes a state.
pub(super) fn write_state(xml: &mut Xml, name: &str, state: State) {
    xml.element(name, |xml| {
        xml.leaf("code", state as u16).leaf("name", state.name());
    });
}

/// Writes why an instance has stopped or ended (`aws-semantics.md` section 10.1).
fn why(xml: &mut Xml, sight: &Sight<'_>) {
    let stopped = sight.instance.mark(|marks| marks.stopped).flatten();
    let (code, message, at) = match (sight.instance.end(), stopped) {
        (Some(end), _) => (end.code.as_str(), end.message.as_str(), end.at),
        (None, Some((at, _))) => (USER, USER_WORDS, at),
        (None, None) => return,
    };
    let by_user = code == USER;
    xml.leaf("reason", if by_user { format!("User initiated ({})", gmt(at)) } else { code.to_owned() });
    xml.element("stateReason", |xml| {
        xml.leaf("code", code).leaf("message", message);
    });
}

/// What AWS says of an instance that a call ended or stopped.
pub(crate) const USER: &str = "Client.UserInitiatedShutdown";
pub(crate) const USER_WORDS: &str = "Client.UserInitiatedShutdown: User initiated shutdown";
