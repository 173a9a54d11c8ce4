//! The audit trail: one line for each committed event.
//!
//! Invariant: a line is written at every log level, and holds ids and words but no boot script and no credential.

use shaku::Component;
use tracing::info;

use super::log::AUDIT;
use crate::application::error::Cause;
use crate::application::ports::EventHandler;
use crate::domain::event::EventEnvelope;
use crate::domain::{MachineId, RequestId, TemplateId};

/// Writes events to the log.
#[derive(Debug, Default, Component)]
#[shaku(interface = EventHandler)]
pub struct AuditLog {}

impl EventHandler for AuditLog {
    fn on_event(&self, event: &EventEnvelope) -> Result<(), Cause> {
        let facts = event.event.facts();
        info!(
            target: AUDIT,
            sequence = event.sequence,
            at = event.at.as_millis(),
            event = facts.name,
            request_id = facts.request.map(RequestId::as_str),
            machine_id = facts.machine.map(MachineId::as_str),
            template_id = facts.template.map(TemplateId::as_str),
            detail = facts.detail,
            "event"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::event::DomainEvent;
    use crate::domain::machine::MachineEvent;
    use crate::domain::request::RequestEvent;
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
