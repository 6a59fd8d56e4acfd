//! What the provider sees of a limit that all workers share.

use jiff::Timestamp;
use reqwest::Method;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_tests::pipeline::{SOON, text_of};
use sealpost_tests::{Pipeline, until};
use serde_json::json;

use super::{add_to_catalogue, all_published, seconds, send_jobs};

const JOBS: usize = 300;

/// What the entry allows, in a second and at once.
const RATE: usize = 50;
const BURST: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_workers_together_call_a_provider_no_more_often_than_it_allows() {
    let pipeline = Pipeline::start().await;
    add_to_catalogue(&pipeline, &format!("[practice.limits]\ncalls = {RATE}\nburst = {BURST}\n"));
    // it forgives a worker that was held up on its way, and nothing else
    let limit = json!({"path": "/api/posts", "per_second": RATE, "burst": 2 * RATE});
    pipeline.sandbox.admin(Method::POST, "limits", Some(limit)).await;
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(pipeline.worker().await);
    }
    pipeline.connect("ada").await;
    let began = SystemClock.now();
    let jobs = send_jobs(&pipeline, "practice", JOBS).await;
    all_published(&pipeline, &jobs).await;

    let posts = pipeline.sandbox.posts().await;
    let mut came: Vec<Timestamp> =
        posts.iter().map(|post| post["created_at"].as_str().unwrap().parse().unwrap()).collect();
    came.sort();
    assert_eq!(came.len(), JOBS);
    for (number, at) in came.iter().enumerate() {
        let earliest =
            began + seconds(1) * u32::try_from(number.saturating_sub(BURST)).unwrap() / u32::try_from(RATE).unwrap();
        assert!(*at >= earliest, "post {number} came at {at}, {earliest} is the earliest");
    }
    let most = came.iter().map(|from| came.iter().filter(|at| (*from..*from + seconds(1)).contains(at)).count()).max();
    println!(
        "{JOBS} jobs, {RATE} in a second and {BURST} at once: the provider saw {} in one second at most",
        most.unwrap()
    );
    assert_eq!(pipeline.sandbox.stats().await["limited"], 0, "no call was refused");

    let (mut held, mut acted) = (0, 0);
    for worker in &workers {
        let idle = async || worker.metric("sealpost_jobs_in_flight", &[]).await == 0;
        until("all are counted", SOON, idle).await;
        held += worker.metric("sealpost_held_back_total", &["provider=\"practice\"", "reason=\"rate\""]).await;
        acted += u64::from(worker.metric("sealpost_jobs_total", &["publish.published"]).await > 0);
        assert_eq!(worker.metric("sealpost_jobs_total", &["outcome=\"retried\""]).await, 0, "no attempt is spent");
        assert!(!worker.log().contains("attempt=2"), "{}", worker.log());
    }
    assert!(held > 0, "some were put off");
    assert!(acted > 1, "several workers shared the limit");
}

#[tokio::test]
async fn a_job_that_needs_a_refresh_and_a_post_needs_one_turn() {
    let pipeline = Pipeline::start().await;
    let catalogue = text_of(&pipeline.rig.folder().join("providers.toml"));
    let anew = "scopes = ['profile', 'posts.read', 'posts.write']\nkeep_access_token = false";
    let catalogue = catalogue.replace("scopes = ['profile', 'posts.read', 'posts.write']", anew);
    pipeline.write("providers.toml", &format!("{catalogue}[practice.limits]\ncalls = 20\nseconds = 60\n"));
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let jobs = send_jobs(&pipeline, "practice", 2).await;
    all_published(&pipeline, &jobs).await;
    let refreshed = &pipeline.sandbox.stats().await["token"]["refresh_token"]["ok"];
    assert_eq!(refreshed, 2, "no token is spent in vain");
}

#[tokio::test]
async fn a_provider_that_asks_for_less_than_its_entry_allows_is_left_alone_by_everybody() {
    let pipeline = Pipeline::start().await;
    add_to_catalogue(&pipeline, "[practice.limits]\ncalls = 50\nburst = 50\n");
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let busy = json!({"path": "/api/posts", "kind": "status", "status": 429, "headers": {"retry-after": "3"}});
    pipeline.sandbox.fault(busy).await;
    let first = send_jobs(&pipeline, "practice", 1).await;
    worker.logged("code=\"rate-limited\"").await;
    let asked = SystemClock.now();
    let others = send_jobs(&pipeline, "practice", 5).await;
    all_published(&pipeline, &[first, others].concat()).await;
    for post in pipeline.sandbox.posts().await {
        let at: Timestamp = post["created_at"].as_str().unwrap().parse().unwrap();
        // the log is read a little later than it is written
        assert!(at >= asked + seconds(2), "{at} is within the pause that began about {asked}");
    }
    worker.measured("sealpost_held_back_total", &["reason=\"rate\""], 5).await;
}
