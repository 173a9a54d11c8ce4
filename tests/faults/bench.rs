//! The test bench: the program on an emulator, with both clocks in hand, and everything it ever printed on record.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hostfactory_emulator::{Emulator, Fault, Phase, Settings};
use serde_json::{Value, json};

use super::words::{MINUTE, about, id_of, merge, order_from, template};
use crate::life::Grid;
use crate::support::{Answered, Sandbox, say, stores};

/// How long anything may take that the machine's load alone makes slow.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// From launch to running, and from the order to end to the end, on the emulator's clock.
pub(crate) const BOOT: Duration = Duration::from_secs(20);

/// One call, with all that it printed.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) call: String,
    pub(crate) input: Value,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` when it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) began: Instant,
    /// When it was over at the latest.
    pub(crate) ended: Instant,
}

impl Said {
    /// The document, if a whole one came.
    pub(crate) fn document(&self) -> Option<Value> {
        serde_json::from_str(&self.stdout).ok()
    }
}

/// An installation on an emulator of its own, or on one that it shares.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) store: &'static str,
    /// The access keys, which tell the calls of installations apart; the last one is in use.
    keys: Mutex<Vec<String>>,
    /// By how many seconds the program's clock is ahead.
    ahead: AtomicI64,
    said: Mutex<Vec<Said>>,
    /// Hosts that a test made invisible or unendable, of which the oracle expects nothing.
    tampered: Mutex<BTreeSet<String>>,
}

/// Runs `body` on a bench of each store.
pub(crate) fn on_both_stores(body: impl Fn(&Bench)) {
    for store in stores() {
        say(&format!("with the {store} store"));
        body(&Bench::new(store));
    }
}

impl Bench {
    /// A bench whose emulator moves only with [`Self::pass`].
    pub(crate) fn new(store: &'static str) -> Self {
        let settings = Settings { boot: BOOT, shutdown: BOOT, frozen: true, ..Settings::default() };
        Self::sharing(store, Arc::new(Emulator::with(settings).unwrap()), "AKIDCANARY")
    }

    /// A bench on an emulator that is there.
    pub(crate) fn sharing(store: &'static str, emulator: Arc<Emulator>, key: &str) -> Self {
        let sandbox = Sandbox::new();
        let bench = Self {
            sandbox,
            emulator,
            store,
            keys: Mutex::new(vec![key.to_owned()]),
            ahead: AtomicI64::new(0),
            said: Mutex::default(),
            tampered: Mutex::default(),
        };
        bench.configure(&json!({}));
        bench.offer(&[template("Small", &json!({}))]);
        bench
    }

    /// Configures the program for the emulator: the store, and `more`.
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
        self.keys.lock().unwrap().push(access_key.to_owned());
    }

    /// The access keys that were ever in use; the last one is.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys.lock().unwrap().clone()
    }

    /// Writes the templates.
    pub(crate) fn templates(&self, templates: &Value) {
        self.sandbox.write("conf/testinstprov_templates.json", json!({"templates": templates}).to_string());
    }

    /// Writes these templates.
    pub(crate) fn offer(&self, templates: &[Value]) {
        self.templates(&json!(templates));
    }

    /// Lets time pass on both clocks.
    pub(crate) fn pass(&self, time: Duration) {
        self.emulator.clock_advance(time);
        self.jump(i64::try_from(time.as_secs()).unwrap());
    }

    /// Sets the program's clock on, or back, by so many seconds; the emulator's stays.
    pub(crate) fn jump(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Lets so many minutes pass, as they do while Host Factory polls.
    pub(crate) fn watched(&self, minutes: u64) {
        let mut left = Duration::from_mins(minutes);
        while !left.is_zero() {
            let step = left.min(Duration::from_mins(2));
            self.pass(step);
            left -= step;
            self.done("getReturnRequests", &json!({}));
        }
    }

    /// Lets time pass in steps of a minute, with a look at the request after each, and returns the last.
    pub(crate) fn pass_watched(&self, minutes: u32, id: &str) -> Value {
        let mut status = self.status(id);
        for _ in 0..minutes {
            self.pass(MINUTE);
            status = self.status(id);
        }
        status
    }

    /// Returns how often an action was called.
    pub(crate) fn count_of(&self, action: &str) -> usize {
        self.emulator.calls_of(action).len()
    }

    /// Returns the command of one call, its input in the arguments or on standard input.
    pub(crate) fn command(&self, call: &str) -> Command {
        let mut command = self.sandbox.program();
        command
            .env("AWS_ACCESS_KEY_ID", self.keys().last().unwrap())
            .env("AWS_SECRET_ACCESS_KEY", "a-canary-secret-key")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOSTFACTORY_TEST_CLOCK", self.ahead.load(Ordering::Relaxed).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .arg(call);
        command
    }

    /// Starts a call.
    pub(crate) fn start(&self, call: &str, input: &Value) -> Running<'_> {
        self.start_with(call, input, self.command(call))
    }

    /// Starts a call by a command that was changed.
    pub(crate) fn start_with(&self, call: &str, input: &Value, mut command: Command) -> Running<'_> {
        if call != "reconcile" {
            let text = input.to_string();
            if text.len() < 100_000 {
                command.args(["--data", &text]);
            } else {
                command.arg("-f").arg(self.sandbox.write("in/large.json", text));
            }
        }
        Running::of(self, call, input, command)
    }

    /// Starts a call through a shell whose last argument is to be the input.
    pub(crate) fn start_shell(&self, call: &str, input: &Value, mut shell: Command) -> Running<'_> {
        shell.arg(input.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::of(self, call, input, shell)
    }

    /// Starts a call and kills it so long after its start.
    pub(crate) fn kill_after(&self, time: Duration, call: &str, input: &Value) {
        let running = self.start(call, input);
        // Nothing is ever sent: this waits for the instant.
        let (_keep, never) = channel::<()>();
        let _ = never.recv_timeout(time);
        running.kill();
    }

    /// Kills an order after its launch has worked.
    pub(crate) fn kill_after_effect(&self, input: &Value) {
        self.emulator.fault(Fault::hold(Phase::After).on("RunInstances"));
        let running = self.start("requestMachines", input);
        let held = self.emulator.wait_held(PATIENCE).unwrap();
        running.kill();
        held.drop_connection();
        self.emulator.clear_faults();
    }

    /// Carries out a call. It must answer as its schema says, or fail as the schema of failures says.
    pub(crate) fn ask(&self, call: &str, input: &Value) -> Answered {
        self.start(call, input).answered()
    }

    /// Carries out a call that must work.
    pub(crate) fn done(&self, call: &str, input: &Value) -> Value {
        let answered = self.ask(call, input);
        assert_eq!(answered.code, 0, "{} {call}: {} {}", self.store, answered.document, answered.stderr);
        answered.document
    }

    /// Asks for hosts and returns the request id.
    pub(crate) fn request(&self, count: u32) -> String {
        self.request_from("Small", count)
    }

    /// Asks for hosts of a template and returns the request id.
    pub(crate) fn request_from(&self, template: &str, count: u32) -> String {
        id_of(&self.done("requestMachines", &order_from(template, count)))
    }

    /// Asks once how a request stands.
    pub(crate) fn status(&self, id: &str) -> Value {
        self.done("getRequestStatus", &about(id))["requests"][0].clone()
    }

    /// Polls until a request is settled, as Host Factory does, in at most 20 calls (INV-18).
    pub(crate) fn settled(&self, id: &str) -> Value {
        let mut status = Value::Null;
        for _ in 0..20 {
            status = self.status(id);
            if status["status"] != "running" {
                return status;
            }
            self.pass(Duration::from_secs(30));
        }
        panic!("{}: {id} does not settle: {status}", self.store);
    }

    /// Asks for hosts and returns the request and its hosts once they run.
    pub(crate) fn running(&self, count: u32) -> (String, Vec<Value>) {
        self.running_from("Small", count)
    }

    /// The same for a template.
    pub(crate) fn running_from(&self, template: &str, count: u32) -> (String, Vec<Value>) {
        let id = self.request_from(template, count);
        let status = self.settled(&id);
        let hosts = Grid::named(&status);
        assert_eq!((status["status"].as_str(), hosts.len()), (Some("complete"), count as usize), "{status}");
        (id, hosts)
    }

    /// Gives hosts back and returns the request id.
    pub(crate) fn give_back(&self, hosts: &Value) -> String {
        id_of(&self.done("requestReturnMachines", &json!({"machines": hosts})))
    }

    /// Returns the names of the hosts that the cloud takes, or has taken.
    pub(crate) fn lost(&self, hosts: &Value) -> Vec<String> {
        let answer = self.done("getReturnRequests", &json!({"machines": hosts}));
        let name = |lost: &Value| lost["machine"].as_str().unwrap().to_owned();
        answer["requests"].as_array().unwrap().iter().map(name).collect()
    }

    /// Does all the work that no call asks for.
    pub(crate) fn reconcile(&self) -> Value {
        self.done("reconcile", &json!({}))
    }

    /// Returns a copy of the state, as an operator's backup would be.
    pub(crate) fn backup(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_files(&self.sandbox.path("work/data"), copy.path());
        copy
    }

    /// Puts a backup in the place of the state.
    pub(crate) fn restore(&self, backup: &tempfile::TempDir) {
        let data = self.sandbox.path("work/data");
        for entry in std::fs::read_dir(&data).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::remove_file(path).unwrap();
            }
        }
        copy_files(backup.path(), &data);
    }

    /// Tells the oracle that nothing is expected of these hosts.
    pub(crate) fn tampered_with(&self, host: &str) {
        self.tampered.lock().unwrap().insert(host.to_owned());
    }

    pub(crate) fn is_tampered(&self, host: &str) -> bool {
        self.tampered.lock().unwrap().contains(host)
    }

    /// Everything printed so far.
    pub(crate) fn said(&self) -> Vec<Said> {
        self.said.lock().unwrap().clone()
    }

    /// Returns the owner tag of this installation; `None` before it was needed.
    pub(crate) fn installation(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.sandbox.path("work/data/installation_id")).ok()?;
        text.lines().next().map(ToOwned::to_owned)
    }

    /// Keeps everything about a case that went wrong, for whoever has to find out why, and returns the folder.
    pub(crate) fn keep(self) -> PathBuf {
        let said: Vec<String> = self.said().iter().map(|said| format!("{said:#?}")).collect();
        self.sandbox.write("case/said", said.join("\n"));
        let calls: Vec<String> = self.emulator.calls().iter().map(|call| format!("{call:?}")).collect();
        self.sandbox.write("case/calls", calls.join("\n"));
        self.sandbox.write("case/truth", format!("{:#?}", self.emulator.truth()));
        let folder = self.sandbox.path("");
        std::mem::forget(self);
        folder
    }

    /// Runs the oracle and stops at the first violation.
    pub(crate) fn judge(&self) {
        let violations = crate::campaigns::oracle::judge(self);
        assert!(violations.is_empty(), "{}: {violations:#?}", self.store);
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Running<'b> {
    bench: &'b Bench,
    call: String,
    input: Value,
    pub(crate) child: Child,
    began: Instant,
}

impl<'b> Running<'b> {
    fn of(bench: &'b Bench, call: &str, input: &Value, mut command: Command) -> Self {
        let began = Instant::now();
        Self { bench, call: call.to_owned(), input: input.clone(), child: command.spawn().unwrap(), began }
    }

    /// Waits for its end and keeps what it said.
    fn ended(self, heard: bool) -> (String, Output) {
        let output = self.child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| if heard { String::from_utf8_lossy(bytes).into_owned() } else { String::new() };
        let said = Said {
            call: self.call.clone(),
            input: self.input,
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            code: output.status.code().filter(|_| heard),
            began: self.began,
            ended: Instant::now(),
        };
        self.bench.said.lock().unwrap().push(said);
        (self.call, output)
    }

    /// Waits for the answer.
    pub(crate) fn answered(self) -> Answered {
        let (call, output) = self.ended(true);
        let answered = Answered::of(&output);
        if call != "reconcile" {
            let kind = if answered.code == 0 { format!("{call}.output") } else { "error.output".to_owned() };
            let complaints = crate::contract::complaints_about(&kind, &answered.document);
            assert!(complaints.is_empty(), "{call}: {complaints:?} in {}", answered.document);
        }
        answered
    }

    /// Waits for a call whose answer cannot be read, and returns its exit code. To Host Factory it is as if killed.
    pub(crate) fn wait_unread(self) -> i32 {
        self.ended(false).1.status.code().unwrap()
    }

    /// Kills the process where it stands (SIGKILL), and keeps what it had printed.
    pub(crate) fn kill(mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.ended(true);
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}
