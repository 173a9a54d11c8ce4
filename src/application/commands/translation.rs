//! From the words of another plug-in to requests and machines of ours.
//!
//! Invariants: what cannot be said in our words is left and named, never guessed; a host whose state is not clear counts as
//! one that lives, so that it can still be given back.

use std::collections::{BTreeMap, BTreeSet};

use crate::application::ports::{ForeignKind, ForeignMachine, ForeignRequest, Found};
use crate::domain::machine::{MachineSnapshot, MachineStatus};
use crate::domain::request::{
    Acquire, Body, LaunchPlan, Outcome, RequestPolicy, RequestSnapshot, RequestStatus, Return, ReturnItem, Verdict,
};
use crate::domain::template::{PriceType, ProviderApi};
use crate::domain::{MachineCount, MachineId, RequestId, RequestKind, TemplateId, Timestamp, Version};

/// What stays behind, and why.
pub(super) type Left = Vec<(String, String)>;

/// Everything that can be said in our words.
#[derive(Debug, Default)]
pub(super) struct Translated {
    pub(super) requests: BTreeMap<RequestId, RequestSnapshot>,
    pub(super) machines: BTreeMap<MachineId, MachineSnapshot>,
    /// What was found twice, or has no id that could be used.
    pub(super) left_requests: Left,
    pub(super) left_machines: Left,
    /// What was found under another id, or made up from its hosts.
    pub(super) changed: Left,
}

/// What the translation goes by.
pub(super) struct Rules<'a> {
    pub(super) policy: &'a RequestPolicy,
    pub(super) default_api: ProviderApi,
    pub(super) now: Timestamp,
}

/// Returns the way that a plug-in means by these words, else the one that the resource tells.
pub(super) fn way(api: Option<&str>, fleet_type: Option<&str>, resource: Option<&str>) -> Option<ProviderApi> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let kind = fleet_type.map(plain).unwrap_or_default();
    let resource = resource.unwrap_or_default();
    Some(match (api.map(plain).unwrap_or_default().as_str(), resource) {
        ("runinstances", _) => ProviderApi::RunInstances,
        ("asg" | "autoscalinggroup" | "autoscaling", _) => ProviderApi::AutoScaling,
        ("spotfleet", _) if kind == "maintain" => ProviderApi::SpotFleetMaintain,
        ("spotfleet", _) => ProviderApi::SpotFleetRequest,
        ("ec2fleet", _) if kind == "instant" => ProviderApi::Ec2FleetInstant,
        ("ec2fleet", _) if kind == "maintain" => ProviderApi::Ec2FleetMaintain,
        // ORB's own choice where the template says nothing.
        ("ec2fleet", _) => ProviderApi::Ec2FleetRequest,
        (_, "") => return None,
        (_, id) if id.starts_with("sfr-") => ProviderApi::SpotFleetRequest,
        (_, id) if id.starts_with("fleet-") => ProviderApi::Ec2FleetRequest,
        (_, id) if id.starts_with("r-") => ProviderApi::RunInstances,
        _ => ProviderApi::AutoScaling,
    })
}

fn machine_status(word: &str) -> MachineStatus {
    match word {
        "running" => MachineStatus::Running,
        "stopping" => MachineStatus::Stopping,
        "stopped" => MachineStatus::Stopped,
        "shutting-down" | "shutting_down" => MachineStatus::ShuttingDown,
        "terminated" | "returned" => MachineStatus::Terminated,
        // What failed, or is not known, may live; the first look at it tells.
        _ => MachineStatus::Pending,
    }
}

/// Returns `None` for a request that goes on.
fn settled_as(word: &str) -> Option<RequestStatus> {
    match word {
        "complete" | "completed" | "partial" | "succeeded" => Some(RequestStatus::Complete),
        "failed" | "cancelled" | "canceled" | "timeout" | "error" | "complete_with_error" => {
            Some(RequestStatus::CompleteWithError)
        }
        _ => None,
    }
}

/// Returns our id for a request, and whether it is another than the one that was given.
fn id_of(text: &str, kind: ForeignKind) -> Option<(RequestId, bool)> {
    let kind = match kind {
        ForeignKind::Acquire => RequestKind::Acquire,
        ForeignKind::Return => RequestKind::Return,
    };
    match text.parse::<RequestId>() {
        Ok(id) if id.kind() == kind => Some((id, false)),
        _ => RequestId::of_foreign(kind, text).map(|id| (id, true)),
    }
}

/// Says what was found in our words.
pub(super) fn translate(found: &Found, rules: &Rules<'_>) -> Translated {
    let mut out = Translated::default();
    let mut of_request: BTreeMap<&str, &ForeignRequest> = BTreeMap::new();
    for request in found.requests.iter().filter(|request| request.kind == ForeignKind::Acquire) {
        of_request.insert(&request.id, request);
    }
    // Where a machine does not name its request, the request may name the machine.
    let named_by: BTreeMap<&str, &ForeignRequest> =
        of_request.values().flat_map(|request| request.machines.iter().map(|id| (id.as_str(), *request))).collect();
    let mut hosts: BTreeMap<RequestId, Vec<&ForeignMachine>> = BTreeMap::new();
    for machine in &found.machines {
        let request =
            machine.request.as_deref().and_then(|id| of_request.get(id)).or_else(|| named_by.get(machine.id.as_str()));
        out.take_machine(machine, request.copied(), found, rules, &mut hosts);
    }
    let mut returning: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for machine in &found.machines {
        if let Some(id) = &machine.return_request {
            returning.entry(id).or_default().push(&machine.id);
        }
    }
    for request in &found.requests {
        out.take_request(request, &returning, rules, &hosts);
    }
    for (id, machines) in &hosts {
        if !out.requests.contains_key(id) {
            out.requests.insert(id.clone(), out.rebuilt(id, machines, rules));
            let why = format!("is made up from its {} hosts: the database does not have it", machines.len());
            out.changed.push((id.to_string(), why));
        }
    }
    out
}

impl Translated {
    fn take_machine<'f>(
        &mut self,
        machine: &'f ForeignMachine,
        request: Option<&ForeignRequest>,
        found: &Found,
        rules: &Rules<'_>,
        hosts: &mut BTreeMap<RequestId, Vec<&'f ForeignMachine>>,
    ) {
        let id = match machine.id.parse::<MachineId>() {
            Ok(id) => id,
            Err(error) => return self.left_machines.push((machine.id.clone(), error.to_string())),
        };
        if self.machines.contains_key(&id) {
            return self.left_machines.push((id.to_string(), "comes twice; the first one counts".to_owned()));
        }
        let only = request.and_then(|request| if let [one] = &request.resources[..] { Some(one) } else { None });
        let resource = machine.resource.as_ref().or(only).cloned();
        let api = machine.api.as_deref().or_else(|| request.and_then(|request| request.api.as_deref()));
        let fleet_type = request.and_then(|request| request.fleet_type.as_deref());
        let api = way(api, fleet_type, resource.as_deref()).unwrap_or(rules.default_api);
        let template = machine.template.as_deref().or_else(|| request.and_then(|request| request.template.as_deref()));
        let weight = template
            .zip(machine.instance_type.as_deref())
            .and_then(|(template, kind)| found.weights.get(template)?.get(kind).copied());
        let named = machine.request.as_deref().or_else(|| request.map(|request| request.id.as_str()));
        // The hosts of a fleet that no request is known of belong together all the same: what the fleet keeps depends on it.
        let named = named.or(resource.as_deref().filter(|_| api.launches_by_itself()));
        let request_id = named.and_then(|id| id_of(id, ForeignKind::Acquire)).map(|(id, _)| id);
        if let Some(request) = &request_id {
            hosts.entry(request.clone()).or_default().push(machine);
        }
        let at = machine.launched_at.unwrap_or(rules.now);
        let name = machine.name.as_deref().and_then(|name| name.parse().ok());
        if name.is_none() && machine.name.is_some() {
            self.changed.push((id.to_string(), "its name is no host name and is left out".to_owned()));
        }
        let snapshot = MachineSnapshot {
            id: id.clone(),
            api,
            resource: resource.filter(|_| api.launches_by_itself()),
            weight: weight.unwrap_or(1).max(1),
            request_id,
            return_id: machine
                .return_request
                .as_deref()
                .and_then(|id| id_of(id, ForeignKind::Return))
                .map(|(id, _)| id),
            template_id: template.and_then(|id| id.parse().ok()),
            status: machine_status(&machine.status),
            reason: machine.reason.clone(),
            name,
            private_ip: machine.private_ip.clone(),
            public_ip: machine.public_ip.clone(),
            launched_at: at,
            known_since: rules.now,
            instance_type: machine.instance_type.clone(),
            price_type: match machine.price_type.as_deref() {
                Some("spot") => PriceType::Spot,
                _ => PriceType::OnDemand,
            },
            zone: machine.zone.clone(),
            tags: machine.tags.clone(),
            unseen: None,
            interruption: None,
            given_up: None,
            ending_since: None,
            listed: false,
            taken_over: true,
            changed_at: rules.now,
            version: Version::default(),
        };
        self.machines.insert(id, snapshot);
    }

    fn take_request(
        &mut self,
        request: &ForeignRequest,
        returning: &BTreeMap<&str, Vec<&str>>,
        rules: &Rules<'_>,
        hosts: &BTreeMap<RequestId, Vec<&ForeignMachine>>,
    ) {
        let Some((id, is_other)) = id_of(&request.id, request.kind) else {
            let why = "is no id that Host Factory could ask for".to_owned();
            return self.left_requests.push((request.id.chars().take(80).collect(), why));
        };
        if self.requests.contains_key(&id) {
            return self.left_requests.push((request.id.clone(), "comes twice; the first one counts".to_owned()));
        }
        let settled = settled_as(&request.status);
        let created_at = request.created_at.unwrap_or(rules.now);
        let own: &[&ForeignMachine] = hosts.get(&id).map_or(&[], Vec::as_slice);
        let (body, term) = match request.kind {
            ForeignKind::Acquire => {
                let acquire = self.acquire(request, own, settled.is_some(), rules);
                (Body::Acquire(acquire), rules.policy.acquire_deadline)
            }
            ForeignKind::Return => match self.give_back(request, returning) {
                Some(items) => (Body::Return(Return { items }), rules.policy.return_deadline),
                None => return self.left_requests.push((request.id.clone(), "names no host".to_owned())),
            },
        };
        let status = match (&body, settled) {
            (_, None) => RequestStatus::Running,
            // A request that brought nothing is none that is complete, whatever its plug-in says.
            (Body::Acquire(acquire), Some(_)) if usable(acquire) == 0 => RequestStatus::CompleteWithError,
            (_, Some(status)) => status,
        };
        let is_whole = request.status.starts_with("complete") && request.message.is_empty();
        let message = match settled {
            _ if is_whole => String::new(),
            Some(_) if request.message.is_empty() => format!("taken over as {}", request.status),
            Some(_) | None => request.message.clone(),
        };
        if is_other {
            self.changed.push((request.id.clone(), format!("is kept as {id} and answers under its own id")));
        }
        let deadline = if settled.is_some() { created_at } else { rules.now.after(term) };
        let snapshot = snapshot(&id, status, created_at, deadline, message, body, rules);
        self.requests.insert(id, snapshot);
    }

    fn acquire(&self, request: &ForeignRequest, own: &[&ForeignMachine], settled: bool, rules: &Rules<'_>) -> Acquire {
        let resource = request.resources.first().map(String::as_str);
        let api = way(request.api.as_deref(), request.fleet_type.as_deref(), resource).unwrap_or(rules.default_api);
        let known = u32::try_from(own.len()).unwrap_or(u32::MAX);
        let wanted = request.wanted.unwrap_or(known);
        Acquire {
            template_id: request.template.as_deref().and_then(|id| id.parse::<TemplateId>().ok()),
            account: request.account.as_deref().and_then(|name| name.parse().ok()),
            outcomes: if settled { outcomes(own) } else { Vec::new() },
            ..self.bare(api, wanted, known, rules)
        }
    }

    #[expect(clippy::unused_self, reason = "it reads like the functions beside it")]
    fn bare(&self, api: ProviderApi, wanted: u32, known: u32, rules: &Rules<'_>) -> Acquire {
        Acquire {
            template_id: None,
            template_digest: None,
            api,
            wanted: MachineCount::nearest(wanted),
            account: None,
            // Nothing is ever asked for again on behalf of it.
            plan: LaunchPlan::default(),
            batch_limit: rules.policy.batch_limit,
            attempts: Vec::new(),
            adopted: known,
            lost: 0,
            outcomes: Vec::new(),
        }
    }

    /// Returns a settled request for hosts whose own is not known.
    fn rebuilt(&self, id: &RequestId, own: &[&ForeignMachine], rules: &Rules<'_>) -> RequestSnapshot {
        let first = own.first().and_then(|machine| self.machines.get(&machine.id.parse().ok()?));
        let known = u32::try_from(own.len()).unwrap_or(u32::MAX);
        let api = first.map_or(rules.default_api, |machine| machine.api);
        let acquire = Acquire {
            template_id: first.and_then(|machine| machine.template_id.clone()),
            outcomes: outcomes(own),
            ..self.bare(api, known, known, rules)
        };
        let status = if usable(&acquire) == 0 { RequestStatus::CompleteWithError } else { RequestStatus::Complete };
        let at = first.map_or(rules.now, |machine| machine.launched_at);
        snapshot(id, status, at, at, String::new(), Body::Acquire(acquire), rules)
    }

    /// Returns the hosts of a return: those that it names, and those that name it.
    fn give_back(&self, request: &ForeignRequest, returning: &BTreeMap<&str, Vec<&str>>) -> Option<Vec<ReturnItem>> {
        let naming = returning.get(request.id.as_str()).into_iter().flatten();
        let ids: BTreeSet<MachineId> = request
            .machines
            .iter()
            .map(String::as_str)
            .chain(naming.copied())
            .filter_map(|id| id.parse().ok())
            .collect();
        let item = |id: MachineId| {
            let name = self.machines.get(&id).and_then(|machine| machine.name.clone());
            ReturnItem::named(Some(id), name)
        };
        (!ids.is_empty()).then(|| ids.into_iter().map(item).collect())
    }
}

fn snapshot(
    id: &RequestId,
    status: RequestStatus,
    created_at: Timestamp,
    deadline: Timestamp,
    message: String,
    body: Body,
    rules: &Rules<'_>,
) -> RequestSnapshot {
    RequestSnapshot {
        id: id.clone(),
        status,
        created_at,
        deadline,
        message,
        // Host Factory has asked about it, or will: nobody must give it up.
        claimed_at: Some(rules.now),
        cancelled_at: None,
        changed_at: rules.now,
        body,
        version: Version::default(),
    }
}

fn usable(acquire: &Acquire) -> usize {
    acquire.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Usable).count()
}

/// The verdicts that a settled request has given over its hosts.
fn outcomes(own: &[&ForeignMachine]) -> Vec<Outcome> {
    own.iter()
        .filter_map(|machine| {
            let machine_id = machine.id.parse().ok()?;
            let status = machine_status(&machine.status);
            let or = |text: &str| machine.reason.clone().unwrap_or_else(|| text.to_owned());
            let verdict = match status {
                MachineStatus::Pending => Verdict::Failed(or("it had not become usable")),
                MachineStatus::Running => Verdict::Usable,
                // What has had an address was usable when its request settled.
                _ if machine.private_ip.is_some() => Verdict::Usable,
                _ => Verdict::Failed(or("it ended before it became usable")),
            };
            let status = if verdict == Verdict::Usable { MachineStatus::Running } else { status };
            Some(Outcome { machine_id, status, verdict })
        })
        .collect()
}
