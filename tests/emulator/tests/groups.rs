//! Auto Scaling groups made and observed: sections 6.1, 6.2, 8 and 9 of the notes on AWS.

use hostfactory_emulator::{Edit, Emulator, Fault, IMAGES, LAUNCH_TEMPLATE, Market, SUBNETS, Settings, State};

use crate::client::{ask, frozen};
use crate::group_client::{activities, create, desired, filled, give_back, group, members, pass, scaling, seen};

#[test]
fn a_group_launches_what_it_wants_on_the_virtual_clock() {
    let emulator = frozen();
    let made = create(&emulator, "g", "3", &[]);
    assert_eq!(made.status, 200, "{}", made.body);
    let space = "<CreateAutoScalingGroupResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">";
    assert!(made.body.contains(space) && made.body.contains("<ResponseMetadata><RequestId>"), "{}", made.body);
    assert!(emulator.truth().is_empty(), "it takes a second");
    pass(&emulator, 10);
    let truth = emulator.truth();
    assert_eq!((truth.of_group("g").len(), truth.len()), (3, 3));
    assert_eq!(
        truth.instances[0].launch.at,
        emulator.now() - 9_000,
        "launched at its own time, not at that of the look"
    );
    assert_eq!((truth.instances[0].launch.group(), truth.instances[0].launch.call), (Some("g"), 1));
    assert_eq!(seen(&emulator, "g").all("LifecycleState"), ["Pending"; 3]);
    pass(&emulator, 51);
    let running = seen(&emulator, "g");
    assert_eq!(running.all("LifecycleState"), ["InService"; 3]);
    assert_eq!(running.all("InstanceId"), emulator.truth().ids());
    assert_eq!((running.one("MinSize"), running.one("MaxSize"), running.one("DesiredCapacity")), ("0", "3", "3"));
    assert_eq!((running.one("HealthStatus"), running.one("ProtectedFromScaleIn")), ("Healthy", "false"));
    assert_eq!(running.one("VPCZoneIdentifier"), SUBNETS[0]);
    assert!(running.one("AutoScalingGroupARN").ends_with(":autoScalingGroupName/g"));
    assert_eq!(running.all("LaunchTemplateId").len(), 4, "of the group and of each host");
    assert_eq!(running.all("LaunchTemplate").len(), 4);
}

#[test]
fn there_is_no_token_and_a_name_that_is_taken_already_exists() {
    let emulator = frozen();
    create(&emulator, "g", "1", &[]);
    let again = create(&emulator, "g", "1", &[]);
    let (status, code, message) = again.refusal();
    assert_eq!((status, code), (400, "AlreadyExists"));
    assert!(message.contains("A group with the name g already exists"), "{message}");
    let envelope = "<ErrorResponse><Error><Type>Sender</Type><Code>AlreadyExists</Code>";
    assert!(again.body.contains(envelope), "{}", again.body);
    pass(&emulator, 60);
    assert_eq!(emulator.truth().len(), 1);
    emulator.account("210987654321");
    assert_eq!(create(&emulator, "g", "1", &[]).status, 200, "another account has names of its own");
}

#[test]
fn nonsense_is_a_validation_error() {
    let emulator = frozen();
    let policy = "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId";
    let first = "MixedInstancesPolicy.LaunchTemplate.Overrides.member.1";
    let (kind, weight) = (format!("{first}.InstanceType"), format!("{first}.WeightedCapacity"));
    let second = "MixedInstancesPolicy.LaunchTemplate.Overrides.member.2.InstanceType";
    let plain = ("LaunchTemplate.LaunchTemplateId", "");
    let mixed = [plain, ("LaunchTemplate.Version", ""), (policy, LAUNCH_TEMPLATE)];
    let with = |more: &[(&'static str, &'static str)]| more.to_vec();
    let mut cases: Vec<Vec<(&str, &str)>> = vec![
        with(&[("AutoScalingGroupName", "")]),
        with(&[("AutoScalingGroupName", "a:b")]),
        with(&[("AutoScalingGroupName", "a b")]),
        with(&[("MinSize", "")]),
        with(&[("MinSize", "4")]),
        with(&[("DesiredCapacity", "4")]),
        with(&[("MaxSize", "many")]),
        with(&[("VPCZoneIdentifier", "")]),
        with(&[("VPCZoneIdentifier", "subnet-00000000000000001")]),
        with(&[plain, ("LaunchTemplate.Version", "")]),
        with(&[("LaunchTemplate.LaunchTemplateId", "lt-00000000000000001")]),
        with(&[("LaunchTemplate.LaunchTemplateName", "both")]),
        with(&[("LaunchTemplate.Version", "7")]),
        with(&[(policy, LAUNCH_TEMPLATE)]),
        with(&[("LaunchConfigurationName", "old")]),
        with(&[("Tags.member.1.Key", "aws:mine")]),
        with(&[("Tags.member.1.Key", "k"), ("Tags.member.1.ResourceId", "another")]),
        with(&[("DeletionProtection", "sometimes")]),
        with(&[("MaxInstanceLifetime", "60")]),
    ];
    for more in [
        [(kind.as_str(), "m6i.large"), (weight.as_str(), "0")].as_slice(),
        &[(kind.as_str(), "m6i.large"), (weight.as_str(), "2"), (second, "m6i.xlarge")],
        &[(kind.as_str(), "no.such")],
        &[("MixedInstancesPolicy.InstancesDistribution.SpotAllocationStrategy", "diversified")],
        &[("MixedInstancesPolicy.InstancesDistribution.OnDemandPercentageAboveBaseCapacity", "101")],
        &[("MixedInstancesPolicy.InstancesDistribution.SpotInstancePools", "21")],
    ] {
        cases.push([&mixed, more].concat());
    }
    for case in &cases {
        let refused = create(&emulator, "g", "3", case);
        assert_eq!((refused.status, refused.code()), (400, "ValidationError"), "{case:?}: {}", refused.body);
    }
    assert!(seen(&emulator, "g").all("AutoScalingGroupName").is_empty());
    assert_eq!(create(&emulator, "g", "3", &mixed).status, 200);
}

#[test]
fn a_template_that_could_not_launch_is_refused_at_once_in_the_words_of_ec2() {
    let emulator = frozen();
    emulator.image_gone(IMAGES[0]);
    let gone = create(&emulator, "g", "1", &[]);
    assert_eq!(gone.code(), "ValidationError");
    assert!(gone.one("Message").contains(&format!("The image id '[{}]' does not exist", IMAGES[0])), "{}", gone.body);
    emulator.unauthorized("RunInstances", true);
    let denied = create(&emulator, "g", "1", &[]);
    assert_eq!((denied.status, denied.code()), (403, "AccessDenied"));
}

#[test]
fn groups_are_found_by_name_and_by_tag_in_pages_of_at_most_100() {
    let emulator = frozen();
    for number in 0..60 {
        let (name, owner) = (format!("g{number}"), if number % 2 == 0 { "even" } else { "odd" });
        let tags = [("Tags.member.1.Key", "hf-owner"), ("Tags.member.1.Value", owner)];
        assert_eq!(create(&emulator, &name, "0", &tags).status, 200);
    }
    let all = scaling(&emulator, "DescribeAutoScalingGroups", &[]);
    assert_eq!(all.all("CreatedTime").len(), 50);
    let rest = scaling(&emulator, "DescribeAutoScalingGroups", &[("NextToken", all.one("NextToken"))]);
    assert_eq!((rest.all("CreatedTime").len(), rest.one("NextToken")), (10, ""));
    let filter = [("Filters.member.1.Name", "tag:hf-owner"), ("Filters.member.1.Values.member.1", "even")];
    assert_eq!(scaling(&emulator, "DescribeAutoScalingGroups", &filter).all("CreatedTime").len(), 30);
    let named = [("AutoScalingGroupNames.member.1", "g3"), ("AutoScalingGroupNames.member.2", "nobody")];
    let answer = scaling(&emulator, "DescribeAutoScalingGroups", &named);
    assert_eq!(answer.all("CreatedTime").len(), 1, "an unknown name is missing, and no error");
    for (name, value, code) in [
        ("MaxRecords", "101", "ValidationError"),
        ("NextToken", "nonsense", "InvalidNextToken"),
        ("Filters.member.1.Name", "colour", "ValidationError"),
    ] {
        assert_eq!(scaling(&emulator, "DescribeAutoScalingGroups", &[(name, value)]).code(), code);
    }
    emulator.fault(Fault::page_loop().on("DescribeAutoScalingGroups"));
    let looped = scaling(&emulator, "DescribeAutoScalingGroups", &[("NextToken", all.one("NextToken"))]);
    assert_eq!(looped.one("NextToken"), all.one("NextToken"));
    emulator.fault(Fault::empty().on("DescribeAutoScalingGroups"));
    assert!(seen(&emulator, "g3").all("CreatedTime").is_empty());
}

#[test]
fn hosts_of_groups_are_listed_by_id_or_in_pages_of_50_and_strangers_are_missing() {
    let emulator = frozen();
    let mut ids = filled(&emulator, "g", "60", &[]);
    ids.push(emulator.stranger(&[]).unwrap());
    let named = [("InstanceIds.member.1", ids[60].as_str()), ("InstanceIds.member.2", ids[59].as_str())];
    let answer = scaling(&emulator, "DescribeAutoScalingInstances", &named);
    assert_eq!(answer.all("InstanceId"), [ids[59].as_str()]);
    assert_eq!((answer.one("AutoScalingGroupName"), answer.one("LifecycleState")), ("g", "InService"));
    let all = scaling(&emulator, "DescribeAutoScalingInstances", &[]);
    assert_eq!(all.all("InstanceId").len(), 50);
    let rest = scaling(&emulator, "DescribeAutoScalingInstances", &[("NextToken", all.one("NextToken"))]);
    assert_eq!(rest.all("InstanceId"), ids[50..60]);
    assert_eq!(scaling(&emulator, "DescribeAutoScalingInstances", &[("MaxRecords", "51")]).code(), "ValidationError");
}

#[test]
fn membership_may_lag_behind_the_host() {
    let emulator = frozen();
    emulator.member_lag(std::time::Duration::from_mins(5));
    assert!(filled(&emulator, "g", "2", &[]).is_empty());
    assert_eq!(ask(&emulator, "DescribeInstances", &[]).all("instanceId").len(), 2);
    pass(&emulator, 240);
    assert_eq!(members(&emulator, "g").len(), 2);
}

#[test]
fn launch_failures_are_activities_with_the_text_of_ec2_and_are_tried_again() {
    let emulator = frozen();
    emulator.pool("m6i.large", "us-east-1a", None, 1);
    create(&emulator, "g", "3", &[]);
    pass(&emulator, 2);
    assert_eq!(members(&emulator, "g").len(), 1, "what there is room for");
    let tried = activities(&emulator, "g");
    assert_eq!(tried.all("StatusCode"), ["Failed", "InProgress"], "the newest first");
    let text =
        "We currently do not have sufficient m6i.large capacity in the Availability Zone you requested (us-east-1a).";
    assert!(tried.one("StatusMessage").starts_with(text), "{}", tried.one("StatusMessage"));
    assert!(tried.one("StatusMessage").ends_with("Launching EC2 instance failed."));
    assert!(tried.one("Cause").contains("increasing the capacity from 0 to 3"), "{}", tried.one("Cause"));
    assert!(tried.one("Details").contains(SUBNETS[0]));
    emulator.edit(Edit::NoPools).unwrap();
    pass(&emulator, 60);
    assert_eq!(members(&emulator, "g").len(), 3);
    pass(&emulator, 60);
    assert_eq!(activities(&emulator, "g").all("StatusCode"), ["Successful", "Successful", "Failed", "Successful"]);
    let failed = [
        ("AutoScalingGroupName", "g"),
        ("Filters.member.1.Name", "Status"),
        ("Filters.member.1.Values.member.1", "Failed"),
    ];
    assert_eq!(scaling(&emulator, "DescribeScalingActivities", &failed).all("ActivityId").len(), 1);
}

#[test]
fn a_host_that_dies_before_it_runs_is_a_failed_activity_with_its_reason() {
    let emulator = frozen();
    create(&emulator, "g", "1", &[]);
    pass(&emulator, 2);
    emulator.kill(&members(&emulator, "g")[0], "Client.InternalError", "Client error on launch").unwrap();
    pass(&emulator, 5);
    let all = activities(&emulator, "g");
    assert_eq!(all.all("StatusCode"), ["InProgress", "Successful", "Failed"], "launched again, ended, launched");
    let said = "Termination Reason: Client.InternalError: Client error on launch";
    assert!(all.one("StatusMessage").contains(said), "{}", all.body);
}

#[test]
fn activities_come_in_pages_of_100_and_those_of_deleted_groups_when_asked_for() {
    let emulator = frozen();
    filled(&emulator, "g", "150", &[]);
    let first = activities(&emulator, "g");
    assert_eq!(first.all("ActivityId").len(), 100);
    let token = [("AutoScalingGroupName", "g"), ("NextToken", first.one("NextToken"))];
    let second = scaling(&emulator, "DescribeScalingActivities", &token);
    assert_eq!((second.all("ActivityId").len(), second.one("NextToken")), (50, ""));
    let one = [("ActivityIds.member.1", second.one("ActivityId")), ("ActivityIds.member.2", "unknown")];
    assert_eq!(scaling(&emulator, "DescribeScalingActivities", &one).all("ActivityId").len(), 1);
    emulator.delete_group("g", true).unwrap();
    assert_eq!(activities(&emulator, "g").code(), "ValidationError");
    let deleted = [("AutoScalingGroupName", "g"), ("IncludeDeletedGroups", "true")];
    assert_eq!(scaling(&emulator, "DescribeScalingActivities", &deleted).one("AutoScalingGroupState"), "Deleted");
}

#[test]
fn pools_addresses_and_quotas_bind_groups_as_they_bind_everybody() {
    let emulator = frozen();
    emulator.subnet_free(SUBNETS[0], 2).unwrap();
    create(&emulator, "addresses", "3", &[]);
    pass(&emulator, 2);
    assert_eq!(members(&emulator, "addresses").len(), 2);
    assert!(activities(&emulator, "addresses").one("StatusMessage").contains("not enough free addresses"));
    emulator.quota(Market::OnDemand, "standard", 10);
    create(&emulator, "quota", "9", &[("VPCZoneIdentifier", SUBNETS[1])]);
    pass(&emulator, 2);
    assert_eq!(members(&emulator, "quota").len(), 3, "five of two virtual CPUs, less the two");
    assert!(activities(&emulator, "quota").one("StatusMessage").contains("your current vCPU limit of 10"));
    emulator.group_error(Some("Something new."));
    create(&emulator, "text", "1", &[("VPCZoneIdentifier", SUBNETS[2])]);
    pass(&emulator, 2);
    assert_eq!(activities(&emulator, "text").one("StatusMessage"), "Something new. Launching EC2 instance failed.");
}

#[test]
fn hosts_are_spread_evenly_over_the_subnets_and_go_where_there_is_room() {
    let emulator = frozen();
    let subnets = SUBNETS.join(",");
    filled(&emulator, "even", "7", &[("VPCZoneIdentifier", subnets.as_str())]);
    let count = |group: &str, subnet: &str| {
        emulator.truth().of_group(group).matching(|instance| instance.launch.subnet == subnet).len()
    };
    assert_eq!(SUBNETS.map(|subnet| count("even", subnet)), [3, 2, 2]);
    emulator.pool("*", "us-east-1b", None, 0);
    filled(&emulator, "odd", "6", &[("VPCZoneIdentifier", subnets.as_str())]);
    assert_eq!(SUBNETS.map(|subnet| count("odd", subnet)), [3, 0, 3]);
}

#[test]
fn weights_count_in_units_and_the_last_host_may_go_beyond() {
    let emulator = frozen();
    let list = "MixedInstancesPolicy.LaunchTemplate.Overrides.member";
    let name = |number: u32, what: &str| format!("{list}.{number}.{what}");
    let (kind, weight) = (name(1, "InstanceType"), name(1, "WeightedCapacity"));
    let (other, light) = (name(2, "InstanceType"), name(2, "WeightedCapacity"));
    let mixed = [
        ("LaunchTemplate.LaunchTemplateId", ""),
        ("LaunchTemplate.Version", ""),
        ("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateName", LAUNCH_TEMPLATE),
        ("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.Version", "2"),
        (kind.as_str(), "m6i.xlarge"),
        (weight.as_str(), "3"),
        (other.as_str(), "m6i.large"),
        (light.as_str(), "2"),
    ];
    emulator.pool("m6i.xlarge", "us-east-1a", None, 1);
    let ids = filled(&emulator, "g", "8", &mixed);
    let kinds: Vec<String> =
        emulator.truth().instances.iter().map(|instance| instance.launch.instance_type.clone()).collect();
    assert_eq!(kinds, ["m6i.xlarge", "m6i.large", "m6i.large", "m6i.large"], "3 + 2 + 2 + 2 for 8");
    let group = seen(&emulator, "g");
    assert_eq!(group.all("WeightedCapacity"), ["3", "2", "3", "2", "2", "2"], "the policy comes back, and each host");
    let policy = "<MixedInstancesPolicy><LaunchTemplate><LaunchTemplateSpecification><LaunchTemplateId>";
    assert!(group.body.contains(policy) && group.one("LaunchTemplateName") == LAUNCH_TEMPLATE, "{}", group.body);
    assert_eq!(give_back(&emulator, &ids[0]).status, 200);
    assert_eq!(desired(&emulator, "g"), 5, "less its weight");
    pass(&emulator, 60);
    assert_eq!(members(&emulator, "g"), ids[1..], "6 for 5: nobody can go");
}

#[test]
fn the_base_and_the_percentage_divide_a_group_between_the_markets() {
    let emulator = frozen();
    let mixed = [
        ("LaunchTemplate.LaunchTemplateId", ""),
        ("LaunchTemplate.Version", ""),
        ("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId", LAUNCH_TEMPLATE),
        ("MixedInstancesPolicy.InstancesDistribution.OnDemandBaseCapacity", "2"),
        ("MixedInstancesPolicy.InstancesDistribution.OnDemandPercentageAboveBaseCapacity", "25"),
        ("MixedInstancesPolicy.InstancesDistribution.SpotAllocationStrategy", "price-capacity-optimized"),
    ];
    filled(&emulator, "g", "7", &mixed);
    let spot = emulator.truth().matching(|instance| instance.launch.market == Market::Spot);
    assert_eq!((emulator.truth().len(), spot.len()), (7, 3), "2, and a quarter of 5 rounded up");
    emulator.pool("*", "*", Market::Spot, 0);
    create(&emulator, "short", "7", &mixed);
    pass(&emulator, 2);
    let text = "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot capacity";
    assert!(activities(&emulator, "short").one("StatusMessage").starts_with(text));
}

#[test]
fn instance_requirements_choose_types_that_fit() {
    let emulator = frozen();
    let needs = "MixedInstancesPolicy.LaunchTemplate.Overrides.member.1.InstanceRequirements";
    let name = |what: &str| format!("{needs}.{what}");
    let names = ["VCpuCount.Min", "VCpuCount.Max", "MemoryMiB.Min", "AllowedInstanceTypes.member.1"].map(name);
    let mixed = [
        ("LaunchTemplate.LaunchTemplateId", ""),
        ("LaunchTemplate.Version", ""),
        ("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId", LAUNCH_TEMPLATE),
        (names[0].as_str(), "4"),
        (names[1].as_str(), "4"),
        (names[2].as_str(), "16384"),
        (names[3].as_str(), "m6*"),
    ];
    filled(&emulator, "g", "1", &mixed);
    assert_eq!(emulator.truth().instances[0].launch.instance_type, "m6i.xlarge");
    let none = [mixed.as_slice(), &[(names[3].as_str(), "x99.*")]].concat();
    assert_eq!(create(&emulator, "none", "1", &none).code(), "ValidationError");
}

#[test]
fn throttling_is_400_here_and_actions_of_another_service_are_unknown() {
    let emulator = Emulator::with(Settings { frozen: true, throttling: true, ..Settings::default() }).unwrap();
    assert_eq!((0..120).filter(|_| seen(&emulator, "g").status == 200).count(), 100);
    let throttled = seen(&emulator, "g");
    assert_eq!((throttled.status, throttled.code(), throttled.one("Type")), (400, "Throttling", "Sender"));
    let emulator = frozen();
    emulator.fault(Fault::throttle().on("CreateAutoScalingGroup"));
    assert_eq!(create(&emulator, "g", "1", &[]).code(), "Throttling");
    assert_eq!(scaling(&emulator, "DescribeInstances", &[]).code(), "InvalidAction");
    let parameters = group("g", "1", &[]);
    assert_eq!(ask(&emulator, "CreateAutoScalingGroup", &parameters).code(), "InvalidAction");
    assert_eq!(emulator.truth().matching(|instance| instance.state == State::Pending).len(), 0);
}
