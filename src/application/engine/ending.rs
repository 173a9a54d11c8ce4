//! Ends hosts: those of returns, and those that an acquire request reports as failed.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::{info, warn};

use super::resources::Leaving;
use super::{Case, Engine, Problems, Seen, noting};
use crate::application::ApplicationError;
use crate::application::ports::{Released, Search};
use crate::domain::machine::{Machine, Origin, Sighting};
use crate::domain::request::{RequestStatus, ReturnItem, Verdict};
use crate::domain::{HostName, InstallationId, MachineId, RequestId, Timestamp};

/// How long the cloud may go on showing a host as live after it took the order to end it, before it is told again.
const REPEAT_AFTER: Duration = Duration::from_secs(30);

impl Engine {
    /// Brings an acquire request forward with what was seen, ends what it reports as failed, and settles it if nothing
    /// is left to come.
    ///
    /// # Errors
    /// [`ApplicationError`] when the store cannot be used or the provider is missing.
    pub(crate) async fn judge(&self, id: &RequestId, seen: &Seen) -> Result<(), ApplicationError> {
        let installation = self.installation.id()?;
        let (to_end, boots) = self
            .change(id, |case| {
                let booting = noting::booting(case);
                for machine in &mut case.machines {
                    seen.show_to(machine, self.moment());
                }
                case.request.count_lost(&case.machines);
                case.request.plan_attempts(&installation, self.moment());
                case.request.settle(&case.machines, &self.policy, self.moment())?;
                let usable = case.request.status() == RequestStatus::Complete;
                let deaths = noting::deaths_at_boot(&booting, &case.machines);
                Ok((self.give_up_failed(case), case.request.as_acquire().map(|a| (a.clone(), deaths, usable))))
            })
            .await?;
        if let Some((acquire, deaths, usable)) = boots {
            self.note_boots(&acquire, &deaths, usable).await;
        }
        if to_end.is_empty() {
            return Ok(());
        }
        warn!(request_id = %id, hosts = to_end.len(), "hosts that did not become usable are ended");
        let released = self.end(to_end.values().map(|(host, _)| host.clone())).await?;
        self.change(id, |case| {
            let now = self.clock.now();
            take_in(&mut case.machines, &released, now, |host| to_end.get(host).map_or("", |(_, why)| why));
            case.request.settle(&case.machines, &self.policy, self.moment()).map(drop)
        })
        .await
    }

    /// Gives up the hosts that an open acquire request reports as failed and that still live. Returns them with the
    /// reason. The cloud is told once that is on record: another process may see one of them usable just now.
    fn give_up_failed(&self, case: &mut Case) -> BTreeMap<MachineId, (Leaving, String)> {
        if case.request.is_settled() || case.request.as_acquire().is_none() {
            return BTreeMap::new();
        }
        let mut failed = BTreeMap::new();
        for machine in case.machines.iter_mut().filter(|machine| machine.is_held() && !machine.is_taken_over()) {
            if let Verdict::Failed(why) = case.request.verdict(machine, self.moment(), &self.policy) {
                machine.give_up(&why);
                failed.insert(machine.id().clone(), (Leaving::from(&*machine), why));
            }
        }
        failed
    }

    /// Brings a return forward: finds hosts that only have a name, ends what is still there, and settles it once all
    /// have ended. `seen` is what was seen of its hosts, if anything was.
    ///
    /// # Errors
    /// [`ApplicationError`] when the store cannot be used or the cloud cannot be asked about a host.
    pub(crate) async fn give_back(&self, id: &RequestId, seen: Option<&Seen>) -> Result<(), ApplicationError> {
        self.carry_on_return(id, seen).await?;
        match self.load(id).await? {
            Some(case) if case.request.is_settled() => self.retire_emptied(&case.machines).await,
            Some(_) | None => Ok(()),
        }
    }

    async fn carry_on_return(&self, id: &RequestId, seen: Option<&Seen>) -> Result<(), ApplicationError> {
        let nothing = Seen::default();
        let seen = seen.unwrap_or(&nothing);
        self.find_by_name(id).await?;
        let strangers = self.load(id).await?.map(|case| case.machines).unwrap_or_default();
        let unseen_strangers: Vec<&Machine> =
            strangers.iter().filter(|machine| !machine.is_own() && !seen.is_about(machine.id())).collect();
        let looked = self.look(unseen_strangers).await?;
        let installation = self.installation.id()?;
        let to_end = self
            .change(id, |case| {
                let now = self.clock.now();
                for machine in &mut case.machines {
                    seen.show_to(machine, self.moment());
                    looked.show_to(machine, self.moment());
                }
                let owner = |id: &MachineId| seen.of(id).or_else(|| looked.of(id)).and_then(|s| s.owner.clone());
                let was_seen = |id: &MachineId| seen.of(id).or_else(|| looked.of(id)).is_some();
                self.refuse_strangers(case, &installation, owner, was_seen);
                case.request.settle(&case.machines, &self.policy, self.moment())?;
                Ok(self.to_give_back(case, was_seen, now))
            })
            .await?;
        if to_end.is_empty() {
            return Ok(());
        }
        let hosts = to_end.len();
        let released = self.end(to_end).await?;
        info!(request_id = %id, hosts, accepted = released.accepted.len(), "returned hosts are being ended");
        let problems: Problems = released.not_ended.iter().map(|host| (host.id.clone(), host.reason.clone())).collect();
        for host in &released.not_ended {
            warn!(request_id = %id, machine_id = %host.id, reason = host.reason, "a returned host could not be ended");
        }
        self.change(id, |case| {
            let now = self.clock.now();
            take_in(&mut case.machines, &released, now, |_| "Host Factory returned it");
            for item in case.request.open_items_mut() {
                if let Some(host) = &item.machine_id {
                    item.problem = problems.get(host).cloned();
                }
            }
            case.request.settle(&case.machines, &self.policy, self.moment()).map(drop)
        })
        .await
    }

    /// Marks the hosts of a return that are not ours to end.
    fn refuse_strangers(
        &self,
        case: &mut Case,
        installation: &InstallationId,
        owner: impl Fn(&MachineId) -> Option<String>,
        was_seen: impl Fn(&MachineId) -> bool,
    ) {
        let ours: Vec<MachineId> = case.machines.iter().filter(|m| m.is_own()).map(|m| m.id().clone()).collect();
        for item in case.request.open_items_mut() {
            let Some(id) = item.machine_id.as_ref().filter(|id| !ours.contains(id) && was_seen(id)) else { continue };
            if item.refused.is_some() {
                continue;
            }
            match owner(id) {
                Some(other) if other != installation.as_str() => {
                    item.refused = Some(format!("it belongs to another installation ({other}) and is left alone"));
                }
                None if self.policy.strict_owner => {
                    item.refused = Some("it bears no owner tag, and hostFactory.strictOwner is on".to_owned());
                }
                Some(_) | None => {}
            }
        }
    }

    /// Returns the hosts of a return that the cloud is to be told to end.
    fn to_give_back(&self, case: &Case, was_seen: impl Fn(&MachineId) -> bool, now: Timestamp) -> Vec<Leaving> {
        let Some(give_back) = case.request.as_return().filter(|_| !case.request.is_settled()) else {
            return Vec::new();
        };
        let wanted = |machine: &&Machine| {
            give_back.items.iter().any(|item| item.refused.is_none() && item.machine_id.as_ref() == Some(machine.id()))
        };
        let told =
            |machine: &Machine| machine.snapshot().ending_since.is_some_and(|since| now.since(since) < REPEAT_AFTER);
        let left_to_aws = |machine: &Machine| {
            !self.policy.terminate_on_reclaim
                && machine.interruption().is_some_and(|notice| notice.is_reclaim() && notice.grace_seconds(now) > 0)
        };
        // A host that we did not launch is ended only after a fresh look at its owner tag.
        let known = |machine: &Machine| machine.is_own() || was_seen(machine.id());
        case.machines
            .iter()
            .filter(wanted)
            .filter(|m| m.status().is_live() && !told(m) && !left_to_aws(m) && known(m))
            .map(Leaving::from)
            .collect()
    }

    /// Finds the hosts of a return that have only a name, among our own alone: names repeat across networks.
    async fn find_by_name(&self, id: &RequestId) -> Result<(), ApplicationError> {
        let Some(case) = self.load(id).await? else { return Ok(()) };
        let Some(give_back) = case.request.as_return().filter(|_| !case.request.is_settled()) else { return Ok(()) };
        let nameless = |item: &&ReturnItem| item.machine_id.is_none() && item.refused.is_none();
        let names: Vec<HostName> =
            give_back.items.iter().filter(nameless).filter_map(|item| item.name.clone()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let search = Search::Names(self.installation.id()?, names);
        let found = self.observation(self.default_api.kind())?.find(&search).await?;
        let known = self.store.machines(&found.iter().map(|s| s.id.clone()).collect::<Vec<_>>()).await?;
        self.change(id, |case| {
            let now = self.clock.now();
            let mut matched: Vec<MachineId> = Vec::new();
            for item in case.request.open_items_mut() {
                let Some(name) = item.name.clone().filter(|_| item.machine_id.is_none() && item.refused.is_none())
                else {
                    continue;
                };
                let mut hosts: Vec<_> = found.iter().filter(|s| s.name.as_ref() == Some(&name)).collect();
                if hosts.iter().any(|s| s.status.is_live()) {
                    hosts.retain(|s| s.status.is_live());
                }
                match hosts.as_slice() {
                    [one] => {
                        item.machine_id = Some(one.id.clone());
                        matched.push(one.id.clone());
                    }
                    [] => item.refused = Some("no host of this installation has this name".to_owned()),
                    _ => item.refused = Some("several hosts have this name; return it by machineId".to_owned()),
                }
            }
            let new = |host: &&Sighting| case.machines.iter().all(|machine| *machine.id() != host.id);
            let hosts: Vec<&Sighting> = found.iter().filter(|s| matched.contains(&s.id)).filter(new).collect();
            for host in hosts {
                let stored = known.iter().find(|machine| *machine.id() == host.id);
                let mut machine =
                    stored.cloned().unwrap_or_else(|| Machine::seen(host, self.default_api, Origin::HostFactory, now));
                machine.join_return(case.request.id());
                case.machines.push(machine);
            }
            Ok(())
        })
        .await
    }
}

/// Lets machines take in what became of the order to end them.
pub(super) fn take_in<'r>(
    machines: &mut [Machine],
    released: &Released,
    now: Timestamp,
    reason: impl Fn(&MachineId) -> &'r str,
) {
    for machine in machines {
        let gone = released.gone.contains(machine.id());
        if gone || released.accepted.contains(machine.id()) {
            machine.end_accepted(now, reason(machine.id()));
        }
        if gone {
            machine.gone();
        }
    }
}
