//! What an order would send: `machines request --dry-run` and `templates explain`.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::application::bus::Catalogue;
use crate::application::queries::{RehearseRequest, RehearsedRequest};
use crate::domain::request::Pool;
use crate::interface::chain::Chain;
use crate::interface::cli::desk::{App, Ended};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Column, Table, Tone};

/// Goes through an order without sending it. The process fails when the cloud was asked and would refuse.
pub(super) async fn rehearse<M: Catalogue>(app: App<'_, M>, query: RehearseRequest) -> Result<Report, Ended> {
    let rehearsed = app.queries().ask(query).await?;
    let refused = matches!(rehearsed.verdict, Some(Err(_)));
    Ok(shown(&rehearsed).ending(if refused { Exit::Failed } else { Exit::Done }))
}

fn shown(rehearsed: &RehearsedRequest) -> Report {
    let mut pools = Table::new(
        &[Column::fixed("ORDER"), Column::fixed("TYPE"), Column::elastic("SUBNET"), Column::fixed("MARKET")],
        "No pool is left to ask.",
    );
    let row = |order: Cell, pool: &Pool| {
        vec![order, pool.instance_type.as_deref().into(), pool.subnet.as_deref().into(), pool.price_type.word().into()]
    };
    for (at, tier) in rehearsed.pools.iter().enumerate() {
        for pool in tier {
            pools.push(row((at + 1).to_string().as_str().into(), pool));
        }
    }
    for pool in &rehearsed.left_out {
        pools.push(row(Cell::toned("not now", Tone::Busy), pool));
    }
    let attributes = rehearsed.template.attributes().iter();
    let attributes: Vec<String> = attributes.map(|(name, attribute)| format!("{name} {}", attribute.1)).collect();
    let attributes = attributes.join(", ");
    Report::of(document(rehearsed))
        .named(vec![rehearsed.template.id().to_string()])
        .with(Block::Pairs(vec![
            ("Template", rehearsed.template.id().as_str().into()),
            ("Hosts", rehearsed.count.to_string().as_str().into()),
            ("Each with", attributes.as_str().into()),
            ("AWS says", verdict(rehearsed)),
        ]))
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
        "leftOut": rehearsed.left_out.iter().map(pool).collect::<Vec<_>>(),
        "calls": calls,
        "check": rehearsed.verdict.as_ref().map(|verdict| match verdict {
            Ok(()) => json!({ "wouldSucceed": true }),
            Err(error) => json!({ "wouldSucceed": false, "message": Chain(error).to_string() }),
        }),
    })
}
