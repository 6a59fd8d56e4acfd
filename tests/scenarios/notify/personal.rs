//! A number is in the queue and in the request to the gateway, and nowhere else.

use std::fmt::Write;

use lapin::types::AMQPValue;
use sealpost_tests::command::run;
use sealpost_tests::pipeline::text_of;
use sealpost_tests::{Message, Worker};
use serde_json::json;

use super::{GATEWAY, job, notice, noticed, pipeline, published};

/// Whatever is told of a number has these digits in it.
const DIGITS: &str = "650111222";

fn shown(message: &Message) -> String {
    let headers = message.properties.headers().iter().flat_map(lapin::types::FieldTable::inner);
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        other => format!("{other:?}"),
    };
    headers.map(|(_, value)| text(value)).collect::<Vec<_>>().join("\n")
}

async fn tells_nothing(worker: &Worker) {
    let (log, (_, measures)) = (worker.log(), worker.page("/metrics").await);
    assert!(log.contains("TRACE"), "the finest level");
    for (what, text) in [("log", log), ("measures", measures)] {
        let at = text.find(DIGITS).map(|at| &text[at.saturating_sub(200)..]);
        assert!(at.is_none(), "{what}: {:.400}", at.unwrap());
    }
}

#[tokio::test]
async fn a_number_is_in_no_log_at_the_finest_level_no_measure_event_header_or_file_of_the_store() {
    let pipeline = pipeline("headers = { X-To = '{recipient}' }\n").await;
    // also where it is in the address
    let entry = text_of(&pipeline.rig.folder().join("gateways.toml"));
    pipeline.write("gateways.toml", &entry.replace(GATEWAY, &format!("{GATEWAY}?to={{recipient}}")));
    let worker = pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "trace,lapin=off")]).await;
    pipeline.connect("ada").await;
    let phone = format!("+237{DIGITS}");
    let with_phone = |mut message: serde_json::Value, field: &str| {
        *message.pointer_mut(field).unwrap() = phone.clone().into();
        message
    };
    published(&pipeline, "one").await;
    let answer = pipeline.ask("publish-job.v1", &with_phone(job("two", "fr"), "/notify/phone")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    noticed(&worker, "sent", 2).await;
    // a gateway that repeats it in each of its fields, and in its words
    let body = json!({"id": phone, "error": phone, "status": format!("no message reaches {phone}")});
    let refused = json!({"path": GATEWAY, "kind": "status", "status": 400, "body": body.to_string()});
    pipeline.sandbox.fault(refused).await;
    pipeline.send("notice.v1", &with_phone(notice("fr", "failed"), "/phone")).await;
    noticed(&worker, "refused", 1).await;
    let accepted = json!({"id": format!("{DIGITS}-1"), "status": "accepted"}).to_string();
    pipeline.sandbox.fault(json!({"path": GATEWAY, "kind": "status", "status": 200, "body": accepted})).await;
    pipeline.send("notice.v1", &with_phone(notice("fr", "failed"), "/phone")).await;
    noticed(&worker, "sent", 3).await;
    // what is put aside
    let mut unheard = with_phone(job("x", "fr"), "/notify/phone");
    unheard["provider"] = "unheard-of".into();
    pipeline.ask("publish-job.v1", &unheard).await;
    let mut malformed = with_phone(job("x", "fr"), "/notify/phone");
    malformed["notify"]["phone"] = format!("00237{DIGITS}").into();
    pipeline.ask("publish-job.v1", &malformed).await;
    let dead = [pipeline.dead_letter().await, pipeline.dead_letter().await];
    assert!(dead.iter().all(|dead| String::from_utf8_lossy(&dead.body).contains(DIGITS)), "it is there to be found");
    assert!(dead.iter().all(|dead| !shown(dead).contains(DIGITS)));

    noticed(&worker, "sent", 4).await;
    tells_nothing(&worker).await;
    let told = ["publish.published", "publish.failed", "job.dead-lettered"];
    for topic in told {
        let events = pipeline.events(topic).await;
        assert!(!events.is_empty() && events.iter().all(|event| !event.json().to_string().contains(DIGITS)), "{topic}");
    }
    let all = redis_content(&pipeline).await;
    assert!(!all.contains(DIGITS) && all.contains("ledger"), "Redis");
}

#[tokio::test]
async fn a_dead_letter_is_shown_without_its_number() {
    let pipeline = pipeline("").await;
    let _worker = pipeline.worker().await;
    let mut unheard = job("x", "fr");
    unheard["notify"]["phone"] = format!("+237{DIGITS}").into();
    unheard["provider"] = "unheard-of".into();
    pipeline.ask("publish-job.v1", &unheard).await;
    let id = unheard["id"].as_str().unwrap();
    for args in [vec!["dead", "show", id], vec!["dead", "show", id, "--json"], vec!["dead", "list", "--each"]] {
        let said = run(&pipeline, &args).await;
        assert!(said.good, "{}", said.stderr);
        assert!(!format!("{}{}", said.stdout, said.stderr).contains(DIGITS), "{}", said.stdout);
    }
    assert!(run(&pipeline, &["dead", "show", id]).await.stdout.contains("language"));
}

/// Every key of Redis with what it holds.
async fn redis_content(pipeline: &sealpost_tests::Pipeline) -> String {
    let mut redis =
        redis::Client::open(pipeline.rig.redis_url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    let mut all = String::new();
    for key in keys {
        let bytes: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.unwrap();
        writeln!(all, "{key} {}", String::from_utf8_lossy(&bytes)).unwrap();
    }
    all
}
