//! The part of a request that asks for hosts: which attempts were made, what they claim, what is still wanted.
//!
//! Invariant: what open and launched attempts claim together is never more than what is wanted (INV-02).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::attempt::words_for;
use super::attempt_parts::Pools;
use super::{Attempt, AttemptState, Pool, Verdict};
use crate::domain::failure::AttemptVerdict;
use crate::domain::machine::{Machine, MachineStatus};
use crate::domain::template::ProviderApi;
use crate::domain::{
    AccountName, ClientToken, Digest, FailureClass, InstallationId, MachineCount, MachineId, RequestId, TemplateId,
    Timestamp,
};

/// What a provider needs to launch, resolved and frozen for one request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LaunchPlan {
    /// Where to ask, in the order of preference. The pools of a tier are asked together: where a call takes a single pool,
    /// each is a tier of its own.
    #[serde(alias = "pools", deserialize_with = "pools_or_tiers")]
    pub tiers: Vec<Vec<Pool>>,
    /// The capacity units that a host of a type counts for, where that is not 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, u32>,
    /// How long something that launches by itself may go on doing so, if not until the request's deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill_seconds: Option<u64>,
    /// The most capacity units of one call, where that is not the operator's batch limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_limit: Option<u32>,
    /// The provider's own frozen parameters; opaque here. Holds no user data.
    pub parameters: Value,
}

impl LaunchPlan {
    /// Returns the capacity units that a host of this type counts for.
    pub fn weight(&self, instance_type: Option<&str>) -> u32 {
        instance_type.and_then(|name| self.weights.get(name)).copied().unwrap_or(1)
    }
}

/// Stores of schema 2 have a list of pools, each of which was asked alone.
fn pools_or_tiers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<Pool>>, D::Error> {
    let tiers = Vec::<Pools>::deserialize(deserializer)?;
    Ok(tiers.into_iter().map(|tier| tier.0).collect())
}

/// The frozen verdict over one host of a settled request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The host.
    pub machine_id: MachineId,
    /// What it was doing when the request settled.
    pub status: MachineStatus,
    /// What became of it.
    pub verdict: Verdict,
}

/// How many attempts of a request may end short without a reason that lies in a pool before it is left at that.
const MOST_FRUITLESS: usize = 3;

/// How many attempts of a request the cloud may slow down before it is left at that. The provider waits between them.
const MOST_SLOWED_DOWN: usize = 20;

/// An order for hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acquire {
    /// The template, by id; unknown for a request that was rebuilt from tags.
    pub template_id: Option<TemplateId>,
    /// The template, by content.
    pub template_digest: Option<Digest>,
    /// The way the hosts are got.
    pub api: ProviderApi,
    /// How many capacity units are wanted; where nothing is weighted, a host is one.
    pub wanted: MachineCount,
    /// The account they are charged to.
    pub account: Option<AccountName>,
    /// Pools and frozen parameters.
    pub plan: LaunchPlan,
    /// The most hosts of one attempt; falls when the cloud finds an attempt too large.
    pub batch_limit: u32,
    /// Every create call, in order.
    pub attempts: Vec<Attempt>,
    /// How many hosts were taken in by tag rather than launched by an attempt of ours.
    pub adopted: u32,
    /// Launched hosts that the cloud took back for want of capacity before they ran; others are asked for in their stead.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u32,
    /// The frozen verdicts, once the request is settled.
    pub outcomes: Vec<Outcome>,
}

impl Acquire {
    /// Returns how many hosts have been launched, may have been launched, or were adopted.
    pub fn claimed(&self) -> u32 {
        let launched = self.attempts.iter().map(Attempt::claims).fold(self.adopted, u32::saturating_add);
        launched.saturating_sub(self.lost)
    }

    /// Returns whether every attempt failed before it could be sent (R-9 does not apply: there was nothing to find).
    pub fn was_never_sent(&self) -> bool {
        self.adopted == 0
            && self.attempts.iter().all(|attempt| match &attempt.state {
                AttemptState::Failed { class, .. } => class.proves_nothing_was_done(),
                AttemptState::Open | AttemptState::Filling { .. } | AttemptState::Launched { .. } => false,
            })
    }

    /// Takes in which hosts the cloud took back before they ran because it had no capacity for them after all, at most as
    /// many as are wanted.
    pub(super) fn count_lost(&mut self, machines: &[Machine]) {
        let taken_back = |machine: &&Machine| {
            let host = machine.snapshot();
            let shortage = host.reason.as_ref().is_some_and(|reason| reason.starts_with("Server.Insufficient"));
            let by_us = machine.is_ending() || machine.given_up().is_some();
            host.status == MachineStatus::Terminated && shortage && !by_us
        };
        let lost = machines.iter().filter(taken_back).map(Machine::weight).fold(0, u32::saturating_add);
        self.lost = self.lost.max(lost.min(self.wanted.get()));
    }

    /// Returns whether the outcome of an attempt is not known.
    pub fn has_open_attempt(&self) -> bool {
        self.attempts.iter().any(Attempt::is_open)
    }

    /// Returns whether more may come of an attempt: its outcome is not known, or it goes on launching by itself.
    pub fn may_bring_more(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.is_open() || attempt.filling().is_some())
    }

    /// Returns until when something that launches by itself may do so for an attempt of a request with this deadline: as
    /// long as the template says, and only half of the time where another tier is to be asked after it.
    pub fn fill_until(&self, attempt: &Attempt, deadline: Timestamp) -> Timestamp {
        let begun = attempt.recorded_at;
        let limit = self.plan.fill_seconds.map_or(deadline, |seconds| begun.after(Duration::from_secs(seconds)));
        let is_of = |tier: &Vec<Pool>| tier.iter().any(|pool| attempt.pools.contains(pool));
        let is_last = self.plan.tiers.last().is_none_or(is_of);
        let share = if is_last { deadline } else { begun.after(deadline.since(begun) / 2) };
        limit.min(share).min(deadline)
    }

    /// Returns the pools to ask next: those of the first tier that have not shown that they are exhausted.
    fn next_pools(&self) -> Option<Vec<Pool>> {
        let short = self.attempts.iter().filter(|attempt| attempt.ended_short_for_no_pool());
        let (slowed, fruitless): (Vec<_>, Vec<_>) = short.partition(|attempt| attempt.was_slowed_down());
        if fruitless.len() >= MOST_FRUITLESS || slowed.len() >= MOST_SLOWED_DOWN {
            return None;
        }
        let bars = |attempt: &Attempt, pool: &Pool| attempt.has_exhausted(pool) || attempt.has_met_quota_of(pool);
        let has_more = |pool: &&Pool| !self.attempts.iter().any(|attempt| bars(attempt, pool));
        let open = |tier: &Vec<Pool>| tier.iter().filter(has_more).cloned().collect::<Vec<_>>();
        self.plan.tiers.iter().map(open).find(|pools| !pools.is_empty())
    }

    /// Returns whether an attempt has failed in a way that asking elsewhere cannot mend. A quota leaves the other market.
    fn has_failed_for_good(&self) -> bool {
        self.attempts.iter().any(|attempt| match &attempt.state {
            AttemptState::Open | AttemptState::Failed { class: FailureClass::Quota, .. } => false,
            AttemptState::Filling { refusals, .. } | AttemptState::Launched { refusals, .. } => {
                let is_final = |class: FailureClass| class.verdict() == AttemptVerdict::Final;
                refusals.iter().any(|refusal| is_final(refusal.class) && refusal.class != FailureClass::Quota)
            }
            AttemptState::Failed { class, .. } => match class.verdict() {
                // An open verdict on a failed attempt: it could not even be sent, and nor could the next.
                AttemptVerdict::Final | AttemptVerdict::Open => true,
                // A single host cannot be split any further.
                AttemptVerdict::SmallerBatch => attempt.count == 1,
                AttemptVerdict::NextPool => false,
            },
        })
    }

    /// Returns whether another attempt could bring hosts that are still wanted.
    pub fn wants_attempts(&self) -> bool {
        self.claimed() < self.wanted.get() && !self.has_failed_for_good() && self.next_pools().is_some()
    }

    /// Writes down the attempts for everything that is still wanted, in batches on the next pools, and returns how many.
    /// Where hosts count for several units, one at a time: each may bring a little too much, and the next asks for less.
    pub(super) fn plan_attempts(&mut self, request: &RequestId, installation: &InstallationId, at: Timestamp) -> usize {
        let before = self.attempts.len();
        while self.wants_attempts() && (self.plan.weights.is_empty() || !self.may_bring_more()) {
            let Some(pools) = self.next_pools() else { break };
            let number = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
            let count = self.wanted.get().saturating_sub(self.claimed()).min(self.batch_limit.max(1));
            let place: Vec<String> = pools.iter().map(Pool::to_string).collect();
            let token = ClientToken::derive(installation, request, number, &place.join(", "));
            self.attempts.push(Attempt { number, pools, count, token, recorded_at: at, state: AttemptState::Open });
        }
        self.attempts.len() - before
    }

    /// Returns why hosts are missing: each cause with its code, the most frequent first, and the pools tried.
    fn shortfall_reasons(&self) -> Vec<String> {
        let mut causes: BTreeMap<(String, Option<String>), Vec<String>> = BTreeMap::new();
        for attempt in &self.attempts {
            let everywhere = words_for(&attempt.pools);
            if let AttemptState::Failed { code, message, .. } = &attempt.state {
                causes.entry((message.clone(), code.clone())).or_default().push(everywhere.clone());
            }
            for refusal in attempt.refusals() {
                let pool = refusal.pool.as_ref().map_or_else(|| everywhere.clone(), Pool::to_string);
                causes.entry((refusal.message.clone(), refusal.code.clone())).or_default().push(pool);
            }
            if attempt.ended_short_for_no_pool() && attempt.refusals().is_empty() {
                let text = format!("fewer came than were asked for ({} of {})", attempt.claims(), attempt.count);
                causes.entry((text, None)).or_default().push(everywhere);
            }
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, pools)| std::cmp::Reverse(pools.len()));
        causes
            .into_iter()
            .map(|((message, _), mut pools)| {
                pools.dedup();
                format!("{message} (tried {})", pools.join(", "))
            })
            .collect()
    }

    /// Says how many hosts are missing and why: what the cloud refused, and what died (R-45, INV-19).
    pub(super) fn shortfall(&self, usable: u32) -> String {
        let mut reasons = self.shortfall_reasons();
        let mut deaths: Vec<&str> = self
            .outcomes
            .iter()
            .filter_map(|outcome| match &outcome.verdict {
                Verdict::Failed(reason) => Some(reason.as_str()),
                Verdict::Executing | Verdict::Usable => None,
            })
            .collect();
        let dead = deaths.len();
        deaths.sort_unstable();
        deaths.dedup();
        if dead > 0 {
            reasons.push(format!("{dead} launched and failed: {}", deaths.join(", ")));
        }
        let what = if self.plan.weights.is_empty() { "hosts" } else { "capacity units" };
        let lead = format!("{usable} of {} {what} are usable", self.wanted);
        if reasons.is_empty() { lead } else { format!("{lead}. {}", reasons.join(". ")) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
#[path = "acquire_tests.rs"]
mod tests;
