//! Clean roots: folders that hold a shell, the C library and what a package manager has put there, entered with `chroot`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::made::run;
use super::managers::library_on_record;
use crate::support::{Answered, Sandbox};

/// A folder that becomes `/`.
pub(super) struct CleanRoot {
    /// Holds it in `root`.
    pub(super) sandbox: Sandbox,
}

impl CleanRoot {
    /// Returns a root with a shell and the libraries of this machine that shell and program need, and nothing else.
    pub(super) fn new() -> Self {
        let root = Self { sandbox: Sandbox::new() };
        for program in ["/bin/sh", env!("CARGO_BIN_EXE_hostfactory")] {
            for word in run(Command::new("ldd").arg(program)).split_whitespace().filter(|word| word.starts_with('/')) {
                root.take(Path::new(word));
            }
        }
        root.take(Path::new("/bin/sh"));
        for folder in ["tmp", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/rpm", "dev"] {
            std::fs::create_dir_all(root.path(folder)).unwrap();
        }
        // Making the device takes rights that a user who tests does not have.
        root.sandbox.write("root/dev/null", "");
        root.sandbox.write("root/var/lib/dpkg/status", library_on_record());
        root
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path("root").join(name)
    }

    fn take(&self, file: &Path) {
        let to = self.path(file.strip_prefix("/").unwrap().to_str().unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(file, to).unwrap();
    }

    /// Returns a command that is root in a namespace of its own unless this process is root.
    pub(super) fn as_root(program: &str) -> Command {
        static IS_ROOT: LazyLock<bool> = LazyLock::new(|| run(Command::new("id").arg("-u")).trim() == "0");
        let mut command = if *IS_ROOT {
            Command::new(program)
        } else {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", program]);
            command
        };
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
        command
    }

    /// Runs a program of the root, with the folders that Host Factory names and no `PATH`.
    fn inside(&self, program: &str, args: &[&str]) -> Output {
        let mut command = Self::as_root("chroot");
        for (name, folder) in [("CONFDIR", "conf"), ("WORKDIR", "work"), ("LOGDIR", "log")] {
            command.env(format!("HF_PROVIDER_{name}"), format!("/grid/{folder}"));
        }
        command.env("HF_PROVIDER_NAME", "testinst").arg(self.path("")).arg(program).args(args);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Makes the folders of a provider instance for hosts on paper.
    pub(super) fn configure(&self, strategy: &str) {
        for folder in ["conf", "work", "log"] {
            std::fs::create_dir_all(self.path("grid").join(folder)).unwrap();
        }
        let simulated = json!({"type": "simulated", "simulated": {"bootSeconds": 0, "shutdownSeconds": 0}});
        let config = json!({"provider": simulated, "storage": {"strategy": strategy}});
        self.sandbox.write("root/grid/conf/config.json", config.to_string());
        let template = json!({"templateId": "A", "maxNumber": 5, "vmType": "m6i.large"});
        self.sandbox.write("root/grid/conf/testinstprov_templates.json", json!({"templates": [template]}).to_string());
    }

    /// Runs an installed script as Host Factory does.
    pub(super) fn call(&self, name: &str, input: &Value) -> Value {
        self.sandbox.write("root/tmp/in.json", input.to_string());
        let script = format!("/usr/libexec/hostfactory/scripts/{name}.sh");
        let answer = Answered::of(&self.inside(&script, &["-f", "/tmp/in.json"]));
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{name}: {answer:?}");
        answer.document
    }

    /// Asks about a request until it is settled, and returns its entry.
    pub(super) fn settled(&self, id: &Value) -> Value {
        for _ in 0..200 {
            let answer = self.call("getRequestStatus", &json!({"requests": [{"requestId": id}]}));
            if answer["requests"][0]["status"] != "running" {
                return answer["requests"][0].clone();
            }
        }
        panic!("{id} did not settle");
    }

    /// Lets a host come, and returns the id of its request and its entry.
    pub(super) fn order(&self) -> (Value, Value) {
        let offered = self.call("getAvailableTemplates", &json!({}));
        assert_eq!(offered["templates"][0]["templateId"], "A");
        let id =
            self.call("requestMachines", &json!({"template": {"templateId": "A", "machineCount": 1}}))["requestId"]
                .clone();
        let request = self.settled(&id);
        assert_eq!(request["status"], "complete", "{request}");
        (id, request["machines"][0].clone())
    }

    /// Gives a host back and sees it end.
    pub(super) fn give_back(&self, host: &Value) {
        let machines = json!({"machines": [{"machineId": host["machineId"], "name": host["name"]}]});
        let id = self.call("requestReturnMachines", &machines)["requestId"].clone();
        assert_eq!(self.settled(&id)["status"], "complete");
        let ended = self.call("getReturnRequests", &machines);
        assert!(ended["requests"].is_array(), "{ended}");
    }

    /// Returns every file below a folder, with what it holds.
    pub(super) fn files(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let content = std::fs::read(&path).unwrap();
                    found.push((path, content));
                }
            }
        }
        found.sort();
        found
    }
}
