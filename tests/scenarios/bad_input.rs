//! What a hostile or broken world sends: each has its code and its verdict, nothing is lost, and the worker goes on.

mod messages;
mod names;
mod platform;
mod queues;
mod records;
mod replies;
mod store;
mod tokens;
mod words;

use std::net::TcpListener;

use jiff::Timestamp;
use sealpost_tests::pipeline::publish_job;
use sealpost_tests::{Message, Pipeline, Setup};
use serde_json::{Value, json};

/// Stands in bad messages where it must not be repeated.
const CANARY: &str = "hunter2-is-a-secret";

/// Checks the headers of a dead letter; its reason names all of these.
fn put_aside(dead: &Message, code: &str, origin: &str, names: &[&str]) {
    assert_eq!(dead.header("sealpost-code").as_deref(), Some(code), "{:?}", dead.header("sealpost-reason"));
    assert_eq!(dead.header("sealpost-origin").as_deref(), Some(origin));
    dead.header("sealpost-at").unwrap().parse::<Timestamp>().expect("a time");
    let reason = dead.header("sealpost-reason").unwrap();
    for name in names {
        assert!(reason.contains(name), "{name:?} is not in {reason:?}");
    }
    assert!(!reason.contains(CANARY), "{reason}");
}

/// Checks a failed result.
fn failed(answer: &Value, code: &str) {
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&"failed".into(), &code.into()), "{answer}");
    assert!(!answer.to_string().contains(CANARY), "{answer}");
}

/// A good job is done.
async fn goes_on(pipeline: &Pipeline, user: &str) {
    let answer = pipeline.ask("publish-job.v1", &publish_job("acme", user, "good")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
}

/// Short, since a hang lasts as long as it.
fn impatient() -> Setup {
    Setup { http_limit: 2, ..Setup::default() }
}

fn fault(path: &str, fault: &Value) -> Value {
    let mut whole = json!({"path": path});
    whole.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    whole
}

/// An address that nobody shall come to, and who would know.
fn elsewhere() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    (format!("http://{}/elsewhere", listener.local_addr().unwrap()), listener)
}
