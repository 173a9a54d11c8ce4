//! What kind of file system a folder lies on: on one that is shared between machines, locks and memory maps do not do what
//! they do on a local disk.

use std::path::Path;

/// A file system, as far as locks are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// A disk of this machine.
    Local,
    /// Shared between machines; its name.
    Network(&'static str),
}

/// `f_type` of `statfs(2)`, from `linux/magic.h` and the file systems' own sources.
#[cfg(target_os = "linux")]
const NETWORK: [(u32, &str); 15] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB 2"),
    (0x4750_4653, "GPFS"),
    (0x0bd0_0bd0, "Lustre"),
    (0x6573_5546, "FUSE"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9P"),
    (0x1983_0326, "BeeGFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0xaad7_aaea, "PanFS"),
];

/// Returns what `path` lies on; local when that cannot be found out.
pub fn of(path: &Path) -> FileSystem {
    at(path).unwrap_or(FileSystem::Local)
}

/// Returns what `path` lies on, or `None` when there is nothing there or the system does not tell.
pub fn at(path: &Path) -> Option<FileSystem> {
    #[cfg(target_os = "linux")]
    {
        // Some kernels give the number with a sign.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number has 32 bits")]
        rustix::fs::statfs(path).ok().map(|found| named(found.f_type as u32))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}

#[cfg(target_os = "linux")]
fn named(kind: u32) -> FileSystem {
    let known = NETWORK.iter().find(|(number, _)| *number == kind);
    known.map_or(FileSystem::Local, |(_, name)| FileSystem::Network(name))
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_file_systems_are_told_from_local_ones() {
        assert_eq!(named(0x6969), FileSystem::Network("NFS"));
        assert_eq!(named(0x0bd0_0bd0), FileSystem::Network("Lustre"));
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630] {
            assert_eq!(named(local), FileSystem::Local, "{local:x}");
        }
        assert_eq!(of(Path::new("/no/such/folder")), FileSystem::Local);
    }
}
