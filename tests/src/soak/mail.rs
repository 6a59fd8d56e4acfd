//! A producer and a listener that outlive the broker: whatever is not confirmed is sent again, and whatever is heard is
//! acked only once it is written down.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use sealpost_shared::broker::EVENTS;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::told::Told;
use crate::pipeline::queue_of;

/// Where results go.
pub(super) const RESULTS: &str = "soak-results";
/// What hears every event.
pub(super) const HEARD: &str = "soak-heard";

/// How long the broker may take for anything.
const SOON: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// A connection that is made when it is needed.
pub(super) struct Mail {
    url: String,
    line: Option<(Connection, Channel)>,
}

impl Mail {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.into(), line: None }
    }

    /// Publishes a message as a producer does, until the broker has it. It may come to be there twice.
    pub(super) async fn send(&mut self, type_name: &str, body: &Value) {
        let id = body["id"].as_str().expect("an id");
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_type(type_name.into())
            .with_content_type("application/json".into())
            .with_message_id(id.into())
            .with_correlation_id(id.into())
            .with_reply_to(RESULTS.into());
        let (queue, bytes) = (queue_of(type_name), serde_json::to_vec(body).expect("JSON"));
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        loop {
            let (bytes, properties) = (bytes.clone(), properties.clone());
            let sent = self
                .with(async |channel| {
                    channel.basic_publish("".into(), queue.into(), options, &bytes, properties).await?.await
                })
                .await;
            if sent == Some(Confirmation::Ack(None)) {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// How many messages are ready in a queue; `None` if it cannot be said now.
    pub(super) async fn ready(&mut self, queue: &str) -> Option<u32> {
        let passive = QueueDeclareOptions::durable().passive();
        let found =
            self.with(async |channel| channel.queue_declare(queue.into(), passive, FieldTable::default()).await);
        found.await.map(|queue| queue.message_count())
    }

    /// Takes everything out of a queue that is ready: headers and body.
    pub(super) async fn drain(&mut self, queue: &str) -> Vec<(FieldTable, Vec<u8>)> {
        let mut messages = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(Some(message)) = self.with(async |channel| channel.basic_get(queue.into(), options).await).await
        {
            let headers = message.delivery.properties.headers().clone().unwrap_or_default();
            messages.push((headers, message.delivery.data));
        }
        messages
    }

    /// Makes the listener's queues: quorum queues, which lose nothing that was confirmed.
    pub(super) async fn declare(&mut self) {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let table = FieldTable::default;
        self.with(async |channel| {
            for queue in [RESULTS, HEARD] {
                channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments.clone()).await?;
            }
            channel.exchange_declare(EVENTS.into(), lapin::ExchangeKind::Topic, durable, table()).await?;
            channel.queue_bind(HEARD.into(), EVENTS.into(), "#".into(), QueueBindOptions::default(), table()).await
        })
        .await
        .expect("the listener's queues");
    }

    /// Does something on a channel; `None` if that failed, or took too long.
    async fn with<T>(&mut self, act: impl AsyncFnOnce(&Channel) -> lapin::Result<T>) -> Option<T> {
        let done = timeout(SOON, async {
            let (connection, channel) = match self.line.take().filter(|line| line.0.status().connected()) {
                Some(line) => line,
                None => connect(&self.url).await?,
            };
            let done = act(&channel).await?;
            self.line = Some((connection, channel));
            Ok::<_, lapin::Error>(done)
        });
        done.await.ok()?.ok()
    }
}

async fn connect(url: &str) -> lapin::Result<(Connection, Channel)> {
    let properties = ConnectionProperties::default().with_connection_name("soak".into());
    let connection = Connection::connect(url, properties).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok((connection, channel))
}

/// Listens until it is dropped, over as many connections as that takes.
pub(super) async fn listen(url: String, queue: &'static str, told: Arc<Told>) {
    loop {
        // that it ended is no news: the broker is killed now and then
        let _ = session(&url, queue, &told).await;
        sleep(PAUSE).await;
    }
}

async fn session(url: &str, queue: &'static str, told: &Told) -> lapin::Result<()> {
    let (_connection, channel) = connect(url).await?;
    channel.basic_qos(200, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
    while let Some(delivery) = consumer.next().await {
        let Delivery { data, routing_key, acker, .. } = delivery?;
        let body: Value = serde_json::from_slice(&data).expect("results and events are JSON");
        if queue == RESULTS {
            told.result(&body);
        } else {
            told.event(routing_key.as_str(), &body);
        }
        acker.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
