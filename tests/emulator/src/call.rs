//! One call from its request to its answer, with the verb that it meets on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::actions::{self, Context, Service, page_of};
use crate::clock::{Millis, http_date, millis, signed_at, wall};
use crate::faults::{About, Phase, Verb};
use crate::hold::{Decision, Waiting};
use crate::http::{Request, Response};
use crate::query::Parameters;
use crate::refusal::{HEADER, Refusal, words_of};
use crate::server::Shared;
use crate::world::{CallRecord, World};

/// A signature is good for so long (`RequestExpired`).
const SIGNATURE_LIFE: Millis = 15 * 60_000;

/// What happens on the connection.
pub(crate) enum Conduct {
    Answer(Response),
    Stall(Response),
    Close,
}

/// A call as it was asked for.
struct Asked {
    service: Service,
    action: String,
    parameters: Arc<Parameters>,
    access_key: Option<String>,
    region: String,
    signed_at: Option<Millis>,
    user_agent: String,
}

impl Asked {
    fn of(request: &Request) -> Result<Self, Refusal> {
        let authorization = request.header("authorization").unwrap_or_default();
        // AWS4-HMAC-SHA256 Credential=AKID/20260131/us-east-1/ec2/aws4_request, SignedHeaders=..., Signature=...
        let credential =
            authorization.split_once("Credential=").map(|(_, rest)| rest.split(',').next().unwrap_or(rest));
        let mut scope = credential.unwrap_or_default().split('/');
        let access_key = scope.next().filter(|key| !key.is_empty()).map(str::to_owned);
        let region = scope.nth(1).filter(|region| !region.is_empty()).unwrap_or(crate::catalogue::REGION).to_owned();
        let (service, action, parameters) = if let Some(target) = request.header("x-amz-target") {
            let (house, action) = target.rsplit_once('.').unwrap_or(("", target));
            let service = if house.starts_with("ServiceQuotas") { Service::Quotas } else { Service::Ssm };
            (service, action.to_owned(), of_json(&request.body)?)
        } else {
            let query = request.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
            let form = if request.method == "GET" { query.as_bytes() } else { &request.body };
            let mut parameters = Parameters::of_form(form);
            let action = parameters.0.remove("Action").unwrap_or_default();
            let version = parameters.0.remove("Version");
            let service = match version.as_deref() {
                Some("2011-06-15") => Service::Sts,
                Some("2011-01-01") => Service::AutoScaling,
                _ => Service::Ec2,
            };
            if action.is_empty() {
                let text = "The request must contain the parameter Action";
                return Err(Refusal::new("MissingAction", text));
            }
            (service, action, parameters)
        };
        Ok(Self {
            service,
            action,
            parameters: Arc::new(parameters),
            access_key,
            region,
            signed_at: request.header("x-amz-date").and_then(signed_at),
            user_agent: request.header("user-agent").unwrap_or_default().to_owned(),
        })
    }

    /// Returns what faults ask about a call.
    fn about(&self, world: &World) -> About {
        let parameters = &self.parameters;
        let mut about = About { page: page_of(parameters.get("NextToken")), ..About::default() };
        about.types.extend(parameters.get("InstanceType").map(str::to_owned));
        about.zones.extend(parameters.get("Placement.AvailabilityZone").map(str::to_owned));
        about.types.extend(parameters.of_fleets(".InstanceType").map(str::to_owned));
        let subnets = ["SubnetId", "NetworkInterface.1.SubnetId"].into_iter().filter_map(|name| parameters.get(name));
        let subnets = subnets.chain(parameters.of_fleets(".SubnetId").flat_map(|list| list.split(',').map(str::trim)));
        about.zones.extend(subnets.filter_map(|id| Some(world.catalogue.subnet(id)?.zone_in(&self.region))));
        about.instances.extend(parameters.list("InstanceId").into_iter().map(str::to_owned));
        about.instances.extend(parameters.list("InstanceIds.member").into_iter().map(str::to_owned));
        about.instances.extend(parameters.get("InstanceId").map(str::to_owned));
        for filter in parameters.filters().unwrap_or_default() {
            if filter.name == "instance-id" {
                about.instances.extend(filter.values);
            }
        }
        for id in &about.instances {
            let found = world.instances.number(id).and_then(|number| world.instances.get(number));
            if let Some((_, launch)) = found {
                about.zones.push(launch.zone.clone());
                about.types.push(launch.instance_type.clone());
            }
        }
        about
    }
}

/// The scalars and lists of a JSON document, spelt as the Query protocol spells them.
fn of_json(body: &[u8]) -> Result<Parameters, Refusal> {
    let refused = |error: serde_json::Error| Refusal::new("SerializationException", error.to_string());
    let document: BTreeMap<String, Value> = serde_json::from_slice(body).map_err(refused)?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut parameters = Parameters::default();
    for (name, value) in &document {
        match value {
            Value::Array(values) => {
                let numbered =
                    (1..).zip(values).map(|(number, value): (u32, _)| (format!("{name}.{number}"), text(value)));
                parameters.0.extend(numbered);
            }
            value => {
                parameters.0.insert(name.clone(), text(value));
            }
        }
    }
    Ok(parameters)
}

/// Carries a request out.
pub(crate) fn conduct(shared: &Shared, request: &Request) -> Conduct {
    let asked = match Asked::of(request) {
        Ok(asked) => asked,
        Err(refusal) => {
            let json = request.header("x-amz-target").is_some();
            let service = if json { Service::Ssm } else { Service::Ec2 };
            return Conduct::Answer(refusal.response(service.protocol(), &request_id(0)));
        }
    };
    let (number, verb) = begin(&mut shared.world(), &asked);
    let call = Call { shared, asked: &asked, number };
    match &verb {
        Some(Verb::Code { phase: Phase::Before, code, status, message }) => {
            return call.refused(code, *status, message.as_deref());
        }
        Some(Verb::BadPage(_)) => return call.refused("InternalError", None, None),
        Some(Verb::Drop(Phase::Before)) => return Conduct::Close,
        Some(Verb::Delay(Phase::Before, millis)) => shared.desk.pause(Duration::from_millis(*millis)),
        Some(Verb::Hold(Phase::Before)) => {
            if let Some(instead) = call.held(Phase::Before) {
                return instead;
            }
        }
        _ => {}
    }
    let outcome = carry_out(&mut shared.world(), &asked, number, verb.as_ref());
    match &verb {
        Some(Verb::Code { phase: Phase::After, code, status, message }) => {
            return call.refused(code, *status, message.as_deref());
        }
        Some(Verb::Drop(Phase::After)) => return Conduct::Close,
        Some(Verb::Delay(Phase::After, millis)) => shared.desk.pause(Duration::from_millis(*millis)),
        Some(Verb::Hold(Phase::After)) => {
            if let Some(instead) = call.held(Phase::After) {
                return instead;
            }
        }
        Some(Verb::Garbage) => {
            let body = format!("{HEADER}<{}Response><<not XML & never ends", asked.action);
            return call.answered(Response::text(200, "text/xml;charset=UTF-8", body), None);
        }
        _ => {}
    }
    let conduct = match outcome {
        Ok(inside) => call.answered(call.envelope(&inside), None),
        Err(refusal) => call.refusal(&refusal),
    };
    match (verb, conduct) {
        (Some(Verb::Stall), Conduct::Answer(response)) => Conduct::Stall(response),
        (_, conduct) => conduct,
    }
}

/// Writes the call down, and returns its number and the verb that it meets.
fn begin(world: &mut World, asked: &Asked) -> (u64, Option<Verb>) {
    let mut faults = std::mem::take(&mut world.faults);
    let get = |name: &str| asked.parameters.get(name).map(str::to_owned);
    let verb = faults.take(&asked.action, get, || asked.about(world));
    world.faults = faults;
    let number = u64::try_from(world.calls.len()).unwrap_or_default() + 1;
    let at = world.now();
    world.calls.push(CallRecord {
        number,
        action: asked.action.clone(),
        parameters: Arc::clone(&asked.parameters),
        at,
        status: None,
        code: None,
        fault: verb.as_ref().map(Verb::name),
        access_key: asked.access_key.clone().unwrap_or_default(),
        region: asked.region.clone(),
        user_agent: asked.user_agent.clone(),
    });
    (number, verb)
}

fn carry_out(world: &mut World, asked: &Asked, number: u64, verb: Option<&Verb>) -> Result<String, Refusal> {
    world.settle();
    let Some(key) = &asked.access_key else {
        let text = "Request is missing Authentication Token";
        return Err(Refusal::new("MissingAuthenticationToken", text));
    };
    let service_time = wall() + world.skew.unwrap_or_default();
    let is_stale = |at: Millis| (service_time - at).abs() > SIGNATURE_LIFE;
    let stale = world.skew.is_some() && asked.signed_at.is_none_or(is_stale);
    if stale || world.expired_keys.contains(key) {
        return Err(Refusal::new(asked.service.own_code("RequestExpired"), words_of("RequestExpired")));
    }
    let mut context = Context { world, parameters: &asked.parameters, call: number, region: &asked.region, verb };
    actions::carry_out(asked.service, &asked.action, &mut context)
}

fn request_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// A call with its number.
struct Call<'a> {
    shared: &'a Shared,
    asked: &'a Asked,
    number: u64,
}

impl Call<'_> {
    fn envelope(&self, inside: &str) -> Response {
        let Asked { action, service, .. } = self.asked;
        let id = request_id(self.number);
        let space = service.namespace();
        let body = match service {
            Service::Ssm | Service::Quotas => return Response::text(200, "application/x-amz-json-1.1", inside),
            Service::Ec2 => {
                format!(
                    "{HEADER}<{action}Response xmlns=\"{space}\"><requestId>{id}</requestId>{inside}</{action}Response>"
                )
            }
            Service::Sts | Service::AutoScaling => format!(
                "{HEADER}<{action}Response xmlns=\"{space}\"><{action}Result>{inside}</{action}Result>\
                 <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{action}Response>"
            ),
        };
        Response::text(200, "text/xml;charset=UTF-8", body)
    }

    fn refused(&self, code: &str, status: Option<u16>, message: Option<&str>) -> Conduct {
        let refusal = Refusal::new(self.asked.service.own_code(code), message.unwrap_or_else(|| words_of(code)));
        self.refusal(&Refusal { status: status.unwrap_or(refusal.status), ..refusal })
    }

    fn refusal(&self, refusal: &Refusal) -> Conduct {
        let response = refusal.response(self.asked.service.protocol(), &request_id(self.number));
        self.answered(response, Some(refusal.code.clone()))
    }

    /// Writes the answer down.
    fn answered(&self, mut response: Response, code: Option<String>) -> Conduct {
        let mut world = self.shared.world();
        let skew = world.skew.unwrap_or_default();
        response.headers.push(("Date", http_date(wall() + skew)));
        response.headers.push(("x-amzn-RequestId", request_id(self.number)));
        let record = usize::try_from(self.number - 1).ok().and_then(|at| world.calls.get_mut(at));
        if let Some(record) = record {
            (record.status, record.code) = (Some(response.status), code);
        }
        Conduct::Answer(response)
    }

    /// Waits until the test decides; returns what happens instead of going on.
    fn held(&self, phase: Phase) -> Option<Conduct> {
        let waiting = Waiting { call: self.number, action: self.asked.action.clone(), phase };
        match self.shared.desk.hold(waiting) {
            Decision::Release => None,
            Decision::Drop => Some(Conduct::Close),
            Decision::Refuse(code) => Some(self.refused(&code, None, None)),
        }
    }
}

/// Returns how long a duration of the control interface is.
pub(crate) fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

/// Returns the same in the clock's unit.
pub(crate) fn seconds_in_millis(value: f64) -> Millis {
    millis(seconds(value))
}
