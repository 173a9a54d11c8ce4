use super::*;
use crate::application::ports::Outcome;
use crate::application::testing;
use crate::domain::template::{Image, LaunchSettings, TemplateParts, WeightedType};
use crate::infrastructure::instance_types::KnownInstanceTypes;
use crate::providers::aws::fake::{FakeAws, Reply};

fn template(id: &str, kind: &str, most: u32, price_type: PriceType) -> Template {
    let launch = LaunchSettings {
        image: Some(Image::Ami("ami-1".to_owned())),
        instance_types: vec![WeightedType { name: kind.to_owned(), weight: 1 }],
        subnets: vec!["subnet-1".to_owned()],
        ..LaunchSettings::default()
    };
    Template::new(TemplateParts { price_type, launch, ..testing::template(id, most.into(), None).into() }).unwrap()
}

fn host(kind: &str, owner: &str) -> String {
    format!(
        "<item><instancesSet><item><instanceId>i-1</instanceId><instanceType>{kind}</instanceType><tagSet><item>\
         <key>hostfactory:owner</key><value>{owner}</value></item></tagSet></item></instancesSet></item>"
    )
}

/// An account with this quota in which these hosts run.
fn account(quota: Reply, hosts: String) -> FakeAws {
    FakeAws::new(move |seen| match seen.action() {
        "DescribeInstances" => Reply::ok(format!(
            "<DescribeInstancesResponse><reservationSet>{hosts}</reservationSet></DescribeInstancesResponse>"
        )),
        "ServiceQuotasV20190624.GetServiceQuota" => quota.clone(),
        other => panic!("{other}"),
    })
}

fn value(vcpus: u32) -> Reply {
    Reply::ok(format!("{{\"Quota\": {{\"ServiceCode\": \"ec2\", \"Value\": {vcpus}.0}}}}"))
}

async fn found(fake: &FakeAws, templates: &[Template]) -> Vec<Finding> {
    let clients = fake.clients();
    examined(clients.as_ref(), &KnownInstanceTypes::new(""), templates, Some(&"grid-1".parse().unwrap())).await
}

#[test]
fn types_count_against_the_quota_of_their_family_and_market() {
    for (kind, is_spot, wanted) in [
        ("m6i.large", false, Some("Standard")),
        ("im4gn.large", true, Some("Standard")),
        ("inf2.xlarge", false, Some("Inf")),
        ("vt1.3xlarge", true, Some("G and VT")),
        ("p4d.24xlarge", true, Some("P")),
        ("p5.48xlarge", false, Some("P")),
        ("p5.48xlarge", true, None),
        ("x2idn.16xlarge", false, Some("X")),
        ("u-6tb1.metal", false, None),
        ("mac2.metal", false, None),
        ("", false, None),
    ] {
        let named = quota_of(kind, is_spot).map(|(place, _)| FAMILIES[place].name);
        assert_eq!(named, wanted, "{kind}");
    }
}

#[tokio::test]
async fn a_quota_is_held_against_all_that_templates_may_ask_for_and_what_others_run() {
    let two = |most| {
        [template("a", "m6i.large", most, PriceType::OnDemand), template("b", "m6i.2xlarge", 2, PriceType::OnDemand)]
    };
    // 10 × 2 and 2 × 8 are 36; our own host is among them, that of others is not.
    let hosts = || host("m6i.xlarge", "grid-1") + &host("m6i.xlarge", "others");
    for (quota, wanted) in [(40, Outcome::Ok), (39, Outcome::Warning), (2, Outcome::Warning), (1, Outcome::Failed)] {
        let findings = found(&account(value(quota), hosts()), &two(10)).await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(
            (findings[0].name.as_str(), findings[0].outcome),
            ("quota: Standard on demand", wanted),
            "{findings:?}"
        );
        assert!(
            findings[0].found.contains("8 run now, 4 of them ours") && findings[0].found.contains("36"),
            "{findings:?}"
        );
    }
    let fake = account(value(100), String::new());
    let both = [template("a", "m6i.large", 1, PriceType::OnDemand), template("b", "g5.xlarge", 1, PriceType::Spot)];
    let names: Vec<String> = found(&fake, &both).await.into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["quota: Standard on demand", "quota: G and VT spot"]);
}

#[tokio::test]
async fn quotas_that_may_not_be_read_are_skipped_with_the_right_that_lacks() {
    let refused = r#"{"__type": "AccessDeniedException", "message": "no"}"#;
    let fake = account(Reply::Answer(400, refused.to_owned()), String::new());
    let both = [template("a", "m6i.large", 1, PriceType::OnDemand), template("b", "g5.xlarge", 1, PriceType::Spot)];
    let findings = found(&fake, &both).await;
    assert_eq!((findings.len(), findings[0].outcome), (1, Outcome::Skipped), "{findings:?}");
    assert!(findings[0].found.contains("servicequotas:GetServiceQuota"), "{findings:?}");
    assert_eq!(fake.seen().len(), 1, "one refusal is enough, and nothing else is asked");
    let unknown = r#"{"__type": "NoSuchResourceException", "message": "no"}"#;
    let findings = found(&account(Reply::Answer(400, unknown.to_owned()), String::new()), &both[..1]).await;
    assert_eq!(findings[0].outcome, Outcome::Skipped, "{findings:?}");
}
