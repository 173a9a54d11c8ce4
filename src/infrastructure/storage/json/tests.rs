use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::JsonStore;
use crate::application::ports::UnitOfWork;
use crate::infrastructure::storage::adversity::{self, DiskHarness};
use crate::infrastructure::storage::contract::{self, Harness};

struct Folder(tempfile::TempDir);

impl Default for Folder {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl DiskHarness for Folder {
    const FILE: &'static str = "request_database.json";

    fn open_at(work: &Path, lock_timeout: Duration) -> Arc<dyn UnitOfWork> {
        Arc::new(JsonStore::new(work, lock_timeout, Duration::from_hours(24)))
    }

    fn work(&self) -> &Path {
        self.0.path()
    }
}

impl Harness for Folder {
    fn open(&self) -> Arc<dyn UnitOfWork> {
        Self::open_at(self.0.path(), Duration::from_mins(1))
    }
}

contract::store_contract!(Folder);
adversity::disk_contract!(Folder);
