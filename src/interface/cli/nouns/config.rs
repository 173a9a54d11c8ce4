//! The operator's verbs on the configuration.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::interface::cli::Composition;
use crate::interface::cli::desk::{Desk, Ended};
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::Cell;

/// What there is to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Shows the configuration in force, secrets masked.
    Show {
        /// Shows where each value comes from.
        #[arg(long)]
        origin: bool,
    },
    /// Shows the value in force of one key, secrets masked.
    #[command(after_help = "Example:\n  hostfactory config get storage.strategy")]
    Get {
        /// The key, section first: storage.strategy
        key: String,
    },
    /// Sets one key in config.json, once the whole configuration was found usable with it; the former file stays beside
    /// it as config.json.former.
    #[command(after_help = "\
Examples:
  hostfactory config set storage.strategy sqlite
  hostfactory config set provider.aws.tags 'project=risk;owner=grid'
  hostfactory config set logging.level ''       removes the key from the file")]
    Set {
        /// The key, section first: storage.strategy
        key: String,
        /// The value; an empty one removes the key.
        value: String,
    },
    /// Reads the whole configuration, and tells what cannot be used (exit code 1) and what has no effect.
    Validate,
    /// Prints the JSON Schema of config.json, by which an editor completes and checks it.
    #[command(after_help = "\
Example:
  hostfactory config schema -o json > CONF/schemas/config.schema.json

The file names it in \"$schema\", as the one that init writes does.")]
    Schema,
}

/// Does what `verb` says and returns what to print.
pub(super) fn run<C: Composition>(desk: &Desk<'_, C>, verb: ConfigVerb) -> Result<Report, Ended> {
    match verb {
        ConfigVerb::Show { origin } => {
            let document = desk.composition.configuration(desk.options, origin)?;
            let mut keys = Vec::new();
            for (section, value) in document.as_object().into_iter().flatten().filter(|(_, value)| value.is_object()) {
                collect_keys(section, value, &mut keys);
            }
            Ok(Report::of(document).named(keys))
        }
        ConfigVerb::Get { key } => {
            let (value, origin) = desk.composition.configured(desk.options, &key)?.unzip();
            let shown = value.as_ref().map_or_else(String::new, plain);
            let document = json!({ "key": key, "value": value, "origin": origin });
            Ok(Report::verbatim(document, shown.clone()).named(vec![shown]))
        }
        ConfigVerb::Set { key, value } => set(desk, &key, &value),
        ConfigVerb::Validate => {
            let document = desk.composition.configuration(desk.options, false)?;
            let warnings = document.get("warnings").cloned().unwrap_or_default();
            let lines: Vec<&str> = warnings.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let text = match lines.as_slice() {
                [] => "The configuration can be used.".to_owned(),
                some => format!("The configuration can be used.\n\n{}", some.join("\n")),
            };
            Ok(Report::line(json!({ "valid": true, "warnings": warnings }), text))
        }
        ConfigVerb::Schema => Ok(Report::json(desk.composition.config_schema())),
    }
}

/// Adds the keys below `path`, whether their values are shown with their origins or without.
fn collect_keys(path: &str, value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() && !members.contains_key("origin") => {
            for (name, value) in members {
                collect_keys(&format!("{path}.{name}"), value, keys);
            }
        }
        _ => keys.push(path.to_owned()),
    }
}

fn set<C: Composition>(desk: &Desk<'_, C>, key: &str, value: &str) -> Result<Report, Ended> {
    let done = desk.composition.configure(desk.options, key, value)?;
    let path = done.path.display().to_string();
    let former = done.former.map(|path| path.display().to_string());
    let cell = |value: &Option<Value>| Cell::from(value.as_ref().map(plain));
    let mut pairs = vec![
        ("Key", Cell::from(key)),
        ("Before", cell(&done.before)),
        ("Now", cell(&done.after)),
        ("From", Cell::from(done.origin.as_deref())),
        ("File", Cell::from(path.as_str())),
        ("Former file", Cell::from(former.as_deref())),
    ];
    pairs.extend(done.warnings.iter().map(|warning| ("Warning", Cell::from(warning.as_str()))));
    let document = json!({
        "key": key,
        "before": done.before,
        "value": done.after,
        "origin": done.origin,
        "file": path,
        "formerFile": former,
        "warnings": done.warnings,
    });
    Ok(Report::of(document).named(vec![key.to_owned()]).with(Block::Pairs(pairs)))
}

/// Returns a value as people write it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
