//! Runs a test of this binary in a process of its own: under another umask, under a limit, many at once, to be killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts the ignored test `name` (its path within the crate) with `folder` as its working folder. `shell` is run
/// before, in the same process.
pub(crate) fn start(name: &str, folder: &Path, shell: &str) -> Child {
    let binary = std::env::current_exe().unwrap();
    Command::new("/bin/sh")
        .args(["-c", &format!("{shell}\nexec \"$0\" --exact --ignored --nocapture \"$1\"")])
        .arg(binary)
        .arg(name)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a test that was started and fails unless it ran and passed.
pub(crate) fn passed(child: Child) {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{}\n{text}\n{errors}", output.status);
}

/// Asks until there is an answer; fails after a minute.
pub(crate) fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < std::time::Duration::from_mins(1), "no answer within a minute");
        std::thread::yield_now();
    }
}
