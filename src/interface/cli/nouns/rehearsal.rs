//! What an order would send: `machines request --dry-run` and `templates explain`.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::costs;
use crate::application::bus::Catalogue;
use crate::application::queries::{LeftOut, RehearseRequest, RehearsedRequest};
use crate::domain::request::Pool;
use crate::interface::chain::Chain;
use crate::interface::cli::desk::{App, Ended};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Column, Table, Tone};
use crate::interface::cli::when;

/// Goes through an order without sending it. The process fails when the cloud was asked and would refuse.
pub(super) async fn rehearse<M: Catalogue>(app: App<'_, M>, query: RehearseRequest) -> Result<Report, Ended> {
    let rehearsed = app.queries().ask(query).await?;
    let refused = matches!(rehearsed.verdict, Some(Err(_))) || rehearsed.refusal.is_some();
    Ok(shown(&rehearsed).ending(if refused { Exit::Failed } else { Exit::Done }))
}

fn shown(rehearsed: &RehearsedRequest) -> Report {
    let columns = [
        Column::fixed("ORDER"),
        Column::fixed("TYPE"),
        Column::elastic("SUBNET"),
        Column::fixed("MARKET"),
        Column::elastic("WHY NOT"),
    ];
    // The last column is for pools that are passed over.
    let columns = if rehearsed.left_out.is_empty() { &columns[..4] } else { &columns[..] };
    let mut pools = Table::new(columns, "No pool is left to ask.");
    let row = |order: Cell, pool: &Pool| {
        vec![order, pool.instance_type.as_deref().into(), pool.subnet.as_deref().into(), pool.price_type.word().into()]
    };
    for (at, tier) in rehearsed.pools.iter().enumerate() {
        for pool in tier {
            pools.push(row((at + 1).to_string().as_str().into(), pool));
        }
    }
    for LeftOut { pool, mark, left } in &rehearsed.left_out {
        let mut cells = row(Cell::toned("not now", Tone::Busy), pool);
        let fewer = if mark.count > 1 { format!(", for {} hosts or more", mark.count) } else { String::new() };
        cells.push(format!("{}{fewer}; again in {}", mark.code, when::span(*left)).into());
        pools.push(cells);
    }
    let attributes = rehearsed.template.attributes().iter();
    let attributes: Vec<String> = attributes.map(|(name, attribute)| format!("{name} {}", attribute.1)).collect();
    let attributes = attributes.join(", ");
    let mut pairs = vec![
        ("Template", rehearsed.template.id().as_str().into()),
        ("Hosts", rehearsed.count.to_string().as_str().into()),
        ("Each with", attributes.as_str().into()),
    ];
    pairs.extend(costs::pairs(rehearsed));
    pairs.push(("AWS says", verdict(rehearsed)));
    if let Some(error) = &rehearsed.refusal {
        pairs.push(("Refused now", Cell::toned(&Chain(error).to_string(), Tone::Bad)));
    }
    Report::of(document(rehearsed))
        .named(vec![rehearsed.template.id().to_string()])
        .with(Block::Pairs(pairs))
        .with(Block::Table(pools))
        .with(Block::Text(calls(rehearsed)))
}

fn verdict(rehearsed: &RehearsedRequest) -> Cell {
    match &rehearsed.verdict {
        None => Cell::toned("(was not asked)", Tone::Faint),
        Some(Ok(())) => Cell::toned("it would do it", Tone::Good),
        Some(Err(error)) => Cell::toned(&Chain(error).to_string(), Tone::Bad),
    }
}

fn calls(rehearsed: &RehearsedRequest) -> String {
    let mut text = String::from("Nothing was sent. What would be:");
    if rehearsed.calls.is_empty() {
        return "Nothing would be sent: this provider has no cloud.".to_owned();
    }
    for call in &rehearsed.calls {
        let _ = write!(text, "\n\n{}", call.operation);
        for (name, value) in &call.parameters {
            let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let _ = write!(text, "\n  {name} = {value}");
        }
    }
    text
}

fn document(rehearsed: &RehearsedRequest) -> Value {
    let pool = |pool: &Pool| json!({ "instanceType": pool.instance_type, "subnetId": pool.subnet, "priceType": pool.price_type.word() });
    let left_out = |out: &LeftOut| {
        let mut document = pool(&out.pool);
        document["code"] = json!(out.mark.code);
        document["until"] = json!(when::rfc3339(out.mark.until));
        document["secondsLeft"] = json!(out.left.as_secs());
        document["fromHosts"] = json!(out.mark.count);
        document
    };
    let calls: Vec<Value> = rehearsed
        .calls
        .iter()
        .map(|call| {
            let pairs = call.parameters.iter().map(|(name, value)| (name.clone(), json!(value)));
            json!({ "operation": call.operation, "parameters": pairs.collect::<Map<_, _>>() })
        })
        .collect();
    let attributes = rehearsed.template.attributes().iter();
    json!({
        "dryRun": true,
        "templateId": rehearsed.template.id(),
        "count": rehearsed.count.get(),
        "attributes": attributes.map(|(name, value)| (name.to_owned(), json!(value.1))).collect::<Map<_, _>>(),
        "pools": rehearsed.pools.iter().map(|tier| tier.iter().map(pool).collect()).collect::<Vec<Vec<Value>>>(),
        "leftOut": rehearsed.left_out.iter().map(left_out).collect::<Vec<_>>(),
        "refusedNow": rehearsed.refusal.as_ref().map(|error| Chain(error).to_string()),
        "cost": costs::document(rehearsed),
        "calls": calls,
        "check": rehearsed.verdict.as_ref().map(|verdict| match verdict {
            Ok(()) => json!({ "wouldSucceed": true }),
            Err(error) => json!({ "wouldSucceed": false, "message": Chain(error).to_string() }),
        }),
    })
}
