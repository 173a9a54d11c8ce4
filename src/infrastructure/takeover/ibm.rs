//! The database of IBM's plug-in, `<provider>-db.json` (`hostfactory.md` 5): proven for LSF, of the same family elsewhere.

use std::path::Path;

use serde_json::Value;

use super::database::object;
use super::values::{Record, list_of, number_of, text_of, time_of};
use crate::application::ports::FieldFate::{Changed, Left, Taken};
use crate::application::ports::{FieldFate, ForeignKind, ForeignMachine, ForeignRequest, Found, Section};
use crate::domain::DomainError;

type Fates = &'static [(&'static str, FieldFate, &'static str)];

#[rustfmt::skip]
const REQUEST: Fates = &[
    ("requestId", Taken, "id"), ("reqId", Taken, "id"), ("templateId", Taken, "templateId"), ("time", Taken, "createdAt"),
    ("fleetType", Changed, "api"), ("hostAllocationType", Changed, "api"), ("rc_account", Taken, "account"),
    ("machines", Taken, "machines"), ("status", Changed, "running, complete or complete_with_error"), ("message", Taken, "message"),
    ("ttl", Left, "no plug-in acts on it"),
];
#[rustfmt::skip]
const MACHINE: Fates = &[
    ("machineId", Taken, "id"), ("name", Taken, "name"), ("requestId", Taken, "requestId"), ("reqId", Taken, "requestId"),
    ("returnId", Taken, "returnId"), ("retId", Taken, "returnId"), ("template", Taken, "templateId"),
    ("templateId", Taken, "templateId"), ("status", Changed, "EC2's own words"), ("result", Changed, "the verdict over the host"),
    ("privateIpAddress", Taken, "privateIp"), ("publicIpAddress", Taken, "publicIp"), ("publicDnsName", Left, "EC2 tells it"),
    ("launchtime", Taken, "launchedAt"), ("message", Taken, "reason"),
];

fn note(section: &mut Section, record: &Record, fates: Fates) {
    section.records += 1;
    for key in record.iter().filter(|(_, value)| !super::values::is_unset(value)).map(|(key, _)| key) {
        match fates.iter().find(|(name, ..)| name == key) {
            Some((_, fate, text)) => section.note(key, *fate, text),
            None => section.note(key, Left, "not known here"),
        }
    }
}

/// Reads the database.
pub(super) fn read(path: &Path, found: &mut Found) -> Result<(), DomainError> {
    let members = object(path)?;
    let Some(Value::Array(requests)) = members.get("requests") else {
        return Err(DomainError::validation(path.display().to_string(), "has no list requests"));
    };
    for request in requests.iter().filter_map(Value::as_object) {
        take(request, found);
    }
    for name in ["requests", "machines"] {
        found.sections.entry(name).or_default().files.push(path.to_owned());
    }
    Ok(())
}

fn take(record: &Record, found: &mut Found) {
    note(found.sections.entry("requests").or_default(), record, REQUEST);
    let id = text_of(record, &["requestId", "reqId"]).unwrap_or_default();
    let machines: Vec<&Record> = match record.get("machines") {
        Some(Value::Array(machines)) => machines.iter().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    };
    // The plug-in's ids of a spot fleet, a fleet and a reservation are AWS's own.
    let resources = if ["sfr-", "fleet-", "r-"].iter().any(|prefix| id.starts_with(prefix)) {
        vec![id.clone()]
    } else {
        list_of(record, &["resourceId"])
    };
    let section = found.sections.entry("machines").or_default();
    let mut waits = false;
    let mut returned: Vec<(String, String)> = Vec::new();
    for machine in &machines {
        note(section, machine, MACHINE);
        let result = text_of(machine, &["result"]).unwrap_or_default();
        waits |= result == "executing";
        let taken = ForeignMachine {
            id: text_of(machine, &["machineId"]).unwrap_or_default(),
            name: text_of(machine, &["name"]),
            request: Some(id.clone()),
            return_request: text_of(machine, &["returnId", "retId"]),
            template: text_of(machine, &["template", "templateId"]).or_else(|| text_of(record, &["templateId"])),
            status: text_of(machine, &["status"]).unwrap_or_default().to_ascii_lowercase(),
            reason: text_of(machine, &["message"]),
            private_ip: text_of(machine, &["privateIpAddress"]),
            public_ip: text_of(machine, &["publicIpAddress"]),
            launched_at: time_of(machine, &["launchtime"]),
            ..ForeignMachine::default()
        };
        returned.extend(taken.return_request.clone().map(|id| (id, taken.status.clone())));
        found.machines.push(taken);
    }
    let status = match text_of(record, &["status"]) {
        Some(status) => status.to_ascii_lowercase(),
        None if waits || machines.is_empty() => "running".to_owned(),
        None => "complete".to_owned(),
    };
    found.requests.push(ForeignRequest {
        kind: ForeignKind::Acquire,
        template: text_of(record, &["templateId"]),
        wanted: number_of(record, &["machineCount"]).or(u32::try_from(machines.len()).ok()),
        status,
        message: text_of(record, &["message"]).unwrap_or_default(),
        api: None,
        fleet_type: text_of(record, &["fleetType"]),
        resources,
        machines: Vec::new(),
        created_at: time_of(record, &["time"]),
        account: text_of(record, &["rc_account"]),
        id,
    });
    take_returns(returned, found);
}

/// Makes up the returns that machines name: the plug-in keeps none of their own.
fn take_returns(returned: Vec<(String, String)>, found: &mut Found) {
    for (id, status) in returned {
        let goes_on = !matches!(status.as_str(), "terminated" | "returned");
        if let Some(known) = found.requests.iter_mut().find(|request| request.id == id) {
            if goes_on {
                "running".clone_into(&mut known.status);
            }
            continue;
        }
        found.requests.push(ForeignRequest {
            id,
            kind: ForeignKind::Return,
            template: None,
            wanted: None,
            status: if goes_on { "running" } else { "complete" }.to_owned(),
            message: String::new(),
            api: None,
            fleet_type: None,
            resources: Vec::new(),
            machines: Vec::new(),
            created_at: None,
            account: None,
        });
    }
}
