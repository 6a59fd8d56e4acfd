//! What an entry can say of its provider, end to end.

use sealpost_tests::pipeline::publish_job;
use sealpost_tests::{Pipeline, Worker};
use serde_json::{Value, json};

use super::world::{Entry, pipeline};

/// A pipeline whose provider's entry says this too.
async fn with(more: &str) -> (Pipeline, Worker) {
    let pipeline = pipeline(Entry::Plain, None).await;
    let file = pipeline.rig.folder().join("providers.toml");
    let plain = std::fs::read_to_string(file).unwrap();
    let more = more.replace("PLATFORM", pipeline.sandbox.issuer());
    pipeline.write("providers.toml", &format!("{plain}{more}"));
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    (pipeline, worker)
}

fn status(status: u16, body: &str) -> Value {
    json!({"path": "/api/posts", "kind": "status", "status": status, "body": body})
}

#[tokio::test]
async fn an_access_token_that_is_refused_in_whatever_words_means_one_newer_token_and_one_more_request() {
    let rules = "[practice.api]\nerrors = [ { status = 403, empty = true, means = 'token-expired' },\n\
                 { status = 400, at = '/code', is = 'expired', means = 'token-expired' } ]\n";
    let mut told = status(401, "");
    told["headers"] = json!({"www-authenticate": "Bearer error=\"invalid_token\""});
    for refusal in [status(401, ""), told, status(403, ""), status(400, r#"{"code":"expired"}"#)] {
        let (pipeline, _worker) = with(rules).await;
        pipeline.sandbox.fault(refusal.clone()).await;
        let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "once")).await;
        assert_eq!(answer["outcome"], "published", "{answer}");
        assert_eq!(pipeline.sandbox.stats().await["token"]["refresh_token"], json!({"ok": 1}));
        pipeline.sandbox.fault(refusal.clone()).await;
        pipeline.sandbox.fault(refusal).await;
        let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "never")).await;
        assert_eq!(answer["failure"]["code"], "needs-consent", "{answer}");
        assert_eq!(pipeline.sandbox.posts().await.len(), 1);
    }
}

#[tokio::test]
async fn a_403_that_says_why_is_no_expired_token_and_costs_no_refresh() {
    let rule = "[practice.api]\nerrors = [ { status = 403, empty = true, means = 'token-expired' } ]\n";
    let (pipeline, _worker) = with(rule).await;
    pipeline.sandbox.fault(status(403, r#"{"error":"insufficient_scope"}"#)).await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "never")).await;
    assert_eq!(answer["failure"]["code"], "provider-rejected", "{answer}");
    assert_eq!(pipeline.sandbox.stats().await["token"]["refresh_token"], json!(null));
}

#[tokio::test]
async fn an_address_in_an_answer_is_told_and_never_called() {
    let (pipeline, _worker) = with("").await;
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}/post", elsewhere.local_addr().unwrap());
    let mut fault = status(201, &json!({"id": "7", "url": url}).to_string());
    fault["headers"] = json!({"location": url});
    pipeline.sandbox.fault(fault).await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await;
    assert_eq!(answer["remote"], json!({"id": "7", "url": url}), "{answer}");
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_success_with_an_error_in_its_body_is_what_the_entry_says_and_is_told_without_the_text() {
    let rules = "[practice.api]\nerror = '/error'\nerror_description = '/message'\n\
                 errors = [ { status = 200, at = '/error', means = 'rejected' } ]\n";
    let (pipeline, _worker) = with(rules).await;
    let body = r#"{"error":"nope\u001b[2J","message":"may not say: a private text"}"#;
    pipeline.sandbox.fault(status(200, body)).await;
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "a private text")).await;
    assert_eq!(
        answer["failure"]["provider_error"],
        json!({"status": 200, "error": "nope[2J", "description": "may not say: [removed]"}),
        "{answer}"
    );
}

#[tokio::test]
async fn raw_calls_are_made_where_the_entry_allows_them_and_nowhere_else() {
    let raw = "[practice.publish.raw]\nbase = 'PLATFORM/api'\nresponse = ['/id', '/text']\n\
               allow = [ { method = 'POST', path = '/posts' }, { method = 'GET', path = '/posts/*' } ]\n";
    let (pipeline, _worker) = with(raw).await;
    let mut job = publish_job("acme", "ada", "");
    job["content"] =
        json!({"type": "raw", "method": "POST", "path": "/posts", "body": {"text": "raw"}, "accept": ["id", "url"]});
    let answer = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!((&answer["outcome"], &answer["remote"]), (&"published".into(), &json!({"response": {"id": "1"}})));
    let event = pipeline.event("publish.published").await.json();
    assert!(event["remote"]["response"].is_null(), "{event}");
    for path in ["//evil/x", "https://evil", "/..%2f", "/posts/../me", "/me", "/posts/1?x=y"] {
        let mut job = publish_job("acme", "ada", "");
        job["content"] = json!({"type": "raw", "method": "GET", "path": path});
        let answer = pipeline.ask("publish-job.v1", &job).await;
        assert_eq!(answer["outcome"], "failed", "{path}: {answer}");
        pipeline.dead_letter().await;
    }
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}
