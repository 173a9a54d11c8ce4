//! What an order would cost, in figures and in words.

use serde_json::{Value, json};

use crate::application::ports::Usd;
use crate::application::queries::{CostRange, HOURS_OF_A_MONTH, RehearsedRequest};
use crate::domain::template::ProviderKind;
use crate::interface::cli::table::{Cell, Tone};

/// Returns what people see of it.
pub(super) fn pairs(rehearsed: &RehearsedRequest) -> Vec<(&'static str, Cell)> {
    if rehearsed.template.api().kind() == ProviderKind::Simulated {
        return vec![("Cost", Cell::toned("nothing: hosts on paper", Tone::Faint))];
    }
    let cost = &rehearsed.cost;
    let (Some(host), Some(order)) = (cost.host_hour, cost.order_hour) else {
        let text = format!("unknown: there is no price of {}", cost.unknown.join(", "));
        return vec![("Cost", Cell::toned(&text, Tone::Faint)), ("Prices", basis(rehearsed).into())];
    };
    let month = order.times(HOURS_OF_A_MONTH);
    let mut pairs = vec![
        ("Cost", format!("{} USD an hour for each host", shown(host)).into()),
        ("Order", format!("{} USD an hour, {} a month ({HOURS_OF_A_MONTH} h)", shown(order), shown(month)).into()),
    ];
    if !cost.unknown.is_empty() {
        let text = format!("{}: the price is unknown", cost.unknown.join(", "));
        pairs.push(("Not in it", Cell::toned(&text, Tone::Busy)));
    }
    pairs.push(("Prices", basis(rehearsed).into()));
    pairs
}

fn shown(range: CostRange) -> String {
    match range.least {
        None => format!("at most {}", range.most),
        Some(least) if least == range.most => least.to_string(),
        Some(least) => format!("{least} to {}", range.most),
    }
}

/// Returns where the prices come from, and what is not in them.
fn basis(rehearsed: &RehearsedRequest) -> String {
    let table = &rehearsed.cost.table;
    let region = if table.region.is_empty() { "no region is set" } else { &table.region };
    let mut text = format!("list prices of {}, Linux, {region}; no volumes, traffic, taxes or discounts", table.day);
    if let Some(own) = &table.own {
        text = format!("{}, then {text}", own.display());
    }
    for fault in &table.faults {
        text.push_str("; ");
        text.push_str(fault);
    }
    text
}

/// Returns what programs read of it.
pub(super) fn document(rehearsed: &RehearsedRequest) -> Value {
    let cost = &rehearsed.cost;
    if rehearsed.template.api().kind() == ProviderKind::Simulated {
        return Value::Null;
    }
    let range = |range: Option<CostRange>| {
        range.map(|range| json!({ "min": range.least.map(Usd::as_number), "max": range.most.as_number() }))
    };
    json!({
        "currency": "USD",
        "perHostHour": range(cost.host_hour),
        "perOrderHour": range(cost.order_hour),
        "perOrderMonth": range(cost.order_hour.map(|hour| hour.times(HOURS_OF_A_MONTH))),
        "hoursPerMonth": HOURS_OF_A_MONTH,
        "unknown": cost.unknown,
        "region": cost.table.region,
        "listPricesOf": cost.table.day,
        "ownPrices": cost.table.own.as_ref().map(|path| path.display().to_string()),
        "faults": cost.table.faults,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ports::PriceTable;
    use crate::application::queries::Cost;
    use crate::application::testing::template;
    use crate::domain::MachineCount;

    fn rehearsed(host_hour: Option<CostRange>, unknown: &[&str]) -> RehearsedRequest {
        let table = PriceTable { region: "eu-west-1".to_owned(), day: "2026-01-02", ..PriceTable::default() };
        RehearsedRequest {
            template: template("small", 9, None),
            count: MachineCount::nearest(10),
            pools: Vec::new(),
            left_out: Vec::new(),
            refusal: None,
            cost: Cost {
                host_hour,
                order_hour: host_hour.map(|hour| hour.times(10)),
                unknown: unknown.iter().map(|text| (*text).to_owned()).collect(),
                table,
            },
            calls: Vec::new(),
            verdict: None,
        }
    }

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    fn told(rehearsed: &RehearsedRequest) -> String {
        let lines: Vec<String> =
            pairs(rehearsed).iter().map(|(name, cell)| format!("{name}: {}", cell.text())).collect();
        lines.join("\n") + "\n"
    }

    #[test]
    fn a_cost_is_told_for_a_host_for_the_order_and_for_a_month_with_the_day_of_the_prices() {
        let range = CostRange { least: Some(usd("0.096")), most: usd("0.1008") };
        let rehearsed = rehearsed(Some(range), &["p5.48xlarge (ondemand)"]);
        let text = told(&rehearsed);
        assert!(text.starts_with("Cost: 0.096 to 0.1008 USD an hour for each host\n"), "{text}");
        assert!(text.contains("Order: 0.96 to 1.008 USD an hour, 700.80 to 735.84 a month (730 h)\n"), "{text}");
        assert!(text.contains("p5.48xlarge (ondemand): the price is unknown"), "{text}");
        assert!(text.contains("list prices of 2026-01-02, Linux, eu-west-1; no volumes"), "{text}");
        let document = document(&rehearsed);
        assert_eq!(document["perHostHour"], json!({"min": 0.096, "max": 0.1008}));
        assert_eq!(document["perOrderMonth"], json!({"min": 700.8, "max": 735.84}));
        assert_eq!((&document["listPricesOf"], &document["region"]), (&json!("2026-01-02"), &json!("eu-west-1")));
    }

    #[test]
    fn what_is_not_known_is_called_unknown_and_a_limit_a_limit() {
        let nothing = rehearsed(None, &["types that AWS chooses (spot)"]);
        assert!(told(&nothing).starts_with("Cost: unknown: there is no price of types that AWS chooses (spot)\n"));
        assert_eq!(document(&nothing)["perHostHour"], Value::Null);
        let spot = rehearsed(Some(CostRange { least: None, most: usd("0.096") }), &[]);
        assert!(told(&spot).starts_with("Cost: at most 0.096 USD an hour for each host\n"), "{}", told(&spot));
        assert_eq!(document(&spot)["perHostHour"], json!({"min": null, "max": 0.096}));
    }
}
