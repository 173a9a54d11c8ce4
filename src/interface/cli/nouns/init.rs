//! `init`: a new installation, from options or from questions.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::generating::NeedArgs;
use crate::interface::cli::desk::{Desk, Ended};
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::Cell;
use crate::interface::cli::{Composition, Draft, LaidOut, StartOptions, output};

/// Where the schemas lie, seen from the configuration folder.
const CONFIG_SCHEMA: &str = "schemas/config.schema.json";
const TEMPLATE_SCHEMA: &str = "schemas/templates.schema.json";

/// Who rents out the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Provider {
    /// Amazon Web Services.
    Aws,
    /// No cloud at all.
    Simulated,
}

/// What the new installation is to be.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Makes conf, work and log below this folder; else --config-dir, --work-dir and --log-dir or Host Factory's variables
    /// say where they are.
    folder: Option<PathBuf>,
    /// Who rents out the hosts.
    #[arg(long, value_enum)]
    provider: Option<Provider>,
    /// The AWS region.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// A profile of the shared AWS configuration.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    need: NeedArgs,
}

/// Asks for what is not told and can be asked for, makes the installation, and tells what to do next.
pub(super) fn run<C: Composition>(desk: &Desk<'_, C>, mut args: InitArgs) -> Result<Report, Ended> {
    let mut options = desk.options.clone();
    if let Some(folder) = &args.folder {
        let below = |named: &mut Option<PathBuf>, name: &str| {
            named.get_or_insert_with(|| folder.join(name));
        };
        below(&mut options.config_dir, "conf");
        below(&mut options.work_dir, "work");
        below(&mut options.log_dir, "log");
    }
    let provider = asked(desk, &mut args)?;
    let (rents, template) = match provider {
        Provider::Simulated => (json!({ "type": "simulated" }), args.need.simulated()),
        Provider::Aws => {
            // There is no installation yet that a query could be put to.
            let types = args.need.query().among(desk.composition.instance_types());
            let mut aws = json!({ "region": args.region });
            if let (Some(profile), Value::Object(members)) = (&args.profile, &mut aws) {
                members.insert("profile".to_owned(), json!(profile));
            }
            (json!({ "type": "aws", "aws": aws }), args.need.template(&types)?)
        }
    };
    // Beside the files, since an editor finds a schema by its path from there.
    let draft = Draft {
        config: json!({ "$schema": format!("./{CONFIG_SCHEMA}"), "provider": rents }),
        templates: json!({ "$schema": format!("./{TEMPLATE_SCHEMA}"), "templates": [template] }),
        schemas: vec![
            (CONFIG_SCHEMA, desk.composition.config_schema()),
            (TEMPLATE_SCHEMA, desk.composition.template_schema()),
        ],
    };
    let made = desk.composition.lay_out(&options, &draft)?;
    if provider == Provider::Aws {
        for note in args.need.notes() {
            output::hint(&note);
        }
    }
    Ok(told(&made, provider, &args.need.id(), &options))
}

/// Fills in what was not told, on a terminal by asking.
fn asked<C: Composition>(desk: &Desk<'_, C>, args: &mut InitArgs) -> Result<Provider, Ended> {
    let asks = desk.screen.terminal.asks;
    let question = |text: &str, default: &str| -> Result<String, Ended> {
        let shown = if default.is_empty() { format!("{text}:") } else { format!("{text} [{default}]:") };
        let answer = output::ask(&shown)?;
        Ok(if answer.is_empty() { default.to_owned() } else { answer })
    };
    let provider = match args.provider {
        Some(provider) => provider,
        // Whoever names a region or a subnet means AWS.
        None if args.region.is_some() || !args.need.subnets.is_empty() || !asks => Provider::Aws,
        None => {
            let answer = question("Who rents out the hosts, aws or simulated", "aws")?;
            Provider::from_str(answer.trim(), true)
                .map_err(|_| Ended::usage(&format!("{answer:?} is neither aws nor simulated")))?
        }
    };
    if provider == Provider::Simulated {
        return Ok(provider);
    }
    if args.region.is_none() {
        let known = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| desk.composition.variable(name));
        args.region = match (asks, known) {
            (true, known) => Some(question("AWS region", &known.unwrap_or_default())?),
            (false, known) => known,
        };
    }
    if args.region.as_deref().is_none_or(str::is_empty) {
        return Err(Ended::usage(
            "no AWS region is named; add --region, or --provider simulated to try without a cloud",
        ));
    }
    if asks {
        let listed = |answer: String| -> Vec<String> {
            answer.split([',', ' ']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        if args.need.subnets.is_empty() {
            args.need.subnets =
                listed(question("Subnets to launch into, divided by commas (none: the default VPC)", "")?);
        }
        if args.need.security_groups.is_empty() {
            args.need.security_groups = listed(question("Security groups (none: the VPC's default)", "")?);
        }
        if args.need.image.is_none() {
            let answer = question("Image: ami-… or the name of an SSM parameter (none: Amazon Linux 2023)", "")?;
            args.need.image = Some(answer).filter(|answer| !answer.is_empty());
        }
    }
    if args.need.subnets.is_empty() {
        return Err(Ended::usage("no subnet is named for the hosts; add --subnet, once or more than once"));
    }
    Ok(provider)
}

/// Returns what was made, the entries that register it, and what to do next.
fn told(made: &LaidOut, provider: Provider, template: &str, options: &StartOptions) -> Report {
    let shown = |path: &Path| path.display().to_string();
    let folder = |path: &Path| format!("{}/", shown(path).trim_end_matches('/'));
    let plugin =
        json!({"name": "aws", "enabled": 1, "scriptPath": "${HF_TOP}/${HF_VERSION}/providerplugins/aws/scripts/"});
    let instance = json!({
        "name": made.instance, "enabled": 1, "plugin": "aws",
        "confPath": folder(&made.config), "workPath": folder(&made.work), "logPath": folder(&made.log),
    });
    // What the environment says it says to the next command too.
    let quoted = |path: &Path| format!("'{}'", shown(path).replace('\'', "'\\''"));
    let named = [
        ("--config-dir", &options.config_dir, &made.config),
        ("--work-dir", &options.work_dir, &made.work),
        ("--log-dir", &options.log_dir, &made.log),
    ];
    let places: String = named
        .into_iter()
        .filter(|(_, named, _)| named.is_some())
        .map(|(option, _, path)| format!(" {option} {}", quoted(path)))
        .collect();
    let first = match provider {
        Provider::Aws => format!("hostfactory doctor{places}"),
        Provider::Simulated => format!("hostfactory templates list{places}"),
    };
    let next = [first, format!("hostfactory machines request {template} --wait{places}")];
    let files: Vec<String> = made.files.iter().map(|path| shown(path)).collect();
    let document = json!({
        "instance": made.instance,
        "folders": { "config": shown(&made.config), "work": shown(&made.work), "log": shown(&made.log) },
        "files": files,
        "registration": {
            "hostProviderPlugins.json": { "version": 2, "providerplugins": [plugin] },
            "hostProviders.json": { "version": 2, "providers": [instance] },
        },
        "next": next,
    });
    let snippet = |name: &str, list: &str, entry: &Value| {
        format!("To register it with Host Factory, add to {list} of {name}:\n{entry:#}")
    };
    Report::of(document)
        .named(files.clone())
        .with(Block::Pairs(vec![
            ("Instance", Cell::from(made.instance.as_str())),
            ("Configuration", Cell::from(shown(&made.config))),
            ("State", Cell::from(shown(&made.work))),
            ("Log", Cell::from(shown(&made.log))),
            ("Template", Cell::from(template)),
        ]))
        .with(Block::Text(snippet("$HF_TOP/conf/providerplugins/hostProviderPlugins.json", "providerplugins", &plugin)))
        .with(Block::Text(snippet("$HF_TOP/conf/providers/hostProviders.json", "providers", &instance)))
        .with(Block::Text(format!("Next:\n  {}", next.join("\n  "))))
}
