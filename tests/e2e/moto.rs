//! An EC2 endpoint that nobody here wrote; `tests/moto/server.py` says where it is corrected.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::NamedTempFile;

/// A moto of this test's own, on a free port; it ends with its standard input.
pub(super) struct Moto {
    server: Child,
    pub(super) about: Value,
    calls: NamedTempFile,
}

impl Moto {
    pub(super) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests read the variables that test.sh sets")]
        let python = std::env::var("HOSTFACTORY_TEST_PYTHON").expect(
            "these tests need moto: run scripts/test.sh, or set HOSTFACTORY_TEST_PYTHON to a Python that has \
             tests/moto/requirements.txt",
        );
        let calls = NamedTempFile::new().unwrap();
        let mut server = Command::new(python)
            .arg(crate::root().join("tests/moto/server.py"))
            .arg(calls.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let about = serde_json::from_str(&line).expect("moto says where it listens");
        Self { server, about, calls }
    }

    /// Returns the actions of every call.
    pub(super) fn actions(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.calls.path()).unwrap();
        let targets = text.lines().filter_map(|line| line.split(' ').next());
        targets.map(|target| target.rsplit('.').next().unwrap_or(target).to_owned()).collect()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}
