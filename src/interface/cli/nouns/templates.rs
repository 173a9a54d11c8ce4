//! The operator's verbs on templates.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::cataloguing::{self, CreateArgs, DeleteArgs, UpdateArgs};
use super::generating::NeedArgs;
use super::{orders, rehearsal};
use crate::application::commands::{RefreshInstanceTypes, TypesLearnt};
use crate::application::ports::TemplateReview;
use crate::application::queries::{RehearseRequest, ReviewTemplates, ShowTemplate};
use crate::domain::template::Template;
use crate::domain::{MachineCount, TemplateId};
use crate::interface::cli::Composition;
use crate::interface::cli::desk::{App, Desk, Ended, wait};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::output;
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Column, Table, Tone};
use crate::interface::hostfactory::Failure;

/// What there is to do with templates.
#[derive(Debug, Subcommand)]
pub(crate) enum TemplatesVerb {
    /// Lists the templates that hosts can be asked for, in the order of the file, and those that are refused.
    #[command(visible_alias = "ls")]
    List,
    /// Shows a template as it is understood: every field, defaults included.
    #[command(visible_alias = "describe")]
    Show {
        /// The template.
        id: TemplateId,
    },
    /// Reads each template of a file, its boot script included, and tells whether it is accepted, and if not, why.
    #[command(after_help = "\
Examples:
  hostfactory templates validate             the file in force
  hostfactory templates validate new.json    another, before it takes its place

Exit code 1 says that a template is refused, or that it is no template file. No
cloud is asked.")]
    Validate {
        /// The file; the one in force when there is none.
        file: Option<PathBuf>,
    },
    /// Shows what an order of a template would send: the calls, the pools in their order, the expected attributes. Nothing is
    /// sent.
    Explain {
        /// The template.
        id: TemplateId,
        /// How many hosts.
        #[arg(long, short = 'n', value_name = "N", default_value = "1", value_parser = orders::count)]
        count: MachineCount,
        /// Asks AWS whether it would do it, by its own dry run.
        #[arg(long)]
        check: bool,
    },
    /// Writes a template from needs: instance types that fit, of those that this program knows, and attributes to match. No
    /// cloud is asked, and no file is replaced.
    #[command(after_help = "\
Examples:
  hostfactory templates generate --vcpus 8 --memory 32GiB --spot --pools 10
  hostfactory templates generate --vcpus 16 --memory 64GiB --file new.json
  hostfactory templates validate new.json

Types have at least what is asked for and at most twice as much; the closest
come first, of those the newest.")]
    Generate {
        #[command(flatten)]
        need: NeedArgs,
        /// Writes it to this file, which must not be there yet.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Prints the JSON Schema of template files, by which an editor completes and checks them.
    #[command(after_help = "\
Example:
  hostfactory templates schema -o json > CONF/schemas/templates.schema.json

The file names it in \"$schema\", as the one that init writes does.")]
    Schema,
    /// Adds templates to the template file, behind those that are there: from a file, from standard input, or from needs as
    /// generate takes them.
    #[command(after_help = "\
Examples:
  hostfactory templates create new.json --dry-run    the difference, first
  hostfactory templates create new.json
  hostfactory templates create --vcpus 8 --memory 32GiB --subnet subnet-…

The whole file is read as it would be from now on before it is replaced; the
former one stays beside it, as ….former. All templates are added or none.")]
    Create(CreateArgs),
    /// Changes a template in the template file; everything else in the file stays as it is written.
    #[command(after_help = "\
Examples:
  hostfactory templates update Small --set maxNumber=20 --dry-run
  hostfactory templates update Small --set attributes.nram=16384 --unset keyName
  hostfactory templates update Small --set 'subnetId=[\"subnet-…\", \"subnet-…\"]'
  echo '{\"vmTypes\": {\"m6i.large\": 1}, \"vmType\": null}' |
    hostfactory templates update Small --merge -

Requests that were made before go on with what they have. A change with which
the template would be refused is refused, and nothing is written.")]
    Update(UpdateArgs),
    /// Takes a template out of the template file. Its requests and hosts go on.
    Delete(DeleteArgs),
    /// Asks AWS for the instance types of the region and keeps them, for templates that leave attributes to their type.
    Refresh,
}

impl TemplatesVerb {
    /// Returns whether it changes the template file, of which events tell.
    pub(super) const fn changes(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Update(_) | Self::Delete(_))
    }
}

/// Does what `verb` says and returns what to print.
pub(super) async fn run<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    verb: TemplatesVerb,
) -> Result<Report, Ended> {
    match verb {
        TemplatesVerb::List => Ok(listed(&app.queries().ask(ReviewTemplates { file: None }).await?)),
        TemplatesVerb::Show { id } => shown(&app.queries().ask(ShowTemplate { id }).await?),
        TemplatesVerb::Validate { file } => Ok(judged(&app.queries().ask(ReviewTemplates { file }).await?)),
        TemplatesVerb::Explain { id, count, check } => {
            rehearsal::rehearse(app, RehearseRequest { template: id, count, check }).await
        }
        TemplatesVerb::Generate { need, file } => generate(desk, &need, file.as_deref()),
        TemplatesVerb::Schema => Ok(schema(desk)),
        TemplatesVerb::Create(args) => cataloguing::create(desk, app, args).await,
        TemplatesVerb::Update(args) => cataloguing::update(desk, app, args).await,
        TemplatesVerb::Delete(args) => cataloguing::delete(desk, app, args).await,
        TemplatesVerb::Refresh => Ok(refreshed(app.commands().dispatch(RefreshInstanceTypes).await?)),
    }
}

/// Returns the schema of template files; takes no configuration.
pub(super) fn schema<C: Composition>(desk: &Desk<'_, C>) -> Report {
    Report::json(desk.composition.template_schema())
}

fn hosts_of(template: &Template) -> String {
    let launch = template.launch();
    let types: Vec<&str> = launch.instance_types.iter().map(|weighted| weighted.name.as_str()).collect();
    match (types.as_slice(), &launch.launch_template) {
        ([], Some(named)) => format!("as {}", named.id),
        ([], None) => "-".to_owned(),
        ([one], _) => (*one).to_owned(),
        ([first, rest @ ..], _) => format!("{first} and {} more", rest.len()),
    }
}

fn listed(review: &TemplateReview) -> Report {
    let columns = [
        Column::elastic("ID"),
        Column::fixed("MAX"),
        Column::fixed("API"),
        Column::fixed("MARKET"),
        Column::elastic("TYPES"),
        Column::wide("SUBNETS"),
        Column::wide("ATTRIBUTES"),
    ];
    let mut table = Table::new(&columns, "No template can be used.");
    let mut documents = Vec::new();
    for template in &review.accepted {
        let attributes = template.attributes().iter().map(|(name, value)| format!("{name}={}", value.1));
        let attributes: Vec<String> = attributes.collect();
        let maximum = template.max_number().limit().map_or_else(|| "any".to_owned(), |limit| limit.to_string());
        table.push(vec![
            template.id().as_str().into(),
            maximum.into(),
            format!("{:?}", template.api()).into(),
            template.price_type().word().into(),
            hosts_of(template).into(),
            template.launch().subnets.join(" ").into(),
            attributes.join(" ").into(),
        ]);
        documents.push(json!({
            "templateId": template.id(),
            "maxNumber": template.max_number(),
            "api": template.api(),
            "priceType": template.price_type().word(),
            "instanceTypes": template.launch().instance_types.iter().map(|weighted| weighted.name.as_str()).collect::<Vec<_>>(),
            "subnets": template.launch().subnets,
        }));
    }
    let refused: Vec<Value> =
        review.refused.iter().map(|one| json!({"templateId": one.id, "reason": one.reason})).collect();
    let names = review.accepted.iter().map(|template| template.id().to_string()).collect();
    let mut report = Report::list("templates", documents, names, table);
    if let Value::Object(members) = &mut report.document {
        members.insert("refused".to_owned(), Value::Array(refused));
        members.insert("file".to_owned(), json!(review.path.display().to_string()));
    }
    if review.refused.is_empty() {
        return report;
    }
    let lines: Vec<String> = review.refused.iter().map(|one| format!("Refused: {}: {}", one.id, one.reason)).collect();
    report.with(Block::Text(lines.join("\n")))
}

fn shown(template: &Template) -> Result<Report, Ended> {
    let document = serde_json::to_value(template)
        .map_err(|error| Ended::failed(Failure::new(&format!("the template cannot be shown: {error}"))))?;
    // What is not set says nothing.
    Ok(Report::of(without_unset(document)).named(vec![template.id().to_string()]))
}

fn without_unset(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().map(|(name, value)| (name, without_unset(value)));
            Value::Object(kept.filter(|(_, value)| !is_unset(value)).collect())
        }
        other => other,
    }
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

pub(super) fn judged(review: &TemplateReview) -> Report {
    let mut table = Table::new(&[Column::elastic("TEMPLATE"), Column::fixed("VERDICT"), Column::elastic("WHY")], "");
    let mut documents = Vec::new();
    let notes_of = |id: &str| -> Vec<&str> {
        let own = review.notes.iter().filter(|(template, _)| template == id);
        own.flat_map(|(_, notes)| notes.iter().map(String::as_str)).collect()
    };
    let mut push = |id: &str, verdict: &str, tone, reason: Option<&str>| {
        let notes = notes_of(id);
        let why: Vec<&str> = reason.into_iter().chain(notes.iter().copied()).collect();
        table.push(vec![id.into(), Cell::toned(verdict, tone), why.join("; ").into()]);
        documents.push(json!({ "templateId": id, "verdict": verdict, "reason": reason, "notes": notes }));
    };
    for template in &review.accepted {
        push(template.id().as_str(), "accepted", Tone::Good, None);
    }
    for refused in &review.refused {
        push(&refused.id, "refused", Tone::Bad, Some(&refused.reason));
    }
    for id in &review.off {
        push(id, "switched off", Tone::Faint, None);
    }
    let names = review.refused.iter().map(|refused| refused.id.clone()).collect();
    let mut report = Report::list("templates", documents, names, table);
    let good = review.refused.is_empty();
    if let Value::Object(members) = &mut report.document {
        members.insert("file".to_owned(), json!(review.path.display().to_string()));
        members.insert("valid".to_owned(), json!(good));
    }
    let summary = format!(
        "{}: {} accepted, {} refused, {} switched off",
        review.path.display(),
        review.accepted.len(),
        review.refused.len(),
        review.off.len()
    );
    // A reason that is cut is of no use: those of refused templates follow in full.
    let reasons = review.refused.iter().map(|refused| format!("{}: {}", refused.id, refused.reason));
    let lines: Vec<String> = std::iter::once(summary).chain(reasons).collect();
    report.with(Block::Text(lines.join("\n"))).ending(if good { Exit::Done } else { Exit::Failed })
}

/// Writes a template from needs. It takes no installation: without one, the types that the program ships are known.
pub(super) fn generate<C: Composition>(
    desk: &Desk<'_, C>,
    need: &NeedArgs,
    file: Option<&Path>,
) -> Result<Report, Ended> {
    let types = match desk.composition.start(desk.options) {
        Ok(started) => wait(App::of(&started).queries().ask(need.query())).map_err(Ended::failed)??,
        Err(_) => need.query().among(desk.composition.instance_types()),
    };
    let document = json!({ "templates": [need.template(&types)?] });
    for note in need.notes() {
        output::hint(&note);
    }
    let text = format!("{document:#}");
    let Some(file) = file else { return Ok(Report::verbatim(document, text).named(vec![need.id()])) };
    desk.composition.write_new(file, &text)?;
    let shown = file.display().to_string();
    let line = format!("{shown} holds the template {}; hostfactory templates validate {shown} reads it.", need.id());
    Ok(Report::line(json!({ "file": shown, "templates": document["templates"] }), line).named(vec![need.id()]))
}

fn refreshed(learnt: Option<TypesLearnt>) -> Report {
    Report::of(match learnt {
        Some(learnt) => json!({
            "refreshed": true,
            "kept": learnt.kept,
            "new": learnt.new,
            "changed": learnt.changed,
            "leftOut": learnt.left_out,
        }),
        None => json!({
            "refreshed": false,
            "message": "this provider has no instance types to ask for; the table that the program ships is used",
        }),
    })
}
