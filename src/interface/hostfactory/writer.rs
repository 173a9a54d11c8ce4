//! Strict writers: the five answers exactly as Host Factory knows them (`hostfactory.md` 3, `schemas/`).
//!
//! Invariants: numbers are numbers and attribute values are texts; every list is a list; a message is one line of
//! bounded length; an entry that says that something failed says why.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::application::commands::ReturnAccepted;
use crate::application::ports::Listing;
use crate::application::queries::{HostResult, HostView, LostHost, RequestView};
use crate::domain::RequestId;
use crate::domain::request::RequestStatus;
use crate::domain::template::{Attribute, AttributeType, Template, WeightedType};

/// The longest message, in characters.
const LONGEST_MESSAGE: usize = 2000;

/// The answer of a call that succeeded.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Of getAvailableTemplates.
    Templates(TemplatesOutput),
    /// Of requestMachines and requestReturnMachines.
    Accepted(AcceptedOutput),
    /// Of getRequestStatus.
    Status(StatusOutput),
    /// Of getReturnRequests.
    ToReturn(ToReturnOutput),
}

/// The output of getAvailableTemplates.
#[derive(Debug, Clone, Serialize)]
pub struct TemplatesOutput {
    templates: Vec<TemplateEntry>,
    message: &'static str,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct TemplateEntry {
    template_id: String,
    max_number: i64,
    attributes: Ordered<[String; 2]>,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    vm_types: Ordered<u32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    instance_tags: String,
    pgrp_name: Option<String>,
    on_demand_capacity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i64>,
}

/// The output of requestMachines and requestReturnMachines.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedOutput {
    request_id: String,
    message: &'static str,
}

/// The output of getRequestStatus.
#[derive(Debug, Clone, Serialize)]
pub struct StatusOutput {
    requests: Vec<RequestEntry>,
}

/// How one request stands.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestEntry {
    request_id: String,
    status: &'static str,
    message: String,
    machines: Vec<MachineEntry>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct MachineEntry {
    machine_id: String,
    name: String,
    result: &'static str,
    status: &'static str,
    private_ip_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip_address: Option<String>,
    launchtime: i64,
    message: String,
    price_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_type: Option<String>,
    instance_tags: String,
    cloud_host_id: Option<String>,
}

/// The output of getReturnRequests.
#[derive(Debug, Clone, Serialize)]
pub struct ToReturnOutput {
    status: &'static str,
    message: &'static str,
    requests: Vec<ToReturnEntry>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToReturnEntry {
    machine: String,
    grace_period: u64,
}

/// An object whose members keep their order.
#[derive(Debug, Clone)]
struct Ordered<V>(Vec<(String, V)>);

impl<V> Ordered<V> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V: Serialize> Serialize for Ordered<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            object.serialize_entry(key, value)?;
        }
        object.end()
    }
}

/// Returns the answer of getAvailableTemplates, in the operator's order.
pub fn templates(listing: &Listing) -> Answer {
    Answer::Templates(TemplatesOutput {
        templates: listing.templates.iter().map(template_entry).collect(),
        message: "Get available templates success.",
    })
}

fn template_entry(template: &Template) -> TemplateEntry {
    let launch = template.launch();
    let attributes = template.attributes().iter().map(|(name, Attribute(kind, value))| {
        let kind = match kind {
            AttributeType::String => "String",
            AttributeType::Numeric => "Numeric",
        };
        (name.to_owned(), [kind.to_owned(), value.clone()])
    });
    let vm_types = match launch.instance_types.as_slice() {
        [] | [_] => Vec::new(),
        several => several.iter().map(|WeightedType { name, weight }| (name.clone(), *weight)).collect(),
    };
    let tags: Vec<String> = launch.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    TemplateEntry {
        template_id: template.id().to_string(),
        max_number: template.max_number().number(),
        attributes: Ordered(attributes.collect()),
        vm_types: Ordered(vm_types),
        instance_tags: tags.join(";"),
        pgrp_name: launch.placement.group.clone(),
        on_demand_capacity: 0,
        priority: template.priority(),
    }
}

/// Returns the answer of requestMachines.
pub fn requested(id: &RequestId) -> Answer {
    Answer::Accepted(AcceptedOutput { request_id: id.to_string(), message: "Request VM success." })
}

/// Returns the answer of requestReturnMachines.
pub fn returned(accepted: &ReturnAccepted) -> Answer {
    Answer::Accepted(AcceptedOutput {
        request_id: accepted.id.to_string(),
        message: if accepted.any_active { "Delete VM success." } else { "No Active VM." },
    })
}

/// Returns the answer of getRequestStatus.
pub fn status(requests: Vec<RequestEntry>) -> Answer {
    Answer::Status(StatusOutput { requests })
}

/// Returns the answer of getReturnRequests.
pub fn to_return(hosts: Vec<LostHost>) -> Answer {
    let entry = |host: LostHost| ToReturnEntry { machine: host.name, grace_period: host.grace_seconds };
    Answer::ToReturn(ToReturnOutput {
        status: "complete",
        message: "Instances marked for termination retrieved successfully.",
        requests: hosts.into_iter().map(entry).collect(),
    })
}

impl RequestEntry {
    /// Returns the entry under the id by which it was asked for.
    pub fn named(self, id: &str) -> Self {
        Self { request_id: id.to_owned(), ..self }
    }

    /// Returns the entry of a request as it is stored.
    pub fn of(view: &RequestView) -> Self {
        let message = match view.status {
            RequestStatus::Running | RequestStatus::Complete => tidy(&view.message),
            RequestStatus::CompleteWithError => or_else(&view.message, "the request failed"),
        };
        Self {
            request_id: view.id.to_string(),
            status: view.status.word(),
            message,
            machines: view.hosts.iter().map(machine_entry).collect(),
        }
    }

    /// Returns the entry of a request of which only the store can be asked for now; `note` says why. It counts as
    /// running: a verdict would end Host Factory's interest in it.
    pub fn unconfirmed(id: &RequestId, view: Option<&RequestView>, note: &str) -> Self {
        Self {
            request_id: id.to_string(),
            status: RequestStatus::Running.word(),
            message: tidy(note),
            machines: view.map(|view| view.hosts.iter().map(machine_entry).collect()).unwrap_or_default(),
        }
    }

    /// Returns the entry of a request that does not exist.
    pub fn unknown(id: &str, detail: &str) -> Self {
        Self {
            request_id: id.to_owned(),
            status: RequestStatus::CompleteWithError.word(),
            message: format!("Unknown request id.{}{detail}", if detail.is_empty() { "" } else { " " }),
            machines: Vec::new(),
        }
    }
}

fn machine_entry(host: &HostView) -> MachineEntry {
    let (result, message) = match host.result {
        HostResult::Executing => ("executing", tidy(&host.message)),
        HostResult::Succeed => ("succeed", tidy(&host.message)),
        HostResult::Fail => ("fail", or_else(&host.message, "the host failed")),
    };
    MachineEntry {
        machine_id: host.id.to_string(),
        name: host.name.clone(),
        result,
        status: host.status.word(),
        private_ip_address: host.private_ip.clone(),
        public_ip_address: host.public_ip.clone().filter(|address| !address.is_empty()),
        launchtime: host.launched_at.as_seconds(),
        message,
        price_type: host.price_type.word(),
        instance_type: host.instance_type.clone().filter(|name| !name.is_empty()),
        instance_tags: host.tags.clone(),
        cloud_host_id: None,
    }
}

fn or_else(text: &str, otherwise: &str) -> String {
    if text.trim().is_empty() { otherwise.to_owned() } else { tidy(text) }
}

/// Returns a text fit for a message: control characters escaped, cut when it is too long.
pub(super) fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len().min(LONGEST_MESSAGE));
    let mut length = 0;
    for character in text.chars() {
        let escaped: String =
            if character.is_control() { character.escape_debug().collect() } else { String::from(character) };
        length += escaped.chars().count();
        if length >= LONGEST_MESSAGE {
            tidy.push('…');
            break;
        }
        tidy.push_str(&escaped);
    }
    tidy
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
