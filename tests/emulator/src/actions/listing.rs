//! What listings of instances have in common: ids, filters, pages (`aws-semantics.md` section 9).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Context;
use crate::clock::Millis;
use crate::faults::Verb;
use crate::instances::{Instance, Launch, Places, State, address_in, instance_id};
use crate::query::Filter;
use crate::refusal::Refusal;
use crate::world::World;

/// The largest and the smallest page.
const PAGE: std::ops::RangeInclusive<u32> = 5..=1_000;

/// One instance as a call sees it.
pub(super) struct Sight<'w> {
    pub(super) number: u32,
    pub(super) instance: &'w Instance,
    pub(super) launch: &'w Arc<Launch>,
    pub(super) state: State,
    pub(super) now: Millis,
    /// Its tags as far as they can be seen.
    pub(super) tags: &'w BTreeMap<String, String>,
}

impl Sight<'_> {
    pub(super) fn id(&self) -> String {
        instance_id(self.number)
    }
}

/// Returns one instance as a call of this region sees it.
pub(super) fn sight<'w>(world: &'w World, number: u32, region: &str) -> Option<Sight<'w>> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let (instance, launch, state) = world.visible(number, region)?;
    let tags = if world.shows(launch).1 { &launch.tags } else { &NONE };
    Some(Sight { number, instance, launch, state, now: world.now(), tags })
}

/// Returns the numbers of instances by their ids.
///
/// One id that is malformed or unknown fails the whole call, and all of them are named (section 3).
pub(super) fn numbers(context: &Context<'_>, ids: &[&str], lagging: bool) -> Result<Vec<u32>, Refusal> {
    let malformed: Vec<&str> = ids.iter().copied().filter(|id| !is_well_formed(id)).collect();
    if !malformed.is_empty() {
        let text = format!("Invalid id: \"{}\"", malformed.join("\", \""));
        return Err(Refusal::new("InvalidInstanceID.Malformed", text));
    }
    let (mut known, mut unknown) = (Vec::with_capacity(ids.len()), Vec::new());
    for id in ids {
        let number = context.world.instances.number(id).filter(|number| {
            let seen = context.world.visible(*number, context.region);
            seen.is_some_and(|(_, launch, _)| !lagging || context.world.shows(launch).0)
        });
        match number {
            Some(number) => known.push(number),
            None => unknown.push(*id),
        }
    }
    let text = match unknown.as_slice() {
        [] => return Ok(known),
        [one] => format!("The instance ID '{one}' does not exist"),
        many => format!("The instance IDs '{}' do not exist", many.join(", ")),
    };
    Err(Refusal::new("InvalidInstanceID.NotFound", text))
}

fn is_well_formed(id: &str) -> bool {
    let hex = id.strip_prefix("i-").unwrap_or_default();
    matches!(hex.len(), 8 | 17) && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the number of the page that a token stands for; 1 is the first.
pub(crate) fn page_of(token: Option<&str>) -> u32 {
    token.and_then(parsed).map_or(1, |(page, _)| page)
}

/// A token is `p<page>-<number of the instance that it goes on with>`.
pub(super) fn parsed(token: &str) -> Option<(u32, u32)> {
    let (page, start) = token.strip_prefix('p')?.split_once('-')?;
    Some((page.parse().ok()?, start.parse().ok()?))
}

/// A page of numbers, and the token of the next one.
pub(super) type Page = (Vec<u32>, Option<String>);

/// Returns the instances that are asked for by id or by filter.
///
/// `passes` says whether an instance passes a filter, or `None` when it does not know the filter.
pub(super) fn select(
    context: &mut Context<'_>,
    ids: &[&str],
    keep: impl Fn(&Sight<'_>) -> bool,
    passes: impl Fn(&Filter, &Sight<'_>) -> Option<bool>,
    known: &[&str],
) -> Result<Page, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let filters = parameters.filters()?;
    if let Some(unknown) =
        filters.iter().find(|filter| !known.contains(&filter.name.as_str()) && !filter.name.starts_with("tag:"))
    {
        return Err(Refusal::invalid(format!("The filter '{}' is invalid", unknown.name)));
    }
    let most = parameters.number("MaxResults")?;
    if let Some(most) = most {
        if !ids.is_empty() {
            let text = "The parameter instancesSet cannot be used with the parameter maxResults";
            return Err(Refusal::combination(text));
        }
        if !PAGE.contains(&most) {
            let text =
                format!("Value ( {most} ) for parameter maxResults is invalid. Expecting a value from 5 to 1000.");
            return Err(Refusal::invalid(text));
        }
    }
    let token = parameters.get("NextToken").filter(|token| !token.is_empty());
    let (number_of_page, start) = match token {
        None => (1, 0),
        Some(token) => parsed(token)
            .ok_or_else(|| Refusal::new("InvalidPaginationToken", format!("'{token}' is no token of this listing")))?,
    };
    let mut next = None;
    let mut found = Vec::new();
    let places = if ids.is_empty() {
        places(context.world, &filters)
    } else {
        let mut numbers = numbers(context, ids, true)?;
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| number..number + 1).collect()
    };
    if context.verb == Some(&Verb::Empty) {
        return Ok((found, None));
    }
    let mut examined = 0;
    'all: for place in places.into_iter().filter(|place| place.end > start) {
        for number in place.start.max(start)..place.end {
            examined += 1;
            let Some(seen) = sight(context.world, number, context.region) else { continue };
            let shown = context.world.shows(seen.launch).0 && keep(&seen);
            if !shown || !filters.iter().all(|filter| passes(filter, &seen).unwrap_or(false)) {
                continue;
            }
            if most.is_some_and(|most| found.len() >= usize::try_from(most).unwrap_or(usize::MAX)) {
                next = Some(format!("p{}-{number}", number_of_page + 1));
                break 'all;
            }
            found.push(number);
        }
    }
    context.world.examined += examined;
    if context.verb == Some(&Verb::PageLoop) {
        next = Some(token.map_or_else(|| "p1-0".to_owned(), str::to_owned));
    }
    Ok((found, next))
}

/// Returns where to look: the shortest list that one of the filters gives, or everywhere.
fn places(world: &World, filters: &[Filter]) -> Places {
    let instances = &world.instances;
    let everywhere = 0..instances.len();
    let narrowed = filters.iter().filter_map(|filter| {
        let of =
            |look: &dyn Fn(&str) -> Places| -> Places { filter.values.iter().flat_map(|value| look(value)).collect() };
        let one = |number: Option<u32>| -> Places { number.into_iter().map(|number| number..number + 1).collect() };
        Some(match filter.name.as_str() {
            "instance-id" => of(&|id| one(instances.number(id))),
            "client-token" => of(&|token| instances.with_token(token)),
            "reservation-id" => of(&|id| instances.with_reservation(id)),
            "private-dns-name" => of(&|name| address_in(name).map_or_else(Vec::new, |at| instances.with_address(at))),
            "private-ip-address" => of(&|address| {
                let address = address.parse::<std::net::Ipv4Addr>().map(u32::from);
                address.map_or_else(|_| Vec::new(), |address| instances.with_address(address))
            }),
            name => of(&|value| instances.with_tag(name.strip_prefix("tag:").unwrap_or_default(), value)),
        })
        .filter(|_| filter.name.starts_with("tag:") || INDEXED.contains(&filter.name.as_str()))
    });
    let size = |places: &Places| places.iter().map(ExactSizeIterator::len).sum::<usize>();
    let mut places = narrowed.min_by_key(size).unwrap_or_else(|| vec![everywhere]);
    places.sort_unstable_by_key(|place| place.start);
    places.dedup();
    places
}

const INDEXED: [&str; 5] = ["instance-id", "client-token", "reservation-id", "private-dns-name", "private-ip-address"];
