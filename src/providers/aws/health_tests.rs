use std::time::Duration;

use super::*;
use crate::application::ports::{Host, Observation};
use crate::domain::FailureClass;
use crate::domain::template::PriceType;
use crate::providers::aws::AwsObservation;
use crate::providers::aws::fake::{FakeAws, Reply};

const ENDS: HealthSettings = HealthSettings { events: ScheduledEvents::Ending, impaired_after: None };
const ALL: HealthSettings = HealthSettings { events: ScheduledEvents::All, impaired_after: None };
const CHECKS: HealthSettings =
    HealthSettings { events: ScheduledEvents::Ignored, impaired_after: Some(Duration::from_mins(5)) };

fn id(n: u32) -> String {
    format!("i-{n:017x}")
}

fn hosts(count: u32) -> Vec<Host> {
    let host = |n: u32| Host { id: id(n).parse().unwrap(), price_type: PriceType::OnDemand, ending_since: None };
    (0..count).map(host).collect()
}

fn over(fake: &FakeAws) -> AwsObservation {
    AwsObservation::over(fake.clients(), fake.notebook.clone(), fake.clock.clone())
}

/// What is said of these hosts by the codes of the notices.
async fn said(fake: &FakeAws, count: u32, wanted: HealthSettings) -> Vec<(String, String)> {
    fake.clock.leap(60);
    let notices = over(fake).health(&hosts(count), wanted).await.unwrap().unwrap();
    notices.into_iter().map(|(id, notice)| (id.to_string(), notice.code)).collect()
}

fn event(code: &str, description: &str) -> String {
    format!(
        "<item><code>{code}</code><description>{description}</description>\
         <notBefore>2026-02-14T12:00:00.000Z</notBefore></item>"
    )
}

/// A check that is impaired since the given minutes past eleven; the fake's clock begins at noon.
fn failing(minute: u32) -> String {
    format!(
        "<status>impaired</status><details><item><name>reachability</name><status>failed</status>\
         <impairedSince>2026-01-31T11:{minute:02}:00.000Z</impairedSince></item></details>"
    )
}

fn status(n: u32, system: &str, instance: &str, events: &[String]) -> String {
    format!(
        "<item><instanceId>{}</instanceId><systemStatus>{system}</systemStatus><instanceStatus>{instance}</instanceStatus>\
         <eventsSet>{}</eventsSet></item>",
        id(n),
        events.concat()
    )
}

const FINE: &str = "<status>ok</status>";

fn page(items: &[String], next: Option<&str>) -> Reply {
    let next = next.map(|token| format!("<nextToken>{token}</nextToken>")).unwrap_or_default();
    Reply::ok(format!(
        "<DescribeInstanceStatusResponse><instanceStatusSet>{}</instanceStatusSet>{next}</DescribeInstanceStatusResponse>",
        items.concat()
    ))
}

#[tokio::test]
async fn events_are_asked_for_by_their_codes_whatever_the_number_of_hosts() {
    let retired =
        |n| status(n, FINE, FINE, &[event("instance-retirement", "The instance is running on degraded hardware")]);
    let fake = FakeAws::in_order([page(&[retired(7), retired(90_000)], Some("two")), page(&[retired(8)], None)]);
    fake.clock.freeze();
    let notices = over(&fake).health(&hosts(1_000), ENDS).await.unwrap().unwrap();
    let event = Interruption::health(
        "instance-retirement",
        Timestamp::from_seconds(1_769_860_800),
        Timestamp::from_seconds(1_771_070_400),
    );
    assert_eq!(notices, [7, 8].map(|n| (id(n).parse().unwrap(), event.clone())), "and nobody else's");
    let calls = fake.seen();
    assert_eq!(calls.len(), 2);
    for call in &calls {
        assert_eq!(
            call.below("Filter."),
            ["1.Name=event.code", "1.Value.1=instance-retirement", "1.Value.2=instance-stop"]
        );
        assert_eq!((call.action(), call.get("MaxResults")), ("DescribeInstanceStatus", Some("1000")));
    }
    assert_eq!(calls[1].get("NextToken"), Some("two"));
}

#[tokio::test]
async fn events_that_are_over_or_not_wanted_are_none() {
    let events = [
        event("instance-stop", "[Completed] The instance was stopped"),
        event("instance-stop", "[Canceled] The instance stays"),
        event("system-reboot", "The system will be rebooted"),
        event("unheard-of", "Something else"),
    ];
    let fake = FakeAws::new(move |_| page(&[status(0, &failing(0), FINE, &events)], None));
    assert_eq!(said(&fake, 1, ENDS).await, []);
    assert_eq!(said(&fake, 1, ALL).await, [(id(0), "system-reboot".to_owned())]);
    assert_eq!(fake.seen()[1].list("Filter.1.Value"), EVENTS);
}

#[tokio::test]
async fn checks_that_have_failed_for_long_enough_are_told_and_others_are_not() {
    let untimed = "<status>impaired</status>";
    let all = [
        status(0, &failing(50), FINE, &[event("instance-retirement", "")]),
        status(1, FINE, &failing(55), &[]),
        status(2, FINE, &failing(59), &[]),
        status(3, &failing(10), &failing(20), &[]),
        status(4, untimed, untimed, &[]),
        status(5, "<status>insufficient-data</status>", "<status>initializing</status>", &[]),
    ];
    let fake = FakeAws::new(move |_| page(&all, None));
    fake.clock.freeze();
    let (system, instance) = ("system-status-impaired".to_owned(), "instance-status-impaired".to_owned());
    assert_eq!(
        said(&fake, 6, CHECKS).await,
        [(id(0), system.clone()), (id(1), instance.clone()), (id(3), system), (id(3), instance)]
    );
    let filters: Vec<Vec<String>> = fake.seen().iter().map(|call| call.below("Filter.")).collect();
    assert_eq!(
        filters,
        [
            ["1.Name=system-status.status", "1.Value.1=impaired"],
            ["1.Name=instance-status.status", "1.Value.1=impaired"]
        ]
    );
    fake.clock.leap(60);
    let notices = over(&fake).health(&hosts(2), CHECKS).await.unwrap().unwrap();
    assert!(notices.iter().all(|(_, notice)| notice.grace_seconds(notice.at) == 0), "they have no time left");
}

#[tokio::test]
async fn half_an_answer_is_none() {
    let good = status(0, &failing(0), FINE, &[]);
    let untimed = "<item><code>instance-stop</code></item>".to_owned();
    for (reply, class) in [
        (Reply::error(403, "UnauthorizedOperation", "no"), FailureClass::AuthDenied),
        (Reply::error(400, "InvalidNextToken", "no"), FailureClass::Paging),
        (page(&["<item><instanceStatus/></item>".to_owned()], None), FailureClass::Server),
        (page(&[status(0, FINE, FINE, &[untimed])], None), FailureClass::Server),
    ] {
        let fake = FakeAws::in_order([page(std::slice::from_ref(&good), None), reply]);
        let wanted = HealthSettings { events: ScheduledEvents::Ending, ..CHECKS };
        assert_eq!(over(&fake).health(&hosts(1), wanted).await.unwrap_err().class, class);
    }
}

#[tokio::test]
async fn the_same_hosts_are_asked_about_once_a_minute_and_no_hosts_never() {
    let fake = FakeAws::new(|_| page(&[], None));
    fake.clock.freeze();
    assert_eq!(over(&fake).health(&[], ALL).await.unwrap(), Some(Vec::new()));
    assert!(fake.seen().is_empty());
    for (leap, count, asked) in [(0, 2, true), (59, 2, false), (0, 3, true), (1, 2, true), (30, 2, false)] {
        fake.clock.leap(leap);
        let said = over(&fake).health(&hosts(count), ENDS).await.unwrap();
        assert_eq!(said.is_some(), asked, "{leap} {count}");
    }
    assert_eq!(fake.seen().len(), 3);
}

#[tokio::test]
async fn looks_at_the_health_and_at_spot_notices_do_not_hold_each_other_up() {
    let fake = FakeAws::new(|seen| match seen.action() {
        "DescribeInstanceStatus" => page(&[], None),
        _ => Reply::ok("<DescribeSpotInstanceRequestsResponse></DescribeSpotInstanceRequestsResponse>"),
    });
    let spot: Vec<Host> = hosts(2).into_iter().map(|host| Host { price_type: PriceType::Spot, ..host }).collect();
    over(&fake).health(&spot, ENDS).await.unwrap();
    over(&fake).interruptions(&spot).await.unwrap();
    assert_eq!(fake.actions(), ["DescribeInstanceStatus", "DescribeSpotInstanceRequests"]);
}
