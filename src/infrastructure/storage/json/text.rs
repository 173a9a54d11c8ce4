//! The text of a JSON store as a whole, of which the entries that are asked for are read. A call asks for a few things of
//! many.
//!
//! Invariants: the checksum fits, so that the text is one that [`super::document::encode`] made: a line for each entry.
//! What is left unread is as good as what is read.

use std::ops::Range;

use memchr::memmem;
use serde::de::DeserializeOwned;

use super::document::{self, Damage, SCHEMA};
use crate::application::ports::{EventFilter, RequestFilter, RequestSummary};
use crate::domain::event::EventEnvelope;
use crate::infrastructure::storage::glance::Member;
use crate::infrastructure::storage::heads::RequestHead;
use crate::infrastructure::storage::{StoreState, lists};

/// A checked text of this version's form.
#[derive(Debug)]
pub(super) struct Text {
    bytes: Vec<u8>,
    next_sequence: u64,
    parts: [Range<usize>; 4],
}

/// What a store keeps, in the order in which it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Templates,
    Requests,
    Machines,
    Events,
}

/// An entry as it stands in the text.
pub(super) struct Entry<'t> {
    /// Empty for events.
    pub(super) key: &'t [u8],
    pub(super) document: &'t [u8],
}

/// A part, and which entries of it could be asked for. It may tell too much, never too little.
pub(super) type Wanted<'w> = (Part, &'w dyn Fn(&Entry<'_>) -> bool);

const BETWEEN: [&[u8]; 4] = [b",\n\"templates\":{", b"},\n\"requests\":{", b"},\n\"machines\":{", b"},\n\"events\":["];
const END: &[u8] = b"]}\n";

impl Text {
    /// Returns the text, or gives it back when it is of another form.
    ///
    /// # Errors
    /// [`Damage`] when it is no whole text of a store.
    pub(super) fn checked(bytes: Vec<u8>) -> Result<Result<Self, Vec<u8>>, Damage> {
        document::check(&bytes)?;
        Ok(match Self::parts_of(&bytes) {
            Some((next_sequence, parts)) => Ok(Self { bytes, next_sequence, parts }),
            None => Err(bytes),
        })
    }

    fn parts_of(bytes: &[u8]) -> Option<(u64, [Range<usize>; 4])> {
        let mut parts = [0..0, 0..0, 0..0, 0..bytes.len().checked_sub(END.len())?];
        let mut at = 0;
        let mut ends = [0; 4];
        for (number, opening) in BETWEEN.iter().enumerate() {
            let found = at + memmem::find(bytes.get(at..)?, opening)?;
            at = found + opening.len();
            *ends.get_mut(number)? = found;
            parts.get_mut(number)?.start = at;
        }
        for (part, end) in parts.iter_mut().zip(ends.into_iter().skip(1)) {
            part.end = end;
        }
        let head = bytes.get(..*ends.first()?)?;
        let this_form = Member::named("schema").number(head) == Some(SCHEMA) && bytes.ends_with(END);
        this_form.then_some((Member::named("nextSequence").number(head)?, parts))
    }

    /// Returns the whole text.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the number of the next event.
    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Returns the entries of a part, in their order.
    pub(super) fn entries(&self, part: Part) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        let [templates, requests, machines, events] = &self.parts;
        let range = match part {
            Part::Templates => templates,
            Part::Requests => requests,
            Part::Machines => machines,
            Part::Events => events,
        };
        let lines = self.bytes.get(range.clone()).unwrap_or_default();
        // Each entry has its line end in front.
        let begins = memchr::memchr_iter(b'\n', lines).map(move |at| at + 1);
        begins.map(move |begin| {
            let rest = lines.get(begin..).unwrap_or_default();
            let line = memchr::memchr(b'\n', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
            let line = line.strip_suffix(b",").unwrap_or(line);
            let keyed = || {
                let text = line.strip_prefix(b"\"")?;
                let (key, document) = text.split_at_checked(memchr::memchr(b'"', text)?)?;
                Some(Entry { key, document: document.strip_prefix(b"\":")? })
            };
            keyed().unwrap_or(Entry { key: &[], document: line })
        })
    }

    /// Returns a state with what is wanted of this text, and perhaps with more of it.
    ///
    /// # Errors
    /// [`Damage`] when an entry is not one of this version's.
    pub(super) fn read(&self, wanted: &[Wanted<'_>]) -> Result<StoreState, Damage> {
        let mut state = StoreState { next_sequence: self.next_sequence, ..StoreState::default() };
        for (part, wants) in wanted {
            for entry in self.entries(*part).filter(|entry| wants(entry)) {
                match part {
                    Part::Templates => {
                        let key = std::str::from_utf8(entry.key).ok().and_then(|key| key.parse().ok());
                        let key = key.ok_or_else(|| Damage::Foreign("a template has no digest".to_owned()))?;
                        state.templates.insert(key, value(&entry)?);
                    }
                    Part::Requests => {
                        let request: crate::domain::request::RequestSnapshot = value(&entry)?;
                        state.requests.insert(request.id.clone(), request);
                    }
                    Part::Machines => {
                        let machine: crate::domain::machine::MachineSnapshot = value(&entry)?;
                        state.machines.insert(machine.id.clone(), machine);
                    }
                    Part::Events => state.events.push(value(&entry)?),
                }
            }
        }
        Ok(state)
    }

    /// Returns up to `limit` events after `delivered`, oldest first.
    pub(super) fn undelivered(&self, delivered: u64, limit: usize) -> Result<Vec<EventEnvelope>, Damage> {
        let sequence = Member::named("sequence");
        let is_news = |entry: &Entry<'_>| sequence.number(entry.document).is_none_or(|number| number > delivered);
        let mut news: Vec<Entry<'_>> = self.entries(Part::Events).rev().take_while(is_news).collect();
        news.reverse();
        news.iter().take(limit).map(value).collect()
    }

    /// Returns what [`StoreState::list_requests`] does, of the entries that may fit.
    pub(super) fn list_requests(
        &self,
        filter: &RequestFilter,
        may_fit: impl Fn(&Entry<'_>) -> bool,
    ) -> Result<Vec<RequestSummary>, Damage> {
        let heads = self.entries(Part::Requests).filter(may_fit).map(|entry| value::<RequestHead>(&entry));
        let all: Vec<RequestSummary> = heads.map(|head| head.map(RequestSummary::from)).collect::<Result<_, _>>()?;
        Ok(lists::requests(all, filter))
    }

    /// Returns what [`StoreState::list_events`] does.
    pub(super) fn list_events(&self, filter: &EventFilter) -> Result<Vec<EventEnvelope>, Damage> {
        let glance = lists::EventGlance::new(filter);
        let sequence = Member::named("sequence");
        let is_after = |entry: &Entry<'_>| sequence.number(entry.document).is_none_or(|number| number > filter.after);
        let mut found = Vec::new();
        for entry in
            self.entries(Part::Events).rev().take_while(is_after).filter(|entry| glance.may_fit(entry.document))
        {
            if found.len() >= filter.limit {
                break;
            }
            let event = value(&entry)?;
            if lists::fits_event(filter, &event) {
                found.push(event);
            }
        }
        found.reverse();
        Ok(found)
    }
}

fn value<T: DeserializeOwned>(entry: &Entry<'_>) -> Result<T, Damage> {
    serde_json::from_slice(entry.document).map_err(|error| Damage::Foreign(error.to_string()))
}
