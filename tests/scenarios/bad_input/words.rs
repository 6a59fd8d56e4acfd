//! Words of a provider that act on a terminal, forge lines of a log, hide, or turn the order of what is read.

use reqwest::Method;
use sealpost_tests::pipeline::{attempt, exchange_request, properties, publish_job};
use sealpost_tests::{Pipeline, Worker};
use serde_json::{Value, json};

use super::{fault, put_aside};

/// A forged line, a cleared screen, C1's escape, a turned order, and what has no width.
const EVIL: &str = "mind\r\n2026-11-22T00:00:00Z ERROR forged\u{7}\u{1b}[2J\u{9b}31m\u{202e}gpj\u{2066}.\u{200b}x\u{feff}\u{2028}\u{85}y";

/// What is left of it, and what is left where each was a blank.
const PLAIN: &str = "mind2026-11-22T00:00:00Z ERROR forged[2J31mgpj.xy";

/// None of these is in what a person reads.
fn is_plain(text: &str) -> bool {
    let hides = |c: char| EVIL.contains(c) && !PLAIN.contains(c);
    !text.chars().any(hides)
}

/// Every text of a message, names of fields too, read as a program reads them.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            found.push(name.clone());
            texts(value, found);
        }),
        _ => {}
    }
}

fn all_plain(message: &Value) {
    let mut found = Vec::new();
    texts(message, &mut found);
    for text in found {
        assert!(is_plain(&text), "{text:?}");
    }
}

/// No line of the log was begun by a provider, and none holds more than it shows.
fn log_is_plain(worker: &Worker) {
    let log = worker.log();
    for line in log.lines() {
        assert!(is_plain(line), "{line:?}");
        assert!(!line.starts_with("2026-11-22T00:00:00Z ERROR forged"), "{line}");
    }
}

/// A pipeline whose entry reads a refusal's words, three fields of an answer, and raw calls.
async fn curious() -> (Pipeline, Worker) {
    let pipeline = Pipeline::start().await;
    let file = pipeline.rig.folder().join("providers.toml");
    let entry = std::fs::read_to_string(file).unwrap();
    let more = "response = ['/note', '/deep']\n[practice.api]\nerror = '/error'\nerror_description = '/message'\n";
    pipeline.write("providers.toml", &format!("{entry}{more}"));
    let worker = pipeline.worker().await;
    (pipeline, worker)
}

#[tokio::test]
async fn an_exchanges_answer_and_its_refusal_are_told_in_plain_characters() {
    let (pipeline, worker) = curious().await;
    let refusal = json!({"error": EVIL, "error_description": EVIL}).to_string();
    pipeline.sandbox.fault(fault("/token", &json!({"kind": "status", "status": 400, "body": refusal}))).await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!(
        answer["failure"]["provider_error"],
        json!({"status": 400, "error": PLAIN, "description": PLAIN}),
        "{answer}"
    );
    all_plain(&answer);
    assert_eq!(pipeline.event("connection.failed").await.json(), answer);

    let edit = json!({"kind": "edit", "when": "after", "set": {"token_type": EVIL}});
    pipeline.sandbox.fault(fault("/token", &edit)).await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    assert!(answer["failure"]["message"].as_str().unwrap().contains(PLAIN), "{answer}");
    all_plain(&answer);

    let edit = json!({"kind": "edit", "when": "after", "set": {"scope": format!("posts.write a{EVIL}")}});
    pipeline.sandbox.fault(fault("/token", &edit)).await;
    let request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!((&answer["outcome"], &answer["scopes"][0]), (&"stored".into(), &"posts.write".into()), "{answer}");
    all_plain(&answer);
    log_is_plain(&worker);
}

#[tokio::test]
async fn a_posts_id_address_and_fields_are_told_in_plain_characters() {
    let (pipeline, worker) = curious().await;
    pipeline.connect("ada").await;
    let set =
        json!({"id": format!("7{EVIL}"), "url": format!("https://x/{EVIL}"), "note": EVIL, "deep": {EVIL: [EVIL]}});
    pipeline.sandbox.fault(fault("/api/posts", &json!({"kind": "edit", "when": "after", "set": set}))).await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await;
    assert_eq!(
        answer["remote"],
        json!({"id": format!("7{PLAIN}"), "url": format!("https://x/{PLAIN}"),
               "response": {"note": PLAIN, "deep": {PLAIN: [PLAIN]}}}),
        "{answer}"
    );
    all_plain(&answer);
    all_plain(&pipeline.event("publish.published").await.json());
    log_is_plain(&worker);
}

#[tokio::test]
async fn a_refused_post_is_told_in_plain_characters_and_what_was_sent_does_not_hide_in_them() {
    let (pipeline, worker) = curious().await;
    pipeline.connect("ada").await;
    let hidden = "my \u{200b}private\u{ad} te\u{2060}xt";
    let body = json!({"error": EVIL, "message": format!("not this: {hidden}")}).to_string();
    pipeline.sandbox.fault(fault("/api/posts", &json!({"kind": "status", "status": 422, "body": body}))).await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "my private text")).await;
    assert_eq!(
        answer["failure"]["provider_error"],
        json!({"status": 422, "error": PLAIN, "description": "not this: [removed]"}),
        "{answer}"
    );
    assert_eq!(pipeline.event("publish.failed").await.json(), answer);
    log_is_plain(&worker);
}

#[tokio::test]
async fn a_refreshs_refusal_is_plain_in_results_events_dead_letters_and_logs() {
    let (pipeline, worker) = curious().await;
    pipeline.connect("ada").await;
    let expire = async || {
        pipeline.sandbox.admin(Method::POST, "expire", Some(json!({"user": "ada"}))).await;
    };
    // our configuration's fault, so that it ends among the dead letters
    expire().await;
    let refusal = json!({"error": "invalid_scope", "error_description": EVIL}).to_string();
    pipeline.sandbox.fault(fault("/token", &json!({"kind": "status", "status": 400, "body": refusal}))).await;
    let job = publish_job("acme", "ada", "the last attempt");
    let last = properties("publish-job.v1", job["id"].as_str().unwrap()).with_headers(attempt(12));
    let asked = pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), last).await;
    let answer = pipeline.answer(&asked).await.json();
    assert_eq!(answer["failure"]["code"], "attempts-exhausted", "{answer}");
    all_plain(&answer);
    let dead = pipeline.dead_letter().await;
    put_aside(&dead, "attempts-exhausted", "publish-jobs", &["invalid_scope", PLAIN]);
    assert!(is_plain(&dead.header("sealpost-reason").unwrap()));
    all_plain(&pipeline.event("job.dead-lettered").await.json());

    // the end of the consent
    let refusal = json!({"error": "invalid_grant", "error_description": EVIL}).to_string();
    pipeline.sandbox.fault(fault("/token", &json!({"kind": "status", "status": 400, "body": refusal}))).await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await;
    assert_eq!(answer["failure"]["provider_error"]["description"], PLAIN, "{answer}");
    all_plain(&answer);
    all_plain(&pipeline.event("connection.needs-consent").await.json());
    log_is_plain(&worker);
}
