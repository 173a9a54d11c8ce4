//! What is noted down for later calls: who is at a request, pools that had nothing to give, templates out of use.

use std::collections::BTreeSet;

use tracing::warn;

use super::launching::Sent;
use super::{Case, Engine};
use crate::application::budget::Budget;
use crate::application::{ApplicationError, ProviderError};
use crate::domain::machine::{Machine, MachineStatus};
use crate::domain::notes::Notes;
use crate::domain::request::{Acquire, Attempt, OverMaximum, Pool, Refusal};
use crate::domain::template::Template;
use crate::domain::{DomainError, FailureClass, MachineCount, MachineId, TemplateId, Timestamp};

/// Hosts that died while they booted.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    hosts: Vec<MachineId>,
    reason: String,
}

/// Returns which of a request's hosts have died before they were usable since `before` was taken, the cloud's own
/// shortages and reclaims left out: those say nothing about the image.
pub(super) fn deaths_at_boot(before: &BTreeSet<MachineId>, machines: &[Machine]) -> Deaths {
    let mut deaths = Deaths::default();
    for machine in machines {
        let host = machine.snapshot();
        let ended = matches!(host.status, MachineStatus::ShuttingDown | MachineStatus::Terminated);
        let reason = host.reason.as_deref().unwrap_or("no reason was given");
        let of_the_market = ["Server.Spot", "Server.Insufficient", "Client.VolumeLimit", "Client.UserInitiated"];
        if before.contains(machine.id())
            && ended
            && !machine.is_ending()
            && !of_the_market.iter().any(|code| reason.starts_with(code))
        {
            deaths.hosts.push(machine.id().clone());
            reason.clone_into(&mut deaths.reason);
        }
    }
    deaths
}

/// Returns the hosts of a request that still boot.
pub(super) fn booting(case: &Case) -> BTreeSet<MachineId> {
    let boots = |machine: &&Machine| machine.status() == MachineStatus::Pending && !machine.is_ending();
    case.machines.iter().filter(boots).map(|machine| machine.id().clone()).collect()
}

/// Notes which pools of an attempt had nothing to give, or too little.
fn note_refusals(notes: &mut Notes, attempt: &Attempt, refusals: &[Refusal], now: Timestamp) {
    for refusal in refusals {
        let pools = refusal.pool.as_ref().map_or(attempt.pools.as_slice(), std::slice::from_ref);
        for pool in pools {
            notes.pools.failed(pool, refusal.class, refusal.code.as_deref(), attempt.count, now);
        }
    }
}

impl Engine {
    /// Takes the lease on a request, fleet or group. Of a request, so that no two processes send its attempts at the same time. Without it nothing
    /// would be launched twice either, but asked for twice.
    pub(super) async fn lease(&self, what: &str) -> bool {
        let (holder, term, now) = (self.notebook.holder(), Budget::current().left(), self.clock.now());
        let mut taken = false;
        self.notebook.edit(&mut |notes| taken = notes.lease(what, &holder, term, now)).await;
        taken
    }

    pub(super) async fn free(&self, what: &str) {
        let holder = self.notebook.holder();
        self.notebook.edit(&mut |notes| notes.free(what, &holder)).await;
    }

    /// Returns how many of `wanted` hosts `maxNumber` leaves room for (`design.md` 5.18).
    ///
    /// # Errors
    /// [`DomainError::BusinessRule`] when that is none, or fewer where orders are not clipped.
    pub(crate) fn within(
        &self,
        template: &Template,
        wanted: MachineCount,
        committed: u32,
    ) -> Result<MachineCount, DomainError> {
        let Some(maximum) = template.max_number().limit() else { return Ok(wanted) };
        let room = maximum.saturating_sub(committed);
        if wanted.get() <= room {
            return Ok(wanted);
        }
        if self.policy.over_maximum == OverMaximum::Clip && room > 0 {
            return MachineCount::try_from(room);
        }
        Err(DomainError::BusinessRule {
            rule: "maxNumber",
            reason: format!(
                "template {} allows {maximum} hosts, {committed} live or are on order, and {wanted} more were asked for",
                template.id()
            ),
        })
    }

    /// Returns those of a template's pools that are worth asking for `count` hosts now, tier by tier.
    ///
    /// # Errors
    /// [`ApplicationError::Provider`] with the reasons, when the template is out of use or none of its pools is worth it.
    pub(crate) async fn worth_asking(
        &self,
        template: &Template,
        tiers: &[Vec<Pool>],
        count: MachineCount,
    ) -> Result<Vec<Vec<Pool>>, ApplicationError> {
        let now = self.clock.now();
        let notes = self.notebook.read().await;
        let brake = notes.brakes.get(template.id());
        if let Some(suspension) = brake.and_then(|brake| brake.obstacle(&template.digest(), now)) {
            let text = format!(
                "template {} is out of use for another {} seconds: {}; mend the template, which puts it back at once, \
                 or wait",
                template.id(),
                suspension.until.since(now).as_secs(),
                suspension.reason
            );
            return Err(ProviderError::new("choosing a pool", FailureClass::Invalid, text).into());
        }
        let obstacle = |pool: &Pool| notes.pools.obstacle(pool, count.get(), now);
        let open: Vec<Vec<Pool>> = tiers
            .iter()
            .map(|tier| tier.iter().filter(|pool| obstacle(pool).is_none()).cloned().collect::<Vec<_>>())
            .filter(|tier| !tier.is_empty())
            .collect();
        if !open.is_empty() || tiers.is_empty() {
            return Ok(open);
        }
        let marked: Vec<_> = tiers.iter().flatten().filter_map(|pool| Some((pool, obstacle(pool)?))).collect();
        let reason = |(pool, mark): (&Pool, &crate::domain::notes::PoolMark)| {
            format!("{pool}: {}, asked again in {} seconds", mark.code, mark.until.since(now).as_secs())
        };
        let code = marked.first().map(|(_, mark)| mark.code.clone());
        let reasons: Vec<String> = marked.into_iter().map(reason).collect();
        let text = format!("no pool of template {} has hosts to give: {}", template.id(), reasons.join("; "));
        Err(ProviderError { code, ..ProviderError::new("choosing a pool", FailureClass::Capacity, text) }.into())
    }

    /// Notes what the attempts showed about pools and about the template.
    pub(super) async fn note_outcomes(&self, acquire: &Acquire, outcomes: &[(u32, Sent)]) {
        let now = self.clock.now();
        let attempt_of = |number: &u32| acquire.attempts.iter().find(|attempt| attempt.number == *number);
        let known: Vec<_> = outcomes.iter().filter_map(|(number, sent)| Some((attempt_of(number)?, sent))).collect();
        let telling = |(_, sent): &(_, &Sent)| matches!(sent, Sent::Answered(_));
        if !known.iter().any(telling) {
            return;
        }
        self.notebook
            .edit(&mut |notes| {
                for (attempt, sent) in &known {
                    let count = attempt.count;
                    match sent {
                        Sent::Answered(Ok(acquired)) => {
                            notes.ways.insert(acquire.api);
                            note_refusals(notes, attempt, &acquired.refusals, now);
                            // Where several pools were asked, the cloud does not say which of them gave.
                            let gave = acquired.refusals.is_empty() && !acquired.hosts.is_empty();
                            if let ([pool], true) = (attempt.pools.as_slice(), gave) {
                                notes.pools.gave(pool, acquired.hosts.iter().find_map(|host| host.zone.as_deref()));
                            }
                        }
                        Sent::Answered(Err(error)) => {
                            for pool in &attempt.pools {
                                notes.pools.failed(pool, error.class, error.code.as_deref(), count, now);
                            }
                            let refused = matches!(error.class, FailureClass::AuthDenied | FailureClass::Invalid);
                            if let (true, Some(id), Some(content)) =
                                (refused, &acquire.template_id, &acquire.template_digest)
                            {
                                notes.brakes.entry(id.clone()).or_default().refused(&error.to_string(), content, now);
                            }
                        }
                        Sent::GivenUp | Sent::Waits => {}
                    }
                }
            })
            .await;
    }

    /// Notes what became of hosts that were booting: a template whose hosts die is put out of use for a while, with the
    /// end of what one of them wrote to its console.
    pub(super) async fn note_boots(&self, acquire: &Acquire, deaths: &Deaths, usable: bool) {
        let (Some(id), Some(content)) = (&acquire.template_id, &acquire.template_digest) else { return };
        let now = self.clock.now();
        if usable && self.notebook.read().await.brakes.contains_key(id) {
            self.notebook.edit(&mut |notes| notes.brakes.entry(id.clone()).or_default().lived()).await;
        }
        let Some(witness) = deaths.hosts.last() else { return };
        let count = u32::try_from(deaths.hosts.len()).unwrap_or(u32::MAX);
        let mut bites = false;
        self.notebook
            .edit(&mut |notes| {
                let brake = notes.brakes.entry(id.clone()).or_default();
                bites = brake.died(count, &deaths.reason, content, &self.care.brake, now);
            })
            .await;
        if bites {
            warn!(template_id = %id, reason = deaths.reason, "hosts of this template die at boot; it is out of use");
            self.note_console(id, acquire, witness).await;
        }
    }

    async fn note_console(&self, template: &TemplateId, acquire: &Acquire, witness: &MachineId) {
        if !Budget::current().allows_new_step() {
            return;
        }
        let Ok(cloud) = self.observation(acquire.api.kind()) else { return };
        match cloud.console(witness).await {
            Ok(Some(text)) => {
                self.notebook
                    .edit(&mut |notes| {
                        notes.brakes.entry(template.clone()).or_default().console = Some(text.clone());
                    })
                    .await;
            }
            Ok(None) => {}
            Err(error) => warn!(machine_id = %witness, %error, "the console of a dead host could not be read"),
        }
    }

    /// Returns the time before which nothing has been done about something that is to wait for `patience`, counted in
    /// watched time.
    pub(super) fn patient_since(&self, patience: std::time::Duration) -> Timestamp {
        let moment = self.moment();
        if moment.now.since(moment.watched_since) >= patience {
            moment.now.before(patience)
        } else {
            // Nothing is old enough as long as we have not watched for as long.
            Timestamp::from_millis(i64::MIN)
        }
    }
}
