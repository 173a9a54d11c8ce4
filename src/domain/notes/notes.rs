//! The notes as a whole, with the duties that calls do in turn and the leases on work that one process is at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Account, Brake, Bucket, PoolMarks};
use crate::domain::template::ProviderApi;
use crate::domain::{Digest, MachineId, TemplateId, Timestamp};

/// Work that is not asked for by any call and done by whichever call finds it due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Duty {
    /// Requests that nobody asks about any more are brought forward.
    Recovery,
    /// Hosts that bear our tag and that no request accounts for are looked for.
    Collection,
    /// What has been settled for long is forgotten.
    Purge,
    /// The store is copied.
    Copy,
    /// The cloud is asked whose credentials these are, after it did not say.
    Identity,
    /// This machine is noted as a user of the work folder.
    Presence,
    /// What launches left behind beside hosts is removed.
    Sweep,
}

/// Work that one process is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The process.
    pub holder: String,
    /// When others may take the work on, whatever became of the holder.
    pub until: Timestamp,
}

/// The latest stretch of time in which calls came without a long gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Watch {
    since: Timestamp,
    until: Timestamp,
}

/// What calls note down for later calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Notes {
    /// Pools that had nothing to give.
    pub pools: PoolMarks,
    /// Templates that are out of use for a while.
    pub brakes: BTreeMap<TemplateId, Brake>,
    /// How fast the cloud may be asked, by action.
    pub buckets: BTreeMap<String, Bucket>,
    /// Whose hosts these are, as far as the cloud has told.
    pub account: Option<Account>,
    /// Launch templates of ours that are there, by name, and when they were made or met.
    pub launch_templates: BTreeMap<String, Timestamp>,
    /// The ways by which hosts were got, so that what they left is found also when no template names them any more.
    pub ways: BTreeSet<ProviderApi>,
    /// Hosts that no request accounted for, and since when.
    pub suspects: BTreeMap<MachineId, Timestamp>,
    /// The machines that use this work folder, and when each did last.
    pub nodes: BTreeMap<String, Timestamp>,
    /// How often the cloud was asked, by operation and by what came of it.
    pub calls: BTreeMap<String, BTreeMap<String, u64>>,
    watch: Option<Watch>,
    begun: BTreeMap<Duty, Timestamp>,
    spot_looks: BTreeMap<Digest, Timestamp>,
    leases: BTreeMap<String, Lease>,
}

impl Notes {
    /// Takes a duty on if it was last begun `every` ago; it counts as begun then, so that no other process begins it
    /// too. A duty that was never begun counts as begun now.
    pub fn take_on(&mut self, duty: Duty, every: Duration, now: Timestamp) -> bool {
        let due = self.begun.get(&duty).map(|begun| is_over(*begun, every, now));
        if due != Some(false) {
            self.begun.insert(duty, now);
        }
        due == Some(true)
    }

    /// Returns whether [`Self::take_on`] would change anything.
    pub fn is_due(&self, duty: Duty, every: Duration, now: Timestamp) -> bool {
        self.begun.get(&duty).is_none_or(|begun| is_over(*begun, every, now))
    }

    /// Returns when a duty was last begun.
    pub fn last_begun(&self, duty: Duty) -> Option<Timestamp> {
        self.begun.get(&duty).copied()
    }

    /// Takes in that the cloud was asked so often, with this outcome.
    pub fn count_calls(&mut self, operation: &str, outcome: &str, times: u64) {
        let outcomes = self.calls.entry(operation.to_owned()).or_default();
        let count = outcomes.entry(outcome.to_owned()).or_default();
        *count = count.saturating_add(times);
    }

    /// How long nobody may call before what happened in between is not taken for granted.
    const GAP: Duration = Duration::from_mins(5);

    /// Takes in that somebody watches now, and returns since when that has been so without a long gap. Host Factory
    /// asks every half minute; a longer silence may be an outage, or a clock that jumped.
    pub fn watch(&mut self, now: Timestamp) -> Timestamp {
        let since = self.watched_since(now);
        self.watch = Some(Watch { since, until: now });
        since
    }

    /// Returns what [`Self::watch`] would.
    pub fn watched_since(&self, now: Timestamp) -> Timestamp {
        self.watch.filter(|w| w.until <= now && now.since(w.until) <= Self::GAP).map_or(now, |w| w.since)
    }

    /// Returns whether the watch has been noted lately.
    pub fn watch_is_fresh(&self, now: Timestamp) -> bool {
        self.watch.is_some_and(|w| w.until <= now && now.since(w.until) < Duration::from_secs(30))
    }

    /// Takes it on to read the spot notices of these hosts, unless just these were read less than `every` ago (R-52). One
    /// time for all hosts would let calls about some of them keep the notices of the others from being read at all.
    pub fn look_for_notices(&mut self, hosts: &Digest, every: Duration, now: Timestamp) -> bool {
        let due = self.spot_looks.get(hosts).is_none_or(|looked| is_over(*looked, every, now));
        if due {
            self.spot_looks.insert(hosts.clone(), now);
        }
        due
    }

    /// Gives `holder` the lease on `work` for `term`, unless another process has it.
    pub fn lease(&mut self, work: &str, holder: &str, term: Duration, now: Timestamp) -> bool {
        let taken = self.leases.get(work).is_some_and(|lease| {
            lease.holder != holder && lease.until > now && lease.until <= now.after(term.saturating_mul(2))
        });
        if !taken {
            self.leases.insert(work.to_owned(), Lease { holder: holder.to_owned(), until: now.after(term) });
        }
        !taken
    }

    /// Gives a lease back.
    pub fn free(&mut self, work: &str, holder: &str) {
        if self.leases.get(work).is_some_and(|lease| lease.holder == holder) {
            self.leases.remove(work);
        }
    }

    /// Forgets the leases of holders that are no more.
    pub fn free_dead(&mut self, lives: impl Fn(&str) -> bool) {
        self.leases.retain(|_, lease| lives(&lease.holder));
    }

    /// Forgets what has no meaning any more.
    pub fn tidy(&mut self, now: Timestamp) {
        self.pools.tidy(now);
        self.brakes.retain(|_, brake| !brake.is_over(now));
        self.leases.retain(|_, lease| lease.until > now);
        self.spot_looks.retain(|_, looked| !is_over(*looked, Duration::from_mins(1), now));
        self.launch_templates.retain(|_, at| *at <= now && now.since(*at) < Duration::from_hours(24));
        self.nodes.retain(|_, at| now.since(*at) < Duration::from_hours(24));
    }
}

/// Returns whether `every` has passed since `begun`. A time that lies ahead was noted before the clock was set back.
fn is_over(begun: Timestamp, every: Duration, now: Timestamp) -> bool {
    begun > now || now.since(begun) >= every
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_760_000_000 + second)
    }

    #[test]
    fn a_duty_is_done_once_in_its_time_and_first_a_whole_time_after_the_beginning() {
        let mut notes = Notes::default();
        let done: Vec<bool> =
            [0, 30, 60, 61, 119, 120].map(|second| notes.take_on(Duty::Recovery, MINUTE, at(second))).into();
        assert_eq!(done, [false, false, true, false, false, true]);
        assert!(!notes.take_on(Duty::Purge, MINUTE, at(120)), "each duty has its own time");
    }

    #[test]
    fn what_would_change_nothing_is_known_beforehand() {
        let mut notes = Notes::default();
        assert!(notes.is_due(Duty::Recovery, MINUTE, at(0)) && !notes.watch_is_fresh(at(0)));
        notes.take_on(Duty::Recovery, MINUTE, at(0));
        assert!(!notes.is_due(Duty::Recovery, MINUTE, at(59)) && notes.is_due(Duty::Recovery, MINUTE, at(60)));
        notes.watch(at(0));
        assert!(notes.watch_is_fresh(at(29)) && !notes.watch_is_fresh(at(30)) && !notes.watch_is_fresh(at(-1)));
    }

    #[test]
    fn notices_of_the_same_hosts_are_read_once_in_their_time_and_of_others_at_once() {
        let mut notes = Notes::default();
        let (one, other) = (Digest::of(&["i-1"]), Digest::of(&["i-1", "i-2"]));
        let every = Duration::from_secs(20);
        let looks: Vec<bool> = [(&one, 0), (&one, 19), (&other, 19), (&one, 20), (&other, 38), (&one, -5)]
            .map(|(hosts, second)| notes.look_for_notices(hosts, every, at(second)))
            .into();
        assert_eq!(looks, [true, false, true, true, false, true]);
        notes.tidy(at(100));
        assert_eq!(notes, Notes::default());
    }

    #[test]
    fn what_has_no_meaning_any_more_is_forgotten_and_nothing_else() {
        let mut notes = Notes::default();
        let brake = |second| {
            let mut brake = Brake::default();
            brake.refused("no such image", &Digest::of(&["template"]), at(second));
            brake
        };
        notes.brakes.insert("old".parse().unwrap(), brake(-1_000_000));
        notes.brakes.insert("new".parse().unwrap(), brake(0));
        notes.lease("req-1", "a", MINUTE, at(0));
        notes.lease("req-2", "a", MINUTE, at(1));
        for (name, second) in [("used", 61 - 86_400), ("unused", 60 - 86_400), ("ahead", 61)] {
            notes.launch_templates.insert(name.to_owned(), at(second));
        }
        notes.nodes.insert("yesterday".to_owned(), at(60 - 86_400));
        notes.nodes.insert("lately".to_owned(), at(61 - 86_400));
        notes.tidy(at(60));
        assert_eq!(notes.brakes.keys().map(TemplateId::as_str).collect::<Vec<_>>(), ["new"]);
        assert_eq!(notes.leases.keys().collect::<Vec<_>>(), ["req-2"]);
        assert_eq!(notes.launch_templates.keys().collect::<Vec<_>>(), ["used"]);
        assert_eq!(notes.nodes.keys().collect::<Vec<_>>(), ["lately"]);
    }

    #[test]
    fn a_clock_that_was_set_back_holds_no_duty_up() {
        let mut notes = Notes::default();
        notes.take_on(Duty::Recovery, MINUTE, at(0));
        assert!(notes.take_on(Duty::Recovery, MINUTE, at(-86_400)));
        assert!(!notes.take_on(Duty::Recovery, MINUTE, at(-86_399)));
    }

    #[test]
    fn one_process_has_a_lease_until_it_gives_it_back_or_dies_or_its_time_is_up() {
        let mut notes = Notes::default();
        assert!(notes.lease("req-1", "a", MINUTE, at(0)));
        assert!(notes.lease("req-1", "a", MINUTE, at(1)), "its own lease is no obstacle");
        assert!(!notes.lease("req-1", "b", MINUTE, at(2)));
        notes.free("req-1", "b");
        assert!(!notes.lease("req-1", "b", MINUTE, at(3)), "only the holder gives it back");
        assert!(notes.lease("req-1", "b", MINUTE, at(61)), "its time is up");
        notes.free_dead(|holder| holder != "b");
        assert!(notes.lease("req-1", "c", MINUTE, at(62)));
        notes.free("req-1", "c");
        assert!(notes.lease("req-1", "d", MINUTE, at(63)));
    }

    #[test]
    fn a_lease_from_a_clock_far_ahead_does_not_last() {
        let mut notes = Notes::default();
        notes.lease("req-1", "a", MINUTE, at(86_400));
        assert!(notes.lease("req-1", "b", MINUTE, at(0)));
    }

    #[test]
    fn notes_of_another_version_are_read_as_far_as_they_are_known() {
        let notes: Notes = serde_json::from_str(r#"{"suspects":{"i-0123456789abcdef0":5},"unheardOf":1}"#).unwrap();
        assert_eq!(notes.suspects.len(), 1);
        let text = serde_json::to_string(&notes).unwrap();
        assert_eq!(serde_json::from_str::<Notes>(&text).unwrap(), notes);
    }
}
