//! The schema of template files against the reader.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::field_tests::{BASE, reading};
use super::fields::{FIELDS, Fate, Field};
use super::schema::{table, template_schema};
use super::shapes::{Shape, about};
use super::{Dialect, file};
use crate::domain::template::ProviderKind;
use crate::infrastructure::config::schema_tests::{assert_current, assert_tables_current};
use crate::infrastructure::instance_types::KnownInstanceTypes;

fn schema() -> &'static Validator {
    static SCHEMA: LazyLock<Validator> = LazyLock::new(|| jsonschema::draft7::new(&template_schema()).unwrap());
    &SCHEMA
}

/// The template of [`BASE`] with these members in place of its own.
fn template(members: &[(&str, Value)]) -> Value {
    let mut template: Map<String, Value> =
        BASE.iter().map(|(name, value)| ((*name).to_owned(), serde_json::from_str(value).unwrap())).collect();
    template.extend(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    json!({ "templates": [template] })
}

fn complaints(document: &Value) -> Vec<String> {
    schema().iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Why the reader refuses the template of [`BASE`] with these members, if it does.
fn refusal(members: &[(&str, Value)]) -> Option<String> {
    let texts: Vec<(&str, String)> = members.iter().map(|(name, value)| (*name, value.to_string())).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    reading(ProviderKind::Aws, Dialect::Awsprov, &texts).refused.pop().map(|refused| refused.reason)
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_code() {
    assert_current("config/schemas/templates.schema.json", &format!("{:#}\n", template_schema()));
}

#[test]
fn the_table_of_the_document_is_that_of_the_code() {
    assert_tables_current("docs/templates.md", &[("fields", table())]);
}

/// What a field needs beside it to have its say.
fn beside(field: Field) -> Vec<(&'static str, Value)> {
    let fleet = ("providerApi", json!("EC2Fleet"));
    let spot = ("priceType", json!("spot"));
    match field {
        Field::PartitionNumber => vec![("placementGroupName", json!("pg"))],
        Field::HostId | Field::Affinity => vec![("tenancy", json!("host"))],
        Field::EfaCount => vec![("interfaceType", json!("efa"))],
        Field::LaunchTemplateVersion => vec![("launchTemplateId", json!("lt-1"))],
        Field::ProviderApi => vec![("fleetRole", json!("role"))],
        Field::FleetRole => vec![("providerApi", json!("SpotFleet"))],
        Field::CapacityBlock => vec![("capacityReservationId", json!("cr-1"))],
        Field::SpotFleetRequestExpiry | Field::RequestValidity => {
            vec![fleet, ("fleetType", json!("request")), spot]
        }
        Field::AllocationStrategy
        | Field::PoolsCount
        | Field::PercentOnDemand
        | Field::OnDemandTargetCapacityRatio
        | Field::VmTypesPriority => vec![fleet, spot],
        Field::AbisInstanceRequirements => vec![fleet, ("vmType", json!(""))],
        Field::VmTypes | Field::AllocationStrategyOnDemand | Field::Context => vec![fleet],
        Field::VmTypesOnDemand => vec![fleet, spot, ("percentOnDemand", json!(50))],
        Field::Iops => vec![("volumeType", json!("io2"))],
        Field::Throughput => vec![("volumeType", json!("gp3"))],
        Field::VolumeType => vec![("iops", json!(3000))],
        _ => Vec::new(),
    }
}

/// Values that a shape takes, and values that it does not.
fn values(shape: &Shape) -> (Vec<Value>, Vec<Value>) {
    let dressed = |word: &&str| json!(format!(" {} ", word.to_uppercase().replace('-', "_")));
    match shape {
        Shape::Any => (vec![json!({"a": [1]})], vec![]),
        Shape::Text(_) => (vec![json!("some.json"), json!(7)], vec![json!(["a"]), json!("two\nlines")]),
        Shape::Form(..) => (vec![], vec![json!(["a"]), json!("!?")]),
        Shape::List(..) => (vec![json!([""])], vec![json!("!?"), json!(["!?"]), json!({"a": 1}), json!(7)]),
        Shape::Whole(least, most) => (
            vec![json!(least), json!(most), json!(most.to_string()), json!(f64::from(i32::try_from(*least).unwrap()))],
            vec![json!(least - 1), json!(most + 1), json!("many"), json!(2.5), json!([1])],
        ),
        Shape::Ratio => {
            (vec![json!(0.29), json!("0.5"), json!(1), json!("1.0")], vec![json!(1.1), json!("half"), json!([1])])
        }
        Shape::Flag => (vec![json!(true), json!("No"), json!("1")], vec![json!("maybe"), json!(2), json!({"a": 1})]),
        Shape::Word(words) => (
            words.iter().map(|word| json!(word)).chain(words.iter().map(dressed)).collect(),
            vec![json!("anything"), json!(["anything"])],
        ),
        Shape::Words(words) => (
            vec![json!(words), json!(words.join(", ")), dressed(&words[0])],
            vec![json!("anything"), json!(["x"]), json!(5)],
        ),
        Shape::Types => (
            vec![
                json!("m6i.large"),
                json!("m6i.large, c7i-flex.large"),
                json!(["m6i.large"]),
                json!({"m6i.large": "1", "_c": 0}),
            ],
            vec![json!("M6I"), json!({"m6i.large": 1001}), json!({"large": 1}), json!({"m6i.large": 0}), json!(7)],
        ),
        Shape::Priorities => (
            vec![json!({"m6i.large": 0}), json!({"m6i.large": "3"})],
            vec![json!({"large": 1}), json!({"m6i.large": -1}), json!(["m6i.large"])],
        ),
        Shape::Tags => {
            (vec![json!("a=b;c=d"), json!({"a": 1})], vec![json!("novalue"), json!({"aws:x": "1"}), json!([1])])
        }
        Shape::Attributes => (
            vec![json!({"type": "X86_64", "ncpus": 1, "nram": ["numeric", 4.0], "x": true})],
            vec![json!({"type": "X86_64", "ncpus": ["Float", "1"], "nram": 1}), json!(["a"])],
        ),
        Shape::Volumes => (
            vec![json!([{"deviceName": "/dev/sdf", "size": "200", "volumeType": "st1", "encrypted": "yes", "_c": 1}])],
            vec![json!([{"size": 1}]), json!([{"deviceName": "/dev/sdf", "sise": 1}]), json!([7]), json!({"a": 1})],
        ),
        Shape::Metadata => (
            vec![json!({"httpTokens": "Optional", "httpPutResponseHopLimit": "2"})],
            vec![
                json!({"httpToken": "required"}),
                json!({"httpTokens": "maybe"}),
                json!({"httpPutResponseHopLimit": 65}),
            ],
        ),
        Shape::Requirements => (
            vec![json!({"vcpu_count": {"min": 2, "Max": "4"}, "MemoryMiB": {"Min": 0}, "BareMetal": "Included",
                "MemoryGiBPerVCpu": {"Min": 0.5}, "AllowedInstanceTypes": "m5.*, c5.large", "CpuManufacturers": ["AMD"]})],
            vec![
                json!({"VCpuCount": {"Min": "two"}, "MemoryMiB": {"Min": 0}}),
                json!({"VCpuCount": 2, "MemoryMiB": {"Min": 0}}),
                json!({"VCpuCount": {"Least": 1}, "MemoryMiB": {"Min": 0}}),
                json!({"VCpuCount": {"Min": 1}, "MemoryMiB": {"Min": 0}, "BareMetal": "often"}),
                json!([1]),
            ],
        ),
        Shape::Script => (vec![json!("#!/bin/sh\n")], vec![json!(["a"]), json!(7)]),
        Shape::Document => (vec![json!({})], vec![json!("text"), json!([1])]),
    }
}

/// Values of fields whose form is their own.
fn forms(field: Field) -> Vec<Value> {
    match field {
        Field::TemplateId => vec![json!("A_b-1"), json!(7)],
        Field::ImageId => vec![json!("ami-0a"), json!("/aws/service/x-1.2_3"), json!("resolve:ssm:/a/b:2")],
        Field::SubnetId => vec![json!("subnet-1, subnet-2"), json!(["subnet-1", "subnet-2,subnet-3"])],
        Field::SecurityGroupIds => vec![json!("sg-1"), json!(["sg-1", ""])],
        Field::PlacementGroupId => vec![json!("pg-1")],
        Field::HostId => vec![json!("h-0a")],
        Field::HostResourceGroupArn | Field::CapacityReservationGroup => {
            vec![json!("arn:aws:resource-groups:eu-west-1:1:group/g")]
        }
        Field::ExcludedZones => vec![json!("US-East-1a"), json!(["use1-az2"])],
        Field::SpotPrice | Field::MaxSpotPrice => vec![json!("0.25"), json!(3), json!(0.5), json!("0")],
        Field::CapacityReservationId => vec![json!("cr-1")],
        Field::FleetRole => vec![json!("role"), json!("arn:aws:iam::123456789012:role/a/b")],
        Field::RequestValidity => vec![json!("0:30"), json!("720:00")],
        Field::InstanceProfile => vec![json!("p"), json!("arn:aws:iam::1:instance-profile/p")],
        Field::LaunchTemplateId => vec![json!("lt-1")],
        Field::LaunchTemplateVersion => vec![json!("$latest"), json!(3), json!("12")],
        _ => Vec::new(),
    }
}

/// Refusals of values that are right in themselves and not beside the rest of the template: an empty value where the field
/// is needed, a file that is not there, a word or a figure that goes with another field.
const BESIDE: [&str; 4] =
    ["is missing", "No such file", "prioritized is for on-demand hosts", "iops: cannot be set for"];

#[test]
fn what_the_schema_offers_the_reader_takes() {
    let mut refused: Vec<String> = Vec::new();
    for field in Field::all().filter(|field| field.info().fate == Fate::Acts) {
        let (shape, _) = about(field);
        let own = forms(field);
        assert!(!matches!(shape, Shape::Form(..) | Shape::List(..)) || !own.is_empty(), "no value of {}", field.name());
        for value in values(&shape).0.into_iter().chain(own).chain([json!(null), json!("")]) {
            let mut members = beside(field);
            members.push((field.name(), value));
            let document = template(&members);
            refused.extend(complaints(&document).iter().map(|complaint| format!("the schema: {complaint}")));
            let reason = refusal(&members);
            if let Some(reason) = reason.filter(|reason| !BESIDE.iter().any(|known| reason.contains(known))) {
                refused.push(format!("{} {}: {reason}", field.name(), document["templates"][0][field.name()]));
            }
        }
    }
    assert_eq!(refused, [] as [&str; 0]);
}

#[test]
fn what_the_reader_refuses_is_an_error_of_the_schema() {
    let mut taken: Vec<String> = Vec::new();
    for field in Field::all().filter(|field| field.info().fate == Fate::Acts) {
        for value in values(&about(field).0).1 {
            let mut members = beside(field);
            members.push((field.name(), value));
            let document = template(&members);
            let (refused, valid) = (refusal(&members).is_some(), schema().is_valid(&document));
            if !refused || valid {
                let value = &document["templates"][0][field.name()];
                taken.push(format!("{} {value}: refused {refused}, valid {valid}", field.name()));
            }
        }
    }
    assert_eq!(taken, [] as [&str; 0]);
    for info in FIELDS.iter().filter(|info| matches!(info.fate, Fate::Refused(_))) {
        let members = [(info.name, json!("x"))];
        assert!(refusal(&members).is_some() && !schema().is_valid(&template(&members)), "{}", info.name);
        assert!(
            refusal(&[(info.name, json!(""))]).is_none() && schema().is_valid(&template(&[(info.name, json!(""))]))
        );
    }
    for lacking in ["templateId", "maxNumber"] {
        let mut document = template(&[]);
        document["templates"][0].as_object_mut().unwrap().remove(lacking);
        assert!(!schema().is_valid(&document), "{lacking}");
    }
}

#[test]
fn every_spelling_of_a_field_is_known_and_a_slip_is_not() {
    for info in FIELDS {
        for name in info.aliases.iter().copied().chain([info.name]) {
            for spelling in [name.to_owned(), name.to_uppercase(), name.replace('_', "__")] {
                let document = template(&[(&spelling, json!(""))]);
                assert!(Field::of(&spelling).is_some() && schema().is_valid(&document), "{spelling}");
            }
        }
    }
    for slip in ["vmTpye", "vmTypesX", "subnet-id", "imageld"] {
        assert!(Field::of(slip).is_none() && !schema().is_valid(&template(&[(slip, json!("x"))])), "{slip}");
    }
    assert!(schema().is_valid(&template(&[("_comment", json!([1]))])));
}

#[test]
fn every_form_of_a_template_file_is_read_with_its_schema_named() {
    let one = template(&[])["templates"][0].clone();
    let named = "./schemas/templates.schema.json";
    for (document, wanted) in [
        (json!({"$schema": named, "templates": [one]}), true),
        (json!({"$schema": named, "version": "2.0", "templates": {"t": one, "_c": 1}}), true),
        (json!({"$schema": named, "t": one}), true),
        (json!([one]), true),
        (json!({"templates": []}), false),
        (json!({"templates": 7}), false),
        (json!({"templates": [7]}), false),
        (json!("x"), false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("templates.json");
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), document.to_string().as_bytes()).unwrap();
        let settings = super::TemplateSettings { dialect: Dialect::Awsprov, ..Default::default() };
        let types = KnownInstanceTypes::new("");
        let reading = file::read(&path, folder.path(), ProviderKind::Aws, &settings, &types);
        let usable = reading.is_ok_and(|reading| {
            assert_eq!(reading.warnings, [], "{document}");
            reading.refused.is_empty() && reading.entries.len() == 1
        });
        assert_eq!((usable, schema().is_valid(&document)), (wanted, wanted), "{document}");
    }
}

#[test]
fn the_samples_are_valid_and_name_their_schema() {
    for name in ["awsprov_templates.json", "fleet_templates.json"] {
        let sample: Value = serde_json::from_str(&std::fs::read_to_string(format!("config/{name}")).unwrap()).unwrap();
        assert_eq!(complaints(&sample), [] as [String; 0], "{name}");
        let named = sample["$schema"].as_str().unwrap();
        assert!(std::path::Path::new("config").join(named).is_file(), "{name}");
    }
}
