//! All of an owner, and all of a tenant.

use std::collections::BTreeSet;

use sealpost_tests::pipeline::{SOON, properties};
use sealpost_tests::{Setup, until};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::world::{all_of, minted, one, pipeline, pipeline_with, record, tenant, word};

#[tokio::test]
async fn all_of_an_owner_ends_and_nothing_of_others() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    for label in ["default", "work", "old"] {
        minted(&pipeline, "ada", label).await;
    }
    minted(&pipeline, "bob", "default").await;
    let answer = pipeline.ask("revocation-request.v1", &all_of("ada")).await;
    let receipts = answer["receipts"].as_array().unwrap();
    let labels: BTreeSet<_> = receipts.iter().map(|receipt| receipt["connection"]["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["default", "work", "old"].into(), "{answer}");
    assert!(receipts.iter().all(|receipt| receipt["provider"] == "revoked" && receipt["deleted"] == true), "{answer}");
    assert_eq!(answer["counts"]["revoked"], 3);
    assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({"ok": 6}));
    assert!(record(&pipeline, "ada").await.is_none() && record(&pipeline, "bob").await.is_some());
}

#[tokio::test]
async fn all_of_a_tenant_ends_in_parts_and_the_last_one_answers_for_all() {
    let pipeline = pipeline_with("", Setup { shards: 2, ..Setup::default() }).await;
    pipeline.seed(230).await;
    pipeline.seed_for("globex", 20).await;
    let worker = pipeline.worker().await;
    let request = tenant("acme");
    let answer = pipeline.ask("revocation-request.v1", &request).await;
    assert_eq!((&answer["outcome"], &answer["receipts"]), (&json!("done"), &json!([])), "{answer}");
    assert_eq!(answer["counts"], json!({"revoked": 230, "unsupported": 0, "superseded": 0, "gave_up": 0}));
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 20);
    // fifty a message, however they are shared between the shards
    worker.measured("sealpost_jobs_total", &["revocation-shards", "continued"], 3).await;
    worker.measured("sealpost_jobs_total", &["revocation-shards", "shard-done"], 2).await;

    // everybody hears of each, once
    let told = Mutex::new((BTreeSet::new(), 0));
    until("each is told", SOON, async || {
        let mut told = told.lock().await;
        for event in pipeline.events("connection.revoked").await {
            for receipt in event.json()["receipts"].as_array().unwrap() {
                assert_eq!(
                    (&receipt["connection"]["tenant"], &receipt["provider"]),
                    (&json!("acme"), &json!("revoked"))
                );
                told.0.insert(receipt["connection"]["user"].as_str().unwrap().to_owned());
                told.1 += 1;
            }
        }
        told.1 == 230
    })
    .await;
    assert_eq!(told.into_inner().0.len(), 230);

    let again = pipeline.ask("revocation-request.v1", &request).await;
    assert_eq!((&again["id"], &again["counts"]), (&answer["id"], &answer["counts"]), "the same, told again");
}

#[tokio::test]
async fn a_tenant_ends_also_for_who_was_revoked_before_and_connected_again() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    assert_eq!(word(&pipeline.ask("revocation-request.v1", &one("ada")).await, "ada"), "revoked");
    pipeline.connect("ada").await;
    let request = tenant("acme");
    let answer = pipeline.ask("revocation-request.v1", &request).await;
    assert_eq!(answer["counts"]["revoked"], 1, "{answer}");
    assert!(record(&pipeline, "ada").await.is_none());
    // what comes after it stays, until the next one
    pipeline.connect("ada").await;
    assert_eq!(pipeline.ask("revocation-request.v1", &request).await["counts"], answer["counts"]);
    assert!(record(&pipeline, "ada").await.is_some());
    let answer = pipeline.ask("revocation-request.v1", &tenant("acme")).await;
    assert_eq!(answer["counts"]["revoked"], 1, "{answer}");
    assert!(record(&pipeline, "ada").await.is_none());
}

#[tokio::test]
async fn the_last_word_on_a_tenant_is_in_the_encoding_of_the_request() {
    let pipeline = pipeline_with("", Setup { shards: 2, ..Setup::default() }).await;
    let _worker = pipeline.worker().await;
    minted(&pipeline, "ada", "default").await;
    let request = tenant("acme");
    let properties = properties("revocation-request.v1", request["id"].as_str().unwrap());
    let properties = properties.with_content_type("application/msgpack".into());
    let body = rmp_serde::to_vec_named(&request).unwrap();
    let correlation = pipeline.send_raw("revocation-request.v1", &body, properties).await;
    let answer = pipeline.answer(&correlation).await;
    assert_eq!(answer.properties.content_type().as_ref().unwrap().as_str(), "application/msgpack");
    let answer: Value = rmp_serde::from_slice(&answer.body).unwrap();
    assert_eq!((&answer["request"], &answer["counts"]["revoked"]), (&request["id"], &json!(1)), "{answer}");
}

#[tokio::test]
async fn a_consent_that_waits_is_not_exchanged_after_its_tenant_was_revoked() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    let busy = json!({"path": "/token", "kind": "status", "status": 429, "headers": {"retry-after": "3"}});
    pipeline.sandbox.fault(busy).await;
    let consent = pipeline.consent("ada").await;
    let request = sealpost_tests::pipeline::exchange_request("acme", "ada", &consent);
    let correlation = pipeline.send("exchange-request.v1", &request).await;
    until("it waits", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    // who has no record yet is found by nothing but the tenant's epoch
    let answer = pipeline.ask("revocation-request.v1", &tenant("acme")).await;
    assert_eq!(answer["counts"]["revoked"], 0, "{answer}");
    let exchanged = pipeline.answer(&correlation).await.json();
    assert_eq!(exchanged["failure"]["code"], "revoked", "{exchanged}");
    pipeline.connect("ada").await;
    assert!(record(&pipeline, "ada").await.is_some());
}

#[tokio::test]
async fn a_provider_without_a_way_to_revoke_is_told_as_that_and_everything_is_deleted() {
    let pipeline = sealpost_tests::Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let _worker = pipeline.worker().await;
    minted(&pipeline, "ada", "default").await;
    let answer: Value = pipeline.ask("revocation-request.v1", &one("ada")).await;
    assert_eq!(word(&answer, "ada"), "unsupported");
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0);
    assert!(record(&pipeline, "ada").await.is_none());
}
