//! A stage for one case: the emulator with its clock in the test's hand, a work folder, and the program's clock beside it.

use std::cell::{Cell, RefCell};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hostfactory_emulator::{Emulator, IMAGES, SUBNETS, Settings};
use serde_json::{Value, json};

use crate::life::Grid;
use crate::support::{Answered, Sandbox};

pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// The stores that this build has.
pub(crate) fn stores() -> &'static [&'static str] {
    if cfg!(feature = "sqlite") { &["json", "sqlite"] } else { &["json"] }
}

/// Runs `case` on a stage of its own with each store.
pub(crate) fn on_both_stores(case: impl Fn(&Stage)) {
    for store in stores() {
        println!("with the {store} store");
        case(&Stage::new(store));
    }
}

/// An emulator whose clock stands still until [`Stage::pass`], and a configured work folder.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) emulator: Emulator,
    pub(crate) store: &'static str,
    /// How far the program's clock is ahead of this machine's.
    ahead: Cell<u64>,
    access_key: RefCell<String>,
}

impl Stage {
    /// Returns a stage with the template `Small`; hosts take 20 seconds to boot and 20 to end.
    pub(crate) fn new(store: &'static str) -> Self {
        let time = Duration::from_secs(20);
        Self::with(store, Settings { boot: time, shutdown: time, frozen: true, ..Settings::default() })
    }

    pub(crate) fn with(store: &'static str, settings: Settings) -> Self {
        let emulator = Emulator::with(settings).unwrap();
        let stage = Self {
            sandbox: Sandbox::new(),
            emulator,
            store,
            ahead: Cell::new(0),
            access_key: RefCell::new("AKIDCANARY".to_owned()),
        };
        stage.configure(&json!({}));
        stage.offer(&[template("Small", &json!({}))]);
        stage
    }

    /// Configures the program for the emulator, with these settings of the section `provider.aws` and beside it.
    pub(crate) fn configure(&self, more: &Value) {
        self.configure_for(&self.emulator.endpoint(), more);
    }

    /// Configures the program for another endpoint.
    pub(crate) fn configure_for(&self, endpoint: &str, more: &Value) {
        let provider = json!({"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint});
        self.sandbox.write("conf/testinstprov_config.json", provider.to_string());
        let mut config = json!({
            "provider": {"aws": {"describeIntervalMs": 1, "rateScalePercent": 0}},
            "storage": {"strategy": self.store},
        });
        merge(&mut config, more);
        self.sandbox.write("conf/config.json", config.to_string());
    }

    /// Signs calls with another access key.
    pub(crate) fn sign_with(&self, access_key: &str) {
        self.access_key.replace(access_key.to_owned());
    }

    /// Puts these templates into the template file.
    pub(crate) fn offer(&self, templates: &[Value]) {
        self.sandbox.write("conf/testinstprov_templates.json", json!({"templates": templates}).to_string());
    }

    /// Returns what makes calls at the present time.
    pub(crate) fn grid(&self) -> Grid<'_> {
        let variables = vec![
            ("AWS_ACCESS_KEY_ID", self.access_key.borrow().clone()),
            ("AWS_SECRET_ACCESS_KEY", "a-canary-secret-key".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("HOSTFACTORY_TEST_CLOCK", self.ahead.get().to_string()),
        ];
        Grid { sandbox: &self.sandbox, variables }
    }

    /// Returns the program itself with one call, no script around it, its outputs kept.
    pub(crate) fn program(&self, call: &str, input: &Value) -> Command {
        let mut program = self.sandbox.program();
        program.envs(self.grid().variables).args([call, "--data", &input.to_string()]);
        program.stdout(Stdio::piped()).stderr(Stdio::piped());
        program
    }

    /// Lets time pass for the emulator and the program, with no call in between.
    pub(crate) fn pass(&self, time: Duration) {
        self.emulator.clock_advance(time);
        self.ahead.set(self.ahead.get() + time.as_secs());
    }

    /// Lets time pass in steps of a minute, with a look at the request after each.
    pub(crate) fn pass_watched(&self, minutes: u32, request: &str) -> Value {
        let mut status = self.grid().status(request);
        for _ in 0..minutes {
            self.pass(MINUTE);
            status = self.grid().status(request);
        }
        status
    }

    /// Polls every half minute of the stage's time until the request is settled.
    pub(crate) fn settled(&self, request: &str) -> Value {
        for _ in 0..200 {
            let status = self.grid().status(request);
            if status["status"] != "running" {
                return status;
            }
            self.pass(Duration::from_secs(30));
        }
        panic!("{request} does not settle: {}", self.grid().status(request));
    }

    /// Asks for hosts, whatever the answer.
    pub(crate) fn ask(&self, template: &str, count: u32) -> Answered {
        self.grid().ask("requestMachines", &order(template, count))
    }

    /// Asks for hosts and has them usable.
    pub(crate) fn usable(&self, template: &str, count: u32) -> (String, Vec<Value>) {
        let request = self.grid().request(template, count);
        let status = self.settled(&request);
        let hosts = Grid::named(&status);
        assert_eq!((status["status"].as_str(), hosts.len()), (Some("complete"), count as usize), "{status}");
        (request, hosts)
    }

    /// Returns how often an action was called.
    pub(crate) fn count_of(&self, action: &str) -> usize {
        self.emulator.calls_of(action).len()
    }
}

/// An order for hosts.
pub(crate) fn order(template: &str, count: u32) -> Value {
    json!({"template": {"templateId": template, "machineCount": count}})
}

/// The input of a question about one request.
pub(crate) fn about(request: &str) -> Value {
    json!({"requests": [{"requestId": request}]})
}

/// A template of one type in one subnet, with more fields or others.
pub(crate) fn template(id: &str, more: &Value) -> Value {
    let mut template = json!({
        "templateId": id, "maxNumber": 10_000,
        "attributes": {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1024"]},
        "imageId": IMAGES[0], "vmType": "m6i.large", "subnetId": SUBNETS[0],
    });
    merge(&mut template, more);
    template
}

/// Puts the fields of `more` into `into`, objects field by field.
fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}

/// Runs `work` and returns what it returned, having checked that it took less than `most`.
pub(crate) fn within<T>(most: Duration, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let answer = work();
    let taken = started.elapsed();
    assert!(taken < most, "it took {taken:?}; at most {most:?}");
    answer
}

/// The message of a status entry.
pub(crate) fn told(status: &Value) -> &str {
    status["message"].as_str().unwrap_or_default()
}
