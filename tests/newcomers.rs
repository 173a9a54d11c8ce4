//! The first day with the built program: from an empty folder to a running host, templates from needs, and a doctor.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Answered, Sandbox};

/// Runs a line in an empty folder, with nothing in the environment.
fn bare(sandbox: &Sandbox, line: &str) -> Output {
    let mut program = sandbox.program();
    program.env_clear().args(line.split_whitespace()).output().unwrap()
}

#[test]
fn an_empty_folder_has_a_running_host_after_two_commands() {
    let sandbox = Sandbox::new();
    let made = Answered::of(&bare(&sandbox, "init new --provider simulated --id Small"));
    assert_eq!(made.code, 0, "{made:?}");
    let places = "--config-dir new/conf --work-dir new/work --set provider.simulated.bootSeconds=0";
    let ordered = Answered::of(&bare(&sandbox, &format!("machines request Small --wait --interval 1s {places}")));
    assert_eq!((ordered.code, &ordered.document["requests"][0]["status"]), (0, &json!("complete")), "{ordered:?}");
    let again = Answered::of(&bare(&sandbox, "init new --provider simulated"));
    assert!(again.code == 1 && again.message().contains("is not replaced"), "{again:?}");
    let nowhere = Answered::of(&bare(&sandbox, "init --provider simulated"));
    assert!(nowhere.code == 1 && nowhere.message().contains("--config-dir"), "{nowhere:?}");
}

#[test]
fn what_init_writes_names_the_schema_that_checks_it() {
    let sandbox = Sandbox::new();
    let made = Answered::of(&bare(&sandbox, "init new --provider simulated --id Small"));
    let read = |path: &Path| -> Value { serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() };
    let files = made.document["files"].as_array().unwrap();
    for (file, noun) in files.iter().zip(["config", "templates"]) {
        let path = sandbox.path(file.as_str().unwrap());
        let document = read(&path);
        let schema = read(&path.parent().unwrap().join(document["$schema"].as_str().unwrap()));
        let printed = Answered::of(&bare(&sandbox, &format!("{noun} schema")));
        assert_eq!((printed.code, &printed.document), (0, &schema));
        let schema = jsonschema::draft7::new(&schema).unwrap();
        assert!(schema.is_valid(&document) && !schema.is_valid(&json!({"storge": {}, "templates": []})), "{file}");
    }
    let places = "--config-dir new/conf --work-dir new/work";
    let read = Answered::of(&bare(&sandbox, &format!("config validate {places}")));
    assert_eq!((read.code, &read.document["warnings"]), (0, &json!([])), "{read:?}");
    let listed = Answered::of(&bare(&sandbox, &format!("templates validate {places}")));
    assert_eq!((listed.code, listed.document["valid"].as_bool()), (0, Some(true)), "{listed:?}");
}

#[test]
fn templates_that_are_generated_are_accepted_as_they_are() {
    let sandbox = Sandbox::simulated();
    let line = "templates generate --vcpus 8 --memory 32GiB --arch arm64 --spot --pools 10 --subnet subnet-0123456789abcdef0 \
                --security-group sg-0123456789abcdef0 --count 50 --file new.json";
    let run = |line: &str| Answered::of(&sandbox.program().args(line.split_whitespace()).output().unwrap());
    let generated = run(line);
    assert_eq!(generated.code, 0, "{generated:?}");
    let template = &generated.document["templates"][0];
    assert_eq!(template["vmTypes"].as_object().unwrap().len(), 10, "{template}");
    assert_eq!(
        (&template["maxNumber"], &template["attributes"]["nram"][1]),
        (&json!(50), &json!("32768")),
        "{template}"
    );
    for kind in ["simulated", "aws"] {
        let judged =
            run(&format!("templates validate new.json --set provider.type={kind} --set provider.aws.region=eu-west-1"));
        // A program without AWS says so.
        assert!(judged.document["valid"] == true || judged.message().contains("built without AWS"), "{judged:?}");
    }
    assert_eq!(run(line).code, 1, "a file is not replaced");
}

#[test]
fn a_doctor_finds_what_is_in_order_and_what_is_not() {
    let sandbox = Sandbox::simulated();
    let examined = |line: &str| {
        let answer = Answered::of(&sandbox.program().args(line.split_whitespace()).output().unwrap());
        let checks = answer.document["checks"].as_array().unwrap().clone();
        (answer.code, checks)
    };
    let outcome = |checks: &[Value], name: &str| {
        let found = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name} in {checks:?}"));
        found["outcome"].as_str().unwrap().to_owned()
    };
    let (code, checks) = examined("doctor");
    assert_eq!(code, 0, "{checks:?}");
    for (name, wanted) in [
        ("configuration", "ok"),
        ("work folder", "ok"),
        ("templates", "ok"),
        ("store", "ok"),
        ("registration", "skipped"),
        ("credentials", "skipped"),
        ("rights to launch", "skipped"),
    ] {
        assert_eq!(outcome(&checks, name), wanted, "{name} in {checks:?}");
    }
    sandbox.write("conf/testinstprov_templates.json", "{}");
    let (code, checks) = examined("doctor --offline");
    assert_eq!((code, outcome(&checks, "templates").as_str()), (1, "failed"), "{checks:?}");
    sandbox.write("conf/config.json", r#"{"storage": {"strategy": "paper"}}"#);
    let (code, checks) = examined("doctor");
    assert_eq!((code, outcome(&checks, "configuration").as_str()), (1, "failed"), "{checks:?}");
    assert!(checks.iter().all(|check| check["outcome"] != "failed" || check["mend"].is_string()), "{checks:?}");
}
