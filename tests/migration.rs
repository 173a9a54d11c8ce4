//! Other plug-ins' installations, and everything as one document, through the binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Answered, Sandbox};

fn copied(from: &Path, to: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copied(&path, &target, files);
        } else {
            std::fs::copy(&path, &target).unwrap();
            files.insert(target, std::fs::read(&path).unwrap());
        }
    }
}

/// Copies a fixture into the sandbox; returns its folder and what is in it.
fn installation(sandbox: &Sandbox, name: &str) -> (PathBuf, BTreeMap<PathBuf, Vec<u8>>) {
    let (target, mut files) = (sandbox.path("theirs").join(name), BTreeMap::new());
    copied(&crate::root().join("tests/fixtures/orb").join(name), &target, &mut files);
    (target, files)
}

fn import(sandbox: &Sandbox, folder: &Path, more: &[&str]) -> Answered {
    let mut program = sandbox.program();
    program.arg("import").arg("--config").arg(folder.join("conf")).arg("--work").arg(folder.join("work")).args(more);
    Answered::of(&program.output().unwrap())
}

fn status(sandbox: &Sandbox, id: &str) -> Value {
    let answer = sandbox.call("getRequestStatus", json!({"requests": [{"requestId": id}]}).to_string());
    assert_eq!(answer.code, 0, "{answer:?}");
    answer.document["requests"][0].clone()
}

fn is_untouched(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    let mut now = BTreeMap::new();
    let elsewhere = tempfile::tempdir().unwrap();
    copied(folder, elsewhere.path(), &mut now);
    assert_eq!(now.len(), files.len());
    for (path, content) in files {
        assert!(std::fs::read(path).unwrap() == *content, "{}", path.display());
    }
}

#[test]
fn each_flavour_is_told_by_its_signs_and_its_ids_go_on_answering() {
    for (name, flavour, counts, asked, hosts) in [
        ("orb", "orb", (3, 2), "req-00000000-0000-4000-8000-00000000aaaa", 2),
        ("ohfp", "ohfp", (1, 1), "req-00000000-0000-4000-8000-00000000dddd", 0),
        ("split", "orb", (1, 1), "acq-7", 1),
        ("ibm", "ibm", (2, 2), "r-0123456789abcdef0", 2),
    ] {
        let sandbox = Sandbox::simulated();
        let (folder, files) = installation(&sandbox, name);
        let dry = import(&sandbox, &folder, &["--dry-run"]);
        assert_eq!(dry.code, 0, "{name}: {dry:?}");
        assert!(!sandbox.path("work/data/request_database.json").exists(), "{name}");
        let done = import(&sandbox, &folder, &[]);
        let (mut first, mut second) = (dry.document.clone(), done.document.clone());
        assert_eq!((first["dryRun"].take(), second["dryRun"].take()), (json!(true), json!(false)));
        assert_eq!(first, second, "{name}");
        assert_eq!(done.document["from"], flavour, "{name}");
        let added = (&done.document["requests"]["added"], &done.document["machines"]["added"]);
        assert_eq!(added, (&json!(counts.0), &json!(counts.1)), "{name}: {}", done.document);
        assert!(done.stderr.contains("added"), "{name}: {}", done.stderr);
        let entry = status(&sandbox, asked);
        assert_eq!((&entry["status"], &entry["requestId"]), (&json!("complete"), &json!(asked)), "{name}: {entry}");
        // A host without a name is listed once it has been looked at.
        assert_eq!(entry["machines"].as_array().unwrap().len(), hosts, "{name}: {entry}");
        let again = import(&sandbox, &folder, &[]);
        assert_eq!(
            (&again.document["requests"]["added"], &again.document["machines"]["added"]),
            (&json!(0), &json!(0))
        );
        assert_eq!(again.document["machines"]["knownAlready"], json!(counts.1), "{name}");
        is_untouched(&folder, &files);
    }
}

#[test]
fn the_report_tells_each_field_and_no_secret() {
    let sandbox = Sandbox::simulated();
    let (folder, _) = installation(&sandbox, "orb");
    let report = import(&sandbox, &folder, &["--from", "orb", "--dry-run"]).document;
    let machines = &report["sections"]["machines"];
    assert_eq!(machines["taken"]["machine_id"], json!({"count": 3, "note": "id"}));
    assert_eq!(machines["left"]["future_field"]["note"], "not known here");
    assert_eq!(report["sections"]["requests"]["changed"]["status"]["count"], 3);
    let configuration = &report["sections"]["configuration"];
    assert_eq!(configuration["taken"]["provider.providers[].config.region"]["note"], "provider.aws.region");
    assert!(configuration["left"]["provider.providers[].config.secret_access_key"]["note"].is_string());
    assert_eq!(report["sections"]["templates"]["records"], 1, "{report}");
    assert_eq!(report["sections"]["templates"]["left"]["odd_field"]["count"], 1);
    assert_eq!(report["machines"]["left"][0]["what"], "vm-odd");
    assert!(report["next"].to_string().contains("copy the file: cp "), "{report}");
    assert!(!report.to_string().contains("hunter2"));
}

#[test]
fn what_a_fleet_keeps_and_what_its_hosts_weigh_come_along() {
    let sandbox = Sandbox::simulated();
    let (folder, _) = installation(&sandbox, "orb");
    import(&sandbox, &folder, &[]);
    let export = Answered::of(&sandbox.program().args(["storage", "export"]).output().unwrap()).document;
    let host = &export["machines"]["i-0aaaaaaaaaaaaaaa1"];
    assert_eq!(host["resource"], "fleet-0f1e2d3c", "{host}");
    assert_eq!((&host["weight"], &host["takenOver"]), (&json!(2), &json!(true)), "{host}");
    assert_eq!(
        (&host["priceType"], &host["tags"], &host["zone"]),
        (&json!("spot"), &json!("team=risk"), &json!("eu-west-1a"))
    );
    assert_eq!(host["launchedAt"], 1_785_572_460_000_i64);
    let other = &export["machines"]["i-0aaaaaaaaaaaaaaa2"];
    assert_eq!(other["name"], "ip-10-0-0-2.eu-west-1.compute.internal");
    assert_eq!(
        (&other["returnId"], &other["status"]),
        (&json!("ret-00000000-0000-4000-8000-00000000cccc"), &json!("shutting-down"))
    );
    let request = &export["requests"]["req-00000000-0000-4000-8000-00000000aaaa"]["body"];
    assert_eq!((&request["wanted"], &request["api"]), (&json!(2), &host["api"]), "{request}");
}

#[test]
fn a_database_in_the_place_of_our_own_store_is_left_with_the_way_out() {
    let sandbox = Sandbox::simulated();
    let (folder, _) = installation(&sandbox, "orb");
    let mut files = BTreeMap::new();
    copied(&folder.join("work"), &sandbox.path("work"), &mut files);
    let mut program = sandbox.program();
    program.arg("import").arg("--config").arg(folder.join("conf")).arg("--work").arg(sandbox.path("work"));
    let refused = Answered::of(&program.output().unwrap());
    assert_eq!(refused.code, 1);
    assert!(refused.message().contains("mv "), "{refused:?}");
    copied(&sandbox.path("work/data"), &sandbox.path("work/data-before"), &mut files);
    std::fs::remove_dir_all(sandbox.path("work/data")).unwrap();
    let mut program = sandbox.program();
    program.arg("import").arg("--config").arg(folder.join("conf")).arg("--work").arg(sandbox.path("work/data-before"));
    let done = Answered::of(&program.output().unwrap());
    assert_eq!((done.code, &done.document["machines"]["added"]), (0, &json!(2)), "{done:?}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let sandbox = Sandbox::simulated();
    let (folder, _) = installation(&sandbox, "orb");
    let empty = sandbox.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let unclear = Answered::of(&sandbox.program().arg("import").arg("--work").arg(&empty).output().unwrap());
    assert!(unclear.message().contains("say ibm, orb or ohfp"), "{unclear:?}");
    let lost = Answered::of(
        &sandbox.program().args(["import", "--from", "orb", "--work", "/nowhere/at/all"]).output().unwrap(),
    );
    assert!(lost.message().contains("--work") && lost.message().contains("is not a folder"), "{lost:?}");
    sandbox.write("theirs/orb/work/data/request_database.json", "{\"requests\": {\"a\": ");
    let cut = import(&sandbox, &folder, &[]);
    assert!(
        cut.code == 1 && cut.message().contains("request_database.json") && cut.message().contains("not JSON"),
        "{cut:?}"
    );
    sandbox.write("theirs/orb/conf/config.json", r#"{"storage": {"strategy": "dynamodb"}}"#);
    let elsewhere = import(&sandbox, &folder, &["--from", "orb"]);
    assert!(elsewhere.message().contains("dynamodb"), "{elsewhere:?}");
}

#[cfg(feature = "sqlite")]
#[test]
fn everything_goes_into_one_document_and_into_either_store() {
    let sandbox = Sandbox::simulated();
    let (folder, _) = installation(&sandbox, "orb");
    import(&sandbox, &folder, &[]);
    let accepted = sandbox
        .call("requestMachines", json!({"template": {"templateId": "Simulated-1", "machineCount": 2}}).to_string());
    let own = accepted.document["requestId"].as_str().unwrap().to_owned();
    let before = status(&sandbox, &own);
    let file = sandbox.path("all.json");
    let saved = Answered::of(&sandbox.program().args(["storage", "export", "--file"]).arg(&file).output().unwrap());
    assert_eq!((saved.code, &saved.document["machines"]), (0, &json!(4)), "{saved:?}");
    let twice = Answered::of(&sandbox.program().args(["storage", "export", "--file"]).arg(&file).output().unwrap());
    assert!(twice.code == 1 && twice.message().contains("is there already"), "{twice:?}");
    let other = |args: &[&str]| {
        let mut program = sandbox.program();
        program.env("HF_PROVIDER_WORKDIR", sandbox.path("other")).args(["--set", "storage.strategy=sqlite"]).args(args);
        Answered::of(&program.output().unwrap())
    };
    let name = file.to_str().unwrap();
    let read = other(&["storage", "import", name]);
    assert_eq!((read.code, &read.document["done"]), (0, &json!(true)), "{read:?}");
    let asked = json!({"requests": [{"requestId": own}]}).to_string();
    assert_eq!(other(&["getRequestStatus", "--data", &asked]).document["requests"][0], before);
    let id = |folder: &str| std::fs::read(sandbox.path(folder).join("data/installation_id")).unwrap();
    assert_eq!(id("work"), id("other"));
    // The same once more is nothing to do; something else is refused, and set aside when the operator says so.
    let digest = |answer: &Answered| answer.document["contents"]["digest"].clone();
    let same = other(&["storage", "import", name]);
    assert_eq!((same.code, &same.document["done"]), (0, &json!(false)), "{same:?}");
    other(&["requestMachines", "--data", r#"{"template": {"templateId": "Simulated-1", "machineCount": 1}}"#]);
    let refused = other(&["storage", "import", name]);
    assert!(refused.code == 1 && refused.message().contains("--replace"), "{refused:?}");
    let replaced = other(&["storage", "import", name, "--replace"]);
    assert_eq!((replaced.code, digest(&replaced)), (0, digest(&read)), "{replaced:?}");
    let changed = std::fs::read_to_string(&file)
        .unwrap()
        .replacen("\"machines\":{", "\"machines\":{ ", 1)
        .replace("team=risk", "team=task");
    let changed = sandbox.write("changed.json", changed);
    let refused = other(&["storage", "import", changed.to_str().unwrap(), "--replace"]);
    assert!(refused.code == 1 && refused.message().contains("digest"), "{refused:?}");
}
