use std::collections::BTreeMap;

use super::*;
use crate::application::settings::AwsSettings;
use crate::domain::request::{AttemptState, Pool};
use crate::domain::template::{MetadataOptions, NetworkInterface, Placement, PriceType, Tenancy, Volume};
use crate::domain::{ClientToken, Digest, Timestamp};
use crate::providers::aws::fake::{FakeAws, Reply, Seen, described, instance, launched};
use crate::providers::aws::parameters::{Cpu, FrozenTemplate, SCHEMA};

const PENDING: (u32, &str) = (0, "pending");

fn id(n: u32) -> String {
    format!("i-{n:017x}")
}

fn token() -> ClientToken {
    "ab".repeat(32).parse().unwrap()
}

fn attempt(count: u32, price_type: PriceType) -> Attempt {
    let pool = Pool { instance_type: Some("m6i.xlarge".to_owned()), subnet: Some("subnet-1".to_owned()), price_type };
    Attempt {
        number: 1,
        pools: vec![pool],
        count,
        token: token(),
        recorded_at: Timestamp::from_millis(0),
        state: AttemptState::Open,
    }
}

fn frozen() -> FrozenParameters {
    FrozenParameters {
        schema: SCHEMA,
        image: Some("ami-0abc".to_owned()),
        security_groups: vec!["sg-1".to_owned(), "sg-2".to_owned()],
        tags: BTreeMap::from([("hostfactory:owner".to_owned(), "grid-1".to_owned())]),
        ..FrozenParameters::default()
    }
}

fn two_hosts() -> Reply {
    launched(&[instance(&id(0), PENDING, ""), instance(&id(1), PENDING, "")])
}

async fn acquire_with(
    clients: std::sync::Arc<dyn ClientSource>,
    attempt: &Attempt,
    frozen: &FrozenParameters,
    user_data: Option<&str>,
) -> Result<Acquired, ProviderError> {
    let plan = LaunchPlan { parameters: serde_json::to_value(frozen).unwrap(), ..LaunchPlan::default() };
    RunInstances { clients }.acquire(Launch { attempt, plan: &plan, user_data }).await
}

async fn acquire(fake: &FakeAws, frozen: &FrozenParameters) -> Result<Acquired, ProviderError> {
    acquire_with(fake.clients(), &attempt(5, PriceType::OnDemand), frozen, None).await
}

/// The call that a launch with these parameters makes.
async fn sent(frozen: FrozenParameters, price_type: PriceType) -> Seen {
    let fake = FakeAws::in_order([two_hosts()]);
    acquire_with(fake.clients(), &attempt(5, price_type), &frozen, None).await.unwrap();
    let mut seen = fake.seen();
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

#[tokio::test]
async fn a_plain_launch_says_exactly_this() {
    let seen = sent(frozen(), PriceType::OnDemand).await;
    let tag = |n: u32, resource: &str| {
        [
            format!("TagSpecification.{n}.ResourceType={resource}"),
            format!("TagSpecification.{n}.Tag.1.Key=hostfactory:owner"),
            format!("TagSpecification.{n}.Tag.1.Value=grid-1"),
        ]
    };
    let mut wanted: Vec<String> = [
        "Action=RunInstances",
        &format!("ClientToken={}", token()),
        "ImageId=ami-0abc",
        "InstanceInitiatedShutdownBehavior=terminate",
        "InstanceType=m6i.xlarge",
        "MaxCount=5",
        "MetadataOptions.HttpTokens=required",
        "MinCount=1",
        "SecurityGroupId.1=sg-1",
        "SecurityGroupId.2=sg-2",
        "SubnetId=subnet-1",
        "Uri=https://ec2.eu-west-1.amazonaws.com/",
        "Version=2016-11-15",
    ]
    .map(str::to_owned)
    .to_vec();
    wanted.extend([tag(1, "instance"), tag(2, "volume"), tag(3, "network-interface")].concat());
    wanted.sort();
    assert_eq!(seen.below(""), wanted);
}

#[tokio::test]
async fn what_the_launch_template_names_is_not_sent() {
    let fake = FakeAws::in_order([two_hosts()]);
    let mut attempt = attempt(1, PriceType::OnDemand);
    attempt.pools = vec![Pool { instance_type: None, subnet: None, price_type: PriceType::OnDemand }];
    let launch_template = Some(FrozenTemplate { id: "lt-1".to_owned(), version: "7".to_owned() });
    let frozen = FrozenParameters { schema: SCHEMA, launch_template, ..FrozenParameters::default() };
    acquire_with(fake.clients(), &attempt, &frozen, None).await.unwrap();
    let seen = &fake.seen()[0];
    assert_eq!(seen.below("LaunchTemplate."), ["LaunchTemplateId=lt-1", "Version=7"]);
    for absent in ["ImageId", "InstanceType", "SubnetId", "SecurityGroupId.1", "UserData", "KeyName", "EbsOptimized"] {
        assert_eq!(seen.get(absent), None);
    }
    for absent in ["NetworkInterface.", "BlockDeviceMapping.", "Placement.", "Monitoring.", "CpuOptions.", "Iam"] {
        assert!(seen.below(absent).is_empty());
    }
}

#[tokio::test]
async fn a_spot_launch_is_one_time_and_tags_its_request() {
    let priced = FrozenParameters { max_spot_price: Some("0.12".to_owned()), ..frozen() };
    let seen = sent(priced, PriceType::Spot).await;
    assert_eq!(
        seen.below("InstanceMarketOptions."),
        [
            "MarketType=spot",
            "SpotOptions.InstanceInterruptionBehavior=terminate",
            "SpotOptions.MaxPrice=0.12",
            "SpotOptions.SpotInstanceType=one-time",
        ]
    );
    assert_eq!(seen.get("TagSpecification.4.ResourceType"), Some("spot-instances-request"));
    let unpriced = sent(frozen(), PriceType::Spot).await;
    assert_eq!(unpriced.get("InstanceMarketOptions.SpotOptions.MaxPrice"), None);
}

#[tokio::test]
async fn volumes_end_with_their_host() {
    let root = Volume {
        device: Some("/dev/sda1".to_owned()),
        size: Some(50),
        kind: Some("gp3".to_owned()),
        iops: Some(4_000),
        throughput: Some(250),
        kms_key: Some("key-1".to_owned()),
        ..Volume::default()
    };
    let data = Volume {
        device: Some("/dev/sdf".to_owned()),
        snapshot: Some("snap-1".to_owned()),
        encrypted: Some(false),
        ..Volume::default()
    };
    let seen = sent(FrozenParameters { volumes: vec![root, data], ..frozen() }, PriceType::OnDemand).await;
    assert_eq!(
        seen.below("BlockDeviceMapping."),
        [
            "1.DeviceName=/dev/sda1",
            "1.Ebs.DeleteOnTermination=true",
            "1.Ebs.Encrypted=true",
            "1.Ebs.Iops=4000",
            "1.Ebs.KmsKeyId=key-1",
            "1.Ebs.Throughput=250",
            "1.Ebs.VolumeSize=50",
            "1.Ebs.VolumeType=gp3",
            "2.DeviceName=/dev/sdf",
            "2.Ebs.DeleteOnTermination=true",
            "2.Ebs.Encrypted=false",
            "2.Ebs.SnapshotId=snap-1",
        ]
    );
}

#[tokio::test]
async fn subnet_and_groups_go_inside_an_interface_that_must_be_named() {
    let inside = |seen: &Seen| {
        assert_eq!((seen.get("SubnetId"), seen.get("SecurityGroupId.1")), (None, None));
        seen.below("NetworkInterface.")
    };
    let public = sent(FrozenParameters { public_ip: Some(false), ..frozen() }, PriceType::OnDemand).await;
    assert_eq!(
        inside(&public),
        [
            "1.AssociatePublicIpAddress=false",
            "1.DeleteOnTermination=true",
            "1.DeviceIndex=0",
            "1.SecurityGroupId.1=sg-1",
            "1.SecurityGroupId.2=sg-2",
            "1.SubnetId=subnet-1",
        ]
    );
    let interface = Some(NetworkInterface::Ordinary);
    let ordinary = sent(FrozenParameters { interface, ..frozen() }, PriceType::OnDemand).await;
    assert!(inside(&ordinary).contains(&"1.InterfaceType=interface".to_owned()));
    let interface = Some(NetworkInterface::Efa { count: 3 });
    let adapters = sent(FrozenParameters { interface, ..frozen() }, PriceType::OnDemand).await;
    let pairs = inside(&adapters);
    for (n, device, card) in [(1, 0, 0), (2, 1, 1), (3, 1, 2)] {
        for wanted in [
            format!("{n}.DeviceIndex={device}"),
            format!("{n}.NetworkCardIndex={card}"),
            format!("{n}.InterfaceType=efa"),
            format!("{n}.SubnetId=subnet-1"),
        ] {
            assert!(pairs.contains(&wanted), "{wanted} in {pairs:?}");
        }
    }
}

#[tokio::test]
async fn every_other_field_of_a_template_acts() {
    let metadata =
        MetadataOptions { tokens_required: false, hop_limit: Some(2), instance_tags: Some(true), enabled: Some(true) };
    let cpu = BTreeMap::from([("m6i.xlarge".to_owned(), Cpu { cores: 2, threads_per_core: 1 })]);
    let seen = sent(
        FrozenParameters {
            key_name: Some("ops".to_owned()),
            instance_profile: Some("grid-host".to_owned()),
            ebs_optimized: Some(true),
            monitoring: Some(false),
            placement: Placement {
                group: Some("pg".to_owned()),
                tenancy: Some(Tenancy::Dedicated),
                ..Placement::default()
            },
            metadata,
            cpu,
            ..frozen()
        },
        PriceType::OnDemand,
    )
    .await;
    for (key, value) in [
        ("KeyName", "ops"),
        ("IamInstanceProfile.Name", "grid-host"),
        ("EbsOptimized", "true"),
        ("Monitoring.Enabled", "false"),
        ("Placement.GroupName", "pg"),
        ("Placement.Tenancy", "dedicated"),
        ("MetadataOptions.HttpTokens", "optional"),
        ("MetadataOptions.HttpPutResponseHopLimit", "2"),
        ("MetadataOptions.InstanceMetadataTags", "enabled"),
        ("MetadataOptions.HttpEndpoint", "enabled"),
        ("CpuOptions.CoreCount", "2"),
        ("CpuOptions.ThreadsPerCore", "1"),
    ] {
        assert_eq!(seen.get(key), Some(value), "{key}");
    }
    let arn = "arn:aws:iam::123456789012:instance-profile/grid-host";
    let by_arn = FrozenParameters { instance_profile: Some(arn.to_owned()), ..frozen() };
    assert_eq!(sent(by_arn, PriceType::OnDemand).await.get("IamInstanceProfile.Arn"), Some(arn));
}

#[tokio::test]
async fn fewer_hosts_than_asked_for_are_a_success() {
    let fake = FakeAws::in_order([two_hosts()]);
    let acquired = acquire(&fake, &frozen()).await.unwrap();
    assert_eq!(acquired.resource.as_deref(), Some("r-0abc"));
    let ids: Vec<&str> = acquired.hosts.iter().map(|host| host.id.as_str()).collect();
    assert_eq!(ids, [id(0), id(1)]);
}

#[tokio::test]
async fn an_answer_without_hosts_or_ids_is_ambiguous() {
    for broken in [launched(&[]), launched(&["<item><instanceType>x</instanceType></item>".to_owned()])] {
        let fake = FakeAws::in_order([broken]);
        let settings = AwsSettings { create_retries: 0, ..fake.settings() };
        let attempt = attempt(1, PriceType::OnDemand);
        let error = acquire_with(fake.clients_with(settings), &attempt, &frozen(), None).await.unwrap_err();
        assert_eq!(error.class, FailureClass::Server);
    }
}

#[tokio::test]
async fn row_48_missing_capacity_is_asked_for_once_though_it_is_a_server_status() {
    for status in [500, 503, 400] {
        let fake = FakeAws::in_order([Reply::error(status, "InsufficientInstanceCapacity", "none left")]);
        let error = acquire(&fake, &frozen()).await.unwrap_err();
        assert_eq!((error.class, fake.seen().len()), (FailureClass::Capacity, 1));
        assert_eq!(
            error.to_string(),
            "no capacity: RunInstances failed. Error Code: InsufficientInstanceCapacity. none left"
        );
    }
}

#[tokio::test]
async fn a_throttled_launch_is_sent_again_unchanged() {
    let fake = FakeAws::in_order([Reply::error(503, "RequestLimitExceeded", "slow down"), two_hosts()]);
    assert_eq!(acquire(&fake, &frozen()).await.unwrap().hosts.len(), 2);
    let seen = fake.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].below(""), seen[1].below(""));
}

#[tokio::test]
async fn a_lost_answer_is_ambiguous() {
    let fake = FakeAws::in_order([Reply::Lost]);
    let settings = AwsSettings { create_retries: 1, ..fake.settings() };
    let attempt = attempt(1, PriceType::OnDemand);
    let error = acquire_with(fake.clients_with(settings), &attempt, &frozen(), None).await.unwrap_err();
    assert_eq!((error.class, fake.seen().len()), (FailureClass::Network, 2));
    assert_eq!(error.class.verdict(), crate::domain::failure::AttemptVerdict::Open);
    let cut = FakeAws::in_order([Reply::ok("<RunInstancesResponse><instancesSet><item>"), two_hosts()]);
    assert_eq!(acquire(&cut, &frozen()).await.unwrap().hosts.len(), 2);
}

#[tokio::test]
async fn a_token_that_was_used_before_adopts_what_it_launched() {
    for code in ["IdempotentInstanceTerminated", "IdempotentParameterMismatch"] {
        let found = described(&[instance(&id(3), (48, "terminated"), "")], None);
        let fake = FakeAws::in_order([Reply::error(400, code, "used"), found]);
        let acquired = acquire(&fake, &frozen()).await.unwrap();
        assert_eq!((acquired.hosts[0].id.as_str(), acquired.resource.as_deref()), (id(3).as_str(), Some("r-0abc")));
        assert_eq!(fake.seen()[1].get("Filter.1.Name"), Some("client-token"));
        for nothing in [described(&[], None), Reply::error(403, "UnauthorizedOperation", "no")] {
            let fake = FakeAws::in_order([Reply::error(400, code, "used"), nothing]);
            let error = acquire(&fake, &frozen()).await.unwrap_err();
            assert_eq!((error.class, error.code.as_deref()), (FailureClass::Idempotency, Some(code)));
        }
    }
}

#[tokio::test]
async fn the_boot_script_is_sent_as_base64_and_shown_nowhere() {
    let script = "#!/bin/sh\necho CANARY-SCRIPT\n";
    let with_script = FrozenParameters { user_data_digest: Some(Digest::of(&[script])), ..frozen() };
    let fake = FakeAws::in_order([two_hosts()]);
    let attempt = attempt(1, PriceType::OnDemand);
    acquire_with(fake.clients(), &attempt, &with_script, Some(script)).await.unwrap();
    let encoded = aws_smithy_types::base64::encode(script);
    assert_eq!(fake.seen()[0].get("UserData"), Some(encoded.as_str()));
    assert!(!serde_json::to_string(&with_script).unwrap().contains("CANARY"));
    let refusing = FakeAws::in_order([Reply::error(400, "InvalidUserData.Malformed", &format!("bad: {encoded}"))]);
    let error = acquire_with(refusing.clients(), &attempt, &with_script, Some(script)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&encoded), "{error}");
}

#[tokio::test]
async fn a_boot_script_that_changed_or_is_too_long_launches_nothing() {
    let attempt = attempt(1, PriceType::OnDemand);
    let long = "x".repeat(16 * 1024 + 1);
    let with = |script: &str| FrozenParameters { user_data_digest: Some(Digest::of(&[script])), ..frozen() };
    for (frozen, user_data) in
        [(with("a"), Some("b")), (with("a"), None), (frozen(), Some("b")), (with(&long), Some(long.as_str()))]
    {
        let fake = FakeAws::in_order([described(&[], None)]);
        let error = acquire_with(fake.clients(), &attempt, &frozen, user_data).await.unwrap_err();
        assert_eq!(error.class, FailureClass::Invalid);
        assert!(!fake.actions().contains(&"RunInstances".to_owned()));
    }
    // An earlier send of the same attempt may have worked before the script changed.
    let fake = FakeAws::in_order([described(&[instance(&id(3), PENDING, "")], None)]);
    let acquired = acquire_with(fake.clients(), &attempt, &with("a"), Some("b")).await.unwrap();
    assert_eq!(acquired.hosts.len(), 1);
}

#[tokio::test]
async fn parameters_of_another_form_are_refused_before_anything_is_sent() {
    let fake = FakeAws::in_order([Reply::Lost]);
    let later = FrozenParameters { schema: SCHEMA + 1, ..frozen() };
    assert_eq!(acquire(&fake, &later).await.unwrap_err().class, FailureClass::Invalid);
    assert_eq!(acquire(&fake, &FrozenParameters::default()).await.unwrap_err().class, FailureClass::Invalid);
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn release_goes_through_terminate() {
    let fake = FakeAws::new(|seen| {
        let id = seen.get("InstanceId.1").unwrap_or_default();
        Reply::ok(format!(
            "<TerminateInstancesResponse><instancesSet><item><instanceId>{id}</instanceId></item></instancesSet>\
             </TerminateInstancesResponse>"
        ))
    });
    let released = RunInstances { clients: fake.clients() }.release(None, &[id(1).parse().unwrap()]).await;
    assert_eq!(released.accepted.len(), 1);
}

#[path = "run_instances_fault_tests.rs"]
mod faults;

#[tokio::test]
async fn what_an_attempt_has_launched_is_found_by_its_token() {
    let fake = FakeAws::new(|_| described(&[instance(&id(0), PENDING, "")], None));
    let plan = LaunchPlan::default();
    let attempt = attempt(2, PriceType::OnDemand);
    let launch = Launch { attempt: &attempt, plan: &plan, user_data: None };
    let found = RunInstances { clients: fake.clients() }.recall(launch).await.unwrap().unwrap();
    assert_eq!((found.hosts.len(), found.refusals.len()), (1, 1), "one is missing, and the pool has no more");
    let filter = ["1.Name=client-token".to_owned(), format!("1.Value.1={}", token())];
    assert_eq!(fake.seen()[0].below("Filter."), filter);
    let nothing = FakeAws::new(|_| described(&[], None));
    assert_eq!(RunInstances { clients: nothing.clients() }.recall(launch).await.unwrap(), None);
}
