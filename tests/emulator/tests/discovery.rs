//! What an account has: networks, groups, keys, profiles, offers, images and quotas.

use std::net::TcpStream;

use hostfactory_emulator::{Edit, Emulator, IMAGES, KEY_PAIR, Market, SECURITY_GROUP, SUBNETS, VPC};

use crate::client::{ask, exchange, frozen, run};

#[test]
fn the_one_network_is_the_default_one_and_everything_is_in_it() {
    let emulator = frozen();
    let vpc = ask(&emulator, "DescribeVpcs", &[]);
    assert_eq!((vpc.one("vpcId"), vpc.one("isDefault")), (VPC, "true"));
    let of = [("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")];
    assert_eq!(ask(&emulator, "DescribeVpcs", &of).code(), "InvalidParameterValue");
    emulator.edit(Edit::SecurityGroup { id: "sg-0000000000000000b".to_owned() }).unwrap();
    let groups = ask(&emulator, "DescribeSecurityGroups", &[]);
    assert_eq!(groups.all("groupId"), ["sg-0000000000000000b", SECURITY_GROUP]);
    assert_eq!(groups.all("vpcId"), [VPC, VPC]);
    let of = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", SECURITY_GROUP)];
    assert_eq!(ask(&emulator, "DescribeSecurityGroups", &of).all("groupName"), ["default"]);
    let unknown = [("GroupId.1", "sg-9")];
    assert_eq!(ask(&emulator, "DescribeSecurityGroups", &unknown).code(), "InvalidGroup.NotFound");
    assert_eq!(ask(&emulator, "DescribeVpcs", &[("DryRun", "true")]).code(), "DryRunOperation");
}

#[test]
fn key_pairs_and_images_are_found_by_name_and_filter() {
    let emulator = frozen();
    emulator.edit(Edit::KeyPair { name: "other".to_owned() }).unwrap();
    assert_eq!(ask(&emulator, "DescribeKeyPairs", &[]).all("keyName"), [KEY_PAIR, "other"]);
    let of = [("Filter.1.Name", "key-name"), ("Filter.1.Value.1", "other")];
    assert_eq!(ask(&emulator, "DescribeKeyPairs", &of).all("keyName"), ["other"]);
    assert_eq!(ask(&emulator, "DescribeKeyPairs", &[("KeyName.1", "none")]).code(), "InvalidKeyPair.NotFound");
    assert_eq!(ask(&emulator, "DescribeImages", &[("Owner.1", "self")]).all("imageId"), IMAGES);
    assert_eq!(ask(&emulator, "DescribeImages", &[("Owner.1", "amazon")]).all("imageId"), [""; 0]);
    let of = [("Filter.1.Name", "image-id"), ("Filter.1.Value.1", IMAGES[1])];
    assert_eq!(ask(&emulator, "DescribeImages", &of).all("imageId"), [IMAGES[1]]);
}

#[test]
fn the_profiles_of_hosts_that_live_are_told_by_their_arn() {
    let emulator = frozen();
    let host = run(&emulator, 1, &[("IamInstanceProfile.Name", "grid-hosts")]);
    let told = || ask(&emulator, "DescribeIamInstanceProfileAssociations", &[]);
    assert_eq!(told().all("arn"), ["arn:aws:iam::123456789012:instance-profile/grid-hosts"]);
    emulator.kill(host.one("instanceId"), "X", "x").unwrap();
    assert_eq!(told().all("arn"), [""; 0]);
}

#[test]
fn types_are_offered_in_the_zones_of_the_subnets_page_by_page() {
    let emulator = frozen();
    let of = [
        ("LocationType", "availability-zone"),
        ("Filter.1.Name", "instance-type"),
        ("Filter.1.Value.1", "m6i.large"),
        ("Filter.1.Value.2", "m9.huge"),
    ];
    let offers = ask(&emulator, "DescribeInstanceTypeOfferings", &of);
    assert_eq!(offers.all("location"), ["us-east-1a", "us-east-1b", "us-east-1c"]);
    assert_eq!(offers.all("location").len(), SUBNETS.len());
    let page = ask(&emulator, "DescribeInstanceTypeOfferings", &[("MaxResults", "5")]);
    assert_eq!((page.all("location").len(), page.one("nextToken").is_empty()), (5, false));
}

#[test]
fn a_dry_run_of_a_fleet_looks_at_the_right_alone() {
    let emulator = frozen();
    let fleet = [
        ("DryRun", "true"),
        ("Type", "instant"),
        ("LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateName", "not-there"),
        ("TargetCapacitySpecification.TotalTargetCapacity", "1"),
    ];
    assert_eq!(ask(&emulator, "CreateFleet", &fleet).code(), "DryRunOperation");
    emulator.unauthorized("CreateFleet", true);
    assert_eq!(ask(&emulator, "CreateFleet", &fleet).code(), "UnauthorizedOperation");
    assert!(emulator.truth().is_empty());
}

/// Asks Service Quotas for a quota of EC2.
fn quota(emulator: &Emulator, code: &str) -> String {
    let body = format!("{{\"ServiceCode\": \"ec2\", \"QuotaCode\": \"{code}\"}}");
    let head = "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: ServiceQuotasV20190624.GetServiceQuota\r\nAuthorization: \
                AWS4-HMAC-SHA256 Credential=AKID/20260131/us-east-1/servicequotas/aws4_request";
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    exchange(&mut TcpStream::connect(emulator.address()).unwrap(), request.as_bytes()).unwrap().body
}

#[test]
fn a_quota_is_what_the_launches_of_its_families_meet() {
    let emulator = frozen();
    assert!(quota(&emulator, "L-1216C47A").contains("1000000.0"));
    emulator.quota(Market::Spot, "standard", 12);
    assert!(quota(&emulator, "L-34B43A08").contains("\"Value\":12.0"));
    assert!(quota(&emulator, "L-00000000").contains("NoSuchResourceException"));
    emulator.unauthorized("GetServiceQuota", true);
    assert!(quota(&emulator, "L-34B43A08").contains("AccessDeniedException"));
}
