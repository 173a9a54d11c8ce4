//! Every call on an application that does what each test tells it.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use shaku::{HasComponent, Module, ModuleBuildContext};
use std::sync::Arc;

use super::*;
use crate::application::budget::Budget;
use crate::application::commands::{
    AdoptHosts, AdoptReport, CancelRequest, Cancelled, CreateTemplates, DeleteTemplate, DeliverEvents, ImportArchive,
    MetricsTaken, MigrateStore, Publish, PurgeOutcome, PurgeStore, Reconcile, ReconcileReport, RecoverStore,
    RefreshInstanceTypes, RequestMachines, ReturnAccepted, ReturnMachines, SyncMachines, SyncReport, SyncRequests,
    TakeMetrics, TakeOver, TakeOverReport, TemplateDeleted, TemplatesWritten, TypesLearnt, UpdateTemplate,
};
use crate::application::events::EventDelivery;
use crate::application::message::Handler;
use crate::application::ports::{
    Archive, Condition, Discovery, Finding, Listing, Moved, Recovery, RefusedTemplate, RehearsedCall, RequestSummary,
    StoreReport, TemplateReview,
};
use crate::application::queries::{
    CheckProviders, CheckSinks, CheckStore, ChooseTypes, DiscoverSite, ExamineTemplates, ExportStore,
    GetAvailableTemplates, GetRequestStatus, GetReturnRequests, ListEvents, ListMachines, ListRequests, ListResources,
    Listed, LostHost, MachineStory, ProviderStanding, ReadConsole, ReadNotes, RehearseRequest, RehearsedRequest,
    RequestStory, RequestView, ResourceList, ReviewTemplates, ShowMachine, ShowRequest, ShowTemplate,
};
use crate::application::reporting::{Reporter, Reporting};
use crate::application::{ApplicationError, CatalogueError, ProviderError, StorageError};
use crate::domain::event::EventEnvelope;
use crate::domain::machine::MachineSnapshot;
use crate::domain::request::RequestStatus;
use crate::domain::template::Template;
use crate::domain::{FailureClass, RequestId};
use crate::interface::cli::{Apart, Bundle, Configured, Draft, LaidOut, Section, Terminal};

const REQUEST: &str = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101";
const OTHER: &str = "req-00000000-0000-4000-8000-000000000001";

/// What goes wrong when requests or hosts are looked at, or anywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Unconfirmed,
    Throttled,
    Refused,
    Deadline,
    Store,
    Panic,
}

impl Trouble {
    fn happens(self) -> Result<(), ApplicationError> {
        let provider = |class, code: &str| {
            let mut error = ProviderError::new("DescribeInstances", class, "no\nluck");
            error.code = Some(code.to_owned());
            Err(error.into())
        };
        match self {
            Self::None | Self::Unconfirmed => Ok(()),
            Self::Throttled => provider(FailureClass::Throttle, "RequestLimitExceeded"),
            Self::Refused => provider(FailureClass::AuthExpired, "AuthFailure"),
            Self::Deadline => Err(ApplicationError::DeadlineExceeded { after: Duration::from_mins(4) }),
            Self::Store => Err(StorageError::Corrupt { what: "x".to_owned(), advice: "y".to_owned() }.into()),
            Self::Panic => panic!("out of luck"),
        }
    }
}

/// An application whose every handler is itself.
#[derive(Debug)]
struct FakeApp {
    trouble: Trouble,
    stored: Option<RequestStatus>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeApp {
    fn note(&self, what: &impl std::fmt::Debug) {
        self.asked.lock().unwrap().push(format!("{what:?}"));
    }
}

macro_rules! handles {
    ($message:ty, $output:ty, $answer:expr) => {
        #[async_trait]
        impl Handler<$message> for FakeApp {
            async fn handle(&self, message: $message) -> Result<$output, ApplicationError> {
                self.note(&message);
                let answer: fn(&FakeApp, $message) -> Result<$output, ApplicationError> = $answer;
                answer(self, message)
            }
        }
        provides!(dyn Handler<$message>);
    };
}

macro_rules! provides {
    ($interface:ty) => {
        impl HasComponent<$interface> for FakeApp {
            fn build_component(_: &mut ModuleBuildContext<Self>) -> Arc<$interface> {
                unreachable!()
            }
            fn resolve(&self) -> Arc<$interface> {
                unreachable!()
            }
            fn resolve_ref(&self) -> &$interface {
                self
            }
        }
    };
}

impl Module for FakeApp {
    type Submodules = ();

    fn build(_: ModuleBuildContext<Self>) -> Self {
        unreachable!()
    }
}

impl Catalogue for FakeApp {}

#[async_trait]
impl EventDelivery for FakeApp {
    async fn deliver(&self) {}
}

provides!(dyn EventDelivery);

#[async_trait]
impl Reporting for FakeApp {
    fn is_due(&self) -> bool {
        true
    }

    async fn conclude(&self, _: Budget) {
        self.note(&"concluded");
    }

    fn reporter(&self) -> &Reporter {
        unreachable!()
    }
}

provides!(dyn Reporting);

/// What is done in passing is not part of what a call asks for.
#[async_trait]
impl Handler<Reconcile> for FakeApp {
    async fn handle(&self, command: Reconcile) -> Result<ReconcileReport, ApplicationError> {
        if matches!(command, Reconcile::InPassing { .. }) {
            return Err(ApplicationError::DeadlineExceeded { after: Duration::ZERO });
        }
        self.note(&command);
        Ok(ReconcileReport::default())
    }
}

provides!(dyn Handler<Reconcile>);
handles!(AdoptHosts, AdoptReport, |app, _| app.trouble.happens().map(|()| AdoptReport::default()));
handles!(RequestMachines, RequestId, |app, _| app.trouble.happens().map(|()| REQUEST.parse().unwrap()));
handles!(ReturnMachines, ReturnAccepted, |app, order| {
    app.trouble.happens()?;
    Ok(ReturnAccepted { id: REQUEST.replace("req", "ret").parse().unwrap(), any_active: order.hosts.len() > 1 })
});
handles!(SyncRequests, SyncReport, |app, order| {
    app.trouble.happens()?;
    let doubted = order.ids.into_iter().filter(|_| app.trouble == Trouble::Unconfirmed);
    Ok(SyncReport { unconfirmed: doubted.map(|id| (id, "a tag search failed".to_owned())).collect() })
});
handles!(SyncMachines, (), |app, _| app.trouble.happens());
handles!(CheckStore, StoreReport, |app, _| {
    app.trouble.happens()?;
    Ok(report(if app.stored.is_some() { Condition::Whole } else { Condition::Damaged }))
});
handles!(RecoverStore, Recovery, |app, command| {
    app.trouble.happens()?;
    let found = report(Condition::Damaged);
    Ok(Recovery { found, done: command.act, moved: Vec::new(), copy: None, held: Some((1, 2)) })
});
handles!(PurgeStore, PurgeOutcome, |app, command| {
    app.trouble.happens()?;
    Ok(PurgeOutcome { complete: command.older_than == Duration::from_hours(24 * 7), ..PurgeOutcome::default() })
});
handles!(RefreshInstanceTypes, Option<TypesLearnt>, |app, _| {
    app.trouble.happens()?;
    Ok(app.stored.map(|_| TypesLearnt { kept: 9, new: 1, ..TypesLearnt::default() }))
});
handles!(MigrateStore, Moved, |_, _| Err(not_tried()));
handles!(ImportArchive, Moved, |_, _| Err(not_tried()));
handles!(TakeOver, TakeOverReport, |_, _| Err(not_tried()));
handles!(ExportStore, Archive, |_, _| Err(not_tried()));
handles!(GetAvailableTemplates, Listing, |app, _| match app.trouble {
    Trouble::None => Ok(Listing {
        templates: Vec::new(),
        refused: vec![RefusedTemplate { id: "A".to_owned(), reason: "b".to_owned() }]
    }),
    _ => Err(CatalogueError::Unreadable { what: "no file".to_owned(), advice: "write one".to_owned() }.into()),
});
handles!(GetRequestStatus, Vec<Option<RequestView>>, |app, query| {
    let view = |id: RequestId| {
        app.stored.map(|status| RequestView { id, status, message: "stored".to_owned(), hosts: Vec::new() })
    };
    Ok(query.ids.into_iter().map(|id| if id.as_str() == REQUEST { view(id) } else { None }).collect())
});
handles!(RehearseRequest, RehearsedRequest, |app, query| {
    app.trouble.happens()?;
    let template = crate::application::testing::template(query.template.as_str(), 9, None);
    let call = RehearsedCall { operation: "Launch".to_owned(), parameters: vec![("Count".to_owned(), "1".to_owned())] };
    Ok(RehearsedRequest {
        template,
        count: query.count,
        pools: Vec::new(),
        left_out: Vec::new(),
        refusal: None,
        cost: crate::application::queries::Cost::default(),
        calls: vec![call],
        verdict: query.check.then_some(Ok(())),
    })
});
handles!(GetReturnRequests, Vec<LostHost>, |_, query| {
    Ok(query
        .hosts
        .iter()
        .map(|host| LostHost { name: host.name.as_ref().unwrap().to_string(), grace_seconds: 0 })
        .collect())
});

handles!(CancelRequest, Cancelled, |app, _| {
    app.trouble.happens().map(|()| Cancelled { status: RequestStatus::CompleteWithError, hosts: 2 })
});
handles!(ListRequests, Listed<RequestSummary>, |app, _| app.trouble.happens().map(|()| nothing()));
handles!(ListMachines, Listed<MachineSnapshot>, |app, _| app.trouble.happens().map(|()| nothing()));
handles!(ListEvents, Listed<EventEnvelope>, |app, _| app.trouble.happens().map(|()| nothing()));
handles!(ShowRequest, Option<RequestStory>, |app, _| app.trouble.happens().map(|()| None));
handles!(ShowMachine, Vec<MachineStory>, |app, _| app.trouble.happens().map(|()| Vec::new()));
handles!(ShowTemplate, Template, |_, query| {
    Err(CatalogueError::Unknown { id: query.id.to_string(), advice: "did you mean B?".to_owned() }.into())
});
handles!(ReviewTemplates, TemplateReview, |app, _| {
    app.trouble.happens()?;
    let refused = vec![RefusedTemplate { id: "A".to_owned(), reason: "b".to_owned() }];
    Ok(TemplateReview { refused, ..TemplateReview::default() })
});
handles!(CreateTemplates, TemplatesWritten, |_, _| Err(not_tried()));
handles!(UpdateTemplate, TemplatesWritten, |_, _| Err(not_tried()));
handles!(DeleteTemplate, TemplateDeleted, |_, _| Err(not_tried()));
handles!(ReadConsole, Option<String>, |app, _| app.trouble.happens().map(|()| Some("login:\u{1b}[2J".to_owned())));

handles!(ListResources, ResourceList, |app, _| {
    app.trouble.happens()?;
    let unread = vec![ProviderError::new("DescribeFleets", FailureClass::AuthDenied, "no")];
    let at = crate::domain::Timestamp::default();
    Ok(ResourceList { installation: "grid-1".parse().unwrap(), entries: Vec::new(), unread, at })
});
handles!(ReadNotes, crate::domain::notes::Notes, |app, _| {
    app.trouble.happens().map(|()| crate::domain::notes::Notes::default())
});
handles!(CheckSinks, Vec<crate::application::notifying::SinkReport>, |app, _| {
    app.trouble.happens().map(|()| Vec::new())
});
handles!(DeliverEvents, Vec<crate::application::notifying::SinkReport>, |app, _| {
    app.trouble.happens().map(|()| Vec::new())
});
handles!(TakeMetrics, Option<MetricsTaken>, |app, command| {
    app.trouble.happens()?;
    let file = if let Publish::Into(path) = command.publish { Some(path) } else { None };
    Ok(Some(MetricsTaken { text: "# HELP a b\na 1\n".to_owned(), file }))
});
handles!(ChooseTypes, Vec<crate::domain::template::InstanceShape>, |app, _| {
    app.trouble.happens().map(|()| Vec::new())
});
handles!(CheckProviders, Vec<ProviderStanding>, |app, _| {
    app.trouble.happens()?;
    let kind = crate::domain::template::ProviderKind::Simulated;
    Ok(vec![ProviderStanding { kind, in_use: true, region: None, ways: Vec::new(), reach: None }])
});
handles!(DiscoverSite, Option<Discovery>, |app, _| app.trouble.happens().map(|()| None));
handles!(ExamineTemplates, Option<Vec<Finding>>, |app, _| {
    app.trouble.happens().map(|()| Some(vec![Finding::failed("template A: image", "gone", "name another")]))
});

fn nothing<T>() -> Listed<T> {
    Listed { entries: Vec::new(), more: false, at: crate::domain::Timestamp::default() }
}

/// The answer of what no test here asks for.
fn not_tried() -> ApplicationError {
    ApplicationError::DeadlineExceeded { after: Duration::ZERO }
}

fn report(condition: Condition) -> StoreReport {
    StoreReport {
        strategy: "json",
        path: "/work/data/a.json".into(),
        condition,
        findings: Vec::new(),
        remarks: Vec::new(),
        contents: None,
        files: std::collections::BTreeMap::new(),
        copies: Vec::new(),
    }
}

struct Fake {
    trouble: Trouble,
    stored: Option<RequestStatus>,
    starts: bool,
    spent: bool,
    asked: Arc<Mutex<Vec<String>>>,
    logged: Mutex<Vec<String>>,
}

impl Composition for Fake {
    type Module = FakeApp;

    fn start(&self, _: &StartOptions) -> Result<Started<FakeApp>, StartError> {
        if !self.starts {
            return Err(StartError { message: "config.json: line 3".to_owned() });
        }
        let time = if self.spent { Duration::ZERO } else { Duration::from_mins(1) };
        Ok(Started {
            module: FakeApp { trouble: self.trouble, stored: self.stored, asked: Arc::clone(&self.asked) },
            budget: Budget::starting_now(time, time),
            hint: None,
        })
    }

    fn configuration(&self, options: &StartOptions, origins: bool) -> Result<Value, StartError> {
        Ok(json!({"origins": origins, "settings": options.settings.len()}))
    }

    fn is_setting(&self, key: &str) -> bool {
        key.starts_with("storage.")
    }

    fn configured(&self, _: &StartOptions, key: &str) -> Result<Option<(Value, String)>, StartError> {
        Ok((key == "storage.strategy").then(|| (json!("json"), "default".to_owned())))
    }

    fn configure(&self, _: &StartOptions, key: &str, value: &str) -> Result<Configured, StartError> {
        if !self.starts {
            return Err(StartError { message: format!("{key} does not take {value}") });
        }
        let path = std::path::PathBuf::from("/conf/config.json");
        let after = Some(json!(value));
        Ok(Configured { path, former: None, before: None, after, origin: None, warnings: Vec::new() })
    }

    fn lay_out(&self, options: &StartOptions, draft: &Draft) -> Result<LaidOut, StartError> {
        if !self.starts {
            return Err(StartError { message: "config.json is there already".to_owned() });
        }
        self.asked.lock().unwrap().push(format!("{draft:?}"));
        let folder = |named: &Option<std::path::PathBuf>| named.clone().unwrap_or_default();
        Ok(LaidOut {
            instance: "try".to_owned(),
            config: folder(&options.config_dir),
            work: folder(&options.work_dir),
            log: folder(&options.log_dir),
            files: Vec::new(),
            plugins: json!({"providerplugins": [{"name": "aws"}]}),
            providers: json!({"providers": [{"name": "try"}]}),
        })
    }

    fn config_schema(&self) -> Value {
        json!({"title": "configuration"})
    }

    fn template_schema(&self) -> Value {
        json!({"title": "templates"})
    }

    fn start_apart(&self, _: &[(String, String)]) -> Result<Apart<FakeApp>, StartError> {
        Ok(Apart { started: self.start(&StartOptions::default())?, folders: Box::new(()) })
    }

    fn instance_types(&self) -> Vec<crate::domain::template::InstanceShape> {
        crate::application::ports::InstanceTypes::all(&crate::infrastructure::instance_types::KnownInstanceTypes::new(
            "",
        ))
    }

    fn write_new(&self, path: &std::path::Path, _: &str) -> Result<(), StartError> {
        Err(StartError { message: format!("{} is there already", path.display()) })
    }

    fn examine(&self, _: &StartOptions) -> Vec<Finding> {
        vec![Finding::good("folders", "/conf")]
    }

    fn bundle(&self, _: &StartOptions, path: &std::path::Path, sections: Vec<Section>) -> Result<Bundle, StartError> {
        if path == std::path::Path::new("taken") {
            return Err(StartError { message: "taken is there already".to_owned() });
        }
        let mut bundle = Bundle { bytes: 7, files: Vec::new(), missing: Vec::new() };
        for (name, told) in sections {
            match told {
                Ok(_) => bundle.files.push(name),
                Err(why) => bundle.missing.push((name, why)),
            }
        }
        Ok(bundle)
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn terminal(&self) -> Terminal {
        Terminal::default()
    }

    fn log_failure(&self, message: &str) {
        self.logged.lock().unwrap().push(message.to_owned());
    }
}

impl Fake {
    fn with(trouble: Trouble) -> Self {
        Self { trouble, stored: None, starts: true, spent: false, asked: Arc::default(), logged: Mutex::default() }
    }

    fn stored(trouble: Trouble, status: RequestStatus) -> Self {
        Self { stored: Some(status), ..Self::with(trouble) }
    }

    fn call(&self, args: &[&str]) -> (u8, Value) {
        let args = ["hostfactory"].iter().chain(args).map(OsString::from);
        let (exit, output) = answer(args, self, &mut None);
        let document = match output {
            Output::Answer(answer) => serde_json::to_value(answer).unwrap(),
            Output::Failure(failure) | Output::Refusal(failure, _) => serde_json::to_value(failure).unwrap(),
            Output::Report(report, _) => report.tree().unwrap().into_owned(),
            Output::Text(text) => json!(text),
        };
        (exit.number(), document)
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn status_of(fake: &Fake, ids: &str) -> (u8, Value) {
    fake.call(&["getRequestStatus", "--data", &format!(r#"{{"requests": [{ids}]}}"#)])
}

#[test]
fn orders_are_answered_with_their_id() {
    let fake = Fake::with(Trouble::None);
    let order = r#"{"template": {"templateId": "A", "machineCount": 2}}"#;
    let (code, document) = fake.call(&["requestMachines", "--data", order, "--wait"]);
    assert_eq!((code, &document["requestId"]), (0, &json!(REQUEST)));
    let (code, document) = fake.call(&["request-return-machines", "--data", r#"{"machines": ["a", "b"]}"#]);
    assert_eq!((code, &document["message"]), (0, &json!("Delete VM success.")));
    let (_, document) = fake.call(&["requestReturnMachines", "--data", r#"{"machines": "a"}"#]);
    assert_eq!(document["message"], "No Active VM.");
}

#[test]
fn no_template_at_all_is_a_failure() {
    for (trouble, wanted) in [(Trouble::None, "no template can be used"), (Trouble::Store, "no file: write one")] {
        let (code, document) = Fake::with(trouble).call(&["getAvailableTemplates"]);
        assert_eq!(code, 1);
        assert!(document["message"].as_str().unwrap().contains(wanted), "{document}");
    }
}

#[test]
fn a_mistake_in_the_input_asks_the_application_nothing() {
    let fake = Fake::with(Trouble::None);
    for (verb, input) in [
        ("requestMachines", r#"{"template": {"templateId": "A", "machineCount": 0}}"#),
        ("requestMachines", ""),
        ("requestReturnMachines", r#"{"machines": ["a", "../b"]}"#),
        ("getRequestStatus", r#"{"requests": ["a b"]}"#),
        ("getReturnRequests", "[]"),
        ("getAvailableTemplates", "{"),
    ] {
        let (code, document) = fake.call(&[verb, "--data", input]);
        assert_eq!((code, document.as_object().unwrap().len()), (1, 1), "{verb}: {document}");
    }
    assert_eq!(fake.asked(), 0);
    assert_eq!(fake.logged.lock().unwrap().len(), 6);
}

#[test]
fn foreign_ids_are_looked_up_in_the_store_alone_and_empty_lists_touch_nothing() {
    let fake = Fake::with(Trouble::Store);
    let (code, document) = status_of(&fake, r#""r-0123", "r-0123""#);
    assert_eq!((code, document["requests"].as_array().unwrap().len()), (0, 2));
    assert_eq!(document["requests"][1]["status"], "complete_with_error");
    assert_eq!(fake.asked.lock().unwrap().iter().filter(|asked| asked.starts_with("GetRequestStatus")).count(), 1);
    let asked = fake.asked();
    for input in ["{}", "", r#"{"machines": null}"#, r#"{"machines": []}"#, r#"{"machines": [{}]}"#] {
        let (code, document) = fake.call(&["getReturnRequests", "--data", input]);
        assert_eq!((code, &document["requests"]), (0, &json!([])), "{input}");
    }
    assert_eq!((asked, fake.asked()), (1, 1));
}

#[test]
fn each_id_is_answered_in_order() {
    let fake = Fake::stored(Trouble::None, RequestStatus::Complete);
    let (code, document) = status_of(&fake, &format!(r#""{OTHER}", "{REQUEST}", "r-1", "{REQUEST}""#));
    let entries: Vec<(&str, &str)> = document["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["requestId"].as_str().unwrap(), entry["status"].as_str().unwrap()))
        .collect();
    let unknown = "complete_with_error";
    assert_eq!(entries, [(OTHER, unknown), (REQUEST, "complete"), ("r-1", unknown), (REQUEST, "complete")]);
    assert!(document["requests"][0]["message"].as_str().unwrap().starts_with("Unknown request id. "));
    assert_eq!(code, 0);
}

#[test]
fn a_cloud_that_cannot_be_asked_keeps_requests_running() {
    for trouble in [Trouble::Unconfirmed, Trouble::Throttled, Trouble::Deadline] {
        let fake = Fake::stored(trouble, RequestStatus::Running);
        let (code, document) = status_of(&fake, &format!(r#""{REQUEST}", "{OTHER}""#));
        assert_eq!(code, 0);
        for entry in document["requests"].as_array().unwrap() {
            assert_eq!(entry["status"], "running", "{trouble:?}");
            let message = entry["message"].as_str().unwrap();
            assert!(!message.is_empty() && message != "stored" && !message.contains('\n'), "{message}");
        }
    }
}

#[test]
fn a_verdict_stands_whatever_the_cloud_says() {
    for trouble in [Trouble::Throttled, Trouble::Deadline] {
        let fake = Fake::stored(trouble, RequestStatus::Complete);
        assert_eq!(status_of(&fake, &format!(r#""{REQUEST}""#)).1["requests"][0]["status"], "complete");
    }
}

#[test]
fn refused_credentials_and_a_broken_store_fail_the_status() {
    for (trouble, code) in [(Trouble::Refused, json!("AuthFailure")), (Trouble::Store, Value::Null)] {
        let fake = Fake::stored(trouble, RequestStatus::Running);
        let (exit, document) = status_of(&fake, &format!(r#""{REQUEST}""#));
        assert_eq!((exit, &document["error_code"]), (1, &code), "{document}");
    }
}

#[test]
fn hosts_are_reported_from_what_is_known_unless_the_store_fails() {
    for trouble in [Trouble::None, Trouble::Throttled, Trouble::Refused, Trouble::Deadline] {
        let (code, document) = Fake::with(trouble).call(&["getReturnRequests", "--data", r#"{"machines": ["a"]}"#]);
        assert_eq!((code, &document["requests"]), (0, &json!([{"machine": "a", "gracePeriod": 0}])), "{trouble:?}");
    }
    let (code, _) = Fake::with(Trouble::Store).call(&["getReturnRequests", "--data", r#"{"machines": ["a"]}"#]);
    assert_eq!(code, 1);
}

#[test]
fn an_answer_from_the_store_is_owed_when_the_time_is_used_up() {
    let fake = Fake { spent: true, ..Fake::stored(Trouble::Deadline, RequestStatus::Running) };
    assert_eq!(status_of(&fake, &format!(r#""{REQUEST}""#)).0, 0);
}

#[test]
fn row_12_a_panic_is_one_failure_and_is_logged() {
    let fake = Fake::with(Trouble::Panic);
    let (code, document) = fake.call(&["requestMachines", "--data", r#"{"templateId": "A", "machineCount": 2}"#]);
    assert_eq!(code, 1);
    assert!(document["message"].as_str().unwrap().starts_with("an internal error"), "{document}");
    assert!(fake.logged.lock().unwrap()[0].contains("dispatch_tests.rs"));
}

#[test]
fn a_configuration_that_cannot_be_used_fails_every_call() {
    let fake = Fake { starts: false, ..Fake::with(Trouble::None) };
    for verb in ["getAvailableTemplates", "requestMachines", "getRequestStatus", "getReturnRequests"] {
        let (code, document) = fake.call(&[verb, "--data", "{}"]);
        assert_eq!((code, document), (1, json!({"message": "config.json: line 3"})));
    }
}

#[test]
fn operators_get_the_configuration_and_their_own_exit_code() {
    let fake = Fake::with(Trouble::None);
    let (code, document) = fake.call(&["config", "show", "--origin", "--set", "a=b"]);
    assert_eq!((code, document), (0, json!({"origins": true, "settings": 1})));
    let (code, document) = fake.call(&["config", "hide"]);
    assert_eq!((code, document["message"].is_string()), (2, true));
    let (code, document) = fake.call(&["requestMachines", "-f"]);
    assert_eq!((code, document["message"].is_string()), (1, true));
    assert_eq!(fake.call(&["--version"]), (0, json!(format!("hostfactory {}\n", env!("CARGO_PKG_VERSION")))));
}

#[test]
fn operators_learn_from_the_exit_code_how_the_store_is() {
    let whole = Fake::stored(Trouble::None, RequestStatus::Running);
    assert_eq!(whole.call(&["storage", "check"]).0, 0);
    let damaged = Fake::with(Trouble::None);
    let (code, document) = damaged.call(&["storage", "check"]);
    assert_eq!((code, &document["condition"]), (1, &json!("damaged")));
    for (args, done) in [(&["storage", "recover"][..], false), (&["storage", "recover", "--yes"], true)] {
        let (code, document) = damaged.call(args);
        assert_eq!((code, &document["done"]), (0, &json!(done)), "{document}");
    }
    assert_eq!(damaged.call(&["storage", "purge", "--older-than", "7", "--yes"]).0, 0);
    assert_eq!(damaged.call(&["storage", "purge", "--older-than", "8", "--yes"]).0, 1);
    assert_eq!(damaged.call(&["storage", "purge", "--older-than", "-1"]).0, 2);
}

#[test]
fn what_goes_wrong_for_an_operator_is_told_and_logged_once() {
    for trouble in [Trouble::Store, Trouble::Deadline, Trouble::Throttled, Trouble::Panic] {
        let fake = Fake::with(trouble);
        let (found, document) = fake.call(&["storage", "check"]);
        assert_eq!((found, document["message"].is_string()), (1, true), "{document}");
        assert_eq!(fake.logged.lock().unwrap().len(), 1);
    }
    let fake = Fake { starts: false, ..Fake::with(Trouble::None) };
    assert_eq!(fake.call(&["storage", "check"]).0, 1);
}

#[test]
fn a_rehearsal_shows_the_calls_and_fails_only_when_the_cloud_would_refuse() {
    let fake = Fake::with(Trouble::None);
    for args in [
        ["machines", "request", "A", "--count", "2", "--dry-run"].as_slice(),
        &["templates", "explain", "A", "--count", "2"],
    ] {
        let (code, document) = fake.call(args);
        assert_eq!((code, &document["count"], &document["check"]), (0, &json!(2), &Value::Null), "{document}");
        assert_eq!(document["calls"], json!([{"operation": "Launch", "parameters": {"Count": "1"}}]));
    }
    let (code, document) = fake.call(&["machines", "request", "A", "--dry-run", "--check"]);
    assert_eq!((code, &document["check"]), (0, &json!({"wouldSucceed": true})));
    assert_eq!(fake.call(&["machines", "request", "A", "--check"]).0, 2);
}

#[test]
fn a_list_of_resources_that_lacks_a_part_says_which_and_fails() {
    let (code, document) = Fake::with(Trouble::None).call(&["resources", "list"]);
    assert_eq!((code, &document["resources"]), (1, &json!([])), "{document}");
    assert!(document["unread"][0].as_str().unwrap().contains("DescribeFleets"), "{document}");
}

#[test]
fn a_provider_without_a_cloud_is_healthy_and_nothing_is_asked_of_it() {
    let (code, document) = Fake::with(Trouble::None).call(&["providers", "health"]);
    assert_eq!((code, &document["failed"], &document["provider"]), (0, &json!(0), &json!("simulated")), "{document}");
    assert_eq!(document["checks"][1]["outcome"], "skipped", "{document}");
    assert_eq!(Fake::with(Trouble::None).call(&["providers", "list"]).1["providers"][0]["inUse"], true);
}

#[test]
fn a_doctor_goes_on_when_something_is_wrong_and_fails_over_it() {
    let outcomes = |document: &Value| -> Vec<String> {
        let checks = document["checks"].as_array().unwrap().iter();
        checks.map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["outcome"].as_str().unwrap())).collect()
    };
    let (code, document) = Fake::stored(Trouble::None, RequestStatus::Running).call(&["doctor"]);
    let told = outcomes(&document);
    assert_eq!((code, &document["failed"]), (1, &json!(2)), "a refused template, and none that can be used: {told:?}");
    assert!(told.contains(&"store ok".to_owned()) && told.contains(&"clock skipped".to_owned()), "{told:?}");
    let (code, document) = Fake { starts: false, ..Fake::with(Trouble::None) }.call(&["doctor", "--offline"]);
    let told = outcomes(&document);
    assert_eq!((code, told.first().map(String::as_str)), (1, Some("folders ok")), "{told:?}");
    assert!(told.contains(&"store skipped".to_owned()), "{told:?}");
}

#[test]
fn a_new_installation_is_drafted_from_options_and_tells_what_to_do_next() {
    let fake = Fake::with(Trouble::None);
    let (code, document) = fake.call(&["init", "/x", "--provider", "simulated", "--vcpus", "4", "--id", "Small"]);
    assert_eq!((code, &document["folders"]["config"]), (0, &json!("/x/conf")), "{document}");
    let next = document["next"][1].as_str().unwrap();
    assert!(next.starts_with("hostfactory machines request Small --wait --config-dir /x/conf --work"), "{next}");
    let line = "init /x --region eu-west-1 --subnet subnet-1 --security-group sg-1 --image ami-1 --spot --pools 4";
    let (code, document) = fake.call(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(code, 0, "{document}");
    let drafts = fake.asked.lock().unwrap().clone();
    assert!(drafts[0].contains("simulated") && !drafts[0].contains("imageId"), "{}", drafts[0]);
    for part in ["eu-west-1", "ami-1", "subnet-1", "sg-1", "vmTypes", "spot"] {
        assert!(drafts[1].contains(part), "{part} in {}", drafts[1]);
    }
    let (code, document) = fake.call(&["init", "/x", "--provider", "aws"]);
    assert!(code == 2 && document["message"].as_str().unwrap().contains("--region"), "{document}");
}

#[test]
fn a_template_that_no_type_fits_is_not_generated() {
    let (code, document) = Fake::with(Trouble::None).call(&["templates", "generate", "--vcpus", "3"]);
    assert!(code == 1 && document["message"].as_str().unwrap().contains("3 to 6 vCPUs"), "{document}");
}

#[test]
fn metrics_go_to_standard_output_or_into_a_file_and_what_waits_is_delivered() {
    let fake = Fake::with(Trouble::None);
    assert_eq!(fake.call(&["metrics"]).0, 0);
    let (code, document) = fake.call(&["metrics", "--file", "/x/a.prom"]);
    assert_eq!((code, document), (0, json!({"file": "/x/a.prom", "samples": 1})));
    for line in ["events deliver", "events deliver --skip", "events deliver --dry-run"] {
        let (code, document) = fake.call(&line.split(' ').collect::<Vec<_>>());
        assert_eq!((code, document), (0, json!({"receivers": []})), "{line}");
    }
    let asked = fake.asked.lock().unwrap().join(" ");
    for wanted in ["publish: Nowhere", "publish: Into(\"/x/a.prom\")", "skip: true", "skip: false", "CheckSinks"] {
        assert!(asked.contains(wanted), "{wanted} in {asked}");
    }
    assert_eq!(fake.call(&["events", "deliver", "--skip", "--dry-run"]).0, 2);
    assert_eq!(Fake::with(Trouble::Store).call(&["metrics"]).0, 1);
}

#[test]
fn a_bundle_has_what_can_be_had_and_names_the_rest() {
    let bundle = ["doctor", "--offline", "--bundle", "b.tar.gz"];
    let names = |document: &Value, list: &str| -> Vec<String> {
        let entries = document[list].as_array().unwrap().iter();
        entries.map(|entry| entry["file"].as_str().or(entry.as_str()).unwrap().to_owned()).collect()
    };
    let (code, document) = Fake::with(Trouble::None).call(&bundle);
    assert_eq!((code, names(&document, "missing").len()), (0, 0), "{document}");
    assert_eq!(names(&document, "files")[..3], ["version.json", "doctor.json", "configuration.json"]);
    let (code, document) = Fake::with(Trouble::Store).call(&bundle);
    assert_eq!(code, 0, "the bundle is there, whatever is wrong: {document}");
    assert!(names(&document, "missing").contains(&"events.jsonl".to_owned()), "{document}");
    let (code, document) = Fake { starts: false, ..Fake::with(Trouble::None) }.call(&bundle);
    assert!(code == 0 && names(&document, "missing").contains(&"store.json".to_owned()), "{document}");
    let (code, document) = Fake::with(Trouble::None).call(&["doctor", "--offline", "--bundle", "taken"]);
    assert!(code == 1 && document["message"].as_str().unwrap().contains("is there already"), "{document}");
}
