//! What the commands that change templates tell and write down.

use std::sync::Mutex;

use super::*;
use crate::application::StorageError;
use crate::application::commands::{CreateTemplates, CreateTemplatesHandler, UpdateTemplate, UpdateTemplateHandler};
use crate::application::ports::{EditedTemplate, EditedTemplates, TemplateChange};
use crate::application::testing::World;
use crate::domain::Digest;
use crate::domain::event::{DomainEvent, TemplateEvent};

/// An editor that answers with these contents, before and after, and remembers whether it was to act.
struct FakeEditor(Option<&'static str>, Option<&'static str>, Mutex<Vec<bool>>);

#[async_trait]
impl TemplateEditor for FakeEditor {
    async fn edit(&self, _: &TemplateEdit, act: bool) -> Result<EditedTemplates, ApplicationError> {
        self.2.lock().unwrap().push(act);
        let digest = |text: Option<&str>| text.map(|text| Digest::of(&[text]));
        let id = "small".parse().unwrap();
        let edited = vec![EditedTemplate { id, before: digest(self.0), after: digest(self.1), notes: Vec::new() }];
        Ok(EditedTemplates { path: "/conf/t.json".into(), former: None, edited, difference: Vec::new() })
    }
}

fn editor(before: Option<&'static str>, after: Option<&'static str>) -> Arc<FakeEditor> {
    Arc::new(FakeEditor(before, after, Mutex::default()))
}

/// Returns the names of the events about templates in the template file.
fn told(world: &World) -> Vec<&'static str> {
    let events = world.store.events();
    let of_templates = events.iter().filter_map(|event| match &event.event {
        DomainEvent::Template(event) => Some(event),
        DomainEvent::Request(_) | DomainEvent::Machine(_) => None,
    });
    let name = |event: &TemplateEvent| match event {
        TemplateEvent::TemplateCreated { .. } => "created",
        TemplateEvent::TemplateUpdated { .. } => "updated",
        TemplateEvent::TemplateDeleted { .. } => "deleted",
    };
    of_templates.map(name).collect()
}

#[tokio::test]
async fn each_change_is_an_event_and_none_is_where_nothing_was_done() {
    let world = World::new();
    let document = || "{}".to_owned().into();
    let create = |act| {
        let handler = CreateTemplatesHandler::new(world.engine(), editor(None, Some("a")));
        async move { handler.handle(CreateTemplates { document: document(), act }).await.unwrap() }
    };
    let update = |after| {
        let handler = UpdateTemplateHandler::new(world.engine(), editor(Some("a"), Some(after)));
        let (id, change) = ("small".parse().unwrap(), TemplateChange::default());
        async move { handler.handle(UpdateTemplate { id, change, act: true }).await.unwrap() }
    };
    create(false).await;
    update("a").await;
    assert!(told(&world).is_empty(), "nothing was done");
    create(true).await;
    update("b").await;
    let delete = DeleteTemplateHandler::new(world.engine(), editor(Some("b"), None));
    delete.handle(DeleteTemplate { id: "small".parse().unwrap(), act: true }).await.unwrap();
    assert_eq!(told(&world), ["created", "updated", "deleted"]);
}

#[tokio::test]
async fn a_store_that_takes_no_event_does_not_undo_what_was_written() {
    let world = World::new();
    world.store.fail_next_commit(StorageError::Conflict { id: "x".to_owned() });
    let handler = CreateTemplatesHandler::new(world.engine(), editor(None, Some("a")));
    let written = handler.handle(CreateTemplates { document: "{}".to_owned().into(), act: true }).await.unwrap();
    assert!(written.unrecorded.is_some() && written.edited.edited[0].after.is_some());
}

#[tokio::test]
async fn deleting_tells_which_requests_and_hosts_go_on_and_they_do() {
    let world = World::new();
    let settled = world.request(2).await.unwrap();
    world.poll(&settled).await;
    let open = world.request(1).await.unwrap();
    let editor = editor(Some("a"), None);
    let handler = DeleteTemplateHandler::new(world.engine(), editor.clone());
    let id = || "small".parse().unwrap();
    let found = handler.handle(DeleteTemplate { id: id(), act: false }).await.unwrap();
    assert!(found.open_requests.contains(&open), "{found:?}");
    assert!(found.hosts.len() >= 2, "{found:?}");
    let deleted = handler.handle(DeleteTemplate { id: id(), act: true }).await.unwrap();
    assert_eq!((&deleted.open_requests, &deleted.hosts), (&found.open_requests, &found.hosts));
    assert_eq!(*editor.2.lock().unwrap(), [false, true]);
    assert_eq!(world.cloud.live(), 3, "no host is ended");
}
