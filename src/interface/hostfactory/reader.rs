//! Tolerant readers: every spelling of the five inputs that was ever seen, into messages of the application.
//!
//! Invariants: nothing is guessed where guessing could end or launch a wrong host; every refusal names the key and, in
//! a list, the position; no text goes further than this file without having passed the check of its type.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::json::{Json, Members, shown_text};
use crate::application::commands::{HostRef, RequestMachines, ReturnMachines};
use crate::domain::{
    AccountName, DomainError, HostName, MachineCount, MachineId, RequestId, RequestKey, RequestKind, TemplateId,
};

/// A request id that Host Factory asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// One of the form that we give out.
    Ours(RequestId),
    /// One that we never gave out, such as that of another plug-in; harmless to repeat.
    Foreign(String),
}

/// The hosts that Host Factory holds, as far as they could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldHosts {
    /// Those that could be read.
    pub hosts: Vec<HostRef>,
    /// How many could not.
    pub skipped: usize,
    /// What is wrong with the first of them.
    pub problems: Vec<DomainError>,
}

impl HeldHosts {
    /// The most problems that are kept; more of them say nothing new.
    const MOST_PROBLEMS: usize = 10;

    fn skip(&mut self, problem: DomainError) {
        self.skipped += 1;
        if self.problems.len() < Self::MOST_PROBLEMS {
            self.problems.push(problem);
        }
    }
}

/// Reads the input of requestMachines: nested, flat, camelCase or `snake_case` (`hostfactory.md` 3.2).
///
/// # Errors
/// [`DomainError::Validation`] for a missing or senseless template id, count, account, key or list of machines.
pub fn request_machines(input: &Members) -> Result<RequestMachines, DomainError> {
    match input.get("machines") {
        None => {}
        Some(Json::List(machines)) if machines.is_empty() => {}
        Some(_) => return Err(DomainError::validation("machines", "must be empty; hosts cannot be asked for by name")),
    }
    let (order, place) = match input.get("template") {
        Some(Json::Object(order)) => (order, "template."),
        Some(other) => return Err(not("template", other, "an object with templateId and machineCount")),
        None => (input, ""),
    };
    let (key, id) = required(order, place, &["templateId", "template_id"])?;
    let template: TemplateId = id_of(&key, id, "a template id")?;
    let count = match one_of(order, place, &["machineCount", "machine_count", "requested_count"])? {
        Some((key, count)) => count_of(&key, count)?,
        // In the nested form this is the template's own limit and not a count.
        None if place.is_empty() && order.get("maxNumber").is_some() => {
            let (key, count) = required(order, place, &["maxNumber"])?;
            count_of(&key, count)?
        }
        None => return Err(missing(place, "machineCount")),
    };
    let account = match input.get("rc_account") {
        None => None,
        Some(Json::Text(text)) if text.is_empty() => None,
        Some(other) => Some(id_of::<AccountName>("rc_account", other, "an account name")?),
    };
    let key = match one_of(input, "", &KEY_KEYS)? {
        None => None,
        Some((_, Json::Text(text))) if text.is_empty() => None,
        Some((place, other)) => Some(id_of::<RequestKey>(&place, other, "a request key")?),
    };
    Ok(RequestMachines { template, count, account, key })
}

/// Reads the input of requestReturnMachines: a list, a single host, texts, or `machine_ids` (`hostfactory.md` 3.3).
///
/// # Errors
/// [`DomainError::Validation`] when there is no host, or one that is not named by a well-formed id or name.
pub fn return_machines(input: &Members) -> Result<ReturnMachines, DomainError> {
    let (key, list) = required(input, "", &HOST_KEYS)?;
    let mut hosts = Vec::new();
    for (place, entry) in entries(&key, list) {
        hosts.push(host_of(&place, entry)?);
    }
    if hosts.is_empty() {
        return Err(DomainError::validation(key, "is empty; name the hosts to give back"));
    }
    Ok(ReturnMachines { hosts: without_repetitions(hosts) })
}

/// Reads the input of getReturnRequests. A host that cannot be read is left out rather than failing a call that Host
/// Factory repeats for ever; no list at all means that nothing is known (`hostfactory.md` 3.5).
pub fn held_hosts(input: &Members) -> HeldHosts {
    let mut held = HeldHosts::default();
    match one_of(input, "", &HOST_KEYS) {
        Ok(None) => {}
        Ok(Some((key, list))) => {
            for (place, entry) in entries(&key, list) {
                match host_of(&place, entry) {
                    Ok(host) => held.hosts.push(host),
                    Err(error) => held.skip(error),
                }
            }
        }
        Err(error) => held.skip(error),
    }
    held.hosts = without_repetitions(held.hosts);
    held
}

/// Reads the input of getRequestStatus: a list, a single object, texts, or flat (`hostfactory.md` 3.4). Every id is
/// kept, in order, repeated ones too.
///
/// # Errors
/// [`DomainError::Validation`] when there is no id, or one that could be hostile.
pub fn request_ids(input: &Members) -> Result<Vec<Asked>, DomainError> {
    let Some(list) = input.get("requests") else {
        let (key, id) = one_of(input, "", &ID_KEYS)?.ok_or_else(|| missing("", "requests"))?;
        return Ok(vec![asked(&key, id)?]);
    };
    let mut ids = Vec::new();
    for (place, entry) in entries("requests", list) {
        ids.push(match entry {
            Json::Object(entry) => {
                let (key, id) = required(entry, &format!("{place}."), &ID_KEYS)?;
                asked(&key, id)?
            }
            other => asked(&place, other)?,
        });
    }
    if ids.is_empty() {
        return Err(DomainError::validation("requests", "is empty; name the requests to report on"));
    }
    Ok(ids)
}

const HOST_KEYS: [&str; 3] = ["machines", "machineIds", "machine_ids"];
/// A key of the caller's own; Host Factory sends none.
const KEY_KEYS: [&str; 2] = ["requestKey", "clientToken"];
const ID_KEYS: [&str; 2] = ["requestId", "request_id"];

/// Returns the one member that bears one of `keys`, with its full name.
fn one_of<'v>(members: &'v Members, place: &str, keys: &[&str]) -> Result<Option<(String, &'v Json)>, DomainError> {
    let mut found: Option<(&str, &Json)> = None;
    for key in keys {
        let Some(value) = members.get(key) else { continue };
        match found {
            Some((first, other)) if other != value => {
                let reason = format!("says something else than {first}");
                return Err(DomainError::validation(format!("{place}{key}"), reason));
            }
            Some(_) => {}
            None => found = Some((key, value)),
        }
    }
    Ok(found.map(|(key, value)| (format!("{place}{key}"), value)))
}

fn required<'v>(members: &'v Members, place: &str, keys: &[&str]) -> Result<(String, &'v Json), DomainError> {
    one_of(members, place, keys)?.ok_or_else(|| missing(place, keys.first().unwrap_or(&"")))
}

fn missing(place: &str, key: &str) -> DomainError {
    DomainError::validation(format!("{place}{key}"), "is missing or null")
}

fn not(key: &str, found: &Json, wanted: &str) -> DomainError {
    DomainError::validation(key, format!("{} is not {wanted}", found.shown()))
}

/// Returns the entries of a list with their places; anything else is its own only entry.
fn entries<'v>(key: &'v str, value: &'v Json) -> Box<dyn Iterator<Item = (String, &'v Json)> + 'v> {
    match value {
        Json::List(list) => Box::new(list.iter().enumerate().map(move |(at, entry)| (format!("{key}[{at}]"), entry))),
        single => Box::new(std::iter::once((key.to_owned(), single))),
    }
}

/// Reads an id, and names the place of one that is refused.
fn id_of<T: FromStr<Err = DomainError>>(place: &str, value: &Json, wanted: &str) -> Result<T, DomainError> {
    let Json::Text(text) = value else { return Err(not(place, value, wanted)) };
    text.parse().map_err(|error| match error {
        DomainError::Validation { reason, .. } => DomainError::validation(place, reason),
        other => other,
    })
}

fn count_of(key: &str, value: &Json) -> Result<MachineCount, DomainError> {
    let whole = match value {
        Json::Integer(number) => u32::try_from(*number).ok(),
        // 3.0 is as whole as 3.
        Json::Float(number) if number.fract() == 0.0 => format!("{number:.0}").parse().ok(),
        Json::Text(text) if !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    whole
        .and_then(|number| MachineCount::try_from(number).ok())
        .ok_or_else(|| not(key, value, &format!("a whole number from 1 to {}", MachineCount::MOST)))
}

/// Reads a host: an object with `machineId`, `name` or both, or a bare text.
fn host_of(place: &str, entry: &Json) -> Result<HostRef, DomainError> {
    let members = match entry {
        Json::Object(members) => members,
        // A resource name such as `i-0123456789abcdef0.ec2.internal` starts like an id and has dots.
        Json::Text(text) if text.starts_with("i-") && !text.contains('.') => {
            return Ok(HostRef { id: Some(id_of(place, entry, "")?), name: None });
        }
        Json::Text(_) => return Ok(HostRef { id: None, name: Some(id_of(place, entry, "")?) }),
        other => return Err(not(place, other, "a host: an object with machineId or name, or a text")),
    };
    let place = format!("{place}.");
    let id: Option<MachineId> = part(one_of(members, &place, &["machineId", "machine_id"])?, "an instance id")?;
    let name: Option<HostName> = part(one_of(members, &place, &["name"])?, "a host name")?;
    if id.is_none() && name.is_none() {
        return Err(missing(&place, "machineId"));
    }
    // A host that never had a name was reported under its id.
    let id = id.or_else(|| name.as_ref().and_then(|name| name.as_str().parse().ok()));
    Ok(HostRef { id, name })
}

/// Reads one half of a host's identity; an empty text is the same as none.
fn part<T: FromStr<Err = DomainError>>(found: Option<(String, &Json)>, wanted: &str) -> Result<Option<T>, DomainError> {
    match found {
        None => Ok(None),
        Some((_, Json::Text(text))) if text.is_empty() => Ok(None),
        Some((place, value)) => id_of(&place, value, wanted).map(Some),
    }
}

fn without_repetitions(mut hosts: Vec<HostRef>) -> Vec<HostRef> {
    let mut seen = BTreeSet::new();
    hosts.retain(|host| seen.insert((host.id.clone(), host.name.clone())));
    hosts
}

/// Reads a request id. One that we never gave out is kept if it can be repeated without harm.
fn asked(place: &str, value: &Json) -> Result<Asked, DomainError> {
    let Json::Text(text) = value else { return Err(not(place, value, "a request id")) };
    if let Ok(id) = text.parse() {
        return Ok(Asked::Ours(id));
    }
    if RequestId::of_foreign(RequestKind::Acquire, text).is_some() {
        return Ok(Asked::Foreign(text.clone()));
    }
    Err(DomainError::validation(place, format!("{} is not a request id", shown_text(text))))
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
