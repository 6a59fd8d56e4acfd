//! Rotations: what waits is sealed anew, and nobody refreshes what rests with the user.

use sealpost_tests::command::run;
use sealpost_tests::pipeline::rotation_tick;
use sealpost_tests::{Pipeline, Setup};
use serde_json::json;

use super::world::{calls, connected, exchange, expired, job, park, pickup, publish, tokens};

async fn small() -> Pipeline {
    Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await
}

#[tokio::test]
async fn a_park_moves_to_the_newest_key_and_keeps_no_version_and_a_version_is_not_retired_under_it() {
    let pipeline = small().await;
    let _worker = pipeline.worker().await;
    let held = expired(&pipeline, "ada").await;
    publish(&pipeline, &job("ada", "refreshed", &held)).await;
    let (old, new) = (pipeline.newest_version().await, pipeline.rotate_key());
    let early = run(&pipeline, &["keys", "retire", old.as_str(), "--json"]).await;
    assert!(!early.good, "{}", early.stdout);
    assert_eq!(early.json()["held"], 4, "record, park, and the results of exchange and job");

    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    let done = pipeline.event("rotation.done").await.json();
    assert_eq!(done["counts"], json!({"refreshed": 0, "resealed": 4, "ended": 0, "failed": 0}), "{done}");
    assert_eq!(pipeline.event("key.empty").await.json()["version"], old.to_string());
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (0, 4));
    assert_eq!(park(&pipeline, "ada").await.unwrap().key().version, new);
    assert!(run(&pipeline, &["keys", "retire", old.as_str()]).await.good);
    tokens(&exchange(&pipeline, &pickup("ada", &held)).await);
}

#[tokio::test]
async fn a_refreshing_rotation_leaves_what_rests_with_the_user_alone() {
    let pipeline = small().await;
    let _worker = pipeline.worker().await;
    expired(&pipeline, "ada").await;
    connected(&pipeline, "grace").await;
    for due_before in [json!("2099-01-01T00:00:00Z"), json!(null)] {
        let mut tick = rotation_tick();
        tick["mode"] = "refresh".into();
        if due_before.is_string() {
            tick["due_before"] = due_before;
        }
        pipeline.send("rotation-tick.v1", &tick).await;
        let done = pipeline.event("rotation.done").await.json();
        assert_eq!(done["counts"]["refreshed"], 0, "{done}");
    }
    assert_eq!(calls(&pipeline, "refresh_token").await, json!(null));
}
