//! Consent by another account than the stored one.

use redis::AsyncCommands;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::ids;
use sealpost_shared::oauth::{Account, TokenAnswer};
use sealpost_shared::tokens::Consented;
use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::pipeline::{SOON, connection, publish_job};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use super::{SCOPE, connected, exchange, failed, pipeline, record, request, request_for, stored, subject};

#[tokio::test]
async fn another_account_replaces_the_stored_one_only_where_the_request_allows_it() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    assert_eq!(connected(&pipeline, "ada", "ada").await, subject("ada", false));
    let before = record(&pipeline, "ada").await.unwrap();

    let refused = exchange(&pipeline, &request(&pipeline, "ada", "grace").await).await;
    failed(&refused, "subject-changed");
    assert!(refused["failure"]["message"].as_str().unwrap().contains("replace_subject"), "{refused}");
    let after = record(&pipeline, "ada").await.unwrap();
    assert_eq!((before.revision, before.metadata), (after.revision, after.metadata), "the record is untouched");
    let posted = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "still ada")).await;
    assert_eq!(posted["outcome"], "published", "{posted}");
    assert_eq!(pipeline.sandbox.posts().await[0]["author"], "ada");

    let mut allowed = request(&pipeline, "ada", "grace").await;
    allowed["replace_subject"] = true.into();
    assert_eq!(stored(&exchange(&pipeline, &allowed).await), subject("grace", true));
    assert_eq!(connected(&pipeline, "ada", "grace").await, subject("grace", false));
    failed(&exchange(&pipeline, &request(&pipeline, "ada", "ada").await).await, "subject-changed");
}

/// A consent that nobody says whose it is.
async fn untold(pipeline: &Pipeline, account: &str, replace: bool) -> Value {
    let mut request = request_for(pipeline, "ada", account, "profile posts.write", None).await;
    request["replace_subject"] = replace.into();
    stored(&exchange(pipeline, &request).await)
}

#[tokio::test]
async fn a_consent_that_does_not_say_whose_it_is_leaves_the_known_account_unless_a_change_is_allowed() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    assert_eq!(untold(&pipeline, "ada", false).await, Value::Null, "nothing was known");
    assert_eq!(connected(&pipeline, "ada", "ada").await, subject("ada", false));
    for _ in 0..2 {
        assert_eq!(untold(&pipeline, "ada", false).await, subject("ada", false));
        failed(&exchange(&pipeline, &request(&pipeline, "ada", "grace").await).await, "subject-changed");
    }
    assert_eq!(untold(&pipeline, "grace", true).await, Value::Null);
    assert_eq!(connected(&pipeline, "ada", "grace").await, subject("grace", false), "nothing was replaced");

    // nothing is told of an earlier change
    let mut changed = request(&pipeline, "ada", "ada").await;
    changed["replace_subject"] = true.into();
    assert_eq!(stored(&exchange(&pipeline, &changed).await), subject("ada", true));
    assert_eq!(untold(&pipeline, "ada", false).await, subject("ada", false));
}

#[tokio::test]
async fn an_account_that_was_connected_while_the_code_was_under_way_is_not_replaced() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let slow = json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 2500});
    let first = request(&pipeline, "ada", "ada").await;
    pipeline.sandbox.fault(slow).await;
    let late = pipeline.send("exchange-request.v1", &first).await;
    until("the token call is made", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    // an exchange would wait; one whose turn was over meanwhile does not
    let keeper = pipeline.keeper().await;
    let place = keeper.prepare(&connection("acme", "ada")).await.map_err(|failure| failure.message).unwrap();
    let tokens = TokenAnswer {
        access_token: "spa_of_grace".into(),
        refresh_token: None,
        token_type: None,
        expires_at: None,
        keep_access_token: true,
        scopes: None,
        id_token: None,
    };
    let account = Some(Account { id: "id-of-grace".into(), name: Some("grace".into()) });
    let consented = Consented { account, ..Consented::new(ids::fresh(), &tokens, &[], SystemClock.now()) };
    keeper.store_consent(&place, &consented).await.map_err(|failure| failure.message).unwrap();
    let stored_first = record(&pipeline, "ada").await.unwrap();
    failed(&pipeline.answer(&late).await.json(), "subject-changed");
    assert_eq!(record(&pipeline, "ada").await.unwrap().revision, stored_first.revision);
}

#[tokio::test]
async fn a_record_that_does_not_open_has_no_known_account_and_any_consent_heals_it() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    for found_out in [true, false] {
        connected(&pipeline, "ada", "ada").await;
        spoil(&pipeline, "ada").await;
        if found_out {
            let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await;
            failed(&answer, "quarantined");
        }
        assert_eq!(connected(&pipeline, "ada", "grace").await, subject("grace", false));
        let mut back = request(&pipeline, "ada", "ada").await;
        back["replace_subject"] = true.into();
        assert_eq!(stored(&exchange(&pipeline, &back).await), subject("ada", true));
    }
}

async fn spoil(pipeline: &Pipeline, user: &str) {
    let id = record(pipeline, user).await.unwrap().id;
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
    let _: () = redis.hset(key, "sealed", vec![1_u8; 200]).await.unwrap();
}

#[tokio::test]
async fn what_was_stored_by_a_worker_that_died_is_told_with_its_subject() {
    let pipeline = pipeline().await;
    let first = pipeline.worker().await;
    connected(&pipeline, "ada", "ada").await;
    first.kill9().await;
    let mut request = request(&pipeline, "ada", "grace").await;
    request["replace_subject"] = true.into();
    let slow = json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 1500});
    pipeline.sandbox.fault(slow).await;

    let redis = Breakpoint::to_port(pipeline.rig.redis.port(), Side::After, Then::Hold).await;
    pipeline.write("redis.url", &redis.url());
    let victim = pipeline.worker_with(&["exchange"], &[]).await;
    let before = record(&pipeline, "ada").await.unwrap().revision;
    let correlation = pipeline.send("exchange-request.v1", &request).await;
    until("the token call is made", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    // the save, whose answer is lost
    redis.arm(1);
    redis.reached().await;
    victim.kill9().await;
    assert_ne!(record(&pipeline, "ada").await.unwrap().revision, before, "it was saved");

    pipeline.write("redis.url", &pipeline.rig.redis_url());
    let _other = pipeline.worker().await;
    let answer: Value = pipeline.answer(&correlation).await.json();
    assert_eq!(stored(&answer), subject("grace", true));
    let calls = pipeline.sandbox.stats().await["token"]["authorization_code"].clone();
    assert_eq!(calls, json!({"ok": 2}), "the code was sent once");
}

#[tokio::test]
async fn a_refresh_token_of_another_account_is_not_brought_in_over_the_stored_one() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    connected(&pipeline, "ada", "ada").await;
    let before = record(&pipeline, "ada").await.unwrap();
    let bring = async |account: &str, replace: bool| {
        let minted = pipeline.sandbox.mint(json!({"user": account, "scope": SCOPE})).await;
        let mut request = request(&pipeline, "ada", account).await;
        request["grant"] = json!({"type": "refresh_token", "refresh_token": minted["refresh_token"]});
        request["replace_subject"] = replace.into();
        exchange(&pipeline, &request).await
    };
    failed(&bring("grace", false).await, "subject-changed");
    assert_eq!(record(&pipeline, "ada").await.unwrap().revision, before.revision);
    assert_eq!(stored(&bring("ada", false).await), subject("ada", false));
    assert_eq!(stored(&bring("grace", true).await), subject("grace", true));
}
