//! Text messages about how jobs ended: who gets which, once, whatever the gateway does, and the post is what it was.

mod configured;
mod crashes;
mod flows;
mod gateways;
mod personal;
mod twilio;

use std::time::Duration;

use sealpost_tests::pipeline::{publish_job, text_of};
use sealpost_tests::{Pipeline, Setup, Worker, until};
use serde_json::{Value, json};

/// Whom they go to.
pub(crate) const PHONE: &str = "+237650000000";

/// Where the practice gateway takes them.
const GATEWAY: &str = "/sms/messages";

/// How many seconds a call may take in these tests; a claim lives for two more than twice that.
const LIMIT: u64 = 2;

/// Everything comes within this time, on a busy machine too.
const SOON: Duration = sealpost_tests::pipeline::SOON;

/// What the entry says where the gateway knows idempotency keys.
const KEYS: &str = "idempotency_header = 'Idempotency-Key'\nidempotency_window = 86400\n";

/// A pipeline whose notices the practice platform's gateway sends, with more in its entry.
pub(crate) async fn pipeline(more: &str) -> Pipeline {
    with(Setup { http_limit: LIMIT, ..Setup::default() }, more).await
}

pub(crate) async fn with(setup: Setup, more: &str) -> Pipeline {
    let pipeline = Pipeline::start_with(setup).await;
    let at = pipeline.sandbox.issuer();
    entry(
        &pipeline,
        &format!(
            "url = '{at}{GATEWAY}'\nauth = {{ header = {{ name = 'X-Api-Key', value = {{ file = 'sms.key' }} }} }}\n\
             body = {{ to = '{{recipient}}', text = '{{text}}', reference = '{{key}}' }}\nmessage_id = '/id'\n\
             success = {{ at = '/status', is = 'accepted' }}\nerror = '/error'\n{more}"
        ),
    );
    pipeline
}

/// Has this entry send notices, with the practice gateway's key.
fn entry(pipeline: &Pipeline, entry: &str) {
    pipeline.write("gateways.toml", &format!("[practice]\n{entry}"));
    pipeline.write("sms.key", "sandbox-sms-key\n");
    let config = text_of(&pipeline.config());
    if !config.contains("[notify]") {
        pipeline.write("sealpost.toml", &format!("{config}[notify]\ngateway = 'practice'\n"));
    }
}

/// A job of ada's that names a phone.
fn job(text: &str, language: &str) -> Value {
    let mut job = publish_job("acme", "ada", text);
    job["notify"] = json!({"phone": PHONE, "language": language});
    job
}

/// The notice of a job, as a worker emits it.
fn notice(language: &str, outcome: &str) -> Value {
    json!({
        "id": sealpost_shared::ids::fresh(), "job": sealpost_shared::ids::fresh(),
        "owner": {"tenant": "acme", "user": "ada"}, "provider": "practice", "phone": PHONE, "language": language,
        "outcome": outcome, "code": (outcome != "published").then_some("revoked"),
    })
}

/// Waits until so many notices left their queue so.
async fn noticed(worker: &Worker, outcome: &str, least: u64) {
    worker.measured("sealpost_jobs_total", &["queue=\"notices\"", &format!("outcome=\"{outcome}\"")], least).await;
}

/// The texts on the phone, oldest first, once there are so many.
pub(crate) async fn texts(pipeline: &Pipeline, count: usize) -> Vec<String> {
    let messages = until(&format!("{count} text messages"), SOON, async || {
        let messages = pipeline.sandbox.messages().await;
        assert!(messages.len() <= count, "{messages:?}");
        (messages.len() == count).then_some(messages)
    })
    .await;
    let text = |message: &Value| {
        assert_eq!(message["to"], PHONE);
        message["text"].as_str().unwrap().to_owned()
    };
    messages.iter().map(text).collect()
}

/// Publishes, and what becomes of it is that it is published, once.
async fn published(pipeline: &Pipeline, text: &str) {
    let answer = pipeline.ask("publish-job.v1", &job(text, "en")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    assert_eq!(pipeline.sandbox.posts().await.iter().filter(|post| post["text"] == text).count(), 1);
}
