//! Traces from a producer's span to the result, and the one line of each attempt.

use std::collections::HashSet;

use lapin::types::{AMQPValue, FieldTable};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use sealpost_tests::collector::{Collector, attribute};
use sealpost_tests::pipeline::{SOON, properties, publish_job, text_of};
use sealpost_tests::{Message, Pipeline, until};
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PRODUCER: &str = "00f067aa0ba902b7";

/// A pipeline whose configuration says this of telemetry.
async fn telling(telemetry: &str) -> Pipeline {
    let pipeline = Pipeline::start().await;
    pipeline.write("sealpost.toml", &format!("{}\n[telemetry]\n{telemetry}\n", text_of(&pipeline.config())));
    pipeline
}

/// Sends a job as part of a producer's trace, and waits for its answer.
async fn ask(pipeline: &Pipeline, job: &Value, sampled: &str) -> Message {
    let mut headers = FieldTable::default();
    let traceparent = format!("00-{TRACE}-{PRODUCER}-{sampled}");
    headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
    let properties = properties("publish-job.v1", job["id"].as_str().unwrap()).with_headers(headers);
    let correlation = pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), properties).await;
    pipeline.answer(&correlation).await
}

/// The spans of the trace, once `count` messages were worked on to their end.
async fn spans(collector: &Collector, count: usize) -> Vec<Span> {
    let jobs = || collector.trace(TRACE).iter().filter(|span| span.name.starts_with("process ")).count();
    until("the spans of the job came", SOON, async || jobs() >= count).await;
    collector.trace(TRACE)
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// The lines of this job in a log of JSON.
fn lines(log: &str, id: &Value) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["job.id"] == *id).collect()
}

#[tokio::test]
async fn a_job_is_one_tree_from_its_producer_to_its_result_and_each_attempt_one_line() {
    let collector = Collector::start().await;
    let pipeline = telling(&format!("traces = '{}'\nlogs = 'json'", collector.url())).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline
        .sandbox
        .fault(json!({"path": "/api/posts", "kind": "status", "status": 429, "headers": {"retry-after": "1"}}))
        .await;
    let job = publish_job("acme", "ada", "a post to be traced");
    let answer = ask(&pipeline, &job, "01").await;
    assert_eq!(answer.json()["outcome"], "published");
    let spans = spans(&collector, 2).await;

    let ids: HashSet<String> = spans.iter().map(|span| hex::encode(&span.span_id)).collect();
    let orphans = spans.iter().filter(|span| !ids.contains(&hex::encode(&span.parent_span_id)));
    let roots: Vec<_> = orphans.collect();
    assert_eq!(roots.len(), 1, "{roots:?}");
    assert_eq!(
        (roots[0].name.as_str(), hex::encode(&roots[0].parent_span_id)),
        ("process publish-jobs", PRODUCER.into())
    );

    let mut attempts = named(&spans, "process publish-jobs");
    attempts.sort_by_key(|span| span.start_time_unix_nano);
    let [first, second] = attempts[..] else { panic!("{attempts:?}") };
    assert_eq!(second.parent_span_id, first.span_id);
    let told = |span, name: &str| attribute(span, name).unwrap_or_default();
    assert_eq!(
        (told(first, "sealpost.outcome"), told(second, "sealpost.outcome")),
        ("deferred".into(), "publish.published".into())
    );
    assert_eq!(first.status.as_ref().unwrap().code, StatusCode::Error as i32);
    assert_eq!(told(second, "messaging.message.id"), job["id"].as_str().unwrap());

    let posts = named(&spans, "POST");
    let statuses: Vec<_> = posts.iter().map(|span| told(span, "http.response.status_code")).collect();
    assert_eq!(statuses, ["429", "201"], "{posts:?}");
    assert!(
        spans
            .iter()
            .any(|span| told(span, "db.operation.name") == "ledger_settle" && span.parent_span_id == second.span_id)
    );
    for place in ["send reply", "send sealpost.events", "send delay.1s"] {
        assert_eq!(
            named(&spans, place).len(),
            1,
            "{place}: {:?}",
            spans.iter().map(|span| &span.name).collect::<Vec<_>>()
        );
    }
    let traceparent = format!("00-{TRACE}-{}-01", hex::encode(&second.span_id));
    assert_eq!(answer.header("traceparent"), Some(traceparent.clone()));
    assert_eq!(pipeline.event("publish.published").await.header("traceparent"), Some(traceparent));

    let lines = lines(&worker.log(), &job["id"]);
    let said: Vec<_> =
        lines.iter().map(|line| (&line["attempt"], &line["outcome"], &line["code"], &line["trace.id"])).collect();
    let (trace, none) = (json!(TRACE), Value::Null);
    assert_eq!(
        said,
        [
            (&json!(1), &json!("deferred"), &json!("rate-limited"), &trace),
            (&json!(1), &json!("publish.published"), &none, &trace),
        ]
    );
    assert!(
        lines.iter().all(|line| line["level"] == "INFO"),
        "to wait for one's turn is nothing to warn of: {lines:?}"
    );
}

#[tokio::test]
async fn spans_hold_nothing_of_the_user_his_content_or_his_tokens() {
    let collector = Collector::start().await;
    let pipeline = telling(&format!("traces = '{}'", collector.url())).await;
    let _worker = pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "trace")]).await;
    pipeline.connect("wilhelmina").await;
    let answer = ask(&pipeline, &publish_job("acme", "wilhelmina", "words of hers"), "01").await;
    assert_eq!(answer.json()["outcome"], "published");
    // words of an error that has a name in it
    let job = publish_job("acme", "wilhelmina", "words of hers");
    let properties = properties("publish-job.v1", job["id"].as_str().unwrap()).with_reply_to("of-wilhelmina".into());
    pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), properties).await;
    until("the failed reply came", SOON, async || {
        collector.spans().iter().any(|span| {
            span.name == "send reply" && span.status.as_ref().is_some_and(|status| status.message == "unroutable")
        })
    })
    .await;
    spans(&collector, 1).await;
    let given = pipeline.sandbox.secrets().await;
    let mut secrets: Vec<_> =
        given.as_object().unwrap().values().flat_map(|list| list.as_array().unwrap().clone()).collect();
    assert!(secrets.len() > 2, "{given}");
    secrets.extend([json!("wilhelmina"), json!("words of hers"), json!("acme")]);
    let sent = String::from_utf8_lossy(&collector.bytes()).into_owned();
    assert!(sent.contains("process publish-jobs"), "it looks where spans are");
    for secret in secrets {
        let secret = secret.as_str().unwrap();
        assert!(!sent.contains(secret), "{secret} is in {sent}");
    }
}

#[tokio::test]
async fn a_trace_that_its_producer_does_not_record_is_not_sent_and_goes_on() {
    let collector = Collector::start().await;
    let pipeline = telling(&format!("traces = '{}'", collector.url())).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let answer = ask(&pipeline, &publish_job("acme", "ada", "unseen"), "00").await;
    let traceparent = answer.header("traceparent").unwrap();
    assert!(traceparent.starts_with(&format!("00-{TRACE}-")) && traceparent.ends_with("-00"), "{traceparent}");
    worker.terminate();
    assert!(worker.ended().await.success());
    assert!(!collector.spans().is_empty(), "what began here is sent, the connecting");
    assert_eq!(collector.trace(TRACE), []);
}

#[tokio::test]
async fn without_a_collector_the_trace_of_the_producer_goes_on_as_it_is() {
    let pipeline = telling("logs = 'json'").await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let job = publish_job("acme", "ada", "x");
    let answer = ask(&pipeline, &job, "01").await;
    assert_eq!(answer.header("traceparent"), Some(format!("00-{TRACE}-{PRODUCER}-01")));
    worker.measured("sealpost_jobs_total", &["publish.published"], 1).await;
    assert_eq!(lines(&worker.log(), &job["id"])[0]["trace.id"], TRACE);
}

#[tokio::test]
async fn a_collector_that_is_away_keeps_no_job_and_no_worker_waiting() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let pipeline = telling(&format!("traces = 'http://{nobody}/v1/traces'")).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await["outcome"], "published");
    worker.terminate();
    assert!(worker.ended().await.success());
    let log = worker.log();
    assert_eq!(log.matches("takes no spans").count(), 1, "{log}");
    assert!(!log.contains("BatchSpanProcessor"), "{log}");
}

#[tokio::test]
async fn a_configuration_says_where_its_telemetry_is_wrong() {
    for (wrong, said) in [
        ("traces = 'http://user:hunter2@127.0.0.1/v1/traces'", "traces: must be an address"),
        ("traces = 'ftp://127.0.0.1/'", "must be an address"),
        ("ratio = 1.5", "must be a number from 0 to 1"),
        ("logs = 'xml'", "expected `text` or `json`"),
    ] {
        let pipeline = telling(wrong).await;
        let problem = sealpost_shared::config::Config::read(&pipeline.config()).unwrap_err();
        assert!(problem.contains(said) && problem.contains("line "), "{wrong}: {problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}
