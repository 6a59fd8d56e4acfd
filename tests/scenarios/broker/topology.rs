//! What every process declares.

use lapin::types::FieldTable;
use reqwest::Method;
use sealpost_shared::broker::BrokerError;
use sealpost_tests::Rig;
use serde_json::{Value, json};

use super::{SOON, connect, start};

async fn arguments(rig: &Rig, queue: &str) -> Value {
    let vhost = rig.amqp_url().rsplit('/').next().unwrap().to_owned();
    let queue = rig.broker.manage(Method::GET, &format!("/api/queues/{vhost}/{queue}"), None).await;
    assert_eq!(queue["durable"], true);
    queue["arguments"].clone()
}

#[tokio::test]
async fn queues_are_declared_with_what_never_changes_and_nothing_else() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    assert!(broker.is_ready());
    for queue in sealpost_schemas::queues::ALL {
        for queue in [(*queue).to_owned(), format!("{queue}.retries")] {
            assert_eq!(
                arguments(&rig, &queue).await,
                json!({
                    "x-queue-type": "quorum", "x-overflow": "reject-publish", "x-delivery-limit": 50,
                    "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead-letters",
                    "x-dead-letter-strategy": "at-least-once",
                }),
                "{queue}"
            );
        }
    }
    assert_eq!(
        arguments(&rig, "dead-letters").await,
        json!({"x-queue-type": "quorum", "x-overflow": "reject-publish", "x-delivery-limit": 1_000_000})
    );
    for (tier, millis) in
        [("1s", 1000), ("5s", 5000), ("30s", 30_000), ("2m", 120_000), ("10m", 600_000), ("1h", 3_600_000)]
    {
        assert_eq!(
            arguments(&rig, &format!("delay.{tier}")).await,
            json!({
                "x-queue-type": "quorum", "x-overflow": "reject-publish", "x-message-ttl": millis,
                "x-dead-letter-exchange": "", "x-dead-letter-strategy": "at-least-once",
            }),
            "{tier}"
        );
    }
    broker.close().await;
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_named_and_not_passed_over() {
    let rig = Rig::start().await;
    rig.broker.declare("publish-jobs.retries", FieldTable::default()).await;
    let broker = start(rig.amqp_url(), SOON);
    let error = tokio::time::timeout(SOON, broker.connected()).await.unwrap().unwrap_err();
    assert!(matches!(&error, BrokerError::Mismatch { what, .. } if what == "queue publish-jobs.retries"), "{error}");
    assert!(!broker.is_ready());
    assert!(broker.ready().unwrap_err().contains("publish-jobs.retries"));
}
