//! Section G, with rows 54 and 95: credentials, rights, accounts, and what a template names.

use std::net::TcpListener;
use std::time::Duration;

use hostfactory_emulator::{Edit, Fault, IMAGES, LAUNCH_TEMPLATE, PARAMETERS};
use serde_json::json;

use super::bench::on_both_stores;
use super::words::{about, order, order_from, template, within};
use crate::life::Grid;

#[test]
fn row_54_in_another_account_no_host_is_taken_for_gone_and_nothing_is_launched() {
    on_both_stores(|bench| {
        let (request, hosts) = bench.running(2);
        let open = bench.request(1);
        bench.emulator.account("210987654321");
        bench.sign_with("AKIDOFANOTHERACCOUNT");
        for _ in 0..8 {
            bench.pass(Duration::from_mins(1));
            let polled = bench.ask("getRequestStatus", &about(&open));
            assert!(polled.code == 1 || polled.document["requests"][0]["status"] == "running", "{polled:?}");
            assert!(bench.lost(&json!(hosts)).is_empty());
        }
        assert!(bench.ask("requestMachines", &order(1)).message().contains("210987654321"));
        bench.emulator.account("123456789012");
        bench.sign_with("AKIDCANARY");
        assert_eq!(Grid::named(&bench.settled(&open)).len(), 1);
        assert_eq!(Grid::named(&bench.status(&request)).len(), 2);
        assert!(bench.lost(&json!(hosts)).is_empty());
        assert_eq!(bench.emulator.truth().live().len(), 3);
        bench.judge();
    });
}

#[test]
fn row_67_credentials_that_expire_in_the_middle_stop_the_call_and_keep_the_request() {
    on_both_stores(|bench| {
        bench.emulator.fault(Fault::drop_after().on("RunInstances").always());
        let request = bench.request(3);
        bench.emulator.clear_faults();
        bench.emulator.expire_credentials("AKIDCANARY", true);
        let before = bench.emulator.calls().len();
        let polled = bench.ask("getRequestStatus", &about(&request));
        assert_eq!(polled.code, 1, "{polled:?}");
        assert!(polled.message().contains("RequestExpired"), "{polled:?}");
        assert!(bench.emulator.calls().len() - before <= 2, "{:?}", bench.emulator.actions());
        bench.emulator.expire_credentials("AKIDCANARY", false);
        assert_eq!(Grid::named(&bench.settled(&request)).len(), 3);
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.tokens().len()), (3, 1));
        bench.judge();
    });
}

#[test]
fn row_68_a_metadata_service_that_is_a_black_hole_is_given_up_in_time() {
    on_both_stores(|bench| {
        // It takes connections and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", silent.local_addr().unwrap());
        for (variable, most) in [
            (("AWS_EC2_METADATA_DISABLED", "true".to_owned()), Duration::from_secs(5)),
            (("AWS_EC2_METADATA_SERVICE_ENDPOINT", address), Duration::from_secs(15)),
        ] {
            let mut program = bench.command("requestMachines");
            for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"] {
                program.env_remove(name);
            }
            program.env(variable.0, variable.1);
            let answered = within(most, || bench.start_with("requestMachines", &order(1), program).answered());
            assert!(answered.code == 1 && answered.message().contains("credentials"), "{answered:?}");
        }
        assert!(bench.emulator.calls().is_empty());
        bench.judge();
    });
}

#[test]
fn row_69_a_right_that_lacks_is_named_and_not_asked_for_again() {
    on_both_stores(|bench| {
        let alias = json!({"imageId": format!("resolve:ssm:{}", PARAMETERS[0])});
        let volume = json!({"rootDeviceVolumeSize": 30});
        let launched = json!({"launchTemplateId": LAUNCH_TEMPLATE});
        bench.offer(&[
            template("Small", &json!({})),
            template("Alias", &alias),
            template("Volume", &volume),
            template("Launched", &launched),
        ]);
        for (id, action) in [
            ("Small", "RunInstances"),
            ("Alias", "GetParameter"),
            ("Volume", "DescribeImages"),
            ("Launched", "DescribeLaunchTemplates"),
        ] {
            let before = bench.count_of(action);
            bench.emulator.unauthorized(action, true);
            let answered = bench.ask("requestMachines", &order_from(id, 2));
            assert!(answered.code == 1 && answered.message().contains(action), "{action}: {answered:?}");
            assert_eq!(bench.count_of(action) - before, 1, "{action} is not repeated");
            bench.emulator.unauthorized(action, false);
        }
        let suspended = bench.ask("requestMachines", &order(2));
        assert!(suspended.code == 1 && suspended.message().contains("out of use"), "{suspended:?}");
        assert_eq!(bench.count_of("RunInstances"), 1);
        assert!(bench.emulator.truth().is_empty());
        bench.pass(Duration::from_mins(4));
        bench.running(2);
    });
    on_both_stores(|bench| {
        let request = bench.request(2);
        bench.emulator.unauthorized("DescribeInstances", true);
        let asked = bench.ask("getRequestStatus", &about(&request));
        assert!(asked.code == 1 && asked.message().contains("DescribeInstances"), "{asked:?}");
        bench.emulator.unauthorized("DescribeInstances", false);
        assert_eq!(Grid::named(&bench.settled(&request)).len(), 2);
        bench.judge();
    });
}

#[test]
fn row_70_a_role_for_spot_that_may_not_be_made_stops_spot_and_nothing_else() {
    on_both_stores(|bench| {
        bench.offer(&[template("Spot", &json!({"priceType": "spot"})), template("Small", &json!({}))]);
        let denied = Fault::code("AuthFailure.ServiceLinkedRoleCreationNotPermitted");
        bench.emulator.fault(denied.on("RunInstances").parameter("InstanceMarketOptions.MarketType", "spot").always());
        for calls in [1, 1] {
            let answered = bench.ask("requestMachines", &order_from("Spot", 2));
            assert!(answered.code == 1 && answered.message().contains("ServiceLinkedRole"), "{answered:?}");
            assert_eq!(bench.count_of("RunInstances"), calls);
        }
        bench.running(2);
        bench.judge();
    });
}

#[test]
fn row_71_hosts_that_may_not_be_ended_are_not_told_as_ended() {
    on_both_stores(|bench| {
        let (_, hosts) = bench.running(3);
        bench.emulator.unauthorized("TerminateInstances", true);
        let back = bench.give_back(&json!(hosts));
        for _ in 0..3 {
            let status = bench.status(&back);
            assert_eq!(status["status"], "running", "{status}");
            assert!(status.to_string().contains("UnauthorizedOperation"), "{status}");
            let told = status["machines"].as_array().unwrap();
            assert!(told.iter().all(|host| host["result"] != "succeed"), "{status}");
            bench.pass(Duration::from_secs(40));
        }
        assert_eq!(bench.emulator.truth().live().len(), 3);
        bench.emulator.unauthorized("TerminateInstances", false);
        let status = bench.settled(&back);
        assert_eq!(status["status"], "complete", "{status}");
        assert_eq!(bench.emulator.truth().live().len(), 0);
        bench.judge();
    });
}

#[test]
fn row_95_an_image_or_a_launch_template_that_is_gone_is_final_and_named() {
    on_both_stores(|bench| {
        bench.offer(&[
            template("Small", &json!({"imageId": IMAGES[1]})),
            template("Launched", &json!({"launchTemplateId": LAUNCH_TEMPLATE})),
        ]);
        bench.emulator.image_gone(IMAGES[1]);
        bench.emulator.edit(Edit::DropTemplate { id: LAUNCH_TEMPLATE.to_owned() }).unwrap();
        for (id, name) in [("Small", IMAGES[1]), ("Launched", LAUNCH_TEMPLATE)] {
            let answered = bench.ask("requestMachines", &order_from(id, 2));
            assert!(answered.code == 1 && answered.message().contains(name), "{answered:?}");
        }
        assert_eq!(bench.count_of("RunInstances"), 1);
        assert!(bench.emulator.truth().is_empty());
        bench.judge();
    });
}

#[test]
fn row_95_an_alias_that_moves_leaves_open_requests_with_the_image_they_began_with() {
    on_both_stores(|bench| {
        let name = PARAMETERS[0];
        bench.offer(&[template("Alias", &json!({"imageId": format!("resolve:ssm:{name}")}))]);
        let set = |value: &str| Edit::Parameter { name: name.to_owned(), value: value.to_owned() };
        bench.emulator.edit(set(IMAGES[0])).unwrap();
        bench.emulator.fault(Fault::throttle().on("RunInstances").always());
        let request = bench.request_from("Alias", 150);
        bench.emulator.clear_faults();
        bench.emulator.edit(set(IMAGES[1])).unwrap();
        assert_eq!(Grid::named(&bench.settled(&request)).len(), 150);
        let images: Vec<_> = bench.emulator.calls_of("RunInstances").iter().map(image_of).collect();
        assert!(images.iter().all(|image| image == IMAGES[0]), "{images:?}");
        bench.running_from("Alias", 1);
        assert_eq!(bench.emulator.calls_of("RunInstances").last().map(image_of).unwrap(), IMAGES[1]);
        bench.judge();
    });
}

fn image_of(call: &hostfactory_emulator::CallRecord) -> String {
    call.parameters.get("ImageId").unwrap_or_default().to_owned()
}
