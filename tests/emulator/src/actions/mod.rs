//! What the emulator can do: one file for each action or group of them, one line for each in [`ACTIONS`].

mod change_fleets;
mod console_output;
mod create_fleet;
mod describe_fleets;
mod fleet_members;
mod fleet_writing;
mod group_activities;
pub(crate) mod group_launch;
mod group_listing;
mod group_members;
mod group_query;
mod group_settings;
mod group_tags;
mod groups;
mod identity;
mod images;
mod instance_profiles;
mod instance_status;
mod instance_types;
mod instances;
mod key_pairs;
mod launch_template_versions;
mod launch_templates;
mod listing;
mod offerings;
mod pages;
mod parameters;
mod quotas;
mod request_spot_fleet;
pub(crate) mod run_instances;
mod security_groups;
mod spot_fleets;
mod spot_requests;
mod subnets;
mod tags;
mod terminate;
mod vpcs;

use std::sync::Arc;

pub(crate) use self::listing::page_of;
use crate::faults::Verb;
use crate::query::Parameters;
use crate::refusal::{Protocol, Refusal, words_of};
use crate::throttle::{READING, Rate, UNFILTERED};
use crate::world::World;

/// What an action has to work with.
pub(crate) struct Context<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) parameters: &'a Arc<Parameters>,
    /// The number of the call.
    pub(crate) call: u64,
    pub(crate) region: &'a str,
    /// A verb that is about the content of the answer.
    pub(crate) verb: Option<&'a Verb>,
}

/// Carries an action out, and returns what the answer holds below its envelope.
type Run = fn(&mut Context<'_>) -> Result<String, Refusal>;

/// Counts the resources that a call is about.
type Count = fn(&Parameters) -> u32;

/// A service, by its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Ec2,
    Sts,
    Ssm,
    Quotas,
    AutoScaling,
}

impl Service {
    pub(crate) const fn protocol(self) -> Protocol {
        match self {
            Self::Ec2 => Protocol::Ec2,
            Self::Sts | Self::AutoScaling => Protocol::Query,
            Self::Ssm | Self::Quotas => Protocol::Json,
        }
    }

    /// Returns what this service says where EC2 says `code`.
    pub(crate) fn own_code(self, code: &str) -> &str {
        match (self, code) {
            (Self::Ssm, "RequestLimitExceeded") => "ThrottlingException",
            (Self::Sts | Self::AutoScaling, "RequestLimitExceeded") => "Throttling",
            (Self::Quotas, "RequestLimitExceeded") => "TooManyRequestsException",
            (Self::Ssm | Self::Quotas, "UnauthorizedOperation") => "AccessDeniedException",
            (Self::Sts | Self::AutoScaling, "UnauthorizedOperation") => "AccessDenied",
            // EC2 says RequestExpired of temporary credentials too.
            (Self::Ssm | Self::Quotas, "RequestExpired") => "ExpiredTokenException",
            (Self::Sts | Self::AutoScaling, "RequestExpired") => "ExpiredToken",
            (Self::AutoScaling, "InternalError") => "InternalFailure",
            (Self::AutoScaling, "Unavailable") => "ServiceUnavailable",
            (_, code) => code,
        }
    }

    pub(crate) const fn namespace(self) -> &'static str {
        match self {
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Ssm | Self::Quotas => "",
            Self::AutoScaling => "http://autoscaling.amazonaws.com/doc/2011-01-01/",
        }
    }
}

/// An action.
pub(crate) struct Action {
    service: Service,
    name: &'static str,
    run: Run,
    /// Its bucket of calls (`aws-semantics.md` section 8.1).
    rate: Rate,
    /// Its bucket of resources, and how many a call takes (section 8.2).
    resources: Option<(Rate, Count)>,
}

const fn ec2(name: &'static str, run: Run) -> Action {
    Action { service: Service::Ec2, name, run, rate: READING, resources: None }
}

const fn sts(name: &'static str, run: Run) -> Action {
    Action { service: Service::Sts, ..ec2(name, run) }
}

const fn ssm(name: &'static str, run: Run) -> Action {
    Action { service: Service::Ssm, ..ec2(name, run) }
}

const fn quotas(name: &'static str, run: Run) -> Action {
    Action { service: Service::Quotas, ..ec2(name, run) }
}

/// Auto Scaling publishes no rates; these are EC2's.
const fn scaling(name: &'static str, run: Run) -> Action {
    Action { service: Service::AutoScaling, ..ec2(name, run) }
}

impl Action {
    const fn rate(self, holds: u32, refill: u32) -> Self {
        Self { rate: Rate::new(holds, refill), ..self }
    }

    const fn resources(self, holds: u32, refill: u32, count: Count) -> Self {
        Self { resources: Some((Rate::new(holds, refill), count)), ..self }
    }
}

/// Every action. A new one is a file and a line.
const ACTIONS: &[Action] = &[
    ec2("RunInstances", run_instances::run).rate(5, 2).resources(1_000, 2, run_instances::count),
    ec2("TerminateInstances", terminate::run).rate(100, 5).resources(1_000, 20, terminate::count),
    ec2("DescribeInstances", instances::describe),
    ec2("DescribeInstanceStatus", instance_status::describe),
    ec2("DescribeSpotInstanceRequests", spot_requests::describe),
    ec2("DescribeSubnets", subnets::describe),
    ec2("DescribeVpcs", vpcs::describe),
    ec2("DescribeSecurityGroups", security_groups::describe),
    ec2("DescribeKeyPairs", key_pairs::describe),
    ec2("DescribeIamInstanceProfileAssociations", instance_profiles::describe),
    ec2("DescribeInstanceTypeOfferings", offerings::describe),
    ec2("DescribeImages", images::describe),
    ec2("DescribeInstanceTypes", instance_types::describe),
    ec2("DescribeLaunchTemplates", launch_templates::describe),
    ec2("DescribeLaunchTemplateVersions", launch_template_versions::describe),
    ec2("CreateLaunchTemplate", launch_templates::create).rate(50, 5),
    ec2("CreateLaunchTemplateVersion", launch_template_versions::create).rate(100, 5),
    ec2("DeleteLaunchTemplate", launch_templates::delete).rate(50, 5),
    ec2("CreateFleet", create_fleet::create).rate(50, 5),
    ec2("ModifyFleet", change_fleets::modify).rate(50, 5),
    ec2("DeleteFleets", change_fleets::delete).rate(50, 5),
    ec2("DescribeFleets", describe_fleets::describe),
    ec2("DescribeFleetInstances", fleet_members::describe),
    ec2("DescribeFleetHistory", fleet_members::history),
    ec2("RequestSpotFleet", request_spot_fleet::request).rate(50, 5),
    ec2("ModifySpotFleetRequest", spot_fleets::modify).rate(50, 5),
    ec2("CancelSpotFleetRequests", spot_fleets::cancel).rate(50, 5),
    ec2("DescribeSpotFleetRequests", spot_fleets::describe).rate(50, 3),
    ec2("DescribeSpotFleetInstances", fleet_members::describe_spot).rate(100, 5),
    ec2("DescribeSpotFleetRequestHistory", fleet_members::spot_history).rate(100, 5),
    ec2("GetConsoleOutput", console_output::get),
    sts("GetCallerIdentity", identity::get),
    ssm("GetParameter", parameters::get),
    ssm("GetParameters", parameters::get_many),
    quotas("GetServiceQuota", quotas::get),
    scaling("CreateAutoScalingGroup", groups::create).rate(50, 5),
    scaling("UpdateAutoScalingGroup", groups::update).rate(50, 5),
    scaling("DeleteAutoScalingGroup", groups::delete).rate(50, 5),
    scaling("SetDesiredCapacity", groups::set_desired).rate(50, 5),
    scaling("SuspendProcesses", groups::suspend).rate(50, 5),
    scaling("ResumeProcesses", groups::resume).rate(50, 5),
    scaling("DescribeAutoScalingGroups", group_listing::describe),
    scaling("DescribeAutoScalingInstances", group_listing::describe_instances),
    scaling("DescribeInstanceRefreshes", group_listing::describe_refreshes),
    scaling("DescribeScalingActivities", group_activities::describe),
    scaling("TerminateInstanceInAutoScalingGroup", group_members::terminate).rate(100, 5),
    scaling("DetachInstances", group_members::detach).rate(50, 5),
    scaling("SetInstanceProtection", group_members::protect).rate(50, 5),
    scaling("CreateOrUpdateTags", group_tags::create_or_update).rate(50, 5),
    scaling("DescribeTags", group_tags::describe),
];

/// The calls that have a smaller bucket when they name nothing (section 8.1).
const DEAR_WHEN_UNFILTERED: [&str; 3] = ["DescribeInstances", "DescribeInstanceStatus", "DescribeSpotInstanceRequests"];

/// Carries an action out.
pub(crate) fn carry_out(service: Service, name: &str, context: &mut Context<'_>) -> Result<String, Refusal> {
    let Some(action) = ACTIONS.iter().find(|action| action.service == service && action.name == name) else {
        let text = format!("The action {name} is not valid for this web service.");
        return Err(Refusal::new("InvalidAction", text));
    };
    if context.world.denied.contains(name) {
        return Err(Refusal::new(service.own_code("UnauthorizedOperation"), words_of("UnauthorizedOperation")));
    }
    if !has_tokens(action, context) {
        return Err(Refusal::new(service.own_code("RequestLimitExceeded"), words_of("RequestLimitExceeded")));
    }
    (action.run)(context)
}

fn has_tokens(action: &Action, context: &mut Context<'_>) -> bool {
    let now = context.world.now();
    let Some(buckets) = &mut context.world.buckets else { return true };
    let parameters = context.parameters;
    let narrow = ["Filter.", "InstanceId.", "SpotInstanceRequestId."].iter().any(|name| parameters.has_below(name))
        || parameters.get("MaxResults").is_some();
    let (kind, rate) = if !narrow && DEAR_WHEN_UNFILTERED.contains(&action.name) {
        ("unfiltered", UNFILTERED)
    } else {
        ("calls", action.rate)
    };
    buckets.take(action.name, kind, rate, 1, now)
        && action
            .resources
            .is_none_or(|(rate, count)| buckets.take(action.name, "resources", rate, count(parameters), now))
}

impl Context<'_> {
    /// Ends the call here when it is a dry run.
    fn dry_run(&self) -> Result<(), Refusal> {
        if self.parameters.get("DryRun") == Some("true") {
            let text = "Request would have succeeded, but DryRun flag is set.";
            return Err(Refusal::new("DryRunOperation", text));
        }
        Ok(())
    }
}

/// Returns what AWS says of an instance that a user stopped or ended.
pub(crate) const fn user_initiated() -> (&'static str, &'static str) {
    (instances::USER, instances::USER_WORDS)
}
