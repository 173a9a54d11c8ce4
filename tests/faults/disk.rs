//! A disk that fails on demand: the program with `tests/shim/disk.c` preloaded.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::{Answered, Sandbox, say, stores};

/// Returns the compiled shim, or `None`, loudly, where there is no C compiler.
pub(crate) fn shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    SHIM.get_or_init(|| {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let source = crate::root().join("tests/shim/disk.c");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disk-{}.so", std::process::id()));
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&target).arg(source).arg("-ldl").output();
        match built {
            Ok(output) if output.status.success() => Some(target),
            Ok(output) => panic!("the shim does not compile: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                say(&format!("*** NOT TESTED: there is no cc, so that no disk can be made to fail ({error}) ***"));
                None
            }
        }
    })
    .as_deref()
}

/// An installation on the provider without a cloud, with one of the stores.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) strategy: &'static str,
}

/// Runs a test on each store.
pub(crate) fn each_store(test: impl Fn(&Bench)) {
    for strategy in stores() {
        say(strategy);
        test(&Bench::new(strategy));
    }
}

/// The same where the disk can be made to fail.
pub(crate) fn each_failing_store(test: impl Fn(&Bench)) {
    if shim().is_some() {
        each_store(test);
    }
}

impl Bench {
    pub(crate) fn new(strategy: &'static str) -> Self {
        let sandbox = Sandbox::simulated();
        let text = std::fs::read_to_string(sandbox.path("conf/testinstprov_templates.json")).unwrap();
        sandbox.write("conf/testinstprov_templates.json", text.replace("\"maxNumber\":10", "\"maxNumber\":10000"));
        Self { sandbox, strategy }
    }

    /// Returns the path of a file in the data folder.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.sandbox.path("work/data").join(name)
    }

    /// Returns the path of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.data(if self.strategy == "json" { "request_database.json" } else { "request_database.db" })
    }

    /// Returns the path of the store's usual copy.
    pub(crate) fn copy(&self) -> PathBuf {
        self.data(if self.strategy == "json" { "request_database.json.previous" } else { "request_database.db.copy" })
    }

    pub(crate) fn program(&self) -> Command {
        let mut program = self.sandbox.program();
        program.args(["--set", &format!("storage.strategy={}", self.strategy)]);
        program
    }

    /// Returns the program with a disk below `root` that fails as `fail` says (see the shim).
    pub(crate) fn failing(&self, root: &str, fail: &str) -> Command {
        let mut program = self.program();
        program.env("LD_PRELOAD", shim().unwrap()).env("SHIM_ROOT", self.sandbox.path(root)).env("SHIM_FAIL", fail);
        program
    }

    /// Runs a verb with its input.
    pub(crate) fn run(&self, program: Command, verb: &str, input: &Value) -> Answered {
        Answered::of(&self.output(program, verb, input))
    }

    #[expect(clippy::unused_self, reason = "it reads like the calls beside it")]
    pub(crate) fn output(&self, mut program: Command, verb: &str, input: &Value) -> std::process::Output {
        program.args([verb, "--data", &input.to_string()]).output().unwrap()
    }

    pub(crate) fn ask(&self, verb: &str, input: &Value) -> Answered {
        self.run(self.program(), verb, input)
    }

    /// Asks for hosts, which must work, and returns the id.
    pub(crate) fn request(&self, count: u32) -> String {
        let answer = self.ask("requestMachines", &order(count));
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.document["requestId"].as_str().unwrap().to_owned()
    }

    /// Asks once how a request stands.
    pub(crate) fn status(&self, id: &str) -> Answered {
        self.ask("getRequestStatus", &asked(id))
    }

    /// Polls until a request is settled and returns its entry.
    pub(crate) fn settled(&self, id: &str) -> Value {
        for _ in 0..50 {
            let answer = self.status(id);
            assert_eq!(answer.code, 0, "{answer:?}");
            let entry = answer.document["requests"][0].clone();
            if entry["status"] != "running" {
                return entry;
            }
        }
        panic!("{id} does not settle");
    }

    /// Runs a verb on the store.
    pub(crate) fn storage(&self, args: &[&str]) -> Answered {
        Answered::of(&self.program().arg("storage").args(args).output().unwrap())
    }

    /// Checks that the store is as it should be and returns the report.
    pub(crate) fn is_good(&self) -> Value {
        let report = self.storage(&["check"]);
        assert_eq!(report.code, 0, "{report:?}");
        report.document
    }

    /// What must hold after any fault that has gone: the store opens, every id that was printed is answered, and a new
    /// request works.
    pub(crate) fn oracle(&self, printed: &[String]) {
        self.is_good();
        for id in printed {
            let entry = self.settled(id);
            assert_eq!(entry["status"], "complete", "{}: {entry}", self.strategy);
        }
        let id = self.request(1);
        assert_eq!(self.settled(&id)["status"], "complete");
        for entry in std::fs::read_dir(self.data("")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            // Those of other files go when they are an hour old.
            assert!(!name.starts_with(".request_database.json."), "{name} is left");
        }
    }

    /// Starts a verb and does not wait.
    #[expect(clippy::unused_self, reason = "it reads like the calls beside it")]
    pub(crate) fn start(&self, mut program: Command, verb: &str, input: &Value) -> std::process::Child {
        program
            .args([verb, "--data", &input.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

pub(crate) fn order(count: u32) -> Value {
    json!({"template": {"templateId": "Simulated-1", "machineCount": count}})
}

pub(crate) fn asked(id: &str) -> Value {
    json!({"requests": [{"requestId": id}]})
}

/// Returns the id of an answer that has one.
pub(crate) fn id_of(answer: &Answered) -> Option<String> {
    (answer.code == 0).then(|| answer.document["requestId"].as_str().unwrap().to_owned())
}
