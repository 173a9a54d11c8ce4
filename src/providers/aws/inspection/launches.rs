//! A dry run of `RunInstances` with what a template names: it tells whether the instance profile can be used, and, of ways
//! whose own first call is another, whether the caller may launch at all.
//!
//! Fleets of type instant and Auto Scaling groups launch with the caller's right to `RunInstances`; of a profile that is not
//! there AWS says `InvalidParameterValue`, "Invalid IAM Instance Profile name" or "… ARN" (karpenter-provider-aws,
//! `pkg/errors/errors.go` and `pkg/controllers/nodeclass/validation.go`).

use aws_sdk_ec2::types::{IamInstanceProfileSpecification, LaunchTemplateSpecification, ResourceType};

use super::facts::Facts;
use super::rights::mend;
use super::trials::{Bench, Verdict, dry_run};
use crate::application::ProviderError;
use crate::application::ports::Finding;
use crate::domain::template::{Image, Template};
use crate::providers::aws::error::{plain, provider_error};
use crate::providers::aws::retry;

const RUN: &str = "RunInstances";
/// What AWS's text says when the profile is the trouble.
const PROFILE: &str = "iam instance profile";

/// What a dry run of a launch has shown.
pub(super) struct Launched {
    /// Of the instance profile, where the template names one.
    pub(super) profile: Option<Finding>,
    /// Of the right to launch, where nothing else asks for it.
    pub(super) right: Option<Finding>,
}

/// Tries a launch of one host, where that tells something that nothing else does (`is_indirect`: the template's own first
/// call is not `RunInstances`).
pub(super) async fn tried(
    bench: &Bench<'_>,
    template: &Template,
    facts: &Facts,
    is_indirect: bool,
) -> Option<Launched> {
    let named = template.launch().instance_profile.as_deref();
    if named.is_none() && !is_indirect {
        return None;
    }
    let name = |what: &str| format!("template {}: {what}", template.id());
    let answer = if bench.knows_dry_runs {
        launched(bench, template, facts).await
    } else {
        let text = "this endpoint has not shown that it knows dry runs";
        Err(ProviderError::new(RUN, crate::domain::FailureClass::Unknown, text))
    };
    let blames_profile = |error: &ProviderError| error.message.to_lowercase().contains(PROFILE);
    let profile = named.map(|named| {
        let name = name("instance profile");
        match &answer {
            Err(error) if blames_profile(error) => Finding::failed(
                name,
                format!("AWS does not take {named}: {}", plain(&error.message, 300)),
                "correct instanceProfile: the name or the ARN of an instance profile of this account, which is not always \
                 that of its role; one that is new is known after some seconds",
            ),
            Err(error) if error.class == crate::domain::FailureClass::DryRun => Finding::good(name, named),
            Err(error) if error.class == crate::domain::FailureClass::AuthDenied => {
                let text = format!("not clear: the launch as a whole is refused, perhaps for iam:PassRole: {error}");
                Finding::skipped(name, plain(&text, 400))
            }
            Err(error) => Finding::skipped(name, plain(&format!("not clear: {error}"), 400)),
            Ok(()) => Finding::skipped(name, "not clear: this endpoint does not know dry runs"),
        }
    });
    let right = is_indirect.then(|| {
        let name = name("ec2:RunInstances");
        match Verdict::of_dry_run(answer, false, false) {
            Verdict::Allowed => Finding::good(name, "AWS would carry it out, its tags too"),
            Verdict::Unclear(text) => Finding::skipped(name, plain(&text, 400)),
            Verdict::Denied(error) => {
                let mend = format!("{}, with ec2:CreateTags and iam:PassRole", mend("ec2:RunInstances"));
                Finding::failed(name, error.to_string(), mend)
            }
        }
    });
    Some(Launched { profile, right })
}

/// Makes a dry run of one host of the template, in its first type and subnet.
async fn launched(bench: &Bench<'_>, template: &Template, facts: &Facts) -> Result<(), ProviderError> {
    let launch = template.launch();
    let image = match &launch.image {
        Some(Image::Ami(id)) => Some(id.clone()),
        Some(Image::SsmParameter(alias)) => facts.aliases.get(alias).and_then(|found| found.as_ref().ok()).cloned(),
        None => None,
    };
    let own = launch.launch_template.as_ref().map(|named| {
        let version = named.version.clone().unwrap_or_else(|| "$Default".to_owned());
        LaunchTemplateSpecification::builder().launch_template_id(&named.id).version(version).build()
    });
    let profile = launch.instance_profile.as_ref().map(|named| {
        let profile = IamInstanceProfileSpecification::builder();
        if named.starts_with("arn:") { profile.arn(named) } else { profile.name(named) }.build()
    });
    let kind = launch.instance_types.first().map(|kind| kind.name.as_str().into());
    let groups = (!launch.security_groups.is_empty()).then(|| launch.security_groups.clone());
    retry::send(&bench.clients.gate, RUN, bench.policy, || async {
        let call = bench.clients.ec2.run_instances().min_count(1).max_count(1);
        let call = call.set_image_id(image.clone()).set_launch_template(own.clone());
        let call = call.set_instance_type(kind.clone()).set_subnet_id(launch.subnets.first().cloned());
        let call = call.set_security_group_ids(groups.clone()).set_key_name(launch.key_name.clone());
        let call = call.set_iam_instance_profile(profile.clone());
        dry_run!(RUN, call.set_tag_specifications(bench.tags(ResourceType::Instance)))
    })
    .await
}
