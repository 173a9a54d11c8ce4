//! Reads one JSON document, with bounds on everything that comes from outside.
//!
//! Invariants: no more than [`MOST_BYTES`] are read, however large the source is; a document that is nested too deeply,
//! holds too many values, names a key twice or goes on after its end is refused, with the place where it went wrong.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::json::{Json, Members};

/// The largest document that is read.
pub const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Where a document comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    StandardInput,
    /// The command line (`--data`).
    Argument(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::StandardInput => f.write_str("standard input"),
            Self::Argument(_) => f.write_str("--data"),
        }
    }
}

/// What a source without any content means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// The same as `{}`.
    IsObject,
    /// A mistake.
    IsRefused,
}

/// A document that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The source cannot be read.
    #[error("{source_name} cannot be read")]
    Unreadable {
        /// The source.
        source_name: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The source holds more than is ever read.
    #[error("{source_name} is larger than {} MiB", MOST_BYTES / 1024 / 1024)]
    TooLarge {
        /// The source.
        source_name: String,
    },
    /// The source is empty.
    #[error("{source_name} is empty; it should hold a JSON object")]
    Empty {
        /// The source.
        source_name: String,
    },
    /// The bytes are not text.
    #[error("{source_name} is not UTF-8 (line {line} column {column})")]
    NotUtf8 {
        /// The source.
        source_name: String,
        /// The line of the first bad byte, from 1.
        line: usize,
        /// Its place in the line in bytes, from 1.
        column: usize,
    },
    /// The text is not one JSON document.
    #[error("{source_name} is not a JSON document that can be used")]
    Malformed {
        /// The source.
        source_name: String,
        /// What is wrong, with line and column.
        #[source]
        cause: serde_json::Error,
    },
    /// The document is not an object.
    #[error("{source_name} should hold a JSON object and holds {found}")]
    NotAnObject {
        /// The source.
        source_name: String,
        /// What it holds.
        found: String,
    },
}

/// Reads the object that `source` holds.
///
/// # Errors
/// [`DocumentError`], which names the source and the place in it.
pub fn read(source: &Source, empty: Empty) -> Result<Members, DocumentError> {
    let unreadable = |cause| DocumentError::Unreadable { source_name: source.to_string(), cause };
    match source {
        Source::File(path) => {
            let file = File::open(path).map_err(unreadable)?;
            let length = file.metadata().map_err(unreadable)?.len();
            if length > MOST_BYTES {
                return Err(DocumentError::TooLarge { source_name: source.to_string() });
            }
            parse(source, &bounded(file, source)?, empty)
        }
        Source::StandardInput => parse(source, &bounded(io::stdin().lock(), source)?, empty),
        Source::Argument(text) => parse(source, text.as_bytes(), empty),
    }
}

/// Reads all of `input`, up to the limit; its own idea of its length is not believed.
fn bounded(input: impl Read, source: &Source) -> Result<Vec<u8>, DocumentError> {
    let mut bytes = Vec::new();
    input
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| DocumentError::Unreadable { source_name: source.to_string(), cause })?;
    Ok(bytes)
}

fn parse(source: &Source, bytes: &[u8], empty: Empty) -> Result<Members, DocumentError> {
    let source_name = source.to_string();
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(DocumentError::TooLarge { source_name });
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = good.split(|byte| *byte == b'\n').count();
            let column = good.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
            return Err(DocumentError::NotUtf8 { source_name, line, column });
        }
    };
    if text.trim().is_empty() {
        return match empty {
            Empty::IsObject => Ok(Members::default()),
            Empty::IsRefused => Err(DocumentError::Empty { source_name }),
        };
    }
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(other) => Err(DocumentError::NotAnObject { source_name, found: other.shown() }),
        Err(cause) => Err(DocumentError::Malformed { source_name, cause }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::interface::chain::Chain;

    fn parsed(bytes: &[u8]) -> Result<Members, DocumentError> {
        parse(&Source::StandardInput, bytes, Empty::IsRefused)
    }

    fn refusal(bytes: &[u8]) -> String {
        Chain(&parsed(bytes).unwrap_err()).to_string()
    }

    #[test]
    fn an_object_is_read_with_and_without_a_byte_order_mark() {
        assert_eq!(parsed(b"{\"a\": 1}").unwrap().get("a"), Some(&Json::Integer(1)));
        assert_eq!(parsed(b"\xef\xbb\xbf {\"a\": \"x\"}\r\n").unwrap().get("a"), Some(&Json::Text("x".to_owned())));
    }

    #[test]
    fn nothing_at_all_is_an_object_only_where_that_is_agreed() {
        for nothing in [&b""[..], b" \n", b"\xef\xbb\xbf"] {
            assert!(parse(&Source::StandardInput, nothing, Empty::IsObject).unwrap().get("a").is_none());
            assert!(refusal(nothing).contains("standard input is empty"));
        }
    }

    #[test]
    fn refusals_name_the_source_and_the_place() {
        for (bytes, wanted) in [
            (&b"{\"a\": 1,\n \"a\": 2}"[..], "the key 'a' is there twice"),
            (b"{\"a\": 1,\n \"a\": 2}", "line 2"),
            (b"{\"a\": 1} x", "trailing characters at line 1 column 10"),
            (b"{} {}", "trailing characters"),
            (b"{\"a\": ", "EOF"),
            (b"{a: 1}", "line 1 column 2"),
            (b"{\"a\": 01}", "line 1"),
            (b"{\"a\": 1e999}", "number out of range"),
            (b"[1, 2]", "holds a list"),
            (b"\"x\"", "holds 'x'"),
            (b"null", "holds null"),
            (b"{\n\"a\": \"\xff\"}", "not UTF-8 (line 2 column 7)"),
            (b"\xff\xfe{\0}\0", "not UTF-8 (line 1 column 1)"),
        ] {
            let text = refusal(bytes);
            assert!(text.contains(wanted) && text.contains("standard input"), "{text}");
        }
    }

    #[test]
    fn deep_and_crowded_documents_are_refused() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(refusal(deep.as_bytes()).contains("recursion limit"));
        let deep = "{\"a\":".repeat(100_000);
        assert!(refusal(deep.as_bytes()).contains("recursion limit"));
        let crowded = format!("{{\"a\":[{}0]}}", "0,".repeat(1_000_000));
        assert!(refusal(crowded.as_bytes()).contains("values"));
        let keys: Vec<String> = (0..1000).map(|key| format!("\"{key}\":0")).collect();
        assert!(refusal(format!("{{{}}}", keys.join(",")).as_bytes()).contains("keys"));
    }

    #[test]
    fn a_huge_file_is_refused_without_reading_it() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{}").unwrap();
        file.as_file().set_len(1 << 30).unwrap();
        let error = read(&Source::File(file.path().to_owned()), Empty::IsRefused).unwrap_err().to_string();
        assert!(error.contains("larger than 16 MiB"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn an_endless_source_is_read_no_further_than_the_limit() {
        let error = read(&Source::File("/dev/zero".into()), Empty::IsRefused).unwrap_err().to_string();
        assert!(error.contains("larger than 16 MiB"), "{error}");
    }

    #[test]
    fn a_missing_file_and_a_folder_are_named() {
        for path in ["/no/such/file.json", "/"] {
            let error = read(&Source::File(path.into()), Empty::IsObject).unwrap_err();
            assert!(Chain(&error).to_string().starts_with(&format!("{path} cannot be read: ")), "{error}");
        }
    }
}
