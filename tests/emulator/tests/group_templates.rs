//! Launch templates of Auto Scaling groups: sections 6.1 and 7 of the notes on AWS.

use std::collections::BTreeMap;

use hostfactory_emulator::{Edit, IMAGES, LAUNCH_TEMPLATE};

use crate::client::{ask, filtered, frozen};
use crate::group_client::{activities, create, filled, members, pass, scaling, seen};
use crate::templates;

#[test]
fn hosts_carry_the_system_tag_and_passed_tags_and_the_groups_win_over_those_of_the_template() {
    let emulator = frozen();
    let data = [
        ("ImageId", IMAGES[0]),
        ("InstanceType", "m6i.large"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "team"),
        ("TagSpecification.1.Tag.1.Value", "template"),
        ("TagSpecification.1.Tag.2.Key", "cost"),
        ("TagSpecification.1.Tag.2.Value", "42"),
    ];
    let data: BTreeMap<String, String> = data.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    emulator.edit(Edit::LaunchTemplate { id: "lt-0aaaaaaaaaaaaaaaa".to_owned(), data }).unwrap();
    let made = [
        ("LaunchTemplate.LaunchTemplateId", "lt-0aaaaaaaaaaaaaaaa"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "group"),
        ("Tags.member.1.PropagateAtLaunch", "true"),
        ("Tags.member.2.Key", "kept"),
        ("Tags.member.2.Value", "here"),
        ("Tags.member.2.PropagateAtLaunch", "false"),
    ];
    filled(&emulator, "g", "1", &made);
    let tags = &emulator.truth().instances[0].launch.tags;
    let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let ours = [
        ("aws:autoscaling:groupName", "g"),
        ("aws:ec2launchtemplate:id", "lt-0aaaaaaaaaaaaaaaa"),
        ("aws:ec2launchtemplate:version", "1"),
        ("cost", "42"),
        ("team", "group"),
    ];
    assert_eq!(tags, ours);
    assert_eq!(filtered(&emulator, "tag:aws:autoscaling:groupName", "g").all("instanceId").len(), 1);
    assert_eq!(seen(&emulator, "g").all("Key"), ["kept", "team"]);
    let update = [
        ("Tags.member.1.ResourceId", "g"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "other"),
        ("Tags.member.1.PropagateAtLaunch", "true"),
    ];
    assert_eq!(scaling(&emulator, "CreateOrUpdateTags", &update).status, 200);
    let filter = [("Filters.member.1.Name", "key"), ("Filters.member.1.Values.member.1", "team")];
    let tags = scaling(&emulator, "DescribeTags", &filter);
    assert_eq!((tags.one("ResourceId"), tags.one("Value"), tags.one("PropagateAtLaunch")), ("g", "other", "true"));
    assert_eq!(emulator.truth().instances[0].tag("team"), Some("group"), "hosts that live keep theirs");
}

#[test]
fn a_group_launches_the_version_that_is_meant_at_that_time() {
    let emulator = frozen();
    let template = templates::create(&emulator, "grid", &[]).one("launchTemplateId").to_owned();
    let named = [
        ("LaunchTemplate.LaunchTemplateId", ""),
        ("LaunchTemplate.LaunchTemplateName", "grid"),
        ("LaunchTemplate.Version", "$Latest"),
    ];
    filled(&emulator, "g", "1", &named);
    let newer = [("LaunchTemplateId", template.as_str()), ("LaunchTemplateData.InstanceType", "m5.large")];
    let newer = [&newer[..], &[("SourceVersion", "1")]].concat();
    assert_eq!(ask(&emulator, "CreateLaunchTemplateVersion", &newer).status, 200);
    emulator.resize_group("g", 2).unwrap();
    pass(&emulator, 60);
    let group = seen(&emulator, "g");
    assert_eq!(group.all("LaunchTemplateId"), [template.as_str(); 3], "of the group and of each host");
    assert_eq!(group.all("LaunchTemplateName"), ["grid"; 3]);
    assert_eq!(group.all("Version"), ["$Latest", "1", "2"]);
    assert_eq!(group.all("InstanceType"), ["c5.large", "m5.large"]);
    let tags: Vec<String> =
        emulator.truth().instances.iter().filter_map(|host| host.tag("from").map(str::to_owned)).collect();
    assert_eq!(tags, ["template", "template"]);
    emulator.drop_template("grid");
    emulator.resize_group("g", 3).unwrap();
    pass(&emulator, 10);
    assert_eq!(members(&emulator, "g").len(), 2);
    let text = "The specified launch template, with template name grid, does not exist.";
    assert!(activities(&emulator, "g").one("Description").contains(text), "{}", activities(&emulator, "g").body);
    assert_eq!(seen(&emulator, "g").all("LaunchTemplateName"), ["grid"; 3]);
}

#[test]
fn an_override_may_name_its_own_launch_template() {
    let emulator = frozen();
    templates::create(&emulator, "grid", &[]);
    let list = "MixedInstancesPolicy.LaunchTemplate.Overrides.member.1";
    let (name, kind) =
        (format!("{list}.LaunchTemplateSpecification.LaunchTemplateName"), format!("{list}.InstanceType"));
    let mixed = [
        ("LaunchTemplate.LaunchTemplateId", ""),
        ("LaunchTemplate.Version", ""),
        ("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId", LAUNCH_TEMPLATE),
        (kind.as_str(), "c6i.large"),
        (name.as_str(), "grid"),
    ];
    filled(&emulator, "g", "1", &mixed);
    let launch = emulator.truth().instances[0].launch.clone();
    assert_eq!((launch.instance_type.as_str(), launch.image.as_str()), ("c6i.large", IMAGES[1]));
    let group = seen(&emulator, "g");
    assert_eq!(group.all("LaunchTemplateName"), [LAUNCH_TEMPLATE, "grid", "grid"]);
    let unknown: Vec<(&str, &str)> =
        mixed.iter().map(|(key, value)| (*key, if *key == name { "nobody" } else { value })).collect();
    assert_eq!(create(&emulator, "h", "1", &unknown).code(), "ValidationError");
}
