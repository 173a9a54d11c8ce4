//! The components as the composition root will build them.

use std::path::PathBuf;
use std::sync::Arc;

use shaku::{HasComponent, module};

use super::{FileInstallation, FileInstallationParameters, JsonStore, JsonStoreParameters, MemoryStore, samples};
use crate::application::ports::{Changes, Clock, IdSource, Installation, UnitOfWork};
use crate::infrastructure::clock::SystemClock;
use crate::infrastructure::ids::RandomIds;

module! {
    Rooms {
        components = [#[lazy] JsonStore, #[lazy] FileInstallation, #[lazy] SystemClock, #[lazy] RandomIds],
        providers = []
    }
}

#[tokio::test]
async fn components_take_their_work_folder_as_a_parameter_and_touch_it_at_first_use_only() {
    let work = tempfile::tempdir().unwrap();
    let path = || work.path().to_owned();
    let rooms = Rooms::builder()
        .with_component_parameters::<JsonStore>(JsonStoreParameters { work_dir: path(), ..Default::default() })
        .with_component_parameters::<FileInstallation>(FileInstallationParameters {
            work_dir: path(),
            ..Default::default()
        })
        .build();
    let store: Arc<dyn UnitOfWork> = rooms.resolve();
    let installation: Arc<dyn Installation> = rooms.resolve();
    assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 0);
    installation.id().unwrap();
    let changes = &mut samples::give_back(1);
    store.commit(Changes { requests: vec![changes], ..Changes::default() }, samples::at(1)).await.unwrap();
    assert!(work.path().join("data/request_database.json").exists());
    let (_, _): (Arc<dyn Clock>, Arc<dyn IdSource>) = (rooms.resolve(), rooms.resolve());
}

#[tokio::test]
async fn a_store_without_a_work_folder_refuses_rather_than_write_into_the_callers_folder() {
    let nowhere = Rooms::builder().build();
    let store: Arc<dyn UnitOfWork> = nowhere.resolve();
    let error = store.request(&samples::acquire_id(1)).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("--work-dir"), "{error}");
    let installation: Arc<dyn Installation> = nowhere.resolve();
    installation.id().unwrap_err();
    assert!(!PathBuf::from("data").exists());
}

#[tokio::test]
async fn any_store_can_stand_in_for_another() {
    let memory = Rooms::builder().with_component_override::<dyn UnitOfWork>(Box::new(MemoryStore::new())).build();
    let store: Arc<dyn UnitOfWork> = memory.resolve();
    assert!(store.request(&samples::acquire_id(1)).await.unwrap().is_none());
}
