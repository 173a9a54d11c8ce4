//! Rows of the fault table, as far as they are this room's to hold.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use super::client::{AwsClients, ClientSource};
use super::fake::{FakeAws, Reply, described, instance};
use super::{AwsObservation, http, terminate};
use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::ports::{Host, Observation, Released};
use crate::application::settings::AwsSettings;
use crate::domain::template::PriceType;
use crate::domain::{FailureClass, MachineId};

fn ids(count: u32) -> Vec<MachineId> {
    (0..count).map(|n| format!("i-{n:017x}").parse().unwrap()).collect()
}

fn hosts(count: u32) -> Vec<Host> {
    ids(count).into_iter().map(|id| Host { id, price_type: PriceType::OnDemand, ending_since: None }).collect()
}

fn over(fake: &FakeAws) -> AwsObservation {
    AwsObservation::over(fake.clients(), fake.notebook.clone(), fake.clock.clone())
}

/// Looks at a host through a real connection.
async fn look_at(address: &str, more: AwsSettings) -> (ProviderError, Duration) {
    let fake = FakeAws::new(|_| Reply::Lost);
    let settings = AwsSettings {
        endpoint_url: Some(address.to_owned()),
        region: fake.settings().region,
        credential_file: fake.settings().credential_file,
        describe_interval: Duration::ZERO,
        ..more
    };
    let client = if address.starts_with("https") { http::client(&settings).unwrap() } else { http::direct_client() };
    let clients = AwsClients::over(settings, client, fake.notebook.clone(), fake.clock.clone());
    let observation = AwsObservation::over(std::sync::Arc::new(clients), fake.notebook.clone(), fake.clock.clone());
    let started = Instant::now();
    let error = observation.observe(&hosts(1)).await.unwrap_err();
    (error, started.elapsed())
}

/// Serves so many connections, then stops listening; each is sent `answer` and held until it is closed by the other side
/// if `holds`.
fn server(connections: usize, answer: &'static [u8], holds: bool) -> (SocketAddr, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut served = 0;
        for connection in listener.incoming().take(connections) {
            let mut connection = connection.unwrap();
            served += 1;
            let mut bytes = vec![0; 65_536];
            let _ = connection.read(&mut bytes);
            let _ = connection.write_all(answer);
            while holds && connection.read(&mut bytes).is_ok_and(|count| count > 0) {}
        }
        served
    });
    (address, thread)
}

#[tokio::test]
async fn row_43_a_clock_that_is_off_is_told_by_how_much() {
    let body = "<Response><Errors><Error><Code>RequestExpired</Code><Message>Request has expired.</Message></Error>\
                </Errors><RequestID>r</RequestID></Response>";
    for (theirs, words) in [
        ("Sat, 31 Jan 2026 11:30:00 GMT", "30 minutes ahead"),
        ("Sat, 31 Jan 2026 12:20:30 GMT", "20 minutes behind"),
        ("Sat, 31 Jan 2026 12:00:00 GMT", "agrees with that of AWS"),
        ("the day after", "is the clock of this host right?"),
    ] {
        let fake = FakeAws::new(move |_| Reply::Dated(400, body.to_owned(), theirs));
        let error = over(&fake).observe(&hosts(1)).await.unwrap_err();
        assert_eq!((error.class, error.code.as_deref()), (FailureClass::AuthExpired, Some("RequestExpired")));
        assert!(error.message.contains(words), "{error}");
        assert_eq!(fake.seen().len(), 1, "other credentials would not help");
    }
}

#[tokio::test]
async fn row_49_a_connection_that_breaks_is_tried_three_times_at_most() {
    let (address, served) = server(3, b"", false);
    let (error, _) = look_at(&format!("http://{address}"), AwsSettings::default()).await;
    assert_eq!(error.class, FailureClass::Network);
    assert_eq!(served.join().unwrap(), 3);
}

#[tokio::test]
async fn row_49_a_handshake_that_breaks_is_an_error_at_once() {
    let (address, _served) = server(3, b"HTTP/1.1 400 Bad Request\r\n\r\n", false);
    let (error, time) = look_at(&format!("https://{address}"), AwsSettings::default()).await;
    assert!(matches!(error.class, FailureClass::Network | FailureClass::Unreachable), "{error}");
    assert!(time < Duration::from_secs(5));
}

#[tokio::test]
async fn row_50_a_body_that_stalls_is_given_up() {
    let (address, _served) = server(1, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n<", true);
    let settings =
        AwsSettings { attempt_timeout: Duration::from_millis(300), describe_retries: 0, ..AwsSettings::default() };
    let (error, time) = look_at(&format!("http://{address}"), settings).await;
    assert_eq!(error.class, FailureClass::Network);
    assert!(time < Duration::from_secs(5));
}

#[tokio::test]
async fn row_51_an_answer_that_cannot_be_read_shows_no_host_as_gone() {
    let missing_id = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceState><code>16</code>\
                      </instanceState></item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
    for body in [
        "",
        "<",
        "<html><body>Welcome to the airport</body></html>",
        "{\"Reservations\": []}",
        "<DescribeInstancesResponse><reservationSet><item>",
        "<DescribeInstancesResponse><reservationSet></DescribeInstancesResponse>",
        "\u{0}\u{1}\u{2}",
        missing_id,
    ] {
        let fake = FakeAws::new(move |_| Reply::ok(body));
        let error = over(&fake).observe(&hosts(2)).await.expect_err(body);
        assert!(matches!(error.class, FailureClass::Network | FailureClass::Server), "{body}: {error}");
        assert!(fake.seen().len() <= 3);
    }
    let frozen = FakeAws::new(|_| described(&[instance("i-00000000000000000", (0xFF_63, "frozen"), "")], None));
    assert_eq!(over(&frozen).observe(&hosts(1)).await.unwrap_err().class, FailureClass::Server);
}

#[tokio::test]
async fn row_52_an_endpoint_that_nobody_listens_at_is_soon_known() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (error, time) = look_at(&format!("http://{closed}"), AwsSettings::default()).await;
    assert_eq!(error.class, FailureClass::Unreachable);
    assert!(error.message.contains("provider.aws.endpointUrl") && time < Duration::from_secs(5), "{error}");
}

#[tokio::test]
async fn row_53_a_zone_that_fails_calls_with_its_ids_fails_none_of_ours() {
    let fake = FakeAws::new(|seen| {
        if seen.get("InstanceId.1").is_some() {
            return Reply::error(500, "InternalError", "An internal error has occurred");
        }
        let found: Vec<String> =
            seen.list("Filter.1.Value").into_iter().map(|id| instance(id, (16, "running"), "")).collect();
        described(&found, None)
    });
    assert_eq!(over(&fake).observe(&hosts(300)).await.unwrap().len(), 300);
}

async fn end(fake: &FakeAws, hosts: &[MachineId]) -> Released {
    terminate::release(fake.clients().as_ref(), hosts).await
}

#[tokio::test]
async fn row_69_a_call_without_permission_is_sent_once_and_names_the_action() {
    let fake = FakeAws::new(|seen| {
        let text = format!("You are not authorized to perform: ec2:{} on resource: *", seen.action());
        Reply::error(403, "UnauthorizedOperation", &text)
    });
    let error = over(&fake).observe(&hosts(1)).await.unwrap_err();
    assert_eq!(error.class, FailureClass::AuthDenied);
    assert!(error.to_string().contains("Error Code: UnauthorizedOperation"), "{error}");
    assert!(error.message.contains("ec2:DescribeInstances"), "{error}");
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn row_71_hosts_that_must_not_be_ended_say_so_in_few_calls() {
    let fake = FakeAws::new(|seen| {
        let text = format!(
            "You are not authorized to perform: ec2:TerminateInstances on resource: \
             arn:aws:ec2:eu-west-1:123456789012:instance/{}",
            seen.list("InstanceId")[0]
        );
        Reply::error(403, "UnauthorizedOperation", &text)
    });
    let released = end(&fake, &ids(1_000)).await;
    assert_eq!((released.accepted.len(), released.gone.len(), released.not_ended.len()), (0, 0, 1_000));
    for host in &released.not_ended {
        assert_eq!(host.class, FailureClass::AuthDenied);
        assert!(host.reason.contains("UnauthorizedOperation") && host.reason.contains("ec2:TerminateInstances"));
    }
    assert!(fake.seen().len() <= 17, "{} calls", fake.seen().len());
    let one = end(&fake, &ids(1)).await;
    assert_eq!((one.not_ended.len(), fake.seen().len() <= 18), (1, true));
}

#[tokio::test]
async fn row_71_permission_for_some_hosts_ends_those() {
    // Every host with an even number may be ended.
    let fake = FakeAws::new(|seen| {
        let list = seen.list("InstanceId");
        match list.iter().find(|id| id.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f'])) {
            Some(id) => Reply::error(403, "UnauthorizedOperation", &format!("not authorized: instance/{id}")),
            None => Reply::ok(format!(
                "<TerminateInstancesResponse><instancesSet>{}</instancesSet></TerminateInstancesResponse>",
                list.iter()
                    .map(|id| format!("<item><instanceId>{id}</instanceId></item>"))
                    .collect::<Vec<_>>()
                    .concat()
            )),
        }
    });
    let released = end(&fake, &ids(40)).await;
    assert_eq!((released.accepted.len(), released.not_ended.len()), (20, 20));
}

#[tokio::test]
async fn row_101_and_102_hostile_words_of_aws_are_one_harmless_line() {
    let text = "no&#10;{\"fake\":\"record\"}&#13; &#x1b;[2J\u{202e}&#x85; wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let fake = FakeAws::in_order([Reply::error(400, "Bad&#10;Code", text)]);
    let error = over(&fake).observe(&hosts(1)).await.unwrap_err();
    for shown in [error.to_string(), error.message.clone(), error.code.clone().unwrap()] {
        assert!(!shown.contains(['\n', '\r', '\u{1b}', '\u{202e}', '\u{85}']), "{shown:?}");
        assert!(!shown.contains("wJalr"), "{shown}");
    }
    let json = serde_json::to_string(&error.to_string()).unwrap();
    assert_eq!(serde_json::from_str::<String>(&json).unwrap(), error.to_string());
    let shown = format!("{error:?}");
    assert!(!shown.contains("wJalr") && !shown.contains('\u{1b}'), "{shown}");
}

#[tokio::test]
async fn a_budget_that_is_used_up_waits_for_no_limiter() {
    let fake = FakeAws::new(|_| described(&[], None));
    let budget = Budget::starting_now(Duration::ZERO, Duration::ZERO);
    let clients = fake.clients();
    clients.clients().await.unwrap();
    let observation = AwsObservation::over(clients, fake.notebook.clone(), fake.clock.clone());
    let error = budget.scope(observation.observe(&hosts(1))).await.unwrap_err();
    assert!(error.message.contains("no time is left"), "{error}");
    assert!(fake.seen().is_empty());
}
