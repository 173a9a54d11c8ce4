//! The audit trail: one line for each committed event.
//!
//! Invariant: a line is written at every log level, and holds ids and words but no boot script and no credential.

use shaku::Component;
use tracing::info;

use super::log::AUDIT;
use crate::application::error::Cause;
use crate::application::ports::EventHandler;
use crate::domain::event::{DomainEvent, EventEnvelope, TemplateEvent};
use crate::domain::machine::MachineEvent;
use crate::domain::request::RequestEvent;
use crate::domain::{MachineId, RequestId, TemplateId};

/// Writes events to the log.
#[derive(Debug, Default, Component)]
#[shaku(interface = EventHandler)]
pub struct AuditLog {}

/// What of an event goes into the line.
#[derive(Default)]
struct Entry<'e> {
    name: &'static str,
    request: Option<&'e str>,
    machine: Option<&'e str>,
    template: Option<&'e str>,
    detail: String,
}

impl EventHandler for AuditLog {
    fn on_event(&self, event: &EventEnvelope) -> Result<(), Cause> {
        let entry = match &event.event {
            DomainEvent::Template(event) => of_template(event),
            DomainEvent::Request(event) => of_request(event),
            DomainEvent::Machine(event) => of_machine(event),
        };
        info!(
            target: AUDIT,
            sequence = event.sequence,
            at = event.at.as_millis(),
            event = entry.name,
            request_id = entry.request,
            machine_id = entry.machine,
            template_id = entry.template,
            detail = entry.detail,
            "event"
        );
        Ok(())
    }
}

fn of_template(event: &TemplateEvent) -> Entry<'_> {
    match event {
        TemplateEvent::TemplateCreated { template_id, digest } => Entry {
            name: "TemplateCreated",
            template: Some(template_id.as_str()),
            detail: format!("digest {digest}"),
            ..Entry::default()
        },
    }
}

fn of_request(event: &RequestEvent) -> Entry<'_> {
    match event {
        RequestEvent::RequestCreated { request_id, template_id, hosts } => Entry {
            name: "RequestCreated",
            request: Some(request_id.as_str()),
            template: template_id.as_ref().map(TemplateId::as_str),
            detail: format!("{hosts} hosts"),
            ..Entry::default()
        },
        RequestEvent::IntentRecorded { request_id, attempt, count, pool, token } => Entry {
            name: "IntentRecorded",
            request: Some(request_id.as_str()),
            detail: format!("attempt {attempt}: {count} hosts from {pool}, token {token}"),
            ..Entry::default()
        },
        RequestEvent::ResourceMade { request_id, attempt, resource } => Entry {
            name: "ResourceMade",
            request: Some(request_id.as_str()),
            detail: format!("attempt {attempt}: {resource}"),
            ..Entry::default()
        },
        RequestEvent::IntentResolved { request_id, attempt, launched, failure, code } => Entry {
            name: "IntentResolved",
            request: Some(request_id.as_str()),
            detail: format!(
                "attempt {attempt}: {launched} launched{}{}",
                failure.map(|class| format!(", {}", class.word())).unwrap_or_default(),
                code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
            ),
            ..Entry::default()
        },
        RequestEvent::HostsAdopted { request_id, machine_ids } => Entry {
            name: "HostsAdopted",
            request: Some(request_id.as_str()),
            detail: machine_ids.iter().map(MachineId::as_str).collect::<Vec<_>>().join(" "),
            ..Entry::default()
        },
        RequestEvent::RequestWithdrawn { request_id, reason } => Entry {
            name: "RequestWithdrawn",
            request: Some(request_id.as_str()),
            detail: reason.clone(),
            ..Entry::default()
        },
        RequestEvent::RequestClaimed { request_id } => {
            Entry { name: "RequestClaimed", request: Some(request_id.as_str()), ..Entry::default() }
        }
        RequestEvent::RequestStatusChanged { request_id, from, to, message } => Entry {
            name: "RequestStatusChanged",
            request: Some(request_id.as_str()),
            detail: format!("{from:?} to {to:?}: {message}"),
            ..Entry::default()
        },
    }
}

fn of_machine(event: &MachineEvent) -> Entry<'_> {
    match event {
        MachineEvent::MachineCreated { machine_id, request_id } => Entry {
            name: "MachineCreated",
            machine: Some(machine_id.as_str()),
            request: request_id.as_ref().map(RequestId::as_str),
            ..Entry::default()
        },
        MachineEvent::MachineStatusChanged { machine_id, from, to, reason } => Entry {
            name: "MachineStatusChanged",
            machine: Some(machine_id.as_str()),
            detail: format!("{from:?} to {to:?}{}", because(reason.as_deref())),
            ..Entry::default()
        },
        MachineEvent::MachineInterrupted { machine_id, code } => Entry {
            name: "MachineInterrupted",
            machine: Some(machine_id.as_str()),
            detail: code.clone(),
            ..Entry::default()
        },
        MachineEvent::MachineListed { machine_id } => {
            Entry { name: "MachineListed", machine: Some(machine_id.as_str()), ..Entry::default() }
        }
        MachineEvent::MachineGivenUp { machine_id, reason } => Entry {
            name: "MachineGivenUp",
            machine: Some(machine_id.as_str()),
            detail: reason.clone(),
            ..Entry::default()
        },
        MachineEvent::MachineEndRequested { machine_id, reason } => Entry {
            name: "MachineEndRequested",
            machine: Some(machine_id.as_str()),
            detail: reason.clone(),
            ..Entry::default()
        },
        MachineEvent::MachineTerminated { machine_id, reason } => Entry {
            name: "MachineTerminated",
            machine: Some(machine_id.as_str()),
            detail: reason.clone().unwrap_or_default(),
            ..Entry::default()
        },
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::infrastructure::telemetry::file::LogFile;
    use crate::infrastructure::telemetry::log::subscriber;

    #[test]
    fn an_event_is_one_line_with_its_ids_at_every_level() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let log = LogFile::open(path.clone(), 1_000_000, 2).unwrap();
        let event = |event| EventEnvelope { sequence: 7, at: Timestamp::from_millis(5), schema_version: 1, event };
        tracing::subscriber::with_default(subscriber(log, tracing::Level::ERROR), || {
            for event in [
                event(DomainEvent::Machine(MachineEvent::MachineEndRequested {
                    machine_id: "i-0123456789abcdef0".parse().unwrap(),
                    reason: "returned".to_owned(),
                })),
                event(DomainEvent::Request(RequestEvent::RequestCreated {
                    request_id: "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap(),
                    template_id: Some("small".parse().unwrap()),
                    hosts: 3,
                })),
            ] {
                AuditLog::default().on_event(&event).unwrap();
            }
        });
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["event"], "MachineEndRequested");
        assert_eq!(lines[0]["machine_id"], "i-0123456789abcdef0");
        assert_eq!(lines[0]["sequence"], 7);
        assert_eq!(lines[0]["target"], "hostfactory::audit");
        assert!(lines[0].get("request_id").is_none());
        assert_eq!(lines[1]["template_id"], "small");
        assert_eq!(lines[1]["detail"], "3 hosts");
    }
}
