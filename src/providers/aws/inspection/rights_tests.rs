use crate::application::ports::{Finding, Inspection as _, Outcome};
use crate::application::testing;
use crate::domain::template::{Image, LaunchSettings, PriceType, ProviderApi, Template, TemplateParts, WeightedType};
use crate::providers::aws::AwsInspection;
use crate::providers::aws::fake::{FakeAws, Reply, Seen};

const HOST: &str = "i-0123456789abcdef0";

fn would() -> Reply {
    Reply::error(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
}

fn denied() -> Reply {
    Reply::error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
}

fn template(api: ProviderApi, price_type: PriceType) -> Template {
    let launch = LaunchSettings {
        image: Some(Image::Ami("ami-1".to_owned())),
        instance_types: vec![WeightedType { name: "m6i.large".to_owned(), weight: 1 }],
        subnets: vec!["subnet-1".to_owned()],
        security_groups: vec!["sg-1".to_owned()],
        instance_profile: Some("grid-hosts".to_owned()),
        ..LaunchSettings::default()
    };
    Template::new(TemplateParts { api, price_type, launch, ..testing::template("small", 10, None).into() }).unwrap()
}

/// An account in which every dry run is answered by `dry`, a host of ours runs if `with_host`, and the rest is empty.
fn account(with_host: bool, mut dry: impl FnMut(&Seen) -> Reply + Send + 'static) -> FakeAws {
    FakeAws::new(move |seen| {
        if seen.get("DryRun") == Some("true") {
            return dry(seen);
        }
        let host = format!(
            "<reservationSet><item><instancesSet><item><instanceId>{HOST}</instanceId></item></instancesSet></item>\
             </reservationSet>"
        );
        match seen.action() {
            "DescribeInstances" if with_host => {
                Reply::ok(format!("<DescribeInstancesResponse>{host}</DescribeInstancesResponse>"))
            }
            "DescribeAutoScalingGroups" | "DescribeAutoScalingInstances" | "DescribeScalingActivities" => {
                let action = seen.action();
                Reply::ok(format!("<{action}Response><{action}Result></{action}Result></{action}Response>"))
            }
            "DescribeInstances" => Reply::ok("<DescribeInstancesResponse></DescribeInstancesResponse>"),
            _ => denied(),
        }
    })
}

async fn examined(fake: &FakeAws, template: Template) -> Vec<Finding> {
    let types = std::sync::Arc::new(crate::infrastructure::instance_types::KnownInstanceTypes::new(""));
    let inspection = AwsInspection { clients: fake.clients(), types };
    inspection.examine(&[template], Some(&"grid-1".parse().unwrap())).await.unwrap().unwrap()
}

fn of<'f>(findings: &'f [Finding], name: &str) -> &'f Finding {
    findings.iter().find(|finding| finding.name == name).unwrap_or_else(|| panic!("{name} in {findings:#?}"))
}

#[tokio::test]
async fn each_action_that_a_template_needs_is_tried_by_a_dry_run_and_no_other() {
    let fake = account(true, |_| would());
    let findings = examined(&fake, template(ProviderApi::RunInstances, PriceType::OnDemand)).await;
    for action in ["ec2:DescribeInstances", "ec2:GetConsoleOutput", "ec2:TerminateInstances"] {
        assert_eq!(of(&findings, action).outcome, Outcome::Ok, "{findings:#?}");
    }
    assert_eq!(of(&findings, "template small: instance profile").outcome, Outcome::Ok);
    let seen = fake.seen();
    assert!(!seen.iter().any(|call| call.action().contains("Fleet") || call.action().contains("Spot")), "{seen:?}");
    let ended: Vec<_> = seen.iter().filter(|call| call.action() == "TerminateInstances").collect();
    assert_eq!(ended.len(), 1);
    assert_eq!((ended[0].get("DryRun"), ended[0].get("InstanceId.1")), (Some("true"), Some(HOST)));
    let asked = seen.iter().find(|call| call.get("Filter.1.Name") == Some("tag:hostfactory:owner"));
    assert_eq!(asked.and_then(|call| call.get("Filter.1.Value.1")), Some("grid-1"));
}

#[tokio::test]
async fn a_refusal_of_what_nobody_has_proves_nothing_and_one_of_a_host_of_ours_does() {
    for (with_host, wanted) in [(false, Outcome::Skipped), (true, Outcome::Failed)] {
        let fake = account(with_host, |seen| if seen.action() == "TerminateInstances" { denied() } else { would() });
        let findings = examined(&fake, template(ProviderApi::RunInstances, PriceType::OnDemand)).await;
        let finding = of(&findings, "ec2:TerminateInstances");
        assert_eq!(finding.outcome, wanted, "{finding:?}");
        assert_eq!(finding.mend.as_deref().is_some_and(|mend| mend.contains("ec2:TerminateInstances")), with_host);
    }
}

#[tokio::test]
async fn an_answer_that_is_neither_yes_nor_no_is_never_taken_for_a_yes() {
    let gone = |seen: &Seen| match seen.action() {
        "DescribeInstances" => would(),
        "TerminateInstances" => Reply::error(400, "InvalidInstanceID.NotFound", "The instance ID does not exist"),
        "GetConsoleOutput" => Reply::error(503, "RequestLimitExceeded", "slow down"),
        // An endpoint that knows no dry run answers as if it were none.
        "DescribeSubnets" => Reply::ok("<DescribeSubnetsResponse></DescribeSubnetsResponse>"),
        _ => denied(),
    };
    let fake = account(false, gone);
    let findings = examined(&fake, template(ProviderApi::RunInstances, PriceType::OnDemand)).await;
    for action in ["ec2:TerminateInstances", "ec2:GetConsoleOutput", "ec2:DescribeSubnets"] {
        assert_eq!(of(&findings, action).outcome, Outcome::Skipped, "{findings:#?}");
    }
    assert_eq!(of(&findings, "ec2:DescribeInstanceStatus").outcome, Outcome::Failed);
    assert_eq!(of(&findings, "ec2:DescribeInstanceTypes").outcome, Outcome::Warning, "hosts come without it");
    assert!(findings.iter().all(|one| one.outcome < Outcome::Warning || one.mend.is_some()), "{findings:#?}");
}

#[tokio::test]
async fn an_endpoint_that_has_not_shown_that_it_knows_dry_runs_is_sent_nothing_that_changes_anything() {
    let fake = account(true, |seen| {
        let action = seen.action();
        Reply::ok(format!("<{action}Response></{action}Response>"))
    });
    let findings = examined(&fake, template(ProviderApi::Ec2FleetMaintain, PriceType::Spot)).await;
    for action in ["ec2:TerminateInstances", "ec2:CreateFleet", "ec2:ModifyFleet", "ec2:CreateLaunchTemplate"] {
        assert_eq!(of(&findings, action).outcome, Outcome::Skipped, "{findings:#?}");
    }
    let sent = fake.actions();
    let looks = |action: &String| ["Describe", "Get", "ServiceQuotas"].iter().any(|word| action.starts_with(word));
    assert!(sent.iter().all(looks), "{sent:?}");
}

#[tokio::test]
async fn fleets_and_groups_need_more_and_what_cannot_be_tried_is_named() {
    let fake = account(false, |_| would());
    let findings = examined(&fake, template(ProviderApi::Ec2FleetMaintain, PriceType::Spot)).await;
    for action in ["CreateFleet", "ModifyFleet", "DeleteFleets", "DescribeSpotInstanceRequests", "DeleteLaunchTemplate"]
    {
        assert_eq!(of(&findings, &format!("ec2:{action}")).outcome, Outcome::Ok, "{action}");
    }
    assert_eq!(of(&findings, "template small: ec2:RunInstances").outcome, Outcome::Ok);
    let created = fake.seen().into_iter().find(|call| call.action() == "CreateFleet").unwrap();
    assert_eq!(created.get("TagSpecification.1.Tag.1.Value"), Some("grid-1"), "the right to tag is asked for too");

    let fake = account(false, |_| would());
    let findings = examined(&fake, template(ProviderApi::AutoScaling, PriceType::OnDemand)).await;
    assert_eq!(of(&findings, "autoscaling:DescribeScalingActivities").outcome, Outcome::Ok);
    assert_eq!(of(&findings, "autoscaling:DescribeInstanceRefreshes").outcome, Outcome::Skipped, "it takes a group");
    let untried = of(&findings, "rights that cannot be tried");
    assert!(untried.found.contains("DeleteAutoScalingGroup") && untried.outcome == Outcome::Skipped, "{untried:?}");
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_named_and_one_that_may_not_be_passed_is_not_clear() {
    let words =
        "Value (grid-hosts) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name";
    for (reply, wanted) in [
        (Reply::error(400, "InvalidParameterValue", words), Outcome::Failed),
        (denied(), Outcome::Skipped),
        (Reply::error(400, "InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist"), Outcome::Skipped),
        (would(), Outcome::Ok),
    ] {
        let answer = reply.clone();
        let fake = account(false, move |seen| if seen.action() == "RunInstances" { answer.clone() } else { would() });
        let findings = examined(&fake, template(ProviderApi::RunInstances, PriceType::OnDemand)).await;
        let finding = of(&findings, "template small: instance profile");
        assert_eq!(finding.outcome, wanted, "{reply:?}: {finding:?}");
    }
}
