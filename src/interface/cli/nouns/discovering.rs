//! What `init` learns from AWS, and what is chosen from it: by whoever sits at the terminal, or what most would choose.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::choosing::Choice;
use super::generating::NeedArgs;
use crate::application::ports::{Discovery, OfferedImage, Part, Subnet, Vpc};
use crate::application::queries::DiscoverSite;
use crate::domain::template::{Architecture, InstanceShape};
use crate::interface::chain::Chain;
use crate::interface::cli::Composition;
use crate::interface::cli::desk::{App, Desk, Ended, wait};
use crate::interface::cli::output;
use crate::interface::cli::screen::Screen;
use crate::interface::cli::table::{Cell, Column};

/// How long AWS may take to tell.
const MOST_SECONDS: &str = "60";

/// Asks AWS what the account has in the region, with settings that no configuration holds yet.
///
/// # Errors
/// In one line, why there is nothing to choose from.
pub(super) fn discovered<C: Composition>(
    desk: &Desk<'_, C>,
    region: &str,
    profile: Option<&str>,
) -> Result<Discovery, String> {
    let mut settings =
        vec![("provider.type".to_owned(), "aws".to_owned()), ("provider.aws.region".to_owned(), region.to_owned())];
    // Somebody is waiting for the answer.
    settings.push(("hostFactory.callDeadlineSeconds".to_owned(), MOST_SECONDS.to_owned()));
    settings.extend(profile.map(|profile| ("provider.aws.profile".to_owned(), profile.to_owned())));
    settings.extend(desk.options.settings.iter().cloned());
    output::hint(&format!("Asking AWS what there is in {region} …"));
    let apart = desk.composition.start_apart(&settings).map_err(|error| error.message)?;
    let answer = wait(App::of(&apart.started).anew().queries().ask(DiscoverSite));
    let answer = answer.map_err(|failure| failure.message().to_owned())?;
    answer.map_err(|error| Chain(&error).to_string())?.ok_or_else(|| "this provider has no cloud".to_owned())
}

/// What is chosen for a first template.
pub(super) struct Chooser<'a> {
    pub(super) found: &'a Discovery,
    /// The instance types that are known.
    pub(super) known: &'a [InstanceShape],
    /// Where to ask; `None` takes the defaults.
    pub(super) screen: Option<Screen>,
}

impl Chooser<'_> {
    /// Fills in what the needs do not name yet; `vpc` is the network that was told.
    ///
    /// # Errors
    /// When nobody answers in a way that makes sense.
    pub(super) fn fill(&self, need: &mut NeedArgs, vpc: Option<&str>) -> Result<Option<String>, Ended> {
        if let Some(caller) = &self.found.caller {
            output::hint(&format!("Account {}, {}", caller.account, caller.name));
        }
        let of_subnet = |id: &String| self.subnets().iter().find(|subnet| subnet.id == *id).map(|one| one.vpc.clone());
        let vpc = match vpc.map(str::to_owned).or_else(|| need.subnets.iter().find_map(of_subnet)) {
            Some(vpc) => Some(vpc),
            None if need.subnets.is_empty() => self.vpc()?,
            None => None,
        };
        if need.subnets.is_empty() {
            need.subnets = self.subnets_in(vpc.as_deref(), need)?;
        }
        if need.security_groups.is_empty() {
            need.security_groups = self.groups_in(vpc.as_deref())?;
        }
        if need.image.is_none() {
            need.image = self.image(need)?;
        }
        if need.key_name.is_none() {
            need.key_name = self.one_of("Key pairs", "Key pair for logging in", &self.found.key_pairs)?;
        }
        if need.instance_profile.is_none() {
            let title = "Instance profiles that hosts of the account have now";
            need.instance_profile =
                self.one_of(title, "Instance profile of the hosts", &self.found.instance_profiles)?;
        }
        if self.screen.is_none() {
            output::hint(&taken(vpc.as_deref(), need));
        }
        Ok(vpc)
    }

    fn subnets(&self) -> &[Subnet] {
        part(&self.found.subnets)
    }

    /// Asks, where there is something to choose from and somebody to choose.
    fn choose(&self, choice: Choice) -> Result<Vec<String>, Ended> {
        match self.screen {
            Some(screen) if !choice.rows.is_empty() => choice.ask(screen),
            _ => Ok(choice.default),
        }
    }

    fn vpc(&self) -> Result<Option<String>, Ended> {
        // Whoever may not list networks may have listed their subnets.
        let mut free: BTreeMap<&str, u64> = BTreeMap::new();
        for subnet in self.subnets() {
            *free.entry(subnet.vpc.as_str()).or_default() += u64::from(subnet.free);
        }
        let bare = |id: &str| Vpc { id: id.to_owned(), cidr: None, is_default: false, name: None };
        let mut vpcs: Vec<Vpc> = part(&self.found.vpcs).to_vec();
        let unknown: Vec<Vpc> =
            free.keys().filter(|id| vpcs.iter().all(|vpc| vpc.id != **id)).map(|id| bare(id)).collect();
        vpcs.extend(unknown);
        let room = |vpc: &Vpc| free.get(vpc.id.as_str()).copied().unwrap_or(0);
        let best = vpcs.iter().max_by_key(|vpc| (vpc.is_default && room(vpc) > 0, room(vpc)));
        let default: Vec<String> = best.map(|vpc| vpc.id.clone()).into_iter().collect();
        if vpcs.len() < 2 {
            return Ok(default.into_iter().next());
        }
        let row = |vpc: &Vpc| {
            let kind = if vpc.is_default { "default" } else { "" };
            let cells = vec![
                vpc.id.as_str().into(),
                vpc.cidr.as_deref().into(),
                room(vpc).to_string().into(),
                kind.into(),
                vpc.name.as_deref().into(),
            ];
            (cells, vpc.id.clone())
        };
        let choice = Choice {
            title: "VPCs".to_owned(),
            question: "VPC of the hosts",
            columns: vec![
                Column::fixed("ID"),
                Column::fixed("ADDRESSES"),
                Column::fixed("FREE"),
                Column::fixed(""),
                Column::elastic("NAME"),
            ],
            rows: vpcs.iter().map(row).collect(),
            default,
            many: false,
            prefixes: &["vpc-"],
        };
        Ok(self.choose(choice)?.into_iter().next())
    }

    fn subnets_in(&self, vpc: Option<&str>, need: &NeedArgs) -> Result<Vec<String>, Ended> {
        let inside = self.subnets().iter().filter(|subnet| vpc.is_none_or(|vpc| subnet.vpc == vpc));
        let mut inside: Vec<&Subnet> = inside.collect();
        inside.sort_by(|one, other| (&one.zone, other.free, &one.id).cmp(&(&other.zone, one.free, &other.id)));
        // In each zone the one with the most room.
        let mut default: Vec<&Subnet> = Vec::new();
        for subnet in inside.iter().filter(|subnet| subnet.free > 0) {
            if default.last().is_none_or(|last| last.zone != subnet.zone) {
                default.push(subnet);
            }
        }
        let default = self.up_to_date(default, need);
        let row = |subnet: &&Subnet| {
            let cells: Vec<Cell> = vec![
                subnet.id.as_str().into(),
                subnet.zone.as_str().into(),
                subnet.free.to_string().into(),
                subnet.name.as_deref().into(),
            ];
            (cells, subnet.id.clone())
        };
        self.choose(Choice {
            title: format!("Subnets{}", vpc.map(|vpc| format!(" of {vpc}")).unwrap_or_default()),
            question: "Subnets to launch into, numbers or ids divided by commas",
            columns: vec![Column::fixed("ID"), Column::fixed("ZONE"), Column::fixed("FREE"), Column::elastic("NAME")],
            default: default.iter().map(|subnet| subnet.id.clone()).collect(),
            rows: inside.iter().map(row).collect(),
            many: true,
            prefixes: &["subnet-"],
        })
    }

    /// Leaves out the zones that lack the best type which two in three of them offer: a region's oldest zones have old types
    /// alone, and would have every host be one of those.
    fn up_to_date<'s>(&self, mut subnets: Vec<&'s Subnet>, need: &NeedArgs) -> Vec<&'s Subnet> {
        let Ok(offers) = &self.found.offers else { return subnets };
        let has = |subnet: &Subnet, shape: &InstanceShape| is_offered(offers, shape, &subnet.zone);
        let zones_of = |shape: &InstanceShape| subnets.iter().filter(|subnet| has(subnet, shape)).count();
        let common = self.known.iter().filter(|shape| zones_of(shape) * 3 >= subnets.len() * 2);
        let Some(best) = need.query().among(common.cloned().collect()).into_iter().next() else { return subnets };
        let old: Vec<&str> =
            subnets.iter().filter(|subnet| !has(subnet, &best)).map(|subnet| subnet.zone.as_str()).collect();
        if !old.is_empty() {
            output::hint(&format!("Left out: {}, where {} is not offered", old.join(", "), best.name));
        }
        subnets.retain(|subnet| has(subnet, &best));
        subnets
    }

    fn groups_in(&self, vpc: Option<&str>) -> Result<Vec<String>, Ended> {
        let groups = part(&self.found.security_groups).iter();
        let inside: Vec<_> =
            groups.filter(|group| vpc.is_none() || group.vpc.is_none() || group.vpc.as_deref() == vpc).collect();
        let default = inside.iter().filter(|group| group.name == "default" && vpc.is_some()).take(1);
        self.choose(Choice {
            title: format!("Security groups{}", vpc.map(|vpc| format!(" of {vpc}")).unwrap_or_default()),
            question: "Security groups, numbers or ids divided by commas",
            columns: vec![Column::fixed("ID"), Column::elastic("NAME")],
            default: default.map(|group| group.id.clone()).collect(),
            rows: inside
                .iter()
                .map(|group| (vec![group.id.as_str().into(), group.name.as_str().into()], group.id.clone()))
                .collect(),
            many: true,
            prefixes: &["sg-"],
        })
    }

    fn image(&self, need: &NeedArgs) -> Result<Option<String>, Ended> {
        let wanted = need.architecture();
        let fits = |image: &&OfferedImage| image.architecture.is_none_or(|own| own == wanted);
        let aliases = part(&self.found.aliases).iter().filter(fits);
        let offered: Vec<&OfferedImage> = aliases.chain(part(&self.found.images).iter().filter(fits)).collect();
        let row = |image: &&OfferedImage| {
            let id = if image.id.starts_with("ami-") { image.id.as_str() } else { "alias" };
            let made: Option<String> = image.made_at.as_ref().map(|at| at.chars().take(10).collect());
            (vec![id.into(), made.into(), image.name.as_str().into()], image.id.clone())
        };
        let chosen = self.choose(Choice {
            title: format!("Images for {}", wanted.word()),
            question: "Image: a number, ami-…, or the name of an SSM parameter",
            columns: vec![Column::fixed("ID"), Column::fixed("MADE"), Column::elastic("NAME")],
            default: offered.first().map(|image| image.id.clone()).into_iter().collect(),
            rows: offered.iter().map(row).collect(),
            many: false,
            prefixes: &["ami-", "/"],
        })?;
        Ok(chosen.into_iter().next())
    }

    /// Asks for one of these names, which hosts can do without.
    fn one_of(&self, title: &str, question: &'static str, names: &Part<String>) -> Result<Option<String>, Ended> {
        let names = part(names);
        let chosen = self.choose(Choice {
            title: title.to_owned(),
            question,
            columns: vec![Column::elastic("NAME")],
            rows: names.iter().map(|name| (vec![name.as_str().into()], name.clone())).collect(),
            default: Vec::new(),
            many: false,
            prefixes: &["arn:"],
        })?;
        Ok(chosen.into_iter().next())
    }
}

/// Returns a part; one that could not be listed is as good as empty, once [`unread`] was said.
fn part<T>(part: &Part<T>) -> &[T] {
    part.as_deref().unwrap_or_default()
}

/// Returns what was taken without a question.
fn taken(vpc: Option<&str>, need: &NeedArgs) -> String {
    let listed = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!(
        "Taken: VPC {}; subnets {}; security groups {}; image {}",
        vpc.unwrap_or("-"),
        listed(&need.subnets),
        listed(&need.security_groups),
        need.image.as_deref().unwrap_or("Amazon Linux 2023, the newest"),
    )
}

fn is_offered(offers: &HashMap<String, HashSet<String>>, shape: &InstanceShape, zone: &str) -> bool {
    offers.get(&shape.name).is_some_and(|zones| zones.contains(zone))
}

/// Leaves those types that are offered in every zone of these subnets, as far as AWS told.
pub(super) fn keep_offered(types: &mut Vec<InstanceShape>, found: &Discovery, subnets: &[String]) {
    let Ok(offers) = &found.offers else { return };
    let named = part(&found.subnets).iter().filter(|subnet| subnets.contains(&subnet.id));
    let zones: Vec<&str> = named.map(|subnet| subnet.zone.as_str()).collect();
    types.retain(|shape| offers.contains_key(&shape.name) && zones.iter().all(|zone| is_offered(offers, shape, zone)));
}

/// Returns the lists that could not be had, a line each.
pub(super) fn unread(found: &Discovery) -> Vec<String> {
    let told = [
        found.vpcs.as_ref().err(),
        found.subnets.as_ref().err(),
        found.security_groups.as_ref().err(),
        found.key_pairs.as_ref().err(),
        found.instance_profiles.as_ref().err(),
        found.images.as_ref().err(),
        found.aliases.as_ref().err(),
        found.offers.as_ref().err(),
    ];
    told.into_iter().flatten().map(|error| format!("Could not be listed: {}", Chain(error))).collect()
}

/// Returns everything that was found, for programs.
pub(super) fn document(found: &Discovery) -> Value {
    let images = |images: &Part<OfferedImage>| {
        let one = |image: &OfferedImage| {
            let architecture = image.architecture.map(Architecture::word);
            json!({ "id": image.id, "name": image.name, "architecture": architecture, "createdAt": image.made_at })
        };
        part(images).iter().map(one).collect::<Vec<Value>>()
    };
    json!({
        "account": found.caller.as_ref().map(|caller| &caller.account),
        "vpcs": part(&found.vpcs).iter().map(|vpc| {
            json!({ "id": vpc.id, "cidr": vpc.cidr, "default": vpc.is_default, "name": vpc.name })
        }).collect::<Vec<Value>>(),
        "subnets": part(&found.subnets).iter().map(|subnet| {
            json!({
                "id": subnet.id, "vpc": subnet.vpc, "zone": subnet.zone, "freeAddresses": subnet.free, "name": subnet.name,
            })
        }).collect::<Vec<Value>>(),
        "securityGroups": part(&found.security_groups).iter().map(|group| {
            json!({ "id": group.id, "vpc": group.vpc, "name": group.name })
        }).collect::<Vec<Value>>(),
        "keyPairs": part(&found.key_pairs),
        "instanceProfiles": part(&found.instance_profiles),
        "images": images(&found.images),
        "aliases": images(&found.aliases),
        "unread": unread(found),
    })
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;
    use crate::infrastructure::instance_types::KnownInstanceTypes;

    const ZONES: [&str; 4] = ["a", "b", "c", "old"];

    /// Returns the zones whose subnets are taken without a question, where these types are offered there.
    fn taken_zones(offers: &[(&str, &[&str])]) -> Vec<String> {
        let subnet = |zone: &&str| Subnet {
            id: (*zone).to_owned(),
            vpc: "vpc-1".to_owned(),
            zone: (*zone).to_owned(),
            free: 10,
            name: None,
        };
        let zones = |zones: &[&str]| zones.iter().map(|zone| (*zone).to_owned()).collect::<HashSet<_>>();
        let offers: HashMap<_, _> = offers.iter().map(|(name, has)| ((*name).to_owned(), zones(has))).collect();
        let found = Discovery {
            caller: None,
            vpcs: Ok(Vec::new()),
            subnets: Ok(ZONES.iter().map(subnet).collect()),
            security_groups: Ok(Vec::new()),
            key_pairs: Ok(Vec::new()),
            instance_profiles: Ok(Vec::new()),
            images: Ok(Vec::new()),
            aliases: Ok(Vec::new()),
            offers: Ok(offers),
        };
        let known = KnownInstanceTypes::new("");
        let known = crate::application::ports::InstanceTypes::all(&known);
        let line = NeedArgs::augment_args(Command::new("need")).get_matches_from(["need"]);
        let need = NeedArgs::from_arg_matches(&line).unwrap();
        Chooser { found: &found, known: &known, screen: None }.subnets_in(Some("vpc-1"), &need).unwrap()
    }

    #[test]
    fn a_zone_with_old_types_alone_is_left_out_and_one_that_lacks_the_newest_is_not() {
        let old = ("m4.large", &ZONES[..]);
        assert_eq!(taken_zones(&[old]), ZONES);
        assert_eq!(taken_zones(&[old, ("m6i.large", &["a", "b", "c"])]), ["a", "b", "c"]);
        assert_eq!(taken_zones(&[old, ("m6i.large", &["a", "b", "c"]), ("m7i.large", &["a"])]), ["a", "b", "c"]);
        assert_eq!(taken_zones(&[]), ZONES, "nothing that fits is offered: doctor says so");
    }
}
