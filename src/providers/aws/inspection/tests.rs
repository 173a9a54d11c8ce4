use crate::application::ports::{Finding, Inspection as _, Outcome};
use crate::application::testing;
use crate::domain::template::{Image, LaunchSettings, Template, TemplateParts, WeightedType};
use crate::domain::{FailureClass, Timestamp};
use crate::providers::aws::AwsInspection;
use crate::providers::aws::fake::{FakeAws, Reply, caller, described};

const TAGS: &str = "<tagSet><item><key>hostfactory:owner</key><value>grid-1</value></item>\
                    <item><key>hostfactory:request-id</key><value>req-1</value></item></tagSet>";

fn inspection(fake: &FakeAws) -> AwsInspection {
    let types = std::sync::Arc::new(crate::infrastructure::instance_types::KnownInstanceTypes::new(""));
    AwsInspection { clients: fake.clients(), types }
}

fn denied() -> Reply {
    Reply::error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
}

#[tokio::test]
async fn what_one_service_refuses_to_list_leaves_the_others() {
    let fake = FakeAws::new(|seen| match seen.action() {
        "DescribeFleets" => Reply::ok(format!(
            "<DescribeFleetsResponse><fleetSet><item><fleetId>fleet-1</fleetId><fleetState>active</fleetState>\
             <type>maintain</type><createTime>2026-01-31T12:00:00.000Z</createTime><targetCapacitySpecification>\
             <totalTargetCapacity>2</totalTargetCapacity></targetCapacitySpecification>{TAGS}</item><item>\
             <fleetId>fleet-of-others</fleetId><fleetState>active</fleetState></item></fleetSet></DescribeFleetsResponse>"
        )),
        "DescribeSpotFleetRequests" => denied(),
        "DescribeAutoScalingGroups" => Reply::ok(
            "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
             <AutoScalingGroupName>group-1</AutoScalingGroupName><DesiredCapacity>3</DesiredCapacity><Tags><member>\
             <Key>hostfactory:owner</Key><Value>grid-1</Value></member></Tags></member></AutoScalingGroups>\
             </DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>",
        ),
        "DescribeLaunchTemplates" => Reply::ok(format!(
            "<DescribeLaunchTemplatesResponse><launchTemplates><item><launchTemplateName>hostfactory-grid-1-a\
             </launchTemplateName>{TAGS}</item></launchTemplates></DescribeLaunchTemplatesResponse>"
        )),
        other => panic!("{other}"),
    });
    let told = inspection(&fake).resources().await.unwrap();
    let shown: Vec<_> =
        told.found.iter().map(|one| (one.kind.word(), one.name.as_str(), one.state.as_deref())).collect();
    assert_eq!(
        shown,
        [
            ("ec2-fleet", "fleet-1", Some("active, target 2")),
            ("auto-scaling-group", "group-1", Some("active, target 3")),
            ("launch-template", "hostfactory-grid-1-a", None),
        ]
    );
    assert_eq!((told.found[0].request.as_deref(), told.found[0].made_at.is_some()), (Some("req-1"), true));
    let unread: Vec<_> = told.unread.iter().map(|error| (error.operation.as_str(), error.class)).collect();
    assert_eq!(unread, [("DescribeSpotFleetRequests", FailureClass::AuthDenied)]);
}

#[tokio::test]
async fn the_clock_of_aws_is_read_off_a_harmless_call() {
    let fake = FakeAws::new(|seen| match (seen.action(), described(&[], None)) {
        ("GetCallerIdentity", _) => caller("123456789012"),
        (_, Reply::Answer(status, body)) => Reply::Dated(status, body, "Sat, 31 Jan 2026 12:00:00 GMT"),
        (other, _) => panic!("{other}"),
    });
    let reach = inspection(&fake).reach().await.unwrap();
    let caller = reach.caller.unwrap();
    assert_eq!((caller.account.as_str(), caller.name.ends_with(":user/grid")), ("123456789012", true));
    let probe = reach.probe.unwrap().unwrap();
    assert_eq!(probe.their_clock.map(Timestamp::as_seconds), Some(1_769_860_800));
    assert_eq!(fake.seen().last().unwrap().get("MaxResults"), Some("5"));
}

fn template(launch: LaunchSettings) -> Template {
    Template::new(TemplateParts { launch, ..testing::template("small", 10, None).into() }).unwrap()
}

fn whole() -> LaunchSettings {
    LaunchSettings {
        image: Some(Image::Ami("ami-1".to_owned())),
        instance_types: ["m6i.large", "m7i.large"].map(|name| WeightedType { name: name.to_owned(), weight: 1 }).into(),
        subnets: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
        security_groups: vec!["sg-1".to_owned()],
        key_name: Some("grid".to_owned()),
        ..LaunchSettings::default()
    }
}

/// A region in which everything is there, the second subnet with `free` addresses and the group in `network`.
fn region(free: u32, network: &'static str) -> FakeAws {
    FakeAws::new(move |seen| {
        let subnet = |id: &str, zone: &str, free: u32| {
            format!(
                "<item><subnetId>{id}</subnetId><vpcId>vpc-1</vpcId><availabilityZone>{zone}</availabilityZone>\
                 <availableIpAddressCount>{free}</availableIpAddressCount></item>"
            )
        };
        let offer = |kind: &str, zone: &str| {
            format!("<item><instanceType>{kind}</instanceType><location>{zone}</location></item>")
        };
        Reply::ok(match seen.action() {
            "DescribeImages" => {
                "<DescribeImagesResponse><imagesSet><item><imageId>ami-1</imageId><imageState>available\
                                 </imageState></item></imagesSet></DescribeImagesResponse>"
                    .to_owned()
            }
            "DescribeSubnets" => format!(
                "<DescribeSubnetsResponse><subnetSet>{}{}</subnetSet></DescribeSubnetsResponse>",
                subnet("subnet-1", "eu-west-1a", 200),
                subnet("subnet-2", "eu-west-1b", free)
            ),
            "DescribeSecurityGroups" => format!(
                "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId><vpcId>{network}</vpcId>\
                 </item></securityGroupInfo></DescribeSecurityGroupsResponse>"
            ),
            "DescribeInstanceTypeOfferings" => format!(
                "<DescribeInstanceTypeOfferingsResponse><instanceTypeOfferingSet>{}{}{}</instanceTypeOfferingSet>\
                 </DescribeInstanceTypeOfferingsResponse>",
                offer("m6i.large", "eu-west-1a"),
                offer("m6i.large", "eu-west-1b"),
                offer("m7i.large", "eu-west-1a")
            ),
            _ => return denied(),
        })
    })
}

async fn found(fake: &FakeAws, launch: LaunchSettings) -> Vec<(String, Outcome, String)> {
    let findings: Vec<Finding> = inspection(fake).examine(&[template(launch)], None).await.unwrap().unwrap();
    // What it needs of rights and quotas is for other tests.
    let own = findings
        .into_iter()
        .filter_map(|one| Some((one.name.strip_prefix("template small: ")?.to_owned(), one.outcome, one.found)));
    own.collect()
}

#[tokio::test]
async fn everything_that_templates_name_is_asked_for_at_once_and_held_against_what_is_there() {
    let fake = region(0, "vpc-1");
    let findings = found(&fake, whole()).await;
    let outcomes: Vec<_> = findings.iter().map(|(name, outcome, _)| (name.as_str(), *outcome)).collect();
    assert_eq!(
        outcomes,
        [
            ("image", Outcome::Ok),
            ("subnets", Outcome::Warning),
            ("security groups", Outcome::Ok),
            ("key pair", Outcome::Skipped),
            ("instance types", Outcome::Warning),
        ]
    );
    assert!(findings[1].2.contains("subnet-2") && findings[3].2.contains("ec2:DescribeKeyPairs"), "{findings:?}");
    assert!(findings[4].2.contains("m7i.large in eu-west-1b"), "{findings:?}");
    let asked =
        |seen: &crate::providers::aws::fake::Seen| seen.action() == "DescribeSubnets" && seen.get("DryRun").is_none();
    assert_eq!(fake.seen().iter().filter(|seen| asked(seen)).count(), 1);
}

#[tokio::test]
async fn what_is_not_there_fails_by_name() {
    let launch = LaunchSettings {
        image: Some(Image::Ami("ami-9".to_owned())),
        subnets: vec!["subnet-1".to_owned(), "subnet-9".to_owned()],
        instance_types: vec![WeightedType { name: "m9.huge".to_owned(), weight: 1 }],
        key_name: None,
        ..whole()
    };
    let findings = found(&region(10, "vpc-2"), launch).await;
    for (name, outcome, text) in &findings {
        let wanted = match name.as_str() {
            "image" => "ami-9",
            "subnets" => "subnet-9",
            "security groups" => "vpc-1",
            "instance types" => "m9.huge",
            other => panic!("{other}"),
        };
        assert!(*outcome == Outcome::Failed && text.contains(wanted), "{name}: {text}");
    }
    assert_eq!(findings.len(), 4);
}
