//! What an order of hosts would cost, as far as prices are known.

use crate::application::ports::{PriceTable, Prices, Usd};
use crate::domain::MachineCount;
use crate::domain::request::Pool;
use crate::domain::template::{LaunchSettings, PriceType};

/// The hours of a month, as AWS reckons them in its own price calculator.
pub const HOURS_OF_A_MONTH: u64 = 730;

/// From the least to the most that something costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostRange {
    /// The least; `None` where only a limit is known, as for spot hosts, which cost no more than those on demand.
    pub least: Option<Usd>,
    /// The most.
    pub most: Usd,
}

impl CostRange {
    /// Returns so many times as much.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { least: self.least.map(|least| least.times(times)), most: self.most.times(times) }
    }

    fn or(self, other: Self) -> Self {
        let least = self.least.zip(other.least).map(|(one, other)| one.min(other));
        Self { least, most: self.most.max(other.most) }
    }
}

/// What an order would cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    /// An hour of one host; `None` when no price is known.
    pub host_hour: Option<CostRange>,
    /// An hour of all hosts of the order, whichever of the pools they come from.
    pub order_hour: Option<CostRange>,
    /// What there is no price for, and which is left out of the figures.
    pub unknown: Vec<String>,
    /// Where the prices come from.
    pub table: PriceTable,
}

/// Returns what `count` hosts, or units of capacity where types are weighted, would cost from any of these pools.
pub(super) fn cost(prices: &dyn Prices, launch: &LaunchSettings, pools: &[Pool], count: MachineCount) -> Cost {
    let mut cost = Cost { table: prices.table(), ..Cost::default() };
    let widened = |range: Option<CostRange>, other: CostRange| Some(range.map_or(other, |range| range.or(other)));
    for pool in pools {
        let known = pool.instance_type.as_deref().and_then(|name| {
            let weights = launch.instance_types.iter().chain(&launch.fleet.on_demand_types);
            let weight = weights.filter(|one| one.name == name).map(|one| one.weight.max(1)).next().unwrap_or(1);
            Some((of_an_hour(prices, launch, name, pool.price_type)?, count.get().div_ceil(weight)))
        });
        if let Some((hour, hosts)) = known {
            cost.host_hour = widened(cost.host_hour, hour);
            cost.order_hour = widened(cost.order_hour, hour.times(u64::from(hosts)));
            continue;
        }
        let name = pool.instance_type.as_deref().unwrap_or("types that AWS chooses");
        let what = format!("{name} ({})", pool.price_type.word());
        if !cost.unknown.contains(&what) {
            cost.unknown.push(what);
        }
    }
    cost
}

fn of_an_hour(prices: &dyn Prices, launch: &LaunchSettings, name: &str, market: PriceType) -> Option<CostRange> {
    let exactly = |price| CostRange { least: Some(price), most: price };
    match market {
        // A reservation costs what it costs, and as much as on demand for a host that runs in it.
        PriceType::OnDemand | PriceType::Reserved => prices.on_demand(name).map(exactly),
        PriceType::Spot => {
            // AWS takes no more than the price on demand for a spot host, nor than the operator's limit.
            let limit = launch.max_spot_price.as_deref().and_then(|limit| limit.parse::<Usd>().ok());
            let most = prices.on_demand(name).into_iter().chain(limit).min();
            match (prices.spot(name), most) {
                (Some(price), _) => Some(exactly(price)),
                (None, Some(most)) => Some(CostRange { least: None, most }),
                (None, None) => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::template::WeightedType;
    use crate::infrastructure::files;
    use crate::infrastructure::prices::KnownPrices;

    fn pool(name: Option<&str>, price_type: PriceType) -> Pool {
        Pool { instance_type: name.map(str::to_owned), subnet: Some("subnet-1".to_owned()), price_type }
    }

    fn range(least: Option<&str>, most: &str) -> CostRange {
        let usd = |text: &str| text.parse().unwrap();
        CostRange { least: least.map(usd), most: usd(most) }
    }

    fn costs(own: &str, launch: &LaunchSettings, pools: &[Pool], count: u32) -> Cost {
        let folder = tempfile::tempdir().unwrap();
        files::replace_shared(&folder.path().join("prices.tsv"), own.as_bytes(), None).unwrap();
        let prices = KnownPrices::new(folder.path(), "us-east-1");
        cost(&prices, launch, pools, count.try_into().unwrap())
    }

    #[test]
    fn hosts_on_demand_cost_the_list_price_and_several_types_a_range() {
        let pools = [pool(Some("m6i.large"), PriceType::OnDemand), pool(Some("m7i.large"), PriceType::OnDemand)];
        let told = costs("", &LaunchSettings::default(), &pools, 10);
        assert_eq!(told.host_hour, Some(range(Some("0.096"), "0.1008")));
        assert_eq!(told.order_hour, Some(range(Some("0.96"), "1.008")));
        assert_eq!(told.order_hour.unwrap().times(HOURS_OF_A_MONTH), range(Some("700.8"), "735.84"));
        assert!(told.unknown.is_empty());
    }

    #[test]
    fn a_spot_host_costs_its_price_where_it_is_known_and_a_limit_elsewhere() {
        let pools = [pool(Some("m6i.large"), PriceType::Spot)];
        let launch = LaunchSettings::default();
        assert_eq!(costs("", &launch, &pools, 2).order_hour, Some(range(None, "0.192")));
        assert_eq!(costs("m6i.large 0.08 0.03", &launch, &pools, 2).order_hour, Some(range(Some("0.06"), "0.06")));
        let limited = LaunchSettings { max_spot_price: Some("0.05".to_owned()), ..launch };
        assert_eq!(costs("", &limited, &pools, 2).host_hour, Some(range(None, "0.05")));
        let mixed = [pools[0].clone(), pool(Some("m6i.large"), PriceType::OnDemand)];
        assert_eq!(costs("", &limited, &mixed, 1).host_hour, Some(range(None, "0.096")));
    }

    #[test]
    fn weighted_types_need_fewer_hosts_and_what_is_not_known_is_said() {
        let weighted = |name: &str, weight| WeightedType { name: name.to_owned(), weight };
        let launch = LaunchSettings {
            instance_types: vec![weighted("m6i.large", 1), weighted("m6i.4xlarge", 8)],
            ..LaunchSettings::default()
        };
        let pools = [
            pool(Some("m6i.large"), PriceType::OnDemand),
            pool(Some("m6i.4xlarge"), PriceType::OnDemand),
            pool(Some("p5.48xlarge"), PriceType::OnDemand),
            pool(Some("p5.48xlarge"), PriceType::OnDemand),
            pool(None, PriceType::Spot),
        ];
        let told = costs("", &launch, &pools, 12);
        // 12 of 0.096, or 2 of 0.768.
        assert_eq!(told.order_hour, Some(range(Some("1.152"), "1.536")));
        assert_eq!(told.unknown, ["p5.48xlarge (ondemand)", "types that AWS chooses (spot)"]);
        let none = costs("", &launch, &pools[2..], 1);
        assert_eq!((none.host_hour, none.order_hour), (None, None));
    }
}
