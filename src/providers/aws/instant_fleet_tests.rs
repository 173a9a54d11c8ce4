use std::collections::BTreeMap;

use super::*;
use crate::domain::request::{AttemptState, Pool};
use crate::domain::template::{AllocationStrategy, FleetSettings, OnDemandShare};
use crate::domain::{ClientToken, Digest, Timestamp};
use crate::providers::aws::fake::{FakeAws, Reply, described, instance};
use crate::providers::aws::parameters::{FrozenTemplate, SCHEMA};

const REQUEST: &str = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101";

fn token() -> ClientToken {
    "ab".repeat(32).parse().unwrap()
}

fn pool(kind: &str, subnet: &str, price_type: PriceType) -> Pool {
    Pool { instance_type: Some(kind.to_owned()), subnet: Some(subnet.to_owned()), price_type }
}

fn attempt(count: u32, pools: Vec<Pool>) -> Attempt {
    Attempt { number: 2, pools, count, token: token(), recorded_at: Timestamp::default(), state: AttemptState::Open }
}

fn spot_pools() -> Vec<Pool> {
    let all = [("m6i.large", "subnet-1"), ("m6i.large", "subnet-2"), ("c6i.large", "subnet-1")];
    all.map(|(kind, subnet)| pool(kind, subnet, PriceType::Spot)).to_vec()
}

fn frozen() -> FrozenParameters {
    let tags = [("hostfactory:owner", "grid-1"), ("hostfactory:request-id", REQUEST)];
    FrozenParameters {
        schema: SCHEMA,
        image: Some("ami-0abc".to_owned()),
        security_groups: vec!["sg-1".to_owned()],
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..FrozenParameters::default()
    }
}

fn plan(frozen: &FrozenParameters, weights: &[(&str, u32)]) -> LaunchPlan {
    let weights: BTreeMap<String, u32> = weights.iter().map(|(kind, units)| ((*kind).to_owned(), *units)).collect();
    LaunchPlan { parameters: serde_json::to_value(frozen).unwrap(), weights, ..LaunchPlan::default() }
}

/// An answer of `CreateFleet`: groups of hosts, and errors by code, type and subnet.
fn fleet(groups: &[(&str, &str, &[u32])], errors: &[(&str, &str, &str)]) -> Reply {
    let place = |kind: &str, subnet: &str| {
        format!(
            "<launchTemplateAndOverrides><overrides><instanceType>{kind}</instanceType><subnetId>{subnet}</subnetId>\
             </overrides></launchTemplateAndOverrides><lifecycle>spot</lifecycle>"
        )
    };
    let (mut launched, mut failed) = (Vec::new(), Vec::new());
    for (kind, subnet, hosts) in groups {
        let ids: Vec<String> = hosts.iter().map(|n| format!("<item>i-{n:017x}</item>")).collect();
        let (place, ids) = (place(kind, subnet), ids.concat());
        let kind = format!("<instanceType>{kind}</instanceType>");
        launched.push(format!("<item>{place}<instanceIds>{ids}</instanceIds>{kind}</item>"));
    }
    for (code, kind, subnet) in errors {
        let place = place(kind, subnet);
        let code = format!("<errorCode>{code}</errorCode>");
        failed.push(format!("<item>{place}{code}<errorMessage>because</errorMessage></item>"));
    }
    let (launched, failed) = (launched.concat(), failed.concat());
    Reply::ok(format!(
        "<CreateFleetResponse><fleetId>fleet-1</fleetId><errorSet>{failed}</errorSet>\
         <fleetInstanceSet>{launched}</fleetInstanceSet></CreateFleetResponse>"
    ))
}

fn template_made() -> Reply {
    Reply::ok("<CreateLaunchTemplateResponse><launchTemplate/></CreateLaunchTemplateResponse>")
}

async fn acquire(
    fake: &FakeAws,
    frozen: &FrozenParameters,
    attempt: &Attempt,
    user_data: Option<&str>,
) -> Result<Acquired, ProviderError> {
    let plan = plan(frozen, &[]);
    InstantFleet::over(fake.clients()).acquire(Launch { attempt, plan: &plan, user_data }).await
}

#[tokio::test]
async fn types_and_subnets_are_asked_together_with_weights_priorities_and_prices() {
    let fake = FakeAws::in_order([template_made(), fleet(&[("c6i.large", "subnet-1", &[1, 2])], &[])]);
    let settings = FleetSettings {
        priorities: [("m6i.large".to_owned(), 0), ("c6i.large".to_owned(), 1)].into(),
        ..FleetSettings::default()
    };
    let frozen = FrozenParameters { fleet: settings, max_spot_price: Some("0.12".to_owned()), ..frozen() };
    let plan = plan(&frozen, &[("m6i.large", 2)]);
    let attempt = attempt(7, spot_pools());
    let launch = Launch { attempt: &attempt, plan: &plan, user_data: None };
    let acquired = InstantFleet::over(fake.clients()).acquire(launch).await.unwrap();
    assert_eq!((acquired.hosts.len(), acquired.resource.as_deref(), acquired.filling), (2, Some("fleet-1"), false));
    assert_eq!(acquired.hosts[0].instance_type.as_deref(), Some("c6i.large"));
    let seen = fake.seen();
    let name = seen[0].get("LaunchTemplateName").unwrap().to_owned();
    let call = &seen[1];
    assert_eq!(
        call.below("LaunchTemplateConfigs.1."),
        [
            &format!("LaunchTemplateSpecification.LaunchTemplateName={name}"),
            "LaunchTemplateSpecification.Version=1",
            "Overrides.1.InstanceType=m6i.large",
            "Overrides.1.MaxPrice=0.12",
            "Overrides.1.Priority=0.0",
            "Overrides.1.SubnetId=subnet-1",
            "Overrides.1.WeightedCapacity=2.0",
            "Overrides.2.InstanceType=m6i.large",
            "Overrides.2.MaxPrice=0.12",
            "Overrides.2.Priority=0.0",
            "Overrides.2.SubnetId=subnet-2",
            "Overrides.2.WeightedCapacity=2.0",
            "Overrides.3.InstanceType=c6i.large",
            "Overrides.3.MaxPrice=0.12",
            "Overrides.3.Priority=1.0",
            "Overrides.3.SubnetId=subnet-1",
            "Overrides.3.WeightedCapacity=1.0",
        ]
    );
    assert_eq!(
        call.below("TargetCapacitySpecification."),
        ["DefaultTargetCapacityType=spot", "OnDemandTargetCapacity=0", "SpotTargetCapacity=7", "TotalTargetCapacity=7"]
    );
    assert_eq!(
        call.below("SpotOptions."),
        ["AllocationStrategy=capacity-optimized-prioritized", "InstanceInterruptionBehavior=terminate"]
    );
    assert_eq!((call.get("Type"), call.get("ClientToken")), (Some("instant"), Some(token().as_str())));
    let resources: Vec<_> = (1..=4).filter_map(|n| call.get(&format!("TagSpecification.{n}.ResourceType"))).collect();
    assert_eq!(resources, ["fleet", "instance", "volume", "network-interface"]);
    assert_eq!(
        call.below("TagSpecification.2.Tag."),
        [
            "1.Key=hostfactory:owner",
            "1.Value=grid-1",
            "2.Key=hostfactory:request-id",
            &format!("2.Value={REQUEST}"),
            "3.Key=hostfactory:attempt",
            "3.Value=2",
        ]
    );
}

#[tokio::test]
async fn a_share_of_on_demand_hosts_is_rounded_down_and_each_market_has_its_strategy() {
    let fake = FakeAws::in_order([template_made(), fleet(&[], &[])]);
    let settings = FleetSettings {
        on_demand_share: OnDemandShare::Percent(25),
        spot_strategy: Some(AllocationStrategy::LowestPrice),
        pools_count: Some(3),
        on_demand_strategy: Some(AllocationStrategy::Prioritized),
        ..FleetSettings::default()
    };
    let both = [PriceType::Spot, PriceType::OnDemand].map(|market| pool("m6i.large", "subnet-1", market)).to_vec();
    let frozen = FrozenParameters { fleet: settings, ..frozen() };
    acquire(&fake, &frozen, &attempt(10, both), None).await.unwrap();
    let call = &fake.seen()[1];
    assert_eq!(
        call.below("TargetCapacitySpecification."),
        [
            "DefaultTargetCapacityType=spot",
            "OnDemandTargetCapacity=2",
            "SpotTargetCapacity=8",
            "TotalTargetCapacity=10"
        ]
    );
    assert_eq!(call.get("OnDemandOptions.AllocationStrategy"), Some("prioritized"));
    assert_eq!(call.get("SpotOptions.AllocationStrategy"), Some("lowest-price"));
    assert_eq!(call.get("SpotOptions.InstancePoolsToUseCount"), Some("3"));
    assert_eq!(call.get("LaunchTemplateConfigs.1.Overrides.2.SubnetId"), None, "the markets share their pools");
}

#[tokio::test]
async fn requests_share_a_launch_template_that_is_made_once_and_never_described() {
    let script = |seen: &crate::providers::aws::fake::Seen| match seen.action() {
        "CreateLaunchTemplate" => template_made(),
        _ => fleet(&[("m6i.large", "subnet-1", &[1])], &[]),
    };
    let fake = FakeAws::new(script);
    let script_text = "#!/bin/sh\necho hello";
    let with_script = FrozenParameters { user_data_digest: Some(Digest::of(&[script_text])), ..frozen() };
    let mut other = with_script.clone();
    other.tags.insert("hostfactory:request-id".to_owned(), REQUEST.replace("6b1f", "aaaa"));
    for frozen in [&with_script, &other] {
        acquire(&fake, frozen, &attempt(1, spot_pools()), Some(script_text)).await.unwrap();
    }
    assert_eq!(fake.actions(), ["CreateLaunchTemplate", "CreateFleet", "CreateFleet"]);
    let made = &fake.seen()[0];
    assert!(made.get("LaunchTemplateName").unwrap().starts_with("hostfactory-grid-1-"));
    assert_eq!(made.get("LaunchTemplateData.ImageId"), Some("ami-0abc"));
    assert_eq!(made.get("LaunchTemplateData.SecurityGroupId.1"), Some("sg-1"));
    let encoded = aws_smithy_types::base64::encode(script_text);
    assert_eq!(made.get("LaunchTemplateData.UserData"), Some(encoded.as_str()));
    assert_eq!(made.get("LaunchTemplateData.InstanceInitiatedShutdownBehavior"), Some("terminate"));
    assert_eq!(made.get("TagSpecification.1.ResourceType"), Some("launch-template"));
    assert!(made.below("LaunchTemplateData.TagSpecification").is_empty(), "the call tags what it launches");
    assert!(made.below("LaunchTemplateData.InstanceType").is_empty());
    // Another image is another template.
    acquire(
        &fake,
        &FrozenParameters { image: Some("ami-0def".to_owned()), ..frozen() },
        &attempt(1, spot_pools()),
        None,
    )
    .await
    .unwrap();
    assert_eq!(fake.actions()[3], "CreateLaunchTemplate");
}

#[tokio::test]
async fn row_95_a_template_that_is_gone_is_made_anew_and_the_call_sent_once_more() {
    let taken = || Reply::error(400, "InvalidLaunchTemplateName.AlreadyExistsException", "taken");
    let gone = || Reply::error(400, "InvalidLaunchTemplateName.NotFoundException", "gone");
    let fake = FakeAws::in_order([taken(), gone(), template_made(), fleet(&[("m6i.large", "subnet-1", &[1])], &[])]);
    acquire(&fake, &frozen(), &attempt(1, spot_pools()), None).await.unwrap();
    assert_eq!(fake.actions(), ["CreateLaunchTemplate", "CreateFleet", "CreateLaunchTemplate", "CreateFleet"]);
    let tokens: Vec<_> = fake.seen().iter().filter_map(|seen| seen.get("ClientToken").map(str::to_owned)).collect();
    assert_eq!((&tokens[1], &tokens[3]), (&token().to_string(), &token().to_string()));
    let hopeless = FakeAws::in_order([template_made(), gone(), template_made(), gone()]);
    let error = acquire(&hopeless, &frozen(), &attempt(1, spot_pools()), None).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Gone);
}

#[tokio::test]
async fn the_operators_launch_template_is_used_by_its_id_and_number_and_none_is_made() {
    let fake = FakeAws::in_order([fleet(&[("m6i.large", "subnet-1", &[1])], &[])]);
    let theirs = Some(FrozenTemplate { id: "lt-1".to_owned(), version: "7".to_owned() });
    acquire(&fake, &FrozenParameters { launch_template: theirs, ..frozen() }, &attempt(1, spot_pools()), None)
        .await
        .unwrap();
    assert_eq!(
        fake.seen()[0].below("LaunchTemplateConfigs.1.LaunchTemplateSpecification."),
        ["LaunchTemplateId=lt-1", "Version=7"]
    );
}

#[tokio::test]
async fn row_46_errors_are_folded_by_code_and_pool_and_a_throttle_is_no_shortage() {
    let errors = [
        ("InsufficientInstanceCapacity", "m6i.large", "subnet-2"),
        ("InsufficientInstanceCapacity", "m6i.large", "subnet-2"),
        ("RequestLimitExceeded", "c6i.large", "subnet-1"),
    ];
    let fake = FakeAws::in_order([template_made(), fleet(&[("m6i.large", "subnet-1", &[1])], &errors)]);
    let attempt = attempt(3, spot_pools());
    let acquired = acquire(&fake, &frozen(), &attempt, None).await.unwrap();
    let found: Vec<_> = acquired.refusals.iter().map(|r| (r.class, r.pool.clone())).collect();
    assert_eq!(
        found,
        [
            (FailureClass::Capacity, Some(pool("m6i.large", "subnet-2", PriceType::Spot))),
            (FailureClass::Throttle, Some(pool("c6i.large", "subnet-1", PriceType::Spot))),
        ]
    );
    let ended = AttemptState::Launched { hosts: 1, resource: None, refusals: acquired.refusals };
    let ended = Attempt { state: ended, ..attempt };
    let exhausted: Vec<bool> = ended.pools.iter().map(|pool| ended.has_exhausted(pool)).collect();
    assert_eq!(exhausted, [false, true, false]);
}

#[tokio::test]
async fn what_an_attempt_has_launched_is_found_by_its_tags() {
    let host = instance(&format!("i-{:017x}", 1), (0, "pending"), "");
    let fake = FakeAws::new(move |_| described(std::slice::from_ref(&host), None));
    let plan = plan(&frozen(), &[]);
    let attempt = attempt(2, spot_pools());
    let launch = Launch { attempt: &attempt, plan: &plan, user_data: None };
    let found = InstantFleet::over(fake.clients()).recall(launch).await.unwrap().unwrap();
    assert_eq!((found.hosts.len(), found.refusals.len()), (1, 1));
    let seen = &fake.seen()[0];
    let names: Vec<_> = (1..=3).filter_map(|n| seen.get(&format!("Filter.{n}.Name"))).collect();
    assert_eq!(names, ["tag:hostfactory:owner", "tag:hostfactory:request-id", "tag:hostfactory:attempt"]);
    assert_eq!(seen.get("Filter.3.Value.1"), Some("2"));
    let nothing = FakeAws::new(|_| described(&[], None));
    assert_eq!(InstantFleet::over(nothing.clients()).recall(launch).await.unwrap(), None);
}

#[tokio::test]
async fn hosts_are_ended_and_the_fleet_is_left_alone() {
    let ended = "<TerminateInstancesResponse><instancesSet><item><instanceId>i-00000000000000001</instanceId>\
                 <currentState><code>32</code><name>shutting-down</name></currentState></item></instancesSet>\
                 </TerminateInstancesResponse>";
    let fake = FakeAws::in_order([Reply::ok(ended)]);
    let fleet = InstantFleet::over(fake.clients());
    let released = fleet.release(Some("fleet-1"), &["i-00000000000000001".parse().unwrap()]).await;
    assert_eq!(released.accepted.len(), 1);
    fleet.retire("fleet-1").await.unwrap();
    assert_eq!(fake.actions(), ["TerminateInstances"]);
}
