//! Service Quotas: `GetServiceQuota`, for the virtual CPUs of EC2.

use serde_json::json;

use super::Context;
use crate::instances::Market;
use crate::refusal::Refusal;

/// What a quota is where no test has set one: nothing stands in the way of a launch then.
const PLENTY: u32 = 1_000_000;

/// Families of types, with the codes of their quotas on demand and on the spot market.
const CODES: [(&str, &str, &str); 5] = [
    ("standard", "L-1216C47A", "L-34B43A08"),
    ("g", "L-DB2E81BA", "L-3819A6DF"),
    ("p", "L-417A185B", "L-7212CCBC"),
    ("x", "L-7295265B", "L-E3A00192"),
    ("inf", "L-1945791B", "L-B5D1601B"),
];

/// `GetServiceQuota`: one quota by its code, or `NoSuchResourceException`.
pub(super) fn get(context: &mut Context<'_>) -> Result<String, Refusal> {
    let service = context.parameters.required("ServiceCode")?;
    let code = context.parameters.required("QuotaCode")?;
    let found = CODES.iter().find_map(|(family, on_demand, spot)| {
        let markets = [(*on_demand, Market::OnDemand), (*spot, Market::Spot)];
        markets.into_iter().find(|(own, _)| *own == code).map(|(_, market)| (*family, market))
    });
    let Some((family, market)) = found.filter(|_| service == "ec2") else {
        return Err(Refusal::new(
            "NoSuchResourceException",
            "The request failed because the specified quota does not exist.",
        ));
    };
    let value = context.world.quotas.get(&(market, family.to_owned())).copied().unwrap_or(PLENTY);
    let quota = json!({"ServiceCode": "ec2", "QuotaCode": code, "QuotaName": family, "Value": f64::from(value), "Unit": "None",
        "Adjustable": true, "GlobalQuota": false});
    Ok(json!({"Quota": quota}).to_string())
}
