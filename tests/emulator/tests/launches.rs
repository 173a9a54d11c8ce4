//! RunInstances: sections 1.2, 2, 8, 10 and 13 of the notes on AWS.

use std::time::Duration;

use hostfactory_emulator::{IMAGES, LAUNCH_TEMPLATE, Market, SUBNETS, Which};

use crate::client::{ask, ask_about, filtered, frozen, hosts, run, try_ask_in};

#[test]
fn a_launch_gives_as_many_as_it_can_between_the_two_counts() {
    let emulator = frozen();
    emulator.pool("m6i.large", "us-east-1a", None, 3);
    assert_eq!(run(&emulator, 5, &[("MinCount", "4")]).code(), "InsufficientInstanceCapacity");
    assert_eq!(hosts(&emulator, 5, &[]).len(), 3);
    let empty = run(&emulator, 1, &[]);
    let (status, code, message) = empty.refusal();
    assert_eq!((status, code), (500, "InsufficientInstanceCapacity"));
    assert!(message.contains("m6i.large") && message.contains("us-east-1a"), "{message}");
    assert_eq!(hosts(&emulator, 1, &[("SubnetId", SUBNETS[1])]).len(), 1, "another zone is another pool");
    assert_eq!(hosts(&emulator, 1, &[("InstanceType", "m5.large")]).len(), 1, "another type too");
    emulator.kill_by_hand(Which::Newest(5)).unwrap();
    assert_eq!(hosts(&emulator, 9, &[]).len(), 3, "ended hosts give their places back");
}

#[test]
fn a_new_host_is_pending_without_name_and_address_and_gets_them_when_it_runs() {
    let emulator = frozen();
    let answer = run(&emulator, 1, &[("ClientToken", "t"), ("MetadataOptions.HttpTokens", "required")]);
    assert_eq!((answer.one("name"), answer.one("privateDnsName")), ("pending", ""));
    assert!(!answer.body.contains("privateIpAddress"));
    assert_eq!(answer.one("ownerId"), "123456789012");
    let id = answer.one("instanceId").to_owned();
    emulator.clock_advance(Duration::from_secs(59));
    assert_eq!(filtered(&emulator, "instance-id", &id).one("name"), "pending");
    emulator.clock_advance(Duration::from_secs(1));
    let seen = filtered(&emulator, "instance-id", &id);
    for (name, wanted) in [
        ("name", "running"),
        ("code", "16"),
        ("privateIpAddress", "10.0.0.4"),
        ("privateDnsName", "ip-10-0-0-4.ec2.internal"),
        ("clientToken", "t"),
        ("availabilityZone", "us-east-1a"),
        ("subnetId", SUBNETS[0]),
        ("httpTokens", "required"),
    ] {
        assert_eq!(seen.one(name), wanted, "{name}");
    }
    assert!(seen.one("launchTime").ends_with('Z') && seen.one("stateReason").is_empty());
}

#[test]
fn the_same_token_gives_the_same_hosts_and_other_parameters_are_a_mismatch() {
    let emulator = frozen();
    let first = run(&emulator, 2, &[("ClientToken", "t")]);
    let again = run(&emulator, 2, &[("ClientToken", "t")]);
    assert_eq!(first.all("instanceId"), again.all("instanceId"));
    assert_eq!(first.one("reservationId"), again.one("reservationId"));
    let mismatch = run(&emulator, 3, &[("ClientToken", "t")]);
    assert_eq!((mismatch.status, mismatch.code()), (400, "IdempotentParameterMismatch"));
    assert_ne!(hosts(&emulator, 2, &[("ClientToken", "t"), ("SubnetId", SUBNETS[1])]), first.all("instanceId"));
    assert_eq!(emulator.truth().len(), 4);
}

#[test]
fn a_token_whose_hosts_are_terminated_launches_nothing_until_it_is_forgotten() {
    let emulator = frozen();
    let ids = hosts(&emulator, 2, &[("ClientToken", "t")]);
    ask_about(&emulator, "TerminateInstances", &ids[..1]);
    emulator.clock_advance(Duration::from_secs(30));
    assert_eq!(run(&emulator, 2, &[("ClientToken", "t")]).all("instanceId"), ids, "one lives");
    ask_about(&emulator, "TerminateInstances", &ids[1..]);
    emulator.clock_advance(Duration::from_secs(30));
    assert_eq!(run(&emulator, 2, &[("ClientToken", "t")]).code(), "IdempotentInstanceTerminated");
    assert_eq!(emulator.truth().len(), 2);
    emulator.clock_advance(Duration::from_hours(25));
    assert_ne!(hosts(&emulator, 2, &[("ClientToken", "t")]), ids);
}

#[test]
fn a_replay_works_after_the_image_is_gone_and_when_the_pool_is_empty() {
    let emulator = frozen();
    let ids = hosts(&emulator, 1, &[("ClientToken", "t")]);
    emulator.image_gone(IMAGES[0]);
    emulator.pool("*", "*", None, 0);
    assert_eq!(hosts(&emulator, 1, &[("ClientToken", "t")]), ids);
    assert_eq!(run(&emulator, 1, &[("ClientToken", "u")]).code(), "InvalidAMIID.NotFound");
}

#[test]
fn a_regional_token_is_apart_from_a_zonal_one() {
    let emulator = frozen();
    let regional = hosts(&emulator, 1, &[("ClientToken", "t"), ("SubnetId", "")]);
    assert_ne!(hosts(&emulator, 1, &[("ClientToken", "t")]), regional);
    assert_eq!(hosts(&emulator, 1, &[("ClientToken", "t"), ("SubnetId", "")]), regional);
    let placed: [(&str, &str); 2] = [("SubnetId", ""), ("Placement.AvailabilityZone", "us-east-1c")];
    assert_eq!(run(&emulator, 1, &placed).one("subnetId"), SUBNETS[2]);
}

#[test]
fn what_is_not_there_or_not_right_is_refused_by_its_own_code() {
    let emulator = frozen();
    let long = "x".repeat(65);
    let script = "QUJD".repeat(5_462);
    let tag = |key: &'static str| {
        vec![("TagSpecification.1.ResourceType", "instance"), ("TagSpecification.1.Tag.1.Key", key)]
    };
    let group = "NetworkInterface.1.SubnetId";
    for (more, wanted) in [
        (vec![("SubnetId", "subnet-1")], "InvalidSubnetID.NotFound"),
        (vec![("ImageId", "ami-00000000000000000")], "InvalidAMIID.NotFound"),
        (vec![("ImageId", "image")], "InvalidAMIID.Malformed"),
        (vec![("ImageId", "")], "MissingParameter"),
        (vec![("InstanceType", "m99.huge")], "InvalidParameterValue"),
        (vec![("SecurityGroupId.1", "sg-1")], "InvalidGroup.NotFound"),
        (vec![("KeyName", "none")], "InvalidKeyPair.NotFound"),
        (vec![("MinCount", "2")], "InvalidParameterValue"),
        (vec![("MinCount", "0")], "InvalidParameterValue"),
        (vec![("MaxCount", "many")], "InvalidParameterValue"),
        (vec![("MaxCount", "")], "MissingParameter"),
        (vec![("ClientToken", long.as_str())], "InvalidClientToken"),
        (vec![("UserData", script.as_str())], "InvalidParameterValue"),
        (vec![("UserData", "no base64")], "InvalidUserData.Malformed"),
        (vec![(group, SUBNETS[0])], "InvalidParameterCombination"),
        (vec![("LaunchTemplate.LaunchTemplateId", "lt-1")], "InvalidLaunchTemplateId.NotFound"),
        (vec![("InstanceMarketOptions.MarketType", "flea")], "InvalidParameterValue"),
        (
            vec![
                ("InstanceMarketOptions.MarketType", "spot"),
                ("InstanceMarketOptions.SpotOptions.SpotInstanceType", "persistent"),
            ],
            "InvalidParameterCombination",
        ),
        (tag("aws:x"), "InvalidParameterValue"),
        (vec![("TagSpecification.1.ResourceType", "house")], "InvalidParameterValue"),
        (vec![("DryRun", "true")], "DryRunOperation"),
    ] {
        let answer = run(&emulator, 1, &more);
        assert_eq!(answer.code(), wanted, "{more:?}: {}", answer.body);
        assert_eq!(answer.status, if wanted == "DryRunOperation" { 412 } else { 400 });
        assert!(answer.body.contains("<Response><Errors><Error><Code>") && !answer.one("RequestID").is_empty());
    }
    assert!(emulator.truth().is_empty());
    assert_eq!(hosts(&emulator, 1, &[("UserData", &"QUJD".repeat(5_461))]).len(), 1, "16 KiB are taken");
}

#[test]
fn fifty_tags_are_taken_and_one_more_is_not() {
    let emulator = frozen();
    for (count, wanted) in [(50, ""), (51, "TagLimitExceeded")] {
        let keys: Vec<(String, String)> =
            (1..=count).map(|n| (format!("TagSpecification.1.Tag.{n}.Key"), format!("k{n}"))).collect();
        let mut more: Vec<(&str, &str)> = keys.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
        more.push(("TagSpecification.1.ResourceType", "instance"));
        assert_eq!(run(&emulator, 1, &more).code(), wanted);
    }
}

#[test]
fn a_quota_counts_virtual_cpus_by_market_and_family_and_refuses_the_whole_call() {
    let emulator = frozen();
    emulator.quota(Market::OnDemand, "standard", 8);
    emulator.quota(Market::Spot, "standard", 2);
    let over = run(&emulator, 5, &[]);
    let (status, code, message) = over.refusal();
    assert_eq!((status, code), (400, "VcpuLimitExceeded"));
    assert!(message.contains("limit of 8"), "{message}");
    assert_eq!(hosts(&emulator, 4, &[]).len(), 4);
    assert_eq!(run(&emulator, 1, &[]).code(), "VcpuLimitExceeded");
    assert_eq!(hosts(&emulator, 1, &[("InstanceType", "g5.xlarge")]).len(), 1, "another family");
    let spot = [("InstanceMarketOptions.MarketType", "spot")];
    assert_eq!(run(&emulator, 2, &spot).code(), "MaxSpotInstanceCountExceeded");
    assert_eq!(hosts(&emulator, 1, &spot).len(), 1);
    assert_eq!(run(&emulator, 3_001, &spot).code(), "RequestResourceCountExceeded");
}

#[test]
fn a_subnet_gives_its_addresses_and_then_refuses() {
    let emulator = frozen();
    emulator.subnet_free(SUBNETS[0], 2).unwrap();
    assert_eq!(run(&emulator, 3, &[("MinCount", "3")]).code(), "InsufficientFreeAddressesInSubnet");
    let ids = hosts(&emulator, 3, &[]);
    assert_eq!(ids.len(), 2);
    assert_eq!(run(&emulator, 1, &[]).code(), "InsufficientFreeAddressesInSubnet");
    assert_eq!(ask(&emulator, "DescribeSubnets", &[]).all("availableIpAddressCount"), ["0", "4000", "4000"]);
    ask_about(&emulator, "TerminateInstances", &ids);
    emulator.clock_advance(Duration::from_secs(30));
    emulator.reuse_addresses();
    let more = hosts(&emulator, 1, &[]);
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(filtered(&emulator, "instance-id", &more[0]).one("privateIpAddress"), "10.0.0.5", "an old address");
}

#[test]
fn a_spot_host_says_so_and_a_bid_below_the_price_is_refused() {
    let emulator = frozen();
    emulator.edit(hostfactory_emulator::Edit::SpotPrice { price: 0.05 }).unwrap();
    let bid =
        |price| [("InstanceMarketOptions.MarketType", "spot"), ("InstanceMarketOptions.SpotOptions.MaxPrice", price)];
    assert_eq!(run(&emulator, 1, &bid("0.04")).code(), "SpotMaxPriceTooLow");
    let answer = run(&emulator, 1, &bid("0.06"));
    assert_eq!(answer.one("instanceLifecycle"), "spot");
    assert!(answer.one("spotInstanceRequestId").starts_with("sir-"));
    assert!(!run(&emulator, 1, &[]).body.contains("instanceLifecycle"));
}

#[test]
fn a_launch_template_fills_in_and_a_default_that_moved_is_a_mismatch() {
    let emulator = frozen();
    let more = [
        ("ImageId", ""),
        ("InstanceType", ""),
        ("LaunchTemplate.LaunchTemplateId", LAUNCH_TEMPLATE),
        ("LaunchTemplate.Version", "$Default"),
        ("ClientToken", "t"),
    ];
    let first = run(&emulator, 1, &more);
    assert_eq!((first.one("imageId"), first.one("instanceType")), (IMAGES[0], "m6i.large"));
    let data = [("ImageId", IMAGES[1]), ("InstanceType", "c5.large")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let id = LAUNCH_TEMPLATE.to_owned();
    emulator.edit(hostfactory_emulator::Edit::LaunchTemplate { id, data: data.into() }).unwrap();
    assert_eq!(run(&emulator, 1, &more).code(), "IdempotentParameterMismatch");
    let listed = ask(&emulator, "DescribeLaunchTemplates", &[("LaunchTemplateId.1", LAUNCH_TEMPLATE)]);
    assert_eq!((listed.one("defaultVersionNumber"), listed.one("latestVersionNumber")), ("3", "3"));
    let versions = ask(&emulator, "DescribeLaunchTemplateVersions", &[("LaunchTemplateId", LAUNCH_TEMPLATE)]);
    assert_eq!(versions.all("versionNumber"), ["1", "2", "3"]);
    let newer = [("LaunchTemplate.Version", "9"), ("LaunchTemplate.LaunchTemplateId", LAUNCH_TEMPLATE)];
    assert_eq!(run(&emulator, 1, &newer).code(), "InvalidLaunchTemplateId.VersionNotFound");
}

#[test]
fn each_region_has_its_own_hosts_and_names() {
    let emulator = frozen();
    let parameters = [("MinCount", "1"), ("MaxCount", "1"), ("ImageId", IMAGES[0]), ("SubnetId", SUBNETS[1])];
    let answer = try_ask_in(&emulator, "eu-west-1", "RunInstances", &parameters).unwrap();
    assert_eq!(answer.one("availabilityZone"), "eu-west-1b");
    emulator.clock_advance(Duration::from_mins(1));
    assert!(ask(&emulator, "DescribeInstances", &[]).all("instanceId").is_empty());
    let there = try_ask_in(&emulator, "eu-west-1", "DescribeInstances", &[]).unwrap();
    assert_eq!(there.one("privateDnsName"), "ip-10-16-0-4.eu-west-1.compute.internal");
}
