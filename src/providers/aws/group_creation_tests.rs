use super::*;
use crate::domain::Timestamp;
use crate::domain::request::AttemptState;
use crate::domain::template::PriceType;

#[test]
fn hosts_of_a_reservation_are_on_demand_to_a_group() {
    let attempt = |price_type| Attempt {
        number: 1,
        pools: vec![Pool { instance_type: Some("m6i.large".to_owned()), subnet: None, price_type }],
        count: 1,
        token: "ab".repeat(32).parse().unwrap(),
        recorded_at: Timestamp::default(),
        state: AttemptState::Open,
    };
    for (market, percent) in [(PriceType::OnDemand, 100), (PriceType::Reserved, 100), (PriceType::Spot, 0)] {
        let distribution = distribution(&attempt(market), &FrozenParameters::default());
        assert_eq!(distribution.on_demand_percentage_above_base_capacity(), Some(percent), "{market:?}");
    }
}
