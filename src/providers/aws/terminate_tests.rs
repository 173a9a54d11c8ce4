use super::*;
use crate::providers::aws::fake::{FakeAws, Reply, Seen};

fn ids(count: u32) -> Vec<MachineId> {
    (0..count).map(|n| format!("i-{n:017x}").parse().unwrap()).collect()
}

fn accepted(seen: &Seen) -> Reply {
    let items: Vec<String> = seen
        .list("InstanceId")
        .iter()
        .map(|id| format!("<item><instanceId>{id}</instanceId><currentState><code>32</code></currentState></item>"))
        .collect();
    let items = items.concat();
    Reply::ok(format!("<TerminateInstancesResponse><instancesSet>{items}</instancesSet></TerminateInstancesResponse>"))
}

/// AWS that refuses any call with one of `bad` in it; `message` says how it names the first of them.
fn refusing(bad: &[MachineId], code: &'static str, message: fn(&[String]) -> String) -> FakeAws {
    let bad: Vec<String> = bad.iter().map(ToString::to_string).collect();
    FakeAws::new(move |seen| {
        let found: Vec<String> =
            seen.list("InstanceId").into_iter().filter(|id| bad.iter().any(|b| b == id)).map(str::to_owned).collect();
        if found.is_empty() { accepted(seen) } else { Reply::error(400, code, &message(&found)) }
    })
}

async fn release_all(fake: &FakeAws, hosts: &[MachineId]) -> Released {
    let released = release(fake.clients().as_ref(), hosts).await;
    let mut named: Vec<&MachineId> =
        released.accepted.iter().chain(&released.gone).chain(released.not_ended.iter().map(|host| &host.id)).collect();
    named.sort();
    let mut wanted: Vec<&MachineId> = hosts.iter().collect();
    wanted.sort();
    wanted.dedup();
    assert_eq!(named, wanted, "each host is in exactly one list");
    released
}

#[tokio::test]
async fn nothing_to_end_asks_nobody() {
    let fake = FakeAws::new(accepted);
    assert_eq!(release_all(&fake, &[]).await, Released::default());
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn batches_are_of_at_most_two_hundred_and_a_host_named_twice_is_asked_for_once() {
    let fake = FakeAws::new(accepted);
    let mut hosts = ids(450);
    hosts.push(hosts[0].clone());
    assert_eq!(release_all(&fake, &hosts).await.accepted.len(), 450);
    let sizes: Vec<usize> = fake.seen().iter().map(|seen| seen.list("InstanceId").len()).collect();
    assert_eq!(sizes, [200, 200, 50]);
}

#[tokio::test]
async fn one_unknown_host_of_two_hundred_is_gone_and_the_others_end() {
    let hosts = ids(200);
    let fake = refusing(&hosts[77..79], "InvalidInstanceID.NotFound", |found| {
        format!("The instance IDs '{}' do not exist", found.join(", "))
    });
    let released = release_all(&fake, &hosts).await;
    assert_eq!(released.gone, hosts[77..79]);
    assert_eq!(released.accepted.len(), 198);
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn an_id_that_cannot_exist_is_gone() {
    let hosts = ids(3);
    let fake = refusing(&hosts[1..2], "InvalidInstanceID.Malformed", |found| format!("Invalid id: \"{}\"", found[0]));
    let released = release_all(&fake, &hosts).await;
    assert_eq!((released.gone.len(), released.accepted.len()), (1, 2));
}

#[tokio::test]
async fn a_protected_host_keeps_no_other_alive_and_stays_protected() {
    let hosts = ids(200);
    let named = refusing(&hosts[3..4], "OperationNotPermitted", |found| {
        format!("The instance '{}' may not be terminated. Modify its 'disableApiTermination' attribute", found[0])
    });
    let unnamed = refusing(&hosts[3..4], "OperationNotPermitted", |_| "may not be terminated".to_owned());
    for (fake, calls) in [(named, 2), (unnamed, 17)] {
        let released = release_all(&fake, &hosts).await;
        assert_eq!(released.accepted.len(), 199);
        assert_eq!(released.not_ended[0].class, FailureClass::Protected);
        assert!(released.not_ended[0].reason.contains("Error Code: OperationNotPermitted"));
        assert!(fake.actions().iter().all(|action| action == "TerminateInstances"), "{:?}", fake.actions());
        assert!(fake.seen().len() <= calls, "{}", fake.seen().len());
    }
}

#[tokio::test]
async fn a_host_without_permission_is_set_apart() {
    let hosts = ids(5);
    let fake = refusing(&hosts[4..], "UnauthorizedOperation", |found| {
        format!(
            "not authorized to perform: ec2:TerminateInstances on resource: arn:aws:ec2:eu-west-1:1:instance/{}",
            found[0]
        )
    });
    let released = release_all(&fake, &hosts).await;
    assert_eq!(released.accepted.len(), 4);
    assert_eq!(released.not_ended[0].class, FailureClass::AuthDenied);
}

#[tokio::test]
async fn a_batch_that_fails_leaves_the_next_one_alone() {
    let hosts = ids(300);
    let first = hosts[0].to_string();
    let fake = FakeAws::new(move |seen| {
        if seen.list("InstanceId").contains(&first.as_str()) {
            Reply::error(403, "AuthFailure", "not validated")
        } else {
            accepted(seen)
        }
    });
    let released = release_all(&fake, &hosts).await;
    assert_eq!((released.not_ended.len(), released.accepted.len()), (200, 100));
    assert_eq!(released.not_ended[0].class, FailureClass::AuthExpired);
}

#[tokio::test]
async fn a_throttled_call_is_repeated_and_a_lost_answer_is_reported() {
    let hosts = ids(2);
    let mut calls = 0;
    let fake = FakeAws::new(move |seen| {
        calls += 1;
        if calls == 1 { Reply::error(503, "RequestLimitExceeded", "slow down") } else { accepted(seen) }
    });
    assert_eq!(release_all(&fake, &hosts).await.accepted.len(), 2);
    let lossy = FakeAws::new(|_| Reply::Lost);
    let settings = crate::application::settings::AwsSettings { create_retries: 0, ..lossy.settings() };
    let released = release(lossy.clients_with(settings).as_ref(), &hosts).await;
    assert_eq!(released.not_ended.len(), 2);
    assert!(released.not_ended.iter().all(|host| host.class == FailureClass::Network));
}

#[tokio::test]
async fn a_host_missing_from_the_answer_is_not_taken_for_ended() {
    let fake = FakeAws::new(|_| {
        Reply::ok("<TerminateInstancesResponse><instancesSet></instancesSet></TerminateInstancesResponse>")
    });
    let released = release_all(&fake, &ids(1)).await;
    assert_eq!(released.not_ended.len(), 1);
}
