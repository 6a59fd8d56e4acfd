//! The broker as the workers use it, on a real RabbitMQ.

mod topology;

use std::time::Duration;

use sealpost_shared::broker::{Broker, BrokerConfig, Outgoing};

/// Long enough for a busy machine; nothing waits for it in vain.
const SOON: Duration = Duration::from_secs(30);

/// Starts our side and waits until it works.
async fn connect(url: &str) -> Broker {
    let broker = start(url, Duration::from_secs(10));
    tokio::time::timeout(SOON, broker.connected()).await.expect("connected in time").expect("connected");
    broker
}

fn start(url: &str, confirm_timeout: Duration) -> Broker {
    let config = BrokerConfig { urls: vec![url.into()], confirm_timeout, ..BrokerConfig::default() };
    Broker::start(&config).expect("a usable URL")
}

fn message(body: &str) -> Outgoing {
    Outgoing {
        type_name: Some("publish-job.v1".into()),
        id: Some(body.into()),
        content_type: Some("application/json".into()),
        body: body.as_bytes().to_vec().into(),
        ..Outgoing::default()
    }
}
