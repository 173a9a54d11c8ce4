//! The operator's verbs that change templates: create, update, delete.

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::generating::NeedArgs;
use crate::application::commands::{
    CreateTemplates, DeleteTemplate, TemplateDeleted, TemplatesWritten, UpdateTemplate,
};
use crate::application::ports::TemplateChange;
use crate::domain::TemplateId;
use crate::interface::cli::desk::{App, Desk, Ended};
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Tone};
use crate::interface::cli::{Composition, args, output};
use crate::interface::hostfactory::Failure;

/// The templates to add.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// A file with one template, a list of them, or a whole template file; - is standard input.
    #[arg(value_name = "FILE", conflicts_with = "NeedArgs")]
    file: Option<PathBuf>,
    /// Shows the difference that it makes to the template file, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    need: Option<NeedArgs>,
}

/// What is to be different about a template.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The template.
    id: TemplateId,
    /// Sets a field, or a member of one: attributes.nram=16384. The value may be JSON. May be given more than once; a key
    /// of the configuration overrides that setting, as everywhere.
    // The id is that of the option for settings, which has the same name in all other commands.
    #[arg(id = "settings", long = "set", value_name = "FIELD=VALUE", value_parser = args::setting)]
    fields: Vec<(String, String)>,
    /// Takes a field away; may be given more than once.
    #[arg(long, value_name = "FIELD")]
    unset: Vec<String>,
    /// Merges a JSON document into the template (RFC 7396): its members replace those of the template, null takes one away;
    /// - is standard input.
    #[arg(long, value_name = "FILE")]
    merge: Option<PathBuf>,
    /// Shows the difference that it makes to the template file, and writes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Which template to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The template.
    id: TemplateId,
    /// Does it without asking.
    #[arg(long, short)]
    yes: bool,
    /// Shows the difference that it makes to the template file, and writes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// The most that is read of a file or of standard input.
const LARGEST: u64 = 8 << 20;

fn read(file: &Path) -> Result<SecretString, Ended> {
    let is_stdin = file == Path::new("-");
    let shown = if is_stdin { "standard input".to_owned() } else { file.display().to_string() };
    let failed = |error: io::Error| Ended::failed(Failure::new(&format!("{shown} cannot be read: {error}")));
    let mut text = String::new();
    if is_stdin {
        io::stdin().lock().take(LARGEST).read_to_string(&mut text).map_err(failed)?;
    } else {
        // Opening a pipe that nobody writes to would wait for ever, which is what was asked for.
        std::fs::File::open(file).and_then(|file| file.take(LARGEST).read_to_string(&mut text)).map_err(failed)?;
    }
    Ok(text.into())
}

/// Adds templates to the template file.
pub(super) async fn create<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    args: CreateArgs,
) -> Result<Report, Ended> {
    let document = match (&args.file, &args.need) {
        (Some(file), _) => read(file)?,
        (None, Some(need)) => needed(desk, app, need).await?,
        (None, None) if io::stdin().is_terminal() => {
            let text =
                "no template is given; name a file, - for standard input, or needs such as --vcpus 8 --memory 32GiB";
            return Err(Ended::usage(text));
        }
        (None, None) => read(Path::new("-"))?,
    };
    let written = app.commands().dispatch(CreateTemplates { document, act: !args.dry_run }).await?;
    Ok(told(&written, args.dry_run, "Created"))
}

/// Returns the document of a template of these needs, as `templates generate` writes it.
async fn needed<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    need: &NeedArgs,
) -> Result<SecretString, Ended> {
    let provider = desk.composition.configured(desk.options, "provider.type")?;
    if provider.is_some_and(|(kind, _)| kind == "simulated") {
        return Ok(need.simulated().to_string().into());
    }
    let types = app.queries().ask(need.query()).await?;
    let template = need.template(&types)?;
    for note in need.notes() {
        output::hint(&note);
    }
    Ok(template.to_string().into())
}

/// Changes a template.
pub(super) async fn update<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    args: UpdateArgs,
) -> Result<Report, Ended> {
    let UpdateArgs { id, fields, unset, merge, dry_run } = args;
    let set: Vec<(String, SecretString)> = fields
        .into_iter()
        .filter(|(name, _)| !desk.composition.is_setting(name))
        .map(|(name, value)| (name, value.into()))
        .collect();
    if set.is_empty() && unset.is_empty() && merge.is_none() {
        return Err(Ended::usage("nothing is to be changed; add --set FIELD=VALUE, --unset FIELD or --merge FILE"));
    }
    let merge = merge.as_deref().map(read).transpose()?;
    let change = TemplateChange { merge, set, unset };
    let written = app.commands().dispatch(UpdateTemplate { id, change, act: !dry_run }).await?;
    Ok(told(&written, dry_run, "Updated"))
}

/// Takes a template out of the template file.
pub(super) async fn delete<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    args: DeleteArgs,
) -> Result<Report, Ended> {
    let DeleteArgs { id, yes, dry_run } = args;
    if !dry_run && !yes {
        let found = app.commands().dispatch(DeleteTemplate { id: id.clone(), act: false }).await?;
        desk.confirm(&format!("deletes the template {id}; {}", what_goes_on(&found)), yes)?;
    }
    let deleted = app.commands().dispatch(DeleteTemplate { id, act: !dry_run }).await?;
    let mut report = told(&deleted.written, dry_run, "Deleted");
    if let Value::Object(members) = &mut report.document {
        members.insert("openRequests".to_owned(), json!(deleted.open_requests));
        members.insert("hosts".to_owned(), json!(deleted.hosts));
    }
    let goes_on = what_goes_on(&deleted);
    Ok(report.with(Block::Text(format!("{}{}.", goes_on[..1].to_uppercase(), &goes_on[1..]))))
}

fn what_goes_on(found: &TemplateDeleted) -> String {
    let counted = |number: usize, one: &str| match number {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        more => format!("{more} {one}s"),
    };
    let (requests, hosts) = (found.open_requests.len(), found.hosts.len());
    let names = format!("{} and {}", counted(requests, "open request"), counted(hosts, "host"));
    if requests + hosts == 0 { format!("{names} of it are there") } else { format!("{names} of it go on") }
}

/// Tells what became of templates; `done` is the word for it.
fn told(written: &TemplatesWritten, dry: bool, done: &'static str) -> Report {
    let edited = &written.edited;
    let path = edited.path.display().to_string();
    let former = edited.former.as_ref().map(|path| path.display().to_string());
    let ids: Vec<String> = edited.edited.iter().map(|one| one.id.to_string()).collect();
    let changed = !edited.difference.is_empty();
    let mut pairs: Vec<(&'static str, Cell)> = Vec::new();
    let label = if dry || !changed { "Template" } else { done };
    pairs.extend(ids.iter().map(|id| (label, Cell::from(id.as_str()))));
    pairs.push(("File", path.as_str().into()));
    if let Some(former) = &former {
        pairs.push(("Former file", former.as_str().into()));
    }
    for one in &edited.edited {
        pairs.extend(one.notes.iter().map(|note| ("Note", Cell::toned(&format!("{}: {note}", one.id), Tone::Busy))));
    }
    if let Some(error) = &written.unrecorded {
        let text = format!("the file is changed, but no event tells of it: {error}");
        pairs.push(("Warning", Cell::toned(&text, Tone::Bad)));
    }
    let templates: Vec<Value> = edited
        .edited
        .iter()
        .map(|one| json!({"templateId": one.id, "before": one.before, "after": one.after, "notes": one.notes}))
        .collect();
    let document = json!({
        "dryRun": dry,
        "changed": changed && !dry,
        "file": path,
        "formerFile": former,
        "templates": templates,
        "difference": edited.difference,
        "unrecorded": written.unrecorded.as_ref().map(ToString::to_string),
    });
    let mut report = Report::of(document).named(ids).with(Block::Pairs(pairs));
    if !changed {
        return report.with(Block::Text("Nothing is different: the file holds this already.".to_owned()));
    }
    if dry {
        report = report.with(Block::Text("Nothing was written. What would be:".to_owned()));
        report = report.with(Block::Difference(edited.difference.clone()));
    }
    report
}
