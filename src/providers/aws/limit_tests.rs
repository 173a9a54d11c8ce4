use super::*;
use crate::application::testing::FakeNotebook;
use crate::providers::aws::client::ClientSource;
use crate::providers::aws::fake::{FakeAws, Reply};

const RUN: Call = Call { operation: "RunInstances", hosts: 1 };
const LONG: Duration = Duration::from_secs(10);

/// A process beside others over the same notes.
fn limiter(fake: &FakeAws, percent: u32) -> Limiter {
    let settings = AwsSettings { rate_percent: percent, ..fake.settings() };
    Limiter::new(&settings, fake.notebook.clone(), fake.clock.clone())
}

fn nobody() -> FakeAws {
    FakeAws::new(|seen| panic!("asked for {}", seen.action()))
}

async fn at_once<F: Future>(work: F) -> F::Output {
    Budget::starting_now(Duration::ZERO, Duration::from_mins(1)).scope(work).await
}

#[tokio::test]
async fn who_cannot_wait_sends_nothing_and_says_what_to_set() {
    let fake = nobody();
    fake.clock.freeze();
    for _ in 0..5 {
        at_once(limiter(&fake, 100).pass(RUN)).await.unwrap();
    }
    let error = at_once(limiter(&fake, 100).pass(RUN)).await.unwrap_err();
    assert_eq!((error.class, error.operation.as_str()), (FailureClass::Throttle, "RunInstances"));
    for words in ["our own limiter", "seconds", "nothing was sent", "provider.aws.rateScalePercent"] {
        assert!(error.message.contains(words), "{error}");
    }
    at_once(limiter(&fake, 100).pass("DescribeInstances".into())).await.unwrap();
    fake.clock.leap(1);
    at_once(limiter(&fake, 100).pass(RUN)).await.unwrap();
}

#[tokio::test]
async fn a_short_wait_is_waited_out() {
    let fake = nobody();
    // A hundredfold: 500 at once and 200 a second.
    for _ in 0..500 {
        at_once(limiter(&fake, 10_000).pass(RUN)).await.unwrap();
    }
    for _ in 0..20 {
        Budget::starting_now(LONG, LONG).scope(limiter(&fake, 10_000).pass(RUN)).await.unwrap();
    }
}

#[tokio::test]
async fn hosts_are_counted_apart_and_a_refusal_takes_nothing() {
    let fake = nobody();
    fake.clock.freeze();
    let call = |hosts| Call { operation: "RunInstances", hosts };
    at_once(limiter(&fake, 100).pass(call(1_000))).await.unwrap();
    let before = fake.notebook.read().await;
    assert!(at_once(limiter(&fake, 100).pass(call(100))).await.is_err());
    assert_eq!(fake.notebook.read().await, before);
    fake.clock.leap(50);
    at_once(limiter(&fake, 100).pass(call(100))).await.unwrap();
    // More than there ever are: all of them.
    fake.clock.leap(1_000);
    at_once(limiter(&fake, 10).pass(call(400))).await.unwrap();
}

#[tokio::test]
async fn switched_off_it_notes_nothing() {
    let fake = nobody();
    let before = fake.notebook.read().await;
    for _ in 0..100 {
        at_once(limiter(&fake, 0).pass(RUN)).await.unwrap();
    }
    limiter(&fake, 0).slow_down(RUN).await;
    assert_eq!(fake.notebook.read().await, before);
}

#[test]
fn rates_are_those_of_section_8() {
    for (operation, burst, per_second) in [
        ("RunInstances", 5, 2),
        ("TerminateInstances", 100, 5),
        ("DescribeInstances", 100, 20),
        ("GetConsoleOutput", 100, 20),
        ("CreateTags", 100, 10),
        ("CreateFleet", 50, 5),
    ] {
        assert_eq!(requests_of(operation), rate(burst, per_second), "{operation}");
    }
    assert_eq!((hosts_of("RunInstances"), hosts_of("CreateTags")), (Some(rate(1_000, 2)), None));
}

#[tokio::test]
async fn a_pause_that_begins_while_somebody_waits_holds_him_up_too() {
    let fake = nobody();
    fake.clock.freeze();
    let one = limiter(&fake, 10_000);
    for _ in 0..500 {
        at_once(one.pass(RUN)).await.unwrap();
    }
    let short = Budget::starting_now(Duration::from_millis(900), LONG);
    let (waiting, ()) = tokio::join!(short.scope(one.pass(Call { hosts: 0, ..RUN })), async {
        let now = fake.clock.now();
        let mut cool = |notes: &mut Notes| {
            if let Some(bucket) = notes.buckets.get_mut("RunInstances") {
                bucket.cool(Duration::from_secs(5), now);
            }
        };
        fake.notebook.edit(&mut cool).await;
    });
    assert_eq!(waiting.unwrap_err().class, FailureClass::Throttle);
}

/// One process asks for one look at a host.
async fn look(fake: &FakeAws, soft: Duration) -> Result<(), ProviderError> {
    let clients = fake.clients();
    let clients = clients.clients().await.unwrap();
    let policy = super::super::retry::Policy::describes(&fake.settings());
    let send = super::super::retry::send(&clients.gate, "DescribeInstances", policy, || async {
        let answer = clients.ec2.describe_instances().max_results(5).send().await;
        answer.map(|_| ()).map_err(|error| super::super::error::provider_error("DescribeInstances", &error))
    });
    Budget::starting_now(soft, Duration::from_mins(1)).scope(send).await
}

#[tokio::test]
async fn row_45_a_process_asks_three_times_and_twenty_processes_do_not_ask_while_aws_wants_a_pause() {
    let fake = FakeAws::new(|_| Reply::error(503, "RequestLimitExceeded", "Request limit exceeded."));
    let error = look(&fake, LONG).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Throttle);
    assert_eq!(error.code.as_deref(), Some("RequestLimitExceeded"), "AWS's own words come first");
    assert_eq!(fake.seen().len(), 3);

    let patient = FakeAws::new(|_| Reply::error(503, "RequestLimitExceeded", "Request limit exceeded."));
    patient.notebook.0.lock().unwrap().buckets.entry("DescribeInstances".to_owned()).or_default();
    let pause = |notes: &mut Notes| {
        if let Some(bucket) = notes.buckets.get_mut("DescribeInstances") {
            bucket.cool(Duration::from_secs(4), patient.clock.now());
        }
    };
    pause(&mut patient.notebook.0.lock().unwrap());
    for _ in 0..20 {
        assert!(look(&patient, Duration::ZERO).await.unwrap_err().message.contains("our own limiter"));
    }
    assert!(patient.seen().is_empty());
    patient.clock.leap(5);
    for _ in 0..20 {
        assert_eq!(look(&patient, Duration::ZERO).await.unwrap_err().class, FailureClass::Throttle);
    }
    // The pauses of this test's settings are of milliseconds, so that some of the twenty come after one.
    assert!(patient.seen().len() <= 20, "{}", patient.seen().len());
}

#[tokio::test]
async fn row_45_one_process_does_not_ask_again_for_the_next_page_or_batch() {
    let fake = FakeAws::new(|_| Reply::error(503, "RequestLimitExceeded", "Request limit exceeded."));
    let one = limiter(&fake, 10_000);
    let tries: Vec<bool> = [one.slow_down(RUN).await, one.slow_down(RUN).await, one.slow_down(RUN).await].into();
    assert_eq!(tries, [true, true, false]);
    let error = Budget::starting_now(LONG, LONG).scope(one.pass(RUN)).await.unwrap_err();
    assert!(error.message.contains("3 times to slow down"), "{error}");
    one.answered(RUN);
    assert!(Budget::starting_now(LONG, LONG).scope(one.pass(RUN)).await.is_ok());
}

#[tokio::test]
async fn pauses_grow_and_are_persisted() {
    let notebook = Arc::new(FakeNotebook::default());
    let fake = nobody();
    fake.clock.freeze();
    let settings = AwsSettings { first_pause: Duration::from_secs(2), ..fake.settings() };
    let one = Limiter::new(&settings, notebook.clone(), fake.clock.clone());
    let mut pauses = Vec::new();
    for _ in 0..3 {
        one.slow_down(RUN).await;
        pauses.push(pause_of(&notebook.read().await.buckets["RunInstances"], fake.clock.now()).as_millis());
    }
    for (pause, ceiling) in pauses.iter().zip([2_000, 4_000, 8_000]) {
        assert!((ceiling / 2..=ceiling).contains(pause), "{pauses:?}");
    }
}
