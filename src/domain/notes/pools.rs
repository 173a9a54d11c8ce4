//! Pools that had nothing to give, so that the next calls ask elsewhere first.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::request::Pool;
use crate::domain::template::PriceType;
use crate::domain::{FailureClass, Timestamp};

/// That a pool had nothing to give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolMark {
    /// When it showed.
    pub since: Timestamp,
    /// Until when the pool is not asked.
    pub until: Timestamp,
    /// The smallest number of hosts it refused; fewer may pass.
    pub count: u32,
    /// The cloud's code, or our own words.
    pub code: String,
    /// How often it showed in a row.
    pub strikes: u32,
}

impl PoolMark {
    fn holds(&self, now: Timestamp) -> bool {
        // A mark from a clock that was ahead says nothing.
        self.since <= now && now < self.until
    }
}

/// The marks, by what lacks: instance type × zone × market, a subnet's addresses, or a quota.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolMarks {
    marks: BTreeMap<String, PoolMark>,
    /// The zone of each subnet that a host was seen in.
    zones: BTreeMap<String, String>,
}

/// How long a pool is not asked after the first time, and after many in a row.
const CAPACITY: (Duration, Duration) = (Duration::from_mins(3), Duration::from_mins(10));
const QUOTA: (Duration, Duration) = (Duration::from_mins(5), Duration::from_mins(15));

impl PoolMarks {
    /// Takes in that a pool gave nothing, or not all of `count` hosts. Classes that say nothing about the pool are
    /// passed over.
    pub fn failed(&mut self, pool: &Pool, class: FailureClass, code: Option<&str>, count: u32, now: Timestamp) {
        let (key, count, (first, longest)) = match class {
            // A reservation is the operator's own, and has room again as soon as a host is returned.
            FailureClass::Capacity if pool.price_type == PriceType::Reserved => return,
            FailureClass::Capacity => (self.capacity_key(pool), 1, CAPACITY),
            FailureClass::SubnetCapacity => (subnet_key(pool), count, CAPACITY),
            FailureClass::Quota => (quota_key(pool), count, QUOTA),
            _ => return,
        };
        let former = self.marks.get(&key);
        let strikes = former.map_or(1, |mark| mark.strikes.saturating_add(1));
        let count = former.filter(|mark| mark.holds(now)).map_or(count, |mark| mark.count.min(count));
        let until = now.after(first.saturating_mul(strikes).min(longest));
        let code = code.unwrap_or(class.word()).to_owned();
        self.marks.insert(key, PoolMark { since: now, until, count, code, strikes });
    }

    /// Takes in that a pool gave hosts in this zone.
    pub fn gave(&mut self, pool: &Pool, zone: Option<&str>) {
        if let (Some(subnet), Some(zone)) = (&pool.subnet, zone) {
            self.zones.insert(subnet.clone(), zone.to_owned());
        }
        for key in [self.capacity_key(pool), subnet_key(pool), quota_key(pool)] {
            self.marks.remove(&key);
        }
    }

    /// Returns why a pool is not worth asking for `count` hosts now, if it is not.
    pub fn obstacle(&self, pool: &Pool, count: u32, now: Timestamp) -> Option<&PoolMark> {
        [self.capacity_key(pool), subnet_key(pool), quota_key(pool)]
            .iter()
            .filter_map(|key| self.marks.get(key))
            .filter(|mark| mark.holds(now) && count >= mark.count)
            .max_by_key(|mark| mark.until)
    }

    /// Returns how many pools, subnets and quotas are not asked now.
    pub fn held(&self, now: Timestamp) -> usize {
        self.marks.values().filter(|mark| mark.holds(now)).count()
    }

    /// Forgets marks that have been over for long; younger ones count as former strikes.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        self.marks.retain(|_, mark| mark.since <= now && now.since(mark.until) < QUOTA.1);
    }

    fn capacity_key(&self, pool: &Pool) -> String {
        let place = pool.subnet.as_deref().unwrap_or_default();
        let place = self.zones.get(place).map_or(place, String::as_str);
        format!("{}|{place}|{}", pool.instance_type.as_deref().unwrap_or_default(), pool.price_type.word())
    }
}

fn subnet_key(pool: &Pool) -> String {
    format!("addresses|{}", pool.subnet.as_deref().unwrap_or_default())
}

/// AWS counts vCPUs by groups of families, on-demand and spot apart; the common families are one group.
fn quota_key(pool: &Pool) -> String {
    let family: String =
        pool.instance_type.iter().flat_map(|name| name.chars()).take_while(char::is_ascii_alphabetic).collect();
    let standard = ["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"];
    let group = if standard.contains(&family.as_str()) { "standard" } else { family.as_str() };
    let market = if pool.price_type.is_spot() { PriceType::Spot } else { PriceType::OnDemand };
    format!("quota|{group}|{}", market.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(kind: &str, subnet: &str) -> Pool {
        Pool { instance_type: Some(kind.to_owned()), subnet: Some(subnet.to_owned()), price_type: PriceType::OnDemand }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_760_000_000 + second)
    }

    #[test]
    fn an_empty_pool_is_left_alone_for_three_minutes_then_longer() {
        let mut marks = PoolMarks::default();
        let empty = pool("m6i.large", "subnet-1");
        marks.failed(&empty, FailureClass::Capacity, Some("InsufficientInstanceCapacity"), 50, at(0));
        assert_eq!(marks.obstacle(&empty, 1, at(179)).unwrap().code, "InsufficientInstanceCapacity");
        assert!(marks.obstacle(&empty, 1, at(180)).is_none());
        assert_eq!((marks.held(at(179)), marks.held(at(180))), (1, 0));
        marks.failed(&empty, FailureClass::Capacity, None, 1, at(200));
        assert!(marks.obstacle(&empty, 1, at(559)).is_some());
        for second in 0..9 {
            marks.failed(&empty, FailureClass::Capacity, None, 1, at(1000 + second));
        }
        assert!(marks.obstacle(&empty, 1, at(1008 + 599)).is_some());
        assert!(marks.obstacle(&empty, 1, at(1008 + 600)).is_none());
    }

    #[test]
    fn a_mark_is_about_type_zone_and_market() {
        let mut marks = PoolMarks::default();
        let empty = pool("m6i.large", "subnet-1");
        for (subnet, zone) in [("subnet-1", "a"), ("subnet-2", "a"), ("subnet-3", "b")] {
            marks.gave(&pool("c6i.large", subnet), Some(zone));
        }
        marks.failed(&empty, FailureClass::Capacity, None, 1, at(0));
        assert!(marks.obstacle(&pool("m6i.large", "subnet-2"), 1, at(1)).is_some(), "the same zone");
        assert!(marks.obstacle(&pool("m6i.large", "subnet-3"), 1, at(1)).is_none(), "another zone");
        assert!(marks.obstacle(&pool("m6i.xlarge", "subnet-1"), 1, at(1)).is_none(), "another type");
        let spot = Pool { price_type: PriceType::Spot, ..empty.clone() };
        assert!(marks.obstacle(&spot, 1, at(1)).is_none(), "another market");
        marks.gave(&empty, None);
        assert!(marks.obstacle(&empty, 1, at(1)).is_none(), "it gives again");
    }

    #[test]
    fn fewer_hosts_than_were_refused_may_pass_a_quota_or_a_small_subnet() {
        let mut marks = PoolMarks::default();
        marks.failed(&pool("m6i.large", "subnet-1"), FailureClass::Quota, Some("VcpuLimitExceeded"), 100, at(0));
        assert!(marks.obstacle(&pool("c5.large", "subnet-9"), 100, at(1)).is_some(), "one quota for common families");
        assert!(marks.obstacle(&pool("c5.large", "subnet-9"), 99, at(1)).is_none());
        assert!(marks.obstacle(&pool("p4d.24xlarge", "subnet-9"), 100, at(1)).is_none());
        marks.failed(&pool("m6i.large", "subnet-1"), FailureClass::SubnetCapacity, None, 20, at(0));
        assert!(marks.obstacle(&pool("r5.large", "subnet-1"), 20, at(1)).is_some());
        assert!(marks.obstacle(&pool("r5.large", "subnet-1"), 5, at(1)).is_none());
        assert!(marks.obstacle(&pool("r5.large", "subnet-2"), 20, at(1)).is_none(), "another subnet has its own");
    }

    #[test]
    fn a_mark_counts_as_a_former_strike_for_a_quarter_of_an_hour_after_its_end() {
        let empty = pool("m6i.large", "subnet-1");
        let strikes_after = |second| {
            let mut marks = PoolMarks::default();
            marks.failed(&empty, FailureClass::Capacity, None, 1, at(0));
            marks.tidy(at(second));
            marks.failed(&empty, FailureClass::Capacity, None, 1, at(second));
            marks.obstacle(&empty, 1, at(second)).unwrap().strikes
        };
        let over = 180 + 15 * 60;
        assert_eq!([180, over - 1, over].map(strikes_after), [2, 2, 1]);
    }

    #[test]
    fn failures_that_are_not_about_the_pool_leave_no_mark() {
        for class in FailureClass::ALL {
            let mut marks = PoolMarks::default();
            marks.failed(&pool("m6i.large", "subnet-1"), class, None, 1, at(0));
            let about = matches!(class, FailureClass::Capacity | FailureClass::SubnetCapacity | FailureClass::Quota);
            assert_eq!(marks != PoolMarks::default(), about, "{class:?}");
        }
    }

    #[test]
    fn a_full_reservation_is_asked_again_and_shares_the_quota_of_on_demand_hosts() {
        let mut marks = PoolMarks::default();
        let reserved = Pool { price_type: PriceType::Reserved, ..pool("m6i.large", "subnet-1") };
        marks.failed(&reserved, FailureClass::Capacity, Some("ReservationCapacityExceeded"), 5, at(0));
        assert_eq!(marks, PoolMarks::default());
        marks.failed(&reserved, FailureClass::Quota, Some("VcpuLimitExceeded"), 5, at(0));
        assert!(marks.obstacle(&pool("m6i.large", "subnet-2"), 5, at(1)).is_some());
    }

    #[test]
    fn a_clock_that_was_set_back_frees_the_pools() {
        let mut marks = PoolMarks::default();
        let empty = pool("m6i.large", "subnet-1");
        marks.failed(&empty, FailureClass::Capacity, None, 1, at(86_400));
        assert!(marks.obstacle(&empty, 1, at(0)).is_none());
        marks.tidy(at(0));
        assert_eq!(marks, PoolMarks::default());
    }
}
