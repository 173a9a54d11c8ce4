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

#[test]
fn grace_is_what_is_left_of_two_minutes() {
    let notice = Interruption { code: "marked-for-termination".to_owned(), at: at(0) };
    assert_eq!(
        (notice.grace_seconds(at(33)), notice.grace_seconds(at(500)), notice.grace_seconds(at(-9))),
        (87, 0, 120)
    );
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
