//! One provider hangs, and the others' jobs do not wait for it.

use sealpost_tests::pipeline::{Consent, Setup, exchange_request};
use sealpost_tests::{Pipeline, Sandbox};
use serde_json::json;

use super::{add_to_catalogue, all_published, send_jobs};

/// Longer than anything here is waited for.
const HANGS: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_hangs_does_not_hold_up_the_jobs_of_another() {
    let (pipeline, hanging) = tokio::join!(
        Pipeline::start_with(Setup { prefetch: 16, http_limit: HANGS, ..Setup::default() }),
        Sandbox::start()
    );
    let at = hanging.issuer();
    add_to_catalogue(
        &pipeline,
        &format!(
            "[hangs.oauth]\nissuer = '{at}'\nauthorize_url = '{at}/authorize'\ntoken_url = '{at}/token'\n\
             client_id = 'sealpost'\nclient_secret = {{ file = 'client.secret' }}\n\
             scopes = ['profile', 'posts.read', 'posts.write']\n\
             [hangs.publish.post]\nurl = '{at}/api/posts'\nbody = {{ text = '{{text}}' }}\nremote_id = '/id'\n"
        ),
    );
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let mut request = exchange_request("acme", "ada", &Consent::at(&hanging, "ada").await);
    request["provider"] = "hangs".into();
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!(answer["outcome"], "stored", "{answer}");
    hanging.fault(json!({"path": "/api/posts", "kind": "hang", "n": 1_000_000})).await;

    // all of these are before all of those
    send_jobs(&pipeline, "hangs", 200).await;
    let others = send_jobs(&pipeline, "practice", 100).await;
    all_published(&pipeline, &others).await;

    let calls = |outcome| ["provider=\"hangs\"", "call=\"publish\"", outcome];
    assert_eq!(
        worker.metric("sealpost_api_calls_total", &calls("")).await,
        0,
        "not one of the calls that hang has ended"
    );
    let hung = hanging.stats().await["faults_fired"].as_u64().unwrap();
    assert!((1..=12).contains(&hung), "{hung} calls hang; three quarters of 16 may");
    worker.measured("sealpost_held_back_total", &["provider=\"hangs\"", "reason=\"slow\""], 1).await;
    assert_eq!(worker.metric("sealpost_held_back_total", &["provider=\"practice\""]).await, 0);
}
