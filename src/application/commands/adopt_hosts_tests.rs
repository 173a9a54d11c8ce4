//! What is left of a store that is gone: the tags on the hosts.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::application::StorageError;
use crate::application::ports::{Depth, Recovery, RequestRepository, StoreReport};
use crate::application::testing::World;
use crate::domain::request::RequestStatus;
use crate::domain::{FailureClass, Timestamp};
use crate::infrastructure::storage::StoreState;

/// A keeper of a store that is missing until it is begun anew.
struct Keeper(Mutex<Condition>);

#[async_trait]
impl StoreKeeper for Keeper {
    async fn examine(&self, _: Depth) -> Result<StoreReport, StorageError> {
        Ok(StoreReport {
            strategy: "memory",
            path: "store".into(),
            condition: *self.0.lock().unwrap(),
            findings: Vec::new(),
            remarks: Vec::new(),
            contents: None,
            files: BTreeMap::new(),
            copies: Vec::new(),
        })
    }

    async fn recover(&self, _: Timestamp, _: bool) -> Result<Recovery, StorageError> {
        unreachable!("adopting recovers nothing")
    }

    async fn begin_anew(&self) -> Result<(), StorageError> {
        *self.0.lock().unwrap() = Condition::Whole;
        Ok(())
    }
}

fn missing() -> Arc<Keeper> {
    Arc::new(Keeper(Mutex::new(Condition::Missing)))
}

async fn adopt(world: &World, keeper: Arc<Keeper>) -> Result<AdoptReport, ApplicationError> {
    AdoptHostsHandler::new(world.engine(), keeper).handle(AdoptHosts).await
}

#[tokio::test]
async fn row_32_every_request_is_rebuilt_from_its_hosts_and_they_can_be_given_back() {
    let world = World::new();
    let (one, hosts) = world.running(3).await;
    let (two, _) = world.running(1).await;
    let stray = world.cloud.stranger("i-0000000000000aaaa", "stray", Some("grid-1")).id.unwrap();
    world.cloud.stranger("i-0000000000000bbbb", "theirs", Some("grid-2"));
    world.store.restore(StoreState::default());
    let report = adopt(&world, missing()).await.unwrap();
    assert!(report.began_anew);
    assert_eq!((report.listed, report.known, report.left), (5, 0, vec![stray]));
    assert_eq!(report.adopted.iter().map(|(id, hosts)| (id, hosts.len())).collect::<Vec<_>>(), {
        let mut wanted = vec![(&one, 3), (&two, 1)];
        wanted.sort();
        wanted
    });
    let view = world.poll(&one).await;
    assert_eq!((view.status, view.hosts.len()), (RequestStatus::Complete, 3));
    world.give_back(hosts).await;
    assert_eq!(world.cloud.state().ended.len(), 3);
    assert_eq!(adopt(&world, missing()).await.unwrap().adopted.len(), 0, "once");
}

#[tokio::test]
async fn a_store_is_not_begun_anew_when_the_cloud_does_not_list_the_hosts() {
    let world = World::new();
    world.cloud.state().blind = Some(FailureClass::Throttle);
    let keeper = missing();
    adopt(&world, keeper.clone()).await.unwrap_err();
    assert_eq!(*keeper.0.lock().unwrap(), Condition::Missing);
}

#[tokio::test]
async fn hosts_that_are_known_and_requests_that_are_known_without_them_stay_as_they_are() {
    let world = World::new();
    let (id, _) = world.running(2).await;
    let late = world.cloud.stranger("i-0000000000000aaaa", "late", Some("grid-1")).id.unwrap();
    world.cloud.state().hosts.get_mut(&late).unwrap().request = Some(id.to_string());
    let report = adopt(&world, Arc::new(Keeper(Mutex::new(Condition::Whole)))).await.unwrap();
    assert_eq!((report.known, report.left, report.adopted.len()), (2, vec![late], 0));
    assert_eq!(world.store.request(&id).await.unwrap().unwrap().as_acquire().unwrap().adopted, 0);
}

#[tokio::test]
async fn hosts_of_others_that_a_listing_shows_are_not_taken_in() {
    let world = World::new();
    world.cloud.state().careless = true;
    let theirs = world.cloud.stranger("i-0000000000000bbbb", "theirs", Some("grid-2")).id.unwrap();
    let request = "req-00000000-0000-4000-8000-00000000000f".to_owned();
    world.cloud.state().hosts.get_mut(&theirs).unwrap().request = Some(request);
    let report = adopt(&world, missing()).await.unwrap();
    assert_eq!((report.listed, report.adopted.len(), report.left.len()), (0, 0, 0));
    assert!(world.store.state().machines.is_empty());
}
