//! Documents of the operator's own, through a template file.

use std::path::Path;
use std::sync::Arc;

use crate::application::ports::TemplateCatalogue;
use crate::domain::template::{NativeRequests, ProviderKind};
use crate::infrastructure::config::templates::{FileCatalogue, TemplateSettings};
use crate::infrastructure::instance_types::KnownInstanceTypes;

const FLEET: &str = r#""providerApi": "EC2Fleet", "vmTypes": {"m6i.large": 1, "m5.large": 1}"#;
const PLAIN: &str = r#""providerApi": "RunInstances", "vmType": "m6i.large""#;
const SPOT_FLEET: &str =
    r#""providerApi": "SpotFleet", "priceType": "spot", "vmType": "m6i.large", "fleetRole": "grid""#;
const GROUP: &str = r#""providerApi": "ASG", "vmType": "m6i.large""#;

fn put(folder: &Path, name: &str, text: &str) {
    std::io::Write::write_all(&mut std::fs::File::create(folder.join(name)).unwrap(), text.as_bytes()).unwrap();
}

/// Reads a template of this way with these members; the reason when it is refused.
fn read_in(folder: &Path, way: &str, more: &str) -> Result<NativeRequests, String> {
    let text = format!(
        r#"[{{"templateId": "t", "maxNumber": 1, "imageId": "ami-1", "subnetId": "subnet-1", {way}, {more}}}]"#
    );
    put(folder, "instprov_templates.json", &text);
    let types = Arc::new(KnownInstanceTypes::new(folder));
    let settings = TemplateSettings::default();
    let files = FileCatalogue::new(folder.to_owned(), "inst".to_owned(), ProviderKind::Aws, settings, types);
    let listing = files.list().map_err(|error| error.to_string())?;
    Ok(listing.templates[0].launch().native.clone())
}

fn read(way: &str, more: &str) -> Result<NativeRequests, String> {
    read_in(tempfile::tempdir().unwrap().path(), way, more)
}

fn members(request: &crate::domain::template::NativeRequest) -> Vec<String> {
    request.members.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn members_get_the_names_that_they_have_on_the_wire() {
    let document = r#""launchTemplateSpec": {"LaunchTemplateData": {
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": "100", "Encrypted": true}}],
        "SecurityGroupIds": ["sg-1", "sg-2"], "CreditSpecification": {"CpuCredits": "unlimited"}}}"#;
    let native = read(FLEET, document).unwrap();
    assert_eq!(
        members(&native.launch_template),
        [
            "LaunchTemplateData.BlockDeviceMapping.1.DeviceName=/dev/sdf",
            "LaunchTemplateData.BlockDeviceMapping.1.Ebs.Encrypted=true",
            "LaunchTemplateData.BlockDeviceMapping.1.Ebs.VolumeSize=100",
            "LaunchTemplateData.CreditSpecification.CpuCredits=unlimited",
            "LaunchTemplateData.SecurityGroupId.1=sg-1",
            "LaunchTemplateData.SecurityGroupId.2=sg-2",
        ]
    );
    let lists: Vec<_> = native.launch_template.lists.iter().collect();
    assert_eq!(lists, ["LaunchTemplateData.BlockDeviceMapping", "LaunchTemplateData.SecurityGroupId"]);
    assert!(native.call.is_empty());
}

#[test]
fn the_data_of_a_launch_template_may_stand_by_itself() {
    let wrapped = read(FLEET, r#""launch_template_spec": {"LaunchTemplateData": {"KeyName": "grid"}}"#).unwrap();
    let bare = read(FLEET, r#""launch_template_spec": {"KeyName": "grid"}"#).unwrap();
    assert_eq!(wrapped, bare);
}

#[test]
fn without_a_launch_template_both_documents_go_into_the_call() {
    let both =
        r#""launchTemplateSpec": {"KeyName": "one", "EbsOptimized": true}, "providerApiSpec": {"KeyName": "two"}"#;
    let native = read(PLAIN, both).unwrap();
    assert!(native.launch_template.is_empty());
    assert_eq!(members(&native.call), ["EbsOptimized=true", "KeyName=two"]);
}

#[test]
fn every_call_has_its_own_members() {
    for (way, document, wire) in [
        (
            PLAIN,
            r#"{"PrivateDnsNameOptions": {"HostnameType": "ip-name"}}"#,
            "PrivateDnsNameOptions.HostnameType=ip-name",
        ),
        (FLEET, r#"{"OnDemandOptions": {"MaxTotalPrice": "12"}}"#, "OnDemandOptions.MaxTotalPrice=12"),
        (SPOT_FLEET, r#"{"SpotMaxTotalPrice": "3.5"}"#, "SpotFleetRequestConfig.SpotMaxTotalPrice=3.5"),
        (
            SPOT_FLEET,
            r#"{"SpotFleetRequestConfig": {"SpotMaxTotalPrice": "3.5"}}"#,
            "SpotFleetRequestConfig.SpotMaxTotalPrice=3.5",
        ),
        (GROUP, r#"{"TargetGroupARNs": ["arn:aws:a"]}"#, "TargetGroupARNs.member.1=arn:aws:a"),
    ] {
        let native = read(way, &format!(r#""provider_api_spec": {document}"#)).unwrap();
        assert_eq!(members(&native.call), [wire]);
    }
}

#[test]
fn a_document_may_stand_in_a_file_beside_the_templates() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "spec.json", r#"{"KeyName": "grid"}"#);
    let native = read_in(folder.path(), PLAIN, r#""providerApiSpecFile": "spec.json""#).unwrap();
    assert_eq!(members(&native.call), ["KeyName=grid"]);
    let both = r#""providerApiSpecFile": "spec.json", "providerApiSpec": {"KeyName": "x"}"#;
    assert!(read_in(folder.path(), PLAIN, both).unwrap_err().contains("keep one of them"));
    let missing = read_in(folder.path(), PLAIN, r#""launchTemplateSpecFile": "none.json""#).unwrap_err();
    assert!(missing.contains("launchTemplateSpecFile") && missing.contains("none.json"), "{missing}");
}

#[test]
fn what_would_change_tokens_counts_tags_or_the_fate_of_hosts_is_refused() {
    for (way, field, document, word) in [
        (PLAIN, "providerApiSpec", r#"{"ClientToken": "x"}"#, "nothing is launched twice"),
        (PLAIN, "providerApiSpec", r#"{"MaxCount": 5}"#, "the request's to say"),
        (PLAIN, "providerApiSpec", r#"{"TagSpecifications": [{"ResourceType": "instance"}]}"#, "instanceTags"),
        (PLAIN, "providerApiSpec", r#"{"UserData": "aGk="}"#, "userDataScript"),
        (PLAIN, "providerApiSpec", r#"{"DisableApiTermination": true}"#, "hosts end when they are returned"),
        (
            PLAIN,
            "providerApiSpec",
            r#"{"InstanceInitiatedShutdownBehavior": "stop"}"#,
            "hosts end when they are returned",
        ),
        (
            FLEET,
            "providerApiSpec",
            r#"{"TargetCapacitySpecification": {"TotalTargetCapacity": 9}}"#,
            "the request's to say",
        ),
        (FLEET, "providerApiSpec", r#"{"Type": "maintain"}"#, "fleetType"),
        (FLEET, "providerApiSpec", r#"{"LaunchTemplateConfigs": [{"Overrides": []}]}"#, "vmTypes"),
        (FLEET, "launchTemplateSpec", r#"{"LaunchTemplateData": {"InstanceType": "m5.large"}}"#, "vmTypes"),
        (FLEET, "launchTemplateSpec", r#"{"TagSpecifications": [{}], "LaunchTemplateData": {}}"#, "instanceTags"),
        (SPOT_FLEET, "providerApiSpec", r#"{"TerminateInstancesWithExpiration": true}"#, "hosts end when"),
        (GROUP, "providerApiSpec", r#"{"DesiredCapacity": 3}"#, "the request's to say"),
        (GROUP, "providerApiSpec", r#"{"Tags": [{"Key": "hostfactory:owner", "Value": "x"}]}"#, "instanceTags"),
        (
            GROUP,
            "providerApiSpec",
            r#"{"MixedInstancesPolicy": {"LaunchTemplate": {"Overrides": []}}}"#,
            "launchTemplateId",
        ),
        (
            GROUP,
            "providerApiSpec",
            r#"{"MixedInstancesPolicy": {"InstancesDistribution": {"OnDemandBaseCapacity": 2}}}"#,
            "percentOnDemand",
        ),
        (
            GROUP,
            "providerApiSpec",
            r#"{"InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}}"#,
            "hosts end when",
        ),
    ] {
        let reason = read(way, &format!(r#""{field}": {document}"#)).unwrap_err();
        assert!(reason.contains(word), "{document}: {reason}");
    }
}

#[test]
fn what_aws_does_not_have_is_refused_with_what_was_meant() {
    for (document, words) in [
        (
            r#"{"SecurityGroupsIds": ["sg-1"]}"#,
            "SecurityGroupsIds: AWS has no such member here; is SecurityGroupIds meant?",
        ),
        (r#"{"MetadataOptions": {"Hops": 2}}"#, "MetadataOptions.Hops: AWS has no such member here"),
        (r#"{"MetadataOptions": [2]}"#, "MetadataOptions: a list is not an object"),
        (r#"{"EbsOptimized": "perhaps"}"#, "EbsOptimized: 'perhaps' is not true or false"),
        (r#"{"Ipv6AddressCount": 1.5}"#, "Ipv6AddressCount: '1.5' is not a whole number"),
        (r#"{"KeyName": {"a": 1}}"#, "KeyName: an object is not a text"),
        (r#"["KeyName"]"#, "the document: a list is not an object"),
    ] {
        let reason = read(PLAIN, &format!(r#""providerApiSpec": {document}"#)).unwrap_err();
        assert!(reason.contains(words), "{document}: {reason}");
    }
    let reason = read(FLEET, r#""launchTemplateId": "lt-1", "launchTemplateSpec": {"KeyName": "x"}"#).unwrap_err();
    assert!(reason.contains("is never changed"), "{reason}");
}

#[test]
fn variables_are_the_operators_own_and_orbs_are_left_to_the_plug_in() {
    let document = r#""customVariables": {"team": "risk", "size": 40}, "launchTemplateSpec": {"LaunchTemplateData": {
        "ImageId": "{{ image_id }}", "KeyName": "grid-{{ team }}-{{team}}", "InstanceType": "{{ instance_type }}",
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": "{{ size }}"}}]}}"#;
    let native = read(FLEET, document).unwrap();
    assert_eq!(
        members(&native.launch_template),
        [
            "LaunchTemplateData.BlockDeviceMapping.1.DeviceName=/dev/sdf",
            "LaunchTemplateData.BlockDeviceMapping.1.Ebs.VolumeSize=40",
            "LaunchTemplateData.KeyName=grid-risk-risk",
        ]
    );
    for (value, words) in [
        ("{{ colour }}", "no variable 'colour'"),
        ("{{ colour", "'{{' has no '}}'"),
        ("{% if spot %}x{% endif %}", "write the document out"),
    ] {
        let reason = read(PLAIN, &format!(r#""providerApiSpec": {{"KeyName": "{value}"}}"#)).unwrap_err();
        assert!(reason.contains(words), "{value}: {reason}");
    }
}

#[test]
fn an_image_may_come_from_a_document_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"[{"templateId": "t", "maxNumber": 1, "subnetId": "subnet-1", "vmType": "m6i.large",
                   "providerApi": "RunInstances", "providerApiSpec": {"ImageId": "ami-9"}}]"#;
    put(folder.path(), "instprov_templates.json", text);
    let types = Arc::new(KnownInstanceTypes::new(folder.path()));
    let settings = TemplateSettings::default();
    let files = FileCatalogue::new(folder.path().to_owned(), "inst".to_owned(), ProviderKind::Aws, settings, types);
    assert_eq!(files.list().unwrap().refused, []);
}

#[test]
fn hosts_that_aws_would_launch_ahead_of_an_interruption_are_warned_of() {
    for (way, document) in [
        (GROUP, r#"{"CapacityRebalance": true}"#),
        (
            FLEET,
            r#"{"SpotOptions": {"MaintenanceStrategies": {"CapacityRebalance": {"ReplacementStrategy": "launch"}}}}"#,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"[{{"templateId": "t", "maxNumber": 1, "imageId": "ami-1", "subnetId": "subnet-1", {way},
                "providerApiSpec": {document}}}]"#
        );
        put(folder.path(), "instprov_templates.json", &text);
        let types = Arc::new(KnownInstanceTypes::new(folder.path()));
        let settings = TemplateSettings::default();
        let files = FileCatalogue::new(folder.path().to_owned(), "inst".to_owned(), ProviderKind::Aws, settings, types);
        let notes = files.warnings().unwrap();
        assert!(
            notes.iter().any(|(_, lines)| lines.iter().any(|line| line.contains("ahead of an interruption"))),
            "{notes:?}"
        );
    }
}
