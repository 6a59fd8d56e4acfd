//! What is measured of keys, rotations and refreshes: each measure, with what makes it move.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use sealpost_tests::pipeline::{SOON, exchange_request, publish_job, rotation_tick};
use sealpost_tests::{Pipeline, Setup, until};
use serde_json::json;

use super::connect_expired;
use crate::revoke::world::minted;

#[tokio::test]
async fn the_scheduler_measures_what_is_sealed_under_which_version_and_what_rotations_have_left() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    pipeline.seed(10).await;
    let scheduler = pipeline.scheduler().await;
    let measured = async |what: &str, latest: u64, older: u64, left: u64| {
        until(what, SOON, async || {
            let sealed = async |label| scheduler.metric("sealpost_sealed_records", &[label]).await;
            let (_, page) = scheduler.page("/metrics").await;
            page.contains("sealpost_sealed_records")
                && (sealed("version=\"latest\"").await, sealed("version=\"older\"").await) == (latest, older)
                && scheduler.metric("sealpost_rotation_shards_left", &["mode=\"rewrap\""]).await == left
                && scheduler.metric("sealpost_rotation_shards_left", &["mode=\"refresh\""]).await == 0
        })
        .await;
    };
    measured("all is under the latest", 10, 0, 0).await;
    pipeline.rotate_key();
    pipeline.seed_for("globex", 3).await;
    // its shards wait for a worker
    let _fans_out = pipeline.worker_with(&["rotate"], &[]).await;
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    measured("a rotation has all to do", 3, 10, 4).await;
    let ended = async || scheduler.metric("sealpost_rotation_ended_timestamp_seconds", &["mode=\"rewrap\""]).await;
    assert_eq!(ended().await, 0, "none has ended");
    let began = sealpost_shared::ids::fresh().get_timestamp().unwrap().to_unix().0;
    let worker = pipeline.worker().await;
    measured("it has done all", 13, 0, 0).await;
    until("when it ended is told", SOON, async || ended().await + 1 >= began).await;
    assert_eq!(worker.metric("sealpost_rotation_records_total", &["resealed"]).await, 10);
    assert_eq!(worker.metric("sealpost_rotation_shards_done_total", &[]).await, 4);
}

#[tokio::test]
async fn fetches_of_keys_are_counted_by_how_they_ended() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let fetched = async |outcome| worker.metric("sealpost_key_fetches_total", &[outcome]).await;
    assert_eq!((fetched("ok").await, fetched("failed").await), (0, 0), "nothing changed since the start");
    let publish = async || {
        assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await["outcome"], "published");
    };
    pipeline.rotate_key();
    publish().await;
    assert_eq!((fetched("ok").await, fetched("failed").await), (1, 0));
    assert_eq!(worker.metric("sealpost_key_lookups_total", &["result=\"fetched\""]).await, 1);
    assert!(worker.metric("sealpost_key_lookups_total", &["result=\"cached\""]).await >= 1);
    set_permissions(pipeline.keyring(), Permissions::from_mode(0o644)).unwrap();
    publish().await;
    assert!(fetched("failed").await >= 1);
    assert!(
        worker.metric("sealpost_key_lookups_total", &["result=\"stale\""]).await >= 1,
        "what was read before is used"
    );
    set_permissions(pipeline.keyring(), Permissions::from_mode(0o600)).unwrap();
    publish().await;
    assert_eq!(fetched("ok").await, 2);
}

#[tokio::test]
async fn refreshes_that_were_saved_and_races_that_were_lost_are_counted() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    connect_expired(&pipeline, &["ada"]).await;
    let slow = json!({"path": "/token", "kind": "slow", "when": "after", "delay_ms": 15000});
    pipeline.sandbox.fault(slow).await;
    let mut asked = Vec::new();
    for number in 0..5 {
        asked.push(pipeline.send("publish-job.v1", &publish_job("acme", "ada", &number.to_string())).await);
    }
    worker.measured("sealpost_refreshes_coalesced_total", &[], 4).await;
    until("the platform was asked", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    assert_eq!(worker.metric("sealpost_refresh_races_adopted_total", &[]).await, 0);
    // consent was given anew while the answer is under way, by somebody whose turn was over
    minted(&pipeline, "ada", "default").await;
    pipeline.sandbox.admin(reqwest::Method::DELETE, "faults", None).await;
    for correlation in asked {
        assert_eq!(pipeline.answer(&correlation).await.json()["outcome"], "published");
    }
    assert_eq!(worker.metric("sealpost_refresh_races_adopted_total", &[]).await, 1);
    let calls = async |grant, outcome| {
        worker.metric("sealpost_token_calls_total", &["provider=\"practice\"", grant, outcome]).await
    };
    assert_eq!((calls("refresh_token", "ok").await, calls("authorization_code", "ok").await), (1, 1));
}

#[tokio::test]
async fn outcomes_that_nobody_knows_are_counted_by_act() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, http_limit: 3, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    let unknown = async || {
        let of = async |act| worker.metric("sealpost_unknown_outcomes_total", &[act]).await;
        (of("act=\"publish\"").await, of("act=\"exchange\"").await, of("act=\"refresh\"").await)
    };
    let dropped = async |path: &str| {
        pipeline.sandbox.fault(json!({"path": path, "method": "POST", "kind": "drop", "when": "after"})).await;
    };
    pipeline.connect("ada").await;
    assert_eq!(unknown().await, (0, 0, 0));
    dropped("/api/posts").await;
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await["outcome"], "unknown");
    assert_eq!(unknown().await, (1, 0, 0));
    dropped("/token").await;
    let request = exchange_request("acme", "bob", &pipeline.consent("bob").await);
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!(answer["failure"]["code"], "exchange-outcome-lost", "{answer}");
    assert_eq!(unknown().await, (1, 1, 0));
    connect_expired(&pipeline, &["eve"]).await;
    dropped("/token").await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "eve", "x")).await;
    assert_eq!(answer["failure"]["code"], "refresh-outcome-lost", "{answer}");
    assert_eq!(unknown().await, (1, 1, 1));
    let calls = async |grant, outcome| worker.metric("sealpost_token_calls_total", &[grant, outcome]).await;
    assert_eq!((calls("authorization_code", "lost").await, calls("refresh_token", "lost").await), (1, 1));
}
