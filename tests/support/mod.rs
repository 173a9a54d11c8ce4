//! What the tests of the binary stand on: folders of their own and a clean environment.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// Returns the stores that this build has.
pub(crate) fn stores() -> &'static [&'static str] {
    if cfg!(feature = "sqlite") { &["json", "sqlite"] } else { &["json"] }
}

/// What a call answered.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The one document on standard output.
    pub(crate) document: Value,
    /// The exit code.
    pub(crate) code: i32,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Answered {
    /// Reads what a process left behind.
    ///
    /// # Panics
    /// When standard output is not exactly one JSON document, or the process was killed.
    pub(crate) fn of(output: &Output) -> Self {
        let stdout = std::str::from_utf8(&output.stdout).expect("standard output is UTF-8");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let document = serde_json::from_str(stdout)
            .unwrap_or_else(|error| panic!("{error} in {stdout:?} on standard output; standard error: {stderr}"));
        Self { document, code: output.status.code().expect("an exit code"), stderr }
    }

    /// Returns the message of the document.
    pub(crate) fn message(&self) -> &str {
        self.document["message"].as_str().unwrap_or_default()
    }
}

/// Folders for configuration, state and logs that go with the test.
#[derive(Debug)]
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    /// Returns empty folders, in a path with a space.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("host factory ").tempdir().unwrap();
        for name in ["conf", "work", "log"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    /// Returns the path of `name` in the sandbox.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its path; folders on the way are made.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(&path).unwrap().write_all(content.as_ref()).unwrap();
        path
    }

    /// Returns `program` in a clean environment, with the folders that Host Factory would set, run from the sandbox.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HF_PROVIDER_NAME", "testinst")
            .env("HF_PROVIDER_CONFDIR", self.path("conf"))
            .env("HF_PROVIDER_WORKDIR", self.path("work"))
            .env("HF_PROVIDER_LOGDIR", self.path("log"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }
}

/// Returns the path of a wrapper script.
pub(crate) fn script(name: &str) -> PathBuf {
    crate::root().join("scripts").join(name)
}

/// How long a call may take that has nothing to wait for.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);

impl Sandbox {
    /// Returns a sandbox configured for the provider without a cloud, its hosts ready at once.
    pub(crate) fn simulated() -> Self {
        let sandbox = Self::new();
        let simulated = json!({"bootSeconds": 0, "shutdownSeconds": 0});
        let config = json!({"provider": {"type": "simulated", "simulated": simulated}});
        sandbox.write("conf/config.json", config.to_string());
        let template = json!({"templateId": "Simulated-1", "maxNumber": 10, "attributes": {
            "type": ["String", "X86_64"], "ncores": ["Numeric", "1"], "ncpus": ["Numeric", "1"],
            "nram": ["Numeric", "1024"],
        }});
        sandbox.write("conf/testinstprov_templates.json", json!({"templates": [template]}).to_string());
        sandbox
    }

    /// Returns the built program in a clean environment.
    pub(crate) fn program(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_hostfactory"))
    }

    /// Runs a call with its input in a file, as Host Factory does.
    pub(crate) fn call(&self, verb: &str, input: impl AsRef<[u8]>) -> Answered {
        let file = self.write("input/hf_in_a1B2c3", input);
        Answered::of(&self.program().arg(verb).arg("-f").arg(file).output().unwrap())
    }
}

/// Says something to whoever reads the test's output.
#[expect(clippy::print_stderr, reason = "a seed and a figure must be seen when a test fails")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
