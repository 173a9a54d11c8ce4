//! Rows of the fault table about launches, and the limiter.

use super::*;

#[tokio::test]
async fn row_51_an_answer_that_was_cut_is_asked_for_again_with_the_same_token() {
    let Reply::Answer(_, whole) = two_hosts() else { return };
    let cut = Reply::ok(&whole[..whole.len() - 300]);
    let fake = FakeAws::in_order([cut.clone(), two_hosts()]);
    assert_eq!(acquire(&fake, &frozen()).await.unwrap().hosts.len(), 2, "not the one that could be read");
    let seen = fake.seen();
    assert_eq!((seen.len(), seen[0].below("")), (2, seen[1].below("")));
    let always = FakeAws::in_order([cut]);
    let settings = AwsSettings { create_retries: 0, ..always.settings() };
    let attempt = attempt(2, PriceType::OnDemand);
    let error = acquire_with(always.clients_with(settings), &attempt, &frozen(), None).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Network);
}

#[tokio::test]
async fn row_70_a_spot_market_that_is_closed_to_the_account_says_so_once() {
    let code = "AuthFailure.ServiceLinkedRoleCreationNotPermitted";
    let fake = FakeAws::new(move |seen| {
        if seen.get("InstanceMarketOptions.MarketType") == Some("spot") {
            Reply::error(403, code, "The provided credentials do not have permission to create the service-linked role")
        } else {
            two_hosts()
        }
    });
    let spot = acquire_with(fake.clients(), &attempt(2, PriceType::Spot), &frozen(), None).await.unwrap_err();
    assert_eq!((spot.class, spot.code.as_deref()), (FailureClass::AuthDenied, Some(code)));
    assert!(acquire(&fake, &frozen()).await.is_ok(), "on demand there are hosts");
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn what_our_own_limiter_holds_back_is_not_sent_and_stays_open() {
    let fake = FakeAws::in_order([two_hosts()]);
    let settings = AwsSettings { rate_percent: 100, ..fake.settings() };
    let attempt = attempt(900, PriceType::OnDemand);
    let budget = || {
        crate::application::budget::Budget::starting_now(std::time::Duration::ZERO, std::time::Duration::from_mins(1))
    };
    let launch = async || {
        let frozen = frozen();
        let work = acquire_with(fake.clients_with(settings.clone()), &attempt, &frozen, None);
        budget().scope(work).await
    };
    assert!(launch().await.is_ok());
    let error = launch().await.unwrap_err();
    assert_eq!((error.class, fake.seen().len()), (FailureClass::Throttle, 1));
}
