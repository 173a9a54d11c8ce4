use super::*;
use crate::domain::FailureClass;
use crate::providers::aws::fake::{FakeAws, Reply};

fn number(number: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(number)
}

/// A type in EC2's XML.
fn kind(name: &str, vcpus: u32, architecture: &str, more: &str) -> String {
    format!(
        "<item><instanceType>{name}</instanceType><processorInfo><supportedArchitectures><item>i386</item>\
         <item>{architecture}</item></supportedArchitectures></processorInfo><vCpuInfo><defaultVCpus>{vcpus}</defaultVCpus>\
         <defaultCores>2</defaultCores></vCpuInfo><memoryInfo><sizeInMiB>8192</sizeInMiB></memoryInfo>{more}</item>"
    )
}

fn network(words: &str, cards: &[(&str, &str)], more: &str) -> String {
    let card = |(baseline, peak): &(&str, &str)| {
        format!(
            "<item><baselineBandwidthInGbps>{baseline}</baselineBandwidthInGbps><peakBandwidthInGbps>{peak}</peakBandwidthInGbps></item>"
        )
    };
    format!(
        "<networkInfo><networkPerformance>{words}</networkPerformance><maximumNetworkCards>{}</maximumNetworkCards>\
         <networkCards>{}</networkCards>{more}</networkInfo>",
        cards.len(),
        cards.iter().map(card).collect::<String>()
    )
}

fn page(kinds: &[String], next: Option<&str>) -> Reply {
    let next = next.map(|token| format!("<nextToken>{token}</nextToken>")).unwrap_or_default();
    Reply::ok(format!(
        "<DescribeInstanceTypesResponse><instanceTypeSet>{}</instanceTypeSet>{next}</DescribeInstanceTypesResponse>",
        kinds.concat()
    ))
}

async fn offered(fake: &FakeAws) -> Result<OfferedTypes, ProviderError> {
    AwsInstanceTypes { clients: fake.clients() }.offered().await.map(Option::unwrap)
}

#[tokio::test]
async fn every_page_is_read_and_what_no_grid_runs_on_is_left_out() {
    let fake = FakeAws::in_order([
        page(&[kind("m6i.xlarge", 4, "x86_64", ""), kind("mac2.metal", 4, "arm64_mac", "")], Some("two")),
        page(&[kind("c7g.large", 2, "arm64", ""), kind("odd.large", 3, "x86_64", "")], None),
    ]);
    let found = offered(&fake).await.unwrap();
    let names: Vec<_> = found.shapes.iter().map(|shape| (shape.name.as_str(), shape.architecture)).collect();
    assert_eq!(names, [("m6i.xlarge", Architecture::X86_64), ("c7g.large", Architecture::Arm64)]);
    assert_eq!(found.left_out, 2, "a Mac, and one whose cores do not go into its vCPUs");
    let calls = fake.seen();
    assert_eq!((calls.len(), calls[0].get("MaxResults"), calls[1].get("NextToken")), (2, Some("100"), Some("two")));
}

#[tokio::test]
async fn every_field_of_a_type_is_read() {
    let gpus = "<gpuInfo><gpus><item><name>A100</name><manufacturer>NVIDIA</manufacturer><count>8</count>\
        <memoryInfo><sizeInMiB>40960</sizeInMiB></memoryInfo></item></gpus></gpuInfo>";
    let efa = "<efaSupported>true</efaSupported><efaInfo><maximumEfaInterfaces>4</maximumEfaInterfaces></efaInfo>";
    let more = network("4x 100 Gigabit", &[("100.0", "100.0"); 4], efa) + gpus;
    let fake = FakeAws::in_order([page(&[kind("p4d.24xlarge", 4, "x86_64", &more)], None)]);
    let shape = InstanceShape {
        name: "p4d.24xlarge".to_owned(),
        vcpus: number(4).unwrap(),
        cores: number(2).unwrap(),
        memory: number(8192).unwrap(),
        architecture: Architecture::X86_64,
        baseline_bandwidth: number(400_000),
        peak_bandwidth: number(400_000),
        network_cards: number(4).unwrap(),
        efa_interfaces: 4,
        gpus: Some(Gpus { count: number(8).unwrap(), memory: 40_960, model: "NVIDIA A100".to_owned() }),
    };
    assert_eq!(offered(&fake).await.unwrap().shapes, [shape]);
}

#[tokio::test]
async fn bandwidth_is_what_the_words_say_and_else_what_the_cards_add_up_to() {
    for (words, cards, wanted) in [
        ("Up to 12.5 Gigabit", &[("0.781", "12.5")][..], (781, 12_500)),
        ("200 Gigabit", &[("170.0", "170.0"), ("170.0", "170.0")], (200_000, 200_000)),
        ("32x 100 Gigabit", &[], (3_200_000, 3_200_000)),
        ("Up to 5 Gigabit", &[("6.25", "7.0")], (6_250, 6_250)),
        ("Low to Moderate", &[("0.064", "1.024")], (64, 1_024)),
        ("Low to Moderate", &[("0.5", "1.0"), ("0.0", "1.0")], (0, 2_000)),
        ("Very Low", &[], (0, 0)),
        ("nan Gigabit", &[], (0, 0)),
    ] {
        let fake = FakeAws::in_order([page(&[kind("a.b", 2, "x86_64", &network(words, cards, ""))], None)]);
        let shape = offered(&fake).await.unwrap().shapes.remove(0);
        assert_eq!((shape.baseline_bandwidth, shape.peak_bandwidth), (number(wanted.0), number(wanted.1)), "{words}");
    }
}

#[tokio::test]
async fn a_share_of_a_gpu_counts_as_one() {
    let gpus = "<gpuInfo><gpus><item><name>L4</name><manufacturer>NVIDIA</manufacturer><count>0</count>\
        <logicalGpuCount>1</logicalGpuCount><memoryInfo><sizeInMiB>2861</sizeInMiB></memoryInfo></item></gpus></gpuInfo>";
    let fake = FakeAws::in_order([page(&[kind("g6f.large", 2, "x86_64", gpus)], None)]);
    assert_eq!(offered(&fake).await.unwrap().shapes[0].gpus.as_ref().unwrap().count.get(), 1);
}

#[tokio::test]
async fn half_a_listing_and_an_empty_one_are_errors() {
    let good = [kind("m6i.large", 2, "x86_64", "")];
    for (second, class) in [
        (Reply::error(503, "RequestLimitExceeded", "slow"), FailureClass::Throttle),
        (page(&["<item></item>".to_owned()], None), FailureClass::Server),
        (page(&good, Some("two")), FailureClass::Paging),
    ] {
        let fake = FakeAws::in_order([page(&good, Some("two")), second]);
        assert_eq!(offered(&fake).await.unwrap_err().class, class);
    }
    assert_eq!(offered(&FakeAws::in_order([page(&[], None)])).await.unwrap_err().class, FailureClass::Server);
}
