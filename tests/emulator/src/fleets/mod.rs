//! EC2 Fleets and Spot Fleets: one engine for both (`aws-semantics.md` sections 4 and 5).
//!
//! A fleet knows its members, so that no call looks at all instances, and when it acts next.
//!
//! Invariants: `live` are the members that nobody has told to end, and `fulfilled` is what they weigh; a fleet that is
//! deleted launches nothing more; an instant fleet launches once.

mod engine;
mod handle;
mod launching;
mod requirements;
mod slots;
mod store;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub(crate) use self::requirements::matching;
pub(crate) use self::slots::{Rules, Slot, UnitType, of_configs, of_specifications};
pub use self::store::FleetError;
pub(crate) use self::store::{Fleets, Injection};
pub(crate) use self::units::{Both, Units};
use crate::clock::Millis;
use crate::instances::Market;
use crate::query::Parameters;

/// How long a fleet can be seen after its last member has ended (`aws-semantics.md` section 4.4).
const SEEN_AFTER_END: Millis = 48 * 3_600_000;

/// Whose API a fleet was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Api {
    Ec2,
    Spot,
}

/// What a fleet does after its first attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: it answers with what it got.
    Instant,
    /// Tries until it is filled once.
    Request,
    /// Replaces what ends.
    Maintain,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Request => "request",
            Self::Maintain => "maintain",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Instant, Self::Request, Self::Maintain].into_iter().find(|kind| kind.name() == name)
    }
}

/// Which slots come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    LowestPrice,
    Diversified,
    CapacityOptimized,
    CapacityOptimizedPrioritized,
    PriceCapacityOptimized,
    Prioritized,
}

/// What a fleet wants of one market.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) strategy: Strategy,
    /// Over how many of the cheapest slots hosts are spread.
    pub(crate) pools: usize,
    pub(crate) single_type: bool,
    pub(crate) single_zone: bool,
    /// With less than this, an instant fleet launches nothing.
    pub(crate) least: Units,
}

/// A fleet as it was asked for.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) id: String,
    pub(crate) api: Api,
    pub(crate) kind: Kind,
    pub(crate) slots: Vec<Slot>,
    pub(crate) wishes: Both<Wish>,
    /// The tags of the fleet itself, and those that its call gives to instances.
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) instance_tags: BTreeMap<String, String>,
    pub(crate) valid_from: Option<Millis>,
    pub(crate) valid_until: Option<Millis>,
    pub(crate) ends_with_expiry: bool,
    pub(crate) token: Option<String>,
    /// The versions of the launch templates that were meant; a replay must mean the same ones.
    pub(crate) versions: Vec<u32>,
    pub(crate) parameters: Arc<Parameters>,
    pub(crate) call: u64,
    pub(crate) account: String,
    pub(crate) region: String,
}

/// What a fleet is to reach, and whether it ends what is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) units: Both<Units>,
    /// What the call said of each market; the rest of the total is on the default one.
    pub(crate) said: Both<Option<Units>>,
    pub(crate) default: Market,
    pub(crate) ends_excess: bool,
}

impl Target {
    /// Returns a target, or nothing when the parts are more than the whole.
    pub(crate) fn new(total: Units, said: Both<Option<Units>>, default: Market, ends_excess: bool) -> Option<Self> {
        let mut units = Both { on_demand: said.on_demand.unwrap_or_default(), spot: said.spot.unwrap_or_default() };
        if units.sum() > total {
            return None;
        }
        let rest = total.less(units.sum());
        *units.of_mut(default) += rest;
        Some(Self { units, said, default, ends_excess })
    }
}

/// Where a fleet is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Submitted,
    Active,
    /// Becomes this at that time.
    Modifying(Target, Millis),
    /// Since then; its members were told to end with it, or live on.
    Deleted {
        at: Millis,
        ending: bool,
    },
}

/// Instances that one slot gave.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) slot: usize,
    pub(crate) market: Market,
    pub(crate) instances: Range<u32>,
}

/// Why a slot gave nothing, or too little.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) slot: usize,
    pub(crate) market: Market,
    pub(crate) code: String,
    pub(crate) status: u16,
    pub(crate) message: String,
}

/// Something that happened to a fleet.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) at: Millis,
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// The fleet: its new state or `progress`.
    Fleet(&'static str),
    Launched(u32),
    Terminated(u32),
    Failed(Failure),
}

/// A fleet as it stands.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) spec: Arc<Spec>,
    pub(crate) created: Millis,
    pub(crate) target: Target,
    pub(crate) phase: Phase,
    /// Members that live, with their weights.
    pub(crate) live: BTreeMap<u32, (Units, Market)>,
    /// Members that have ended, by the time when they were told to.
    pub(crate) left: Vec<(Millis, u32)>,
    pub(crate) fulfilled: Both<Units>,
    /// What was ever launched.
    pub(crate) launched: Both<Units>,
    /// When the last of those that have ended is terminated.
    pub(crate) ended_at: Millis,
    /// Until when hosts end because there are too many.
    pub(crate) shrinking_until: Millis,
    /// When it tries to launch next.
    pub(crate) fill_at: Option<Millis>,
    /// Attempts in a row that came out short, and whether the last one gave nothing.
    pub(crate) short: u32,
    pub(crate) failing: bool,
    /// What the last attempt failed with.
    pub(crate) failures: Vec<Failure>,
    /// What an instant fleet got.
    pub(crate) groups: Vec<Group>,
    pub(crate) history: Vec<Event>,
}

impl Fleet {
    pub(crate) fn new(spec: Spec, target: Target, now: Millis) -> Self {
        Self {
            spec: Arc::new(spec),
            created: now,
            target,
            phase: Phase::Submitted,
            live: BTreeMap::new(),
            left: Vec::new(),
            fulfilled: Both::default(),
            launched: Both::default(),
            ended_at: 0,
            shrinking_until: 0,
            fill_at: None,
            short: 0,
            failing: false,
            failures: Vec::new(),
            groups: Vec::new(),
            history: Vec::new(),
        }
    }

    pub(crate) const fn is_deleted(&self) -> bool {
        matches!(self.phase, Phase::Deleted { .. })
    }

    /// Returns what is missing on each market, of all that is missing.
    pub(crate) fn need(&self) -> Both<Units> {
        let has = if self.spec.kind == Kind::Maintain { self.fulfilled } else { self.launched };
        let missing = self.target.units.sum().less(has.sum());
        let on_demand = self.target.units.on_demand.less(has.on_demand).min(missing);
        Both { on_demand, spot: self.target.units.spot.less(has.spot).min(missing.less(on_demand)) }
    }

    /// Returns the state, in the words of EC2 Fleet.
    pub(crate) fn state(&self, now: Millis) -> &'static str {
        match self.phase {
            Phase::Submitted => "submitted",
            Phase::Active => "active",
            Phase::Modifying(..) => "modifying",
            Phase::Deleted { .. } if self.is_over(now) => "deleted",
            Phase::Deleted { ending: true, .. } => "deleted_terminating",
            Phase::Deleted { ending: false, .. } => "deleted_running",
        }
    }

    /// Returns what it is about, or nothing once it is deleted.
    pub(crate) fn activity(&self, now: Millis) -> Option<&'static str> {
        Some(match self.phase {
            Phase::Deleted { .. } if now < self.ended_at => "pending_termination",
            Phase::Deleted { .. } => return None,
            _ if self.spec.kind == Kind::Instant => "fulfilled",
            _ if self.failing => "error",
            _ if now < self.shrinking_until => "pending_termination",
            _ if !self.need().sum().is_zero() => "pending_fulfillment",
            _ => "fulfilled",
        })
    }

    fn is_over(&self, now: Millis) -> bool {
        self.live.is_empty() && now >= self.ended_at
    }

    /// Returns whether calls still know it.
    pub(crate) fn is_seen(&self, now: Millis) -> bool {
        match self.phase {
            Phase::Deleted { at, .. } => !self.is_over(now) || now < at.max(self.ended_at) + SEEN_AFTER_END,
            _ => true,
        }
    }

    /// Returns the members that a call sees from `start` on, as far as it sees them `lag` after the fact.
    pub(crate) fn members(
        &self,
        start: u32,
        now: Millis,
        lag: Millis,
        launched_at: impl Fn(u32) -> Millis,
    ) -> impl Iterator<Item = u32> {
        let gone = self.left.partition_point(|(at, _)| *at + lag <= now);
        let mut seen: BTreeSet<u32> = self.left[gone..].iter().map(|(_, number)| *number).collect();
        seen.retain(|number| *number >= start && launched_at(*number) + lag <= now);
        let live = self.live.range(start..).map(|(number, _)| *number);
        let mut live = live.filter(move |number| launched_at(*number) + lag <= now).peekable();
        let mut left = seen.into_iter().peekable();
        std::iter::from_fn(move || match (live.peek(), left.peek()) {
            (Some(one), Some(other)) if other < one => left.next(),
            (Some(_), _) => live.next(),
            (None, _) => left.next(),
        })
    }

    pub(crate) fn note(&mut self, at: Millis, what: What) {
        self.history.push(Event { at, what });
    }
}
