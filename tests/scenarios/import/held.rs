//! A token that a connection here has or had is not spent for another one.

use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, until};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::world::{content, import, record, refreshes, request, reuses, token_of};

fn is_held(answer: &Value) -> bool {
    answer["outcome"] == "failed" && answer["failure"]["code"] == "token-held"
}

#[tokio::test]
async fn a_token_that_another_connection_has_or_had_is_refused_unsent() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let consented = content(&pipeline, "ada").await.tokens.refresh_token.unwrap();
    let brought = token_of(&pipeline, "ada").await;
    assert_eq!(import(&pipeline, "ada", &brought).await["outcome"], "stored");
    let current = content(&pipeline, "ada").await.tokens.refresh_token.unwrap();
    let before = refreshes(&pipeline).await;
    for token in [consented.expose_secret(), brought.as_str(), current.expose_secret()] {
        let answer = import(&pipeline, "grace", token).await;
        assert!(is_held(&answer), "{answer}");
    }
    assert!(record(&pipeline, "grace").await.is_none());
    assert_eq!((refreshes(&pipeline).await, reuses(&pipeline).await), (before, json!(0)));
}

#[tokio::test]
async fn of_two_connections_that_bring_one_token_in_at_once_one_gets_it() {
    let pipeline = Pipeline::start().await;
    let _workers = (pipeline.worker().await, pipeline.worker().await);
    let token = token_of(&pipeline, "ada").await;
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 1500})).await;
    let mut asked = Vec::new();
    for user in ["ada", "grace", "alan"] {
        asked.push(pipeline.send("exchange-request.v1", &request(user, &token)).await);
    }
    let mut answers = Vec::new();
    for correlation in &asked {
        answers.push(pipeline.answer(correlation).await.json());
    }
    assert_eq!(answers.iter().filter(|answer| answer["outcome"] == "stored").count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| is_held(answer)).count(), 2, "{answers:?}");
    assert_eq!((refreshes(&pipeline).await, reuses(&pipeline).await), (json!({"ok": 1}), json!(0)));
}

#[tokio::test]
async fn a_connection_that_has_or_had_the_token_itself_stays_as_it_is() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let brought = token_of(&pipeline, "ada").await;
    let first = import(&pipeline, "ada", &brought).await;
    let stored = record(&pipeline, "ada").await.unwrap();
    let current = content(&pipeline, "ada").await.tokens.refresh_token.unwrap();
    for token in [brought.as_str(), current.expose_secret()] {
        let again = import(&pipeline, "ada", token).await;
        assert_eq!((&again["outcome"], &again["scopes"]), (&first["outcome"], &first["scopes"]), "{again}");
    }
    assert_eq!(record(&pipeline, "ada").await.unwrap().revision, stored.revision);
    assert_eq!((refreshes(&pipeline).await, reuses(&pipeline).await), (json!({"ok": 1}), json!(0)));
}

#[tokio::test]
async fn what_was_told_of_a_token_that_was_not_sent_is_told_again_whatever_came_since() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let brought = token_of(&pipeline, "ada").await;
    assert_eq!(import(&pipeline, "ada", &brought).await["outcome"], "stored");
    let again = request("ada", &brought);
    let told = pipeline.ask("exchange-request.v1", &again).await;
    assert_eq!(told["outcome"], "stored", "{told}");
    // from here on the connection is one whose access token has no end
    let body = r#"{"access_token":"x","token_type":"Bearer"}"#;
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "status", "body": body})).await;
    assert_eq!(import(&pipeline, "ada", &token_of(&pipeline, "ada").await).await["expires_at"], Value::Null);
    assert_eq!(pipeline.ask("exchange-request.v1", &again).await, told);
}

#[tokio::test]
async fn a_connection_that_is_over_may_try_its_token_once_more_but_none_that_is_spent() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let brought = token_of(&pipeline, "ada").await;
    assert_eq!(import(&pipeline, "ada", &brought).await["outcome"], "stored");
    let (stored, store) = (record(&pipeline, "ada").await.unwrap(), pipeline.store().await);
    let current = content(&pipeline, "ada").await.tokens.refresh_token.unwrap();
    let since = stored.metadata.refreshed_at;
    let over = sealpost_shared::records::Standing::needs_consent(since, sealpost_schemas::Code::InvalidGrant);
    store.mark(&stored, &over).await.unwrap();
    let answer = import(&pipeline, "ada", &brought).await;
    assert!(is_held(&answer), "{answer}");
    assert_eq!(import(&pipeline, "ada", current.expose_secret()).await["outcome"], "stored");
    assert_eq!((refreshes(&pipeline).await, reuses(&pipeline).await), (json!({"ok": 2}), json!(0)));
}

#[tokio::test]
async fn who_waits_for_a_provider_keeps_its_turn_at_the_token() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let token = token_of(&pipeline, "ada").await;
    pipeline.sandbox.fault(json!({"path": "/token", "kind": "status", "status": 429})).await;
    let first = pipeline.send("exchange-request.v1", &request("ada", &token)).await;
    until("the first call is made", SOON, async || pipeline.sandbox.stats().await["faults_fired"] != 0).await;
    let second = pipeline.send("exchange-request.v1", &request("grace", &token)).await;
    assert_eq!(pipeline.answer(&first).await.json()["outcome"], "stored");
    assert!(is_held(&pipeline.answer(&second).await.json()));
}
