//! Every kind of answer that a token endpoint can give, one after the other.

use std::time::Duration;

use sealpost_schemas::Code;
use sealpost_shared::{failure::Verdict, records::State};
use sealpost_tests::{pipeline::SOON, until};
use serde_json::json;

use super::world::{HASTY, PATIENT, World, failed, granted, refused};

#[tokio::test]
async fn an_answer_that_proves_nothing_is_tried_again_and_the_connection_works() {
    // (what the platform does, without having looked at the token; the failure's code; whether the marker stays)
    let answers = [
        (json!({"kind": "drop"}), Code::ProviderUnavailable, true),
        (json!({"kind": "hang"}), Code::ProviderUnavailable, true),
        (
            json!({"kind": "tear", "status": 200, "body": "{\"access_token\": \"half of it\"}"}),
            Code::ProviderUnavailable,
            true,
        ),
        (json!({"kind": "status", "status": 200, "body": "<html>sign in</html>"}), Code::ProviderUnavailable, true),
        (
            json!({"kind": "swell", "status": 200, "body": "{\"access_token\": \"a\"}", "bytes": 20_000_000}),
            Code::ProviderUnavailable,
            true,
        ),
        (json!({"kind": "status", "status": 200, "body": "{\"error\": \"no\"}"}), Code::ProviderUnavailable, true),
        (json!({"kind": "status", "status": 200, "body": "{\"access_token\": \"\"}"}), Code::ProviderUnavailable, true),
        (json!({"kind": "status", "status": 408}), Code::ProviderUnavailable, true),
        (json!({"kind": "status", "status": 409}), Code::ProviderUnavailable, true),
        (json!({"kind": "status", "status": 302, "headers": {"location": "/token"}}), Code::ProviderUnavailable, true),
        (json!({"kind": "status", "status": 403}), Code::ProviderUnavailable, true),
        (
            json!({"kind": "status", "status": 500, "body": "{\"error\":\"invalid_grant\"}"}),
            Code::ProviderUnavailable,
            true,
        ),
        (json!({"kind": "status", "status": 503, "headers": {"retry-after": "1"}}), Code::ProviderUnavailable, true),
        (json!({"kind": "status", "status": 429, "headers": {"retry-after": "7"}}), Code::RateLimited, false),
        (json!({"kind": "status", "status": 401}), Code::InvalidClient, false),
        (
            json!({"kind": "status", "status": 400, "body": "{\"error\":\"invalid_scope\"}"}),
            Code::ProviderRejected,
            false,
        ),
    ];
    let world = World::start().await;
    let (keeper, provider) = (world.keeper(HASTY).await, world.provider(""));
    for (number, (fault, code, stays)) in answers.into_iter().enumerate() {
        let user = format!("user-{number}");
        let connection = world.expired(&user).await;
        world.fault(fault.clone()).await;
        let failure = failed(keeper.access_token(&connection, &provider).await);
        assert_eq!(failure.code, code, "{fault}: {}", failure.message);
        let Verdict::Retry { after } = failure.verdict else { panic!("{fault}: {:?}", failure.verdict) };
        if code == Code::RateLimited {
            assert_eq!(after, Some(Duration::from_secs(7)));
        }
        let record = world.record(&user).await;
        assert_eq!(
            (record.metadata.marker.is_some(), record.metadata.standing.state),
            (stays, State::Active),
            "{fault}"
        );
        // the lease of a lost answer runs out first, so that a late request meets no new one
        assert_eq!(world.is_leased(&user).await, stays, "{fault}");
        let again =
            until("the connection works", SOON, async || keeper.access_token(&connection, &provider).await.ok());
        assert!(world.is_taken(&granted(Ok(again.await)).0).await, "{fault}");
        assert_eq!(world.record(&user).await.metadata.marker, None);
    }
    assert_eq!(world.reuses().await, 0);
}

#[tokio::test]
async fn an_answer_that_was_lost_after_the_token_was_spent_ends_with_a_word_that_says_so_and_no_further_call() {
    let lost = [
        json!({"kind": "drop", "when": "after"}),
        json!({"kind": "tear", "when": "after"}),
        json!({"kind": "swell", "when": "after", "bytes": 20_000_000}),
        json!({"kind": "edit", "when": "after", "set": {"access_token": null}}),
        json!({"kind": "hang", "when": "after"}),
        json!({"kind": "status", "when": "after", "status": 502}),
    ];
    let world = World::start().await;
    let (keeper, provider) = (world.keeper(HASTY).await, world.provider(""));
    for (number, fault) in lost.into_iter().enumerate() {
        let user = format!("user-{number}");
        let connection = world.expired(&user).await;
        world.fault(fault.clone()).await;
        assert_eq!(failed(keeper.access_token(&connection, &provider).await).code, Code::ProviderUnavailable);
        let again = until("it is settled", SOON, async || keeper.access_token(&connection, &provider).await.ok()).await;
        let (report, events) = refused(Ok(again));
        assert_eq!((report.code, events), (Code::RefreshOutcomeLost, vec!["connection.needs-consent"]), "{fault}");
        let calls = world.refreshes().await;
        let (report, events) = refused(keeper.access_token(&connection, &provider).await);
        assert_eq!((report.code, events), (Code::RefreshOutcomeLost, vec![]), "told once");
        assert_eq!(world.refreshes().await, calls, "no further call");
        let standing = world.record(&user).await.metadata.standing;
        assert_eq!((standing.state, standing.code), (State::NeedsConsent, Some(Code::RefreshOutcomeLost)));
    }
}

#[tokio::test]
async fn a_slow_answer_within_the_limit_is_as_good_as_a_fast_one() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    world.fault(json!({"kind": "slow", "when": "after", "delay_ms": 1500})).await;
    let (token, _) = granted(world.keeper(PATIENT).await.access_token(&connection, &provider).await);
    assert!(world.is_taken(&token).await);
}

#[tokio::test]
async fn a_consent_that_the_user_withdrew_is_told_once_with_the_providers_words() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    world.sandbox.admin(reqwest::Method::POST, "revoke", Some(json!({"user": "ada"}))).await;
    let (report, events) = refused(keeper.access_token(&connection, &provider).await);
    assert_eq!((report.code, events), (Code::NeedsConsent, vec!["connection.needs-consent"]));
    assert_eq!(report.provider_error.unwrap().error.unwrap(), "invalid_grant");
    assert_eq!(world.record("ada").await.metadata.standing.code, Some(Code::InvalidGrant));
    assert_eq!(refused(keeper.access_token(&connection, &provider).await).1, Vec::<&str>::new());
    assert_eq!(world.refreshes().await, json!({"invalid_grant": 1}));
}

#[tokio::test]
async fn a_user_who_must_sign_in_again_is_told_so() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    world.fault(json!({"kind": "status", "status": 400, "body": "{\"error\":\"interaction_required\"}"})).await;
    let keeper = world.keeper(PATIENT).await;
    for _ in 0..2 {
        assert_eq!(refused(keeper.access_token(&connection, &provider).await).0.code, Code::InteractionRequired);
    }
}

#[tokio::test]
async fn a_provider_that_is_away_costs_nothing_but_time() {
    let world = World::start().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connection = world.expired("ada").await;
    let keeper = world.keeper(PATIENT).await;
    let away = world.provider_at(&format!("http://{nobody}"), "");
    assert_eq!(failed(keeper.access_token(&connection, &away).await).code, Code::ProviderUnavailable);
    assert_eq!(world.record("ada").await.metadata.marker, None, "nothing was sent");
    granted(keeper.access_token(&connection, &world.provider("")).await);
}

#[tokio::test]
async fn a_wrong_client_secret_leaves_the_user_alone() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    world.forget_the_secret();
    assert_eq!(
        failed(world.keeper(PATIENT).await.access_token(&connection, &provider).await).code,
        Code::InvalidClient
    );
    let data = world.record("ada").await.metadata;
    assert_eq!((data.standing.state, data.marker), (State::Active, None));
}

#[tokio::test]
async fn a_request_that_never_left_does_not_take_away_the_marker_of_an_earlier_one() {
    let world = World::start().await;
    let connection = world.expired("ada").await;
    let (keeper, provider) = (world.keeper(HASTY).await, world.provider(""));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = world.provider_at(&format!("http://{nobody}"), "");
    world.fault(json!({"kind": "drop", "when": "after"})).await;
    assert_eq!(failed(keeper.access_token(&connection, &provider).await).code, Code::ProviderUnavailable);
    until("the lease is over", SOON, async || {
        failed(keeper.access_token(&connection, &away).await).code == Code::ProviderUnavailable
    })
    .await;
    assert!(world.record("ada").await.metadata.marker.is_some(), "the first one may have been spent");
    assert_eq!(refused(keeper.access_token(&connection, &provider).await).0.code, Code::RefreshOutcomeLost);
}
