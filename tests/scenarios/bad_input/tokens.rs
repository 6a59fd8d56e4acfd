//! A token endpoint that hangs, lies, refuses, goes away, or says what makes no sense, to an exchange.

use std::io::ErrorKind::WouldBlock;

use sealpost_tests::pipeline::{connection, exchange_request, properties, publish_job};
use sealpost_tests::{Pipeline, Setup};
use serde_json::json;

use super::{elsewhere, failed, fault, goes_on, impatient};

#[tokio::test]
async fn a_code_whose_answer_was_lost_is_not_sent_again() {
    let pipeline = Pipeline::start_with(impatient()).await;
    let _worker = pipeline.worker().await;
    let (elsewhere, nobody) = elsewhere();
    for (number, spoilt) in [
        json!({"kind": "hang"}),
        json!({"kind": "drop", "when": "after"}),
        json!({"kind": "tear", "when": "after"}),
        json!({"kind": "swell", "when": "after", "bytes": 20_000_000}),
        json!({"kind": "edit", "when": "after", "set": {"access_token": null}}),
        json!({"kind": "edit", "when": "after", "set": {"access_token": ""}}),
        json!({"kind": "edit", "when": "after", "set": {"access_token": "two\nlines"}}),
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503, "headers": {"retry-after": "1"}}),
        json!({"kind": "status", "status": 408}),
        json!({"kind": "status", "status": 302, "headers": {"location": elsewhere}}),
        json!({"kind": "status", "status": 307, "headers": {"location": elsewhere}}),
        json!({"kind": "status", "status": 200, "body": "<html>sign in</html>"}),
        json!({"kind": "status", "status": 200, "body": "{\"error\":\"no\"}"}),
    ]
    .into_iter()
    .enumerate()
    {
        pipeline.sandbox.fault(fault("/token", &spoilt)).await;
        let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
        let answer = pipeline.ask("exchange-request.v1", &request).await;
        failed(&answer, "exchange-outcome-lost");
        // what the ledger keeps: no fault is left that could spoil it
        assert_eq!(pipeline.ask("exchange-request.v1", &request).await, answer, "{spoilt}");
        assert_eq!(pipeline.sandbox.stats().await["faults_fired"], number + 1, "{spoilt}: sent once");
        let store = pipeline.store().await;
        assert!(store.load(&store.locate(&connection("acme", "ada"))).await.unwrap().is_none(), "{spoilt}");
    }
    let stats = pipeline.sandbox.stats().await;
    assert_eq!((&stats["code_reuses"], &stats["token"]["authorization_code"]), (&json!(0), &json!({"ok": 6})));
    assert_eq!(nobody.accept().unwrap_err().kind(), WouldBlock, "no redirect is followed");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    pipeline.connect("ada").await;
    goes_on(&pipeline, "ada").await;
}

#[tokio::test]
async fn a_lifetime_that_makes_no_sense_is_not_told_and_the_connection_works() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    for (number, (lifetime, is_known)) in [
        (json!(null), false),
        (json!(0), false),
        (json!(-3600), false),
        (json!(i64::MAX), false),
        (json!(1e300), false),
        (json!("soon"), false),
        (json!({"seconds": 60}), false),
        (json!("3600"), true),
        (json!(3600), true),
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("user-{number}");
        let edit = json!({"kind": "edit", "when": "after", "set": {"expires_in": lifetime}});
        pipeline.sandbox.fault(fault("/token", &edit)).await;
        let request = exchange_request("acme", &user, &pipeline.consent(&user).await);
        let answer = pipeline.ask("exchange-request.v1", &request).await;
        assert_eq!(answer["outcome"], "stored", "{lifetime}: {answer}");
        assert_eq!(answer["expires_at"].is_string(), is_known, "{lifetime}: {answer}");
        let store = pipeline.store().await;
        let record = store.load(&store.locate(&connection("acme", &user))).await.unwrap().unwrap();
        assert_eq!(record.metadata.access_expires_at.is_some(), is_known, "{lifetime}");
        goes_on(&pipeline, &user).await;
        // where nobody knew, the platform says when it is over
        pipeline.sandbox.admin(reqwest::Method::POST, "expire", Some(json!({"user": user}))).await;
        goes_on(&pipeline, &user).await;
    }
    let stats = pipeline.sandbox.stats().await;
    assert_eq!(stats["token"], json!({"authorization_code": {"ok": 9}, "refresh_token": {"ok": 9}}));
    assert_eq!(stats["refresh_reuses"], 0);
}

#[tokio::test]
async fn a_consent_whose_access_token_is_no_bearer_token_stores_nothing_and_says_why() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let edit = |kind: &str| fault("/token", &json!({"kind": "edit", "when": "after", "set": {"token_type": kind}}));
    pipeline.sandbox.fault(edit("DPoP")).await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    failed(&answer, "token-type-unsupported");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("of type \"DPoP\""), "{answer}");
    let store = pipeline.store().await;
    assert!(store.load(&store.locate(&connection("acme", "ada"))).await.unwrap().is_none());
    // told again, and not sent again
    assert_eq!(pipeline.ask("exchange-request.v1", &request).await, answer);
    assert_eq!(pipeline.sandbox.stats().await["code_reuses"], 0);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    pipeline.sandbox.fault(edit("bEaReR")).await;
    pipeline.connect("ada").await;
    goes_on(&pipeline, "ada").await;
}

#[tokio::test]
async fn a_consent_without_a_refresh_token_works_until_its_access_token_has_expired() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    for (user, token) in [("ada", json!(null)), ("bob", json!("")), ("eve", json!(["a"]))] {
        let edit = json!({"kind": "edit", "when": "after", "set": {"refresh_token": token}});
        pipeline.sandbox.fault(fault("/token", &edit)).await;
        pipeline.connect(user).await;
        goes_on(&pipeline, user).await;
        pipeline.sandbox.admin(reqwest::Method::POST, "expire", Some(json!({"user": user}))).await;
        let answer = pipeline.ask("publish-job.v1", &publish_job("acme", user, "too late")).await;
        failed(&answer, "access-token-expired");
        pipeline.connect(user).await;
        goes_on(&pipeline, user).await;
    }
    assert_eq!(pipeline.sandbox.stats().await["token"], json!({"authorization_code": {"ok": 6}}));
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn the_same_request_twice_is_exchanged_once_and_answered_twice() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let mut request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let x = "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08";
    request["reply_key"] = json!({"kty": "OKP", "crv": "X25519", "x": x});
    // both at once, and once more
    let asked =
        [pipeline.send("exchange-request.v1", &request).await, pipeline.send("exchange-request.v1", &request).await];
    let first = pipeline.answer(&asked[0]).await.json();
    assert_eq!(first["outcome"], "stored", "{first}");
    assert_eq!(pipeline.answer(&asked[1]).await.json(), first);
    assert_eq!(pipeline.ask("exchange-request.v1", &request).await, first);
    // the order of fields says nothing
    let [before, after] = [("crv", "X25519", "kty", "OKP"), ("kty", "OKP", "crv", "X25519")]
        .map(|(one, first, two, second)| format!(r#""{one}":"{first}","{two}":"{second}""#));
    let turned = request.to_string().replace(&after, &before);
    assert_ne!(turned, request.to_string());
    let asked = pipeline
        .send_raw("exchange-request.v1", turned.as_bytes(), properties("exchange-request.v1", "the same"))
        .await;
    assert_eq!(pipeline.answer(&asked).await.json(), first);
    let stats = pipeline.sandbox.stats().await;
    assert_eq!((&stats["token"], &stats["code_reuses"]), (&json!({"authorization_code": {"ok": 1}}), &json!(0)));
}

#[tokio::test]
async fn a_busy_token_endpoint_is_asked_again_with_the_same_code() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    let busy = json!({"kind": "status", "status": 429, "headers": {"retry-after": "1"}});
    pipeline.sandbox.fault(fault("/token", &busy)).await;
    pipeline.connect("ada").await;
    assert!(worker.log().contains("code=\"rate-limited\""));
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"], json!({"ok": 1}));
}

#[tokio::test]
async fn a_code_that_was_used_before_is_refused_to_the_second() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let consent = pipeline.consent("ada").await;
    let first = exchange_request("acme", "ada", &consent);
    assert_eq!(pipeline.ask("exchange-request.v1", &first).await["outcome"], "stored");
    let answer = pipeline.ask("exchange-request.v1", &exchange_request("acme", "ada", &consent)).await;
    failed(&answer, "invalid-grant");
    assert_eq!(answer["failure"]["provider_error"]["error"], "invalid_grant", "{answer}");
    let mut request = exchange_request("acme", "bob", &pipeline.consent("bob").await);
    request["grant"]["iss"] = "https://elsewhere.example".into();
    failed(&pipeline.ask("exchange-request.v1", &request).await, "invalid-grant");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"], json!({"ok": 1, "invalid_grant": 1}));
}

#[tokio::test]
async fn a_wrong_client_secret_is_ours_to_mend_and_the_user_is_left_alone() {
    let wrong = Setup { client_secret: "wrong-secret-of-ours".into(), ..Setup::default() };
    let pipeline = Pipeline::start_with(wrong).await;
    let worker = pipeline.worker().await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let asked = pipeline.send("exchange-request.v1", &request).await;
    worker.logged("code=\"invalid-client\"").await;
    assert!(pipeline.events("connection.failed").await.is_empty());
    pipeline.write("client.secret", "sealpost-secret\n");
    assert_eq!(pipeline.answer(&asked).await.json()["outcome"], "stored");
    assert!(!worker.log().contains("wrong-secret-of-ours"));
}
