//! Gives a document to a program on its standard input, once, within a given time.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// How much of what the program complains about is read.
const COMPLAINT: u64 = 2000;

/// Runs the program; it and what it has started are killed when the time is up. Standard output is not read.
///
/// # Errors
/// Says why it is not known to have taken the document.
pub(super) async fn run(program: &Path, document: &[u8], within: Duration) -> Result<(), String> {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    let Ok(outcome) = tokio::time::timeout(within, fed(&mut child, document)).await else {
        kill_all(&child);
        return Err(format!("it did not end within {:.1} seconds and was killed", within.as_secs_f64()));
    };
    outcome
}

async fn fed(child: &mut Child, document: &[u8]) -> Result<(), String> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read all of it decides for itself how it ends.
            let _ = stdin.write_all(document).await;
        }
    };
    let read = async {
        let mut complaint = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = (&mut stderr).take(COMPLAINT).read_to_end(&mut complaint).await;
            let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        }
        complaint
    };
    let ((), complaint, status) = tokio::join!(write, read, child.wait());
    let status = status.map_err(|error| format!("how it ended is not known: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&complaint);
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("it ended with {status}{}{}", if last.is_empty() { "" } else { ": " }, last.trim()))
}

/// Kills the program and everything that it has started.
#[cfg(unix)]
fn kill_all(child: &Child) {
    let group = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_all(_: &Child) {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Runs a script and returns what came of it, and its folder.
    async fn ran(script: &str, within: Duration) -> (Result<(), String>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hook");
        let mut file = std::fs::File::create(&path).unwrap();
        let text = format!("#!/bin/sh\ncd {}\n{script}\n", folder.path().display());
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o700)).unwrap();
        drop(file);
        (run(&path, b"{\"events\": []}", within).await, folder)
    }

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn the_document_comes_on_standard_input() {
        let (outcome, folder) = ran("cat > got; echo noise; echo noise >&2", LONG).await;
        outcome.unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("got")).unwrap(), "{\"events\": []}");
    }

    #[tokio::test]
    async fn a_program_that_reads_nothing_and_ends_well_has_taken_it() {
        ran("exit 0", LONG).await.0.unwrap();
    }

    #[tokio::test]
    async fn what_it_complains_about_last_is_told() {
        let error = ran("echo first >&2; echo no route >&2; exit 3", LONG).await.0.unwrap_err();
        assert!(error.contains('3') && error.ends_with("no route"), "{error}");
        let error = run(Path::new("/nonexistent/hook"), b"", LONG).await.unwrap_err();
        assert!(error.contains("/nonexistent/hook cannot be started"), "{error}");
    }

    #[tokio::test]
    async fn what_hangs_is_killed_with_everything_it_started() {
        let (outcome, folder) = ran("sleep 600 & echo $! > child; wait", Duration::from_millis(700)).await;
        let error = outcome.unwrap_err();
        assert!(error.contains("was killed"), "{error}");
        let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
        let lives = || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z")
        };
        tokio::time::timeout(LONG, async {
            while lives() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
}
