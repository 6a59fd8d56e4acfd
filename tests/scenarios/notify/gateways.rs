//! What a gateway may do, and that the post and its result stay what they are.

use sealpost_tests::pipeline::{attempt, properties};
use serde_json::{Value, json};

use super::{GATEWAY, KEYS, PHONE, notice, noticed, pipeline, published, texts};

fn fault(fault: &Value) -> Value {
    let mut whole = json!({"path": GATEWAY});
    whole.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    whole
}

#[tokio::test]
async fn what_is_known_not_to_be_sent_is_sent_again_and_the_post_is_not() {
    let pipeline = pipeline("").await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let faults = [
        (json!({"kind": "status", "status": 429, "headers": {"retry-after": "1"}}), "deferred"),
        (json!({"kind": "status", "status": 500}), "retried"),
        (json!({"kind": "status", "status": 503}), "retried"),
        (json!({"kind": "status", "status": 401}), "retried"),
    ];
    for (number, (spoilt, left)) in faults.iter().enumerate() {
        pipeline.sandbox.fault(fault(spoilt)).await;
        published(&pipeline, &format!("post {number}")).await;
        assert!(texts(&pipeline, number + 1).await[number].starts_with("Your post on practice is online."));
        worker.measured("sealpost_jobs_total", &["queue=\"notices\"", left], 1).await;
    }
    noticed(&worker, "sent", 4).await;
    assert_eq!(worker.metric("sealpost_jobs_total", &["queue=\"notices\"", "retried"]).await, 3);
    let outcomes = worker.metric("sealpost_jobs_total", &["queue=\"publish-jobs\"", "publish.published"]).await;
    assert_eq!((outcomes, pipeline.sandbox.posts().await.len()), (4, 4));
    assert_eq!(pipeline.sandbox.stats().await["sms"], json!({"sent": 4}));
    assert_eq!(pipeline.events("publish.published").await.len(), 4);
}

#[tokio::test]
async fn a_gateway_that_is_away_is_tried_again_until_an_operator_must_look_and_the_post_is_told_as_it_is() {
    let pipeline = pipeline("").await;
    let file = pipeline.rig.folder().join("gateways.toml");
    let good = sealpost_tests::pipeline::text_of(&file);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    pipeline.write("gateways.toml", &good.replace(pipeline.sandbox.issuer(), &format!("http://{nobody}")));
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    published(&pipeline, "a post").await;
    worker.measured("sealpost_attempts_failed_total", &["queue=\"notices\"", "provider-unavailable"], 1).await;
    assert!(pipeline.events("publish.failed").await.is_empty());
    worker.kill9().await;

    // it is there again
    pipeline.write("gateways.toml", &good);
    let worker = pipeline.worker().await;
    assert!(texts(&pipeline, 1).await[0].contains("is online"));
    // and one whose attempts are spent is put aside, and is itself told to nobody
    pipeline.sandbox.fault(fault(&json!({"kind": "status", "status": 500}))).await;
    let last = notice("en", "published");
    let properties = properties("notice.v1", last["id"].as_str().unwrap()).with_headers(attempt(12));
    pipeline.send_raw("notice.v1", last.to_string().as_bytes(), properties).await;
    let dead = pipeline.dead_letter().await;
    let header = |name: &str| dead.header(name).unwrap();
    assert_eq!(
        (header("sealpost-code").as_str(), header("sealpost-origin").as_str()),
        ("attempts-exhausted", "notices")
    );
    assert!(!header("sealpost-reason").contains(&PHONE[1..]), "{}", header("sealpost-reason"));
    noticed(&worker, "dead-lettered", 1).await;
    assert_eq!(pipeline.sandbox.messages().await.len(), 1);
    assert_eq!(pipeline.rig.broker.depth("notices").await, 0);
    // an operator sends it again
    pipeline.send("notice.v1", &last).await;
    assert_eq!(texts(&pipeline, 2).await.len(), 2);
}

#[tokio::test]
async fn what_may_have_been_sent_is_not_sent_again() {
    let pipeline = pipeline("").await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let faults = [
        (json!({"kind": "hang"}), 0),
        (json!({"kind": "hang", "when": "after"}), 1),
        (json!({"kind": "tear", "when": "after"}), 1),
        (json!({"kind": "drop", "when": "after"}), 1),
        (json!({"kind": "swell", "when": "after", "bytes": 1_000_000}), 1),
        (json!({"kind": "status", "status": 502}), 0),
        (json!({"kind": "status", "status": 201, "body": "<html>"}), 0),
    ];
    let mut sent = 0;
    for (number, (spoilt, on_the_phone)) in faults.iter().enumerate() {
        pipeline.sandbox.fault(fault(spoilt)).await;
        let notice = notice("en", "published");
        // told again, it is not sent again
        for time in 0..2 {
            pipeline.send("notice.v1", &notice).await;
            let refused = number == 6;
            if refused {
                noticed(&worker, "refused", time + 1).await;
            } else {
                noticed(&worker, "unknown", 2 * number as u64 + time + 1).await;
            }
        }
        sent += on_the_phone;
        assert_eq!(pipeline.sandbox.messages().await.len(), sent, "{spoilt}");
    }
    assert_eq!(pipeline.sandbox.stats().await["faults_fired"], faults.len(), "none was asked twice");
    assert!(worker.metric("sealpost_unknown_outcomes_total", &["act=\"notice\""]).await >= 6);
    pipeline.sandbox.fault(fault(&json!({"kind": "hang"}))).await;
    published(&pipeline, "a post all the same").await;
}

#[tokio::test]
async fn where_the_gateway_knows_keys_it_is_asked_again_and_sends_once() {
    let pipeline = pipeline(KEYS).await;
    let worker = pipeline.worker().await;
    for (number, spoilt) in
        [json!({"kind": "hang"}), json!({"kind": "tear", "when": "after"}), json!({"kind": "status", "status": 504})]
            .iter()
            .enumerate()
    {
        pipeline.sandbox.fault(fault(spoilt)).await;
        pipeline.send("notice.v1", &notice("en", "published")).await;
        noticed(&worker, "sent", number as u64 + 1).await;
        assert_eq!(pipeline.sandbox.messages().await.len(), number + 1, "{spoilt}");
    }
    assert_eq!(pipeline.sandbox.stats().await["sms"], json!({"sent": 3, "repeated": 1}));
}

#[tokio::test]
async fn a_success_with_an_error_in_it_is_none_and_a_refusal_is_not_tried_again() {
    let pipeline = pipeline("errors = [{ status = 200, at = '/error', is = 'busy', means = 'retry' }]\n").await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let error =
        |error: &str| json!({"kind": "status", "status": 200, "body": json!({"id": "1", "error": error}).to_string()});
    pipeline.sandbox.fault(fault(&error("no-credit"))).await;
    published(&pipeline, "one").await;
    noticed(&worker, "refused", 1).await;
    worker.logged("it refused the message (200, no-credit)").await;
    // what the entry says is worth another try gets one
    pipeline.sandbox.fault(fault(&error("busy"))).await;
    published(&pipeline, "two").await;
    noticed(&worker, "sent", 1).await;
    let mut unreachable = notice("en", "failed");
    unreachable["phone"] = "+15005550001".into();
    pipeline.send("notice.v1", &unreachable).await;
    noticed(&worker, "refused", 2).await;
    worker.logged("it refused the message (422, invalid_number)").await;
    assert!(!worker.log().contains("5005550001"));
    assert_eq!(texts(&pipeline, 1).await.len(), 1);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0, "the world's no is no dead letter");
    assert_eq!(pipeline.sandbox.posts().await.len(), 2);
}

#[tokio::test]
async fn credentials_that_are_mended_send_what_waited() {
    let pipeline = pipeline("").await;
    pipeline.write("sms.key", "another-key");
    let worker = pipeline.worker().await;
    pipeline.send("notice.v1", &notice("fr", "published")).await;
    worker.measured("sealpost_attempts_failed_total", &["queue=\"notices\"", "invalid-client"], 1).await;
    std::fs::remove_file(pipeline.rig.folder().join("sms.key")).unwrap();
    worker.measured("sealpost_attempts_failed_total", &["queue=\"notices\"", "invalid-client"], 2).await;
    pipeline.write("sms.key", "sandbox-sms-key");
    assert_eq!(texts(&pipeline, 1).await, ["Votre publication sur practice est en ligne."]);
    assert!(!worker.log().contains("another-key"));
}
