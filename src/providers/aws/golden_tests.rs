//! What is sent to AWS, field by field: each file in `tests/fixtures/golden` holds a template and, below a line, the calls
//! of an order of three hosts. `HOSTFACTORY_WRITE_GOLDEN=1` writes them anew; read what changed before you commit it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use crate::application::ports::{Fulfilment, Launch, Owner, Rehearsal, TemplateCatalogue};
use crate::domain::request::{Request, RequestPolicy};
use crate::domain::template::{ProviderApi, ProviderKind, Template};
use crate::domain::{FailureClass, RequestId, RequestKind, Timestamp};
use crate::infrastructure::config::templates::{FileCatalogue, TemplateSettings};
use crate::infrastructure::instance_types::KnownInstanceTypes;
use crate::providers::aws::client::ClientSource;
use crate::providers::aws::fake::{FakeAws, Reply, Seen};
use crate::providers::aws::{
    AutoScaling, InstantFleet, MaintainFleet, MaintainSpotFleet, RequestFleet, RequestSpotFleet, RunInstances,
};

const LINE: &str = "---\n";

/// Answers what a launch asks for before it is sent.
fn told(seen: &Seen) -> Reply {
    match seen.action() {
        "DescribeImages" => Reply::ok(
            "<DescribeImagesResponse><imagesSet><item><rootDeviceName>/dev/xvda</rootDeviceName></item></imagesSet>\
             </DescribeImagesResponse>",
        ),
        "DescribeLaunchTemplates" => Reply::ok(
            "<DescribeLaunchTemplatesResponse><launchTemplates><item><latestVersionNumber>12</latestVersionNumber>\
             <defaultVersionNumber>3</defaultVersionNumber></item></launchTemplates></DescribeLaunchTemplatesResponse>",
        ),
        "DescribeInstanceTypes" => Reply::ok(
            "<DescribeInstanceTypesResponse><instanceTypeSet><item><instanceType>m6i.large</instanceType><vCpuInfo>\
             <defaultCores>1</defaultCores><defaultThreadsPerCore>2</defaultThreadsPerCore><validThreadsPerCore><item>1</item><item>2</item></validThreadsPerCore>\
             </vCpuInfo></item></instanceTypeSet></DescribeInstanceTypesResponse>",
        ),
        "DescribeSubnets" => Reply::ok(
            "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-0a1b2c3d</subnetId><availabilityZone>us-east-1a\
             </availabilityZone></item><item><subnetId>subnet-1a2b3c4d</subnetId><availabilityZone>us-east-1b\
             </availabilityZone></item></subnetSet></DescribeSubnetsResponse>",
        ),
        action if action.ends_with("GetParameter") => Reply::ok(r#"{"Parameter": {"Value": "ami-00000000000000007"}}"#),
        action => panic!("{action} reached AWS"),
    }
}

fn template(text: &str) -> Result<Template, String> {
    let folder = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(folder.path().join("instprov_templates.json")).unwrap();
    std::io::Write::write_all(&mut file, format!("[{text}]").as_bytes()).unwrap();
    let types = Arc::new(KnownInstanceTypes::new(folder.path()));
    let settings = TemplateSettings::default();
    let files = FileCatalogue::new(folder.path().to_owned(), "inst".to_owned(), ProviderKind::Aws, settings, types);
    files.find(&"T".parse().unwrap()).map_err(|error| error.to_string())
}

fn way(api: ProviderApi, clients: Arc<dyn ClientSource>) -> Arc<dyn Fulfilment> {
    match api {
        ProviderApi::RunInstances => Arc::new(RunInstances::over(clients)),
        ProviderApi::Ec2FleetInstant => Arc::new(InstantFleet::over(clients)),
        ProviderApi::Ec2FleetRequest => Arc::new(RequestFleet { clients }),
        ProviderApi::Ec2FleetMaintain => Arc::new(MaintainFleet { clients }),
        ProviderApi::SpotFleetRequest => Arc::new(RequestSpotFleet { clients }),
        ProviderApi::SpotFleetMaintain => Arc::new(MaintainSpotFleet { clients }),
        ProviderApi::AutoScaling => Arc::new(AutoScaling { clients }),
        ProviderApi::Simulated => panic!("a template of AWS"),
    }
}

/// Goes through an order of three hosts.
async fn rehearsed(fake: &FakeAws, template: &Template, check: bool) -> Rehearsal {
    let owner = Owner {
        installation: "grid-1".parse().unwrap(),
        request: RequestId::unused(RequestKind::Acquire),
        template: template.id().clone(),
        account: None,
    };
    let provider = way(template.api(), fake.clients());
    let plan = provider.prepare(template, &owner).await.unwrap();
    let (at, count) = (Timestamp::from_seconds(1_769_860_800), 3.try_into().unwrap());
    let policy = RequestPolicy::default();
    let mut request = Request::acquire(owner.request, template, count, None, plan, &policy, at);
    request.plan_attempts(&owner.installation, at.into());
    let acquire = request.as_acquire().unwrap();
    let user_data = template.launch().user_data.as_ref().and_then(|data| data.text());
    let launch = Launch { attempt: &acquire.attempts[0], plan: &acquire.plan, user_data };
    provider.rehearse(launch, check).await.unwrap()
}

async fn calls(template: &Template) -> String {
    let fake = FakeAws::new(told);
    fake.clock.freeze();
    let mut text = String::new();
    for mut call in rehearsed(&fake, template, false).await.calls {
        let _ = writeln!(text, "{}", call.operation);
        call.parameters.sort();
        for (name, value) in call.parameters {
            let _ = writeln!(text, "  {name}={value}");
        }
    }
    text
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test reads its own switch and writes its own fixtures")]
async fn every_group_of_fields_is_sent_as_it_was() {
    let folder = Path::new("tests/fixtures/golden");
    let mut changed = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 50, "{} files", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let (written, expected) = text.split_once(LINE).unwrap_or((&text, ""));
        let template = template(written).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
        let sent = calls(&template).await;
        if sent == expected {
            continue;
        }
        if std::env::var_os("HOSTFACTORY_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, format!("{written}{LINE}{sent}")).unwrap();
        } else {
            changed.push(format!("{}:\n{sent}", path.display()));
        }
    }
    assert!(changed.is_empty(), "sent otherwise than before:\n{}", changed.join("\n"));
}

fn fleet() -> Template {
    template(
        r##"{"templateId": "T", "maxNumber": 9, "providerApi": "EC2Fleet", "imageId": "ami-1", "vmType": "m6i.large",
            "subnetId": "subnet-1", "userDataScript": "#!/bin/sh\necho CANARY"}"##,
    )
    .unwrap()
}

#[tokio::test]
async fn a_rehearsal_sends_nothing_notes_nothing_and_shows_no_boot_script() {
    let fake = FakeAws::new(|seen| panic!("{} reached AWS", seen.action()));
    let before = fake.notebook.0.lock().unwrap().clone();
    let rehearsal = rehearsed(&fake, &fleet(), false).await;
    let operations: Vec<_> = rehearsal.calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(operations, ["CreateLaunchTemplate", "CreateFleet"]);
    assert!(rehearsal.verdict.is_none());
    assert_eq!(*fake.notebook.0.lock().unwrap(), before);
    let shown = format!("{:?}", rehearsal.calls);
    assert!(shown.contains("boot script") && !shown.contains("Q0FOQVJZ") && !shown.contains("CANARY"), "{shown}");
}

#[tokio::test]
async fn aws_is_asked_with_dry_run_alone() {
    for (code, would) in [("DryRunOperation", true), ("UnauthorizedOperation", false)] {
        let fake = FakeAws::new(move |seen| {
            assert_eq!(seen.get("DryRun"), Some("true"), "{seen:?}");
            Reply::error(if would { 412 } else { 403 }, code, "as asked")
        });
        let verdict = rehearsed(&fake, &fleet(), true).await.verdict.unwrap();
        match verdict {
            Ok(()) => assert!(would),
            Err(error) => assert!(!would && error.class == FailureClass::AuthDenied, "{error:?}"),
        }
        assert_eq!(fake.actions(), ["CreateLaunchTemplate"]);
    }
}

#[tokio::test]
async fn groups_cannot_be_asked() {
    let group = template(
        r#"{"templateId": "T", "maxNumber": 9, "providerApi": "ASG", "launchTemplateId": "lt-1",
            "launchTemplateVersion": 1, "vmType": "m6i.large", "subnetId": "subnet-1"}"#,
    )
    .unwrap();
    let fake = FakeAws::new(|seen| panic!("{} reached AWS", seen.action()));
    let rehearsal = rehearsed(&fake, &group, true).await;
    assert_eq!(rehearsal.calls[0].operation, "CreateAutoScalingGroup");
    assert!(rehearsal.verdict.is_none());
}
