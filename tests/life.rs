//! The whole life of hosts through the wrapper scripts, as Host Factory drives it. Every document is held against its
//! schema.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::contract::complaints_about;
use crate::support::{Answered, Sandbox, script, stores};

/// A sandbox with what its calls need besides the folders.
pub(crate) struct Grid<'s> {
    pub(crate) sandbox: &'s Sandbox,
    /// Further variables for each call.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Grid<'_> {
    /// Returns the command that carries out one call through its wrapper script.
    pub(crate) fn command(&self, call: &str, input: &Value) -> Command {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let name = format!("in/call {}.json", CALLS.fetch_add(1, Ordering::Relaxed));
        let file = self.sandbox.write(&name, input.to_string());
        let mut command = self.sandbox.command(script(&format!("{call}.sh")));
        command
            .env("HOSTFACTORY_BIN", env!("CARGO_BIN_EXE_hostfactory"))
            .env("PATH", "/usr/bin:/bin")
            .envs(self.variables.iter().cloned())
            .arg("-f")
            .arg(file);
        command
    }

    /// Carries out one call; its answer is as its schema says, or as the schema of failures says.
    pub(crate) fn ask(&self, call: &str, input: &Value) -> Answered {
        let answered = Answered::of(&self.command(call, input).output().unwrap());
        let kind = if answered.code == 0 { format!("{call}.output") } else { "error.output".to_owned() };
        let complaints = complaints_about(&kind, &answered.document);
        assert!(complaints.is_empty(), "{call}: {complaints:?} in {}", answered.document);
        answered
    }

    /// Carries out one call that must work.
    pub(crate) fn done(&self, call: &str, input: &Value) -> Value {
        let answered = self.ask(call, input);
        assert_eq!(answered.code, 0, "{call}: {}", answered.document);
        answered.document
    }

    /// Asks for hosts and returns the request id.
    pub(crate) fn request(&self, template: &str, count: u32) -> String {
        let answer =
            self.done("requestMachines", &json!({"template": {"templateId": template, "machineCount": count}}));
        answer["requestId"].as_str().unwrap().to_owned()
    }

    /// Asks once how a request stands.
    pub(crate) fn status(&self, id: &str) -> Value {
        self.done("getRequestStatus", &json!({"requests": [{"requestId": id}]}))["requests"][0].clone()
    }

    /// Polls until a request is settled.
    pub(crate) fn settled(&self, id: &str) -> Value {
        for _ in 0..200 {
            let status = self.status(id);
            if status["status"] != "running" {
                return status;
            }
        }
        panic!("{id} does not settle: {}", self.status(id));
    }

    /// Gives hosts back and returns the request id.
    pub(crate) fn give_back(&self, hosts: &Value) -> String {
        let answer = self.done("requestReturnMachines", &json!({"machines": hosts}));
        answer["requestId"].as_str().unwrap().to_owned()
    }

    /// Returns the names of the hosts that the cloud takes.
    pub(crate) fn lost(&self, hosts: &Value) -> Vec<String> {
        let answer = self.done("getReturnRequests", &json!({"machines": hosts}));
        let name = |lost: &Value| lost["machine"].as_str().unwrap().to_owned();
        answer["requests"].as_array().unwrap().iter().map(name).collect()
    }

    /// Returns hosts of a status answer in the form in which Host Factory names them.
    pub(crate) fn named(status: &Value) -> Vec<Value> {
        let host = |host: &Value| json!({"name": host["name"], "machineId": host["machineId"]});
        status["machines"].as_array().unwrap().iter().map(host).collect()
    }

    /// Three hosts come, one goes, two stay, all go.
    pub(crate) fn whole_life(&self, template: &str) {
        let offered = self.done("getAvailableTemplates", &json!({}));
        assert!(offered["templates"].as_array().unwrap().iter().any(|t| t["templateId"] == template));

        let request = self.request(template, 3);
        let status = self.settled(&request);
        assert_eq!(status["status"], "complete", "{status}");
        let hosts = Self::named(&status);
        assert_eq!(hosts.len(), 3);
        assert!(self.lost(&json!(hosts)).is_empty());

        let give_back = self.give_back(&json!([hosts[0]]));
        let ended = self.settled(&give_back);
        assert_eq!(ended["status"], "complete", "{ended}");
        assert_eq!(Self::named(&ended), hosts[..1]);
        assert_eq!(self.lost(&json!(hosts[1..])), Vec::<String>::new(), "the others live");
        assert_eq!(self.status(&request), status, "a verdict is frozen");

        // By name alone, by id alone, and the first once more.
        let rest = json!([hosts[1]["name"], hosts[2]["machineId"], hosts[0]]);
        let ended = self.settled(&self.give_back(&rest));
        assert_eq!((ended["status"].as_str(), Self::named(&ended).len()), (Some("complete"), 3), "{ended}");
        assert_eq!(self.lost(&json!(hosts)).len(), 3, "still listed, so still told");
    }
}

/// Returns whether any file below `folder` holds `text`.
pub(crate) fn anywhere(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            anywhere(&path, text)
        } else {
            String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(text)
        }
    })
}

const TEMPLATE: &str = r##"{"templates": [{
    "templateId": "Small", "maxNumber": 10,
    "attributes": {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1024"]},
    "userDataScript": "#!/bin/sh\necho a-canary-in-user-data\n"
}]}"##;

fn simulated(sandbox: &Sandbox, strategy: &str, simulated: &Value) {
    sandbox.write("conf/testinstprov_templates.json", TEMPLATE);
    let config = json!({
        "provider": {"type": "simulated", "simulated": simulated},
        "storage": {"strategy": strategy},
    });
    sandbox.write("conf/config.json", config.to_string());
}

#[cfg(unix)]
mod simulated_cloud {
    use super::*;

    fn at_once() -> Value {
        json!({"bootSeconds": 0, "shutdownSeconds": 0})
    }

    #[test]
    fn hosts_come_and_go_on_every_store() {
        for strategy in stores() {
            let sandbox = Sandbox::new();
            simulated(&sandbox, strategy, &at_once());
            Grid { sandbox: &sandbox, variables: Vec::new() }.whole_life("Small");
            for folder in ["work", "log"] {
                assert!(!anywhere(&sandbox.path(folder), "a-canary-in-user-data"), "{strategy}: secret in {folder}");
            }
        }
    }

    #[test]
    fn processes_at_once_lose_nothing_and_pass_no_maximum() {
        for strategy in stores() {
            let sandbox = Sandbox::new();
            simulated(&sandbox, strategy, &at_once());
            let grid = Grid { sandbox: &sandbox, variables: Vec::new() };
            let order = json!({"template": {"templateId": "Small", "machineCount": 1}});
            let children: Vec<_> = (0..16)
                .map(|_| grid.command("requestMachines", &order).stdout(std::process::Stdio::piped()).spawn().unwrap())
                .collect();
            let answers: Vec<Answered> =
                children.into_iter().map(|child| Answered::of(&child.wait_with_output().unwrap())).collect();
            let ids: std::collections::BTreeSet<String> = answers
                .iter()
                .filter(|answer| answer.code == 0)
                .map(|answer| answer.document["requestId"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(ids.len(), 10, "{strategy}: maxNumber is 10: {answers:?}");
            assert!(
                answers.iter().filter(|answer| answer.code != 0).all(|answer| answer.message().contains("maxNumber"))
            );
            for id in ids {
                assert_eq!(Grid::named(&grid.settled(&id)).len(), 1);
            }
        }
    }

    #[test]
    fn hosts_that_die_at_boot_leave_an_error_that_says_so() {
        let sandbox = Sandbox::new();
        simulated(&sandbox, "json", &json!({"bootSeconds": 0, "failurePercent": 100}));
        let grid = Grid { sandbox: &sandbox, variables: Vec::new() };
        let status = grid.settled(&grid.request("Small", 2));
        assert_eq!(status["status"], "complete_with_error");
        assert!(status["message"].as_str().unwrap().contains("Server.InternalError"), "{status}");
    }
}
