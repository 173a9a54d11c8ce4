//! Looks at hosts: paged, filtered reads that are complete or an error.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, Instance, SpotInstanceRequest};
use shaku::{Component, Keyed};
use tracing::debug;

use super::client::{ClientSource, Clients};
use super::error::{console, incomplete, plain, provider_error};
use super::identity::Certainty;
use super::retry::{self, Policy};
use super::{health, sighting, tags};
use crate::application::ProviderError;
use crate::application::ports::{Clock, Host, Installation, Notebook, Observation, Search};
use crate::application::settings::HealthSettings;
use crate::domain::machine::{Interruption, Sighting};
use crate::domain::template::{PriceType, ProviderKind};
use crate::domain::{ClientToken, Digest, FailureClass, HostName, InstallationId, MachineId};

/// The most values of all filters of one request (`aws-semantics.md` section 9).
const MOST_FILTER_VALUES: usize = 200;
/// The most hosts that are asked for by their ids; more are listed by our tag.
const MOST_BY_ID: usize = 2_000;
/// How long the spot notices of the same hosts are not read again.
const BETWEEN_LOOKS: Duration = Duration::from_secs(20);
/// How long nobody asks again about the health of the same hosts; AWS checks it once a minute.
const BETWEEN_HEALTH_LOOKS: Duration = Duration::from_mins(1);
/// The largest page.
const PAGE: i32 = 1_000;
const INSTANCES: &str = "DescribeInstances";
const CONSOLE: &str = "GetConsoleOutput";
/// The most characters of a console that are kept.
const MOST_CONSOLE: usize = 2_000;
const SPOT_REQUESTS: &str = "DescribeSpotInstanceRequests";
/// The spot status codes that mean "going or gone" begin with these (section 14).
const GOING: [&str; 3] = ["marked-for-", "instance-terminated-", "instance-stopped-"];

/// Looks at hosts through EC2.
#[derive(Component)]
#[shaku(interface = Observation)]
pub struct AwsObservation {
    #[shaku(inject)]
    clients: Arc<dyn ClientSource>,
    #[shaku(inject)]
    installation: Arc<dyn Installation>,
    #[shaku(inject)]
    notebook: Arc<dyn Notebook>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

impl Keyed for AwsObservation {
    type KeyType = ProviderKind;
    const KEY: ProviderKind = ProviderKind::Aws;
}

/// One page and the token of the next.
pub(super) type Page<T> = (Vec<T>, Option<String>);

/// Collects all pages, or none.
pub(super) async fn all_pages<T, F, S>(
    clients: &Clients,
    operation: &'static str,
    policy: Policy,
    read: S,
) -> Result<Vec<T>, ProviderError>
where
    F: Future<Output = Result<Page<T>, ProviderError>>,
    S: Fn(Option<String>) -> F,
{
    let mut all = Vec::new();
    each_page(clients, operation, policy, read, |items| {
        all.extend(items);
        Ok(())
    })
    .await?;
    Ok(all)
}

/// Hands every page to `take`. What was taken counts for nothing unless all of them came.
pub(super) async fn each_page<T, F, S>(
    clients: &Clients,
    operation: &'static str,
    policy: Policy,
    read: S,
    mut take: impl FnMut(Vec<T>) -> Result<(), ProviderError>,
) -> Result<(), ProviderError>
where
    F: Future<Output = Result<Page<T>, ProviderError>>,
    S: Fn(Option<String>) -> F,
{
    let mut token: Option<String> = None;
    loop {
        let (items, next) = retry::send(&clients.gate, operation, policy, || read(token.clone())).await?;
        take(items)?;
        let next = next.filter(|next| !next.is_empty());
        match next {
            None => return Ok(()),
            Some(_) if next == token => {
                let text = "AWS gave the same page token twice";
                return Err(ProviderError::new(operation, FailureClass::Paging, text));
            }
            Some(_) => token = next,
        }
    }
}

pub(super) fn filter(name: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// Returns the hosts that match all filters and are `wanted`, and the reservation of the first.
///
/// They are read page by page: what AWS says of a host takes ten times the room of what we keep.
async fn look(
    clients: &Clients,
    policy: Policy,
    filters: &[Filter],
    wanted: impl Fn(&Instance) -> bool,
) -> Result<(Vec<Sighting>, Option<String>), ProviderError> {
    let read = |token| async move {
        let answer = clients
            .ec2
            .describe_instances()
            .set_filters(Some(filters.to_vec()))
            .max_results(PAGE)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| provider_error(INSTANCES, &error))?;
        Ok((answer.reservations.unwrap_or_default(), answer.next_token))
    };
    let (mut seen, mut first) = (Vec::new(), None);
    each_page(clients, INSTANCES, policy, read, |reservations| {
        for reservation in reservations {
            for instance in reservation.instances().iter().filter(|instance| wanted(instance)) {
                if seen.is_empty() {
                    first = reservation.reservation_id().map(str::to_owned);
                }
                seen.push(sighting::of_instance(INSTANCES, instance)?);
            }
        }
        Ok(())
    })
    .await?;
    Ok((seen, first))
}

/// Returns the hosts that match all filters.
async fn matching(clients: &Clients, policy: Policy, filters: &[Filter]) -> Result<Vec<Sighting>, ProviderError> {
    Ok(look(clients, policy, filters, |_| true).await?.0)
}

/// Returns the hosts with these ids, as far as AWS shows them.
pub(super) async fn named(clients: &Clients, policy: Policy, ids: &[&str]) -> Result<Vec<Sighting>, ProviderError> {
    let mut seen = Vec::new();
    for batch in ids.chunks(MOST_FILTER_VALUES) {
        let found = matching(clients, policy, &[filter("instance-id", batch.iter().copied())]).await?;
        let asked: HashSet<&str> = batch.iter().copied().collect();
        seen.extend(found.into_iter().filter(|sighting| asked.contains(sighting.id.as_str())));
    }
    Ok(seen)
}

/// Returns the hosts that were launched with `token`, and their reservation.
pub(super) async fn launched_with(
    clients: &Clients,
    policy: Policy,
    token: &ClientToken,
) -> Result<(Vec<Sighting>, Option<String>), ProviderError> {
    look(clients, policy, &[filter("client-token", [token.as_str()])], |_| true).await
}

/// Returns the hosts that bear the tags of a request and of its attempt of this number.
pub(super) async fn of_attempt(
    clients: &Clients,
    policy: Policy,
    frozen: &BTreeMap<String, String>,
    number: u32,
) -> Result<Vec<Sighting>, ProviderError> {
    let of_request = [tags::OWNER, tags::REQUEST]
        .map(|key| filter(format!("tag:{key}"), [frozen.get(key).map(String::as_str).unwrap_or_default()]));
    let [owner, request] = of_request;
    let attempt = filter(format!("tag:{}", tags::ATTEMPT), [number.to_string()]);
    matching(clients, policy, &[owner, request, attempt]).await
}

impl AwsObservation {
    /// Returns the component over these clients.
    #[cfg(test)]
    pub(super) fn over(clients: Arc<dyn ClientSource>, notebook: Arc<dyn Notebook>, clock: Arc<dyn Clock>) -> Self {
        Self { clients, installation: Arc::new(crate::application::testing::FakeInstallation), notebook, clock }
    }

    fn policy(&self) -> Policy {
        Policy::describes(self.clients.settings())
    }

    /// Those of `ids` that bear our tag, in pages that do not grow with their number.
    async fn listed(&self, clients: &Clients, ids: &[&str]) -> Result<Vec<Sighting>, ProviderError> {
        let installation = match self.installation.id() {
            Ok(installation) => installation,
            Err(error) => {
                debug!(%error, "our own id cannot be read; hosts are asked for by theirs");
                return Ok(Vec::new());
            }
        };
        let asked: HashSet<&str> = ids.iter().copied().collect();
        // A host of nobody's asking may be in any state; it must not spoil the sweep.
        let wanted = |host: &Instance| host.instance_id().is_some_and(|id| asked.contains(id));
        Ok(look(clients, self.policy(), &[owned_by(&installation)], wanted).await?.0)
    }

    /// Returns whether what is meant by `hosts` has not been read for as long as `every`. What was read is kept with
    /// each host, so that nothing is lost by not reading it again.
    async fn is_due(&self, hosts: Digest, every: Duration) -> bool {
        let (mut due, now) = (true, self.clock.now());
        self.notebook.edit(&mut |notes| due = notes.look_for_notices(&hosts, every, now)).await;
        due
    }

    async fn spot_requests(&self, ids: &[&str]) -> Result<Vec<SpotInstanceRequest>, ProviderError> {
        let clients = self.clients.clients().await?;
        all_pages(clients, SPOT_REQUESTS, self.policy(), |token| async move {
            let answer = clients
                .ec2
                .describe_spot_instance_requests()
                .filters(filter("instance-id", ids.iter().copied()))
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| provider_error(SPOT_REQUESTS, &error))?;
            Ok((answer.spot_instance_requests.unwrap_or_default(), answer.next_token))
        })
        .await
    }
}

fn owned_by(installation: &InstallationId) -> Filter {
    filter(format!("tag:{}", tags::OWNER), [installation.as_str()])
}

/// That nothing was seen, and perhaps in another account than the hosts'.
pub(super) fn unconfirmed() -> ProviderError {
    let text = "none of the hosts is there, and it is not known whether the credentials belong to their account; allow \
                sts:GetCallerIdentity, or check credentials and region";
    ProviderError::new(INSTANCES, FailureClass::Server, text)
}

/// The ids of these hosts, each once.
fn ids_of<'a>(hosts: impl IntoIterator<Item = &'a Host>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = hosts.into_iter().map(|host| host.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[async_trait]
impl Observation for AwsObservation {
    async fn observe(&self, hosts: &[Host]) -> Result<Vec<Sighting>, ProviderError> {
        let ids = ids_of(hosts);
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let clients = self.clients.clients().await?;
        let mut seen = if ids.len() > MOST_BY_ID { self.listed(clients, &ids).await? } else { Vec::new() };
        let known: HashSet<String> = seen.iter().map(|sighting| sighting.id.to_string()).collect();
        let unseen: Vec<&str> = ids.into_iter().filter(|id| !known.contains(*id)).collect();
        seen.extend(named(clients, self.policy(), &unseen).await?);
        if seen.is_empty() && clients.gate.identity.certainty().await != Certainty::Certain {
            return Err(unconfirmed());
        }
        Ok(seen)
    }

    async fn find(&self, search: &Search) -> Result<Vec<Sighting>, ProviderError> {
        let clients = self.clients.clients().await?;
        let seen = match search {
            Search::Installation(installation) => {
                let living = filter("instance-state-name", ["pending", "running", "stopping", "stopped"]);
                matching(clients, self.policy(), &[owned_by(installation), living]).await?
            }
            Search::Request(installation, request) => {
                let request = filter(format!("tag:{}", tags::REQUEST), [request.as_str()]);
                matching(clients, self.policy(), &[owned_by(installation), request]).await?
            }
            Search::Names(installation, names) => {
                let mut seen = Vec::new();
                // One value of each request is the owner.
                for batch in names.chunks(MOST_FILTER_VALUES - 1) {
                    let names = filter("private-dns-name", batch.iter().map(HostName::as_str));
                    let filters = [owned_by(installation), names];
                    seen.extend(matching(clients, self.policy(), &filters).await?);
                }
                seen
            }
        };
        // An installation may well have no host at all, and a look that finds none of it ends none.
        let may_be_elsewhere = !matches!(search, Search::Installation(_));
        if may_be_elsewhere && seen.is_empty() && clients.gate.identity.certainty().await == Certainty::Doubtful {
            return Err(unconfirmed());
        }
        Ok(seen)
    }

    async fn interruptions(&self, hosts: &[Host]) -> Result<Vec<(MachineId, Interruption)>, ProviderError> {
        let ids = ids_of(hosts.iter().filter(|host| host.price_type == PriceType::Spot));
        let mut notices = Vec::new();
        if ids.is_empty() || !self.is_due(Digest::of(&ids), BETWEEN_LOOKS).await {
            return Ok(notices);
        }
        for batch in ids.chunks(MOST_FILTER_VALUES) {
            for request in self.spot_requests(batch).await? {
                let Some(status) = request.status() else { continue };
                let code = status.code().unwrap_or_default();
                let Some(id) = request.instance_id().filter(|id| batch.contains(id)) else { continue };
                if !GOING.iter().any(|prefix| code.starts_with(prefix)) {
                    continue;
                }
                let at = status
                    .update_time()
                    .and_then(sighting::timestamp)
                    .ok_or_else(|| incomplete(SPOT_REQUESTS, "missing field status.update_time"))?;
                let id = id.parse().map_err(|error| incomplete(SPOT_REQUESTS, &format!("{error}")))?;
                notices.push((id, Interruption::spot(plain(code, 100), at)));
            }
        }
        Ok(notices)
    }

    async fn health(
        &self,
        hosts: &[Host],
        wanted: HealthSettings,
    ) -> Result<Option<Vec<(MachineId, Interruption)>>, ProviderError> {
        let ids = ids_of(hosts);
        if ids.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let meant: Vec<&str> = ["health"].into_iter().chain(ids.iter().copied()).collect();
        if !self.is_due(Digest::of(&meant), BETWEEN_HEALTH_LOOKS).await {
            return Ok(None);
        }
        let clients = self.clients.clients().await?;
        health::notices(clients, self.policy(), &ids, wanted, self.clock.now()).await.map(Some)
    }

    async fn console(&self, host: &MachineId) -> Result<Option<String>, ProviderError> {
        let clients = self.clients.clients().await?;
        let answer = retry::send(&clients.gate, CONSOLE, self.policy(), || async {
            let call = clients.ec2.get_console_output().instance_id(host.as_str());
            call.send().await.map_err(|error| provider_error(CONSOLE, &error))
        })
        .await?;
        let output = answer.output().unwrap_or_default();
        let bytes = aws_smithy_types::base64::decode(output.trim())
            .map_err(|_| incomplete(CONSOLE, "the console output is not base64"))?;
        Ok(console(&String::from_utf8_lossy(&bytes), MOST_CONSOLE))
    }
}

#[cfg(test)]
#[path = "observation_tests.rs"]
mod tests;
