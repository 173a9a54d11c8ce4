//! Templates created, changed and deleted with the built program, over both stores.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::{Answered, Sandbox, stores};

const FILE: &str = "conf/testinstprov_templates.json";

fn ran(sandbox: &Sandbox, line: &str, input: &str) -> Output {
    let mut program = sandbox.program();
    let mut child = program
        .args(line.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.as_mut().unwrap();
    // A program that does not read closes its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    std::io::Read::read_to_end(child.stdout.as_mut().unwrap(), &mut stdout).unwrap();
    std::io::Read::read_to_end(child.stderr.as_mut().unwrap(), &mut stderr).unwrap();
    Output { status: child.wait().unwrap(), stdout, stderr }
}

fn told(sandbox: &Sandbox, line: &str, input: &str) -> Answered {
    Answered::of(&ran(sandbox, line, input))
}

fn template(id: &str) -> Value {
    json!({"templateId": id, "maxNumber": 3, "attributes":
        {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1024"]}})
}

fn text(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.path(FILE)).unwrap()
}

#[test]
fn a_template_is_created_changed_and_deleted_and_its_hosts_go_on() {
    for strategy in stores() {
        let sandbox = Sandbox::simulated();
        let before = text(&sandbox);
        let config = json!({"provider": {"type": "simulated", "simulated": {"bootSeconds": 0, "shutdownSeconds": 0}},
            "storage": {"strategy": strategy}});
        sandbox.write("conf/config.json", config.to_string());
        let created = told(&sandbox, "templates create -", &template("New").to_string());
        assert_eq!((created.code, &created.document["changed"]), (0, &json!(true)), "{created:?}");
        let order = told(&sandbox, "machines request New -n 2 --wait --interval 1s", "");
        let id = order.document["requests"][0]["requestId"].as_str().unwrap().to_owned();
        let digest = |line: &str| told(&sandbox, line, "").document;
        let seen = digest("templates update New --set maxNumber=2 --dry-run");
        assert_eq!((&seen["dryRun"], &seen["changed"]), (&json!(true), &json!(false)), "{seen}");
        assert!(seen["difference"].to_string().contains("\"maxNumber\\\": 2"), "{seen}");
        let updated = told(&sandbox, "templates update New --set maxNumber=2", "").document;
        assert_eq!(updated["templates"][0]["before"], created.document["templates"][0]["after"], "{updated}");
        let over = told(&sandbox, "machines request New", "");
        assert!(over.code == 1 && over.message().contains("maxNumber"), "what is changed counts at once: {over:?}");

        let unsure = told(&sandbox, "templates delete New", "");
        assert!(unsure.code == 2 && unsure.message().contains("2 hosts of it go on"), "{unsure:?}");
        let deleted = told(&sandbox, "templates delete New --yes", "");
        assert_eq!((deleted.code, deleted.document["hosts"].as_array().unwrap().len()), (0, 2), "{deleted:?}");
        assert_eq!(text(&sandbox), before, "byte for byte as it was");
        assert_eq!(told(&sandbox, "machines request New", "").code, 1);
        let stands = told(&sandbox, &format!("requests status {id}"), "").document;
        assert_eq!(stands["requests"][0]["status"], "complete");
        let back = told(&sandbox, &format!("machines return --all-of {id} --yes --wait --interval 1s"), "");
        assert_eq!(back.code, 0, "{back:?}");

        let names = "--name TemplateCreated --name TemplateUpdated --name TemplateDeleted";
        let events = told(&sandbox, &format!("events list {names} --limit 0"), "").document;
        let of_new = events["events"].as_array().unwrap().iter().filter(|event| event["templateId"] == "New");
        let of_new: Vec<&str> = of_new.map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(of_new, ["TemplateCreated", "TemplateCreated", "TemplateUpdated", "TemplateDeleted"]);
        let left = told(&sandbox, "storage info", "").document;
        assert_eq!(left["contents"]["undeliveredEvents"], 0, "they have left the outbox: {left}");
    }
}

#[test]
fn what_is_refused_writes_nothing_and_says_what_to_write_instead() {
    let sandbox = Sandbox::simulated();
    let before = text(&sandbox);
    let two = json!([template("A"), {"templateId": "B", "maxNumber": "many"}]).to_string();
    for (line, input, code, wanted) in [
        ("templates create -", two.as_str(), 1, "template B is not written: maxNumber"),
        ("templates create -", "{", 1, "line 1"),
        ("templates create -", "", 1, "line 1"),
        ("templates create nowhere.json", "", 1, "nowhere.json cannot be read"),
        ("templates create new.json --vcpus 2", "", 2, "cannot be used with"),
        ("templates update Simulated-1", "", 2, "--set FIELD=VALUE"),
        ("templates update Simulated-1 --set maxNumbr=1", "", 1, "did you mean maxNumber?"),
        ("templates update Simulated-1 --set maxNumber", "", 2, "KEY=VALUE"),
        ("templates update Simulated-1 --unset maxNumber", "", 1, "maxNumber: is missing"),
        ("templates update Simulated-2 --set maxNumber=1", "", 1, "did you mean Simulated-1?"),
        ("templates update Simulated-1 --merge - --unset nme", "{}", 1, "did you mean name?"),
        ("templates update Simulated-1 --set storage.stratgy=json --set maxNumber=1", "", 1, "storage.strategy?"),
        ("templates delete Simulated-1 --yes", "", 1, "it is the last one"),
        ("templates delete Simulated-2 --yes", "", 1, "did you mean Simulated-1?"),
    ] {
        let refused = told(&sandbox, line, input);
        assert!(refused.code == code && refused.message().contains(wanted), "{line}: {refused:?}");
        assert_eq!(text(&sandbox), before, "{line}");
    }
    assert!(!sandbox.path(&format!("{FILE}.former")).exists());
}

#[test]
fn needs_become_a_template_of_the_provider_in_force_and_a_new_file_where_there_is_none() {
    let sandbox = Sandbox::simulated();
    let created = told(&sandbox, "templates create --vcpus 4 --memory 16GiB --spot --count 7", "");
    assert_eq!(created.code, 0, "{created:?}");
    let shown = told(&sandbox, "templates show Spot-4c-16g-x86-64", "").document;
    assert_eq!((&shown["maxNumber"], &shown["attributes"][1][1][1]), (&json!(7), &json!("4")), "{shown}");
    std::fs::remove_file(sandbox.path(FILE)).unwrap();
    assert_eq!(told(&sandbox, "templates create -", &template("First").to_string()).code, 0);
    assert_eq!(told(&sandbox, "templates list -o json", "").document["templates"][0]["templateId"], "First");
}

#[test]
fn many_editors_at_once_lose_nothing() {
    let sandbox = Sandbox::simulated();
    let children: Vec<_> = (0..8)
        .map(|number| {
            let file = sandbox.write(&format!("new{number}.json"), template(&format!("T{number}")).to_string());
            let mut program = sandbox.program();
            program.args(["templates", "create"]).arg(file).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let listed = told(&sandbox, "templates list", "").document;
    assert_eq!(listed["templates"].as_array().unwrap().len(), 9, "{listed}");
}

#[test]
fn an_id_that_is_nearly_right_brings_the_one_that_was_meant() {
    let sandbox = Sandbox::simulated();
    let order = told(&sandbox, "machines request Simulated-1 --wait --interval 1s", "");
    let request = order.document["requests"][0]["requestId"].as_str().unwrap();
    let host = order.document["requests"][0]["machines"][0]["machineId"].as_str().unwrap();
    let mistyped = |id: &str| {
        let last = if id.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &id[..id.len() - 1])
    };
    for line in ["requests show", "requests watch"] {
        let refused = told(&sandbox, &format!("{line} {}", mistyped(request)), "");
        assert!(refused.code == 1 && refused.message().contains(&format!("did you mean {request}?")), "{refused:?}");
    }
    let refused = told(&sandbox, &format!("requests cancel {} --yes", mistyped(request)), "");
    assert!(refused.code == 1 && refused.message().contains(&format!("did you mean {request}?")), "{refused:?}");
    let refused = told(&sandbox, &format!("machines show {}", mistyped(host)), "");
    assert!(refused.code == 1 && refused.message().contains(&format!("did you mean {host}?")), "{refused:?}");
}
