//! What commands are tried on.

use jiff::Timestamp;
use sealpost_schemas::Code;
use sealpost_shared::broker::{Broker, BrokerConfig, Outgoing};
use sealpost_tests::Pipeline;

/// Our side of the broker, connected.
pub(super) async fn broker(pipeline: &Pipeline) -> Broker {
    let config = BrokerConfig { urls: vec![pipeline.rig.amqp_url().into()], ..BrokerConfig::default() };
    let broker = Broker::start(&config).unwrap();
    broker.connected().await.unwrap();
    broker
}

/// A message of a work queue, as a worker puts it aside.
pub(super) fn message(queue: &str, id: &str, body: &[u8]) -> Outgoing {
    Outgoing {
        type_name: Some(format!("{}.v1", queue.trim_end_matches('s'))),
        id: Some(id.into()),
        content_type: Some("application/json".into()),
        origin: Some(queue.into()),
        attempt: Some(3),
        body: body.to_vec().into(),
        ..Outgoing::default()
    }
}

/// Puts messages aside now.
pub(super) async fn put_aside(broker: &Broker, letters: &[(&str, &str, Code)], at: Timestamp) {
    for (queue, id, code) in letters {
        broker.dead_letter(&message(queue, id, b"{}"), *code, "as the test wants it", at).await.unwrap();
    }
}
