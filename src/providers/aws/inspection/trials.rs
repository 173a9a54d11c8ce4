//! The calls that tell whether an action is allowed, and change nothing.
//!
//! EC2 answers a dry run with `DryRunOperation` to whoever has the right and with `UnauthorizedOperation` to whoever has not
//! (Amazon EC2 API Reference, `DryRun` of each action). Which of the two comes first when the call names something that is
//! not there, the lack of the right or of the thing, is documented nowhere: any other answer is unclear. `CreateFleet` is
//! asked by AWS's own Karpenter with a launch template that does not exist (karpenter-provider-aws,
//! `pkg/controllers/nodeclass/validation.go`), so it looks at the right alone.
//!
//! Invariants: nothing that could create, change or end anything is sent to an endpoint that has not shown that it knows dry
//! runs; of ours that is there only what bears our owner tag is named.

use aws_sdk_ec2::types::{
    DefaultTargetCapacityType, FleetExcessCapacityTerminationPolicy, FleetLaunchTemplateConfigRequest,
    FleetLaunchTemplateSpecification, FleetLaunchTemplateSpecificationRequest, FleetType, LaunchTemplateConfig,
    RequestLaunchTemplateData, Reservation, ResourceType, SpotFleetRequestConfigData, Tag, TagSpecification,
    TargetCapacitySpecificationRequest,
};
use aws_smithy_types::DateTime;

use super::resources;
use crate::application::ProviderError;
use crate::application::ports::ResourceKind;
use crate::domain::{FailureClass, InstallationId};
use crate::providers::aws::client::{ClientSource, Clients};
use crate::providers::aws::error::provider_error;
use crate::providers::aws::observation::filter;
use crate::providers::aws::retry::{self, Policy};
use crate::providers::aws::tags;

const INSTANCES: &str = "DescribeInstances";
/// The smallest page that EC2 gives.
const PAGE: i32 = 5;
/// A launch template that nobody has: ours are named after the installation.
const NO_TEMPLATE: &str = "hostfactory-doctor-tries-a-right";

/// What AWS says of an action.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is allowed.
    Allowed,
    /// It is not.
    Denied(ProviderError),
    /// It does not say.
    Unclear(String),
}

impl Verdict {
    /// Returns what the answer to a dry run means. An action may be allowed on what bears our tag alone (`is_bound`), and then
    /// a refusal of what nobody has (`is_invented`) says nothing.
    pub(super) fn of_dry_run(answer: Result<(), ProviderError>, is_bound: bool, is_invented: bool) -> Self {
        match answer {
            Ok(()) => Self::Unclear("not clear: this endpoint carried a dry run out, or does not know them".to_owned()),
            Err(error) if error.class == FailureClass::DryRun => Self::Allowed,
            Err(error) if error.class == FailureClass::AuthDenied && is_bound && is_invented => Self::Unclear(
                "not clear: AWS refuses it for an id that nobody has, and so does a policy that is bound to our tag; run \
                 doctor again while something of ours is there"
                    .to_owned(),
            ),
            Err(error) if error.class == FailureClass::AuthDenied => Self::Denied(error),
            Err(error) => Self::Unclear(unclear(&error)),
        }
    }

    /// Returns what the answer to a call that was made means.
    pub(super) fn of_read(answer: Result<(), ProviderError>) -> Self {
        match answer {
            Ok(()) => Self::Allowed,
            Err(error) if error.class == FailureClass::AuthDenied => Self::Denied(error),
            Err(error) => Self::Unclear(unclear(&error)),
        }
    }
}

/// Returns that an answer is neither yes nor no, what it was first: a table may have room for no more.
fn unclear(error: &ProviderError) -> String {
    match &error.code {
        Some(code) => format!("not clear: {code} came first: {}", error.message),
        None => format!("not clear: {}", error.message),
    }
}

/// Something of ours for each kind that an action is about, where there is one.
#[derive(Debug, Default)]
pub(super) struct Owned {
    pub(super) host: Option<String>,
    pub(super) fleet: Option<String>,
    pub(super) spot_fleet: Option<String>,
    pub(super) group: Option<String>,
    pub(super) template: Option<String>,
}

/// Who tries, and with what.
pub(super) struct Bench<'a> {
    pub(super) clients: &'a Clients,
    pub(super) policy: Policy,
    pub(super) owned: Owned,
    /// Whether the endpoint has shown that it knows dry runs.
    pub(super) knows_dry_runs: bool,
    /// What bears it is ours.
    pub(super) owner: Option<String>,
    /// The role of a Spot Fleet, as its ARN.
    pub(super) fleet_role: Option<String>,
}

/// Sends the call as a dry run, whatever it is.
macro_rules! dry_run {
    ($operation:expr, $call:expr) => {
        $call.dry_run(true).send().await.map(|_| ()).map_err(|error| provider_error($operation, &error))
    };
}
pub(super) use dry_run;

impl<'a> Bench<'a> {
    /// Finds out whether the endpoint knows dry runs, and what of ours there is.
    pub(super) async fn new(
        source: &dyn ClientSource,
        clients: &'a Clients,
        installation: Option<&InstallationId>,
        makes_resources: bool,
    ) -> Self {
        let policy = Policy::describes(source.settings());
        let owner = installation.map(ToString::to_string);
        let mut bench =
            Self { clients, policy, owned: Owned::default(), knows_dry_runs: false, owner, fleet_role: None };
        let first = bench.dry(INSTANCES).await;
        bench.knows_dry_runs = first.is_err_and(|error| error.class == FailureClass::DryRun);
        if let Some(owner) = bench.owner.clone().filter(|_| bench.knows_dry_runs) {
            bench.owned = bench.owned(source, &owner, makes_resources).await;
        }
        bench
    }

    /// Looks for something of ours; what cannot be listed is as good as not there.
    async fn owned(&self, source: &dyn ClientSource, owner: &str, makes_resources: bool) -> Owned {
        let of_ours =
            [filter(format!("tag:{}", tags::OWNER), [owner]), filter("instance-state-name", ["pending", "running"])];
        let answer = retry::send(&self.clients.gate, INSTANCES, self.policy, || async {
            let call = self.clients.ec2.describe_instances().set_filters(Some(of_ours.to_vec())).max_results(PAGE);
            call.send().await.map_err(|error| provider_error(INSTANCES, &error))
        })
        .await;
        let reservations = answer.ok().and_then(|answer| answer.reservations).unwrap_or_default();
        let host = reservations.iter().flat_map(Reservation::instances).find_map(|host| host.instance_id());
        let mut things = Owned { host: host.map(str::to_owned), ..Owned::default() };
        if !makes_resources {
            return things;
        }
        let found = resources::listed(source).await.map(|told| told.found).unwrap_or_default();
        for one in found.into_iter().filter(|one| one.owner == owner) {
            let place = match one.kind {
                ResourceKind::Ec2Fleet => &mut things.fleet,
                ResourceKind::SpotFleet => &mut things.spot_fleet,
                ResourceKind::AutoScalingGroup => &mut things.group,
                ResourceKind::LaunchTemplate => &mut things.template,
            };
            place.get_or_insert(one.name);
        }
        things
    }

    /// Returns whether what an action of EC2 is tried on is made up.
    pub(super) fn is_invented(&self, action: &str) -> bool {
        match action {
            "TerminateInstances" | "GetConsoleOutput" => self.owned.host.is_none(),
            "ModifyFleet" | "DeleteFleets" | "DescribeFleetHistory" => self.owned.fleet.is_none(),
            "CancelSpotFleetRequests" | "DescribeSpotFleetRequestHistory" => self.owned.spot_fleet.is_none(),
            "DeleteLaunchTemplate" => self.owned.template.is_none(),
            _ => false,
        }
    }

    /// Makes a dry run of an action of EC2.
    pub(super) async fn dry(&self, action: &'static str) -> Result<(), ProviderError> {
        retry::send(&self.clients.gate, action, self.policy, || async {
            match self.reading(action).await {
                Some(answer) => answer,
                None if self.knows_dry_runs => self.writing(action).await,
                None => {
                    let text = "this endpoint has not shown that it knows dry runs, so it was not sent";
                    Err(ProviderError::new(action, FailureClass::Unknown, text))
                }
            }
        })
        .await
    }

    /// Makes a dry run of an action that only looks; `None` for any other.
    async fn reading(&self, action: &'static str) -> Option<Result<(), ProviderError>> {
        let ec2 = &self.clients.ec2;
        let since = || DateTime::from_secs(self.clients.gate.clock.now().as_seconds() - 60);
        let owned = &self.owned;
        Some(match action {
            INSTANCES => dry_run!(action, ec2.describe_instances()),
            "DescribeInstanceStatus" => dry_run!(action, ec2.describe_instance_status()),
            "DescribeSpotInstanceRequests" => dry_run!(action, ec2.describe_spot_instance_requests()),
            "DescribeSubnets" => dry_run!(action, ec2.describe_subnets()),
            // Without a filter a dry run is answered at once all the same.
            "DescribeImages" => dry_run!(action, ec2.describe_images().owners("self")),
            "DescribeInstanceTypes" => dry_run!(action, ec2.describe_instance_types()),
            "DescribeLaunchTemplates" => dry_run!(action, ec2.describe_launch_templates()),
            "DescribeLaunchTemplateVersions" => {
                let call = ec2.describe_launch_template_versions();
                dry_run!(action, call.launch_template_name(owned.template.as_deref().unwrap_or(NO_TEMPLATE)))
            }
            "DescribeFleets" => dry_run!(action, ec2.describe_fleets()),
            "DescribeFleetHistory" => {
                let call = ec2.describe_fleet_history().fleet_id(owned.fleet.clone().unwrap_or_else(no_fleet));
                dry_run!(action, call.start_time(since()))
            }
            "DescribeSpotFleetRequests" => dry_run!(action, ec2.describe_spot_fleet_requests()),
            "DescribeSpotFleetRequestHistory" => {
                let id = owned.spot_fleet.clone().unwrap_or_else(no_spot_fleet);
                let call = ec2.describe_spot_fleet_request_history().spot_fleet_request_id(id);
                dry_run!(action, call.start_time(since()))
            }
            "GetConsoleOutput" => dry_run!(action, ec2.get_console_output().instance_id(self.host())),
            _ => return None,
        })
    }

    /// Makes a dry run of an action that would create, change or end something.
    async fn writing(&self, action: &'static str) -> Result<(), ProviderError> {
        let ec2 = &self.clients.ec2;
        let owned = &self.owned;
        match action {
            "TerminateInstances" => dry_run!(action, ec2.terminate_instances().instance_ids(self.host())),
            "CreateLaunchTemplate" => {
                let data = RequestLaunchTemplateData::builder().instance_type("m6i.large".into()).build();
                let call = ec2.create_launch_template().launch_template_name(NO_TEMPLATE).launch_template_data(data);
                dry_run!(action, call.set_tag_specifications(self.tags(ResourceType::LaunchTemplate)))
            }
            "DeleteLaunchTemplate" => {
                let name = owned.template.as_deref().unwrap_or(NO_TEMPLATE);
                dry_run!(action, ec2.delete_launch_template().launch_template_name(name))
            }
            "CreateFleet" => {
                let template = FleetLaunchTemplateSpecificationRequest::builder()
                    .launch_template_name(owned.template.as_deref().unwrap_or(NO_TEMPLATE))
                    .version("$Default")
                    .build();
                let config = FleetLaunchTemplateConfigRequest::builder().launch_template_specification(template);
                let target = TargetCapacitySpecificationRequest::builder()
                    .total_target_capacity(1)
                    .default_target_capacity_type(DefaultTargetCapacityType::OnDemand)
                    .build();
                let call = ec2.create_fleet().r#type(FleetType::Instant).launch_template_configs(config.build());
                let call = call.target_capacity_specification(target);
                dry_run!(action, call.set_tag_specifications(self.tags(ResourceType::Fleet)))
            }
            "ModifyFleet" => {
                let call = ec2.modify_fleet().fleet_id(owned.fleet.clone().unwrap_or_else(no_fleet));
                let excess = FleetExcessCapacityTerminationPolicy::NoTermination;
                dry_run!(action, call.excess_capacity_termination_policy(excess))
            }
            "DeleteFleets" => {
                let call = ec2.delete_fleets().fleet_ids(owned.fleet.clone().unwrap_or_else(no_fleet));
                dry_run!(action, call.terminate_instances(false))
            }
            "RequestSpotFleet" => {
                let template = FleetLaunchTemplateSpecification::builder()
                    .launch_template_name(owned.template.as_deref().unwrap_or(NO_TEMPLATE))
                    .version("$Default")
                    .build();
                let config = SpotFleetRequestConfigData::builder()
                    .set_iam_fleet_role(self.fleet_role.clone())
                    .target_capacity(1)
                    .r#type(FleetType::Request)
                    .launch_template_configs(
                        LaunchTemplateConfig::builder().launch_template_specification(template).build(),
                    )
                    .set_tag_specifications(self.tags(ResourceType::SpotFleetRequest))
                    .build();
                dry_run!(action, ec2.request_spot_fleet().spot_fleet_request_config(config))
            }
            "CancelSpotFleetRequests" => {
                let id = owned.spot_fleet.clone().unwrap_or_else(no_spot_fleet);
                let call = ec2.cancel_spot_fleet_requests().spot_fleet_request_ids(id).terminate_instances(false);
                dry_run!(action, call)
            }
            _ => Err(ProviderError::new(action, FailureClass::Unknown, "no dry run of it is known")),
        }
    }

    /// Makes the smallest real call of an action of Auto Scaling.
    pub(super) async fn read_groups(&self, action: &'static str) -> Result<(), ProviderError> {
        retry::send(&self.clients.gate, action, self.policy, || async {
            let groups = &self.clients.groups;
            match action {
                "DescribeAutoScalingGroups" => {
                    let answer = groups.describe_auto_scaling_groups().max_records(1).send().await;
                    answer.map(|_| ()).map_err(|error| provider_error(action, &error))
                }
                "DescribeAutoScalingInstances" => {
                    let answer = groups.describe_auto_scaling_instances().max_records(1).send().await;
                    answer.map(|_| ()).map_err(|error| provider_error(action, &error))
                }
                "DescribeScalingActivities" => {
                    let answer = groups.describe_scaling_activities().max_records(1).send().await;
                    answer.map(|_| ()).map_err(|error| provider_error(action, &error))
                }
                "DescribeInstanceRefreshes" => {
                    let Some(group) = &self.owned.group else {
                        let text = "it takes a group that is there, and none is of ours";
                        return Err(ProviderError::new(action, FailureClass::Unknown, text));
                    };
                    let call = groups.describe_instance_refreshes().auto_scaling_group_name(group).max_records(1);
                    call.send().await.map(|_| ()).map_err(|error| provider_error(action, &error))
                }
                _ => Err(ProviderError::new(action, FailureClass::Unknown, "no harmless call of it is known")),
            }
        })
        .await
    }

    fn host(&self) -> String {
        self.owned.host.clone().unwrap_or_else(|| "i-00000000000000000".to_owned())
    }

    /// Returns our owner tag for what a call would create: with it AWS asks for the right to tag too (Amazon EC2 User Guide,
    /// "Grant permission to tag Amazon EC2 resources during creation").
    pub(super) fn tags(&self, kind: ResourceType) -> Option<Vec<TagSpecification>> {
        let owner = self.owner.as_ref()?;
        let tag = Tag::builder().key(tags::OWNER).value(owner).build();
        Some(vec![TagSpecification::builder().resource_type(kind).tags(tag).build()])
    }
}

fn no_fleet() -> String {
    "fleet-00000000-0000-0000-0000-000000000000".to_owned()
}

fn no_spot_fleet() -> String {
    "sfr-00000000-0000-0000-0000-000000000000".to_owned()
}
