//! The support bundle: what is in it, and above all what is not.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{configured, order};
use crate::support::{Answered, Sandbox};

/// The files of a bundle with their texts.
fn unpacked(path: &Path) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let name = entry.path().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        files.insert(name, text);
    }
    files
}

/// Asks for a bundle, with secrets in the environment.
fn asked(sandbox: &Sandbox, name: &str) -> Answered {
    let mut program = sandbox.program();
    program
        .env("AWS_ACCESS_KEY_ID", "AKIACANARYCANARY0001")
        .env("AWS_SECRET_ACCESS_KEY", "canary+secret/key=")
        .env("AWS_SESSION_TOKEN", "canary-session-token")
        .env("HOSTFACTORY_EVENTS_WEBHOOK_HEADER", "Authorization: Bearer canary-header")
        .env("https_proxy", "http://someone:canary-proxy@proxy.example:3128")
        .env("HF_LOGLEVEL", "LOG_DEBUG");
    Answered::of(&program.args(["doctor", "--offline", "--bundle"]).arg(sandbox.path(name)).output().unwrap())
}

fn secretive() -> Sandbox {
    let config = json!({
        "provider": {"type": "simulated", "simulated": {"bootSeconds": 0, "shutdownSeconds": 0}, "aws": {
            "proxyUrl": "http://user:canary-password@proxy.example:3128", "credentialFile": "keys.ini",
        }},
        "events": {"webhook": {"url": "http://127.0.0.1:1/services/canary-token?sig=canary-signature"}},
    });
    let sandbox = configured("json", &config);
    sandbox.write(
        "conf/keys.ini",
        "[default]\naws_access_key_id = AKIACANARYCANARY0002\naws_secret_access_key = canary/ini\n",
    );
    let templates = json!({"templates": [
        {"templateId": "Simulated-1", "maxNumber": 10, "userData": "password=canary-user-data",
         "attributes": {"type": ["String", "X86_64"], "ncores": ["Numeric", "1"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1024"]}},
        {"templateId": "Broken", "maxNumber": "many", "password": "canary-in-a-template"},
    ]});
    sandbox.write("conf/testinstprov_templates.json", templates.to_string());
    sandbox
}

#[test]
fn a_bundle_has_everything_and_no_secret() {
    let sandbox = secretive();
    order(&sandbox, 1);
    // Somebody had a secret logged.
    let log = sandbox.path("log/testinst-hostfactory.log");
    let mut text = std::fs::read_to_string(&log).unwrap();
    text.push_str("{\"message\":\"sent canary+secret/key= to http://x:canary@y/\"}\n");
    sandbox.write("log/testinst-hostfactory.log", text);
    let answer = asked(&sandbox, "b.tar.gz");
    assert_eq!(answer.code, 0, "{answer:?}");
    assert_eq!(answer.document["missing"], json!([]), "{answer:?}");
    let path = sandbox.path("b.tar.gz");
    let files = unpacked(&path);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "README.txt",
            "configuration.json",
            "doctor.json",
            "environment.json",
            "events.jsonl",
            "folders.json",
            "log.jsonl",
            "metrics.prom",
            "notes.json",
            "receivers.json",
            "store.json",
            "system.json",
            "templates.json",
            "version.json",
        ]
    );
    for (name, text) in &files {
        let found = text.to_ascii_lowercase().find("canary");
        assert!(found.is_none(), "{name}: …{}", &text[found.unwrap_or(0).saturating_sub(80)..]);
        if Path::new(name).extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    assert!(files["events.jsonl"].contains("RequestCreated") && files["log.jsonl"].contains("sent *** to"));
    assert!(files["metrics.prom"].contains("hostfactory_requests_total"));
    let environment: Value = serde_json::from_str(&files["environment.json"]).unwrap();
    assert_eq!(
        (&environment["AWS_SECRET_ACCESS_KEY"], &environment["HF_LOGLEVEL"]),
        (&json!("*** (set)"), &json!("LOG_DEBUG"))
    );
    let configuration: Value = serde_json::from_str(&files["configuration.json"]).unwrap();
    assert_eq!(configuration["events"]["webhook"]["url"]["value"], "http://127.0.0.1:1/***");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!answer.document.to_string().to_ascii_lowercase().contains("canary"));
    let before = std::fs::read(&path).unwrap();
    let again = asked(&sandbox, "b.tar.gz");
    assert!(again.code == 1 && again.message().contains("is there already"), "{again:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before, "no file is replaced");
}

#[test]
fn without_a_configuration_that_can_be_used_the_bundle_has_the_rest_and_says_what_is_missing() {
    let sandbox = secretive();
    order(&sandbox, 1);
    let text = std::fs::read_to_string(sandbox.path("conf/config.json")).unwrap();
    sandbox.write("conf/config.json", text.replacen("\"events\":", "\"events\": oops,", 1));
    let answer = asked(&sandbox, "b.tar.gz");
    assert_eq!(answer.code, 0, "{answer:?}");
    let missing: Vec<&str> =
        answer.document["missing"].as_array().unwrap().iter().map(|entry| entry["file"].as_str().unwrap()).collect();
    assert!(missing.contains(&"configuration.json") && missing.contains(&"store.json"), "{missing:?}");
    let files = unpacked(&sandbox.path("b.tar.gz"));
    assert!(files["README.txt"].contains("store.json: missing:"), "{}", files["README.txt"]);
    assert!(files["doctor.json"].contains("config.json") && files.contains_key("configuration-error.txt"));
    assert!(files["log.jsonl"].contains("RequestCreated") && files.contains_key("system.json"));
    for (name, text) in &files {
        assert!(!text.to_ascii_lowercase().contains("canary"), "{name}: {text}");
    }
}

#[test]
fn of_a_damaged_store_the_bundle_tells_how_it_is() {
    let sandbox = secretive();
    order(&sandbox, 1);
    sandbox.write("work/data/request_database.json", "{\"requests\":");
    let answer = asked(&sandbox, "b.tar.gz");
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.document["failed"].as_u64().unwrap() > 0, "{answer:?}");
    let files = unpacked(&sandbox.path("b.tar.gz"));
    assert!(files["store.json"].contains("damaged"), "{}", files["store.json"]);
    assert!(files["README.txt"].contains("events.jsonl: missing:"), "{}", files["README.txt"]);
    assert!(files["metrics.prom"].contains("hostfactory_store_readable 0"));
    let nowhere = asked(&sandbox, "missing/b.tar.gz");
    assert!(nowhere.code == 1 && nowhere.message().contains("missing/b.tar.gz"), "{nowhere:?}");
}
