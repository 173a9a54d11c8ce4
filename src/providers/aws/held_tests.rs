use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::*;
use crate::domain::FailureClass;
use crate::providers::aws::fake::{FakeAws, Reply};

/// Gives new credentials each time, which last for so many seconds after the clock's beginning; or never answers.
#[derive(Debug, Default)]
struct Source {
    asked: AtomicU32,
    lasts: Option<u64>,
    is_silent: bool,
    always_the_same: bool,
}

#[derive(Debug)]
struct Shared(Arc<Source>);

impl ProvideCredentials for Shared {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let mut number = self.0.asked.fetch_add(1, Ordering::Relaxed);
            if self.0.is_silent {
                std::future::pending::<()>().await;
            }
            if self.0.always_the_same {
                number = 0;
            }
            let end = self.0.lasts.map(|seconds| UNIX_EPOCH + Duration::from_secs(1_769_860_800 + seconds));
            Ok(Credentials::new(format!("AKID{number}"), "a-canary", None, end, "test"))
        })
    }
}

fn held(source: Source) -> (Held, Arc<Source>, FakeAws) {
    let (source, fake) = (Arc::new(source), FakeAws::new(|_| Reply::Lost));
    let inner = SharedCredentialsProvider::new(Shared(source.clone()));
    (Held::new(inner, fake.clock.clone()), source, fake)
}

#[tokio::test]
async fn credentials_are_looked_for_once_and_again_before_they_end() {
    let (held, source, fake) = held(Source { lasts: Some(60), ..Source::default() });
    for _ in 0..3 {
        assert_eq!(held.get().await.unwrap().access_key_id(), "AKID0");
    }
    fake.clock.leap(51);
    assert_eq!(held.get().await.unwrap().access_key_id(), "AKID1");
    assert_eq!(source.asked.load(Ordering::Relaxed), 2);
    assert_eq!(format!("{held:?}"), "Held");
}

#[tokio::test]
async fn only_other_credentials_count_as_renewed() {
    let (other, _, _) = held(Source::default());
    other.get().await.unwrap();
    assert!(other.renew().await);
    let (same, _, _) = held(Source { always_the_same: true, ..Source::default() });
    same.get().await.unwrap();
    assert!(!same.renew().await);
}

#[tokio::test]
async fn row_68_credentials_that_do_not_come_are_waited_for_once_and_within_the_budget() {
    let (held, source, _) = held(Source { is_silent: true, ..Source::default() });
    let budget = Budget::starting_now(Duration::ZERO, Duration::from_millis(400));
    let started = Instant::now();
    let error = budget.scope(held.get()).await.unwrap_err();
    assert_eq!(error.class, FailureClass::AuthExpired);
    assert!(error.message.contains("no AWS credentials were found"), "{error}");
    assert_eq!(held.get().await.unwrap_err().message, error.message);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(source.asked.load(Ordering::Relaxed), 1);
}
