//! Fleets that act as time passes: sections 4.1 and 4.4 to 4.7 of the notes on AWS.

use std::time::Duration;

use hostfactory_emulator::{Actor, Emulator, LAUNCH_TEMPLATE, Market, SUBNETS, Victims};

use crate::client::{Answer, ask, ask_about, frozen};
use crate::fleets::{fleet, ids};

const SECOND: Duration = Duration::from_secs(1);
const WEIGHTS: [(&str, &str); 2] = [
    ("LaunchTemplateConfigs.1.Overrides.1.WeightedCapacity", "3"),
    ("LaunchTemplateConfigs.1.Overrides.2.WeightedCapacity", "5"),
];

/// Makes a fleet of this type, lets it fill, and returns its id.
fn filled(emulator: &Emulator, kind: &str, total: u32, more: &[(&str, &str)]) -> String {
    let answer = fleet(emulator, kind, total, more);
    assert_eq!((answer.status, ids(&answer).len()), (200, 0), "{}", answer.body);
    emulator.clock_advance(SECOND);
    answer.one("fleetId").to_owned()
}

fn described(emulator: &Emulator, id: &str) -> Answer {
    ask(emulator, "DescribeFleets", &[("FleetId.1", id)])
}

/// Returns state, activity, target and what is fulfilled.
fn told(emulator: &Emulator, id: &str) -> [String; 4] {
    let seen = described(emulator, id);
    ["fleetState", "activityStatus", "totalTargetCapacity", "fulfilledCapacity"].map(|name| seen.one(name).to_owned())
}

fn members(emulator: &Emulator, id: &str) -> Vec<String> {
    let answer = ask(emulator, "DescribeFleetInstances", &[("FleetId", id)]);
    assert_eq!((answer.status, answer.one("fleetId")), (200, id), "{}", answer.body);
    answer.all("instanceId").into_iter().map(str::to_owned).collect()
}

fn modify(emulator: &Emulator, id: &str, total: &str, policy: &str) -> Answer {
    let target = ("TargetCapacitySpecification.TotalTargetCapacity", total);
    ask(emulator, "ModifyFleet", &[("FleetId", id), target, ("ExcessCapacityTerminationPolicy", policy)])
}

fn history(emulator: &Emulator, id: &str) -> Answer {
    ask(emulator, "DescribeFleetHistory", &[("FleetId", id), ("StartTime", "2020-01-01T00:00:00Z")])
}

#[test]
fn a_fleet_is_submitted_then_active_and_fills_after_a_while() {
    for kind in ["request", "maintain"] {
        let emulator = frozen();
        emulator.fleet_fill(Duration::from_secs(20));
        let both = format!("{}, {}", SUBNETS[0], SUBNETS[1]);
        let more = [
            ("LaunchTemplateConfigs.1.Overrides.1.SubnetId", both.as_str()),
            ("TargetCapacitySpecification.DefaultTargetCapacityType", "spot"),
        ];
        let id = filled(&emulator, kind, 4, &more);
        assert_eq!(told(&emulator, &id), ["submitted", "pending_fulfillment", "4", "0"]);
        assert!(members(&emulator, &id).is_empty());
        emulator.pool("m6i.large", "us-east-1a", Market::Spot, 3);
        emulator.clock_advance(Duration::from_mins(1));
        assert_eq!(told(&emulator, &id), ["active", "fulfilled", "4", "4"]);
        let truth = emulator.truth();
        let fleets = truth.of_fleet(&id);
        assert_eq!(fleets.ids(), members(&emulator, &id));
        let zones: Vec<&str> = fleets.instances.iter().map(|host| host.launch.zone.as_str()).collect();
        assert_eq!(zones, ["us-east-1a", "us-east-1a", "us-east-1a", "us-east-1b"], "each subnet of the list");
        assert_eq!(
            emulator.now() - fleets.instances[0].launch.at,
            41_000,
            "at its own time, not when the clock was moved"
        );
        let seen = ask(&emulator, "DescribeFleetInstances", &[("FleetId", &id), ("MaxResults", "3")]);
        assert!(seen.one("spotInstanceRequestId").starts_with("sir-") && seen.one("instanceHealth") == "healthy");
        let next = ask(&emulator, "DescribeFleetInstances", &[("FleetId", &id), ("NextToken", seen.one("nextToken"))]);
        assert_eq!((seen.all("instanceId").len(), next.all("instanceId")), (3, vec![fleets.ids()[3].as_str()]));
        assert_eq!(ask(&emulator, "DescribeFleets", &[]).all("fleetId"), [id.as_str()]);
    }
}

#[test]
fn maintain_replaces_what_ends_however_it_ends_and_request_does_not() {
    let emulator = frozen();
    emulator.refill(Duration::from_secs(10));
    let (maintain, request) = (filled(&emulator, "maintain", 3, &[]), filled(&emulator, "request", 3, &[]));
    let (kept, other) = (members(&emulator, &maintain), members(&emulator, &request));
    ask_about(&emulator, "TerminateInstances", &[kept[0].clone(), other[0].clone()]);
    emulator.kill(&kept[1], "Server.SpotInstanceTermination", "taken back").unwrap();
    assert_eq!(members(&emulator, &maintain), kept[2..]);
    emulator.clock_advance(Duration::from_secs(9));
    assert_eq!(told(&emulator, &maintain), ["active", "pending_fulfillment", "3", "1"]);
    emulator.clock_advance(SECOND);
    assert_eq!(told(&emulator, &maintain), ["active", "fulfilled", "3", "3"]);
    assert_eq!(emulator.truth().of_fleet(&maintain).len(), 5);
    assert_eq!((members(&emulator, &request).len(), emulator.truth().of_fleet(&request).len()), (2, 3));
    emulator.clock_advance(Duration::from_hours(1));
    assert_eq!(emulator.truth().of_fleet(&request).len(), 3);
}

#[test]
fn a_fleet_tries_on_until_there_is_room_and_its_history_says_why_it_could_not() {
    let emulator = frozen();
    emulator.pool("*", "*", None, 1);
    let id = filled(&emulator, "request", 3, &[]);
    assert_eq!(told(&emulator, &id), ["active", "pending_fulfillment", "3", "1"]);
    emulator.clock_advance(Duration::from_mins(5));
    assert_eq!(told(&emulator, &id)[1], "error", "nothing came of the last attempt");
    let seen = history(&emulator, &id);
    assert_eq!(
        seen.all("eventType").iter().filter(|kind| **kind == "service-error").count(),
        2,
        "one for each override"
    );
    assert!(seen.body.contains("Error Code: InsufficientInstanceCapacity"), "{}", seen.body);
    assert_eq!(seen.all("eventSubType")[..3], ["submitted", "active", "launched"]);
    emulator.pool("*", "*", None, 5);
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(told(&emulator, &id), ["active", "fulfilled", "3", "3"]);
    let filter = [("FleetId", id.as_str()), ("StartTime", "2020-01-01T00:00:00Z"), ("EventType", "instance-change")];
    let launched = ask(&emulator, "DescribeFleetHistory", &filter);
    assert_eq!(launched.all("instanceId"), emulator.truth().ids());
    assert_eq!(ask(&emulator, "DescribeFleetHistory", &[("FleetId", &id)]).code(), "MissingParameter");
}

#[test]
fn injected_errors_of_a_fleet_show_in_its_history() {
    let emulator = frozen();
    emulator.fleet_errors(&[("UnauthorizedOperation", 1)], 0);
    let id = filled(&emulator, "maintain", 1, &[]);
    assert_eq!(told(&emulator, &id), ["active", "error", "1", "0"]);
    assert!(history(&emulator, &id).body.contains("Status Code: 403; Error Code: UnauthorizedOperation"));
    emulator.clock_advance(SECOND);
    assert_eq!(told(&emulator, &id), ["active", "fulfilled", "1", "1"]);
}

#[test]
fn a_modified_fleet_shows_and_keeps_its_old_target_until_it_is_no_longer_modifying() {
    let emulator = frozen();
    emulator.fleet_modifying(Duration::from_mins(1));
    let id = filled(&emulator, "maintain", 3, &[]);
    assert_eq!(modify(&emulator, &id, "2", "no-termination").one("return"), "true");
    assert_eq!(told(&emulator, &id)[..3], ["modifying", "fulfilled", "3"]);
    assert_eq!(modify(&emulator, &id, "1", "no-termination").code(), "FleetNotInModifiableState");
    // Who ends a host too early sees it replaced.
    ask_about(&emulator, "TerminateInstances", &members(&emulator, &id)[..1]);
    emulator.clock_advance(SECOND);
    assert_eq!(told(&emulator, &id), ["modifying", "fulfilled", "3", "3"]);
    emulator.clock_advance(Duration::from_secs(59));
    assert_eq!(told(&emulator, &id), ["active", "fulfilled", "2", "3"]);
    ask_about(&emulator, "TerminateInstances", &members(&emulator, &id)[..1]);
    emulator.clock_advance(Duration::from_hours(1));
    assert_eq!(told(&emulator, &id), ["active", "fulfilled", "2", "2"]);
    let request = filled(&emulator, "request", 1, &[]);
    let instant = fleet(&emulator, "instant", 1, &[]).one("fleetId").to_owned();
    for id in [request, instant] {
        assert_eq!(modify(&emulator, &id, "2", "no-termination").code(), "FleetNotInModifiableState");
    }
}

#[test]
fn a_smaller_target_ends_hosts_of_the_fleets_own_choice_unless_it_must_not() {
    let emulator = frozen();
    let id = filled(&emulator, "maintain", 4, &[]);
    let all = members(&emulator, &id);
    modify(&emulator, &id, "3", "termination");
    emulator.clock_advance(SECOND);
    assert_eq!((told(&emulator, &id)[1].as_str(), members(&emulator, &id)), ("pending_termination", all[..3].to_vec()));
    emulator.victims(Victims::Oldest);
    modify(&emulator, &id, "2", "termination");
    emulator.clock_advance(SECOND);
    assert_eq!(members(&emulator, &id), all[1..3]);
    emulator.victims(Victims::These(vec![all[1].clone()]));
    modify(&emulator, &id, "1", "termination");
    emulator.clock_advance(SECOND);
    assert_eq!(members(&emulator, &id), all[2..3]);
    modify(&emulator, &id, "0", "no-termination");
    emulator.clock_advance(Duration::from_hours(1));
    assert_eq!(told(&emulator, &id), ["active", "fulfilled", "0", "1"]);
    let truth = emulator.truth();
    assert_eq!(truth.ended_by_fleets().len(), 3);
    assert_eq!(truth.instance(&all[3]).unwrap().end.as_ref().unwrap().by, Actor::Fleet(id.clone()));
    modify(&emulator, &id, "3", "termination");
    emulator.clock_advance(SECOND);
    assert_eq!(told(&emulator, &id), ["active", "fulfilled", "3", "3"]);
}

#[test]
fn a_shrinking_fleet_never_goes_under_its_target_when_hosts_have_weights() {
    let emulator = frozen();
    emulator.pool("c6i.xlarge", "*", None, 1);
    let id = filled(&emulator, "maintain", 8, &WEIGHTS);
    assert_eq!(told(&emulator, &id)[3], "8");
    modify(&emulator, &id, "6", "termination");
    emulator.clock_advance(SECOND);
    assert_eq!(told(&emulator, &id)[1..], ["fulfilled", "6", "8"], "without the lighter one there would be 5");
    modify(&emulator, &id, "5", "termination");
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(told(&emulator, &id)[1..], ["fulfilled", "5", "5"]);
    ask_about(&emulator, "TerminateInstances", &members(&emulator, &id));
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(told(&emulator, &id)[1..], ["fulfilled", "5", "6"], "the place of the one that ended was not free yet");
}

#[test]
fn both_markets_have_targets_of_their_own_and_are_refilled_on_their_own() {
    let emulator = frozen();
    let more = [
        ("TargetCapacitySpecification.OnDemandTargetCapacity", "1"),
        ("TargetCapacitySpecification.DefaultTargetCapacityType", "spot"),
    ];
    let id = filled(&emulator, "maintain", 3, &more);
    let seen = described(&emulator, &id);
    let part = |name| seen.one(name).to_owned();
    assert_eq!(
        ["onDemandTargetCapacity", "spotTargetCapacity", "fulfilledOnDemandCapacity"].map(part),
        ["1", "2", "1"]
    );
    let markets = |emulator: &Emulator| -> Vec<Market> {
        emulator.truth().live().instances.iter().map(|host| host.launch.market).collect()
    };
    assert_eq!(markets(&emulator), [Market::OnDemand, Market::Spot, Market::Spot]);
    emulator.kill_by_hand(&members(&emulator, &id)[0]).unwrap();
    emulator.clock_advance(SECOND);
    assert_eq!(markets(&emulator), [Market::Spot, Market::Spot, Market::OnDemand]);
    modify(&emulator, &id, "2", "termination");
    emulator.clock_advance(SECOND);
    assert_eq!(markets(&emulator), [Market::Spot, Market::OnDemand]);
    assert_eq!(
        modify(&emulator, &id, "0", "termination").code(),
        "InvalidFleetConfig",
        "a part is more than the whole"
    );
}

#[test]
fn lists_of_members_and_histories_can_be_late() {
    let emulator = frozen();
    let id = filled(&emulator, "maintain", 2, &[]);
    emulator.member_lag(Duration::from_secs(30));
    assert!(members(&emulator, &id).is_empty() && history(&emulator, &id).all("eventType").is_empty());
    emulator.clock_advance(Duration::from_secs(30));
    let all = members(&emulator, &id);
    assert_eq!((all.len(), history(&emulator, &id).all("instanceId").len()), (2, 2));
    ask_about(&emulator, "TerminateInstances", &all[..1]);
    emulator.clock_advance(Duration::from_secs(29));
    assert_eq!(members(&emulator, &id), all, "the one that ended is still listed, its replacement is not yet");
    emulator.clock_advance(Duration::from_secs(2));
    assert_eq!(members(&emulator, &id), [all[1].clone(), emulator.truth().ids()[2].clone()]);
}

#[test]
fn a_fleet_launches_neither_before_it_is_valid_nor_after() {
    let emulator = frozen();
    emulator.pool("*", "*", None, 1);
    let at = |seconds: i64| {
        // The client has no calendar: the fleet's own times say what they are.
        let now = emulator.now() / 1_000 + seconds;
        let (days, clock) = (now / 86_400, now % 86_400);
        let (mut year, mut day) = (1970, days);
        let length = |year: i64| if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 };
        while day >= length(year) {
            day -= length(year);
            year += 1;
        }
        let leap = i64::from(length(year) == 366);
        let months = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while day >= months[month] {
            day -= months[month];
            month += 1;
        }
        format!("{year}-{:02}-{:02}T{:02}:{:02}:{:02}Z", month + 1, day + 1, clock / 3_600, clock / 60 % 60, clock % 60)
    };
    let (from, until) = (at(60), at(120));
    let until_only = [("ValidUntil", until.as_str()), ("TerminateInstancesWithExpiration", "true")];
    let both = [("ValidFrom", from.as_str()), ("ValidUntil", until.as_str())];
    let later = filled(&emulator, "maintain", 2, &both);
    assert_eq!(told(&emulator, &later)[..2], ["submitted", "pending_fulfillment"]);
    let ending = filled(&emulator, "request", 2, &until_only);
    assert_eq!(told(&emulator, &ending)[3], "1");
    emulator.pool("*", "*", None, 0);
    emulator.clock_advance(Duration::from_secs(59));
    assert_eq!(told(&emulator, &later)[..2], ["active", "error"]);
    emulator.clock_advance(Duration::from_secs(70));
    emulator.pool("*", "*", None, 9);
    emulator.clock_advance(Duration::from_hours(1));
    assert_eq!(told(&emulator, &later)[0], "deleted");
    assert_eq!(told(&emulator, &ending)[0], "deleted");
    assert_eq!(emulator.truth().ended_by_fleets().len(), 1);
    assert_eq!(emulator.truth().len(), 1, "nothing more was launched");
    assert!(history(&emulator, &ending).all("eventSubType").contains(&"expired"));
}

#[test]
fn a_fleet_whose_template_is_dropped_replaces_nothing_and_says_so() {
    let emulator = frozen();
    let id = filled(&emulator, "maintain", 2, &[]);
    emulator.drop_template(LAUNCH_TEMPLATE);
    emulator.kill_by_hand(&members(&emulator, &id)[0]).unwrap();
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(told(&emulator, &id), ["active", "error", "2", "1"]);
    assert!(history(&emulator, &id).body.contains("Error Code: InvalidLaunchTemplateId.NotFound"));
}

#[test]
fn a_killed_fleet_host_is_replaced_while_the_lag_hides_the_new_one() {
    let emulator = frozen();
    let id = filled(&emulator, "maintain", 1, &[]);
    emulator.lag(Duration::from_mins(1));
    emulator.kill_by_hand(&members(&emulator, &id)[0]).unwrap();
    emulator.clock_advance(SECOND);
    let new = members(&emulator, &id);
    assert_eq!(ask_about(&emulator, "DescribeInstances", &new).code(), "InvalidInstanceID.NotFound");
}
