//! Requests that are brought up to date with the cloud, once or until they are settled.

use serde_json::{Value, json};

use super::{requests, story};
use crate::application::bus::Catalogue;
use crate::application::commands::SyncRequests;
use crate::application::queries::{GetRequestStatus, HostResult, HostView, RequestView};
use crate::domain::RequestId;
use crate::domain::request::RequestStatus;
use crate::interface::cli::desk::{App, Desk, Ended};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Column, Table, Tone};
use crate::interface::cli::watching::{Pace, PaceArgs};
use crate::interface::cli::{Composition, output, when};
use crate::interface::hostfactory::Failure;

use super::words;

/// Tells how requests stand; with `wait`, once all of them are settled.
pub(super) async fn status<M: Catalogue>(
    app: App<'_, M>,
    ids: Vec<RequestId>,
    wait: Option<PaceArgs>,
) -> Result<Report, Ended> {
    let Some(pace) = wait else {
        let (views, doubts) = look(app, &ids).await?;
        let exit = if views.iter().all(Option::is_some) { Exit::Done } else { Exit::Failed };
        return Ok(told(&ids, &views, &doubts).ending(exit));
    };
    let pace = Pace::begin(pace)?;
    loop {
        let (views, doubts) = look(app, &ids).await?;
        let open = views.iter().flatten().filter(|view| !view.status.is_settled()).count();
        if open == 0 {
            output::progress("");
            let statuses: Vec<Option<RequestStatus>> =
                views.iter().map(|view| view.as_ref().map(|view| view.status)).collect();
            return Ok(told(&ids, &views, &doubts).ending(story::exit_over(&statuses)));
        }
        output::progress(&format!("{} … ({})", so_far(&views), when::span(pace.elapsed())));
        if !pace.goes_on().await {
            output::progress("");
            return Ok(told(&ids, &views, &doubts).ending(Exit::Interrupted));
        }
    }
}

/// Shows one request again and again until it is settled.
pub(super) async fn watch<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    id: RequestId,
    pace: PaceArgs,
) -> Result<Report, Ended> {
    let pace = Pace::begin(pace)?;
    let mut last = String::new();
    loop {
        let (views, _) = look(app, std::slice::from_ref(&id)).await?;
        let Some(status) = views.iter().flatten().next().map(|view| view.status) else {
            return Err(requests::unknown(app, &id).await);
        };
        let report = requests::show(app.anew(), id.clone()).await?;
        last = output::refresh(&report, desk.screen, &last)?;
        if status.is_settled() {
            return Ok(report.silent().ending(story::exit_over(&[Some(status)])));
        }
        if !pace.goes_on().await {
            return Ok(report.silent().ending(Exit::Interrupted));
        }
    }
}

/// Brings requests up to date and returns how they stand, and what stood in the way.
async fn look<M: Catalogue>(
    app: App<'_, M>,
    ids: &[RequestId],
) -> Result<(Vec<Option<RequestView>>, Vec<String>), Ended> {
    let round = app.anew();
    let doubts = match round.commands().dispatch(SyncRequests { ids: ids.to_vec() }).await {
        Ok(report) => report.unconfirmed.iter().map(|(id, why)| format!("{id}: {why}")).collect(),
        // What is stored can be told all the same.
        Err(error @ crate::application::ApplicationError::Provider(_)) => {
            vec![Failure::from(error).message().to_owned()]
        }
        Err(error) => return Err(error.into()),
    };
    Ok((app.anew().queries().ask(GetRequestStatus { ids: ids.to_vec() }).await?, doubts))
}

fn so_far(views: &[Option<RequestView>]) -> String {
    let hosts: Vec<&HostView> = views.iter().flatten().flat_map(|view| &view.hosts).collect();
    let done = hosts.iter().filter(|host| host.result == HostResult::Succeed).count();
    let settled = views.iter().flatten().filter(|view| view.status.is_settled()).count();
    let hosts = format!("{done} of {} known hosts are there", hosts.len());
    if views.len() == 1 { hosts } else { format!("{settled} of {} requests are settled, {hosts}", views.len()) }
}

fn told(ids: &[RequestId], views: &[Option<RequestView>], doubts: &[String]) -> Report {
    let columns =
        [Column::fixed("REQUEST / HOST"), Column::fixed("STATUS"), Column::elastic("NAME"), Column::elastic("MESSAGE")];
    let mut table = Table::new(&columns, "");
    let mut documents = Vec::new();
    for (id, view) in ids.iter().zip(views) {
        let Some(view) = view else {
            let why = Cell::from("the store has no such request");
            table.push(vec![id.as_str().into(), Cell::toned("unknown", Tone::Bad), Cell::default(), why]);
            documents
                .push(json!({ "requestId": id, "status": Value::Null, "message": "the store has no such request" }));
            continue;
        };
        table.push(vec![
            id.as_str().into(),
            words::request_status(view.status),
            Cell::default(),
            view.message.as_str().into(),
        ]);
        for host in &view.hosts {
            table.push(vec![
                format!("  {}", host.id).into(),
                words::machine_status(host.status),
                host.name.as_str().into(),
                host.message.as_str().into(),
            ]);
        }
        documents.push(json!({
            "requestId": id,
            "status": view.status.word(),
            "message": view.message,
            "machines": view.hosts.iter().map(host).collect::<Vec<_>>(),
        }));
    }
    let names = ids.iter().map(ToString::to_string).collect();
    let mut report = Report::list("requests", documents, names, table);
    if let (Value::Object(members), false) = (&mut report.document, doubts.is_empty()) {
        members.insert("doubts".to_owned(), json!(doubts));
    }
    if doubts.is_empty() { report } else { report.with(Block::Text(format!("Not confirmed: {}", doubts.join("; ")))) }
}

fn host(host: &HostView) -> Value {
    let result = match host.result {
        HostResult::Executing => "executing",
        HostResult::Succeed => "succeed",
        HostResult::Fail => "fail",
    };
    json!({
        "machineId": host.id,
        "name": host.name,
        "result": result,
        "status": host.status.word(),
        "privateIp": host.private_ip,
        "publicIp": host.public_ip,
        "instanceType": host.instance_type,
        "message": host.message,
    })
}
