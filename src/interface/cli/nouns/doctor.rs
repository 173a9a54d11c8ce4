//! `doctor`: looks at everything that must be right before a host can come, and says how to mend what is not.

use std::path::PathBuf;

use clap::Args;

use super::{bundle, findings, provider, receivers};
use crate::application::bus::Catalogue;
use crate::application::ports::{Depth, Finding, Outcome, StoreReport, TemplateReview};
use crate::application::queries::{
    CheckProviders, CheckSinks, CheckStore, ExamineTemplates, ListResources, RehearseRequest, ReviewTemplates,
};
use crate::domain::template::ProviderKind;
use crate::domain::{FailureClass, MachineCount, TemplateId};
use crate::interface::chain::Chain;
use crate::interface::cli::Composition;
use crate::interface::cli::desk::{App, Desk, Ended, wait};
use crate::interface::cli::report::Report;

/// How far to look, and what to make of it.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorArgs {
    /// Asks no cloud.
    #[arg(long)]
    offline: bool,
    /// Short for --output json.
    #[arg(long)]
    pub(crate) json: bool,
    /// Puts what was found, configuration, log, events, metrics and more into a new file (.tar.gz), secrets masked. The
    /// process fails only when that does.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

const OFFLINE: &str = "the cloud was not asked (--offline)";

/// Looks at everything, the rest too when something is wrong. The process fails when anything did.
pub(super) fn run<C: Composition>(desk: &Desk<'_, C>, args: &DoctorArgs) -> Result<Report, Ended> {
    let here = desk.composition.examine(desk.options);
    let mut sections = vec![("THIS HOST", here.len())];
    let mut all = here;
    let mut told = Vec::new();
    match desk.start() {
        Ok(started) => {
            let app = App::of(&started);
            for (title, findings) in wait(beyond(app, args)).map_err(Ended::failed)? {
                sections.push((title, findings.len()));
                all.extend(findings);
            }
            if args.bundle.is_some() {
                told = wait(bundle::told(app)).map_err(Ended::failed)?;
            }
        }
        Err(ended) => {
            if all.iter().all(|finding| finding.outcome != Outcome::Failed) {
                let mend = "correct what is named, or build the program with what it lacks";
                all.push(Finding::failed("program", ended.failure.message(), mend));
            }
            let why = "not looked at: the configuration cannot be used";
            all.extend(["templates", "store", "cloud"].map(|name| Finding::skipped(name, why)));
            sections = vec![("", all.len())];
            told = bundle::untold(ended.failure.message());
        }
    }
    let report = findings::report(&all, "checks", &sections);
    match &args.bundle {
        Some(path) => bundle::pack(desk, path, &report, told),
        None => Ok(report),
    }
}

/// Looks at what takes the composed application.
async fn beyond<M: Catalogue>(app: App<'_, M>, args: &DoctorArgs) -> Vec<(&'static str, Vec<Finding>)> {
    let (templates, ids) = match app.queries().ask(ReviewTemplates { file: None }).await {
        Ok(review) => reviewed(&review),
        Err(error) => {
            let mend = "write a template file: hostfactory init, hostfactory templates generate, docs/templates.md";
            (vec![Finding::failed("templates", Chain(&error).to_string(), mend)], Vec::new())
        }
    };
    let store = match app.queries().ask(CheckStore { depth: Depth::Everything }).await {
        Ok(report) => kept(&report),
        Err(error) => {
            let mend = "see who else works with the store, and run doctor again; docs/storage.md";
            vec![Finding::failed("store", Chain(&error).to_string(), mend)]
        }
    };
    let told = match app.queries().ask(CheckSinks).await {
        Ok(sinks) => receivers::findings(&sinks),
        Err(error) => vec![Finding::skipped("receivers of events", Chain(&error).to_string())],
    };
    let cloud = cloud(app, args, &ids).await;
    vec![("TEMPLATES", templates), ("STORE", store), ("EVENTS", told), ("CLOUD", cloud)]
}

fn reviewed(review: &TemplateReview) -> (Vec<Finding>, Vec<TemplateId>) {
    let mut findings = Vec::new();
    let file = review.path.display();
    let advice = "docs/templates.md lists every field; hostfactory templates validate shows the whole file";
    if review.accepted.is_empty() {
        findings.push(Finding::failed("templates", format!("{file} has none that can be used"), advice));
    } else {
        let text = format!("{file}: {} accepted, {} switched off", review.accepted.len(), review.off.len());
        findings.push(Finding::good("templates", text));
    }
    for refused in &review.refused {
        findings.push(Finding::failed(format!("template {}", refused.id), &refused.reason, advice));
    }
    for (id, notes) in &review.notes {
        findings.extend(notes.iter().map(|note| Finding::warning(format!("template {id}"), note, advice)));
    }
    (findings, review.accepted.iter().map(|template| template.id().clone()).collect())
}

fn kept(report: &StoreReport) -> Vec<Finding> {
    let place = format!("{} at {}: {}", report.strategy, report.path.display(), report.condition.word());
    let mut findings = Vec::new();
    if report.condition.is_good() {
        findings.push(Finding::good("store", place));
    } else {
        let found = std::iter::once(place).chain(report.findings.iter().cloned()).collect::<Vec<_>>().join("; ");
        let mend = "hostfactory storage recover tells what can be put in its place; docs/storage.md";
        findings.push(Finding::failed("store", found, mend));
    }
    let mend = "docs/storage.md says what to do about it";
    findings.extend(report.remarks.iter().map(|remark| Finding::warning("store", remark, mend)));
    findings
}

/// Looks at the cloud, as far as there is one that answers.
async fn cloud<M: Catalogue>(app: App<'_, M>, args: &DoctorArgs, ids: &[TemplateId]) -> Vec<Finding> {
    let rest = ["what templates name", "rights to launch", "left-over resources"];
    let skipped = |why: &str| rest.map(|name| Finding::skipped(name, why));
    if args.offline {
        let before = ["credentials", "clock", "endpoint"].map(|name| Finding::skipped(name, OFFLINE));
        return before.into_iter().chain(skipped(OFFLINE)).collect();
    }
    let standings = match app.anew().queries().ask(CheckProviders { ask: true }).await {
        Ok(standings) => standings,
        Err(error) => {
            let mend = "see that this host reaches the cloud, and run doctor again";
            return vec![Finding::failed("cloud", Chain(&error).to_string(), mend)];
        }
    };
    let mut findings = provider::health(&standings);
    if standings.iter().any(|standing| standing.in_use && standing.kind == ProviderKind::Simulated) {
        findings.extend(skipped("the simulated provider has no cloud"));
        return findings;
    }
    if findings.iter().any(|finding| finding.outcome == Outcome::Failed && finding.name != "clock") {
        findings.extend(skipped("not looked at: AWS gave no good answer"));
        return findings;
    }
    match app.anew().queries().ask(ExamineTemplates).await {
        Ok(Some(found)) => findings.extend(found),
        Ok(None) => findings.push(Finding::skipped("what templates name", "this provider has no cloud")),
        Err(error) => {
            let mend = "see what AWS refused, and run doctor again";
            findings.push(Finding::failed("what templates name", Chain(&error).to_string(), mend));
        }
    }
    for id in ids {
        findings.push(rehearsed(app.anew(), id).await);
    }
    findings.extend(left_over(app.anew()).await);
    findings
}

/// Has AWS say whether it would launch one host of a template (`DryRun`), which it answers without doing it.
async fn rehearsed<M: Catalogue>(app: App<'_, M>, id: &TemplateId) -> Finding {
    let name = format!("template {id}: rights to launch");
    let query = RehearseRequest { template: id.clone(), count: MachineCount::ONE, check: true };
    let rehearsed = match app.queries().ask(query).await {
        Ok(rehearsed) => rehearsed,
        Err(error) => {
            let mend = format!("hostfactory templates explain {id} shows what would be sent");
            return Finding::failed(name, Chain(&error).to_string(), mend);
        }
    };
    let call = rehearsed.calls.first().map(|call| call.operation.as_str()).unwrap_or_default();
    match rehearsed.verdict {
        Some(Ok(())) => Finding::good(name, format!("AWS would carry out {call}")),
        None => Finding::skipped(name, format!("AWS has no dry run of {call}")),
        Some(Err(error)) => {
            let mend = match error.class {
                FailureClass::AuthDenied | FailureClass::AuthExpired => format!(
                    "allow the action that is named in the IAM policy of the credentials (README, IAM policy); \
                     hostfactory templates explain {id} shows what would be sent"
                ),
                _ => format!("correct the template; hostfactory templates explain {id} shows what would be sent"),
            };
            Finding::failed(name, Chain(&error).to_string(), mend)
        }
    }
}

async fn left_over<M: Catalogue>(app: App<'_, M>) -> Vec<Finding> {
    let name = "left-over resources";
    let list = match app.queries().ask(ListResources { all: false }).await {
        Ok(list) => list,
        Err(error) => {
            let mend = "see why the cloud or the store does not tell, and run doctor again";
            return vec![Finding::failed(name, Chain(&error).to_string(), mend)];
        }
    };
    let left: Vec<&str> =
        list.entries.iter().filter(|entry| entry.is_left_over()).map(|entry| entry.resource.name.as_str()).collect();
    let mut findings = if left.is_empty() {
        vec![Finding::good(name, format!("none; {} are in use or shared", list.entries.len()))]
    } else {
        let found = format!("{}: {}", left.len(), left.join(", "));
        let mend = "hostfactory resources list shows them; hostfactory reconcile removes them";
        vec![Finding::warning(name, found, mend)]
    };
    // Whoever uses no fleets needs no right to list them.
    findings.extend(list.unread.iter().map(|error| Finding::skipped(name, Chain(error).to_string())));
    findings
}
