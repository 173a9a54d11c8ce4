//! What only the emulator can do: lose an answer after the effect, hold a call while the process is killed, run short.

use std::process::Stdio;
use std::time::Duration;

use hostfactory_emulator::{Emulator, Fault, Phase};
use serde_json::json;

use super::{Cloud, Kind, grid};
use crate::life::Grid;
use crate::support::{Answered, Sandbox};

const PATIENCE: Duration = Duration::from_mins(1);

/// Runs `case` on a grid with one template.
fn on_the_emulator(case: impl FnOnce(&Emulator, &Grid<'_>)) {
    let sandbox = Sandbox::new();
    let cloud = Cloud::start(Kind::Emulated);
    cloud.configure(&sandbox, "json", &cloud.template("Small", &json!({})));
    let Cloud::Emulated(emulator) = &cloud else { unreachable!() };
    case(emulator, &grid(&sandbox));
}

#[test]
fn an_answer_that_is_lost_after_the_effect_launches_nothing_twice() {
    on_the_emulator(|emulator, grid| {
        emulator.fault(Fault::drop_after().on("RunInstances").times(2));
        let request = grid.request("Small", 3);
        assert_eq!(Grid::named(&grid.settled(&request)).len(), 3);
        let truth = emulator.truth().of_request(&request);
        assert_eq!((truth.len(), truth.tokens().len(), emulator.calls_of("RunInstances").len()), (3, 1, 3));
    });
}

#[test]
fn a_process_that_is_killed_before_or_after_the_effect_leaves_no_host_that_nobody_knows() {
    for phase in [Phase::Before, Phase::After] {
        on_the_emulator(|emulator, grid| {
            emulator.fault(Fault::hold(phase).on("RunInstances"));
            // Killing the script would leave the program behind it; so the program is started without one.
            let order = json!({"template": {"templateId": "Small", "machineCount": 3}}).to_string();
            let mut program = grid.sandbox.program();
            program.envs(grid.variables.iter().cloned()).args(["requestMachines", "--data", &order]);
            let mut child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let held = emulator.wait_held(PATIENCE).unwrap();
            assert_eq!(emulator.truth().len(), if phase == Phase::After { 3 } else { 0 });
            child.kill().unwrap();
            child.wait().unwrap();
            held.drop_connection();
            // The id never reached anybody, but it is in the intent, and so on the tags of the call.
            let calls = emulator.calls_of("RunInstances");
            let tags = (1..20).map(|number| format!("TagSpecification.1.Tag.{number}"));
            let request = tags
                .filter(|tag| calls[0].parameters.get(&format!("{tag}.Key")) == Some("hostfactory:request-id"))
                .find_map(|tag| calls[0].parameters.get(&format!("{tag}.Value")).map(str::to_owned))
                .unwrap();
            assert_eq!(Grid::named(&grid.settled(&request)).len(), 3);
            assert_eq!(emulator.truth().most_at_once(), 3, "{phase:?}");
            assert_eq!(emulator.truth().tokens().len(), 1);
        });
    }
}

#[test]
fn a_shortage_that_comes_as_http_500_is_asked_about_once() {
    on_the_emulator(|emulator, grid| {
        emulator.pool("t3.micro", "us-east-1a", None, 0);
        let order = json!({"template": {"templateId": "Small", "machineCount": 1}});
        let answered = grid.ask("requestMachines", &order);
        let told = if answered.code == 0 {
            grid.settled(answered.document["requestId"].as_str().unwrap()).to_string()
        } else {
            answered.document.to_string()
        };
        assert!(told.contains("InsufficientInstanceCapacity"), "{told}");
        let calls = emulator.calls_of("RunInstances");
        assert_eq!((calls.len(), calls[0].status), (1, Some(500)));
    });
}

#[test]
fn a_page_that_is_garbage_or_a_host_in_an_unknown_state_changes_nothing() {
    on_the_emulator(|emulator, grid| {
        let request = grid.request("Small", 2);
        for fault in [
            Fault::garbage(),
            Fault::garble(hostfactory_emulator::Garble::Frozen),
            Fault::garble(hostfactory_emulator::Garble::NoId),
        ] {
            emulator.fault(fault.on("DescribeInstances").always());
            let status = grid.status(&request);
            assert_eq!(status["status"], "running", "{status}");
            emulator.clear_faults();
        }
        let status = grid.settled(&request);
        assert_eq!((status["status"].as_str(), Grid::named(&status).len()), (Some("complete"), 2), "{status}");
        assert_eq!(emulator.truth().live().len(), 2);
    });
}

#[test]
fn what_the_cloud_refuses_is_told_with_its_code_and_nothing_is_launched() {
    on_the_emulator(|emulator, grid| {
        let told = || grid.ask("requestMachines", &json!({"template": {"templateId": "Small", "machineCount": 1}}));
        emulator.skew(3_600);
        assert!(told().message().contains("RequestExpired"), "{:?}", told());
        emulator.skew(60);
        emulator.expire_credentials("AKIDCANARY", true);
        assert!(told().message().contains("RequestExpired"), "{:?}", told());
        emulator.expire_credentials("AKIDCANARY", false);
        assert!(emulator.truth().is_empty());
        let answered = told();
        assert_eq!(answered.code, 0, "a minute of skew is none: {answered:?}");
        emulator.unauthorized("RunInstances", true);
        let denied = told();
        assert!(denied.document.to_string().contains("UnauthorizedOperation"), "{denied:?}");
        assert_eq!(emulator.truth().len(), 1);
    });
}

#[test]
fn a_dry_run_creates_nothing_and_the_same_order_then_sends_just_what_it_showed() {
    on_the_emulator(|emulator, grid| {
        let mut program = grid.sandbox.program();
        program.envs(grid.variables.iter().cloned()).args([
            "machines",
            "request",
            "Small",
            "--count",
            "2",
            "--dry-run",
        ]);
        let shown = Answered::of(&program.arg("--check").output().unwrap());
        assert_eq!((shown.code, &shown.document["check"]["wouldSucceed"]), (0, &json!(true)), "{shown:?}");
        assert_eq!(emulator.truth().len(), 0);
        let asked = emulator.calls_of("RunInstances");
        assert!(asked.iter().all(|call| call.parameters.get("DryRun") == Some("true")), "{asked:?}");

        let request = grid.request("Small", 2);
        assert_eq!(Grid::named(&grid.settled(&request)).len(), 2);
        let sent = emulator.calls_of("RunInstances").pop().unwrap();
        let call = &shown.document["calls"][0];
        assert_eq!(call["operation"], "RunInstances");
        for (name, value) in call["parameters"].as_object().unwrap() {
            // Another request has another token and another tag.
            if name != "ClientToken" && !value.as_str().unwrap().starts_with("req-") {
                assert_eq!(sent.parameters.get(name), value.as_str(), "{name}");
            }
        }
    });
}
