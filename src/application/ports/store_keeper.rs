//! The store, as its operator sees it: its condition, its copies, and what to do when it is damaged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use shaku::Interface;

use crate::application::StorageError;
use crate::domain::Timestamp;

/// How a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// There is none and there never was.
    NeverMade,
    /// It can be used.
    Whole,
    /// It was there and is gone.
    Missing,
    /// It cannot be believed.
    Damaged,
    /// A newer version wrote it.
    Newer,
}

impl Condition {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NeverMade => "never made",
            Self::Whole => "whole",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Newer => "newer",
        }
    }

    /// Returns whether calls can work with it.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::NeverMade | Self::Whole)
    }
}

/// How closely a store is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every document passes by and its checksum is compared. Copies are not looked at.
    Outline,
    /// Every document is read, indexes and columns are compared with them, and every copy is looked at in the same way.
    Everything,
}

/// What is in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The form it is kept in.
    pub schema: u64,
    /// Requests by status.
    pub requests: BTreeMap<&'static str, usize>,
    /// Machines by status.
    pub machines: BTreeMap<&'static str, usize>,
    /// Templates that requests were frozen with.
    pub templates: usize,
    /// Events.
    pub events: usize,
    /// Events that wait to be delivered; nothing is noted about those of a copy.
    pub undelivered: Option<usize>,
    /// The number of the next event, which every commit raises.
    pub next_sequence: u64,
    /// When something was last committed.
    pub last_commit: Option<Timestamp>,
    /// A checksum over all of it: equal for equal contents, in whatever store. Unset when the documents were not read.
    pub digest: Option<u64>,
}

/// A copy of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCopy {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// How long ago it was the store.
    pub age: Duration,
    /// What is in it, or why it is of no use.
    pub contents: Result<Contents, String>,
}

/// What was found out about a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreReport {
    /// `storage.strategy`.
    pub strategy: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// How it is.
    pub condition: Condition,
    /// What is wrong with it.
    pub findings: Vec<String>,
    /// What is worth knowing, and no damage.
    pub remarks: Vec<String>,
    /// What is in it, unless it cannot be read at all.
    pub contents: Option<Contents>,
    /// The files it consists of, with their sizes in bytes.
    pub files: BTreeMap<String, u64>,
    /// The copies of it, the newest first.
    pub copies: Vec<StoreCopy>,
}

/// What recovery did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The store as it was found.
    pub found: StoreReport,
    /// Whether it was done, rather than only looked at.
    pub done: bool,
    /// Where the damaged files are now.
    pub moved: Vec<PathBuf>,
    /// The copy that is the store now.
    pub copy: Option<StoreCopy>,
    /// How many requests and machines the damaged store held, as far as it could be read.
    pub held: Option<(usize, usize)>,
}

/// Looks after the store as a whole.
#[async_trait]
pub trait StoreKeeper: Interface {
    /// Looks at the store. Damage is in the report, never an error.
    ///
    /// # Errors
    /// [`StorageError`] when another process holds the store, or the folder cannot be looked at.
    async fn examine(&self, depth: Depth) -> Result<StoreReport, StorageError>;

    /// Puts the newest whole copy in place of a store that is damaged or missing. Implementations MUST NOT delete
    /// anything: what was damaged is moved away under a name that tells when. Without `act` nothing is changed.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when the store is whole, or of a newer version: there is nothing to recover from.
    async fn recover(&self, at: Timestamp, act: bool) -> Result<Recovery, StorageError>;

    /// Makes an empty store where it is missing, so that what the cloud still has can be adopted into it.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when there is a store, whatever its condition.
    async fn begin_anew(&self) -> Result<(), StorageError>;
}
