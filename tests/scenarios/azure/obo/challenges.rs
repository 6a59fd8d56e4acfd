//! What the user must do first, in Microsoft's words: whole to the client that asked, and no more than needed to everybody else.

use sealpost_schemas::Code;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::records::State;
use sealpost_tests::pipeline::SOON;
use sealpost_tests::until;
use serde_json::{Value, json};

use super::{CHALLENGE, Proof, World, failed, request, said};

/// A policy that wants more of the user than was shown.
fn policy(error: &str) -> Value {
    json!({"error": error, "code": 50076, "message": "Use multi-factor authentication.", "suberror": "basic_action",
           "claims": CHALLENGE})
}

#[tokio::test]
async fn a_claims_challenge_reaches_the_client_whole_and_is_in_no_event() {
    let world = World::start(Proof::Secret).await;
    let _worker = world.pipeline.worker().await;
    let owner = world.owner("ada").await;
    for error in ["interaction_required", "invalid_grant"] {
        world.azure.refuse("ada", policy(error)).await;
        let asked = world.request(&owner, "ada").await;
        let answer = world.ask(&asked).await;
        failed(&answer, "interaction-required");
        assert_eq!((said(&answer, "status"), said(&answer, "error")), (&json!(400), &json!(error)));
        assert_eq!(
            (said(&answer, "error_codes"), said(&answer, "suberror")),
            (&json!([50076]), &json!("basic_action"))
        );
        assert_eq!(said(&answer, "claims"), CHALLENGE);
        assert_eq!(world.ask(&asked).await, answer, "the same is told again, the challenge with it");
        let mut event = answer.clone();
        event["failure"]["provider_error"].as_object_mut().unwrap().remove("claims");
        assert_eq!(world.pipeline.event("connection.failed").await.json(), event);
        assert!(world.record(&owner).await.is_none());
        world.pipeline.events("connection.failed").await;
    }
    // the user signed in as the challenge wants it
    let met = world.azure.user_token("ada", json!({"acrs": ["c1"]})).await;
    let answer = world.ask(&request(&owner, &met)).await;
    assert_eq!(answer["outcome"], "stored", "{answer}");
}

#[tokio::test]
async fn a_refresh_that_meets_a_policy_ends_the_connection_and_says_what_the_user_must_do() {
    let revoked =
        json!({"error": "invalid_grant", "code": 50173, "message": "The grant was revoked.", "suberror": "bad_token"});
    let password =
        json!({"error": "invalid_grant", "code": 50055, "message": "Expired.", "suberror": "user_password_expired"});
    for (refusal, standing, told) in [
        (policy("interaction_required"), Code::InteractionRequired, "interaction-required"),
        (password, Code::InteractionRequired, "interaction-required"),
        (revoked, Code::InvalidGrant, "needs-consent"),
    ] {
        let world = World::start(Proof::Secret).await;
        let _worker = world.pipeline.worker().await;
        world.settings(1, "stays-good").await;
        let owner = world.connect("ada").await;
        let expires = world.record(&owner).await.unwrap().metadata.access_expires_at.unwrap();
        until("the access token expires", SOON, async || SystemClock.now() > expires).await;
        world.azure.refuse("ada", refusal.clone()).await;
        let answer = world.publish(&owner).await;
        failed(&answer, told);
        assert_eq!(said(&answer, "suberror"), &refusal["suberror"]);
        assert_eq!(said(&answer, "error_codes"), &json!([refusal["code"]]));
        assert_eq!(said(&answer, "claims"), &refusal["claims"], "to the one who found out");
        let event = world.pipeline.event("connection.needs-consent").await.json();
        assert_eq!(event["code"], standing.as_str());
        assert_eq!(event["provider_error"]["suberror"], refusal["suberror"], "{event}");
        assert!(
            !world.pipeline.event("publish.failed").await.json().to_string().contains("acrs"),
            "a challenge in an event"
        );
        assert!(!event.to_string().contains("acrs"), "a challenge in {event}");
        let stands = world.record(&owner).await.unwrap().metadata.standing;
        assert_eq!((stands.state, stands.code), (State::NeedsConsent, Some(standing)));
        let asked = world.azure.asked(world.tenant(), "refresh_token").await;
        failed(&world.publish(&owner).await, told);
        assert_eq!(world.azure.asked(world.tenant(), "refresh_token").await, asked, "nobody is asked again");
        // the user comes back, and everything is well
        world.settings(3600, "stays-good").await;
        world.connect("ada").await;
        assert_eq!(world.publish(&owner).await["outcome"], "published");
    }
}
