//! The file: a tar archive, compressed.

use std::io::{self, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use crate::infrastructure::files::{self, FileError};

/// The folder that the archive unpacks into.
const FOLDER: &str = "hostfactory-bundle";

/// Writes files with these names and texts into a new archive at `path`, readable to its owner alone; returns its size, or
/// `None` when there is a file already.
///
/// # Errors
/// [`FileError`] when it cannot be written; nothing is left then.
pub(super) fn packed(path: &Path, files: &[(String, String)], seconds: i64) -> Result<Option<u64>, FileError> {
    let bytes = archive(files, seconds).map_err(|source| FileError::Io {
        operation: "packing",
        path: path.to_owned(),
        source,
    })?;
    let made = files::create_atomic(path, &bytes)?;
    Ok(made.then_some(bytes.len() as u64))
}

fn archive(files: &[(String, String)], seconds: i64) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, text) in files {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(seconds).unwrap_or(0));
        archive.append_data(&mut header, format!("{FOLDER}/{name}"), text.as_bytes())?;
    }
    let mut compressed = archive.into_inner()?;
    compressed.flush()?;
    compressed.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_nothing_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar.gz");
        let files = [("a.json".to_owned(), "{}\n".to_owned()), ("log.jsonl".to_owned(), "x\n".repeat(100_000))];
        let size = packed(&path, &files, 1_760_000_000).unwrap().unwrap();
        assert!(size < 10_000, "{size}");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()));
        let found: Vec<(String, String)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                (entry.path().unwrap().display().to_string(), text)
            })
            .collect();
        let wanted = files.map(|(name, text)| (format!("hostfactory-bundle/{name}"), text));
        assert_eq!(found, wanted);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(packed(&path, &[], 0).unwrap(), None);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), size);
        assert!(packed(Path::new("/nonexistent/b.tar.gz"), &[], 0).unwrap_err().to_string().contains("/nonexistent"));
    }
}
