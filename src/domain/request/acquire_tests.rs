//! The laws of an order for hosts, whatever a cloud makes of its attempts: what is asked for, where, and what it comes to.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::domain::FailureClass;
use crate::domain::machine::Sighting;
use crate::domain::request::request::tests::{at, host, installation, sighting, template};
use crate::domain::request::{PartialStatus, Refusal, Request, RequestPolicy, RequestStatus};
use crate::domain::template::PriceType;

/// When the time of an order is over, in seconds after it was made.
const DEADLINE: i64 = 900;

/// A cloud that answers as it is told to, and one order on it.
#[derive(Debug)]
struct Order {
    request: Request,
    hosts: Vec<Machine>,
    policy: RequestPolicy,
    /// The laws that were broken.
    complaints: Vec<String>,
}

/// What happens to an order.
#[derive(Debug, Clone)]
enum Step {
    /// Attempts are written down for what is missing.
    Plan,
    /// An attempt that is open, or whose fleet is at work, comes to an end with so many percent of what it asked for; the
    /// pools with these numbers had no more, all of them did, the cloud slowed down, or nobody says why.
    Launched(prop::sample::Index, u32, Lack),
    /// An open attempt has made a fleet.
    Filling(prop::sample::Index),
    /// A fleet has brought a host.
    Progress(prop::sample::Index),
    /// An attempt has failed.
    Failed(prop::sample::Index, usize),
    /// The cloud takes a host back for want of capacity before it runs.
    TakenBack(prop::sample::Index),
    /// A host dies.
    Dies(prop::sample::Index),
    /// A host is found that no attempt accounts for.
    Found(u32),
    /// It is asked what the order has come to.
    Settle,
}

#[derive(Debug, Clone)]
enum Lack {
    Some(usize),
    All,
    Slowed,
    Unsaid,
}

fn lacks() -> impl Strategy<Value = Lack> {
    prop_oneof![(0_usize..3).prop_map(Lack::Some), Just(Lack::All), Just(Lack::Slowed), Just(Lack::Unsaid)]
}

fn steps() -> impl Strategy<Value = Vec<(Step, i64)>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        4 => Just(Step::Plan),
        4 => (index(), 0_u32..=100, lacks()).prop_map(|(n, percent, lack)| Step::Launched(n, percent, lack)),
        2 => Just(100).prop_flat_map(move |percent| index().prop_map(move |n| Step::Launched(n, percent, Lack::Unsaid))),
        2 => index().prop_map(Step::Filling),
        3 => index().prop_map(Step::Progress),
        1 => (index(), 0..FailureClass::ALL.len()).prop_map(|(n, class)| Step::Failed(n, class)),
        1 => index().prop_map(Step::TakenBack),
        1 => index().prop_map(Step::Dies),
        1 => (1_u32..5).prop_map(Step::Found),
        2 => Just(Step::Settle),
    ];
    prop::collection::vec((step, 0_i64..60), 1..80)
}

/// Tiers of pools; the type of a pool is one of three.
fn plans() -> impl Strategy<Value = LaunchPlan> {
    let tier = |number: usize| {
        prop::collection::vec(0_usize..3, 1..4).prop_map(move |types| {
            let pool = |(place, kind): (usize, usize)| Pool {
                instance_type: Some(format!("type-{kind}")),
                subnet: Some(format!("subnet-{number}-{place}")),
                price_type: PriceType::OnDemand,
            };
            types.into_iter().enumerate().map(pool).collect::<Vec<_>>()
        })
    };
    let tiers = (1_usize..4).prop_flat_map(move |count| (0..count).map(tier).collect::<Vec<_>>());
    let weights = prop_oneof![
        Just(BTreeMap::new()),
        prop::array::uniform3(1_u32..9)
            .prop_map(|all| (0..).zip(all).map(|(kind, weight)| (format!("type-{kind}"), weight)).collect()),
    ];
    (tiers, weights, prop::option::of(1_u32..200), prop::option::of(0_u64..2000)).prop_map(
        |(tiers, weights, batch_limit, fill_seconds)| LaunchPlan {
            tiers,
            weights,
            fill_seconds,
            batch_limit,
            ..LaunchPlan::default()
        },
    )
}

impl Order {
    fn of(wanted: u32, plan: LaunchPlan, partial: PartialStatus) -> Self {
        let policy = RequestPolicy { partial, acquire_deadline: Duration::from_mins(15), ..RequestPolicy::default() };
        let id = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
        let request = Request::acquire(id, &template(), wanted.try_into().unwrap(), None, plan, &policy, at(0));
        Self { request, hosts: Vec::new(), policy, complaints: Vec::new() }
    }

    fn acquire(&self) -> &Acquire {
        self.request.as_acquire().unwrap()
    }

    fn check(&mut self, holds: bool, law: impl Into<String>) {
        if !holds {
            self.complaints.push(law.into());
        }
    }

    /// A host of this type has come.
    fn comes(&mut self, instance_type: Option<&str>, resource: Option<&String>) -> u32 {
        let weight = self.acquire().plan.weight(instance_type);
        let mut host = host(self.hosts.len(), MachineStatus::Running);
        host.belong(resource, weight);
        self.hosts.push(host);
        weight
    }

    /// The units of the hosts that are there.
    fn live(&self) -> u32 {
        self.hosts.iter().filter(|host| host.status().is_live()).map(Machine::weight).sum()
    }

    fn nth(&self, index: prop::sample::Index, which: impl Fn(&Attempt) -> bool) -> Option<Attempt> {
        let some: Vec<&Attempt> = self.acquire().attempts.iter().filter(|attempt| which(attempt)).collect();
        (!some.is_empty()).then(|| (*index.get(&some)).clone())
    }

    fn happens(&mut self, step: &Step, now: Timestamp) {
        match step {
            Step::Plan => self.plan(now),
            Step::Launched(index, percent, lack) => {
                let Some(attempt) = self.nth(*index, |a| a.is_open() || a.filling().is_some()) else { return };
                let resource = attempt.filling().map(str::to_owned);
                let goal = attempt.count * percent / 100;
                let mut units = attempt.brought();
                for pool in attempt.pools.iter().cycle() {
                    // Capacity is rounded up by less than one host (`aws-semantics.md` 4.6).
                    if units >= goal || self.request.is_settled() {
                        break;
                    }
                    units += self.comes(pool.instance_type.as_deref(), resource.as_ref());
                }
                let refused = match lack {
                    Lack::Some(number) => attempt.pools.get(*number).cloned().map(Some),
                    Lack::All | Lack::Slowed => Some(None),
                    Lack::Unsaid => None,
                };
                let short = refused.filter(|_| units < attempt.count);
                let slowed = matches!(lack, Lack::Slowed);
                let refusals = short.map(|pool| Refusal {
                    pool,
                    class: if slowed { FailureClass::Throttle } else { FailureClass::Capacity },
                    code: None,
                    message: "none left".to_owned(),
                });
                self.request.attempt_launched(attempt.number, units, resource, refusals.into_iter().collect());
            }
            Step::Filling(index) => {
                let Some(attempt) = self.nth(*index, Attempt::is_open) else { return };
                self.request.attempt_filling(attempt.number, format!("fleet-{}", attempt.number));
            }
            Step::Progress(index) => {
                let working = |a: &Attempt| a.filling().is_some() && a.brought() < a.count;
                let Some(attempt) = self.nth(*index, working) else { return };
                let fleet = attempt.filling().map(str::to_owned);
                let units = self.comes(attempt.pools[0].instance_type.as_deref(), fleet.as_ref());
                self.request.attempt_progress(attempt.number, attempt.brought() + units, None);
            }
            Step::Failed(index, class) => {
                let Some(attempt) = self.nth(*index, Attempt::is_open) else { return };
                let class = FailureClass::ALL[*class];
                let resolved = self.request.attempt_failed(attempt.number, class, None, class.word().to_owned());
                let open = class.verdict() == AttemptVerdict::Open;
                self.check(resolved != open, "an outcome that is not known leaves the attempt open");
            }
            Step::TakenBack(index) => self.dies(*index, "Server.InsufficientInstanceCapacity"),
            Step::Dies(index) => self.dies(*index, "Server.InternalError"),
            Step::Found(weight) => {
                let stray = host(self.hosts.len(), MachineStatus::Running);
                let missing = self.acquire().wanted.get().saturating_sub(self.acquire().claimed());
                if self.request.adopt_more(stray.id(), *weight) {
                    self.check(*weight <= missing, "a host is taken in where as much is missing");
                    self.hosts.push(stray);
                    self.hosts.last_mut().unwrap().belong(None, *weight);
                }
            }
            Step::Settle => self.settle(now),
        }
    }

    fn dies(&mut self, index: prop::sample::Index, reason: &str) {
        if self.hosts.is_empty() || self.request.is_settled() {
            return;
        }
        let number = index.index(self.hosts.len());
        let (status, reason) = (MachineStatus::Terminated, Some(reason.to_owned()));
        self.hosts[number].see(&Sighting { reason, ..sighting(number, status) });
        self.request.count_lost(&self.hosts);
    }

    /// Writes attempts down and checks each against what was missing before.
    fn plan(&mut self, now: Timestamp) {
        let before = self.acquire().clone();
        let planned = self.request.plan_attempts(&installation(), now.into());
        let after = self.acquire().clone();
        let (wanted, mut missing) = (after.wanted.get(), before.wanted.get().saturating_sub(before.claimed()));
        let new = &after.attempts[before.attempts.len()..];
        self.check(new.len() == planned, "the attempts that are told are those that are new");
        self.check(new.is_empty() || now < self.request.snapshot().deadline, "nothing is asked for after the deadline");
        for attempt in new {
            let law = "no attempt asks for nothing, for more than is missing, or for more than one call may";
            self.check((1..=missing.min(before.batch_limit)).contains(&attempt.count), law);
            missing -= attempt.count;
            let exhausted = |pool: &Pool| before.attempts.iter().any(|earlier| earlier.has_exhausted(pool));
            let has_room = |tier: &&Vec<Pool>| !tier.iter().all(exhausted);
            let first = before.plan.tiers.iter().find(has_room).cloned().unwrap_or_default();
            let rest: Vec<Pool> = first.into_iter().filter(|pool| !exhausted(pool)).collect();
            let law = "the first tier that has any room is asked, all of its pools that have";
            self.check(!rest.is_empty() && attempt.pools == rest, law);
        }
        if !new.is_empty() && after.plan.weights.is_empty() {
            self.check(after.claimed() == wanted, "everything that is missing is asked for");
        }
        if new.is_empty() && before.wants_attempts() && now < self.request.snapshot().deadline {
            self.check(self.request.is_settled() || before.may_bring_more(), "what is missing is asked for");
        }
        for attempt in new {
            let deadline = self.request.snapshot().deadline;
            let until = after.fill_until(attempt, deadline);
            let law = "a fleet has its time within that of the request";
            self.check((attempt.recorded_at..=deadline).contains(&until), law);
        }
    }

    /// Settles if that can be done, and checks the verdict.
    fn settle(&mut self, now: Timestamp) {
        let before = self.acquire().clone();
        if self.request.is_settled() || !self.request.settle(&self.hosts, &self.policy, now.into()).unwrap() {
            return;
        }
        let (wanted, deadline) = (before.wanted.get(), self.request.snapshot().deadline);
        let usable = self.live();
        self.check(!before.may_bring_more(), "nothing is settled while more may come");
        let done = before.claimed() >= wanted || !before.wants_attempts() || now >= deadline;
        self.check(done, "what is missing is asked for as long as there is time and a pool");
        self.check(
            (usable >= wanted) == self.request.message().is_empty(),
            "a shortfall and nothing else is explained",
        );
        let strict = self.policy.partial == PartialStatus::CompleteWithError;
        let error = usable == 0 || (strict && usable < wanted);
        let to = if error { RequestStatus::CompleteWithError } else { RequestStatus::Complete };
        self.check(self.request.status() == to, format!("{usable} of {wanted} is {to:?}"));
        let acquire = self.acquire().clone();
        let told: Vec<&MachineId> = acquire.outcomes.iter().map(|outcome| &outcome.machine_id).collect();
        let all: Vec<&MachineId> = self.hosts.iter().map(Machine::id).collect();
        let same = told == all;
        self.check(same, "each host has its verdict, the one that is too many as well");
        if usable < wanted {
            let words = format!("{usable} of {wanted} ");
            self.check(self.request.message().starts_with(&words), format!("{} says {words}", self.request.message()));
        }
    }

    /// The laws that hold at any time.
    fn check_always(&mut self) {
        let acquire = self.acquire().clone();
        let (wanted, heaviest) = (acquire.wanted.get(), acquire.plan.weights.values().copied().max().unwrap_or(1));
        let live = self.live();
        self.check(
            live < wanted + heaviest,
            format!("{live} units live of {wanted}: INV-02, a host at most {heaviest}"),
        );
        let law = format!("{} are claimed of {wanted}, a host is at most {heaviest}", acquire.claimed());
        self.check(acquire.claimed() < wanted + heaviest, law);
        let tokens: HashSet<_> = acquire.attempts.iter().map(|attempt| &attempt.token).collect();
        self.check(tokens.len() == acquire.attempts.len(), "a token for each attempt");
    }
}

#[test]
fn where_hosts_count_for_several_units_one_attempt_waits_for_what_the_one_before_it_brought() {
    let pool = Pool { instance_type: Some("type-0".to_owned()), subnet: None, price_type: PriceType::OnDemand };
    let weights = [("type-0".to_owned(), 3)].into();
    let plan = LaunchPlan { tiers: vec![vec![pool]], weights, batch_limit: Some(10), ..LaunchPlan::default() };
    let mut order = Order::of(21, plan, PartialStatus::Complete);
    let mut asked = Vec::new();
    while order.request.plan_attempts(&installation(), at(0).into()) > 0 {
        let attempt = order.acquire().attempts.last().unwrap().clone();
        asked.push(attempt.count);
        order.request.attempt_launched(attempt.number, attempt.count.next_multiple_of(3), None, Vec::new());
    }
    assert_eq!((asked, order.acquire().claimed()), (vec![10, 9], 21), "two calls that round up, and nothing too much");
}

#[test]
fn what_was_slowed_down_is_asked_for_more_often_than_what_did_not_come_for_no_reason() {
    let refused = |class| vec![Refusal { pool: None, class, code: None, message: "said".to_owned() }];
    for (refusals, most) in [
        (refused(FailureClass::Throttle), MOST_SLOWED_DOWN),
        (refused(FailureClass::Busy), MOST_FRUITLESS),
        (Vec::new(), MOST_FRUITLESS),
    ] {
        let pool = Pool { instance_type: None, subnet: None, price_type: PriceType::OnDemand };
        let plan = LaunchPlan { tiers: vec![vec![pool]], ..LaunchPlan::default() };
        let mut order = Order::of(50, plan, PartialStatus::Complete);
        let mut attempts = 0;
        while order.request.plan_attempts(&installation(), at(0).into()) > 0 {
            attempts += 1;
            order.request.attempt_launched(order.acquire().attempts.last().unwrap().number, 1, None, refusals.clone());
        }
        assert_eq!(attempts, most, "{refusals:?}");
    }
}

proptest! {
    #[test]
    fn no_order_asks_for_more_than_is_missing_or_settles_before_its_time_whatever_the_weights_and_tiers(
        wanted in 1_u32..600,
        plan in plans(),
        strict in any::<bool>(),
        steps in steps(),
    ) {
        let partial = if strict { PartialStatus::CompleteWithError } else { PartialStatus::Complete };
        let mut order = Order::of(wanted, plan, partial);
        let mut second = 0;
        order.plan(at(0));
        for (step, time) in steps {
            second += time;
            order.happens(&step, at(second));
            order.check_always();
            prop_assert!(order.complaints.is_empty(), "{:?} at {second}: {:?}", step, order.complaints);
        }
        // The cloud answers all that is open, and the time is over.
        for attempt in order.acquire().attempts.clone() {
            let fleet = attempt.filling().map(str::to_owned);
            order.request.attempt_launched(attempt.number, attempt.brought(), fleet, Vec::new());
        }
        order.settle(at(second.max(DEADLINE)));
        prop_assert!(order.complaints.is_empty(), "{:?}", order.complaints);
        prop_assert!(order.request.is_settled(), "everything is settled once its time is over: {order:#?}");
    }
}
