//! The five wrapper scripts: they find the program, hand everything on, and always answer with a document.

use std::collections::BTreeSet;

use crate::support::script;

const CALLS: [&str; 5] =
    ["getAvailableTemplates", "requestMachines", "requestReturnMachines", "getRequestStatus", "getReturnRequests"];

fn texts(extension: &str) -> BTreeSet<String> {
    CALLS.iter().map(|call| std::fs::read_to_string(script(&format!("{call}.{extension}"))).unwrap()).collect()
}

#[test]
fn the_five_scripts_are_the_same() {
    assert_eq!((texts("sh").len(), texts("bat").len()), (1, 1));
}

#[test]
fn batch_files_have_the_line_ends_of_windows_and_quote_their_paths() {
    let text = texts("bat").pop_first().unwrap();
    assert!(text.split('\n').all(|line| line.is_empty() || line.ends_with('\r')));
    assert!(text.contains("\"%HF_PROGRAM%\" \"%~n0\" %*\r\n"));
    assert!(!text.contains("2>&1"));
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;
    use crate::support::{Answered, Sandbox};

    /// A program that answers with its arguments, and says something on standard error.
    const ECHO: &str =
        "#!/bin/sh\necho noise >&2\nprintf '{\"message\": \"%s\"}\\n' \"$(printf '<%s>' \"$@\")\"\nexit 1\n";

    fn program(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
        let path = sandbox.write(name, text);
        let mut permissions = path.metadata().unwrap().permissions();
        permissions.set_mode(0o755);
        std::fs::set_permissions(&path, permissions).unwrap();
        path
    }

    fn copied(sandbox: &Sandbox, call: &str) -> PathBuf {
        let text = std::fs::read_to_string(script(&format!("{call}.sh"))).unwrap();
        program(sandbox, &format!("some where/scripts/{call}.sh"), &text)
    }

    fn answered(command: &mut Command) -> Answered {
        Answered::of(&command.args(["-f", "in put.json", "--odd"]).output().unwrap())
    }

    #[test]
    fn every_script_can_be_run_and_hands_everything_on() {
        let sandbox = Sandbox::new();
        let echo = program(&sandbox, "the bin/echo", ECHO);
        for call in CALLS {
            assert_eq!(script(&format!("{call}.sh")).metadata().unwrap().permissions().mode() & 0o111, 0o111);
            let answer = answered(sandbox.command(script(&format!("{call}.sh"))).env("HOSTFACTORY_BIN", &echo));
            assert_eq!(answer.message(), format!("<{call}><-f><in put.json><--odd>"));
            assert_eq!((answer.code, answer.stderr.as_str()), (1, "noise\n"));
        }
    }

    #[test]
    fn the_program_is_found_beside_the_script_then_in_bin_then_on_the_path() {
        let sandbox = Sandbox::new();
        let script = copied(&sandbox, "getRequestStatus");
        let path = format!("{}:/usr/bin:/bin", sandbox.path("tools").display());
        for (place, wanted) in [("tools", "path"), ("some where/bin", "bin"), ("some where/scripts", "beside")] {
            let text = format!("#!/bin/sh\necho '{{\"message\": \"{wanted}\"}}'\n");
            program(&sandbox, &format!("{place}/hostfactory"), &text);
            assert_eq!(answered(sandbox.command(&script).env("PATH", &path)).message(), wanted);
        }
    }

    #[test]
    fn a_script_works_by_link_by_relative_path_and_by_shell() {
        let sandbox = Sandbox::new();
        let script = copied(&sandbox, "requestMachines");
        program(&sandbox, "some where/bin/hostfactory", ECHO);
        symlink(&script, sandbox.path("far.sh")).unwrap();
        std::fs::create_dir(sandbox.path("links")).unwrap();
        symlink("../far.sh", sandbox.path("links/requestMachines.sh")).unwrap();
        let wanted = "<requestMachines><-f><in put.json><--odd>";
        assert_eq!(answered(&mut sandbox.command(sandbox.path("links/requestMachines.sh"))).message(), wanted);
        assert_eq!(answered(sandbox.command("/bin/sh").arg("links/requestMachines.sh")).message(), wanted);
        let here = sandbox.path("some where/scripts");
        assert_eq!(answered(sandbox.command("/bin/sh").current_dir(here).arg("requestMachines.sh")).message(), wanted);
    }

    #[test]
    fn a_program_that_is_missing_or_cannot_be_started_is_a_failure_document() {
        let sandbox = Sandbox::new();
        let script = copied(&sandbox, "getReturnRequests");
        let answer = answered(sandbox.command(&script).env("PATH", "/usr/bin:/bin"));
        assert_eq!(answer.code, 1);
        assert!(answer.message().starts_with("hostfactory was not found"), "{answer:?}");
        let answer = answered(sandbox.command(&script).env("HOSTFACTORY_BIN", sandbox.path("nothing")));
        assert!(answer.code == 1 && answer.message().starts_with("HOSTFACTORY_BIN"), "{answer:?}");
        let foreign = program(&sandbox, "foreign", "\u{7f}ELF of another machine");
        for shell in ["/bin/sh", "/bin/bash"].iter().filter(|shell| std::path::Path::new(shell).exists()) {
            let answer = answered(sandbox.command(shell).arg(&script).env("HOSTFACTORY_BIN", &foreign));
            assert!(answer.code == 1 && answer.message().contains("cannot be started"), "{answer:?}");
        }
    }
}
