//! What the handle offers, over HTTP: `/_emulator/…`, in JSON.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::edits::{Edit, apply};
use crate::faults::Fault;
use crate::hold::Decision;
use crate::http::{Request, Response};
use crate::server::Shared;
use crate::truth::Truth;
use crate::world::World;

/// Everything else is a call of AWS.
pub(crate) const PREFIX: &str = "/_emulator/";

const PATHS: &str = "GET truth, calls, world, held; POST faults, edit, clock, release; DELETE faults";

/// How long `GET held` waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a held call goes on.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum How {
    Answer,
    Drop,
    Refuse(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    call: u64,
    how: How,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

/// Answers a request of a test.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Response {
    match carry_out(shared, request) {
        Ok(value) => Response::json(200, &value),
        Err((status, why)) => Response::json(status, &json!({"message": why})),
    }
}

fn carry_out(shared: &Shared, request: &Request) -> Result<Value, (u16, String)> {
    let path = request.target.trim_start_matches(PREFIX);
    let written = |value: Result<Value, serde_json::Error>| value.map_err(|error| (500, error.to_string()));
    let refused = |why: String| (400, why);
    match (request.method.as_str(), path) {
        ("GET", "truth") => {
            let mut world = shared.world();
            world.settle();
            written(serde_json::to_value(Truth::of(&world)))
        }
        ("GET", "calls") => written(serde_json::to_value(&shared.world().calls)),
        ("GET", "world") => Ok(about(&shared.world())),
        ("GET", "held") => Ok(shared
            .desk
            .next(PATIENCE)
            .map_or(Value::Null, |held| json!({"call": held.call, "action": held.action, "phase": held.phase}))),
        ("POST", "faults") => {
            let fault: Fault = read(request)?;
            shared.world().faults.0.push(fault);
            Ok(json!({}))
        }
        ("DELETE", "faults") => {
            shared.world().faults.0.clear();
            Ok(json!({}))
        }
        ("POST", "edit") => {
            let edit: Edit = read(request)?;
            apply(&mut shared.world(), edit).map(|()| json!({})).map_err(refused)
        }
        ("POST", "clock") => {
            let Advance { seconds } = read(request)?;
            let mut world = shared.world();
            apply(&mut world, Edit::Clock { seconds }).map_err(refused)?;
            Ok(json!({"now": world.now()}))
        }
        ("POST", "release") => {
            let Release { call, how } = read(request)?;
            let decision = match how {
                How::Answer => Decision::Release,
                How::Drop => Decision::Drop,
                How::Refuse(code) => Decision::Refuse(code),
            };
            shared.desk.decide(call, decision);
            Ok(json!({}))
        }
        (method, path) => Err((404, format!("there is no {method} {path}; there is {PATHS}"))),
    }
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, (u16, String)> {
    serde_json::from_slice(&request.body).map_err(|error| (400, format!("the body cannot be used: {error}")))
}

fn about(world: &World) -> Value {
    let subnets: Vec<Value> = world
        .catalogue
        .subnets
        .iter()
        .map(|subnet| json!({"id": subnet.id, "zone": subnet.zone, "free": subnet.free}))
        .collect();
    let pools: Vec<Value> = world
        .pools
        .iter()
        .map(|pool| {
            json!({"instance_type": pool.instance_type, "zone": pool.zone, "market": pool.market, "left": pool.left})
        })
        .collect();
    json!({
        "now": world.now(), "account": world.account, "subnets": subnets, "pools": pools,
        "images": world.catalogue.images, "faults": world.faults.0, "instances": world.instances.len(),
        "examined": world.examined,
    })
}
