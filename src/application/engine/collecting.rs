//! The collector: live hosts with our tag that no request accounts for.
//!
//! Invariants: the cloud is asked first and the store second, so that a host launched in between is known; only a
//! complete answer counts; only a host with our own owner tag is ended, and only when it was an orphan some minutes
//! ago too.

use std::collections::BTreeMap;

use tracing::warn;

use super::Engine;
use super::ending::take_in;
use super::resources::Leaving;
use crate::application::ports::{Changes, Search};
use crate::application::{ApplicationError, StorageError};
use crate::domain::machine::{Machine, MachineStatus, Origin, Sighting};
use crate::domain::request::Acquire;
use crate::domain::{MachineId, RequestId, Timestamp};

/// What was done about a live host that no request accounts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Orphan {
    /// Its request is open and lacks a host: it was taken in.
    Adopted(RequestId),
    /// It was ended, or would be.
    Ended(String),
    /// It is watched for some minutes first.
    Watched(String),
    /// It could not be ended, and why.
    NotEnded(String),
    /// More orphans were found than one call ends.
    LeftForLater(String),
}

/// What a host that is live in the cloud is to the store.
enum Standing {
    /// A request or Host Factory accounts for it.
    AccountedFor,
    /// This open request lacks a host and may take it.
    Wanted(RequestId),
    /// Nobody accounts for it, and why that is so.
    Orphan(String),
}

impl Engine {
    /// Looks for orphans: adopts those that an open request lacks, ends those that have been orphans for long enough.
    /// `dry` only says what would be done.
    ///
    /// # Errors
    /// [`ApplicationError`] when the cloud does not list our hosts completely, or the store cannot be used; nothing has
    /// changed then.
    pub(crate) async fn collect(&self, dry: bool) -> Result<BTreeMap<MachineId, Orphan>, ApplicationError> {
        self.watch().await;
        let ours = self.list_ours().await?;
        let ids: Vec<MachineId> = ours.iter().map(|host| host.id.clone()).collect();
        let known: BTreeMap<MachineId, Machine> =
            self.store.machines(&ids).await?.into_iter().map(|machine| (machine.id().clone(), machine)).collect();
        let mut requests: BTreeMap<RequestId, Option<u32>> = BTreeMap::new();
        let mut report = BTreeMap::new();
        let mut orphans: Vec<(Sighting, String)> = Vec::new();
        for host in ours {
            match self.standing(&host, known.get(&host.id), &mut requests).await? {
                Standing::AccountedFor => {}
                Standing::Wanted(request) if dry => {
                    report.insert(host.id.clone(), Orphan::Adopted(request));
                }
                Standing::Wanted(request) => {
                    if self.adopt_more(&request, &host).await? {
                        report.insert(host.id.clone(), Orphan::Adopted(request));
                    }
                }
                Standing::Orphan(reason) => orphans.push((host, reason)),
            }
        }
        let due = self.suspect(&orphans, dry).await;
        let mut to_end = Vec::new();
        for (host, reason) in orphans {
            let verdict = if !due.contains(&host.id) {
                Orphan::Watched(reason)
            } else if to_end.len() >= self.care.most_ended {
                Orphan::LeftForLater(reason)
            } else {
                to_end.push((host.clone(), reason.clone()));
                Orphan::Ended(reason)
            };
            report.insert(host.id, verdict);
        }
        if !dry && !to_end.is_empty() {
            self.end_orphans(&to_end, &known, &mut report).await?;
        }
        if !dry {
            self.sweep_resources().await?;
        }
        Ok(report)
    }

    /// Lists the live hosts that bear our owner tag, whatever else the cloud shows beside them (INV-08).
    ///
    /// # Errors
    /// [`ApplicationError::Provider`] when the listing is not complete.
    pub(crate) async fn list_ours(&self) -> Result<Vec<Sighting>, ApplicationError> {
        let installation = self.installation.id()?;
        let cloud = self.observation(self.default_api.kind())?;
        let mut listed = cloud.find(&Search::Installation(installation.clone())).await?;
        listed.retain(|host| host.status.is_live() && host.owner.as_deref() == Some(installation.as_str()));
        Ok(listed)
    }

    /// Finds out what a live host is to the store. `requests` keeps how many hosts each open request still lacks.
    async fn standing(
        &self,
        host: &Sighting,
        known: Option<&Machine>,
        requests: &mut BTreeMap<RequestId, Option<u32>>,
    ) -> Result<Standing, StorageError> {
        if let Some(machine) = known {
            let told = |since| self.clock.now().since(since) >= self.care.orphan_age;
            return Ok(if machine.status() == MachineStatus::Terminated {
                Standing::Orphan("it was taken for ended, and lives".to_owned())
            } else if machine.snapshot().ending_since.is_some_and(told) {
                Standing::Orphan("it was told to end, and lives".to_owned())
            } else if let Some(reason) = machine.given_up().filter(|_| !machine.is_ending())
                && !self.is_open(machine.request_id()).await?
            {
                Standing::Orphan(format!("it was given up, and lives: {reason}"))
            } else {
                Standing::AccountedFor
            });
        }
        let Some(id) = host.request.as_deref().and_then(|id| id.parse::<RequestId>().ok()) else {
            return Ok(Standing::Orphan("its tags name no request".to_owned()));
        };
        if !requests.contains_key(&id) {
            let request = self.store.request(&id).await?;
            let Some(request) = request else {
                return Ok(Standing::Orphan(format!("its request {id} is not known")));
            };
            // Whatever an open attempt has launched is found by its token, what comes by itself by its tag.
            if !request.is_settled() && request.as_acquire().is_some_and(Acquire::may_bring_more) {
                return Ok(Standing::AccountedFor);
            }
            let open = request.as_acquire().filter(|_| !request.is_settled());
            requests.insert(id.clone(), open.map(|a| a.wanted.get().saturating_sub(a.claimed())));
        }
        Ok(match requests.get_mut(&id) {
            Some(Some(lacking)) if *lacking > 0 => {
                *lacking -= 1;
                Standing::Wanted(id)
            }
            Some(Some(_)) => Standing::Orphan(format!("its request {id} has all its hosts")),
            Some(None) | None => Standing::Orphan(format!("its request {id} is settled without it")),
        })
    }

    /// Returns whether this request is there and not settled, so that it sees to its hosts itself.
    async fn is_open(&self, id: Option<&RequestId>) -> Result<bool, StorageError> {
        let Some(id) = id else { return Ok(false) };
        Ok(self.store.request(id).await?.is_some_and(|request| !request.is_settled()))
    }

    /// Gives a host to the request whose tag it bears; returns whether the request took it.
    async fn adopt_more(&self, id: &RequestId, host: &Sighting) -> Result<bool, ApplicationError> {
        warn!(request_id = %id, machine_id = %host.id, "a host that the request lacked is taken in");
        self.change(id, |case| {
            let units =
                case.request.as_acquire().map_or(1, |acquire| acquire.plan.weight(host.instance_type.as_deref()));
            let taken = case.request.adopt_more(&host.id, units);
            if taken {
                let acquire = case.request.as_acquire();
                let api = acquire.map_or(self.default_api, |acquire| acquire.api);
                let template = acquire.and_then(|acquire| acquire.template_id.clone());
                let origin = Origin::Adopted(id.clone(), template);
                let mut machine = Machine::seen(host, api, origin, self.clock.now());
                machine.belong(host.resource.as_ref(), units);
                case.machines.push(machine);
            }
            Ok(taken)
        })
        .await
    }

    /// Notes who is an orphan now, and returns those that were some minutes ago too, by our own clock and counted in
    /// watched time: after a jump of the clock nobody is ended on the first look.
    async fn suspect(&self, orphans: &[(Sighting, String)], dry: bool) -> Vec<MachineId> {
        let (moment, age) = (self.moment(), self.care.orphan_age);
        let now = moment.now;
        let is_orphan = |id: &MachineId| orphans.iter().any(|(host, _)| host.id == *id);
        let before = self.notebook.read().await.suspects;
        let due = orphans.iter().map(|(host, _)| &host.id);
        let due = due.filter(|id| before.get(id).is_some_and(|since| moment.watched(*since) >= age));
        let due: Vec<MachineId> = due.cloned().collect();
        // A suspicion from before the clock was set back begins anew.
        let unchanged =
            before.len() == orphans.len() && before.iter().all(|(id, since)| is_orphan(id) && *since <= now);
        if !dry && !unchanged {
            self.notebook
                .edit(&mut |notes| {
                    notes.suspects.retain(|id, since| is_orphan(id) && *since <= now);
                    for (host, _) in orphans {
                        notes.suspects.entry(host.id.clone()).or_insert(now);
                    }
                })
                .await;
        }
        due
    }

    /// Gives orphans up, which keeps other processes from adopting them, and ends them. Should we die in between, the
    /// next collector goes on.
    async fn end_orphans(
        &self,
        orphans: &[(Sighting, String)],
        known: &BTreeMap<MachineId, Machine>,
        report: &mut BTreeMap<MachineId, Orphan>,
    ) -> Result<(), ApplicationError> {
        let now = self.clock.now();
        let mut given_up: Vec<Machine> = orphans
            .iter()
            .map(|(host, reason)| {
                warn!(machine_id = %host.id, reason, "an orphan is ended");
                let mut machine = known.get(&host.id).cloned();
                if let Some(machine) = &mut machine {
                    machine.give_up(reason);
                }
                machine.unwrap_or_else(|| Machine::orphan(host, self.api_of(host), now, reason))
            })
            .collect();
        match self.commit_machines(&mut given_up, now).await {
            Ok(()) => {}
            // Somebody took one of them in, or named it; they are looked at anew by the next collector.
            Err(StorageError::Conflict { .. }) => {
                for (host, reason) in orphans {
                    report.insert(host.id.clone(), Orphan::LeftForLater(reason.clone()));
                }
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        let released = self.end(given_up.iter().map(Leaving::from)).await?;
        for host in &released.not_ended {
            warn!(machine_id = %host.id, reason = host.reason, "an orphan could not be ended");
            report.insert(host.id.clone(), Orphan::NotEnded(host.reason.clone()));
        }
        let reasons: BTreeMap<&MachineId, &str> =
            orphans.iter().map(|(host, reason)| (&host.id, reason.as_str())).collect();
        let ids: Vec<MachineId> = reasons.keys().copied().cloned().collect();
        let mut ended = self.store.machines(&ids).await?;
        take_in(&mut ended, &released, self.clock.now(), |id| reasons.get(id).copied().unwrap_or_default());
        match self.commit_machines(&mut ended, self.clock.now()).await {
            // Somebody named one of them in the meantime; it ends all the same.
            Ok(()) | Err(StorageError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn commit_machines(&self, machines: &mut [Machine], at: Timestamp) -> Result<(), StorageError> {
        let new = machines.iter_mut().filter(|machine| !machine.pending_events().is_empty());
        let changes = Changes { machines: new.collect(), ..Changes::default() };
        if changes.is_empty() { Ok(()) } else { self.store.commit(changes, at).await }
    }
}
