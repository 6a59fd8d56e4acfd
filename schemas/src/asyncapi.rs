//! The contract as one `AsyncAPI` 3 document, for its tools: what waits on which queue, what answers it, which events there are.
//! Source: <https://www.asyncapi.com/docs/reference/specification/v3.0.0>, AMQP bindings 0.3.0.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::events::{
    ConnectionNeedsConsent, ConnectionQuarantined, ConnectionRefreshed, JobDeadLettered, KeyEmpty, RotationDone,
    RotationShardDone,
};
use crate::{
    Announced, ConnectionQuery, ConnectionStatus, ExchangeRequest, ExchangeResult, Message, Notice, PublishJob,
    PublishResult, Queued, RevocationRequest, RevocationResult, RevocationShard, RotationShard, RotationTick,
};

/// Where results and events go.
const EVENTS: &str = "sealpost.events";
/// The channel of whoever asked.
const REPLIES: &str = "replies";

const ABOUT: &str = "Sealpost holds the OAuth 2 tokens of an application's users and acts with them. Producers write to its \
queues; it answers to the AMQP property `reply_to`, and tells every result, without tokens, on the topic exchange \
`sealpost.events`. Bodies are JSON or MessagePack (named fields), as the property `content_type` says. The property `type` is \
a message's name and version, `message_id` its `id`; `correlation_id` comes back with the answer, and so does the header \
`traceparent`. The same `id` sent twice is the same message: it is answered twice and done once.";

struct Document {
    schemas: SchemaGenerator,
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
    example: fn(&str) -> Vec<(String, Value)>,
}

/// The document. `examples` tells the examples of a message, by its name and version: their names and bodies.
#[must_use]
pub fn document(examples: fn(&str) -> Vec<(String, Value)>) -> Value {
    let settings = SchemaSettings::draft07().with(|draft| draft.definitions_path = "/components/schemas".into());
    let mut document = Document {
        schemas: settings.into_generator(),
        channels: Map::new(),
        operations: Map::new(),
        messages: Map::new(),
        example: examples,
    };
    document.asked::<ExchangeRequest, ExchangeResult>("Exchanges a user's consent for tokens.");
    document.asked::<PublishJob, PublishResult>("Publishes content on a user's behalf.");
    document.asked::<RevocationRequest, RevocationResult>("Ends a connection, all of a user or all of a tenant.");
    document.asked::<ConnectionQuery, ConnectionStatus>("Tells whether a user is connected, and how.");
    document.told::<RotationTick>("Seals everything anew, or refreshes what is due.");
    document.told::<RotationShard>("Between workers only: a rotation's work in one shard.");
    document.told::<RevocationShard>("Between workers only: a tenant's revocation in one shard.");
    document.told::<Notice>("Between workers only: the text message about how a job ended.");
    document.event::<ExchangeResult>(&["connection.stored", "connection.on-device", "connection.failed"]);
    document.event::<PublishResult>(&["publish.published", "publish.failed", "publish.unknown"]);
    document.event::<RevocationResult>(&["connection.revoked", "connection.revocation-failed"]);
    document.event::<ConnectionStatus>(&["connection.status"]);
    document.event::<ConnectionNeedsConsent>(&["connection.needs-consent"]);
    document.event::<ConnectionRefreshed>(&["connection.refreshed"]);
    document.event::<ConnectionQuarantined>(&["connection.quarantined"]);
    document.event::<RotationShardDone>(&["rotation.shard-done"]);
    document.event::<RotationDone>(&["rotation.done"]);
    document.event::<KeyEmpty>(&["key.empty"]);
    document.event::<JobDeadLettered>(&["job.dead-lettered"]);
    document.written()
}

impl Document {
    /// A queue whose messages are answered.
    fn asked<Q: Queued, A: Announced>(&mut self, summary: &str) {
        self.told::<Q>(summary);
        let answer = self.message::<A>();
        let name = A::type_name();
        let replies = self.channels.entry(REPLIES).or_insert_with(|| {
            json!({"address": null, "messages": {}, "description": "What the request's property `reply_to` names: a queue, \
                   or RabbitMQ's Direct Reply-to."})
        });
        replies["messages"][&name] = answer;
        self.operations[Q::QUEUE]["reply"] = json!({
            "channel": {"$ref": format!("#/channels/{REPLIES}")},
            "messages": [{"$ref": format!("#/channels/{REPLIES}/messages/{}", pointer(&name))}],
        });
    }

    /// A queue.
    fn told<Q: Queued>(&mut self, summary: &str) {
        let (message, name) = (self.message::<Q>(), Q::type_name());
        let queue = json!({"name": Q::QUEUE, "durable": true, "exclusive": false, "autoDelete": false, "vhost": "/"});
        let channel = json!({
            "address": Q::QUEUE, "messages": {&name: message}, "description": format!("The quorum queue `{}`.", Q::QUEUE),
            "bindings": {"amqp": {"is": "queue", "queue": queue, "bindingVersion": "0.3.0"}},
        });
        self.channels.insert(Q::QUEUE.into(), channel);
        let channel = format!("#/channels/{}", Q::QUEUE);
        let operation = json!({
            "action": "receive", "summary": summary, "channel": {"$ref": channel},
            "messages": [{"$ref": format!("{channel}/messages/{}", pointer(&name))}],
        });
        self.operations.insert(Q::QUEUE.into(), operation);
    }

    /// What goes to `sealpost.events` under these topics.
    fn event<A: Announced>(&mut self, topics: &[&str]) {
        let (message, name) = (self.message::<A>(), A::type_name());
        for topic in topics {
            let exchange = json!({"name": EVENTS, "type": "topic", "durable": true, "autoDelete": false, "vhost": "/"});
            let channel = json!({
                "address": topic, "messages": {&name: message},
                "description": format!("The topic `{topic}` of the exchange `{EVENTS}`: without tokens, and always JSON."),
                "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}},
            });
            self.channels.insert((*topic).into(), channel);
            let at = format!("#/channels/{}", pointer(topic));
            let operation = json!({
                "action": "send", "channel": {"$ref": at},
                "messages": [{"$ref": format!("{at}/messages/{}", pointer(&name))}],
            });
            self.operations.insert((*topic).into(), operation);
        }
    }

    /// Notes a message, and refers to it.
    fn message<M: Message>(&mut self) -> Value {
        let name = M::type_name();
        let payload = self.schemas.subschema_for::<M>();
        let examples =
            (self.example)(&name).into_iter().map(|(name, payload)| json!({"name": name, "payload": payload}));
        let message = json!({
            "name": name, "title": name, "contentType": "application/json", "payload": payload,
            "examples": examples.collect::<Vec<_>>(),
            "bindings": {"amqp": {"messageType": name, "bindingVersion": "0.3.0"}},
        });
        let at = format!("#/components/messages/{}", pointer(&name));
        self.messages.insert(name, message);
        json!({"$ref": at})
    }

    fn written(mut self) -> Value {
        json!({
            "asyncapi": "3.0.0",
            "info": {"title": "Sealpost", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT},
            "defaultContentType": "application/json",
            "channels": self.channels,
            "operations": self.operations,
            "components": {"messages": self.messages, "schemas": self.schemas.take_definitions(true)},
        })
    }
}

/// A name within a reference (RFC 6901).
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    fn folder() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    fn examples(message: &str) -> Vec<(String, Value)> {
        let files = fs::read_dir(folder().join("examples")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        let named = files.iter().filter_map(|file| {
            let name = file.file_name()?.to_str()?.strip_prefix(message)?.strip_prefix('.')?.strip_suffix(".json")?;
            Some((name.to_owned(), serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()))
        });
        named.collect()
    }

    /// Run with `SEALPOST_WRITE_GENERATED=1` to write the file anew.
    #[test]
    fn the_committed_document_is_what_the_types_say() {
        let head = "# Generated from the message types: make generated.\n";
        let text = head.to_owned() + &serde_saphyr::to_string(&document(examples)).unwrap();
        let file = folder().join("asyncapi.yaml");
        if env::var_os("SEALPOST_WRITE_GENERATED").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "asyncapi.yaml is not what the types say: run `make generated` and commit it");
        let read: Value = serde_saphyr::from_str(&committed).unwrap();
        assert_eq!(read, document(examples), "it is read as it was meant");
    }

    #[test]
    fn every_message_is_in_the_document_with_an_example() {
        let document = document(examples);
        let messages = document["components"]["messages"].as_object().unwrap();
        for (schema, _) in crate::generated::schemas() {
            let name = schema.strip_suffix(".schema.json").unwrap();
            let examples = messages.get(name).and_then(|message| message["examples"].as_array());
            assert!(examples.is_some_and(|examples| !examples.is_empty()), "{name}");
        }
    }

    #[test]
    fn every_result_among_the_examples_goes_to_a_channel_of_the_document() {
        fn topics<A: Announced>() -> Vec<String> {
            let read = |(name, body): (String, Value)| {
                let message = serde_json::from_value::<A>(body).unwrap_or_else(|error| panic!("{name}: {error}"));
                format!("{} {}", message.topic(), A::type_name())
            };
            examples(&A::type_name()).into_iter().map(read).collect()
        }
        let document = document(examples);
        let told = [
            topics::<ExchangeResult>(),
            topics::<PublishResult>(),
            topics::<RevocationResult>(),
            topics::<ConnectionStatus>(),
            topics::<ConnectionNeedsConsent>(),
            topics::<ConnectionRefreshed>(),
            topics::<ConnectionQuarantined>(),
            topics::<RotationShardDone>(),
            topics::<RotationDone>(),
            topics::<KeyEmpty>(),
            topics::<JobDeadLettered>(),
        ];
        for told in told.concat() {
            let (topic, message) = told.split_once(' ').unwrap();
            assert!(document["channels"][topic]["messages"][message].is_object(), "{told}");
        }
    }
}
