//! Measurements in Prometheus' text format, version 0.0.4.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//! Invariants: a family's samples stand together; no two samples have the same name and labels; a label's value may hold
//! anything.

use std::fmt::Write as _;

use super::families::{self, FAMILIES, Family, Kind};
use super::meter::Measurements;
use crate::domain::notes::Duty;
use crate::domain::tally::{Durations, outcome_word};
use crate::domain::{FailureClass, Timestamp};

/// Returns the measurements as one document.
pub fn text(measured: &Measurements) -> String {
    let mut document = Document(String::with_capacity(8192));
    for family in FAMILIES {
        document.head(family);
        samples(&mut document, family, measured);
    }
    document.0
}

type Labels<'l> = &'l [(&'static str, &'l str)];

struct Document(String);

impl Document {
    fn head(&mut self, family: Family) {
        let Family { name, kind, help } = family;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {}", kind.word());
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl std::fmt::Display) {
        let texts: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if texts.is_empty() { String::new() } else { format!("{{{}}}", texts.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn histogram(&mut self, family: Family, labels: Labels<'_>, durations: &Durations) {
        let name = family.name;
        let bucket = format!("{name}_bucket");
        for (bound, count) in durations.within() {
            self.sample(&bucket, &[labels, &[("le", &bound.to_string())]].concat(), count);
        }
        self.sample(&bucket, &[labels, &[("le", "+Inf")]].concat(), durations.count());
        let millis = durations.millis();
        self.sample(&format!("{name}_sum"), labels, format!("{}.{:03}", millis / 1000, millis % 1000));
        self.sample(&format!("{name}_count"), labels, durations.count());
    }

    /// Writes counts whose keys hold the values of these labels, `|` between them.
    fn counts<const N: usize>(
        &mut self,
        family: Family,
        labels: [&'static str; N],
        counts: &std::collections::BTreeMap<String, u64>,
    ) {
        for (key, count) in counts {
            let values = key.split('|').chain(std::iter::repeat(""));
            let pairs: Vec<(&str, &str)> = labels.into_iter().zip(values).collect();
            self.sample(family.name, &pairs, count);
        }
    }
}

/// Returns a label's value as it stands between the quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn samples(document: &mut Document, family: Family, measured: &Measurements) {
    let Measurements { at, census, tally, notes, store_bytes, .. } = measured;
    let name = family.name;
    match family {
        families::BUILD => {
            let built_with = [("aws", cfg!(feature = "aws")), ("sqlite", cfg!(feature = "sqlite"))];
            let features: Vec<&str> = built_with.into_iter().filter(|(_, with)| *with).map(|(name, _)| name).collect();
            document.sample(name, &[("version", env!("CARGO_PKG_VERSION")), ("features", &features.join(","))], 1);
        }
        families::STORE_READABLE => document.sample(name, &[], u8::from(census.is_some())),
        families::REQUESTS => {
            for ((prefix, status, template), count) in census.iter().flat_map(|census| &census.requests) {
                let kind = if prefix == "ret" { "return" } else { "acquire" };
                document.sample(name, &[("kind", kind), ("status", status), ("template", template)], count);
            }
        }
        families::MACHINES => {
            for ((status, template), count) in census.iter().flat_map(|census| &census.machines) {
                document.sample(name, &[("status", status), ("template", template)], count);
            }
        }
        families::REQUESTS_TOTAL => document.counts(family, ["kind", "template"], &tally.requests),
        families::HOSTS_TOTAL => document.counts(family, ["kind", "template"], &tally.hosts),
        families::SETTLED_TOTAL => document.counts(family, ["kind", "status", "template"], &tally.settled),
        families::ATTEMPTS_TOTAL => document.counts(family, ["outcome"], &tally.attempts),
        families::EVENTS_TOTAL => document.counts(family, ["event"], &tally.events),
        families::EVENTS_MISSED => document.sample(name, &[], tally.missed),
        families::FIRST_HOST => document.histogram(family, &[], &tally.to_first_host),
        families::VERDICT => {
            for (kind, durations) in &tally.to_verdict {
                document.histogram(family, &[("kind", kind)], durations);
            }
        }
        families::CALLS_TOTAL => {
            for (operation, outcomes) in &notes.calls {
                for (outcome, count) in outcomes {
                    document.sample(name, &[("operation", operation), ("outcome", outcome)], count);
                }
            }
        }
        families::THROTTLES_TOTAL => {
            let throttled = outcome_word(Some(FailureClass::Throttle.word()));
            for (operation, outcomes) in &notes.calls {
                let count = outcomes.get(&throttled).copied().unwrap_or(0);
                document.sample(name, &[("operation", operation)], count);
            }
        }
        families::POOLS_HELD => document.sample(name, &[], notes.pools.held(*at)),
        families::TEMPLATE_SUSPENDED => {
            for (template, _) in notes.brakes.iter().filter(|(_, brake)| brake.suspended(*at).is_some()) {
                document.sample(name, &[("template", template.as_str())], 1);
            }
        }
        families::SUSPECTS => document.sample(name, &[], notes.suspects.len()),
        families::LAST_RUN => {
            let duties = [("recovery", Duty::Recovery), ("collection", Duty::Collection), ("purge", Duty::Purge)];
            for (word, duty) in duties {
                if let Some(begun) = notes.last_begun(duty) {
                    document.sample(name, &[("duty", word)], seconds(begun));
                }
            }
        }
        families::STORE_BYTES => {
            for (part, bytes) in store_bytes {
                document.sample(name, &[("part", part)], bytes);
            }
        }
        families::SINK_WAITING | families::SINK_DELIVERED | families::SINK_MISSED | families::SINK_FAILURES => {
            sink_samples(document, family, measured);
        }
        // The list of families is ours, and a test sees that each of them writes something.
        Family { kind: Kind::Counter | Kind::Gauge | Kind::Histogram, .. } => {}
    }
}

fn sink_samples(document: &mut Document, family: Family, measured: &Measurements) {
    for (sink, standing) in &measured.sinks {
        let value = match family {
            families::SINK_WAITING => measured.last_sequence.saturating_sub(standing.position),
            families::SINK_DELIVERED => standing.delivered,
            families::SINK_MISSED => standing.missed,
            _ => u64::from(standing.failures),
        };
        document.sample(family.name, &[("sink", sink)], value);
    }
}

fn seconds(at: Timestamp) -> String {
    let millis = at.as_millis();
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::application::ports::Census;
    use crate::domain::Digest;
    use crate::domain::delivery::Standing;
    use crate::domain::event::{DomainEvent, EventEnvelope};
    use crate::domain::request::{Pool, RequestEvent, RequestStatus};
    use crate::domain::template::PriceType;

    /// One of everything there is to measure.
    fn everything() -> Measurements {
        let at = Timestamp::from_millis(1_760_000_000_500);
        let mut measured = Measurements { at, last_sequence: 9, ..Measurements::default() };
        let mut census = Census::default();
        census.requests.insert(("ret".to_owned(), "running".to_owned(), String::new()), 2);
        census.machines.insert(("running".to_owned(), "small".to_owned()), 3);
        measured.census = Some(census);
        let request_id: crate::domain::RequestId = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
        let template_id = Some("small".parse().unwrap());
        let (from, to, message) = (RequestStatus::Running, RequestStatus::Complete, String::new());
        let id = request_id.clone();
        for (sequence, event) in (1..).zip([
            RequestEvent::RequestCreated { request_id: id.clone(), template_id, hosts: 4 },
            RequestEvent::IntentResolved { request_id: id, attempt: 1, launched: 4, failure: None, code: None },
            RequestEvent::RequestStatusChanged { request_id, from, to, message },
        ]) {
            let event = DomainEvent::Request(event);
            measured.tally.take(&EventEnvelope { sequence, at, schema_version: 1, event });
        }
        measured.notes.count_calls("RunInstances", "ok", 5);
        measured.notes.count_calls("RunInstances", "throttled", 2);
        for duty in [Duty::Recovery, Duty::Collection, Duty::Purge] {
            measured.notes.take_on(duty, std::time::Duration::ZERO, at);
        }
        let pool = Pool { instance_type: Some("m6i.large".to_owned()), subnet: None, price_type: PriceType::OnDemand };
        measured.notes.pools.failed(&pool, FailureClass::Capacity, None, 1, at);
        let brake = measured.notes.brakes.entry("broken".parse().unwrap()).or_default();
        brake.refused("no such image", &Digest::of(&["x"]), at);
        measured.store_bytes = BTreeMap::from([("store", 4096)]);
        measured.sinks.insert("webhook".to_owned(), Standing { position: 4, delivered: 3, ..Standing::default() });
        measured
    }

    #[test]
    fn every_family_is_told_once_with_its_samples() {
        let text = text(&everything());
        for family in FAMILIES {
            let head = format!("# HELP {} ", family.name);
            assert_eq!(text.matches(&head).count(), 1, "{}", family.name);
            let (_, rest) = text.split_once(&format!("# TYPE {} {}\n", family.name, family.kind.word())).unwrap();
            assert!(rest.starts_with(family.name), "{} has no sample", family.name);
            assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
        }
        let samples: Vec<&str> =
            text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0).collect();
        assert_eq!(samples.iter().collect::<BTreeSet<_>>().len(), samples.len(), "no sample comes twice");
    }

    #[test]
    fn samples_have_the_form_that_monitors_read() {
        let text = text(&everything());
        for line in [
            r#"hostfactory_requests{kind="return",status="running",template=""} 2"#,
            r#"hostfactory_machines{status="running",template="small"} 3"#,
            r#"hostfactory_requests_total{kind="acquire",template="small"} 1"#,
            r#"hostfactory_requested_hosts_total{kind="acquire",template="small"} 4"#,
            r#"hostfactory_requests_settled_total{kind="acquire",status="complete",template="small"} 1"#,
            r#"hostfactory_request_settled_seconds_bucket{kind="acquire",le="5"} 1"#,
            r#"hostfactory_request_settled_seconds_bucket{kind="acquire",le="+Inf"} 1"#,
            r#"hostfactory_request_settled_seconds_sum{kind="acquire"} 0.000"#,
            r#"hostfactory_request_first_host_seconds_bucket{le="3600"} 0"#,
            r#"hostfactory_aws_calls_total{operation="RunInstances",outcome="ok"} 5"#,
            r#"hostfactory_aws_throttles_total{operation="RunInstances"} 2"#,
            r#"hostfactory_last_run_timestamp_seconds{duty="recovery"} 1760000000.500"#,
            r#"hostfactory_template_suspended{template="broken"} 1"#,
            r#"hostfactory_sink_lag_events{sink="webhook"} 5"#,
            "hostfactory_store_readable 1",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is missing:\n{text}");
        }
    }

    #[test]
    fn whatever_a_label_holds_stays_within_its_quotes() {
        let mut measured = Measurements::default();
        measured.notes.count_calls("a\"b\\c\nd", "ok", 1);
        let text = text(&measured);
        assert!(text.contains(r#"hostfactory_aws_calls_total{operation="a\"b\\c\nd",outcome="ok"} 1"#), "{text}");
        assert!(text.contains("hostfactory_store_readable 0\n") && !text.contains("hostfactory_requests{"));
    }
}
