//! Where a value came from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The place a value in force was written at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere; it is the default.
    Default,
    /// A file, under this key.
    File {
        /// The file.
        path: Arc<PathBuf>,
        /// The key in it.
        key: String,
    },
    /// A variable of the environment.
    Variable(String),
    /// The command line.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, key } => write!(f, "{}: {key}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}
