//! Our readers and writers against the schemas and examples of the wire contract (`tests/fixtures/`).

use std::path::PathBuf;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use hostfactory::application::ApplicationError;
use hostfactory::application::ProviderError;
use hostfactory::application::commands::ReturnAccepted;
use hostfactory::application::ports::Listing;
use hostfactory::application::queries::{HostResult, HostView, LostHost, RequestView};
use hostfactory::domain::machine::MachineStatus;
use hostfactory::domain::request::RequestStatus;
use hostfactory::domain::template::{
    Attribute, AttributeType, Attributes, LaunchSettings, MaxNumber, Placement, PriceType, ProviderApi, Template,
    TemplateParts, WeightedType,
};
use hostfactory::domain::{FailureClass, Timestamp};
use hostfactory::interface::hostfactory::{self as wire, Answer, Empty, Failure, Members, RequestEntry, Source};

use super::root;

const REQUEST: &str = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101";

fn fixtures(folder: &str) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(root().join("tests/fixtures").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn json_of(path: &PathBuf) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The schema of `document`, such as `getRequestStatus.output`.
fn schema(document: &str) -> Validator {
    let path = root().join("tests/fixtures/schemas").join(format!("{document}.schema.json"));
    jsonschema::validator_for(&json_of(&path)).unwrap()
}

/// The schema that an example belongs to: the first two words of its name.
fn schema_of(name: &str) -> Validator {
    schema(&name.split('.').take(2).collect::<Vec<_>>().join("."))
}

fn complaints(schema: &Validator, document: &Value) -> Vec<String> {
    schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// What the reader of a call makes of `source`.
fn read(call: &str, source: &Source) -> Result<(), Failure> {
    let read = |empty| -> Result<Members, Failure> { Ok(wire::read(source, empty)?) };
    match call {
        "getAvailableTemplates" => drop(read(Empty::IsObject)?),
        "requestMachines" => drop(wire::request_machines(&read(Empty::IsRefused)?)?),
        "requestReturnMachines" => drop(wire::return_machines(&read(Empty::IsRefused)?)?),
        "getRequestStatus" => drop(wire::request_ids(&read(Empty::IsRefused)?)?),
        "getReturnRequests" => assert!(wire::held_hosts(&read(Empty::IsObject)?).problems.is_empty()),
        other => panic!("no call is named {other}"),
    }
    Ok(())
}

#[test]
fn every_example_is_as_its_schema_says() {
    for (name, path) in fixtures("examples") {
        assert_eq!(complaints(&schema_of(&name), &json_of(&path)), [""; 0], "{name}");
    }
    for (name, path) in fixtures("examples/invalid") {
        assert!(!schema_of(&name).is_valid(&json_of(&path)), "{name} should be refused");
    }
}

#[test]
fn our_readers_take_every_example_and_refuse_every_trap() {
    for (folder, good) in [("examples", true), ("examples/invalid", false)] {
        for (name, path) in fixtures(folder).into_iter().filter(|(name, _)| name.contains(".input.")) {
            let outcome = read(name.split('.').next().unwrap(), &Source::File(path));
            assert_eq!(outcome.is_ok(), good, "{name}: {outcome:?}");
        }
    }
}

fn assert_valid(document: &str, answer: &impl serde::Serialize) {
    let value = serde_json::to_value(answer).unwrap();
    assert_eq!(complaints(&schema(document), &value), [""; 0], "{value:#}");
}

#[test]
fn accepted_orders_are_as_their_schemas_say() {
    assert_valid("requestMachines.output", &wire::requested(&REQUEST.parse().unwrap()));
    for any_active in [true, false] {
        let id = REQUEST.replace("req-", "ret-").parse().unwrap();
        assert_valid("requestReturnMachines.output", &wire::returned(&ReturnAccepted { id, any_active }));
    }
}

/// Texts of the kind that clouds and operators come up with.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), any::<String>(), "[\\x00-\\x7f]{0,40}", Just("x\n".repeat(3000))]
}

fn template() -> impl Strategy<Value = Template> {
    let weighted = ("[a-z][0-9][a-z]?\\.[0-9]{0,2}xlarge", 1..100_u32);
    (
        "[0-9A-Za-z_-]{1,64}",
        -1..=10_000_i64,
        (1..1000_u32, 1..1_000_000_u32, "[A-Za-z0-9_]{1,20}"),
        prop::collection::btree_map(weighted.0, weighted.1, 0..4),
        prop::collection::btree_map("[a-z:]{1,20}", "[^;]{0,20}", 0..4),
        (prop::option::of("[a-z]{1,9}"), prop::option::of(any::<i64>())),
    )
        .prop_map(|(id, max, (ncpus, nram, kind), types, tags, (group, priority))| {
            let numeric = |number: u32| Attribute(AttributeType::Numeric, number.to_string());
            let attributes = [
                ("type", Attribute(AttributeType::String, kind)),
                ("nram", numeric(nram)),
                ("rank", numeric(0)),
                ("ncpus", numeric(ncpus)),
            ];
            let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Template::new(TemplateParts {
                id: id.parse().unwrap(),
                max_number: MaxNumber::try_from(max).unwrap(),
                attributes: Attributes::new(attributes).unwrap(),
                api: ProviderApi::Simulated,
                price_type: PriceType::OnDemand,
                launch: LaunchSettings {
                    instance_types: types.into_iter().map(|(name, weight)| WeightedType { name, weight }).collect(),
                    tags,
                    placement: Placement { group, ..Placement::default() },
                    ..LaunchSettings::default()
                },
                priority,
            })
            .unwrap()
        })
}

fn host(result: HostResult) -> impl Strategy<Value = HostView> {
    let status = match result {
        HostResult::Executing | HostResult::Fail => prop::sample::select(MachineStatus::ALL.to_vec()).boxed(),
        HostResult::Succeed => prop_oneof![Just(MachineStatus::Running), Just(MachineStatus::Terminated)].boxed(),
    };
    let address = || any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string());
    (
        ("i-[0-9a-f]{8,17}", "[a-z][a-z0-9.-]{0,30}", status),
        (prop::option::of(address()), prop::option::of(prop_oneof![address(), Just(String::new())]), address()),
        (1_000_000_000..9_999_999_999_i64, text()),
        (any::<bool>(), prop::option::of("[a-z0-9.]{0,9}"), text()),
    )
        .prop_map(
            move |((id, name, status), (private, public, fallback), (launched, message), (spot, kind, tags))| {
                let usable = result == HostResult::Succeed && status == MachineStatus::Running;
                HostView {
                    id: id.parse().unwrap(),
                    name,
                    result,
                    status,
                    private_ip: private.unwrap_or_else(|| if usable { fallback } else { String::new() }),
                    public_ip: public,
                    launched_at: Timestamp::from_seconds(launched),
                    message,
                    price_type: if spot { PriceType::Spot } else { PriceType::OnDemand },
                    instance_type: kind,
                    tags,
                }
            },
        )
}

fn view() -> impl Strategy<Value = RequestView> {
    let settled = prop_oneof![host(HostResult::Succeed), host(HostResult::Fail)];
    let open = prop_oneof![host(HostResult::Succeed), host(HostResult::Fail), host(HostResult::Executing)];
    let of = |status, hosts: BoxedStrategy<HostView>| {
        (text(), prop::collection::vec(hosts, 0..5)).prop_map(move |(message, hosts)| RequestView {
            id: REQUEST.parse().unwrap(),
            status,
            message,
            hosts,
        })
    };
    let settled = settled.boxed();
    prop_oneof![
        of(RequestStatus::Running, open.boxed()),
        of(RequestStatus::Complete, settled.clone()),
        of(RequestStatus::CompleteWithError, settled),
    ]
}

fn status(entries: Vec<RequestEntry>) -> Answer {
    wire::status(entries)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn templates_are_as_their_schema_says(templates in prop::collection::vec(template(), 1..4)) {
        assert_valid("getAvailableTemplates.output", &wire::templates(&Listing { templates, refused: Vec::new() }));
    }

    #[test]
    fn requests_are_as_their_schema_says(views in prop::collection::vec(view(), 1..4), note in text()) {
        assert_valid("getRequestStatus.output", &status(views.iter().map(RequestEntry::of).collect()));
        let doubted = |view: &RequestView| RequestEntry::unconfirmed(&view.id, Some(view), &note);
        assert_valid("getRequestStatus.output", &status(views.iter().map(doubted).collect()));
        let nothing = RequestEntry::unconfirmed(&views[0].id, None, &note);
        assert_valid("getRequestStatus.output", &status(vec![nothing, RequestEntry::unknown("r-1", "")]));
    }

    #[test]
    fn lost_hosts_are_as_their_schema_says(hosts in prop::collection::vec(("[a-z.]{1,9}", any::<u64>()), 0..4)) {
        let hosts = hosts.into_iter().map(|(name, grace_seconds)| LostHost { name, grace_seconds }).collect();
        assert_valid("getReturnRequests.output", &wire::to_return(hosts));
    }

    #[test]
    fn failures_are_as_their_schema_says(message in text(), code in prop::option::of(text())) {
        let mut error = ProviderError::new("RunInstances", FailureClass::Unknown, message.clone());
        error.code = code;
        for failure in [Failure::new(&message), Failure::from(ApplicationError::from(error))] {
            prop_assert!(failure.message().chars().count() <= 2000);
            prop_assert!(!failure.message().chars().any(char::is_control));
            assert_valid("error.output", &failure);
        }
    }

    #[test]
    fn no_text_upsets_a_reader(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        for source in [Source::Argument(text.clone()), Source::File(file.path().to_owned())] {
            let _ = read("requestMachines", &source);
        }
        let quoted = json!({"requests": [&text], "machines": [&text], "template": {"templateId": &text}}).to_string();
        for call in ["requestMachines", "requestReturnMachines", "getRequestStatus"] {
            let _ = read(call, &Source::Argument(quoted.clone()));
        }
    }
}

/// Returns what a schema (`requestMachines.output`, `error.output`) finds wrong with a document.
pub(crate) fn complaints_about(name: &str, document: &Value) -> Vec<String> {
    complaints(&schema(name), document)
}
