use super::*;
use crate::application::ports::{Fulfilment, Owner};
use crate::domain::request::LaunchPlan;
use crate::domain::template::{
    Attribute, AttributeType, Attributes, MaxNumber, ProviderApi, Template, TemplateParts, WeightedType,
};
use crate::providers::aws::RunInstances;
use crate::providers::aws::fake::{FakeAws, Reply, Seen};

fn owner() -> Owner {
    Owner {
        installation: "grid-1".parse().unwrap(),
        request: "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap(),
        template: "T1".parse().unwrap(),
        account: None,
    }
}

fn launch() -> LaunchSettings {
    LaunchSettings {
        image: Some(Image::Ami("ami-0abc".to_owned())),
        instance_types: vec![WeightedType { name: "m6i.large".to_owned(), weight: 1 }],
        subnets: vec!["subnet-1".to_owned()],
        ..LaunchSettings::default()
    }
}

async fn prepare(fake: &FakeAws, launch: LaunchSettings) -> Result<LaunchPlan, ProviderError> {
    let number = |name: &str| (name.to_owned(), Attribute(AttributeType::Numeric, "1".to_owned()));
    let kind = ("type".to_owned(), Attribute(AttributeType::String, "X86_64".to_owned()));
    let template = Template::new(TemplateParts {
        id: "T1".parse().unwrap(),
        max_number: MaxNumber::try_from(10).unwrap(),
        attributes: Attributes::new(vec![kind, number("ncpus"), number("nram")]).unwrap(),
        api: ProviderApi::RunInstances,
        price_type: PriceType::OnDemand,
        launch,
        priority: None,
    })
    .unwrap();
    RunInstances::over(fake.clients()).prepare(&template, &owner()).await
}

async fn frozen_of(fake: &FakeAws, launch: LaunchSettings) -> FrozenParameters {
    FrozenParameters::from_plan("RunInstances", &prepare(fake, launch).await.unwrap().parameters).unwrap()
}

fn nobody() -> FakeAws {
    FakeAws::new(|seen| panic!("asked for {}", seen.action()))
}

#[tokio::test]
async fn a_template_without_aliases_asks_nobody() {
    let mut wanted = launch();
    wanted.tags.insert("team".to_owned(), "a".to_owned());
    wanted.user_data = Some(UserData::new("CANARY".to_owned()));
    let plan = prepare(&nobody(), wanted).await.unwrap();
    let text = plan.parameters.to_string();
    assert!(text.contains("\"hostfactory:owner\":\"grid-1\"") && text.contains("\"team\":\"a\""), "{text}");
    assert!(text.contains("\"schema\":1") && !text.contains("CANARY"), "{text}");
    assert_eq!(
        text,
        prepare(&nobody(), {
            let mut same = launch();
            same.tags.insert("team".to_owned(), "a".to_owned());
            same.user_data = Some(UserData::new("CANARY".to_owned()));
            same
        })
        .await
        .unwrap()
        .parameters
        .to_string()
    );
}

#[test]
fn pools_are_all_subnets_of_a_type_before_the_next_type() {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let wanted = LaunchSettings {
        instance_types: names(&["a", "b"]).into_iter().map(|name| WeightedType { name, weight: 1 }).collect(),
        subnets: names(&["s1", "s2"]),
        ..LaunchSettings::default()
    };
    let shown: Vec<String> = pools(&wanted, &wanted.instance_types, PriceType::Spot).iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["a in s1 spot", "a in s2 spot", "b in s1 spot", "b in s2 spot"]);
    let open = pools(&LaunchSettings::default(), &[], PriceType::OnDemand);
    assert_eq!(open, [Pool { instance_type: None, subnet: None, price_type: PriceType::OnDemand }]);
}

#[tokio::test]
async fn an_image_alias_is_resolved_once() {
    for (alias, name) in [("resolve:ssm:/golden/image:3", "/golden/image:3"), ("/aws/service/x", "/aws/service/x")] {
        let fake = FakeAws::in_order([Reply::ok("{\"Parameter\":{\"Value\":\"ami-0def\"}}")]);
        let wanted = LaunchSettings { image: Some(Image::SsmParameter(alias.to_owned())), ..launch() };
        assert_eq!(frozen_of(&fake, wanted).await.image.as_deref(), Some("ami-0def"));
        let seen = fake.seen();
        assert_eq!((seen.len(), seen[0].action()), (1, "AmazonSSM.GetParameter"));
        assert!(seen[0].get("Body").unwrap().contains(&format!("\"{name}\"")), "{seen:?}");
    }
}

#[tokio::test]
async fn an_image_alias_that_leads_nowhere_is_invalid_and_named() {
    let missing = "{\"__type\":\"com.amazonaws.ssm#ParameterNotFound\",\"message\":\"\"}".to_owned();
    for reply in [Reply::Answer(400, missing), Reply::ok("{\"Parameter\":{\"Value\":\"{json}\"}}")] {
        let fake = FakeAws::in_order([reply]);
        let wanted = LaunchSettings { image: Some(Image::SsmParameter("/golden".to_owned())), ..launch() };
        let error = prepare(&fake, wanted).await.unwrap_err();
        assert_eq!(error.class, FailureClass::Invalid);
        assert!(error.message.contains("'/golden'"), "{error}");
    }
}

#[tokio::test]
async fn the_root_volume_takes_the_device_name_of_the_image() {
    let fake = FakeAws::in_order([Reply::ok(
        "<DescribeImagesResponse><imagesSet><item><imageId>ami-0abc</imageId>\
         <rootDeviceName>/dev/sda1</rootDeviceName></item></imagesSet></DescribeImagesResponse>",
    )]);
    let wanted = LaunchSettings {
        root_volume: Some(Volume { size: Some(40), ..Volume::default() }),
        volumes: vec![Volume { device: Some("/dev/sdf".to_owned()), ..Volume::default() }],
        ..launch()
    };
    let frozen = frozen_of(&fake, wanted.clone()).await;
    let devices: Vec<_> = frozen.volumes.iter().filter_map(|volume| volume.device.as_deref()).collect();
    assert_eq!((devices, frozen.volumes[0].size), (vec!["/dev/sda1", "/dev/sdf"], Some(40)));
    assert_eq!(fake.seen()[0].get("ImageId.1"), Some("ami-0abc"));
    let none = FakeAws::in_order([Reply::ok("<DescribeImagesResponse><imagesSet/></DescribeImagesResponse>")]);
    assert_eq!(prepare(&none, wanted).await.unwrap_err().class, FailureClass::Invalid);
    let nameless = LaunchSettings { volumes: vec![Volume::default()], ..launch() };
    assert_eq!(prepare(&nobody(), nameless).await.unwrap_err().class, FailureClass::Invalid);
}

#[tokio::test]
async fn a_launch_template_is_frozen_to_a_number() {
    let answer = |_: &Seen| {
        Reply::ok(
            "<DescribeLaunchTemplatesResponse><launchTemplates><item><launchTemplateId>lt-1</launchTemplateId>\
             <defaultVersionNumber>3</defaultVersionNumber><latestVersionNumber>9</latestVersionNumber></item>\
             </launchTemplates></DescribeLaunchTemplatesResponse>",
        )
    };
    for (version, number, calls) in
        [(None, "3", 1), (Some("$Default"), "3", 1), (Some("$Latest"), "9", 1), (Some("5"), "5", 0)]
    {
        let fake = FakeAws::new(answer);
        let launch_template = Some(LaunchTemplate { id: "lt-1".to_owned(), version: version.map(str::to_owned) });
        let wanted = LaunchSettings { launch_template, ..LaunchSettings::default() };
        let frozen = frozen_of(&fake, wanted).await;
        assert_eq!(frozen.launch_template.unwrap().version, number);
        assert_eq!(fake.seen().len(), calls);
    }
    let fake = FakeAws::in_order([Reply::error(400, "InvalidLaunchTemplateId.NotFound", "lt-1 does not exist")]);
    let launch_template = Some(LaunchTemplate { id: "lt-1".to_owned(), version: None });
    let wanted = LaunchSettings { launch_template, ..LaunchSettings::default() };
    assert_eq!(prepare(&fake, wanted).await.unwrap_err().class, FailureClass::Gone);
}

#[tokio::test]
async fn threads_go_with_the_cores_of_the_type() {
    let fake = FakeAws::new(|_| {
        Reply::ok(
            "<DescribeInstanceTypesResponse><instanceTypeSet><item><instanceType>m6i.large</instanceType>\
             <vCpuInfo><defaultVCpus>2</defaultVCpus><defaultCores>1</defaultCores>\
             <validThreadsPerCore><item>1</item><item>2</item></validThreadsPerCore></vCpuInfo></item>\
             </instanceTypeSet></DescribeInstanceTypesResponse>",
        )
    });
    let wanted = LaunchSettings { threads_per_core: Some(1), ..launch() };
    let frozen = frozen_of(&fake, wanted.clone()).await;
    assert_eq!(frozen.cpu["m6i.large"], Cpu { cores: 1, threads_per_core: 1 });
    let three = LaunchSettings { threads_per_core: Some(3), ..launch() };
    assert_eq!(prepare(&fake, three).await.unwrap_err().class, FailureClass::Invalid);
    let launch_template = Some(LaunchTemplate { id: "lt-1".to_owned(), version: Some("1".to_owned()) });
    let untyped = LaunchSettings { instance_types: Vec::new(), launch_template, ..wanted };
    assert!(prepare(&nobody(), untyped).await.unwrap_err().message.contains("vmType"));
}

#[tokio::test]
async fn a_reserved_tag_or_a_boot_script_that_is_too_long_is_refused_early() {
    let mut tagged = launch();
    tagged.tags.insert("aws:x".to_owned(), String::new());
    let long = LaunchSettings { user_data: Some(UserData::new("x".repeat(16 * 1024 + 1))), ..launch() };
    for wanted in [tagged, long] {
        assert_eq!(prepare(&nobody(), wanted).await.unwrap_err().class, FailureClass::Invalid);
    }
}
