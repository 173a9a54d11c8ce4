use super::*;
use crate::application::ports::{Fulfilment, Owner};
use crate::domain::request::LaunchPlan;
use crate::domain::template::{
    Attribute, AttributeType, Attributes, MaxNumber, ProviderApi, Template, TemplateParts, WeightedType,
};
use crate::providers::aws::client::ClientSource;
use crate::providers::aws::fake::{FakeAws, Reply, Seen};
use crate::providers::aws::{InstantFleet, RunInstances};

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
    let way = RunInstances::over(fake.clients());
    way.prepare(&template(ProviderApi::RunInstances, PriceType::OnDemand, launch), &owner()).await
}

fn template(api: ProviderApi, price_type: PriceType, launch: LaunchSettings) -> Template {
    let number = |name: &str| (name.to_owned(), Attribute(AttributeType::Numeric, "1".to_owned()));
    let kind = ("type".to_owned(), Attribute(AttributeType::String, "X86_64".to_owned()));
    Template::new(TemplateParts {
        id: "T1".parse().unwrap(),
        max_number: MaxNumber::try_from(10).unwrap(),
        attributes: Attributes::new(vec![kind, number("ncpus"), number("nram")]).unwrap(),
        api,
        price_type,
        launch,
        priority: None,
    })
    .unwrap()
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
    let shown: Vec<String> =
        pools(&wanted.subnets, &wanted.instance_types, PriceType::Spot).iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["a in s1 spot", "a in s2 spot", "b in s1 spot", "b in s2 spot"]);
    let open = pools(&[], &[], PriceType::OnDemand);
    assert_eq!(open, [Pool { instance_type: None, subnet: None, price_type: PriceType::OnDemand }]);
}

/// The pools of a plan, tier by tier.
fn shown(plan: &LaunchPlan) -> Vec<String> {
    let tier = |tier: &Vec<Pool>| tier.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    plan.tiers.iter().map(tier).collect()
}

#[tokio::test]
async fn each_market_of_the_order_is_a_tier_or_a_tier_for_each_of_its_pools() {
    let markets = vec![PriceType::Reserved, PriceType::Spot, PriceType::OnDemand];
    let mut wanted =
        LaunchSettings { subnets: vec!["s1".to_owned(), "s2".to_owned()], market_order: markets, ..launch() };
    let plan = |api, price, launch: &LaunchSettings| {
        let template = template(api, price, launch.clone());
        async move {
            let fake = nobody();
            let way: Box<dyn Fulfilment> = match api {
                ProviderApi::RunInstances => Box::new(RunInstances::over(fake.clients())),
                _ => Box::new(InstantFleet::over(fake.clients())),
            };
            shown(&way.prepare(&template, &owner()).await.unwrap())
        }
    };
    let one_by_one = plan(ProviderApi::RunInstances, PriceType::Spot, &wanted).await;
    let of = |market| [format!("m6i.large in s1 {market}"), format!("m6i.large in s2 {market}")];
    assert_eq!(one_by_one, [of("reserved"), of("spot"), of("ondemand")].concat());
    wanted.fleet.on_demand_types = vec![WeightedType { name: "c6i.large".to_owned(), weight: 1 }];
    let together = plan(ProviderApi::Ec2FleetInstant, PriceType::Spot, &wanted).await;
    let on_demand = "c6i.large in s1 ondemand, c6i.large in s2 ondemand".to_owned();
    assert_eq!(together, [of("reserved").join(", "), of("spot").join(", "), on_demand.clone()]);
    wanted.market_order.clear();
    wanted.fleet.on_demand_share = OnDemandShare::Rest;
    let rest = plan(ProviderApi::Ec2FleetInstant, PriceType::Spot, &wanted).await;
    assert_eq!(rest, [of("spot").join(", "), on_demand.clone()]);
    wanted.fleet.on_demand_share = OnDemandShare::Percent(50);
    let shared = plan(ProviderApi::Ec2FleetInstant, PriceType::Spot, &wanted).await;
    assert_eq!(shared, [format!("{}, {on_demand}", of("spot").join(", "))]);
}

#[tokio::test]
async fn subnets_of_excluded_zones_are_left_out_and_aws_is_asked_for_the_zones_once() {
    let fake = || {
        FakeAws::new(|seen| {
            assert_eq!((seen.action(), seen.list("SubnetId")), ("DescribeSubnets", vec!["s1", "s2", "s3"]));
            let subnets = [("s3", "c", 6), ("s1", "a", 4), ("s2", "b", 2)].map(|(id, zone, number)| {
                format!(
                    "<item><subnetId>{id}</subnetId><availabilityZone>us-east-1{zone}</availabilityZone>\
                     <availabilityZoneId>use1-az{number}</availabilityZoneId></item>"
                )
            });
            let subnets = subnets.concat();
            Reply::ok(format!("<DescribeSubnetsResponse><subnetSet>{subnets}</subnetSet></DescribeSubnetsResponse>"))
        })
    };
    let wanted = |zones: &[&str]| LaunchSettings {
        subnets: ["s1", "s2", "s3"].map(str::to_owned).to_vec(),
        excluded_zones: zones.iter().map(|zone| (*zone).to_owned()).collect(),
        ..launch()
    };
    let asked = fake();
    let plan = prepare(&asked, wanted(&["us-east-1b", "use1-az6", "us-west-2a"])).await.unwrap();
    assert_eq!((shown(&plan), asked.seen().len()), (vec!["m6i.large in s1 ondemand".to_owned()], 1));
    let fleet = template(ProviderApi::AutoScaling, PriceType::OnDemand, wanted(&["use1-az4"]));
    let plan = of_fleet(fake().clients().clients().await.unwrap(), &fake().settings(), &fleet, &owner()).await.unwrap();
    assert_eq!(shown(&plan), ["m6i.large in s2 ondemand, m6i.large in s3 ondemand"]);
    let error = prepare(&fake(), wanted(&["us-east-1a", "us-east-1b", "us-east-1c"])).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Invalid);
    for word in ["s1, s2, s3", "us-east-1a, us-east-1b, us-east-1c", "excludedZones", "add a subnet"] {
        assert!(error.message.contains(word), "{error}");
    }
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
             <vCpuInfo><defaultVCpus>8</defaultVCpus><defaultCores>4</defaultCores>\
             <defaultThreadsPerCore>2</defaultThreadsPerCore><validCores><item>2</item><item>4</item></validCores>\
             <validThreadsPerCore><item>1</item><item>2</item></validThreadsPerCore></vCpuInfo></item>\
             </instanceTypeSet></DescribeInstanceTypesResponse>",
        )
    });
    let wanted = LaunchSettings { threads_per_core: Some(1), ..launch() };
    let frozen = frozen_of(&fake, wanted.clone()).await;
    assert_eq!(frozen.cpu["m6i.large"], Cpu { cores: 4, threads_per_core: 1 });
    for (cores, threads, wanted) in [(2, None, (2, 2)), (2, Some(1), (2, 1))] {
        let settings = LaunchSettings { core_count: NonZeroU32::new(cores), threads_per_core: threads, ..launch() };
        let (cores, threads_per_core) = wanted;
        assert_eq!(frozen_of(&fake, settings).await.cpu["m6i.large"], Cpu { cores, threads_per_core });
    }
    let too_many = LaunchSettings { core_count: NonZeroU32::new(3), ..launch() };
    let error = prepare(&fake, too_many).await.unwrap_err();
    assert!(error.class == FailureClass::Invalid && error.message.contains("coreCount 3, but 2, 4"), "{error}");
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
