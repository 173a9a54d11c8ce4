use super::*;
use crate::application::ports::{Fulfilment, Launch};
use crate::domain::request::{Attempt, AttemptState, LaunchPlan, Pool};
use crate::domain::template::{Affinity, CpuFeatures, Placement, Tenancy};
use crate::domain::{FailureClass, Timestamp};
use crate::providers::aws::fake::{FakeAws, Reply, Seen, instance, launched};
use crate::providers::aws::parameters::SCHEMA;
use crate::providers::aws::{InstantFleet, RunInstances};

const ARN: &str = "arn:aws:resource-groups:us-east-1:123456789012:group/ours";

fn by_id() -> CapacityReservation {
    CapacityReservation { target: Some(ReservationTarget::Id("cr-1".to_owned())), ..CapacityReservation::default() }
}

fn frozen(capacity_reservation: CapacityReservation) -> FrozenParameters {
    FrozenParameters {
        schema: SCHEMA,
        image: Some("ami-1".to_owned()),
        capacity_reservation,
        ..FrozenParameters::default()
    }
}

fn attempt(price_type: PriceType) -> Attempt {
    let pool = Pool { instance_type: Some("m6i.large".to_owned()), subnet: Some("subnet-1".to_owned()), price_type };
    Attempt {
        number: 1,
        pools: vec![pool],
        count: 2,
        token: "ab".repeat(32).parse().unwrap(),
        recorded_at: Timestamp::default(),
        state: AttemptState::Open,
    }
}

/// What AWS is asked for an attempt at this market.
async fn asked(way: fn(&FakeAws) -> Box<dyn Fulfilment>, frozen: &FrozenParameters, market: PriceType) -> Vec<Seen> {
    let fake = FakeAws::new(|seen| match seen.action() {
        "RunInstances" => launched(&[instance("i-00000000000000001", (0, "pending"), "")]),
        "CreateFleet" => Reply::ok("<CreateFleetResponse><fleetId>fleet-1</fleetId></CreateFleetResponse>"),
        action => Reply::ok(format!("<{action}Response><{action}Result/></{action}Response>")),
    });
    let plan = LaunchPlan { parameters: serde_json::to_value(frozen).unwrap(), ..LaunchPlan::default() };
    let attempt = attempt(market);
    way(&fake).acquire(Launch { attempt: &attempt, plan: &plan, user_data: None }).await.unwrap();
    fake.seen()
}

async fn run(frozen: &FrozenParameters, market: PriceType) -> Seen {
    asked(|fake| Box::new(RunInstances::over(fake.clients())), frozen, market).await.remove(0)
}

/// The launch template of an instant fleet, and the fleet.
async fn fleet(frozen: &FrozenParameters, market: PriceType) -> (Seen, Seen) {
    let mut seen = asked(|fake| Box::new(InstantFleet::over(fake.clients())), frozen, market).await;
    (seen.remove(0), seen.remove(0))
}

const SPECIFICATION: &str = "CapacityReservationSpecification.";

fn within(seen: &Seen, prefix: &str) -> Vec<String> {
    seen.below(&format!("{prefix}{SPECIFICATION}"))
}

#[tokio::test]
async fn a_reservation_is_named_where_it_is_the_market_and_nowhere_else() {
    let id = [
        "CapacityReservationPreference=capacity-reservations-only",
        "CapacityReservationTarget.CapacityReservationId=cr-1",
    ];
    let template = "LaunchTemplateData.";
    let wanted = frozen(by_id());
    assert_eq!(within(&run(&wanted, PriceType::Reserved).await, ""), id);
    let (made, fleet_of_reserved) = fleet(&wanted, PriceType::Reserved).await;
    assert_eq!(within(&made, template), id);
    assert_eq!(
        fleet_of_reserved.below("TargetCapacitySpecification."),
        [
            "DefaultTargetCapacityType=on-demand",
            "OnDemandTargetCapacity=2",
            "SpotTargetCapacity=0",
            "TotalTargetCapacity=2"
        ]
    );
    for market in [PriceType::OnDemand, PriceType::Spot] {
        assert!(within(&run(&wanted, market).await, "").is_empty(), "{market:?}");
        let (other, _) = fleet(&wanted, market).await;
        assert!(within(&other, template).is_empty(), "{market:?}");
        assert_ne!(other.get("LaunchTemplateName"), made.get("LaunchTemplateName"));
    }
    let in_any =
        CapacityReservation { preference: Some(ReservationPreference::Only), ..CapacityReservation::default() };
    assert_eq!(within(&run(&frozen(in_any), PriceType::Reserved).await, ""), id[..1]);
    let group = CapacityReservation {
        target: Some(ReservationTarget::Group(ARN.to_owned())),
        ..CapacityReservation::default()
    };
    assert_eq!(
        within(&run(&frozen(group), PriceType::Reserved).await, "")[1],
        format!("CapacityReservationTarget.CapacityReservationResourceGroupArn={ARN}")
    );
}

#[tokio::test]
async fn on_demand_hosts_run_in_open_reservations_or_in_none() {
    for (preference, word) in [(ReservationPreference::Open, "open"), (ReservationPreference::None, "none")] {
        let wanted = frozen(CapacityReservation { preference: Some(preference), ..CapacityReservation::default() });
        let words = [format!("CapacityReservationPreference={word}")];
        assert_eq!(within(&run(&wanted, PriceType::OnDemand).await, ""), words);
        assert_eq!(within(&fleet(&wanted, PriceType::OnDemand).await.0, "LaunchTemplateData."), words);
        assert!(within(&run(&wanted, PriceType::Spot).await, "").is_empty());
    }
}

#[tokio::test]
async fn a_capacity_block_is_a_market_type_and_a_kind_of_target() {
    let wanted = frozen(CapacityReservation { block: true, ..by_id() });
    let id = ["CapacityReservationTarget.CapacityReservationId=cr-1"];
    let block = ["MarketType=capacity-block"];
    let seen = run(&wanted, PriceType::Reserved).await;
    assert_eq!(
        (within(&seen, ""), seen.below("InstanceMarketOptions.")),
        (id.map(str::to_owned).to_vec(), block.map(str::to_owned).to_vec())
    );
    let (made, fleet) = fleet(&wanted, PriceType::Reserved).await;
    assert_eq!(within(&made, "LaunchTemplateData."), id);
    assert_eq!(made.below("LaunchTemplateData.InstanceMarketOptions."), block);
    assert_eq!(
        fleet.below("TargetCapacitySpecification."),
        ["DefaultTargetCapacityType=capacity-block", "TotalTargetCapacity=2"]
    );
    assert!(fleet.below("OnDemandOptions.").is_empty());
    let beside = run(&wanted, PriceType::OnDemand).await;
    assert!(beside.below("InstanceMarketOptions.").is_empty() && within(&beside, "").is_empty());
}

#[tokio::test]
async fn a_reservation_that_is_full_or_gone_leaves_the_other_markets() {
    for code in ["ReservationCapacityExceeded", "InvalidCapacityReservationId.NotFound"] {
        let fake = FakeAws::in_order([Reply::error(400, code, "no room")]);
        let parameters = serde_json::to_value(frozen(by_id())).unwrap();
        let plan = LaunchPlan { parameters, ..LaunchPlan::default() };
        let attempt = attempt(PriceType::Reserved);
        let launch = Launch { attempt: &attempt, plan: &plan, user_data: None };
        let error = RunInstances::over(fake.clients()).acquire(launch).await.unwrap_err();
        assert_eq!((error.class, error.code.as_deref()), (FailureClass::Capacity, Some(code)));
    }
}

#[tokio::test]
async fn placement_and_processor_are_said_alike_by_a_call_and_by_a_launch_template() {
    let host = Placement {
        tenancy: Some(Tenancy::Host),
        host: Some("h-1".to_owned()),
        affinity: Some(Affinity::Host),
        ..Placement::default()
    };
    let partition = Placement { group_id: Some("pg-1".to_owned()), partition: Some(3), ..Placement::default() };
    let group = Placement { host_group: Some(ARN.to_owned()), ..Placement::default() };
    for (placement, wanted) in [
        (host, vec!["Affinity=host".to_owned(), "HostId=h-1".to_owned(), "Tenancy=host".to_owned()]),
        (partition, vec!["GroupId=pg-1".to_owned(), "PartitionNumber=3".to_owned()]),
        (group, vec![format!("HostResourceGroupArn={ARN}")]),
    ] {
        let frozen = FrozenParameters { placement, ..frozen(CapacityReservation::default()) };
        assert_eq!(run(&frozen, PriceType::OnDemand).await.below("Placement."), wanted);
        let (made, _) = fleet(&frozen, PriceType::OnDemand).await;
        assert_eq!(made.below("LaunchTemplateData.Placement."), wanted);
    }
    let cpu_features = CpuFeatures { amd_sev_snp: Some(true), nested_virtualization: Some(false) };
    let frozen = FrozenParameters { cpu_features, ..frozen(CapacityReservation::default()) };
    let wanted = ["AmdSevSnp=enabled", "NestedVirtualization=disabled"];
    assert_eq!(run(&frozen, PriceType::OnDemand).await.below("CpuOptions."), wanted);
    let (made, _) = fleet(&frozen, PriceType::OnDemand).await;
    assert_eq!(made.below("LaunchTemplateData.CpuOptions."), wanted);
}

#[test]
fn parameters_that_an_older_version_froze_are_read_and_none_is_written_that_is_not_set() {
    let old = r#"{"schema":1,"image":"ami-1","placementGroup":"pg","tenancy":"host","publicIp":null,"cpu":{}}"#;
    let read: FrozenParameters = serde_json::from_str(old).unwrap();
    assert_eq!((read.placement.group.as_deref(), read.placement.tenancy), (Some("pg"), Some(Tenancy::Host)));
    let written = serde_json::to_string(&frozen(CapacityReservation::default())).unwrap();
    assert!(written.contains(r#""placementGroup":null,"tenancy":null,"interface":null"#), "{written}");
    for absent in ["apacityReservation", "cpuFeatures", "hostId", "partition", "affinity"] {
        assert!(!written.contains(absent), "{absent} in {written}");
    }
}
