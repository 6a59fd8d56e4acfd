//! `sealpost keys status`: what rotations have left.

use jiff::Timestamp;
use sealpost_schemas::RotationCounts;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, rotation_tick};
use sealpost_tests::{Pipeline, Setup, until};
use serde_json::{Value, json};

use super::rotate_everything;

async fn status(pipeline: &Pipeline) -> Value {
    run(pipeline, &["keys", "status", "--json"]).await.json()
}

#[tokio::test]
async fn a_rotation_is_seen_from_its_tick_to_its_end() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    pipeline.seed(20).await;
    let idle = status(&pipeline).await;
    assert_eq!((&idle["older"], &idle["rotations"]), (&json!(0), &json!([])));
    let (old, new) = (pipeline.newest_version().await, pipeline.rotate_key());
    let told = run(&pipeline, &["keys", "status"]).await;
    assert!(told.stdout.contains("20 under older versions, and no rotation runs"), "{}", told.stdout);

    // its shards wait for a worker
    let fans_out = pipeline.worker_with(&["rotate"], &[]).await;
    let tick = rotation_tick();
    pipeline.send("rotation-tick.v1", &tick).await;
    fans_out.measured("sealpost_jobs_total", &["rotation-ticks", "fanned-out"], 1).await;
    let running = status(&pipeline).await["rotations"][0].clone();
    let seen = |rotation: &Value| {
        let field = |name: &str| rotation[name].clone();
        [field("tick"), field("mode"), field("everything"), field("shards_done"), field("shards"), field("percent")]
    };
    assert_eq!(seen(&running), [tick["id"].clone(), json!("rewrap"), json!(true), json!(0), json!(4), json!(0)]);
    assert_eq!((&running["ended"], &running["seconds_left"]), (&Value::Null, &Value::Null));
    let told = run(&pipeline, &["keys", "status"]).await;
    assert!(told.row(&[tick["id"].as_str().unwrap(), "rewrap", "0 of 4", "begins"]).is_some(), "{}", told.stdout);
    assert!(told.row(&[old.as_str(), "older", " 20 "]).is_some(), "{}", told.stdout);

    let _worker = pipeline.worker().await;
    let ended = until("it has ended", SOON, async || {
        let status = status(&pipeline).await;
        (!status["rotations"][0]["ended"].is_null()).then_some(status)
    })
    .await;
    let rotation = &ended["rotations"][0];
    assert_eq!(ended["rotations"].as_array().unwrap().len(), 1);
    assert_eq!((&rotation["shards_done"], &rotation["counts"]["resealed"]), (&json!(4), &json!(20)), "{rotation}");
    assert_eq!((&ended["older"], &ended["versions"][1]["held"]), (&json!(0), &json!(20)));
    assert_eq!(ended["versions"][1]["version"], json!(new));
    let told = run(&pipeline, &["keys", "status"]).await;
    assert!(told.row(&["4 of 4", "done in", "20 sealed anew"]).is_some(), "{}", told.stdout);
    assert!(told.stdout.contains("Nothing is sealed under an older version"), "{}", told.stdout);

    // of those that ended, the last is shown
    let last = rotate_everything(&pipeline).await;
    let shown = status(&pipeline).await["rotations"].clone();
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["tick"]), (1, &last["tick"]));
}

#[tokio::test]
async fn a_running_rotation_tells_its_progress_and_how_long_it_may_take() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let fans_out = pipeline.worker_with(&["rotate"], &[]).await;
    let mut tick = rotation_tick();
    tick["mode"] = "refresh".into();
    pipeline.send("rotation-tick.v1", &tick).await;
    fans_out.measured("sealpost_jobs_total", &["rotation-ticks", "fanned-out"], 1).await;
    let (store, id) = (pipeline.store().await, tick["id"].as_str().unwrap().parse().unwrap());
    let did = RotationCounts { refreshed: 3, failed: 1, ..RotationCounts::default() };
    store.finish_shard(id, (2, 4), did).await.unwrap();
    let running = status(&pipeline).await["rotations"][0].clone();
    assert_eq!((&running["percent"], &running["shards_done"]), (&json!(25), &json!(1)), "{running}");
    let began: Timestamp = running["began"].as_str().unwrap().parse().unwrap();
    let took = SystemClock.now().duration_since(began).as_secs();
    let left = running["seconds_left"].as_i64().unwrap();
    assert!((0..=3 * took + 3).contains(&left), "{left} after {took}");
    let told = run(&pipeline, &["keys", "status"]).await;
    let row = told.row(&["1 of 4", "25 %, about"]).unwrap_or_else(|| panic!("{}", told.stdout));
    assert!(row.contains("left"), "{row}");
    assert!(told.stdout.contains("3 refreshed") && told.stdout.contains("1 left behind"), "{}", told.stdout);
}
