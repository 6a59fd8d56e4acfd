//! A virtual host as a test looks at it: through AMQP for what must be exact now, through the management API for what
//! only that can do. It declares nothing of the pipeline.

mod user;

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions},
    types::{AMQPValue, FieldTable},
};
use reqwest::{Client, Method};
use sealpost::dev::servers::rabbitmq::RabbitMq;
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub use user::User;

use crate::{http, machine::unique, until};

/// A message as it was taken from a queue.
#[derive(Debug, Clone)]
pub struct Message {
    /// The body.
    pub body: Vec<u8>,
    /// All properties, headers among them.
    pub properties: BasicProperties,
    /// The exchange that it came through last.
    pub exchange: String,
    /// The routing key that it came under.
    pub routing_key: String,
}

impl Message {
    /// A header as text, whatever its type.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.properties.headers().as_ref()?.inner().get(name)?.clone();
        Some(match value {
            AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
            AMQPValue::ShortString(text) => text.to_string(),
            AMQPValue::LongInt(number) => number.to_string(),
            AMQPValue::LongLongInt(number) => number.to_string(),
            AMQPValue::LongUInt(number) => number.to_string(),
            AMQPValue::Boolean(yes) => yes.to_string(),
            other => format!("{other:?}"),
        })
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// One virtual host. Dropping it deletes the virtual host if it was made for it.
pub struct Broker {
    url: String,
    vhost: String,
    management: Option<String>,
    made: bool,
    http: Client,
    connection: Mutex<Option<Connection>>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Broker {
    /// Makes a virtual host on a node that has the management plugin.
    pub async fn new_vhost(rabbitmq: &RabbitMq) -> Self {
        let broker = Self::on(rabbitmq, &unique("rig"), true);
        broker.manage(Method::PUT, &format!("/api/vhosts/{}", broker.vhost), Some(json!({}))).await;
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        broker.manage(Method::PUT, &format!("/api/permissions/{}/guest", broker.vhost), Some(all)).await;
        broker
    }

    /// The default virtual host of a node that the test started for itself.
    #[must_use]
    pub fn of(rabbitmq: &RabbitMq) -> Self {
        Self::on(rabbitmq, "%2f", false)
    }

    fn on(rabbitmq: &RabbitMq, vhost: &str, made: bool) -> Self {
        Self {
            url: rabbitmq.url_of(vhost),
            vhost: vhost.into(),
            management: rabbitmq.management_url(),
            made,
            http: http::client(),
            connection: Mutex::default(),
        }
    }

    /// Its AMQP address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A new channel, on a connection that is made again when it was lost.
    pub async fn channel(&self) -> Channel {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.as_ref().filter(|connection| connection.status().connected())
            && let Ok(channel) = connection.create_channel().await
        {
            return channel;
        }
        let properties = ConnectionProperties::default().with_connection_name("harness".into());
        let connection = Connection::connect(&self.url, properties).await.expect("a connection to the test's broker");
        let channel = connection.create_channel().await.expect("a channel");
        *kept = Some(connection);
        channel
    }

    /// How many messages are ready in the queue now (what a consumer holds is not counted); `None` if there is no such
    /// queue.
    pub async fn ready(&self, queue: &str) -> Option<u32> {
        let channel = self.channel().await;
        let passive = QueueDeclareOptions::durable().passive();
        let found = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok()?.message_count();
        let _ = channel.close(200, "done".into()).await;
        Some(found)
    }

    /// As [`Self::ready`], for a queue that must exist.
    pub async fn depth(&self, queue: &str) -> u32 {
        self.ready(queue).await.unwrap_or_else(|| panic!("there is no queue {queue}"))
    }

    /// Takes the next message out of the queue, if there is one.
    pub async fn take(&self, queue: &str) -> Option<Message> {
        self.get(&self.channel().await, queue).await
    }

    /// Waits for the next message of the queue and takes it out.
    pub async fn next(&self, queue: &str, within: Duration) -> Message {
        let channel = self.channel().await;
        until(&format!("a message in {queue}"), within, || self.get(&channel, queue)).await
    }

    /// Takes everything out of the queue that is ready.
    pub async fn drain(&self, queue: &str) -> Vec<Message> {
        let channel = self.channel().await;
        let mut messages = Vec::new();
        while let Some(message) = self.get(&channel, queue).await {
            messages.push(message);
        }
        messages
    }

    async fn get(&self, channel: &Channel, queue: &str) -> Option<Message> {
        let got = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await;
        let got = got.unwrap_or_else(|error| panic!("taking a message from {queue}: {error}"))?.delivery;
        Some(Message {
            body: got.data,
            properties: got.properties,
            exchange: got.exchange.to_string(),
            routing_key: got.routing_key.to_string(),
        })
    }

    /// Publishes to a queue through the default exchange; the broker must take it.
    pub async fn publish_raw(&self, queue: &str, body: &[u8], properties: BasicProperties) {
        let confirmation = self.try_publish_raw(queue, body, properties).await;
        assert_eq!(confirmation, Confirmation::Ack(None), "publishing to {queue}");
    }

    /// Publishes to a queue through the default exchange, and returns what the broker said to it.
    pub async fn try_publish_raw(&self, queue: &str, body: &[u8], properties: BasicProperties) -> Confirmation {
        let channel = self.channel().await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirm mode");
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let sent = channel.basic_publish("".into(), queue.into(), options, body, properties).await.expect("publishing");
        let confirmation = sent.await.expect("a confirmation");
        let _ = channel.close(200, "done".into()).await;
        confirmation
    }

    /// Makes a queue for the test's own use.
    pub async fn declare(&self, queue: &str, arguments: FieldTable) {
        let declared =
            self.channel().await.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments).await;
        declared.unwrap_or_else(|error| panic!("declaring {queue}: {error}"));
    }

    /// Removes what is ready in the queue.
    pub async fn purge(&self, queue: &str) {
        self.channel().await.queue_purge(queue.into(), QueuePurgeOptions::default()).await.expect("a purge");
    }

    /// Sets a policy for the queues that match `pattern`, like `{"max-length": 3}`, in force when this returns.
    pub async fn set_policy(&self, name: &str, pattern: &str, definition: Value) {
        let policy = json!({"pattern": pattern, "definition": definition, "apply-to": "queues"});
        self.manage(Method::PUT, &format!("/api/policies/{}/{name}", self.vhost), Some(policy)).await;
    }

    /// Takes a policy away.
    pub async fn delete_policy(&self, name: &str) {
        self.manage(Method::DELETE, &format!("/api/policies/{}/{name}", self.vhost), None).await;
    }

    /// Closes every AMQP connection to this virtual host from the broker's side, the harness's own too, and returns how
    /// many.
    pub async fn close_all_connections(&self) -> usize {
        let listed = self.manage(Method::GET, &format!("/api/vhosts/{}/connections", self.vhost), None).await;
        let names: Vec<_> = listed.as_array().into_iter().flatten().filter_map(|each| each["name"].as_str()).collect();
        for name in &names {
            let mut path = url::Url::parse("http://x/api/connections").expect("a valid base");
            path.path_segments_mut().expect("a base").push(name);
            self.manage(Method::DELETE, path.path(), None).await;
        }
        names.len()
    }

    /// A call of the management API; panics when it is refused. Its figures are 3 to 5 s late: not for depths.
    pub async fn manage(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        manage(&self.http, self.management.as_deref().expect("a node with the management plugin"), method, path, body)
            .await
    }
}

async fn manage(http: &Client, base: &str, method: Method, path: &str, body: Option<Value>) -> Value {
    let mut request = http.request(method.clone(), format!("{base}{path}")).basic_auth("guest", Some("guest"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    // A connection that is listed may be gone by now.
    assert!(status.is_success() || (method == Method::DELETE && status == 404), "{method} {path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

impl Drop for Broker {
    fn drop(&mut self) {
        let Some(base) = self.management.as_deref().filter(|_| self.made) else { return };
        let path = format!("/api/vhosts/{}", self.vhost);
        in_background(&path, async || {
            manage(&http::client(), base, Method::DELETE, &path, None).await;
        });
    }
}

/// Deletes something on a thread of its own: this one may be busy with the test's runtime.
fn in_background(path: &str, delete: impl AsyncFnOnce() + Send) {
    let delete = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(delete());
    };
    let deleted = std::thread::scope(|scope| scope.spawn(delete).join());
    assert!(deleted.is_ok() || std::thread::panicking(), "{path} was not deleted");
}
