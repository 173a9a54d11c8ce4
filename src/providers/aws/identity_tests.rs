use super::*;
use crate::application::ports::{Fulfilment, Host, Launch, Observation, Search};
use crate::application::settings::AwsSettings;
use crate::domain::request::{Attempt, AttemptState, LaunchPlan, Pool};
use crate::domain::template::PriceType;
use crate::domain::{RequestId, Timestamp};
use crate::providers::aws::client::ClientSource;
use crate::providers::aws::fake::{ACCOUNT, FakeAws, Reply, Seen, caller, described, instance, keys_of};
use crate::providers::aws::{AwsObservation, RunInstances};

const ID: &str = "i-00000000000000001";

/// What one process sees of one host.
async fn look(fake: &FakeAws) -> Result<usize, ProviderError> {
    look_with(fake, fake.settings()).await
}

async fn look_with(fake: &FakeAws, settings: AwsSettings) -> Result<usize, ProviderError> {
    let process = AwsObservation::over(fake.clients_with(settings), fake.notebook.clone(), fake.clock.clone());
    let host = Host { id: ID.parse().unwrap(), price_type: PriceType::OnDemand, ending_since: None };
    process.observe(&[host]).await.map(|seen| seen.len())
}

fn found() -> Reply {
    described(&[instance(ID, (16, "running"), "")], None)
}

/// AWS that says whose credentials these are as told, and shows the host if told so.
fn aws(whose: impl Fn() -> Reply + Send + 'static, there: bool) -> FakeAws {
    FakeAws::new(move |seen: &Seen| match seen.action() {
        "GetCallerIdentity" => whose(),
        _ if there => found(),
        _ => described(&[], None),
    })
}

#[tokio::test]
async fn row_54_a_new_work_folder_asks_once_and_notes_no_key() {
    let fake = aws(|| caller(ACCOUNT), true).of_account(None);
    for _ in 0..3 {
        assert_eq!(look(&fake).await.unwrap(), 1);
    }
    assert_eq!(fake.actions(), ["GetCallerIdentity", "DescribeInstances", "DescribeInstances", "DescribeInstances"]);
    let notes = fake.notebook.read().await;
    let account = notes.account.as_ref().unwrap();
    assert_eq!((account.id.as_str(), account.region.as_str()), (ACCOUNT, "eu-west-1"));
    let text = serde_json::to_string(&notes).unwrap();
    assert!(!text.contains("AKIDTEST") && !text.contains("not-a-secret"), "{text}");
}

#[tokio::test]
async fn row_54_a_new_key_of_the_same_account_is_learnt() {
    let fake = aws(|| caller(ACCOUNT), false).of_account(Some(ACCOUNT));
    assert_eq!(look(&fake).await.unwrap(), 0, "the account is certain, so the host is certainly not there");
    assert_eq!(look(&fake).await.unwrap(), 0);
    assert_eq!(fake.actions(), ["GetCallerIdentity", "DescribeInstances", "DescribeInstances"]);
}

#[tokio::test]
async fn row_54_another_account_is_refused_before_anything_is_asked_or_launched() {
    let fake = aws(|| caller("999999999999"), true).of_account(Some(ACCOUNT));
    let error = look(&fake).await.unwrap_err();
    assert!(error.is_auth(), "{error}");
    for words in [ACCOUNT, "999999999999", "eu-west-1", "work folder", "data/request_database.notes"] {
        assert!(error.message.contains(words), "{error}");
    }
    let clients = fake.clients();
    let first = clients.clients().await.unwrap_err().to_string();
    assert_eq!(clients.clients().await.unwrap_err().to_string(), first, "the same answer without another question");
    assert_eq!(fake.actions(), ["GetCallerIdentity"; 2], "one for each of two processes, and nothing else");
    assert_eq!(fake.notebook.read().await.account.unwrap().id, ACCOUNT);
}

#[tokio::test]
async fn row_54_another_region_is_refused_without_asking_anybody() {
    let fake = aws(|| caller(ACCOUNT), true);
    let settings = AwsSettings { region: Some("us-east-1".to_owned()), ..fake.settings() };
    let error = look_with(&fake, settings).await.unwrap_err();
    assert!(error.is_auth() && error.message.contains("us-east-1") && error.message.contains("eu-west-1"), "{error}");
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn row_54_where_nobody_says_whose_credentials_these_are_nothing_is_gone() {
    let denied = || Reply::error(403, "AccessDenied", "denied");
    let unheard_of = || Reply::error(400, "InvalidAction", "The action GetCallerIdentity is not valid");
    for whose in [denied as fn() -> Reply, unheard_of, || Reply::Lost] {
        let empty = aws(whose, false).of_account(None);
        let error = look(&empty).await.unwrap_err();
        assert_eq!(error.class, FailureClass::Server);
        assert!(error.message.contains("sts:GetCallerIdentity"), "{error}");
        let full = aws(whose, true).of_account(None);
        assert_eq!(look(&full).await.unwrap(), 1);
        assert_eq!(look(&full).await.unwrap(), 1);
        assert_eq!(
            full.actions(),
            ["GetCallerIdentity", "DescribeInstances", "DescribeInstances"],
            "not asked each time"
        );
        full.clock.leap(61);
        assert_eq!(look(&full).await.unwrap(), 1);
        assert_eq!(full.actions()[3], "GetCallerIdentity");
    }
}

#[tokio::test]
async fn row_54_what_was_launched_is_not_given_up_while_the_account_is_in_doubt() {
    for (noted, is_believed) in [(Some(ACCOUNT), false), (None, true)] {
        let fake = aws(|| Reply::error(403, "AccessDenied", "denied"), false).of_account(noted);
        let process = AwsObservation::over(fake.clients(), fake.notebook.clone(), fake.clock.clone());
        let request: RequestId = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
        let search = Search::Request("grid-1".parse().unwrap(), request);
        assert_eq!(process.find(&search).await.is_ok(), is_believed);
        let pool = Pool { instance_type: None, subnet: None, price_type: PriceType::OnDemand };
        let attempt = Attempt {
            number: 1,
            pools: vec![pool],
            count: 1,
            token: "ab".repeat(32).parse().unwrap(),
            recorded_at: Timestamp::default(),
            state: AttemptState::Open,
        };
        let launch = Launch { attempt: &attempt, plan: &LaunchPlan::default(), user_data: None };
        assert_eq!(RunInstances::over(fake.clients()).recall(launch).await.is_ok(), is_believed);
        assert!(process.find(&Search::Installation("grid-1".parse().unwrap())).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn two_processes_that_begin_at_once_with_different_accounts_do_not_both_win() {
    let one = aws(|| caller(ACCOUNT), true).of_account(None);
    assert!(look(&one).await.is_ok());
    let mut other = aws(|| caller("999999999999"), true);
    other.notebook = one.notebook.clone();
    one.notebook.0.lock().unwrap().account.as_mut().unwrap().keys.clear();
    assert!(look(&other).await.unwrap_err().is_auth());
}

/// AWS that refuses the first key and takes another; what is put into the file then is up to `renewed`.
fn expiring(file: &tempfile::NamedTempFile, renewed: &'static str, whose: &'static str) -> FakeAws {
    let path = file.path().to_owned();
    let mut refused = false;
    FakeAws::new(move |seen| match seen.action() {
        "GetCallerIdentity" => caller(whose),
        _ if refused && renewed != "AKIDTEST" => found(),
        _ => {
            refused = true;
            #[expect(clippy::disallowed_methods, reason = "the test plays whoever renews the file")]
            std::fs::write(&path, keys_of(renewed)).unwrap();
            Reply::error(400, "ExpiredToken", "The provided token has expired.")
        }
    })
}

#[tokio::test]
async fn row_67_refused_credentials_are_looked_for_once_more() {
    for (renewed, whose, wanted, is_seen) in [
        ("AKIDNEW", ACCOUNT, vec!["DescribeInstances", "GetCallerIdentity", "DescribeInstances"], true),
        ("AKIDNEW", "999999999999", vec!["DescribeInstances", "GetCallerIdentity"], false),
        ("AKIDTEST", ACCOUNT, vec!["DescribeInstances"], false),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file.as_file(), keys_of("AKIDTEST").as_bytes()).unwrap();
        let fake = expiring(&file, renewed, whose);
        let settings = AwsSettings { credential_file: Some(file.path().to_owned()), ..fake.settings() };
        let outcome = look_with(&fake, settings).await;
        assert_eq!(fake.actions(), wanted);
        match outcome {
            Ok(seen) => assert!(is_seen && seen == 1),
            Err(error) => assert!(!is_seen && error.class == FailureClass::AuthExpired, "{error}"),
        }
    }
}
