//! `init`: a new installation, from options, from what AWS tells, or from questions.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::discovering::{self, Chooser};
use super::generating::NeedArgs;
use crate::application::ports::Discovery;
use crate::domain::template::InstanceShape;
use crate::interface::cli::desk::{Desk, Ended};
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::Cell;
use crate::interface::cli::{Composition, Draft, LaidOut, StartOptions, output};
use crate::interface::hostfactory::Failure;

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
    /// Makes conf, work, log, scripts and registration below this folder; else --config-dir, --work-dir and --log-dir or Host
    /// Factory's variables say where the first three are.
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
    /// Asks AWS what there is, and takes what is not told from the answer, without a question.
    #[arg(long, conflicts_with = "no_discover")]
    discover: bool,
    /// Asks AWS nothing; on a terminal ids are asked for by hand.
    #[arg(long)]
    no_discover: bool,
    /// The VPC whose subnets and security groups are offered.
    #[arg(long, value_name = "ID")]
    vpc: Option<String>,
    /// Where the five scripts go that Host Factory runs; none are written unless told or FOLDER is given.
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// Where the two files go that register the installation; none are written unless told or FOLDER is given.
    #[arg(long, value_name = "DIR")]
    registration: Option<PathBuf>,
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
        below(&mut args.scripts, "scripts");
        below(&mut args.registration, "registration");
    }
    // There is no installation yet that a query could be put to.
    let mut known = desk.composition.instance_types();
    let (provider, found) = asked(desk, &mut args, &known)?;
    let (rents, template) = match provider {
        Provider::Simulated => (json!({ "type": "simulated" }), args.need.simulated()),
        Provider::Aws => {
            if let Some(found) = &found {
                discovering::keep_offered(&mut known, found, &args.need.subnets);
            }
            let types = args.need.query().among(known);
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
        scripts: args.scripts.clone(),
        registration: args.registration.clone(),
    };
    let made = desk.composition.lay_out(&options, &draft)?;
    if provider == Provider::Aws {
        for note in args.need.notes() {
            output::hint(&note);
        }
    }
    let mut report = told(&made, provider, &args, &options);
    if let (Some(found), Value::Object(members)) = (found, &mut report.document) {
        members.insert("discovered".to_owned(), discovering::document(&found));
    }
    Ok(report)
}

fn question(text: &str, default: &str) -> Result<String, Ended> {
    let shown = if default.is_empty() { format!("{text}:") } else { format!("{text} [{default}]:") };
    let answer = output::ask(&shown)?;
    Ok(if answer.is_empty() { default.to_owned() } else { answer })
}

/// Fills in what was not told, on a terminal by asking, and returns what AWS told.
fn asked<C: Composition>(
    desk: &Desk<'_, C>,
    args: &mut InitArgs,
    known: &[InstanceShape],
) -> Result<(Provider, Option<Discovery>), Ended> {
    // Whoever wants AWS to tell wants no questions.
    let asks = desk.screen.terminal.asks && !args.discover;
    let provider = match args.provider {
        Some(provider) => provider,
        // Whoever names a region or a subnet means AWS.
        None if args.region.is_some() || args.discover || !args.need.subnets.is_empty() || !asks => Provider::Aws,
        None => {
            let answer = question("Who rents out the hosts, aws or simulated", "aws")?;
            Provider::from_str(answer.trim(), true)
                .map_err(|_| Ended::usage(&format!("{answer:?} is neither aws nor simulated")))?
        }
    };
    if provider == Provider::Simulated {
        return Ok((provider, None));
    }
    let region = region(desk, args, asks)?;
    if asks && args.profile.is_none() {
        let own = desk.composition.variable("AWS_PROFILE").unwrap_or_default();
        let answer = question("Profile of the AWS configuration (none: whatever credentials there are)", &own)?;
        args.profile = Some(answer).filter(|answer| !answer.is_empty());
    }
    let discovery = if (asks || args.discover) && !args.no_discover {
        Some(discovering::discovered(desk, &region, args.profile.as_deref()))
    } else {
        None
    };
    let found = match discovery {
        Some(Ok(found)) => {
            for line in discovering::unread(&found) {
                output::hint(&line);
            }
            let chooser = Chooser { found: &found, known, screen: asks.then_some(desk.screen) };
            chooser.fill(&mut args.need, args.vpc.as_deref())?;
            Some(found)
        }
        Some(Err(why)) if !asks && args.need.subnets.is_empty() => {
            let text = format!("AWS did not tell what there is: {why}; mend that, or name what is needed: --subnet");
            return Err(Ended::failed(Failure::new(&text)));
        }
        Some(Err(why)) => {
            output::hint(&format!("AWS did not tell what there is: {why}"));
            None
        }
        None => None,
    };
    if asks && found.is_none() {
        by_hand(&mut args.need)?;
    }
    if args.need.subnets.is_empty() {
        return Err(Ended::usage("no subnet is named for the hosts; add --subnet, once or more than once"));
    }
    Ok((provider, found))
}

fn region<C: Composition>(desk: &Desk<'_, C>, args: &mut InitArgs, asks: bool) -> Result<String, Ended> {
    if args.region.is_none() {
        let known = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| desk.composition.variable(name));
        args.region = match (asks, known) {
            (true, known) => Some(question("AWS region", &known.unwrap_or_default())?),
            (false, known) => known,
        };
    }
    let none = || Ended::usage("no AWS region is named; add --region, or --provider simulated to try without a cloud");
    args.region.clone().filter(|region| !region.is_empty()).ok_or_else(none)
}

/// Asks for ids that nobody can list.
fn by_hand(need: &mut NeedArgs) -> Result<(), Ended> {
    let listed = |answer: String| -> Vec<String> {
        answer.split([',', ' ']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    if need.subnets.is_empty() {
        need.subnets = listed(question("Subnets to launch into, divided by commas", "")?);
    }
    if need.security_groups.is_empty() {
        need.security_groups = listed(question("Security groups (none: the VPC's default)", "")?);
    }
    if need.image.is_none() {
        let answer = question("Image: ami-… or the name of an SSM parameter (none: Amazon Linux 2023)", "")?;
        need.image = Some(answer).filter(|answer| !answer.is_empty());
    }
    Ok(())
}

/// Returns what was made, the entries that register it, and what to do next.
fn told(made: &LaidOut, provider: Provider, args: &InitArgs, options: &StartOptions) -> Report {
    let shown = |path: &Path| path.display().to_string();
    // What the environment says it says to the next command too.
    let quoted = |path: &Path| {
        let text = shown(path);
        let is_plain =
            text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '='));
        if is_plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
    };
    let named = [
        ("--config-dir", &options.config_dir, &made.config),
        ("--work-dir", &options.work_dir, &made.work),
        ("--log-dir", &options.log_dir, &made.log),
    ];
    let places: Vec<String> = named
        .into_iter()
        .filter(|(_, named, _)| named.is_some())
        .map(|(option, _, path)| format!("{option} {}", quoted(path)))
        .collect();
    let first = match provider {
        Provider::Aws => "hostfactory doctor".to_owned(),
        Provider::Simulated => "hostfactory templates list".to_owned(),
    };
    let template = args.need.id();
    let next = [first, format!("hostfactory machines request {template} --wait")];
    // In lines that fit a terminal, and that a shell takes together.
    let for_people = next.iter().map(|command| [std::slice::from_ref(command), &places].concat().join(" \\\n    "));
    let for_people = for_people.collect::<Vec<_>>().join("\n  ");
    let next = next.iter().map(|command| [std::slice::from_ref(command), &places].concat().join(" "));
    let next: Vec<String> = next.collect();
    let files: Vec<String> = made.files.iter().map(|path| shown(path)).collect();
    let document = json!({
        "instance": made.instance,
        "folders": { "config": shown(&made.config), "work": shown(&made.work), "log": shown(&made.log) },
        "files": files,
        "registration": { "hostProviderPlugins.json": made.plugins, "hostProviders.json": made.providers },
        "next": next,
    });
    let entry = |document: &Value, list: &str| document.pointer(&format!("/{list}/0")).cloned().unwrap_or_default();
    let snippet = |name: &str, list: &str, document: &Value| {
        format!("To register it with Host Factory, add to {list} of\n{name}:\n{:#}", entry(document, list))
    };
    let mut pairs = vec![
        ("Instance", Cell::from(made.instance.as_str())),
        ("Configuration", Cell::from(shown(&made.config))),
        ("State", Cell::from(shown(&made.work))),
        ("Log", Cell::from(shown(&made.log))),
        ("Template", Cell::from(template.as_str())),
    ];
    let optional = [("Scripts", &args.scripts), ("Registration", &args.registration)];
    let absolute = |folder: &Path| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let named = optional.into_iter().filter_map(|(name, folder)| Some((name, shown(&absolute(folder.as_ref()?)))));
    pairs.extend(named.map(|(name, folder)| (name, Cell::from(folder))));
    let mut report = Report::of(document)
        .named(files)
        .with(Block::Pairs(pairs))
        .with(Block::Verbatim(snippet(
            "$HF_TOP/conf/providerplugins/hostProviderPlugins.json",
            "providerplugins",
            &made.plugins,
        )))
        .with(Block::Verbatim(snippet("$HF_TOP/conf/providers/hostProviders.json", "providers", &made.providers)));
    if args.scripts.is_some() {
        let text = "The scripts run hostfactory from HOSTFACTORY_BIN, else from beside themselves,\n../bin or PATH.";
        report = report.with(Block::Text(text.to_owned()));
    }
    report.with(Block::Verbatim(format!("Next:\n  {for_people}")))
}
