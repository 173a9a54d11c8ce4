//! Listings: sections 3 and 9 of the notes on AWS; images, types, parameters, identity.

use std::time::Duration;

use hostfactory_emulator::{Check, IMAGES, PARAMETERS, SUBNETS};

use crate::client::{Answer, ask, ask_about, exchange, filtered, frozen, hosts, numbered, run, signed};

const TAGGED: [(&str, &str); 5] = [
    ("TagSpecification.1.ResourceType", "instance"),
    ("TagSpecification.1.Tag.1.Key", "hostfactory:request-id"),
    ("TagSpecification.1.Tag.1.Value", "req-1"),
    ("TagSpecification.1.Tag.2.Key", "name"),
    ("TagSpecification.1.Tag.2.Value", "<a & b>"),
];

#[test]
fn filters_narrow_and_values_widen() {
    let emulator = frozen();
    let tagged = hosts(&emulator, 2, &TAGGED);
    let other = hosts(&emulator, 1, &[("ClientToken", "t"), ("InstanceType", "c5.large"), ("SubnetId", SUBNETS[2])]);
    emulator.clock_advance(Duration::from_mins(1));
    let name = filtered(&emulator, "instance-id", &other[0]).one("privateDnsName").to_owned();
    let both = vec![tagged[0].as_str(), tagged[1].as_str()];
    for (filter, value, wanted) in [
        ("tag:hostfactory:request-id", "req-1", both.clone()),
        ("tag:hostfactory:request-id", "req-2", vec![]),
        ("tag-key", "name", both.clone()),
        ("tag:name", "<a & b>", both.clone()),
        ("client-token", "t", vec![&other[0]]),
        ("instance-id", &tagged[1], vec![&tagged[1]]),
        ("instance-id", "i-00000000000000001", vec![]),
        ("private-dns-name", &name, vec![&other[0]]),
        ("private-ip-address", "10.0.0.5", vec![&tagged[1]]),
        ("instance-type", "c5.large", vec![&other[0]]),
        ("availability-zone", "us-east-1a", both),
        ("subnet-id", SUBNETS[2], vec![&other[0]]),
        ("instance-state-name", "pending", vec![]),
        ("instance-state-code", "16", vec![&tagged[0], &tagged[1], &other[0]]),
    ] {
        assert_eq!(filtered(&emulator, filter, value).all("instanceId"), wanted, "{filter}={value}");
    }
    let filters = [
        ("Filter.1.Name", "tag:hostfactory:request-id"),
        ("Filter.1.Value.1", "req-1"),
        ("Filter.1.Value.2", "req-9"),
        ("Filter.2.Name", "instance-id"),
        ("Filter.2.Value.1", &tagged[0]),
        ("Filter.2.Value.2", &other[0]),
    ];
    assert_eq!(ask(&emulator, "DescribeInstances", &filters).all("instanceId"), [&tagged[0]]);
    assert_eq!(filtered(&emulator, "colour", "red").code(), "InvalidParameterValue");
    assert!(filtered(&emulator, "tag-key", "name").body.contains("<value>&lt;a &amp; b&gt;</value>"));
}

#[test]
fn two_hundred_filter_values_are_taken_and_one_more_is_not() {
    let emulator = frozen();
    for (count, wanted) in [(200, ""), (201, "FilterLimitExceeded")] {
        let values: Vec<String> = (0..count).map(|n| format!("i-{n:017x}")).collect();
        let list = numbered("Filter.1.Value", &values);
        let mut parameters: Vec<(&str, &str)> = list.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        parameters.push(("Filter.1.Name", "instance-id"));
        assert_eq!(ask(&emulator, "DescribeInstances", &parameters).code(), wanted);
    }
}

#[test]
fn pages_are_of_5_to_1000_and_lead_to_every_host_once() {
    let emulator = frozen();
    let mut ids = hosts(&emulator, 7, &[]);
    ids.extend(hosts(&emulator, 6, &[]));
    let (mut seen, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let answer = ask(&emulator, "DescribeInstances", &[("MaxResults", "5"), ("NextToken", &token)]);
        seen.extend(answer.all("instanceId").into_iter().map(str::to_owned));
        token = answer.one("nextToken").to_owned();
        pages += 1;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((seen, pages), (ids.clone(), 3));
    assert_eq!(ask(&emulator, "DescribeInstances", &[]).all("reservationId").len(), 2);
    for (parameters, wanted) in [
        ([("MaxResults", "4"), ("NextToken", "")], "InvalidParameterValue"),
        ([("MaxResults", "1001"), ("NextToken", "")], "InvalidParameterValue"),
        ([("MaxResults", "5"), ("InstanceId.1", ids[0].as_str())], "InvalidParameterCombination"),
        ([("MaxResults", "5"), ("NextToken", "nonsense")], "InvalidPaginationToken"),
    ] {
        assert_eq!(ask(&emulator, "DescribeInstances", &parameters).code(), wanted, "{parameters:?}");
    }
}

#[test]
fn what_was_just_launched_may_not_be_seen_yet_nor_its_tags() {
    let emulator = frozen();
    emulator.lag(Duration::from_mins(1));
    emulator.tag_lag(Duration::from_mins(2));
    let ids = hosts(&emulator, 1, &TAGGED);
    assert_eq!(ask_about(&emulator, "DescribeInstances", &ids).code(), "InvalidInstanceID.NotFound");
    let none = filtered(&emulator, "instance-id", &ids[0]);
    assert_eq!((none.status, none.all("instanceId").len()), (200, 0));
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(ask_about(&emulator, "DescribeInstances", &ids).all("key"), Vec::<&str>::new());
    assert!(filtered(&emulator, "tag:hostfactory:request-id", "req-1").all("instanceId").is_empty());
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(filtered(&emulator, "tag:hostfactory:request-id", "req-1").all("instanceId"), ids);
}

#[test]
fn spot_requests_follow_their_hosts() {
    let emulator = frozen();
    let ids = hosts(&emulator, 3, &[("InstanceMarketOptions.MarketType", "spot")]);
    hosts(&emulator, 1, &[]);
    let requests = |id: &str| {
        let filter = [("Filter.1.Name", "instance-id"), ("Filter.1.Value.1", id), ("MaxResults", "1000")];
        ask(&emulator, "DescribeSpotInstanceRequests", &filter)
    };
    let told = |answer: &Answer| (answer.one("state").to_owned(), answer.one("code").to_owned());
    assert_eq!(told(&requests(&ids[0])), ("active".to_owned(), "fulfilled".to_owned()));
    emulator.mark_spot(&ids[0], "marked-for-termination").unwrap();
    assert_eq!(told(&requests(&ids[0])), ("active".to_owned(), "marked-for-termination".to_owned()));
    assert!(requests(&ids[0]).one("updateTime").ends_with('Z'));
    assert_eq!(filtered(&emulator, "instance-id", &ids[0]).one("name"), "pending", "the host goes on");
    emulator.kill(&ids[0], "Server.SpotInstanceTermination", "taken back").unwrap();
    emulator.kill_by_hand(&ids[1]).unwrap();
    assert_eq!(told(&requests(&ids[0])), ("closed".to_owned(), "instance-terminated-no-capacity".to_owned()));
    assert_eq!(told(&requests(&ids[1])), ("closed".to_owned(), "instance-terminated-by-user".to_owned()));
    assert_eq!(ask(&emulator, "DescribeSpotInstanceRequests", &[]).all("instanceId"), ids);
}

#[test]
fn status_checks_tell_of_impaired_hosts_and_of_events_and_of_running_hosts_only() {
    let emulator = frozen();
    let ids = hosts(&emulator, 2, &[]);
    assert!(ask(&emulator, "DescribeInstanceStatus", &[]).all("instanceId").is_empty());
    let all = ask(&emulator, "DescribeInstanceStatus", &[("IncludeAllInstances", "true")]);
    assert_eq!(all.body.matches("initializing").count(), 4);
    emulator.clock_advance(Duration::from_mins(1));
    emulator.impair(&ids[0]).unwrap();
    emulator.event(&ids[1], "instance-retirement").unwrap();
    let answer = ask(&emulator, "DescribeInstanceStatus", &[]);
    assert_eq!((answer.all("instanceId"), answer.body.matches(">impaired<").count()), (vec![&*ids[0], &*ids[1]], 1));
    assert!(answer.body.contains("<code>instance-retirement</code>"));
    let many: Vec<String> = (0..101).map(|n| format!("i-{n:017x}")).collect();
    assert_eq!(ask_about(&emulator, "DescribeInstanceStatus", &many).code(), "InvalidParameterValue");
}

#[test]
fn events_and_failing_checks_are_found_by_filter_with_their_times_and_by_id_only_without_pages() {
    let emulator = frozen();
    let ids = hosts(&emulator, 9, &[]);
    emulator.clock_advance(Duration::from_mins(1));
    let find = |name: &str, value: &str| {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value), ("MaxResults", "5")];
        ask(&emulator, "DescribeInstanceStatus", &filter)
    };
    assert!(find("event.code", "instance-stop").all("instanceId").is_empty());
    for id in &ids[..7] {
        emulator.event_in(id, "instance-stop", Duration::from_hours(1)).unwrap();
    }
    let first = find("event.code", "instance-stop");
    assert_eq!(first.all("instanceId"), ids[..5]);
    let token = first.one("nextToken").to_owned();
    let filter = [("Filter.1.Name", "event.code"), ("Filter.1.Value.1", "instance-stop"), ("NextToken", &token)];
    assert_eq!(ask(&emulator, "DescribeInstanceStatus", &filter).all("instanceId"), ids[5..7]);
    // What is over is shown, and says so.
    emulator.event_over(&ids[0], "instance-stop", "Canceled").unwrap();
    assert!(find("event.code", "instance-stop").body.contains("<description>[Canceled] "));
    emulator.check(&ids[7], Check::System, false).unwrap();
    emulator.impair(&ids[8]).unwrap();
    for (filter, id) in [("system-status.status", &ids[7]), ("instance-status.status", &ids[8])] {
        let answer = find(filter, "impaired");
        assert_eq!((answer.all("instanceId").len(), answer.one("instanceId")), (1, id.as_str()));
        assert_eq!(answer.all("impairedSince").len(), 1);
    }
    emulator.check(&ids[7], Check::System, true).unwrap();
    assert!(find("system-status.status", "impaired").all("instanceId").is_empty());
    assert_eq!(find("instance-id", &ids[0]).code(), "InvalidParameterValue", "there is no such filter");
    let both = [("InstanceId.1", ids[0].as_str()), ("MaxResults", "5")];
    assert_eq!(ask(&emulator, "DescribeInstanceStatus", &both).code(), "InvalidParameterCombination");
    let few = ask(&emulator, "DescribeInstanceStatus", &[("MaxResults", "4")]);
    assert_eq!(few.code(), "InvalidParameterValue");
}

#[test]
fn images_types_subnets_and_consoles_are_described() {
    let emulator = frozen();
    let image = ask(&emulator, "DescribeImages", &[("ImageId.1", IMAGES[0])]);
    assert_eq!((image.one("imageId"), image.one("rootDeviceName")), (IMAGES[0], "/dev/xvda"));
    assert_eq!(ask(&emulator, "DescribeImages", &[("ImageId.1", "ami-00000000")]).code(), "InvalidAMIID.NotFound");
    let kind = ask(&emulator, "DescribeInstanceTypes", &[("InstanceType.1", "m6i.4xlarge")]);
    assert_eq!((kind.one("defaultVCpus"), kind.one("defaultCores"), kind.one("sizeInMiB")), ("16", "8", "65536"));
    assert_eq!(ask(&emulator, "DescribeInstanceTypes", &[("InstanceType.1", "x")]).code(), "InvalidInstanceType");
    let zone = [("Filter.1.Name", "availability-zone"), ("Filter.1.Value.1", "us-east-1b")];
    assert_eq!(ask(&emulator, "DescribeSubnets", &zone).all("subnetId"), [SUBNETS[1]]);
    assert_eq!(ask(&emulator, "DescribeSubnets", &[("SubnetId.1", "subnet-9")]).code(), "InvalidSubnetID.NotFound");
    let ids = hosts(&emulator, 1, &[]);
    assert!(!ask(&emulator, "GetConsoleOutput", &[("InstanceId", &ids[0])]).one("output").is_empty());
}

#[test]
fn types_are_named_or_listed_in_pages_and_never_both() {
    let emulator = frozen();
    let describe = |parameters: &[(&str, &str)]| ask(&emulator, "DescribeInstanceTypes", parameters);
    let all = describe(&[]).all("instanceType").len();
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let page = describe(&[("MaxResults", "10"), ("NextToken", &token)]);
        assert!(page.all("instanceType").len() <= 10);
        names.extend(page.all("instanceType").iter().map(ToString::to_string));
        match page.all("nextToken").first() {
            Some(next) => token = (*next).to_owned(),
            None => break,
        }
    }
    assert_eq!((names.len(), names.contains(&"p4d.24xlarge".to_owned())), (all, true));
    assert!(describe(&[("InstanceType.1", "p4d.24xlarge")]).body.contains("<name>A100</name>"));
    for few_or_many in ["4", "101"] {
        assert_eq!(describe(&[("MaxResults", few_or_many)]).code(), "InvalidParameterValue");
    }
    assert_eq!(describe(&[("NextToken", "x")]).code(), "InvalidNextToken");
    let both = [("InstanceType.1", "m6i.large"), ("MaxResults", "10")];
    assert_eq!(describe(&both).code(), "InvalidParameterCombination");
}

#[test]
fn identity_and_parameters_speak_the_protocols_of_their_services() {
    let emulator = frozen();
    let mut stream = std::net::TcpStream::connect(emulator.address()).unwrap();
    let whoami = signed("us-east-1", "", "Action=GetCallerIdentity&Version=2011-06-15");
    let answer = exchange(&mut stream, whoami.as_bytes()).unwrap();
    assert_eq!((answer.status, answer.one("Account")), (200, "123456789012"));
    assert!(answer.body.contains("<GetCallerIdentityResult>") && answer.body.contains("<ResponseMetadata>"));
    let mut parameter = |action: &str, body: &str| {
        let target = format!("X-Amz-Target: AmazonSSM.{action}\r\n");
        exchange(&mut stream, signed("us-east-1", &target, body).as_bytes()).unwrap()
    };
    let one = parameter("GetParameter", &format!("{{\"Name\": \"{}\"}}", PARAMETERS[0]));
    assert!(one.status == 200 && one.body.contains(IMAGES[0]), "{}", one.body);
    let none = parameter("GetParameter", "{\"Name\": \"/none\"}");
    assert!(none.status == 400 && none.body.contains("\"__type\":\"ParameterNotFound\""), "{}", none.body);
    let both = parameter("GetParameters", &format!("{{\"Names\": [\"{}\", \"/none\"]}}", PARAMETERS[1]));
    assert!(both.body.contains("\"InvalidParameters\":[\"/none\"]") && both.body.contains(IMAGES[0]), "{}", both.body);
    assert_eq!(parameter("GetParameter", "not JSON").status, 400);
    emulator.fault(hostfactory_emulator::Fault::throttle());
    assert!(parameter("GetParameter", "{}").body.contains("\"__type\":\"ThrottlingException\""));
    assert_eq!(emulator.calls()[1].parameters.get("Name"), Some(PARAMETERS[0]));
}

#[test]
fn hosts_of_another_account_are_not_seen() {
    let emulator = frozen();
    let ids = hosts(&emulator, 1, &[]);
    emulator.account("210987654321");
    assert_eq!(ask_about(&emulator, "DescribeInstances", &ids).code(), "InvalidInstanceID.NotFound");
    assert!(filtered(&emulator, "instance-id", &ids[0]).all("instanceId").is_empty());
    assert_eq!(run(&emulator, 1, &[]).one("ownerId"), "210987654321");
    emulator.account("123456789012");
    assert_eq!(ask(&emulator, "DescribeInstances", &[]).all("instanceId"), ids);
}
