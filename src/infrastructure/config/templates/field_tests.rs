//! Every field of a template: that it acts, or is answered.

use super::fields::{FIELDS, Fate};
use super::file::{self, Reading};
use super::*;
use crate::domain::template::{
    Affinity, AllocationStrategy, FleetSettings, Image, LaunchSettings, LaunchTemplate, NetworkInterface,
    OnDemandShare, PriceType, ProviderApi, ProviderKind, ReservationPreference, ReservationTarget, Template, Tenancy,
};
use crate::infrastructure::instance_types::KnownInstanceTypes;

pub(super) const BASE: &[(&str, &str)] = &[
    ("templateId", "\"t\""),
    ("maxNumber", "5"),
    ("attributes", r#"{"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1024"]}"#),
    ("imageId", "\"ami-1\""),
    ("vmType", "\"m6i.large\""),
    ("subnetId", "\"subnet-1\""),
];

/// LSF's own sample of a fleet file, its placeholders bare.
pub(super) const FLEET_FILE: &str = r#"{
  "OnDemandOptions": {"AllocationStrategy": "lowest-price"},
  "SpotOptions": {"AllocationStrategy": "price-capacity-optimized", "InstanceInterruptionBehavior": "terminate"},
  "LaunchTemplateConfigs": [{
    "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-0a", "Version": "1"},
    "Overrides": [
      {"InstanceType": "c5.xlarge", "SubnetId": "subnet-a", "WeightedCapacity": 1, "Priority": 2},
      {"InstanceType": "c5.2xlarge", "SubnetId": "subnet-b", "WeightedCapacity": 2, "Priority": 4}
    ]
  }],
  "TargetCapacitySpecification": {
    "TotalTargetCapacity": $LSF_TOTAL_TARGET_CAPACITY,
    "OnDemandTargetCapacity": $LSF_ONDEMAND_TARGET_CAPACITY,
    "SpotTargetCapacity": $LSF_SPOT_TARGET_CAPACITY,
    "DefaultTargetCapacityType": "spot"
  },
  "Type": "instant"
}"#;

/// Reads a template of [`BASE`] with these members in place of its own; an empty value takes one away.
pub(super) fn reading(kind: ProviderKind, dialect: Dialect, members: &[(&str, &str)]) -> Reading {
    reading_beside(FLEET_FILE, kind, dialect, members)
}

/// The same, beside this fleet file.
pub(super) fn reading_beside(
    fleet_file: &str,
    kind: ProviderKind,
    dialect: Dialect,
    members: &[(&str, &str)],
) -> Reading {
    let kept = BASE.iter().filter(|(name, _)| !members.iter().any(|(other, _)| other == name));
    let all: Vec<String> = kept
        .chain(members)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("awsprov_templates.json");
    let text = format!("{{\"templates\": [{{{}}}]}}", all.join(", "));
    let put = |path: &std::path::Path, text: &str| {
        std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
    };
    put(&path, &text);
    put(&folder.path().join("fleet.json"), fleet_file);
    put(&folder.path().join("spec.json"), r#"{"KeyName": "grid"}"#);
    let settings = TemplateSettings { dialect, common_tags: vec!["team".to_owned()], ..TemplateSettings::default() };
    file::read(&path, folder.path(), kind, &settings, &KnownInstanceTypes::new("")).unwrap()
}

pub(super) fn read_all(members: &[(&str, &str)]) -> Result<(Template, String), String> {
    outcome(reading(ProviderKind::Aws, Dialect::Awsprov, members))
}

/// The one template that was read, with its notes, or why it was refused.
pub(super) fn outcome(mut reading: Reading) -> Result<(Template, String), String> {
    let notes = reading.warnings.iter().flat_map(|(_, notes)| notes.clone()).collect::<Vec<_>>().join("\n");
    match (reading.entries.pop(), reading.refused.pop()) {
        (Some(entry), None) => Ok((entry.template, notes)),
        (None, Some(refused)) => Err(refused.reason),
        other => panic!("neither template nor refusal: {}", other.0.is_some()),
    }
}

fn read(name: &str, value: &str) -> Result<(Template, String), String> {
    read_all(&[(name, value)])
}

/// A value as JSON, and what shows that it acted.
type Example = (&'static str, fn(&Template) -> bool);

/// A value for each acting field that can be told from its being unset, and what shows that it acted.
#[rustfmt::skip]
fn acting(name: &str) -> Option<Example> {
    let launch: Example = match name {
        "templateId" => ("\"t\"", |t| t.id().as_str() == "t"),
        "maxNumber" => ("\"7\"", |t| t.max_number().number() == 7),
        "attributes" => (r#"{"type": "NTX64", "ncpus": 2, "nram": 1}"#, |t| t.attributes().iter().count() == 4),
        "priority" => ("\"3\"", |t| t.priority() == Some(3)),
        "providerApi" => ("\"run_instances\"", |t| t.api() == ProviderApi::RunInstances),
        "providerType" => ("\"aws\"", |t| t.api() == ProviderApi::RunInstances),
        "fleetType" => ("\"instant\"", |t| t.api() == ProviderApi::RunInstances),
        "isActive" => ("\"true\"", |_| true),
        "metadata" => (r#"{"a": 1}"#, |_| true),
        "providerConfig" => (r#"{"launch_template_id": "lt-9"}"#, |t| t.launch().launch_template.is_some()),
        "imageId" => ("\"resolve:ssm:/a/b\"", |t| t.launch().image == Some(Image::SsmParameter("/a/b".to_owned()))),
        "vmType" => ("\"c7i-flex.large, u7i-12tb.224xlarge\"", |t| types(t) == ["c7i-flex.large", "u7i-12tb.224xlarge"]),
        "vmTypes" => (r#"{"z1.large": "1", "a1.large": 1}"#, |t| types(t) == ["m6i.large"]),
        "subnetId" => (r#"["subnet-a, subnet-b", "", "subnet-a"]"#, |t| t.launch().subnets == ["subnet-a", "subnet-b"]),
        "securityGroupIds" => ("\"sg-1,sg-2\"", |t| t.launch().security_groups == ["sg-1", "sg-2"]),
        "public_ip_assignment" => ("\"no\"", |t| t.launch().public_ip == Some(false)),
        "keyName" => ("\"key\"", |t| t.launch().key_name.as_deref() == Some("key")),
        "placementGroupName" => ("\"pg\"", |t| t.launch().placement.group.as_deref() == Some("pg")),
        "tenancy" => ("\"Dedicated\"", |t| t.launch().placement.tenancy == Some(Tenancy::Dedicated)),
        "placementGroupId" => ("\"pg-1\"", |t| t.launch().placement.group_id.as_deref() == Some("pg-1")),
        "partitionNumber" => ("\"3\"", |t| t.launch().placement.partition == Some(3)),
        "hostId" => ("\"h-1\"", |t| t.launch().placement.host.as_deref() == Some("h-1")),
        "hostResourceGroupArn" => ("\"arn:aws:resource-groups:us-east-1:1:group/hosts\"", |t| t.launch().placement.host_group.is_some()),
        "affinity" => ("\"HOST\"", |t| t.launch().placement.affinity == Some(Affinity::Host)),
        "excludedZones" => ("\"US-East-1a, use1-az2\"", |t| t.launch().excluded_zones == ["us-east-1a", "use1-az2"]),
        "marketOrder" => (r#"["Reserved", "spot", "on_demand"]"#, |t| t.launch().market_order == [PriceType::Reserved, PriceType::Spot, PriceType::OnDemand] && t.price_type() == PriceType::Spot),
        "capacityReservationPreference" => ("\"capacityReservationsOnly\"", |t| t.launch().capacity_reservation.preference == Some(ReservationPreference::Only)),
        "capacityReservationId" => ("\"cr-1\"", |t| t.launch().capacity_reservation.target == Some(ReservationTarget::Id("cr-1".to_owned()))),
        "capacityReservationResourceGroupArn" => ("\"arn:aws:resource-groups:us-east-1:1:group/ours\"", |t| matches!(t.launch().capacity_reservation.target, Some(ReservationTarget::Group(_)))),
        "capacityBlock" => ("\"true\"", |t| t.launch().capacity_reservation.block),
        "interfaceType" => ("\"efa\"", |t| t.launch().interface == Some(NetworkInterface::Efa { count: 1 })),
        "efaCount" => ("2", |t| t.launch().interface.is_none()),
        "priceType" => ("\"spot\"", |t| t.price_type() == PriceType::Spot),
        "spotPrice" => ("\"0.6\"", |t| t.price_type() == PriceType::Spot && t.launch().max_spot_price.as_deref() == Some("0.6")),
        "maxSpotPrice" => ("0.25", |t| t.launch().max_spot_price.is_none()),
        "percentOnDemand" => ("\"20\"", |t| fleet(t).on_demand_share == OnDemandShare::Percent(20)),
        "onDemandTargetCapacityRatio" => ("\"0.25\"", |t| fleet(t).on_demand_share == OnDemandShare::Percent(25)),
        "vmTypesOnDemand" => (r#"{"c6i.large": 2}"#, |t| fleet(t).on_demand_types[0].weight == 2),
        "vmTypesPriority" => (r#"{"m6i.large": "1.0"}"#, |t| fleet(t).priorities["m6i.large"] == 1),
        "abisInstanceRequirements" => (r#"{"VCpuCount": {"Min": 2}, "MemoryMiB": {"Min": 0}}"#, |t| fleet(t).requirements.as_ref().unwrap().vcpus.min == Some(2)),
        "context" => ("\"x\"", |t| fleet(t).context.as_deref() == Some("x")),
        "fleetRole" => ("\"a-role\"", |t| fleet(t).role.as_deref() == Some("a-role")),
        "allocationStrategy" => ("\"Capacity_Optimized\"", |t| fleet(t).spot_strategy == Some(AllocationStrategy::CapacityOptimized)),
        "allocationStrategyOnDemand" => ("\"PRIORITIZED\"", |t| fleet(t).on_demand_strategy == Some(AllocationStrategy::Prioritized)),
        "poolsCount" => ("\"3\"", |t| fleet(t).pools_count == Some(3) && fleet(t).spot_strategy == Some(AllocationStrategy::LowestPrice)),
        "spotFleetRequestExpiry" => ("\"45\"", |t| fleet(t).expiry_minutes == Some(45)),
        "requestValidity" => ("\"1:30\"", |t| fleet(t).expiry_minutes == Some(90)),
        "ec2FleetConfig" => ("\"fleet.json\"", |t| t.api() == ProviderApi::Ec2FleetInstant && types(t) == ["c5.xlarge", "c5.2xlarge"]),
        "rootDeviceVolumeSize" => ("\"50\"", |t| root(t).size == Some(50)),
        "volumeType" => ("\"GP3\"", |t| root(t).kind.as_deref() == Some("gp3")),
        "iops" => ("4000", |t| root(t).iops == Some(4000)),
        "throughput" => ("250", |t| root(t).throughput == Some(250)),
        "storage_encryption" => ("1", |t| root(t).encrypted == Some(true)),
        "encryption_key" => ("\"alias/x\"", |t| root(t).kms_key.is_some() && root(t).encrypted == Some(true)),
        "ebsOptimized" => ("\"yes\"", |t| t.launch().ebs_optimized == Some(true)),
        "monitoring_enabled" => ("0", |t| t.launch().monitoring == Some(false)),
        "userDataScript" | "userData" => ("\"#!/bin/sh\\necho\"", |_| true),
        "instanceProfile" => ("\"arn:aws-cn:iam::1:instance-profile/x\"", |t| t.launch().instance_profile.is_some()),
        "instanceTags" => ("\"a=1;b=x=y\"", |t| t.launch().tags["b"] == "x=y"),
        "launchTemplateId" => ("\"lt-0a\"", |t| t.launch().launch_template == Some(LaunchTemplate { id: "lt-0a".to_owned(), version: None })),
        "launchTemplateVersion" => ("3", |_| true),
        "volumes" => (r#"[{"deviceName": "/dev/sdf", "size": "10", "volumeType": "gp3", "iops": 3000, "throughput": 125, "encrypted": "true", "kmsKeyId": "k", "snapshotId": "snap-1"}]"#,
            |t| t.launch().volumes.len() == 1 && t.launch().volumes[0].snapshot.as_deref() == Some("snap-1")),
        "metadataOptions" => (r#"{"httpTokens": "optional", "httpPutResponseHopLimit": "2", "instanceMetadataTags": "enabled", "httpEndpoint": "disabled"}"#,
            |t| { let m = &t.launch().metadata; !m.tokens_required && m.hop_limit == Some(2) && m.instance_tags == Some(true) && m.enabled == Some(false) }),
        "threadsPerCore" => ("\"1\"", |t| t.launch().threads_per_core == Some(1)),
        "customVariables" => (r#"{"pair": "grid"}"#, |t| t.launch().native.call.members["KeyName"] == "grid"),
        "launchTemplateSpec" | "providerApiSpec" => (r#"{"KeyName": "grid"}"#, |t| !t.launch().native.call.is_empty()),
        "launchTemplateSpecFile" | "providerApiSpecFile" => ("\"spec.json\"", |t| !t.launch().native.is_empty()),
        "coreCount" => ("\"2\"", |t| t.launch().core_count.is_some_and(|cores| cores.get() == 2)),
        "amdSevSnp" => ("true", |t| t.launch().cpu_features.amd_sev_snp == Some(true)),
        "nestedVirtualization" => ("\"no\"", |t| t.launch().cpu_features.nested_virtualization == Some(false)),
        _ => return None,
    };
    Some(launch)
}

/// What a field needs beside it to have an effect.
fn beside(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "launchTemplateVersion" => &[("launchTemplateId", "\"lt-1\"")],
        "percentOnDemand" | "onDemandTargetCapacityRatio" | "allocationStrategy" | "poolsCount" => {
            &[("providerApi", "\"EC2Fleet\""), ("priceType", "\"spot\"")]
        }
        "vmTypesOnDemand" | "allocationStrategyOnDemand" => {
            &[("providerApi", "\"EC2Fleet\""), ("priceType", "\"heterogeneous\"")]
        }
        "vmTypesPriority" | "context" => &[("providerApi", "\"EC2Fleet\"")],
        "abisInstanceRequirements" => &[("vmType", "")],
        "partitionNumber" => &[("placementGroupName", "\"pg\"")],
        "hostId" | "affinity" => &[("tenancy", "\"host\"")],
        "capacityBlock" => &[("capacityReservationId", "\"cr-1\"")],
        "fleetRole" => &[("providerApi", "\"SpotFleet\"")],
        "customVariables" => &[("providerApiSpec", r#"{"KeyName": "{{ pair }}"}"#)],
        "spotFleetRequestExpiry" | "requestValidity" => {
            &[("providerApi", "\"EC2Fleet\""), ("fleetType", "\"request\"")]
        }
        _ => &[],
    }
}

pub(super) fn fleet(template: &Template) -> &FleetSettings {
    &template.launch().fleet
}

pub(super) fn types(template: &Template) -> Vec<&str> {
    template.launch().instance_types.iter().map(|one| one.name.as_str()).collect()
}

fn root(template: &Template) -> crate::domain::template::Volume {
    template.launch().root_volume.clone().unwrap_or_default()
}

#[test]
fn every_field_under_every_name_acts_or_is_answered() {
    for info in FIELDS {
        for spelling in std::iter::once(&info.name).chain(info.aliases) {
            // The base's own member would otherwise stand beside an alias of it.
            let without = |value: &'static str| {
                let mut members = vec![(*spelling, value)];
                if *spelling != info.name && BASE.iter().any(|(name, _)| *name == info.name) {
                    members.push((info.name, ""));
                }
                members.extend(beside(info.name));
                read_all(&members)
            };
            match info.fate {
                Fate::Acts => {
                    let (value, acted) = acting(info.name).unwrap_or_else(|| panic!("no example for {}", info.name));
                    let (template, _) = without(value).unwrap_or_else(|reason| panic!("{spelling}: {reason}"));
                    assert!(acted(&template), "{spelling} did not act: {template:?}");
                }
                Fate::Describes => {
                    let (template, notes) = without("\"anything\"").unwrap();
                    assert_eq!((template.launch(), notes.as_str()), (&plain(), ""), "{spelling}");
                }
                Fate::SetAside(reason) => {
                    let (template, notes) = without("\"anything\"").unwrap();
                    assert_eq!(template.launch(), &plain(), "{spelling}");
                    assert!(notes.contains(info.name) && notes.contains(reason), "{spelling}: {notes}");
                }
                Fate::Refused(reason) => {
                    let error = without("{\"a\": 1}").unwrap_err();
                    assert!(error.contains(info.name) && error.contains(reason), "{spelling}: {error}");
                    assert!(without("\"\"").is_ok() && without("null").is_ok() && without("{}").is_ok());
                }
            }
        }
    }
}

pub(super) fn plain() -> LaunchSettings {
    read_all(&[]).unwrap().0.launch().clone()
}

#[test]
fn values_that_a_field_does_not_take_are_refused_by_its_name() {
    for (name, values) in [
        ("maxNumber", &["-2", "10001", "1.5", "\"many\"", "[1]", "10000000000"] as &[&str]),
        ("priority", &["\"high\""]),
        ("isActive", &["\"maybe\""]),
        ("imageId", &["\"emi-1\"", "\"ami-\"", "\"/a b\"", "7", "\"ami-1\\u0001\""]),
        ("vmType", &["\"large\"", "\"M6i.large\"", "\"m6i.large;x\"", "\"a.b,a.b\"", "{\"m6i.large\": 0}", "7"]),
        ("subnetId", &["\"sub-1\"", "\"subnet-\"", "[1]", "\"subnet-1 x\""]),
        ("securityGroupIds", &["[\"default\"]", "[\"sg-1\", \"sg_2\"]"]),
        ("keyName", &["{}1", "\"a\\u0000\""]),
        ("tenancy", &["\"shared\""]),
        ("interfaceType", &["\"ena\""]),
        ("efaCount", &["0", "33"]),
        ("priceType", &["\"cheap\""]),
        ("spotPrice", &["\"free\"", "\"-1\"", "\"1e3\"", "\"NaN\""]),
        ("maxSpotPrice", &["\"free\""]),
        ("percentOnDemand", &["20", "101", "\"half\""]),
        ("onDemandTargetCapacityRatio", &["0.5", "\"x\"", "2"]),
        ("rootDeviceVolumeSize", &["0", "65537", "\"big\""]),
        ("volumeType", &["\"ssd\"", "\"st1\""]),
        ("iops", &["99", "256001"]),
        ("throughput", &["124", "2001"]),
        ("storage_encryption", &["\"aes\""]),
        ("ebsOptimized", &["2"]),
        ("instanceProfile", &["\"arn:aws:iam::1:role/x\"", "\"a b\""]),
        ("instanceTags", &["\"novalue\"", "{\"aws:a\": \"b\"}", "[1]"]),
        ("launchTemplateId", &["\"template\""]),
        ("launchTemplateVersion", &["0", "\"latest\"", "1"]),
        ("threadsPerCore", &["0", "3"]),
        ("coreCount", &["0", "\"all\""]),
        ("amdSevSnp", &["\"perhaps\""]),
        ("placementGroupId", &["\"near\""]),
        ("partitionNumber", &["0", "8", "1"]),
        ("hostId", &["\"host-1\"", "\"h-1\""]),
        ("hostResourceGroupArn", &["\"arn:aws:iam::1:group/y\""]),
        ("affinity", &["\"some\"", "\"host\""]),
        ("excludedZones", &["\"a\"", "[1]", "\"us-east-1a;us-east-1b\""]),
        ("marketOrder", &["\"cheap\"", "\"spot,Spot\"", "7"]),
        ("capacityReservationPreference", &["\"targeted\""]),
        ("capacityReservationId", &["\"r-1\""]),
        ("capacityReservationResourceGroupArn", &["\"ours\""]),
        ("capacityBlock", &["true", "\"all\""]),
        ("providerApi", &["\"MicroVM\"", "\"lambda_micro_vm\"", "\"Other\"", "\"EC2Fleets\""]),
        ("providerType", &["\"azure\""]),
        ("fleetType", &["\"eternal\""]),
        ("ec2FleetConfig", &["\"missing.json\"", "\".\"", "[1]", "\"awsprov_templates.json\""]),
        ("abisInstanceRequirements", &["7", "[\"a\"]"]),
        ("attributes", &["{\"ncpus\": \"X\"}", "[]x", "7"]),
        ("templateId", &["\"../x\"", "\"a b\"", "7.5"]),
    ] {
        for value in values.iter().filter(|value| !value.ends_with(['x', '}']) || value.starts_with('{')) {
            if *value == "{}1" {
                continue;
            }
            match read(name, value) {
                Ok((template, notes)) => panic!("{name} = {value} was taken: {template:?} {notes}"),
                Err(reason) => assert!(reason.contains(name), "{name} = {value}: {reason}"),
            }
        }
    }
    for missing in ["templateId", "maxNumber", "imageId", "vmType", "subnetId"] {
        let reason = read(missing, "").unwrap_err();
        assert!(reason.contains(missing) && reason.contains("is missing"), "{reason}");
    }
}

#[test]
fn volumes_have_the_figures_of_their_type_and_no_misspelt_member() {
    for (value, word) in [
        (r#"{"deviceName": "/dev/sdf"}"#, "volumes[0].size"),
        (r#"{"size": 1}"#, "volumes[0].deviceName"),
        (r#"{"deviceName": "a b", "size": 1}"#, "volumes[0].deviceName"),
        (r#"{"deviceName": "/dev/sdf", "size": 1, "encryptd": true}"#, "did you mean encrypted?"),
        (r#"{"deviceName": "/dev/sdf", "size": 1, "volumeType": "gp2", "iops": 100}"#, "volumes[0].iops"),
        (r#"{"deviceName": "/dev/sdf", "size": 16385, "volumeType": "gp2"}"#, "volumes[0].size"),
        (r#"{"deviceName": "/dev/sdf", "size": 10, "volumeType": "gp3", "iops": 2999}"#, "3000 to 80000"),
        (r#"{"deviceName": "/dev/sdf", "size": 10, "volumeType": "gp3", "throughput": 2001}"#, "125 to 2000"),
        (r#"{"deviceName": "/dev/sdf", "size": 10, "volumeType": "io1"}"#, "io1 needs it"),
        (r#"{"deviceName": "/dev/sdf", "size": 10, "volumeType": "io2", "iops": 256001}"#, "100 to 256000"),
        (r#"{"deviceName": "/dev/sdf", "size": 10, "volumeType": "io2", "throughput": 200}"#, "volumes[0].throughput"),
        (r#"{"deviceName": "/dev/sdf", "size": 124, "volumeType": "st1"}"#, "125 to 16384"),
        (r#"{"deviceName": "/dev/sdf", "size": 1, "kmsKeyId": "k", "encrypted": false}"#, "switched off"),
        (r#"{"deviceName": "/dev/sdf", "snapshotId": "vol-1"}"#, "snap-"),
        (r#"{"deviceName": "/dev/sdf", "size": 1}, {"deviceName": "/dev/sdf", "size": 2}"#, "volumes[1].deviceName"),
        ("7", "volumes[0]"),
    ] {
        let reason = read("volumes", &format!("[{value}]")).unwrap_err();
        assert!(reason.contains(word), "{value}: {reason}");
    }
    let reason = read("metadataOptions", r#"{"httpToken": "required"}"#).unwrap_err();
    assert!(reason.contains("did you mean httpTokens?"), "{reason}");
    assert!(plain().metadata.tokens_required);
}

#[test]
fn without_a_cloud_every_template_is_simulated() {
    for members in [
        &[("imageId", ""), ("vmType", ""), ("subnetId", "")] as &[(&str, &str)],
        &[("providerApi", "\"EC2Fleet\""), ("fleetType", "\"maintain\""), ("ec2FleetConfig", "\"f.json\"")],
        &[("vmType", "\"NOT A TYPE\""), ("subnetId", "\"x\""), ("userDataScript", "\"/nowhere/x.sh\"")],
        &[("maxSpotPrice", "1"), ("percentOnDemand", "50"), ("priceType", "\"heterogeneous\"")],
    ] {
        let reading = reading(ProviderKind::Simulated, Dialect::Orb, members);
        assert_eq!(reading.entries.len(), 1, "{members:?}");
        assert_eq!(reading.entries[0].template.api(), ProviderApi::Simulated);
    }
    let spot = reading(ProviderKind::Simulated, Dialect::Awsprov, &[("priceType", "\"spot\"")]);
    assert_eq!(spot.entries[0].template.price_type(), PriceType::Spot);
    let bad = reading(ProviderKind::Simulated, Dialect::Awsprov, &[("maxNumber", "\"x\"")]);
    assert_eq!(bad.refused.len(), 1);
}

#[test]
fn tags_of_the_configuration_share_the_room() {
    let tags = |count: u32| {
        let all: Vec<String> = (0..count).map(|number| format!("k{number}=v")).collect();
        read("instanceTags", &format!("\"{}\"", all.join(";")))
    };
    assert!(tags(39).is_ok());
    assert!(tags(40).unwrap_err().contains("41 tags"));
}
