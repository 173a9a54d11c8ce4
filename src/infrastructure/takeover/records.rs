//! The records of ORB and of Open Host Factory, and what becomes of each of their fields (`orb-formats.md` E.2, E.3).

use serde_json::Value;

use super::values::{self, Record, is_unset, list_of, number_of, object_of, tags_of, text_of, time_of};
use crate::application::ports::{FieldFate, ForeignKind, ForeignMachine, ForeignRequest, Section};

use FieldFate::{Changed, Left, Taken};

type Fates = &'static [(&'static str, FieldFate, &'static str)];

const COUNTED: &str = "follows from the hosts";
const OWN_WAY: &str = "the store counts in its own way";
const FROM_EC2: &str = "EC2 tells when the host is looked at";
const FROM_TEMPLATE: &str = "the template says it";

/// What becomes of the fields of a request.
#[rustfmt::skip]
const REQUEST: Fates = &[
    ("request_id", Taken, "id"), ("request_type", Taken, "kind"), ("template_id", Taken, "templateId"),
    ("requested_count", Taken, "wanted"), ("machine_count", Taken, "wanted"), ("number_of_machines", Taken, "wanted"),
    ("desired_capacity", Left, "requested_count says it"),
    ("status", Changed, "running, complete or complete_with_error"),
    ("status_message", Taken, "message"), ("message", Taken, "message"), ("error_message", Taken, "message"),
    ("provider_api", Changed, "api, together with the type of the fleet"),
    ("resource_ids", Changed, "resource of each host"), ("resource_id", Changed, "resource of each host"),
    ("machine_ids", Changed, "requestId of each host; of a return, its hosts"),
    ("created_at", Taken, "createdAt"),
    ("provider_data", Changed, "the type of the fleet; the rest describes calls that are over"),
    ("metadata", Changed, "the type of the fleet; the rest is ORB's own"),
    ("successful_count", Left, COUNTED), ("failed_count", Left, COUNTED), ("success_rate", Left, COUNTED), ("duration", Left, COUNTED),
    ("provider_name", Left, "there is one provider instance"), ("provider_type", Left, "there is one provider instance"),
    ("started_at", Left, "events tell it from now on"), ("completed_at", Left, "events tell it from now on"),
    ("first_status_check", Left, "events tell it from now on"), ("last_status_check", Left, "events tell it from now on"),
    ("last_transition_at", Left, "events tell it from now on"), ("partial_since", Left, "events tell it from now on"),
    ("deadline_at", Changed, "an open request has the whole time of hostFactory.acquireDeadlineSeconds from now"),
    ("timeout", Changed, "an open request has the whole time of hostFactory.acquireDeadlineSeconds from now"),
    ("error_details", Left, "the message says it"), ("fulfilment_diagnostic", Left, "the message says it"),
    ("launch_template_id", Left, "nothing is launched again for it"), ("launch_template_version", Left, "nothing is launched again for it"),
    ("tags", Left, "the hosts bear them"), ("version", Left, OWN_WAY), ("schema_version", Left, OWN_WAY), ("updated_at", Left, OWN_WAY),
];

/// What becomes of the fields of a machine.
#[rustfmt::skip]
const MACHINE: Fates = &[
    ("machine_id", Taken, "id"), ("instance_id", Taken, "id"), ("name", Taken, "name"),
    ("private_dns_name", Changed, "name, where there is no other"), ("template_id", Taken, "templateId"),
    ("request_id", Taken, "requestId"), ("return_request_id", Taken, "returnId"),
    ("provider_api", Changed, "api, together with the type of the fleet"), ("resource_id", Taken, "resource"),
    ("instance_type", Taken, "instanceType"), ("price_type", Taken, "priceType"),
    ("private_ip", Taken, "privateIp"), ("public_ip", Taken, "publicIp"),
    ("status", Changed, "EC2's own words; what failed or is not known counts as pending until it is looked at"),
    ("status_reason", Taken, "reason"), ("launch_time", Taken, "launchedAt"), ("tags", Changed, "tags, those of plug-ins left out"),
    ("availability_zone", Taken, "zone"), ("metadata", Changed, "tags and zone of old records; the rest is ORB's own"),
    ("provider_data", Changed, "zone and type of the fleet; the rest is ORB's own"),
    ("provider_type", Left, "there is one provider instance"), ("provider_name", Left, "there is one provider instance"),
    ("image_id", Left, FROM_EC2), ("public_dns_name", Left, FROM_EC2), ("subnet_id", Left, FROM_EC2), ("vpc_id", Left, FROM_EC2),
    ("security_group_ids", Left, FROM_EC2), ("region", Left, "provider.aws.region says it"), ("vcpus", Left, FROM_TEMPLATE),
    ("provisioning_started_at", Left, "events tell it from now on"), ("termination_time", Left, "events tell it from now on"),
    ("created_at", Left, "launch_time says it"), ("updated_at", Left, OWN_WAY), ("uptime_seconds", Left, COUNTED),
    ("cloud_host_id", Left, "machine_id says it"), ("health_checks", Left, "hosts are looked at in EC2"), ("result", Left, COUNTED),
    ("message", Left, "status_reason says it"), ("version", Left, OWN_WAY), ("schema_version", Left, OWN_WAY), ("model_metadata", Left, "it is ORB's own"),
];

fn note(section: &mut Section, record: &Record, fates: Fates) {
    section.records += 1;
    for (key, value) in record.iter().filter(|(_, value)| !is_unset(value)) {
        match fates.iter().find(|(name, ..)| name == key) {
            Some((_, fate, text)) => section.note(key, *fate, text),
            None => section.note(
                key,
                Left,
                if matches!(value, Value::Object(_)) { "it is not known here" } else { "not known here" },
            ),
        }
    }
}

/// Returns the type of fleet that a record tells of, wherever it does.
fn fleet_type(record: &Record) -> Option<String> {
    const NAMES: [&str; 2] = ["fleet_type", "fleetType"];
    let nested = |name: &str| {
        let inner = object_of(record, name);
        text_of(&inner, &NAMES).or_else(|| text_of(&object_of(&inner, "provider_data"), &NAMES))
    };
    text_of(record, &NAMES).or_else(|| nested("provider_data")).or_else(|| nested("metadata"))
}

/// Reads a request that is kept under `key`.
pub(super) fn request(key: &str, record: &Record, section: &mut Section) -> ForeignRequest {
    note(section, record, REQUEST);
    let id = text_of(record, &["request_id"]).unwrap_or_else(|| key.to_owned());
    let kind = match text_of(record, &["request_type"]).as_deref() {
        Some("return") => ForeignKind::Return,
        None if id.starts_with("ret-") => ForeignKind::Return,
        Some(_) | None => ForeignKind::Acquire,
    };
    ForeignRequest {
        kind,
        // Returns name no template: they hold the literal of ORB.
        template: text_of(record, &["template_id"]).filter(|_| kind == ForeignKind::Acquire),
        wanted: number_of(record, &["requested_count", "machine_count", "number_of_machines", "desired_capacity"]),
        status: text_of(record, &["status"]).unwrap_or_default().to_ascii_lowercase().replace('-', "_"),
        message: text_of(record, &["status_message", "message", "error_message"]).unwrap_or_default(),
        api: text_of(record, &["provider_api"]),
        fleet_type: fleet_type(record),
        resources: list_of(record, &["resource_ids", "resource_id"]),
        machines: list_of(record, &["machine_ids"]),
        created_at: time_of(record, &["created_at", "started_at"]),
        account: None,
        id,
    }
}

/// Reads a machine that is kept under `key`.
pub(super) fn machine(key: &str, record: &Record, section: &mut Section) -> ForeignMachine {
    note(section, record, MACHINE);
    let (metadata, provider_data) = (object_of(record, "metadata"), object_of(record, "provider_data"));
    let id = text_of(record, &["machine_id", "instance_id"]).unwrap_or_else(|| key.to_owned());
    let request = text_of(record, &["request_id"]);
    // In some versions the name of a host is the tag Name, which is the id of its request.
    let name = text_of(record, &["name"]).filter(|name| Some(name) != request.as_ref());
    let tags = tags_of(record);
    ForeignMachine {
        name: name.or_else(|| text_of(record, &["private_dns_name"])),
        request,
        return_request: text_of(record, &["return_request_id"]),
        template: text_of(record, &["template_id"]),
        api: text_of(record, &["provider_api"]).or_else(|| text_of(&provider_data, &["provider_api"])),
        resource: text_of(record, &["resource_id"]),
        status: text_of(record, &["status"]).unwrap_or_default().to_ascii_lowercase(),
        reason: text_of(record, &["status_reason"]),
        private_ip: text_of(record, &["private_ip"]),
        public_ip: text_of(record, &["public_ip"]),
        launched_at: time_of(record, &["launch_time", "provisioning_started_at", "created_at"]),
        instance_type: text_of(record, &["instance_type"]),
        price_type: text_of(record, &["price_type"]),
        zone: text_of(record, &["availability_zone"])
            .or_else(|| text_of(&provider_data, &["availability_zone"]))
            .or_else(|| text_of(&metadata, &["availability_zone", "az"])),
        tags: if tags.is_empty() { tags_of(&metadata) } else { tags },
        id,
    }
}

/// Returns the capacity units of instance types that a template's record tells.
pub(super) fn weights(record: &Record) -> Vec<(String, u32)> {
    let types = ["machine_types", "vm_types", "vmTypes", "instance_types"];
    let found = types.iter().map(|name| object_of(record, name)).find(|types| !types.is_empty()).unwrap_or_default();
    found
        .keys()
        .filter_map(|name| Some((name.clone(), number_of(&found, &[name])?)))
        .filter(|(_, units)| *units > 1)
        .collect()
}

/// What a record of a flat file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Machine,
    Template,
}

/// Tells what a record of a flat file is.
pub(super) fn kind_of(record: &Record) -> Option<Kind> {
    let has = |name: &str| record.get(name).is_some_and(|value| !values::is_unset(value));
    if has("request_type") {
        Some(Kind::Request)
    } else if has("instance_id") || has("machine_id") {
        Some(Kind::Machine)
    } else if has("template_id") && (has("image_id") || has("max_instances")) {
        Some(Kind::Template)
    } else {
        None
    }
}
