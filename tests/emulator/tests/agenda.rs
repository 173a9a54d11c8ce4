//! Fleets and groups side by side on one clock: what is due is done in the order of time, whoever does it.

use std::time::Duration;

use hostfactory_emulator::{Actor, Emulator, Victims};

use crate::client::{ask, frozen};
use crate::fleets::fleet;
use crate::group_client::{create, filled, pass, scaling};

const SECOND: Duration = Duration::from_secs(1);

/// Makes a fleet and returns its id.
fn maintained(emulator: &Emulator, total: u32) -> String {
    fleet(emulator, "maintain", total, &[]).one("fleetId").to_owned()
}

#[test]
fn the_last_place_goes_to_whoever_is_due_first() {
    for (fill, delay, wanted) in [(20, 10, (0, 1)), (10, 20, (1, 0))] {
        let emulator = frozen();
        emulator.pool("*", "*", None, 1);
        emulator.fleet_fill(SECOND * fill);
        emulator.group_delay(SECOND * delay);
        let id = maintained(&emulator, 1);
        assert_eq!(create(&emulator, "g", "1", &[]).status, 200);
        pass(&emulator, 60);
        let truth = emulator.truth();
        assert_eq!((truth.of_fleet(&id).len(), truth.of_group("g").len()), wanted);
        assert_eq!(emulator.now() - truth.instances[0].launch.at, 50_000, "at its own time");
    }
}

#[test]
fn a_place_comes_free_at_its_own_time_and_a_fleet_is_there_before_the_group() {
    let emulator = frozen();
    emulator.pool("*", "*", None, 2);
    emulator.refill(Duration::from_mins(5));
    let hosts = filled(&emulator, "g", "2", &[]);
    let id = maintained(&emulator, 1);
    pass(&emulator, 1);
    assert!(emulator.truth().of_fleet(&id).is_empty());
    assert_eq!(ask(&emulator, "TerminateInstances", &[("InstanceId.1", &hosts[0])]).status, 200);
    let ended = emulator.now();
    emulator.clock_advance(Duration::from_hours(1));
    let truth = emulator.truth();
    let came = truth.of_fleet(&id);
    assert_eq!((came.len(), truth.of_group("g").live().len()), (1, 1), "the group finds no place any more");
    let after = came.instances[0].launch.at - ended;
    assert!((1_000..=60_000).contains(&after), "once the host is terminated, at the next attempt: {after}");
    emulator.kill_by_hand(&came.ids()[0]).unwrap();
    emulator.delete_fleet(&id, false).unwrap();
    emulator.clock_advance(Duration::from_hours(2));
    assert_eq!(emulator.truth().of_group("g").live().len(), 2);
}

#[test]
fn one_policy_chooses_the_victims_of_fleets_and_of_groups() {
    for (policy, left) in [(Some(Victims::Oldest), 2), (Some(Victims::Newest), 0), (None, 0)] {
        let emulator = frozen();
        emulator.victims(policy.clone());
        let id = maintained(&emulator, 3);
        pass(&emulator, 60);
        let own = [("TerminationPolicies.member.1", "NewestInstance")];
        let hosts = [emulator.truth().ids(), filled(&emulator, "g", "3", &own)];
        let less = [("FleetId", id.as_str()), ("TargetCapacitySpecification.TotalTargetCapacity", "1")];
        assert_eq!(ask(&emulator, "ModifyFleet", &less).status, 200);
        let less = [("AutoScalingGroupName", "g"), ("DesiredCapacity", "1")];
        assert_eq!(scaling(&emulator, "SetDesiredCapacity", &less).status, 200);
        pass(&emulator, 60);
        let truth = emulator.truth();
        assert_eq!(truth.live().ids(), [hosts[0][left].clone(), hosts[1][left].clone()], "{policy:?}");
        assert_eq!((truth.ended_by_fleets().len(), truth.ended_by_groups().len()), (2, 2));
        let by = truth.ended_by_fleets().instances[0].end.clone().unwrap().by;
        assert_eq!(by, Actor::Fleet(id));
    }
}
