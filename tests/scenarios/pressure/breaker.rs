//! What becomes of jobs while a provider does not answer.

use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, Worker, until};
use serde_json::json;

use super::{add_to_catalogue, all_published, fired, send_jobs, switch_faults_off};

const JOBS: usize = 40;
const API: [&str; 2] = ["provider=\"practice\"", "endpoint=\"api\""];
const TOKEN: [&str; 2] = ["provider=\"practice\"", "endpoint=\"token\""];

/// A platform whose publishing API answers 503 to everything, and does nothing then; a worker, and a user's connection.
async fn unavailable() -> (Pipeline, Worker) {
    let pipeline = Pipeline::start().await;
    add_to_catalogue(&pipeline, "[practice.api]\nerrors = [{ status = 503, means = 'retry' }]\n");
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "status", "status": 503, "n": 1_000_000})).await;
    (pipeline, worker)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_does_not_answer_is_left_alone_by_all_workers_until_it_does() {
    let (pipeline, worker) = unavailable().await;
    let jobs = send_jobs(&pipeline, "practice", JOBS).await;
    worker.measured("sealpost_breaker_open", &API, 1).await;
    // one that met nothing itself
    let other = pipeline.worker().await;
    other.measured("sealpost_breaker_open", &API, 1).await;
    assert_eq!(other.metric("sealpost_breaker_open", &TOKEN).await, 0, "its token endpoint is another matter");
    worker.measured("sealpost_held_back_total", &["reason=\"breaker\""], 10).await;
    let calls = fired(&pipeline.sandbox).await.as_u64().unwrap();
    assert!(calls < 3 * u64::try_from(JOBS).unwrap(), "{calls} calls of {JOBS} jobs");

    switch_faults_off(&pipeline.sandbox).await;
    all_published(&pipeline, &jobs).await;
    for worker in [&worker, &other] {
        until("the breaker is closed", SOON, async || worker.metric("sealpost_breaker_open", &API).await == 0).await;
    }
    assert_eq!(pipeline.sandbox.posts().await.len(), JOBS, "each once");
}

#[tokio::test]
async fn a_job_that_waits_for_a_provider_spends_no_attempt_and_is_never_put_aside() {
    let (pipeline, worker) = unavailable().await;
    let jobs = send_jobs(&pipeline, "practice", 12).await;
    worker.measured("sealpost_breaker_open", &API, 1).await;
    let late = send_jobs(&pipeline, "practice", 1).await;
    worker.measured("sealpost_held_back_total", &["reason=\"breaker\""], 3).await;
    switch_faults_off(&pipeline.sandbox).await;
    all_published(&pipeline, &[jobs, late].concat()).await;
    worker.logged("attempt=1 outcome=\"publish.published\"").await;
    assert_eq!(worker.metric("sealpost_jobs_total", &["dead-lettered"]).await, 0);
}

#[tokio::test]
async fn a_refused_request_says_nothing_against_who_answers() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "status", "status": 422, "n": 30})).await;
    let jobs = send_jobs(&pipeline, "practice", 30).await;
    for job in &jobs {
        assert_eq!(pipeline.answer(job).await.json()["failure"]["code"], "provider-rejected");
    }
    let next = send_jobs(&pipeline, "practice", 1).await;
    assert_eq!(pipeline.answer(&next[0]).await.json()["outcome"], "published");
    assert_eq!(worker.metric("sealpost_held_back_total", &[]).await, 0);
}
