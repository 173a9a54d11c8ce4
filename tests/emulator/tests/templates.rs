//! Launch templates: section 7 of the notes on AWS.

use hostfactory_emulator::{Emulator, IMAGES, LAUNCH_TEMPLATE, PARAMETERS, SECURITY_GROUP, SUBNETS};

use crate::client::{Answer, ask, filtered, frozen, run};

/// What most launch templates of these tests say.
pub(crate) const DATA: [(&str, &str); 6] = [
    ("LaunchTemplateData.ImageId", IMAGES[1]),
    ("LaunchTemplateData.InstanceType", "c5.large"),
    ("LaunchTemplateData.SecurityGroupId.1", SECURITY_GROUP),
    ("LaunchTemplateData.TagSpecification.1.ResourceType", "instance"),
    ("LaunchTemplateData.TagSpecification.1.Tag.1.Key", "from"),
    ("LaunchTemplateData.TagSpecification.1.Tag.1.Value", "template"),
];

/// Makes a launch template of this name.
pub(crate) fn create(emulator: &Emulator, name: &str, more: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![("LaunchTemplateName", name)];
    parameters.extend(DATA);
    for (name, value) in more {
        parameters.retain(|(other, _)| other != name);
        parameters.push((name, value));
    }
    ask(emulator, "CreateLaunchTemplate", &parameters)
}

#[test]
fn a_launch_template_is_made_once_for_each_token_and_once_for_each_name() {
    let emulator = frozen();
    let made = create(&emulator, "grid", &[("ClientToken", "t")]);
    assert_eq!((made.status, made.one("launchTemplateName"), made.one("latestVersionNumber")), (200, "grid", "1"));
    let again = create(&emulator, "grid", &[("ClientToken", "t")]);
    assert_eq!(again.one("launchTemplateId"), made.one("launchTemplateId"));
    let other = create(&emulator, "grid", &[("ClientToken", "t"), ("LaunchTemplateData.InstanceType", "m5.large")]);
    assert_eq!(other.code(), "IdempotentParameterMismatch");
    let taken = create(&emulator, "grid", &[("ClientToken", "u")]);
    assert_eq!((taken.status, taken.code()), (400, "InvalidLaunchTemplateName.AlreadyExistsException"));
}

#[test]
fn names_have_3_to_128_letters_and_data_is_needed_and_not_looked_at() {
    let emulator = frozen();
    let malformed = "InvalidLaunchTemplateName.MalformedException";
    let (long, longer) = ("x".repeat(128), "x".repeat(129));
    for (name, wanted) in [("ab", malformed), ("a b", malformed), (&longer, malformed), (&long, ""), ("abc", "")] {
        assert_eq!(create(&emulator, name, &[]).code(), wanted, "{name}");
    }
    assert_eq!(ask(&emulator, "CreateLaunchTemplate", &[("LaunchTemplateName", "abcd")]).code(), "MissingParameter");
    let bad = [("LaunchTemplateData.ImageId", "ami-00000000000000000")];
    let made = create(&emulator, "later", &bad);
    assert_eq!(made.status, 200);
    let launch = [("LaunchTemplate.LaunchTemplateName", "later"), ("ImageId", ""), ("InstanceType", "")];
    assert_eq!(run(&emulator, 1, &launch).code(), "InvalidAMIID.NotFound", "a bad id shows at launch");
    let alias = format!("resolve:ssm:{}", PARAMETERS[0]);
    create(&emulator, "alias", &[("LaunchTemplateData.ImageId", &alias)]);
    let launch = [("LaunchTemplate.LaunchTemplateName", "alias"), ("ImageId", ""), ("InstanceType", "")];
    assert_eq!(run(&emulator, 1, &launch).one("imageId"), IMAGES[0]);
    assert_eq!(create(&emulator, "dry", &[("DryRun", "true")]).code(), "DryRunOperation");
    let house = [("TagSpecification.1.ResourceType", "instance")];
    assert_eq!(create(&emulator, "tags", &house).code(), "InvalidParameterValue", "tags are of the template");
}

#[test]
fn what_a_template_says_is_under_what_the_call_says_and_the_host_bears_its_mark() {
    let emulator = frozen();
    let id = create(&emulator, "grid", &[]).one("launchTemplateId").to_owned();
    let more = [
        ("ImageId", ""),
        ("LaunchTemplate.LaunchTemplateName", "grid"),
        ("LaunchTemplate.Version", "1"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "of"),
        ("TagSpecification.1.Tag.1.Value", "call"),
    ];
    let host = run(&emulator, 1, &more);
    assert_eq!((host.one("imageId"), host.one("instanceType")), (IMAGES[1], "m6i.large"));
    assert_eq!(host.one("groupId"), SECURITY_GROUP, "{}", host.body);
    let truth = emulator.truth();
    let tags = &truth.instances[0].launch.tags;
    for (key, value) in [
        ("from", "template"),
        ("of", "call"),
        ("aws:ec2launchtemplate:id", &id),
        ("aws:ec2launchtemplate:version", "1"),
    ] {
        assert_eq!(tags.get(key).map(String::as_str), Some(value), "{tags:?}");
    }
    assert_eq!(filtered(&emulator, "tag:from", "template").all("instanceId").len(), 1);
    let both = [("LaunchTemplate.LaunchTemplateName", "grid"), ("LaunchTemplate.LaunchTemplateId", id.as_str())];
    assert_eq!(run(&emulator, 1, &both).code(), "InvalidParameterCombination");
    let abis = [("LaunchTemplateData.InstanceRequirements.VCpuCount.Min", "2")];
    create(&emulator, "attributes", &abis);
    let launch = [("LaunchTemplate.LaunchTemplateName", "attributes")];
    assert_eq!(run(&emulator, 1, &launch).code(), "UnsupportedOperation");
}

#[test]
fn versions_are_numbered_and_never_change_and_the_default_stays() {
    let emulator = frozen();
    create(&emulator, "grid", &[]);
    let newer = [
        ("LaunchTemplateName", "grid"),
        ("SourceVersion", "1"),
        ("VersionDescription", "larger"),
        ("ClientToken", "v"),
        ("LaunchTemplateData.InstanceType", "c6i.xlarge"),
        ("LaunchTemplateData.NetworkInterface.1.SecurityGroupId.1", SECURITY_GROUP),
        ("LaunchTemplateData.MetadataOptions.HttpTokens", "required"),
    ];
    let made = ask(&emulator, "CreateLaunchTemplateVersion", &newer);
    assert_eq!(
        (made.one("versionNumber"), made.one("defaultVersion"), made.one("versionDescription")),
        ("2", "false", "larger")
    );
    assert_eq!((made.one("imageId"), made.one("instanceType")), (IMAGES[1], "c6i.xlarge"), "over the source");
    assert!(made.body.contains("<groupSet><groupId>sg-"), "{}", made.body);
    assert!(made.body.contains("<securityGroupIdSet><item>sg-") && made.body.contains("<httpTokens>required<"));
    assert!(
        made.body.contains("<tagSpecificationSet><item><resourceType>instance</resourceType><tagSet><item><key>from<")
    );
    assert_eq!(ask(&emulator, "CreateLaunchTemplateVersion", &newer).one("versionNumber"), "2", "once for each token");
    let versions = |more: &[(&str, &str)]| {
        let parameters: Vec<(&str, &str)> = [&[("LaunchTemplateName", "grid")], more].concat();
        ask(&emulator, "DescribeLaunchTemplateVersions", &parameters)
    };
    assert_eq!(versions(&[]).all("versionNumber"), ["1", "2"]);
    assert_eq!(versions(&[("LaunchTemplateVersion.1", "$Latest")]).all("versionNumber"), ["2"]);
    assert_eq!(versions(&[("LaunchTemplateVersion.1", "$Default")]).all("versionNumber"), ["1"]);
    assert_eq!(versions(&[("MinVersion", "2")]).all("versionNumber"), ["2"]);
    let filter = [("Filter.1.Name", "instance-type"), ("Filter.1.Value.1", "c5.large")];
    assert_eq!(versions(&filter).all("versionNumber"), ["1"]);
    let first = versions(&[("MaxResults", "1")]);
    let next = versions(&[("MaxResults", "1"), ("NextToken", first.one("nextToken"))]);
    assert_eq!((first.all("versionNumber"), next.all("versionNumber")), (vec!["1"], vec!["2"]));
    assert_eq!(versions(&[("LaunchTemplateVersion.1", "9")]).code(), "InvalidLaunchTemplateId.VersionNotFound");
    let all = ask(&emulator, "DescribeLaunchTemplateVersions", &[("LaunchTemplateVersion.1", "$Latest")]);
    assert_eq!(all.all("versionNumber"), ["2", "2"], "of every template");
}

#[test]
fn templates_are_found_by_id_name_and_tag_page_by_page() {
    let emulator = frozen();
    let tag = [
        ("TagSpecification.1.ResourceType", "launch-template"),
        ("TagSpecification.1.Tag.1.Key", "owner"),
        ("TagSpecification.1.Tag.1.Value", "me"),
    ];
    let ours = create(&emulator, "ours", &tag).one("launchTemplateId").to_owned();
    create(&emulator, "theirs", &[]);
    let names = |parameters: &[(&str, &str)]| -> Vec<String> {
        let answer = ask(&emulator, "DescribeLaunchTemplates", parameters);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.all("launchTemplateName").into_iter().map(str::to_owned).collect()
    };
    assert_eq!(names(&[]).len(), 3);
    assert_eq!(names(&[("LaunchTemplateName.1", "theirs")]), ["theirs"]);
    assert_eq!(names(&[("LaunchTemplateId.1", &ours)]), ["ours"]);
    assert_eq!(names(&[("Filter.1.Name", "tag:owner"), ("Filter.1.Value.1", "me")]), ["ours"]);
    assert_eq!(names(&[("Filter.1.Name", "launch-template-name"), ("Filter.1.Value.1", "theirs")]), ["theirs"]);
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = ask(&emulator, "DescribeLaunchTemplates", &[("MaxResults", "1"), ("NextToken", &token)]);
        seen.extend(page.all("launchTemplateId").into_iter().map(str::to_owned));
        token = page.one("nextToken").to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert!(seen.len() == 3 && seen.contains(&ours) && seen.contains(&LAUNCH_TEMPLATE.to_owned()));
    for (name, value, wanted) in [
        ("LaunchTemplateId.1", "lt-00000000000000000", "InvalidLaunchTemplateId.NotFound"),
        ("LaunchTemplateId.1", "template", "InvalidLaunchTemplateId.Malformed"),
        ("LaunchTemplateName.1", "nobody", "InvalidLaunchTemplateName.NotFoundException"),
        ("MaxResults", "201", "InvalidParameterValue"),
        ("NextToken", "nonsense", "InvalidNextToken"),
    ] {
        assert_eq!(ask(&emulator, "DescribeLaunchTemplates", &[(name, value)]).code(), wanted);
    }
}

#[test]
fn a_template_that_was_deleted_or_dropped_is_not_found_at_launch() {
    let emulator = frozen();
    let id = create(&emulator, "grid", &[]).one("launchTemplateId").to_owned();
    create(&emulator, "other", &[]);
    assert_eq!(ask(&emulator, "DeleteLaunchTemplate", &[("LaunchTemplateName", "grid")]).one("launchTemplateId"), id);
    emulator.drop_template("other");
    let by_id = run(&emulator, 1, &[("LaunchTemplate.LaunchTemplateId", &id)]);
    assert_eq!(by_id.code(), "InvalidLaunchTemplateId.NotFound");
    let by_name = run(&emulator, 1, &[("LaunchTemplate.LaunchTemplateName", "other"), ("SubnetId", SUBNETS[1])]);
    assert_eq!(by_name.code(), "InvalidLaunchTemplateName.NotFoundException");
    assert_ne!(create(&emulator, "grid", &[]).one("launchTemplateId"), id, "the name is free again");
}
