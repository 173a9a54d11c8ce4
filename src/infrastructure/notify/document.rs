//! What is sent: one JSON document for some events, bare or as Amazon SNS wraps it.
//!
//! Source for SNS: the developer guide's "HTTP/HTTPS notification JSON format" and the API reference of `Publish`.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::domain::event::EventEnvelope;
use crate::domain::{Digest, MachineId, RequestId, TemplateId, Timestamp};

/// The longest subject that SNS takes.
const SUBJECT: usize = 100;

/// Returns the document of some events of a provider instance.
pub(super) fn of(instance: &str, events: &[EventEnvelope]) -> Value {
    json!({
        "source": "hostfactory",
        "instance": instance,
        "events": events.iter().map(event).collect::<Vec<_>>(),
    })
}

fn event(event: &EventEnvelope) -> Value {
    let facts = event.event.facts();
    json!({
        "sequence": event.sequence,
        "at": rfc3339(event.at),
        "event": facts.name,
        "requestId": facts.request.map(RequestId::as_str),
        "machineId": facts.machine.map(MachineId::as_str),
        "templateId": facts.template.map(TemplateId::as_str),
        "detail": facts.detail,
    })
}

fn rfc3339(at: Timestamp) -> String {
    let nanos = i128::from(at.as_millis()).saturating_mul(1_000_000);
    let text = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| at.as_millis().to_string())
}

/// Returns what SNS posts to the subscribers of a topic, without the signature that only SNS can make. Sent again, the
/// same events have the same id.
pub(super) fn notification(topic: &str, instance: &str, events: &[EventEnvelope], now: Timestamp) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": message_id(instance, events),
        "TopicArn": topic,
        "Subject": subject(instance, events),
        "Message": of(instance, events).to_string(),
        "Timestamp": rfc3339(now),
    })
}

/// Returns the form of the call `Publish`.
pub(super) fn publication(topic: &str, instance: &str, events: &[EventEnvelope]) -> [(&'static str, String); 5] {
    [
        ("Action", "Publish".to_owned()),
        ("Version", "2010-03-31".to_owned()),
        ("TopicArn", topic.to_owned()),
        ("Subject", subject(instance, events)),
        ("Message", of(instance, events).to_string()),
    ]
}

/// Says what the events are in one line of printable ASCII.
fn subject(instance: &str, events: &[EventEnvelope]) -> String {
    let first = events.first().map(|event| event.event.facts().name).unwrap_or_default();
    let more = match events.len() {
        0 | 1 => String::new(),
        number => format!(" and {} more", number - 1),
    };
    let line = format!("hostfactory {instance}: {first}{more}");
    line.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).take(SUBJECT).collect()
}

pub(super) fn message_id(instance: &str, events: &[EventEnvelope]) -> String {
    let numbers: Vec<String> =
        events.iter().map(|event| format!("{} {}", event.sequence, event.at.as_millis())).collect();
    let mut parts = vec!["notification", instance];
    parts.extend(numbers.iter().map(String::as_str));
    let digest = Digest::of(&parts);
    let hex: String = digest.as_str().chars().filter(char::is_ascii_hexdigit).take(32).collect();
    let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::event::DomainEvent;
    use crate::domain::machine::MachineEvent;

    /// Events with these numbers.
    pub(in crate::infrastructure::notify) fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<EventEnvelope> {
        let event = |sequence| EventEnvelope {
            sequence,
            at: Timestamp::from_millis(1_760_000_000_123),
            schema_version: 1,
            event: DomainEvent::Machine(MachineEvent::MachineTerminated {
                machine_id: "i-0123456789abcdef0".parse().unwrap(),
                reason: Some("Server.SpotInstanceTermination".to_owned()),
            }),
        };
        numbers.map(event).collect()
    }

    #[test]
    fn a_document_tells_what_happened_to_whom_and_when() {
        let document = of("awsinst", &events(7..=8));
        assert_eq!((&document["source"], &document["instance"]), (&json!("hostfactory"), &json!("awsinst")));
        let wanted = json!({
            "sequence": 7, "at": "2025-10-09T08:53:20.123Z", "event": "MachineTerminated", "requestId": null,
            "machineId": "i-0123456789abcdef0", "templateId": null, "detail": "Server.SpotInstanceTermination",
        });
        assert_eq!(document["events"][0], wanted);
        assert_eq!(document["events"][1]["sequence"], 8);
    }

    #[test]
    fn a_notification_has_the_members_that_receivers_of_sns_look_for() {
        let now = Timestamp::from_millis(1_760_000_001_000);
        let one = notification("arn:aws:sns:x:1:t", "awsinst", &events(7..=9), now);
        assert_eq!((&one["Type"], &one["TopicArn"]), (&json!("Notification"), &json!("arn:aws:sns:x:1:t")));
        assert_eq!(one["Subject"], "hostfactory awsinst: MachineTerminated and 2 more");
        assert_eq!(one["Timestamp"], "2025-10-09T08:53:21Z");
        let message: Value = serde_json::from_str(one["Message"].as_str().unwrap()).unwrap();
        assert_eq!(message, of("awsinst", &events(7..=9)));
        let id = one["MessageId"].as_str().unwrap();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert_eq!(message_id("awsinst", &events(7..=9)), id, "sent again it is the same message");
        assert_ne!(message_id("awsinst", &events(7..=10)), id);
    }

    #[test]
    fn a_subject_fits_whatever_the_instance_is_called() {
        let subject = subject(&"Grüße\n".repeat(60), &events(1..=1));
        assert!(subject.len() == SUBJECT && subject.bytes().all(|b| (b' '..=b'~').contains(&b)), "{subject}");
    }
}
