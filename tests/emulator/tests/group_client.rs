//! What tests of Auto Scaling ask for.

use std::net::TcpStream;
use std::time::Duration;

use hostfactory_emulator::{Emulator, LAUNCH_TEMPLATE, SUBNETS};

use crate::client::{Answer, exchange, signed};

/// Asks Auto Scaling.
pub(crate) fn scaling(emulator: &Emulator, action: &str, parameters: &[(&str, &str)]) -> Answer {
    let fixed = [("Action", action), ("Version", "2011-01-01")];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fixed.iter().chain(parameters)).finish();
    let mut stream = TcpStream::connect(emulator.address()).unwrap();
    exchange(&mut stream, signed("us-east-1", "", &body).replace("/ec2/", "/autoscaling/").as_bytes()).unwrap()
}

/// The parameters of a usual group, with further ones over them; an empty one is left out.
pub(crate) fn group<'a>(name: &'a str, desired: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut parameters = vec![
        ("AutoScalingGroupName", name),
        ("MinSize", "0"),
        ("MaxSize", desired),
        ("DesiredCapacity", desired),
        ("LaunchTemplate.LaunchTemplateId", LAUNCH_TEMPLATE),
        ("LaunchTemplate.Version", "1"),
        ("VPCZoneIdentifier", SUBNETS[0]),
    ];
    for (key, value) in more {
        parameters.retain(|(other, _)| other != key);
        if !value.is_empty() {
            parameters.push((key, value));
        }
    }
    parameters
}

/// Makes a usual group with further parameters.
pub(crate) fn create(emulator: &Emulator, name: &str, desired: &str, more: &[(&str, &str)]) -> Answer {
    scaling(emulator, "CreateAutoScalingGroup", &group(name, desired, more))
}

/// Makes a usual group, waits until its hosts are in service, and returns their ids.
pub(crate) fn filled(emulator: &Emulator, name: &str, desired: &str, more: &[(&str, &str)]) -> Vec<String> {
    let made = create(emulator, name, desired, more);
    assert_eq!(made.status, 200, "{}", made.body);
    emulator.clock_advance(Duration::from_mins(2));
    members(emulator, name)
}

/// Asks about one group.
pub(crate) fn seen(emulator: &Emulator, name: &str) -> Answer {
    scaling(emulator, "DescribeAutoScalingGroups", &[("AutoScalingGroupNames.member.1", name)])
}

/// Returns the ids of the hosts that a group shows.
pub(crate) fn members(emulator: &Emulator, name: &str) -> Vec<String> {
    seen(emulator, name).all("InstanceId").into_iter().map(str::to_owned).collect()
}

/// Returns the desired number of a group.
pub(crate) fn desired(emulator: &Emulator, name: &str) -> u32 {
    seen(emulator, name).one("DesiredCapacity").parse().unwrap()
}

/// Asks about the activities of a group.
pub(crate) fn activities(emulator: &Emulator, name: &str) -> Answer {
    scaling(emulator, "DescribeScalingActivities", &[("AutoScalingGroupName", name)])
}

/// Ends a host of a group, and lowers the desired number.
pub(crate) fn give_back(emulator: &Emulator, id: &str) -> Answer {
    let parameters = [("InstanceId", id), ("ShouldDecrementDesiredCapacity", "true")];
    scaling(emulator, "TerminateInstanceInAutoScalingGroup", &parameters)
}

/// Suspends or resumes one process of a group.
pub(crate) fn switch(emulator: &Emulator, action: &str, name: &str, process: &str) -> Answer {
    scaling(emulator, action, &[("AutoScalingGroupName", name), ("ScalingProcesses.member.1", process)])
}

/// Moves the clock on by so many seconds.
pub(crate) fn pass(emulator: &Emulator, seconds: u64) {
    emulator.clock_advance(Duration::from_secs(seconds));
}
