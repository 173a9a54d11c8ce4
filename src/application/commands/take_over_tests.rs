//! What becomes of the hosts and requests of another plug-in, in the fake cloud.

use super::*;
use crate::application::commands::{HostRef, Reconcile, ReconcileHandler};
use crate::application::ports::{Flavour, ForeignKind, ForeignMachine, ForeignRequest};
use crate::application::queries::{HostResult, RequestView};
use crate::application::testing::{Fleet, World};
use crate::domain::machine::MachineStatus;
use crate::domain::request::RequestStatus;
use crate::domain::template::ProviderApi;
use crate::domain::{DomainError, HostName};

const REQUEST: &str = "req-00000000-0000-4000-8000-000000000001";
const RETURN: &str = "ret-00000000-0000-4000-8000-000000000002";
const HOST: &str = "i-0000000000000aaaa";
const OTHER: &str = "i-0000000000000bbbb";

struct Told(Found);

impl ForeignReader for Told {
    fn read(&self, _: &ForeignPlace) -> Result<Found, DomainError> {
        Ok(self.0.clone())
    }
}

fn request(id: &str, status: &str, machines: &[&str]) -> ForeignRequest {
    ForeignRequest {
        id: id.to_owned(),
        kind: if id.starts_with("ret-") { ForeignKind::Return } else { ForeignKind::Acquire },
        template: Some("small".to_owned()),
        wanted: Some(2),
        status: status.to_owned(),
        message: String::new(),
        api: Some("RunInstances".to_owned()),
        fleet_type: None,
        resources: Vec::new(),
        machines: machines.iter().map(|id| (*id).to_owned()).collect(),
        created_at: None,
        account: None,
    }
}

fn machine(id: &str, request: &str, status: &str) -> ForeignMachine {
    ForeignMachine {
        id: id.to_owned(),
        name: Some(format!("{id}.internal")),
        request: Some(request.to_owned()),
        status: status.to_owned(),
        private_ip: Some("10.0.0.1".to_owned()),
        instance_type: Some("m6i.large".to_owned()),
        ..ForeignMachine::default()
    }
}

fn found(requests: Vec<ForeignRequest>, machines: Vec<ForeignMachine>) -> Found {
    let (weights, sections) = (BTreeMap::default(), BTreeMap::default());
    Found { flavour: Flavour::Orb, signs: Vec::new(), requests, machines, weights, sections, next: Vec::new() }
}

async fn take_over(world: &World, found: &Found) -> TakeOverReport {
    try_to(world, found, false).await
}

async fn try_to(world: &World, found: &Found, dry: bool) -> TakeOverReport {
    let handler = TakeOverHandler::new(world.engine(), Arc::new(Told(found.clone())));
    handler.handle(TakeOver { place: ForeignPlace::default(), dry }).await.unwrap()
}

async fn reconcile(world: &World) {
    ReconcileHandler::new(world.engine()).handle(Reconcile::Whole).await.unwrap();
}

fn named(id: Option<&str>, name: Option<&str>) -> HostRef {
    HostRef { id: id.map(|id| id.parse().unwrap()), name: name.map(|name| name.parse::<HostName>().unwrap()) }
}

fn id(text: &str) -> MachineId {
    text.parse().unwrap()
}

/// Two hosts of a complete request; nothing in the cloud bears our tag.
fn complete(world: &World) -> Found {
    for host in [HOST, OTHER] {
        world.cloud.stranger(host, &format!("{host}.internal"), None);
    }
    found(
        vec![request(REQUEST, "complete", &[HOST, OTHER])],
        vec![machine(HOST, REQUEST, "running"), machine(OTHER, REQUEST, "running")],
    )
}

async fn given_back(world: &World, host: HostRef) -> RequestView {
    let back = world.give_back(vec![host]).await.id;
    let ended = world.cloud.state().ended.clone();
    for ended in &ended {
        world.cloud.set(ended, MachineStatus::Terminated);
    }
    world.poll(&back).await
}

#[tokio::test]
async fn the_same_id_answers_with_the_same_hosts_without_the_cloud() {
    let world = World::new();
    let report = take_over(&world, &complete(&world)).await;
    assert_eq!((report.requests.added, report.machines.added), (1, 2));
    let view = world.poll(&REQUEST.parse().unwrap()).await;
    let hosts: Vec<_> = view.hosts.iter().map(|host| (host.id.as_str(), host.result)).collect();
    assert_eq!(view.status, RequestStatus::Complete);
    assert_eq!(hosts, [(HOST, HostResult::Succeed), (OTHER, HostResult::Succeed)]);
    assert_eq!(world.cloud.state().looks, 0);
    assert_eq!(world.cloud.state().searches, 0);
}

#[tokio::test]
async fn a_host_without_our_tag_is_given_back_by_id_or_by_name_alone() {
    for host in
        [named(Some(HOST), None), named(None, Some("i-0000000000000aaaa.internal")), named(Some(HOST), Some("x"))]
    {
        let world = World::new();
        take_over(&world, &complete(&world)).await;
        let view = given_back(&world, host).await;
        assert_eq!(view.status, RequestStatus::Complete, "{view:?}");
        assert_eq!(world.cloud.state().ended, [id(HOST)]);
    }
}

#[tokio::test]
async fn a_host_that_bears_another_owner_is_never_ended() {
    let world = World::new();
    let found = complete(&world);
    world.cloud.state().hosts.get_mut(&id(HOST)).unwrap().owner = Some("grid-2".to_owned());
    take_over(&world, &found).await;
    let view = given_back(&world, named(Some(HOST), None)).await;
    assert_eq!(view.status, RequestStatus::CompleteWithError);
    assert!(view.message.contains("another installation (grid-2)"), "{}", view.message);
    assert!(world.cloud.state().ended.is_empty());
}

#[tokio::test]
async fn nothing_is_ended_while_the_cloud_cannot_be_looked_at() {
    let world = World::new();
    take_over(&world, &complete(&world)).await;
    world.cloud.state().blind = Some(crate::domain::FailureClass::Network);
    let back = world.give_back(vec![named(Some(HOST), None)]).await.id;
    assert!(world.cloud.state().ended.is_empty());
    world.cloud.state().blind = None;
    world.poll(&back).await;
    assert_eq!(world.cloud.state().ended, [id(HOST)]);
}

#[tokio::test]
async fn no_collector_ends_a_host_that_was_taken_over_whatever_it_is_shown() {
    let world = World::new();
    let mut theirs = complete(&world);
    theirs.requests.push(request("req-00000000-0000-4000-8000-000000000009", "in_progress", &[]));
    take_over(&world, &theirs).await;
    world.cloud.state().careless = true;
    for _ in 0..20 {
        reconcile(&world).await;
        world.clock.pass(600);
    }
    assert!(world.cloud.state().ended.is_empty());
}

#[tokio::test]
async fn a_host_that_does_not_become_usable_is_reported_and_left() {
    let world = World::new();
    let mut theirs = complete(&world);
    theirs.requests[0].status = "in_progress".to_owned();
    theirs.machines[1].status = "launching".to_owned();
    theirs.machines[1].name = None;
    {
        let mut state = world.cloud.state();
        let host = state.hosts.get_mut(&id(OTHER)).unwrap();
        host.status = MachineStatus::Pending;
        host.name = None;
    }
    take_over(&world, &theirs).await;
    let request = REQUEST.parse().unwrap();
    assert_eq!(world.poll(&request).await.status, RequestStatus::Running);
    for _ in 0..30 {
        world.clock.pass(60);
        world.poll(&request).await;
    }
    let view = world.poll(&request).await;
    assert_eq!(view.status, RequestStatus::Complete, "{view:?}");
    assert!(view.message.contains("1 of 2 hosts are usable"), "{}", view.message);
    assert!(world.cloud.state().ended.is_empty());
    assert_eq!(given_back(&world, named(Some(OTHER), None)).await.status, RequestStatus::Complete);
}

#[tokio::test]
async fn an_open_request_launches_nothing_more() {
    let world = World::new();
    take_over(&world, &found(vec![request(REQUEST, "pending", &[])], Vec::new())).await;
    let view = world.poll(&REQUEST.parse().unwrap()).await;
    assert_eq!(view.status, RequestStatus::CompleteWithError);
    assert!(world.cloud.state().sent.is_empty());
    assert!(world.cloud.state().hosts.is_empty());
}

#[tokio::test]
async fn an_open_return_goes_on_and_a_settled_one_answers() {
    let world = World::new();
    let mut theirs = complete(&world);
    theirs.requests.push(ForeignRequest { template: None, ..request(RETURN, "in_progress", &[HOST]) });
    theirs.requests.push(request("ret-00000000-0000-4000-8000-000000000003", "complete", &["i-0000000000000dddd"]));
    theirs.machines.push(machine("i-0000000000000dddd", REQUEST, "returned"));
    take_over(&world, &theirs).await;
    let back: RequestId = RETURN.parse().unwrap();
    assert_eq!(world.poll(&back).await.status, RequestStatus::Running);
    assert_eq!(world.cloud.state().ended, [id(HOST)]);
    world.cloud.set(&id(HOST), MachineStatus::Terminated);
    assert_eq!(world.poll(&back).await.status, RequestStatus::Complete);
    let view = world.view(&"ret-00000000-0000-4000-8000-000000000003".parse().unwrap()).await;
    assert_eq!((view.status, view.hosts[0].result), (RequestStatus::Complete, HostResult::Succeed));
}

#[tokio::test]
async fn done_twice_it_adds_nothing_and_resurrects_nobody() {
    let world = World::new();
    let mut theirs = complete(&world);
    theirs.machines.push(machine("i-0000000000000dddd", REQUEST, "running"));
    theirs.machines.push(machine("i-0000000000000eeee", REQUEST, "terminated"));
    assert_eq!(try_to(&world, &theirs, true).await.machines.added, 4);
    assert_eq!(world.store.commits(), 0);
    take_over(&world, &theirs).await;
    given_back(&world, named(Some(HOST), None)).await;
    // One is gone that their database takes for running.
    let gone = [named(Some("i-0000000000000dddd"), None)];
    for _ in 0..10 {
        world.lost(&gone).await;
        world.clock.pass(60);
    }
    let before = world.store.state();
    let report = take_over(&world, &theirs).await;
    assert_eq!((report.requests.added, report.requests.known), (0, 1));
    assert_eq!((report.machines.added, report.machines.known), (0, 4));
    assert!(report.machines.conflicts.is_empty() && report.requests.conflicts.is_empty());
    assert_eq!(world.store.state(), before);
    for ended in [HOST, "i-0000000000000dddd", "i-0000000000000eeee"] {
        assert_eq!(before.machines[&id(ended)].status, MachineStatus::Terminated, "{ended}");
    }
    assert_eq!(before.machines[&id(OTHER)].status, MachineStatus::Running);
}

#[tokio::test]
async fn a_record_of_ours_stays_and_the_conflict_is_told() {
    let world = World::new();
    let (own, hosts) = world.running(1).await;
    let own_host = hosts[0].id.clone().unwrap();
    let before = world.store.state();
    let theirs = found(
        vec![ForeignRequest { template: Some("large".to_owned()), ..request(own.as_str(), "failed", &[]) }],
        vec![machine(own_host.as_str(), REQUEST, "terminated")],
    );
    let report = take_over(&world, &theirs).await;
    assert_eq!((report.requests.conflicts.len(), report.machines.conflicts.len()), (1, 1), "{report:?}");
    let after = world.store.state();
    assert_eq!(
        (&after.requests[&own], &after.machines[&own_host]),
        (&before.requests[&own], &before.machines[&own_host])
    );
}

#[tokio::test]
async fn a_host_of_a_fleet_is_given_back_so_that_none_is_replaced() {
    let world = World::with_fleets();
    let mut theirs = complete(&world);
    theirs.requests[0].api = Some("EC2Fleet".to_owned());
    theirs.requests[0].fleet_type = Some("maintain".to_owned());
    theirs.requests[0].resources = vec!["fleet-9".to_owned()];
    let fleet = Fleet { request: REQUEST.to_owned(), target: 2, refills: true, ..Fleet::default() };
    world.cloud.state().fleets.insert("fleet-9".to_owned(), fleet);
    for host in world.cloud.state().hosts.values_mut() {
        host.resource = Some("fleet-9".to_owned());
    }
    take_over(&world, &theirs).await;
    assert_eq!(world.store.state().machines[&id(HOST)].api, ProviderApi::Ec2FleetMaintain);
    given_back(&world, named(Some(HOST), None)).await;
    assert_eq!(world.cloud.state().fleets["fleet-9"].target, 1);
    assert_eq!(world.cloud.live(), 1);
    given_back(&world, named(Some(OTHER), None)).await;
    assert_eq!(world.cloud.live(), 0);
    assert!(world.cloud.state().fleets["fleet-9"].retired);
}

#[tokio::test]
async fn ids_of_other_forms_are_kept_under_ours_and_hostile_ones_are_left() {
    let world = World::new();
    let mut theirs = complete(&world);
    theirs.requests[0].id = "sfr-0123".to_owned();
    theirs.machines.iter_mut().for_each(|machine| machine.request = Some("sfr-0123".to_owned()));
    theirs.requests.push(request("req-../../etc/passwd", "complete", &[]));
    theirs.machines.push(machine("vm-1", REQUEST, "running"));
    theirs
        .machines
        .push(ForeignMachine { request: Some("gone-1".to_owned()), ..machine("i-0000000000000cccc", "", "running") });
    let report = take_over(&world, &theirs).await;
    assert_eq!((report.requests.left.len(), report.machines.left.len()), (1, 1), "{report:?}");
    assert!(report.changed.iter().any(|(what, why)| what == "sfr-0123" && why.contains("answers under its own id")));
    let kept = RequestId::of_foreign(crate::domain::RequestKind::Acquire, "sfr-0123").unwrap();
    assert_eq!(world.poll(&kept).await.hosts.len(), 2);
    // A request that the database has lost is made up from its hosts.
    let lost = RequestId::of_foreign(crate::domain::RequestKind::Acquire, "gone-1").unwrap();
    assert_eq!(world.poll(&lost).await.hosts.len(), 1);
}

#[test]
fn the_way_back_follows_from_whatever_is_known() {
    use super::translation::way;
    for (api, kind, resource, expected) in [
        (Some("EC2Fleet"), Some("instant"), None, Some(ProviderApi::Ec2FleetInstant)),
        (Some("ec2_fleet"), None, Some("fleet-1"), Some(ProviderApi::Ec2FleetRequest)),
        (Some("SpotFleet"), Some("maintain"), None, Some(ProviderApi::SpotFleetMaintain)),
        (Some("AutoScalingGroup"), None, Some("group"), Some(ProviderApi::AutoScaling)),
        (Some("RunInstances"), None, Some("r-1"), Some(ProviderApi::RunInstances)),
        (None, None, Some("sfr-1"), Some(ProviderApi::SpotFleetRequest)),
        (None, None, Some("r-1"), Some(ProviderApi::RunInstances)),
        (None, None, Some("group-1"), Some(ProviderApi::AutoScaling)),
        (Some("MicroVM"), None, None, None),
        (None, None, None, None),
    ] {
        assert_eq!(way(api, kind, resource), expected, "{api:?} {kind:?} {resource:?}");
    }
}
