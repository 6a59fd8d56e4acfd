//! Workers that still take a retired version for the latest.

use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, publish_job, text_of};
use sealpost_tests::{Pipeline, Setup, Worker, until};
use serde_json::json;

use super::{connect_expired, key_ref, record};

#[tokio::test]
async fn a_worker_with_an_old_copy_of_the_keyring_saves_nothing_under_a_retired_version_and_goes_on_with_the_newest() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    {
        let _worker = pipeline.worker().await;
        connect_expired(&pipeline, &["ada"]).await;
    }
    let old = pipeline.newest_version().await;
    pipeline.write("copy.json", &text_of(&pipeline.keyring()));
    pipeline.write("copy.toml", &text_of(&pipeline.config()).replace("keyring.json", "copy.json"));
    let folder = pipeline.rig.folder();
    let worker = Worker::start(folder, &folder.join("copy.toml"), &["all"], &[]).await;
    let new = pipeline.rotate_key();
    // one record and one result need it
    assert!(!run(&pipeline, &["keys", "retire", old.as_str()]).await.good);

    let job = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "late")).await;
    worker.logged(&format!("key version tokens:{old} is retired")).await;
    assert_eq!(pipeline.held(&old).await, 2);
    assert!(pipeline.events("publish.published").await.is_empty(), "its tokens are not saved yet");
    // replaced in one step: a file that is half written is no keyring
    pipeline.write("copy.new", &text_of(&pipeline.keyring()));
    std::fs::rename(folder.join("copy.new"), folder.join("copy.json")).unwrap();
    assert_eq!(pipeline.answer(&job).await.json()["outcome"], "published");
    assert_eq!(*record(&pipeline, "ada").await.key(), key_ref(&new));
    let stats = pipeline.sandbox.stats().await;
    assert_eq!((&stats["token"]["refresh_token"], &stats["refresh_reuses"]), (&json!({"ok": 1}), &json!(0)));
    // the job's result too
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (1, 2));
}

#[tokio::test]
async fn a_result_of_a_request_that_began_before_the_retirement_is_sealed_under_the_newest_version() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let old = pipeline.newest_version().await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "slow", "when": "after", "delay_ms": 15000})).await;
    let job = publish_job("acme", "ada", "slow");
    let asked = pipeline.send("publish-job.v1", &job).await;
    until("the platform has it", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await;
    let new = pipeline.rotate_key();
    assert!(!run(&pipeline, &["keys", "retire", old.as_str()]).await.good);
    pipeline.sandbox.admin(reqwest::Method::DELETE, "faults", None).await;
    assert_eq!(pipeline.answer(&asked).await.json()["outcome"], "published");
    worker.logged(&format!("key version tokens:{old} is retired")).await;
    // the record, and the result of the exchange; and under the newest, the job's
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (2, 1));
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["outcome"], "published");
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}
