//! Whether the credentials may do what the templates in force need, action by action, as the IAM policy of the README lists
//! them. How each is tried stands in [`super::trials`].

use super::facts::Facts;
use super::launches::{self, Launched};
use super::trials::{Bench, Verdict};
use crate::application::ports::Finding;
use crate::domain::InstallationId;
use crate::domain::template::{Image, ProviderApi, Template};
use crate::providers::aws::client::ClientSource;
use crate::providers::aws::error::plain;
use crate::providers::aws::roles;

/// Which templates need an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    All,
    Spot,
    /// Those with a launch template, the operator's or ours.
    LaunchTemplates,
    /// Those for which we make launch templates.
    Made,
    Fleets,
    /// Fleets that launch by themselves.
    LastingFleets,
    SpotFleets,
    Groups,
}

/// What goes on without an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    /// No host comes, or none is given back.
    Nothing,
    /// Hosts come and go; something else is missed.
    Most,
}

/// How an action is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    DryRun,
    /// The same; a policy may allow it on what bears our tag alone, as that of the README does.
    BoundDryRun,
    /// A small real call of Auto Scaling, which knows no dry run.
    Read,
}

struct Right {
    service: &'static str,
    action: &'static str,
    by: By,
    without: Without,
    trial: Trial,
}

const fn ec2(action: &'static str, by: By, without: Without, trial: Trial) -> Right {
    Right { service: "ec2", action, by, without, trial }
}

const fn groups(action: &'static str) -> Right {
    Right { service: "autoscaling", action, by: By::Groups, without: Without::Nothing, trial: Trial::Read }
}

const RIGHTS: &[Right] = &[
    ec2("DescribeInstances", By::All, Without::Nothing, Trial::DryRun),
    ec2("DescribeInstanceStatus", By::All, Without::Nothing, Trial::DryRun),
    ec2("DescribeSpotInstanceRequests", By::Spot, Without::Nothing, Trial::DryRun),
    ec2("DescribeImages", By::All, Without::Most, Trial::DryRun),
    ec2("DescribeInstanceTypes", By::All, Without::Most, Trial::DryRun),
    ec2("DescribeSubnets", By::All, Without::Most, Trial::DryRun),
    ec2("GetConsoleOutput", By::All, Without::Most, Trial::DryRun),
    ec2("TerminateInstances", By::All, Without::Nothing, Trial::BoundDryRun),
    ec2("DescribeLaunchTemplates", By::LaunchTemplates, Without::Nothing, Trial::DryRun),
    ec2("DescribeLaunchTemplateVersions", By::LaunchTemplates, Without::Most, Trial::DryRun),
    ec2("CreateLaunchTemplate", By::Made, Without::Nothing, Trial::DryRun),
    ec2("DeleteLaunchTemplate", By::Made, Without::Most, Trial::BoundDryRun),
    ec2("CreateFleet", By::Fleets, Without::Nothing, Trial::DryRun),
    ec2("DescribeFleets", By::Fleets, Without::Nothing, Trial::DryRun),
    ec2("DescribeFleetHistory", By::LastingFleets, Without::Nothing, Trial::DryRun),
    ec2("ModifyFleet", By::LastingFleets, Without::Nothing, Trial::BoundDryRun),
    ec2("DeleteFleets", By::Fleets, Without::Nothing, Trial::BoundDryRun),
    ec2("RequestSpotFleet", By::SpotFleets, Without::Nothing, Trial::DryRun),
    ec2("DescribeSpotFleetRequests", By::SpotFleets, Without::Nothing, Trial::DryRun),
    ec2("DescribeSpotFleetRequestHistory", By::SpotFleets, Without::Nothing, Trial::DryRun),
    ec2("CancelSpotFleetRequests", By::SpotFleets, Without::Nothing, Trial::BoundDryRun),
    groups("DescribeAutoScalingGroups"),
    groups("DescribeAutoScalingInstances"),
    groups("DescribeScalingActivities"),
    groups("DescribeInstanceRefreshes"),
];

/// What cannot be tried without doing it, and why.
const UNTRIED: &[(By, &str, &str)] = &[
    (By::SpotFleets, "ec2:ModifySpotFleetRequest", "it has no dry run"),
    (
        By::Groups,
        "autoscaling:CreateAutoScalingGroup, CreateOrUpdateTags, SuspendProcesses, TerminateInstanceInAutoScalingGroup, \
         DeleteAutoScalingGroup",
        "Auto Scaling has no dry run",
    ),
    (By::Spot, "iam:CreateServiceLinkedRole", "it is needed once in an account, by the first spot host"),
];

/// Returns whether a template needs an action.
fn needs(template: &Template, by: By) -> bool {
    let api = template.api();
    let ec2_fleet =
        matches!(api, ProviderApi::Ec2FleetInstant | ProviderApi::Ec2FleetRequest | ProviderApi::Ec2FleetMaintain);
    let spot_fleet = matches!(api, ProviderApi::SpotFleetRequest | ProviderApi::SpotFleetMaintain);
    let makes_templates = ec2_fleet || spot_fleet || api == ProviderApi::AutoScaling;
    match by {
        By::All => true,
        By::Spot => template.markets().contains(&crate::domain::template::PriceType::Spot),
        By::LaunchTemplates => makes_templates || template.launch().launch_template.is_some(),
        By::Made => makes_templates,
        By::Fleets => ec2_fleet,
        By::LastingFleets => ec2_fleet && api != ProviderApi::Ec2FleetInstant,
        By::SpotFleets => spot_fleet,
        By::Groups => api == ProviderApi::AutoScaling,
    }
}

/// Tries every action that one of the templates needs.
pub(super) async fn tried(
    source: &dyn ClientSource,
    templates: &[Template],
    facts: &Facts,
    installation: Option<&InstallationId>,
) -> Vec<Finding> {
    // The facts came through the same clients.
    let Ok(clients) = source.clients().await else { return Vec::new() };
    let needed = |by: By| templates.iter().any(|template| needs(template, by));
    let mut bench = Bench::new(source, clients, installation, needed(By::Made)).await;
    if let Some(region) = &source.settings().region
        && let Some(account) = clients.notebook.read().await.account
    {
        let role = templates.iter().find_map(|template| template.launch().fleet.role.as_ref());
        bench.fleet_role = role.map(|role| roles::arn(role, &account.id, region));
    }
    let mut findings = Vec::new();
    for template in templates {
        let launched = launches::tried(&bench, template, facts, needs(template, By::Made)).await;
        if let Some(Launched { profile, right }) = launched {
            findings.extend(profile.into_iter().chain(right));
        }
    }
    for right in RIGHTS.iter().filter(|right| needed(right.by)) {
        let verdict = match right.trial {
            Trial::Read => Verdict::of_read(bench.read_groups(right.action).await),
            Trial::DryRun | Trial::BoundDryRun => {
                let is_bound = right.trial == Trial::BoundDryRun;
                Verdict::of_dry_run(bench.dry(right.action).await, is_bound, bench.is_invented(right.action))
            }
        };
        findings.push(found(right, verdict));
    }
    findings.extend(aliases(templates, facts));
    let untried: Vec<String> =
        UNTRIED.iter().filter(|(by, ..)| needed(*by)).map(|(_, what, why)| format!("{what}: {why}")).collect();
    if !untried.is_empty() {
        findings.push(Finding::skipped("rights that cannot be tried", untried.join("; ")));
    }
    findings
}

/// Returns the way to mend the lack of an action.
pub(super) fn mend(action: &str) -> String {
    format!("allow {action} in the IAM policy of the credentials (README, IAM policy)")
}

fn found(right: &Right, verdict: Verdict) -> Finding {
    let name = format!("{}:{}", right.service, right.action);
    match verdict {
        Verdict::Allowed if right.trial == Trial::Read => Finding::good(name, "AWS answered"),
        Verdict::Allowed => Finding::good(name, "AWS would carry it out"),
        Verdict::Unclear(text) => Finding::skipped(name, plain(&text, 400)),
        Verdict::Denied(error) => {
            let mend = mend(&name);
            match right.without {
                Without::Nothing => Finding::failed(name, error.to_string(), mend),
                Without::Most => Finding::warning(name, error.to_string(), mend),
            }
        }
    }
}

/// Returns what looking images up by their aliases has shown.
fn aliases(templates: &[Template], facts: &Facts) -> Option<Finding> {
    let named = templates.iter().find_map(|template| match &template.launch().image {
        Some(Image::SsmParameter(alias)) => facts.aliases.get(alias),
        Some(Image::Ami(_)) | None => None,
    })?;
    let name = "ssm:GetParameter";
    Some(match named {
        Ok(_) => Finding::good(name, "AWS answered"),
        Err(error) if error.class == crate::domain::FailureClass::AuthDenied => {
            Finding::failed(name, error.to_string(), mend(name))
        }
        Err(error) => Finding::skipped(name, format!("not clear: {error}")),
    })
}

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
