//! The operator's verb that takes an installation of another plug-in over, and the report that it prints.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::application::bus::Catalogue;
use crate::application::commands::{TakeOver, TakeOverReport, Tally};
use crate::application::ports::{FieldFate, Flavour, ForeignPlace, Section};
use crate::interface::cli::desk::{App, Ended};
use crate::interface::cli::output;
use crate::interface::cli::report::Report;

/// Where the other plug-in's installation lies.
#[derive(Debug, Clone, Args)]
pub(crate) struct TakeOverArgs {
    /// Whose installation it is; found out where that is possible.
    #[arg(long, value_name = "PLUG-IN")]
    from: Option<From>,
    /// Its configuration folder.
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
    /// Its work folder, where its database lies.
    #[arg(long, value_name = "FOLDER", required_unless_present = "config")]
    work: Option<PathBuf>,
    /// Writes nothing, and prints the same report.
    #[arg(long)]
    dry_run: bool,
}

/// The plug-ins that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// IBM's awsprov.
    Ibm,
    /// Open Resource Broker.
    Orb,
    /// Open Host Factory, ORB's ancestor.
    #[value(alias = "hostfactory")]
    Ohfp,
}

/// Takes the installation over and returns the report.
pub(super) async fn take_over<M: Catalogue>(app: App<'_, M>, args: TakeOverArgs) -> Result<Report, Ended> {
    let flavour = args.from.map(|from| match from {
        From::Ibm => Flavour::Ibm,
        From::Orb => Flavour::Orb,
        From::Ohfp => Flavour::Ohfp,
    });
    let place = ForeignPlace { flavour, config: args.config, work: args.work };
    let command = TakeOver { place, dry: args.dry_run };
    let report = output::followed(app.commands().dispatch(command)).await?;
    output::hint(summary(&report).trim_end());
    Ok(Report::of(document(&report)))
}

fn summary(report: &TakeOverReport) -> String {
    let mut text = String::new();
    let would = if report.dry { "would be " } else { "" };
    // Writing into a text does not fail.
    let _ = writeln!(text, "installation of {} ({})", report.found.flavour.word(), report.found.signs.join(", "));
    for (name, tally) in [("requests", &report.requests), ("machines", &report.machines)] {
        let Tally { found, added, known, conflicts, left } = tally;
        let (conflicts, left) = (conflicts.len(), left.len());
        let _ = writeln!(
            text,
            "{name}: {found} found, {added} {would}added, {known} known already, {conflicts} conflicts, {left} left"
        );
    }
    for (name, section) in &report.found.sections {
        let count = |fate| section.fields.values().filter(|field| field.fate == fate).count();
        let _ = writeln!(
            text,
            "{name}: {} records; fields: {} taken, {} changed, {} left",
            section.records,
            count(FieldFate::Taken),
            count(FieldFate::Changed),
            count(FieldFate::Left)
        );
    }
    for next in &report.found.next {
        let _ = writeln!(text, "to do: {next}");
    }
    text
}

fn document(report: &TakeOverReport) -> Value {
    let sections: Map<String, Value> =
        report.found.sections.iter().map(|(name, found)| ((*name).to_owned(), section(found))).collect();
    json!({
        "dryRun": report.dry,
        "from": report.found.flavour.word(),
        "signs": report.found.signs,
        "requests": tally(&report.requests),
        "machines": tally(&report.machines),
        "takenAsSomethingElse": pairs(&report.changed),
        "sections": sections,
        "next": report.found.next,
    })
}

fn tally(tally: &Tally) -> Value {
    json!({
        "found": tally.found,
        "added": tally.added,
        "knownAlready": tally.known,
        "conflicts": pairs(&tally.conflicts),
        "left": pairs(&tally.left),
    })
}

fn section(section: &Section) -> Value {
    let of = |fate: FieldFate| -> Map<String, Value> {
        let fields = section.fields.iter().filter(|(_, field)| field.fate == fate);
        fields.map(|(name, field)| (name.clone(), json!({ "count": field.count, "note": field.note }))).collect()
    };
    json!({
        "files": section.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "records": section.records,
        "taken": of(FieldFate::Taken),
        "changed": of(FieldFate::Changed),
        "left": of(FieldFate::Left),
        "refused": pairs(&section.left),
        "remarks": section.remarks,
    })
}

fn pairs(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(what, why)| json!({ "what": what, "why": why })).collect()
}
