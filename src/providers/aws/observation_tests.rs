use std::sync::Mutex;

use super::*;
use crate::domain::Timestamp;
use crate::domain::machine::MachineStatus;
use crate::providers::aws::fake::{FakeAws, Reply, described, instance};

const RUNNING: (u32, &str) = (16, "running");
const REQUEST: &str = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101";

fn id(n: u32) -> String {
    format!("i-{n:017x}")
}

fn host(n: u32, price_type: PriceType) -> Host {
    Host { id: id(n).parse().unwrap(), price_type, ending_since: None }
}

fn hosts(count: u32) -> Vec<Host> {
    (0..count).map(|n| host(n, PriceType::OnDemand)).collect()
}

fn over(fake: &FakeAws) -> AwsObservation {
    AwsObservation::over(fake.clients(), fake.notebook.clone(), fake.clock.clone())
}

#[tokio::test]
async fn no_hosts_ask_nobody() {
    let fake = FakeAws::new(|_| Reply::Lost);
    assert!(over(&fake).observe(&[]).await.unwrap().is_empty());
    assert!(over(&fake).interruptions(&hosts(3)).await.unwrap().is_empty());
    let none = Search::Names("grid-1".parse().unwrap(), Vec::new());
    assert!(over(&fake).find(&none).await.unwrap().is_empty());
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn a_thousand_hosts_are_five_filtered_pages() {
    let fake = FakeAws::new(|seen| {
        let found: Vec<String> = seen.list("Filter.1.Value").into_iter().map(|id| instance(id, RUNNING, "")).collect();
        described(&found, None)
    });
    assert_eq!(over(&fake).observe(&hosts(1_000)).await.unwrap().len(), 1_000);
    let seen = fake.seen();
    assert_eq!(seen.len(), 5);
    for call in &seen {
        assert_eq!(call.get("Filter.1.Name"), Some("instance-id"));
        assert_eq!(call.list("Filter.1.Value").len(), 200);
        assert_eq!(call.get("MaxResults"), Some("1000"));
        assert_eq!(call.get("InstanceId.1"), None);
    }
}

#[tokio::test]
async fn every_field_of_a_host_is_read() {
    let more = "<privateDnsName>ip-10-0-0-7.eu-west-1.compute.internal</privateDnsName>\
        <privateIpAddress>10.0.0.7</privateIpAddress><ipAddress>203.0.113.9</ipAddress>\
        <instanceLifecycle>spot</instanceLifecycle><tagSet><item><key>team</key><value>a</value></item>\
        <item><key>hostfactory:owner</key><value>grid-1</value></item>\
        <item><key>hostfactory:template-id</key><value>T1</value></item>\
        <item><key>aws:ec2:fleet-id</key><value>f</value></item></tagSet>";
    let fake = FakeAws::in_order([described(&[instance(&id(0), (272, "running"), more)], None)]);
    let seen = over(&fake).observe(&hosts(1)).await.unwrap().remove(0);
    assert_eq!(
        seen,
        Sighting {
            id: id(0).parse().unwrap(),
            // 272 is 16 with one of AWS's marks in the high byte.
            status: MachineStatus::Running,
            name: Some("ip-10-0-0-7.eu-west-1.compute.internal".parse().unwrap()),
            private_ip: Some("10.0.0.7".to_owned()),
            public_ip: Some("203.0.113.9".to_owned()),
            launched_at: Some(Timestamp::from_seconds(1_769_860_800)),
            instance_type: Some("m6i.xlarge".to_owned()),
            price_type: PriceType::Spot,
            zone: Some("eu-west-1a".to_owned()),
            tags: "team=a".to_owned(),
            reason: None,
            owner: Some("grid-1".to_owned()),
            request: None,
            template: Some("T1".to_owned()),
            resource: Some("f".to_owned()),
            api: None,
        }
    );
}

#[tokio::test]
async fn the_reason_of_an_end_has_its_code_once() {
    let reason = |code: &str, message: &str| {
        format!("<stateReason><code>{code}</code><message>{message}</message></stateReason><reason>Other</reason>")
    };
    for (more, wanted) in [
        (reason("Server.SpotInstanceTermination", "taken back"), "Server.SpotInstanceTermination: taken back"),
        (reason("Client.InternalError", "Client.InternalError: KMS"), "Client.InternalError: KMS"),
        ("<reason>User initiated (2026)</reason>".to_owned(), "User initiated (2026)"),
    ] {
        let fake = FakeAws::in_order([described(&[instance(&id(0), (48, "terminated"), &more)], None)]);
        let seen = over(&fake).observe(&hosts(1)).await.unwrap().remove(0);
        assert_eq!((seen.status, seen.reason.as_deref()), (MachineStatus::Terminated, Some(wanted)));
    }
}

#[tokio::test]
async fn pages_are_collected_and_a_host_nobody_asked_for_is_left_out() {
    let fake = FakeAws::in_order([
        described(&[instance(&id(0), RUNNING, "")], Some("two")),
        described(&[instance(&id(1), RUNNING, ""), instance(&id(9), RUNNING, "")], None),
    ]);
    assert_eq!(over(&fake).observe(&hosts(3)).await.unwrap().len(), 2);
    assert_eq!(fake.seen()[1].get("NextToken"), Some("two"));
    assert_eq!(fake.seen()[1].get("Filter.1.Name"), Some("instance-id"));
}

#[tokio::test]
async fn the_same_page_token_twice_is_an_error() {
    let fake = FakeAws::in_order([described(&[instance(&id(0), RUNNING, "")], Some("again"))]);
    assert_eq!(over(&fake).observe(&hosts(2)).await.unwrap_err().class, FailureClass::Paging);
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_page_that_fails_discards_the_others() {
    let fake = FakeAws::in_order([
        described(&[instance(&id(0), RUNNING, "")], Some("two")),
        Reply::error(400, "InvalidPaginationToken", "old"),
    ]);
    assert_eq!(over(&fake).observe(&hosts(2)).await.unwrap_err().class, FailureClass::Paging);
    let fake = FakeAws::in_order([
        described(&[instance(&id(0), RUNNING, "")], Some("two")),
        Reply::error(503, "RequestLimitExceeded", "slow"),
    ]);
    assert_eq!(over(&fake).observe(&hosts(2)).await.unwrap_err().class, FailureClass::Throttle);
    // Two repetitions of the failing page, none of the good one.
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn a_host_in_an_unknown_state_or_without_an_id_fails_the_read() {
    for broken in [
        instance(&id(0), (96, "resting"), ""),
        "<item><instanceId>i-00000000000000000</instanceId></item>".to_owned(),
        "<item><instanceState><code>16</code></instanceState></item>".to_owned(),
        instance("not-an-id", RUNNING, ""),
    ] {
        let fake = FakeAws::in_order([described(&[instance(&id(1), RUNNING, ""), broken], None)]);
        assert_eq!(over(&fake).observe(&hosts(2)).await.unwrap_err().class, FailureClass::Server);
    }
}

#[tokio::test]
async fn hosts_are_found_by_request_and_by_name() {
    let fake = FakeAws::new(|_| described(&[instance(&id(0), RUNNING, "")], None));
    let observation = over(&fake);
    let installation = "grid-1".parse::<crate::domain::InstallationId>().unwrap();
    for search in [
        Search::Request(installation.clone(), REQUEST.parse().unwrap()),
        Search::Names(installation, (0..250).map(|n| format!("ip-{n}").parse().unwrap()).collect()),
    ] {
        assert!(!observation.find(&search).await.unwrap().is_empty());
    }
    let seen = fake.seen();
    assert_eq!(
        seen[0].below("Filter."),
        [
            "1.Name=tag:hostfactory:owner".to_owned(),
            "1.Value.1=grid-1".to_owned(),
            "2.Name=tag:hostfactory:request-id".to_owned(),
            format!("2.Value.1={REQUEST}"),
        ]
    );
    assert_eq!(seen[1].list("Filter.2.Value").len(), 199);
    assert_eq!(seen[2].list("Filter.2.Value").len(), 51);
    assert_eq!(
        (seen[2].get("Filter.1.Value.1"), seen[2].get("Filter.2.Name")),
        (Some("grid-1"), Some("private-dns-name"))
    );
}

fn spot_request(n: u32, code: &str, updated: &str) -> String {
    format!(
        "<item><spotInstanceRequestId>sir-{n}</spotInstanceRequestId><instanceId>{}</instanceId>\
         <status><code>{code}</code>{updated}</status></item>",
        id(n)
    )
}

fn spot_page(items: &[String]) -> Reply {
    Reply::ok(format!(
        "<DescribeSpotInstanceRequestsResponse><spotInstanceRequestSet>{}</spotInstanceRequestSet>\
         </DescribeSpotInstanceRequestsResponse>",
        items.concat()
    ))
}

#[tokio::test]
async fn spot_hosts_that_are_taken_away_are_named_with_code_and_time() {
    const AT: &str = "<updateTime>2026-01-31T12:00:00.000Z</updateTime>";
    const GONE: [&str; 4] =
        ["marked-for-termination", "marked-for-stop", "instance-terminated-no-capacity", "instance-stopped-by-price"];
    let page: Vec<String> =
        (0..).zip(GONE).map(|(n, code)| spot_request(n, code, AT)).chain([spot_request(4, "fulfilled", AT)]).collect();
    let fake = FakeAws::in_order([spot_page(&page)]);
    let asked: Vec<Host> = (0..5).map(|n| host(n, PriceType::Spot)).chain([host(5, PriceType::OnDemand)]).collect();
    let notices = over(&fake).interruptions(&asked).await.unwrap();
    let codes: Vec<&str> = notices.iter().map(|(_, notice)| notice.code.as_str()).collect();
    assert_eq!(codes, GONE);
    assert!(notices.iter().all(|(_, notice)| notice.at == Timestamp::from_seconds(1_769_860_800)));
    assert_eq!(fake.seen()[0].list("Filter.1.Value").len(), 5);
    let untimed = FakeAws::in_order([spot_page(&[spot_request(0, GONE[0], "")])]);
    assert!(over(&untimed).interruptions(&asked).await.is_err());
}

#[tokio::test]
async fn a_canary_in_the_words_of_aws_does_not_show() {
    static SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let text = format!("The key AKIAIOSFODNN7EXAMPLE with {SECRET} is not known");
    let fake = FakeAws::in_order([Reply::error(401, "AuthFailure", &text)]);
    let error = over(&fake).observe(&hosts(1)).await.unwrap_err();
    assert_eq!(error.class, FailureClass::AuthExpired);
    for shown in [format!("{error}"), format!("{error:?}"), format!("{:?}", Mutex::new(error))] {
        assert!(!shown.contains(SECRET) && !shown.contains("AKIAIOSFODNN7EXAMPLE"), "{shown}");
    }
}

#[tokio::test]
async fn more_than_two_thousand_hosts_are_listed_by_our_tag_and_the_rest_is_asked_for_by_id() {
    // Those of the last hundred bear no tag of ours.
    let fake = FakeAws::new(|seen| {
        if seen.get("Filter.1.Name") != Some("tag:hostfactory:owner") {
            let ids = seen.list("Filter.1.Value");
            let found: Vec<String> = ids.into_iter().map(|id| instance(id, RUNNING, "")).collect();
            return described(&found, None);
        }
        let page: u32 = seen.get("NextToken").map_or(0, |page| page.parse().unwrap());
        let found: Vec<String> = (page * 1_000..(page * 1_000 + 1_000).min(2_001))
            .map(|n| instance(&id(n), RUNNING, ""))
            .chain([instance(&id(9_000 + page), (96, "resting"), "")])
            .collect();
        described(&found, (page < 2).then(|| (page + 1).to_string()).as_deref())
    });
    let seen = over(&fake).observe(&hosts(2_101)).await.unwrap();
    let ids: HashSet<&str> = seen.iter().map(|sighting| sighting.id.as_str()).collect();
    assert_eq!((seen.len(), ids.len()), (2_101, 2_101));
    let calls = fake.seen();
    assert_eq!(calls.len(), 4, "three pages and one batch");
    assert_eq!(calls[0].below("Filter."), ["1.Name=tag:hostfactory:owner", "1.Value.1=grid-1"]);
    assert_eq!((calls[0].get("MaxResults"), calls[3].list("Filter.1.Value").len()), (Some("1000"), 100));
}

#[tokio::test]
async fn a_page_of_the_listing_that_fails_discards_it() {
    let fake = FakeAws::in_order([
        described(&[instance(&id(0), RUNNING, "")], Some("1")),
        Reply::error(400, "InvalidNextToken", "no"),
    ]);
    assert_eq!(over(&fake).observe(&hosts(2_001)).await.unwrap_err().class, FailureClass::Paging);
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn an_installation_is_searched_for_hosts_that_live() {
    let fake = FakeAws::in_order([
        described(&[instance(&id(0), RUNNING, "")], Some("two")),
        described(&[instance(&id(1), (0, "pending"), "")], None),
    ]);
    let found = over(&fake).find(&Search::Installation("grid-1".parse().unwrap())).await.unwrap();
    assert_eq!(found.len(), 2);
    let states = ["pending", "running", "stopping", "stopped"];
    for call in fake.seen() {
        assert_eq!(
            (call.get("Filter.1.Name"), call.get("Filter.1.Value.1")),
            (Some("tag:hostfactory:owner"), Some("grid-1"))
        );
        assert_eq!(
            (call.get("Filter.2.Name"), call.list("Filter.2.Value")),
            (Some("instance-state-name"), states.to_vec())
        );
    }
}

#[tokio::test]
async fn spot_notices_of_the_same_hosts_are_read_once_in_twenty_seconds() {
    const AT: &str = "<updateTime>2026-01-31T12:00:00.000Z</updateTime>";
    let fake = FakeAws::new(|_| spot_page(&[spot_request(0, "marked-for-termination", AT)]));
    fake.clock.freeze();
    let both = [host(0, PriceType::Spot), host(1, PriceType::Spot)];
    let looks = async |hosts: &[Host]| over(&fake).interruptions(hosts).await.unwrap().len();
    assert_eq!((looks(&both).await, looks(&both).await), (1, 0), "by two processes");
    fake.clock.leap(19);
    assert_eq!(looks(&both).await, 0);
    assert_eq!(looks(&both[..1]).await, 1, "nobody looked at this host alone");
    fake.clock.leap(1);
    assert_eq!(looks(&both).await, 1);
    assert_eq!(fake.seen().len(), 3);
}

fn console_of(text: &[u8]) -> Reply {
    let output = aws_smithy_types::base64::encode(text);
    Reply::ok(format!("<GetConsoleOutputResponse><output>{output}</output></GetConsoleOutputResponse>"))
}

#[tokio::test]
async fn the_end_of_a_console_is_masked_and_harmless() {
    let mut text = "x".repeat(70_000);
    text.push_str(
        "\r\nkey AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n\u{1b}[2J\u{202e}Kernel panic\n",
    );
    let fake = FakeAws::in_order([console_of(text.as_bytes())]);
    let shown = over(&fake).console(&id(0).parse().unwrap()).await.unwrap().unwrap();
    assert!(shown.chars().count() <= 2_000);
    assert!(shown.ends_with("\nkey **** ****\n\\u{1b}[2J\\u{202e}Kernel panic"), "{shown}");
    assert_eq!(fake.seen()[0].get("InstanceId"), Some(id(0).as_str()));
    for empty in
        [console_of(b""), console_of(b" \n"), Reply::ok("<GetConsoleOutputResponse></GetConsoleOutputResponse>")]
    {
        let fake = FakeAws::in_order([empty]);
        assert_eq!(over(&fake).console(&id(0).parse().unwrap()).await.unwrap(), None);
    }
    let fake = FakeAws::in_order([console_of(b"\xff\xfe ok")]);
    assert!(over(&fake).console(&id(0).parse().unwrap()).await.unwrap().unwrap().ends_with("ok"));
}
