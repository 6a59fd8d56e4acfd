//! The broker as the workers use it, on a real RabbitMQ.

mod dead;
mod deliveries;
mod faults;
mod foreign;
mod publishing;
mod replies;
mod topology;

use std::time::Duration;

use sealpost_shared::broker::{Broker, BrokerConfig, Deliveries, Delivery, Outgoing};

/// Long enough for a busy machine; nothing waits for it in vain.
const SOON: Duration = Duration::from_mins(1);
/// A work queue.
const JOBS: &str = "publish-jobs";

/// Starts our side and waits until it works.
async fn connect(url: &str) -> Broker {
    let broker = start(url, Duration::from_secs(20));
    connected(&broker).await;
    broker
}

async fn connected(broker: &Broker) {
    tokio::time::timeout(SOON, broker.connected()).await.expect("connected in time").expect("connected");
}

fn start(url: &str, confirm_timeout: Duration) -> Broker {
    let config = BrokerConfig { urls: vec![url.into()], prefetch: 8, confirm_timeout, users: None };
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

async fn next(deliveries: &mut Deliveries) -> Delivery {
    let delivery = tokio::time::timeout(SOON, deliveries.recv()).await;
    delivery.expect("a delivery in time").expect("the deliveries go on")
}
