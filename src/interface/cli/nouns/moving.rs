//! The operator's verbs that move a store: migrate, export, import; and the documents they print.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::storage::contents;
use crate::application::bus::Catalogue;
use crate::application::commands::{ImportArchive, MigrateStore};
use crate::application::ports::{Archive, Moved, Present};
use crate::application::queries::ExportStore;
use crate::application::settings::StorageStrategy;
use crate::domain::DomainError;
use crate::interface::cli::desk::{App, Ended};
use crate::interface::cli::output;
use crate::interface::cli::report::Report;

/// Where a store goes.
#[derive(Debug, Clone, Args)]
pub(crate) struct MigrateArgs {
    /// The store to keep everything in from now on.
    #[arg(long, value_name = "STORE")]
    to: StoreKind,
    /// Sets another store aside that is there already and holds something else.
    #[arg(long)]
    replace: bool,
}

/// The two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StoreKind {
    /// One JSON file.
    Json,
    /// A SQLite database.
    Sqlite,
}

/// Where everything is written.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// A new file to write it into; without this, it is printed.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What is read into the store.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportArgs {
    /// What storage export wrote; - is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Sets the contents of the store aside, if there are any.
    #[arg(long)]
    replace: bool,
}

const fn present(replace: bool) -> Present {
    if replace { Present::IsSetAside } else { Present::IsRespected }
}

/// Moves the store.
pub(super) async fn migrate<M: Catalogue>(app: App<'_, M>, args: &MigrateArgs) -> Result<Report, Ended> {
    let to = match args.to {
        StoreKind::Json => StorageStrategy::Json,
        StoreKind::Sqlite => StorageStrategy::Sqlite,
    };
    let command = MigrateStore { to, present: present(args.replace) };
    let moved = output::followed(app.commands().dispatch(command)).await?;
    let next = match &moved.configured {
        Some((configured, origin)) => format!(
            "set storage.strategy to {} (it is {}, {origin}); the store decides until then, and each call logs a warning",
            to.word(),
            configured.word()
        ),
        None => "nothing".to_owned(),
    };
    let mut document = shown(&moved);
    document["from"] = json!(moved.from.word());
    document["to"] = json!(moved.to.word());
    document["next"] = json!(next);
    document["back"] =
        json!(format!("hostfactory storage migrate --to {}", if moved.done { moved.from } else { to }.word()));
    Ok(Report::of(document))
}

/// Returns everything as one document, or what was written into a file.
pub(super) async fn export<M: Catalogue>(app: App<'_, M>, args: &ExportArgs) -> Result<Report, Ended> {
    let query = ExportStore { file: args.file.clone() };
    let archive = output::followed(app.queries().ask(query)).await?;
    let Some(file) = &args.file else {
        let document = serde_json::to_value(&archive)
            .map_err(|error| DomainError::validation("the store", format!("cannot be written as JSON: {error}")))?;
        // Also on a terminal: it is to be read by storage import.
        let lines = document.to_string();
        return Ok(Report::verbatim(document, lines));
    };
    Ok(Report::of(json!({
        "file": file.display().to_string(),
        "installationId": archive.installation_id,
        "requests": archive.requests.len(),
        "machines": archive.machines.len(),
        "templates": archive.templates.len(),
        "events": archive.events.len(),
        "digest": archive.digest,
    })))
}

/// Reads a document into the store.
pub(super) async fn import<M: Catalogue>(app: App<'_, M>, args: &ImportArgs) -> Result<Report, Ended> {
    let place = args.file.display().to_string();
    let refused = |reason: String| {
        output::progress("");
        DomainError::validation(place.as_str(), reason)
    };
    output::progress(&format!("reading {place} …"));
    let text = read(&args.file).map_err(|error| refused(format!("cannot be read: {error}")))?;
    let archive: Archive = serde_json::from_slice(&text)
        .map_err(|error| refused(format!("is not what storage export writes: {error}")))?;
    let command = ImportArchive { archive, present: present(args.replace) };
    let moved = output::followed(app.commands().dispatch(command)).await?;
    Ok(Report::of(shown(&moved)))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut text = Vec::new();
        io::stdin().lock().read_to_end(&mut text)?;
        return Ok(text);
    }
    std::fs::read(file)
}

fn shown(moved: &Moved) -> Value {
    json!({
        "done": moved.done,
        "path": moved.path.display().to_string(),
        "contents": moved.contents.as_ref().map(contents),
        "setAside": moved.aside.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "remarks": moved.remarks,
    })
}
