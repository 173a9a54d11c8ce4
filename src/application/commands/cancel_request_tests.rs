//! What cancelling a request promises: nothing more is launched, and no host stays.

use super::*;
use crate::application::testing::World;
use crate::domain::machine::MachineStatus;

async fn cancel(world: &World, id: &RequestId) -> Result<Cancelled, ApplicationError> {
    CancelRequestHandler::new(world.engine()).handle(CancelRequest { id: id.clone() }).await
}

#[tokio::test]
async fn the_hosts_of_a_cancelled_request_end_and_host_factory_gets_none_of_them() {
    let world = World::new();
    let id = world.request(3).await.unwrap();
    let outcome = cancel(&world, &id).await.unwrap();
    assert_eq!(outcome, Cancelled { status: RequestStatus::CompleteWithError, hosts: 3 });
    assert_eq!(world.cloud.state().ended.len(), 3);
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!(view.status, RequestStatus::CompleteWithError);
    assert!(view.message.starts_with("cancelled by the operator"), "{}", view.message);
    let names: Vec<&str> = world.store.events().iter().map(|event| event.event.facts().name).collect();
    assert_eq!(names.iter().filter(|name| **name == "RequestCancelled").count(), 1);
    assert_eq!(names.iter().filter(|name| **name == "MachineGivenUp").count(), 3);
}

#[tokio::test]
async fn a_host_that_runs_already_is_not_handed_out_any_more() {
    let world = World::new();
    let id = world.request(1).await.unwrap();
    // It has booted since, and no poll has seen that yet.
    world.cloud.boot();
    cancel(&world, &id).await.unwrap();
    let view = world.poll(&id).await;
    assert_eq!(view.status, RequestStatus::CompleteWithError);
    assert_eq!(world.cloud.state().ended.len(), 1);
}

#[tokio::test]
async fn a_fleet_launches_nothing_more_for_a_cancelled_request() {
    let world = World::with_fleets();
    let id = world.request(3).await.unwrap();
    world.poll(&id).await;
    world.cloud.bring("fleet-1", 1);
    world.cloud.boot();
    world.poll(&id).await;
    cancel(&world, &id).await.unwrap();
    world.cloud.bring("fleet-1", 2);
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!(view.status, RequestStatus::CompleteWithError, "{view:?}");
    assert_eq!(world.cloud.live(), 0, "no host of it lives");
}

#[tokio::test]
async fn what_is_settled_or_unknown_is_refused_and_nothing_changes() {
    let world = World::new();
    let (id, hosts) = world.running(2).await;
    let error = cancel(&world, &id).await.unwrap_err().to_string();
    assert!(error.contains("machines return --all-of"), "{error}");
    assert!(world.cloud.state().ended.is_empty());
    let back = world.give_back(hosts).await;
    cancel(&world, &back.id).await.unwrap_err();
    let unknown = "req-00000000-0000-4000-8000-0000000000ff".parse().unwrap();
    assert!(cancel(&world, &unknown).await.unwrap_err().to_string().contains("req-00000000"));
    for host in world.store.state().machines.values() {
        assert_ne!(host.status, MachineStatus::Terminated);
    }
}
