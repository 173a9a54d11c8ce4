//! The instance types that are known: what the cloud told, in `<work>/data/instance_types.tsv`, then what is shipped.
//!
//! Invariants: the file is opened at most once in a process, when the first type is asked for; whatever happens to it,
//! what is shipped is known.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::OnceLock;

use shaku::Component;
use tracing::warn;

use super::table;
use crate::application::StorageError;
use crate::application::ports::InstanceTypes;
use crate::domain::template::InstanceShape;
use crate::infrastructure::files::{self, Durability};
use crate::infrastructure::storage::path_in_made;

const FILE: &str = "instance_types.tsv";
/// Fifty times what EC2 offers today.
const LIMIT: u64 = 4 << 20;

/// Knows instance types from a file and from the table that is shipped.
#[derive(Component)]
#[shaku(interface = InstanceTypes)]
pub struct KnownInstanceTypes {
    /// The work folder.
    #[shaku(default)]
    work_dir: PathBuf,
    #[shaku(force_default)]
    told: OnceLock<Option<Told>>,
}

/// What the cloud told.
struct Told {
    /// The file as it is.
    table: Vec<u8>,
    /// Whether it is in order, so that a type which is not where it belongs is not there at all.
    in_order: OnceLock<bool>,
    /// Its good lines in their order, made when a damaged one was met.
    mended: OnceLock<Vec<u8>>,
}

impl KnownInstanceTypes {
    /// Returns the instance types known to this work folder.
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self { work_dir: work_dir.into(), told: OnceLock::new() }
    }

    fn path(&self) -> PathBuf {
        self.work_dir.join("data").join(FILE)
    }

    fn told(&self) -> Option<&Told> {
        let read = || {
            // An empty path would mean the folder of whoever calls.
            let path = Some(self.path()).filter(|_| !self.work_dir.as_os_str().is_empty())?;
            let table = files::read_private(&path, LIMIT).unwrap_or_else(|error| {
                warn!(error = %StorageError::from(error), "what AWS told about instance types cannot be read");
                None
            })?;
            Some(Told { table, in_order: OnceLock::new(), mended: OnceLock::new() })
        };
        self.told.get_or_init(read).as_ref()
    }

    /// Looks for a type in what the cloud told.
    fn find(&self, told: &Told, name: &str) -> Option<InstanceShape> {
        match table::line_of(&told.table, name) {
            Some(line) => {
                if let Some(shape) = table::read(line) {
                    return Some(shape);
                }
            }
            None if *told.in_order.get_or_init(|| table::is_in_order(&told.table)) => return None,
            None => {}
        }
        let mend = || {
            let (table, damaged) = table::mended(&told.table);
            let path = self.path();
            warn!(path = %path.display(), damaged, "lines about instance types are damaged and skipped");
            table
        };
        table::find(told.mended.get_or_init(mend), name)
    }
}

impl InstanceTypes for KnownInstanceTypes {
    fn shape(&self, name: &str) -> Option<InstanceShape> {
        self.told().and_then(|told| self.find(told, name)).or_else(|| table::shipped(name))
    }

    fn all(&self) -> Vec<InstanceShape> {
        let mut shapes = self.told().map(|told| table::all(&told.table)).unwrap_or_default();
        let told: HashSet<String> = shapes.iter().map(|shape| shape.name.clone()).collect();
        shapes.extend(table::all(table::SHIPPED).into_iter().filter(|shape| !told.contains(&shape.name)));
        shapes
    }

    fn keep(&self, shapes: &[InstanceShape]) -> Result<(), StorageError> {
        let path = path_in_made(&self.work_dir, FILE)?;
        Ok(files::write_atomic(&path, table::text(shapes).as_bytes(), Durability::Synced)?)
    }
}
