//! `sealpost keys list` and `rotate`.

use sealpost_tests::command::run;
use sealpost_tests::{Pipeline, Setup};
use serde_json::json;

#[tokio::test]
async fn every_version_is_listed_with_its_state_and_what_is_sealed_under_it() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let first = pipeline.newest_version().await;
    pipeline.seed(7).await;
    let told = run(&pipeline, &["keys", "rotate", "--json"]).await;
    assert!(told.good, "{}", told.stderr);
    let second = pipeline.newest_version().await;
    assert_eq!((&told.json()["key"], &told.json()["version"]), (&json!("tokens"), &json!(second)), "{}", told.stdout);
    pipeline.seed_for("globex", 3).await;

    let listed = run(&pipeline, &["keys", "list", "--json"]).await.json();
    let found: Vec<_> = listed["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| {
            (v["version"].clone(), v["state"].clone(), v["held"].clone(), v["latest"].clone(), v["enabled"].clone())
        })
        .collect();
    assert_eq!(
        found,
        [
            (json!(first), json!("older"), json!(7), json!(false), json!(true)),
            (json!(second), json!("latest"), json!(3), json!(true), json!(true)),
        ]
    );
    assert_eq!(listed["notes"], json!([]));
    let table = run(&pipeline, &["keys", "list"]).await;
    assert!(table.row(&[first.as_str(), "older", "1970-01-01 00:00:00Z", " 7 "]).is_some(), "{}", table.stdout);
    let row = table.row(&[second.as_str(), "latest", " 3 "]).expect("a row");
    assert!(row.contains(" s ") || row.contains(" min "), "its age: {row}");
}

#[tokio::test]
async fn a_version_that_the_keyring_lost_is_listed_as_missing_with_what_cannot_be_opened() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let lost = pipeline.newest_version().await;
    pipeline.seed(5).await;
    let text = std::fs::read_to_string(pipeline.keyring()).unwrap();
    let mut keyring: serde_json::Value = serde_json::from_str(&text).unwrap();
    keyring["versions"] = json!([]);
    pipeline.write("keyring.json", &keyring.to_string());
    let newest = pipeline.rotate_key();
    let table = run(&pipeline, &["keys", "list"]).await;
    assert!(table.row(&[lost.as_str(), "missing", " 5 "]).is_some(), "{}", table.stdout);
    assert!(table.row(&[newest.as_str(), "latest", " 0 "]).is_some(), "{}", table.stdout);
    assert!(table.stdout.contains("5 sealed under it cannot be opened"), "{}", table.stdout);
}

#[tokio::test]
async fn a_store_that_is_away_is_told_and_the_keyring_alone_is_no_answer() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    pipeline.rig.redis.kill9().await;
    for command in ["list", "status"] {
        let told = run(&pipeline, &["keys", command]).await;
        assert!(!told.good && told.stdout.is_empty(), "{}", told.stdout);
        assert!(told.stderr.contains("no connection to Redis"), "{}", told.stderr);
    }
}
