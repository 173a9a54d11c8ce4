//! What a machine promises, whatever is seen of it.

use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_760_000_000 + seconds)
}

fn sighting(status: MachineStatus) -> Sighting {
    Sighting {
        id: "i-0123456789abcdef0".parse().unwrap(),
        status,
        name: None,
        private_ip: None,
        public_ip: None,
        launched_at: None,
        instance_type: None,
        price_type: PriceType::OnDemand,
        zone: None,
        tags: String::new(),
        reason: None,
        owner: None,
        request: None,
        template: None,
        resource: None,
        api: None,
    }
}

fn machine() -> Machine {
    Machine::seen(&sighting(MachineStatus::Pending), ProviderApi::RunInstances, Origin::HostFactory, at(0))
}

#[test]
fn name_and_address_stay_as_first_seen_after_ec2_blanks_them() {
    let mut machine = machine();
    machine.see(&Sighting {
        name: Some("ip-10-0-0-1.ec2.internal".parse().unwrap()),
        private_ip: Some("10.0.0.1".to_owned()),
        launched_at: Some(at(1)),
        instance_type: Some("m6i.large".to_owned()),
        ..sighting(MachineStatus::Running)
    });
    machine.see(&Sighting {
        name: Some("other".parse().unwrap()),
        launched_at: Some(at(99)),
        ..sighting(MachineStatus::Terminated)
    });
    let kept = machine.snapshot();
    assert_eq!(kept.name.as_ref().unwrap().as_str(), "ip-10-0-0-1.ec2.internal");
    assert_eq!((kept.private_ip.as_deref(), kept.launched_at), (Some("10.0.0.1"), at(1)));
}

#[test]
fn a_host_missing_from_complete_answers_is_gone_only_after_three_over_five_minutes() {
    let mut machine = machine();
    for second in [10, 20, 30, 40, 200] {
        machine.miss(at(second).into());
        assert_eq!(machine.status(), MachineStatus::Pending);
    }
    machine.see(&sighting(MachineStatus::Running));
    for second in [300, 310, 599] {
        machine.miss(at(second).into());
    }
    assert_eq!(machine.status(), MachineStatus::Running);
    machine.miss(at(600).into());
    assert_eq!(machine.status(), MachineStatus::Terminated);
}

#[test]
fn a_host_that_we_end_is_done_after_two_complete_answers_without_it() {
    let mut machine = machine();
    machine.end_accepted(at(5), "returned");
    machine.miss(at(6).into());
    assert_eq!(machine.status(), MachineStatus::Pending);
    machine.miss(at(7).into());
    assert_eq!(machine.status(), MachineStatus::Terminated);
}

fn retirement(seen: i64) -> Interruption {
    Interruption::health("instance-retirement", at(seen), at(86_400))
}

fn events(machine: &Machine) -> Vec<&'static str> {
    let name = |event: &MachineEvent| match event {
        MachineEvent::MachineInterrupted { .. } => Some("interrupted"),
        MachineEvent::MachineInterruptionOver { .. } => Some("over"),
        _ => None,
    };
    machine.pending_events().iter().filter_map(name).collect()
}

#[test]
fn what_one_look_shows_of_the_health_counts_once_a_look_half_a_minute_later_shows_it_too() {
    let mut machine = machine();
    for second in [0, 29] {
        machine.take_health(&[retirement(second)], at(second));
        assert_eq!((machine.interruption(), events(&machine).len()), (None, 0), "at {second}");
    }
    machine.take_health(&[retirement(30)], at(30));
    let told = machine.interruption().unwrap();
    assert_eq!((told.code.as_str(), told.at, told.grace_seconds(at(400))), ("instance-retirement", at(0), 86_000));
    machine.take_health(&[retirement(90)], at(90));
    assert_eq!(events(&machine), ["interrupted"]);
    // It may be put off.
    machine.take_health(&[Interruption::health("instance-retirement", at(99), at(172_800))], at(99));
    assert_eq!(machine.interruption().unwrap().grace_seconds(at(100)), 172_700);
}

#[test]
fn what_the_health_was_is_over_once_a_look_does_not_show_it_and_begins_anew() {
    let mut machine = machine();
    for second in [0, 60] {
        machine.take_health(&[retirement(second)], at(second));
    }
    machine.take_health(&[], at(120));
    assert_eq!((machine.snapshot().interruption.as_ref(), events(&machine)), (None, vec!["interrupted", "over"]));
    machine.take_health(&[retirement(180)], at(180));
    assert_eq!(machine.interruption(), None);
    machine.take_health(&[], at(240));
    assert_eq!(events(&machine).len(), 2, "what nobody was told of is not told to be over");
}

#[test]
fn one_thing_at_a_time_is_known_of_the_health_and_the_soonest_first() {
    let mut machine = machine();
    let impaired = |second| Interruption::health("system-status-impaired", at(second), at(-300));
    machine.take_health(&[retirement(0), impaired(0)], at(0));
    machine.take_health(&[retirement(60), impaired(60)], at(60));
    assert_eq!(machine.interruption().unwrap().grace_seconds(at(60)), 0);
    machine.take_health(&[retirement(120)], at(120));
    assert_eq!(machine.interruption(), None, "another thing is seen for the first time");
    machine.take_health(&[retirement(180), impaired(180)], at(180));
    assert_eq!(machine.interruption().unwrap().code, "instance-retirement", "it stays as long as it is true");
}

#[test]
fn a_spot_notice_goes_before_the_health_and_is_never_taken_back() {
    let mut machine = machine();
    for second in [0, 60] {
        machine.take_health(&[retirement(second)], at(second));
    }
    machine.interrupt(Interruption::spot("marked-for-termination", at(70)));
    machine.interrupt(Interruption::spot("instance-terminated-by-price", at(80)));
    for said in [&[retirement(120)][..], &[]] {
        machine.take_health(said, at(120));
        assert_eq!(machine.interruption().unwrap().code, "marked-for-termination");
    }
}

#[test]
fn a_host_that_goes_already_keeps_what_is_known_of_its_health() {
    let seen = |seconds: &[i64]| {
        let mut machine = machine();
        for second in seconds {
            machine.take_health(&[retirement(*second)], at(*second));
        }
        machine
    };
    let (mut stops, mut ends) = (seen(&[0, 60]), seen(&[0, 60]));
    stops.see(&sighting(MachineStatus::Stopping));
    ends.end_accepted(at(70), "returned");
    for machine in [&mut stops, &mut ends] {
        machine.take_health(&[], at(120));
        assert_eq!(machine.interruption().unwrap().code, "instance-retirement");
    }
}

#[test]
fn a_clock_that_was_set_back_holds_the_second_look_up_by_half_a_minute_only() {
    let mut machine = machine();
    for (second, told) in [(0, false), (-86_400, false), (-86_371, false), (-86_370, true)] {
        machine.take_health(&[retirement(second)], at(second));
        assert_eq!(machine.interruption().is_some(), told, "at {second}");
    }
}

proptest! {
    #[test]
    fn whatever_is_seen_in_whatever_order_the_status_only_moves_forward(
        steps in proptest::collection::vec((0_usize..8, 0_i64..900), 1..40)
    ) {
        let mut machine = machine();
        for (step, second) in steps {
            let before = machine.status();
            match MachineStatus::ALL.get(step) {
                Some(status) => machine.see(&sighting(*status)),
                None if step == 6 => machine.miss(at(second).into()),
                None => machine.end_accepted(at(second), "returned"),
            }
            prop_assert!(machine.status() >= before);
        }
    }
}

#[test]
fn a_forgotten_host_is_given_back_the_way_that_its_tags_tell_and_a_known_one_the_way_it_was_got() {
    let of_a_fleet = Sighting {
        api: Some(ProviderApi::Ec2FleetMaintain),
        resource: Some("fleet-1".to_owned()),
        ..sighting(MachineStatus::Running)
    };
    let id: MachineId = "i-0123456789abcdef0".parse().unwrap();
    let mut forgotten = Machine::heard_of(id.clone(), ProviderApi::RunInstances, Origin::HostFactory, at(0));
    forgotten.see(&of_a_fleet);
    assert_eq!((forgotten.api(), forgotten.resource()), (ProviderApi::Ec2FleetMaintain, Some("fleet-1")));
    let request = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
    let mut known = Machine::heard_of(id, ProviderApi::Ec2FleetRequest, Origin::Adopted(request, None), at(0));
    known.see(&of_a_fleet);
    assert_eq!(known.api(), ProviderApi::Ec2FleetRequest);
}
