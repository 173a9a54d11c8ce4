//! Who we are among the processes of this machine and of others, and whether another process still lives.

use std::path::Path;
use std::sync::OnceLock;

use super::files;

const LIMIT: u64 = 4096;

/// Returns the name of this machine since its last start, the same for all its processes; the start counts because
/// process numbers begin anew with it.
pub fn node() -> &'static str {
    static NODE: OnceLock<String> = OnceLock::new();
    NODE.get_or_init(read_node)
}

fn read_node() -> String {
    let line = |path: &str| {
        let bytes = files::read_limited(Path::new(path), LIMIT).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        Some(text.trim().replace('/', "-")).filter(|text| !text.is_empty())
    };
    let host = line("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown".to_owned());
    let boot = line("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{host} {boot}")
}

/// Returns the name of this process, unlike that of any other on any machine.
pub fn name() -> String {
    let id = std::process::id();
    format!("{}/{id}/{}", node(), started(id).unwrap_or_default())
}

/// Returns whether the process of this name may still live; only one of this machine is known not to.
pub fn may_live(name: &str) -> bool {
    let mut parts = name.split('/');
    let (Some(at), Some(id), Some(start)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(id) = id.parse() else { return false };
    at != node() || start.is_empty() || started(id).as_deref() == Some(start)
}

/// Returns when a process of this machine was started, in the kernel's ticks, which tells it from a later one with the
/// same number; `None` when there is none, and on systems that do not tell.
fn started(id: u32) -> Option<String> {
    let bytes = files::read_limited(Path::new(&format!("/proc/{id}/stat")), LIMIT).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // The second field is the program's name, in parentheses, and may hold anything; the start is the 22nd.
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(ToOwned::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_that_has_ended_does_not() {
        let name = name();
        assert!(may_live(&name) && name.split('/').all(|part| !part.is_empty()), "{name}");
        let mut child = std::process::Command::new("/bin/cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let other = format!("{}/{}/{}", node(), child.id(), started(child.id()).unwrap());
        assert!(may_live(&other));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!may_live(&other));
    }

    #[test]
    fn a_later_process_with_the_same_number_is_another_and_other_machines_are_not_judged() {
        let id = std::process::id();
        assert!(!may_live(&format!("{}/{id}/1", node())));
        assert!(may_live(&format!("elsewhere 0/{id}/1")));
        assert!(!may_live("nonsense"));
    }
}
