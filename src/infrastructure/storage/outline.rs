//! What is in a store, counted from its documents as they pass by: their checksums are compared, none of them is read.

use std::collections::BTreeMap;

use super::glance::Member;
use crate::application::ports::Contents;
use crate::domain::Timestamp;
use crate::domain::machine::MachineStatus;
use crate::domain::request::RequestStatus;

/// Counts documents.
pub(super) struct Outline {
    contents: Contents,
    delivered: u64,
    status: Member,
    changed_at: Member,
    sequence: Member,
    at: Member,
}

impl Outline {
    /// Returns an outline of a store of this form in which nothing was counted yet.
    pub(super) fn new(schema: u64, next_sequence: u64, delivered: u64) -> Self {
        let contents = Contents {
            schema,
            requests: BTreeMap::new(),
            machines: BTreeMap::new(),
            templates: 0,
            events: 0,
            undelivered: Some(0),
            next_sequence,
            last_commit: None,
            digest: None,
        };
        let [status, changed_at, sequence, at] = ["status", "changedAt", "sequence", "at"].map(Member::named);
        Self { contents, delivered, status, changed_at, sequence, at }
    }

    /// Counts a template.
    pub(super) fn template(&mut self) {
        self.contents.templates += 1;
    }

    /// Counts a request. Without a status that is known, nothing can be said about the store.
    #[must_use]
    pub(super) fn request(&mut self, document: &[u8]) -> Option<()> {
        let word = self.status.word(document)?;
        let status = RequestStatus::ALL.into_iter().find(|status| status.word() == word)?;
        *self.contents.requests.entry(status.word()).or_default() += 1;
        self.committed(self.changed_at.number(document)?);
        Some(())
    }

    /// Counts a machine, in the same way.
    #[must_use]
    pub(super) fn machine(&mut self, document: &[u8]) -> Option<()> {
        let word = self.status.word(document)?;
        let status = MachineStatus::ALL.into_iter().find(|status| status.word() == word)?;
        *self.contents.machines.entry(status.word()).or_default() += 1;
        self.committed(self.changed_at.number(document)?);
        Some(())
    }

    /// Counts an event, in the same way.
    #[must_use]
    pub(super) fn event(&mut self, document: &[u8]) -> Option<()> {
        self.contents.events += 1;
        if self.sequence.number(document)? > self.delivered {
            *self.contents.undelivered.get_or_insert(0) += 1;
        }
        self.committed(self.at.number(document)?);
        Some(())
    }

    fn committed(&mut self, millis: u64) {
        let at = i64::try_from(millis).ok().map(Timestamp::from_millis);
        self.contents.last_commit = self.contents.last_commit.max(at);
    }

    /// Returns what was counted.
    pub(super) fn contents(self) -> Contents {
        self.contents
    }
}
