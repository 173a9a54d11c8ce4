use super::*;
use crate::domain::Timestamp;
use crate::domain::request::{AttemptState, Pool};
use crate::domain::template::PriceType;
use crate::providers::aws::fake::{FakeAws, Reply, Seen, described, instance};
use crate::providers::aws::parameters::SCHEMA;

const REQUEST: &str = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101";

fn host(number: u32) -> String {
    format!("i-{number:017x}")
}

/// An answer that shows one group with this owner, and members by number, lifecycle state and health.
fn group(owner: &str, members: &[(u32, &str, &str)]) -> Reply {
    let tag = |key: &str, value: &str| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let member = |(number, state, health): &(u32, &str, &str)| {
        format!(
            "<member><InstanceId>{}</InstanceId><LifecycleState>{state}</LifecycleState><HealthStatus>{health}</HealthStatus>\
             </member>",
            host(*number)
        )
    };
    Reply::ok(format!(
        "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
         <AutoScalingGroupName>hostfactory-{REQUEST}-1</AutoScalingGroupName><Instances>{}</Instances><Tags>{}{}</Tags>\
         </member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>",
        members.iter().map(member).collect::<String>(),
        tag(tags::OWNER, owner),
        tag(tags::REQUEST, REQUEST),
    ))
}

fn done(action: &str) -> Reply {
    Reply::ok(format!("<{action}Response/>"))
}

/// Auto Scaling's form of an error.
fn refused(code: &str) -> Reply {
    Reply::Answer(
        400,
        format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"),
    )
}

async fn acquire(fake: &FakeAws) -> Result<Acquired, ProviderError> {
    let tags = [(tags::OWNER, "grid-1"), (tags::REQUEST, REQUEST)];
    let frozen = FrozenParameters {
        schema: SCHEMA,
        image: Some("ami-0abc".to_owned()),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..FrozenParameters::default()
    };
    let plan = LaunchPlan { parameters: serde_json::to_value(frozen).unwrap(), ..LaunchPlan::default() };
    let pool = Pool {
        instance_type: Some("m6i.large".to_owned()),
        subnet: Some("subnet-1".to_owned()),
        price_type: PriceType::OnDemand,
    };
    let attempt = Attempt {
        number: 1,
        pools: vec![pool],
        count: 3,
        token: "ab".repeat(32).parse().unwrap(),
        recorded_at: Timestamp::default(),
        state: AttemptState::Open,
    };
    let clients = fake.clients();
    AutoScaling { clients }.acquire(Launch { attempt: &attempt, plan: &plan, user_data: None }).await
}

#[tokio::test]
async fn row_89_a_group_of_the_same_name_is_taken_for_ours_by_its_tags_alone() {
    for (owner, is_ours) in [("grid-1", true), ("grid-2", false)] {
        let fake = FakeAws::new(move |seen| match seen.action() {
            "CreateAutoScalingGroup" => refused("AlreadyExists"),
            "DescribeAutoScalingGroups" => group(owner, &[]),
            other => done(other),
        });
        let outcome = acquire(&fake).await;
        if is_ours {
            assert!(outcome.is_ok_and(|acquired| acquired.filling));
            assert_eq!(fake.actions().last().unwrap(), "SuspendProcesses");
        } else {
            let error = outcome.unwrap_err();
            assert!(error.class == FailureClass::Invalid && error.message.contains("other tags"), "{error:?}");
            assert_eq!(fake.actions()[1..], ["CreateAutoScalingGroup", "DescribeAutoScalingGroups"]);
        }
    }
}

/// Removes a group whose members are these, of which EC2 shows some, and returns whether that came about by force.
async fn removed(members: &'static [(u32, &str, &str)], shown: &'static [(u32, (u32, &str))]) -> bool {
    let fake = FakeAws::new(move |seen: &Seen| match seen.action() {
        "DeleteAutoScalingGroup" if seen.get("ForceDelete") == Some("true") => done("DeleteAutoScalingGroup"),
        "DeleteAutoScalingGroup" => refused("ResourceInUse"),
        "DescribeAutoScalingGroups" => group("grid-1", members),
        "DescribeInstances" => {
            let shown: Vec<String> = shown.iter().map(|(number, state)| instance(&host(*number), *state, "")).collect();
            described(&shown, None)
        }
        other => panic!("{other}"),
    });
    let name = format!("hostfactory-{REQUEST}-1");
    let gone = AutoScaling { clients: fake.clients() }.retire(&name).await.is_ok();
    assert_eq!(gone, fake.seen().iter().any(|seen| seen.get("ForceDelete") == Some("true")));
    gone
}

#[tokio::test]
async fn a_group_is_removed_with_members_that_have_ended_and_never_with_one_that_may_live() {
    let dead = &[(1, "InService", "Unhealthy"), (2, "InService", "Healthy")];
    assert!(removed(dead, &[(1, (48, "terminated")), (2, (32, "shutting-down"))]).await);
    assert!(removed(&[(1, "InService", "Unhealthy")], &[]).await, "EC2 forgets hosts an hour after their end");
    assert!(!removed(dead, &[(1, (48, "terminated")), (2, (16, "running"))]).await);
    assert!(!removed(dead, &[(1, (48, "terminated"))]).await, "an answer that lacks a healthy member proves nothing");
    assert!(!removed(&[(1, "Pending", "Healthy")], &[]).await);
    assert!(!removed(&[(1, "InService", "Unhealthy")], &[(1, (80, "stopped"))]).await);
}
