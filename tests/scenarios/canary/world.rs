//! A pipeline on servers of its own that all want passwords, whose workers log everything, and what is looked for where.

mod look;

use std::sync::Mutex;

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions};
use lapin::types::FieldTable;
use reqwest::Method;
use sealpost::dev::servers::rabbitmq::{RabbitMq, RabbitMqOptions};
use sealpost::dev::servers::redis::RedisOptions;
use sealpost_shared::ids;
use sealpost_tests::canary::Canaries;
use sealpost_tests::command::{self, Said};
use sealpost_tests::pipeline::{properties, text_of};
use sealpost_tests::{Message, Own, Pipeline, Rig, Sandbox, Setup, Worker};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::tokens;
use crate::operations::secrets::{bodies, headers};

/// What hears every event, beside the pipeline's own queue.
const HEARD: &str = "heard-by-the-search";
/// What the practice gateway wants to see.
const GATEWAY_KEY: &str = "sandbox-sms-key";
/// Where it takes messages.
pub(super) const GATEWAY: &str = "/sms/messages";
/// The secret fields of messages, and what they are called in a find.
const FIELDS: &[(&str, &str)] = &[
    ("/grant/code", "a code"),
    ("/grant/code_verifier", "a code verifier"),
    ("/grant/nonce", "a nonce"),
    ("/grant/assertion", "an assertion"),
    ("/grant/refresh_token", "an imported refresh token"),
    ("/device_tokens/access_token", "a device's access token"),
    ("/device_tokens/refresh_token", "a device's refresh token"),
];
/// What is in messages in plain, sealed or not, and nowhere else.
const PHONE: &str = "/notify/phone";

pub(super) struct World {
    pub(super) rabbitmq: Own<RabbitMq>,
    pub(super) pipeline: Pipeline,
    pub(super) provider: String,
    pub(super) tenant: String,
    /// Our client's secret at the platform.
    pub(super) client: String,
    known: Mutex<Known>,
}

/// What must be nowhere, and where it may be after all.
#[derive(Default)]
struct Known {
    /// Nowhere.
    secrets: Canaries,
    /// Of those, what the broker may have in plain: telephone numbers, and what producers put where no secret belongs.
    plain: Canaries,
    /// Whose tokens they are and what is done with them: not in Redis's files.
    hidden: Canaries,
    /// What was told to producers and operators.
    told: Vec<(String, String)>,
}

impl Known {
    fn not_in_messages(&self) -> Canaries {
        self.secrets.without(&self.plain)
    }
}

/// A word that is found only where it was put.
pub(super) fn word(what: &str) -> String {
    format!("{what}-{}", &ids::fresh().simple().to_string()[16..])
}

fn in_url(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

impl World {
    pub(super) async fn start() -> Self {
        // each has something that other writers must escape
        let [amqp, store, client] =
            ["amqp/+é%", "redis/+%&=", "client/+ \"é\\"].map(|how| format!("{how}{}", word("hunter2")));
        let rabbitmq = Own::rabbitmq(RabbitMqOptions { management: true, ..RabbitMqOptions::default() }).await;
        // the search does not see through compression; by default Redis compresses in its snapshots
        let args = ["--rdbcompression", "no", "--user", "worker", "on", &format!(">{store}"), "~*", "&*", "+@all"];
        let options = RedisOptions { args: args.map(str::to_owned).into() };
        let rig = Rig::with(&rabbitmq, options).await;
        let user = json!({"password": amqp, "tags": ""});
        rig.broker.manage(Method::PUT, "/api/users/worker", Some(user)).await;
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        rig.broker.manage(Method::PUT, "/api/permissions/%2f/worker", Some(all)).await;
        let setup = Setup {
            amqp_url: Some(rig.amqp_url().replace("guest:guest", &format!("worker:{}", in_url(&amqp)))),
            redis_url: Some(rig.redis_url().replace("redis://", &format!("redis://worker:{}@", in_url(&store)))),
            client_secret: client.clone(),
            shards: 4,
            http_limit: 2,
            require_sealed: true,
            ..Setup::default()
        };
        let sandbox = Sandbox::start_with(&["--client-secret", &client]).await;
        let pipeline = Pipeline::of(rig, sandbox, setup).await;
        let (provider, tenant) = (word("provider"), word("tenant"));
        let world = Self { rabbitmq, pipeline, provider, tenant, client, known: Mutex::default() };
        world.hide("the provider", &world.provider);
        world.hide("the tenant", &world.tenant);
        for (name, secret) in [
            ("the broker's password", &*amqp),
            ("the store's password", &store),
            ("our client's secret", &world.client),
            ("the gateway's key", GATEWAY_KEY),
        ] {
            world.secret(name, secret);
        }
        world.configure();
        world.listen().await;
        world
    }

    /// The provider under its own name, with ID tokens and revocation, and a gateway.
    fn configure(&self) {
        let (pipeline, at, name) = (&self.pipeline, self.pipeline.sandbox.issuer(), &self.provider);
        let more = format!("jwks_url = '{at}/jwks'\nrevocation_url = '{at}/revoke'\nscopes = ['openid', ");
        let entry = text_of(&pipeline.rig.folder().join("providers.toml"));
        let entry = entry.replace("scopes = [", &more).replace("[practice.", &format!("[{name}."));
        pipeline.write("providers.toml", &entry);
        pipeline.write("sms.key", GATEWAY_KEY);
        pipeline.write(
            "gateways.toml",
            &format!(
                "[practice]\nurl = '{at}{GATEWAY}'\nmessage_id = '/id'\nerror = '/error'\n\
                 auth = {{ header = {{ name = 'X-Api-Key', value = {{ file = 'sms.key' }} }} }}\n\
                 body = {{ to = '{{recipient}}', text = '{{text}}', reference = '{{key}}' }}\n\
                 success = {{ at = '/status', is = 'accepted' }}\n"
            ),
        );
        let config = text_of(&pipeline.config());
        pipeline.write("sealpost.toml", &format!("{config}[notify]\ngateway = 'practice'\n"));
    }

    async fn listen(&self) {
        self.pipeline.rig.broker.declare(HEARD, FieldTable::default()).await;
        let (channel, exchange) = (self.pipeline.rig.broker.channel().await, "sealpost.events");
        let (durable, table) = (ExchangeDeclareOptions { durable: true, ..Default::default() }, FieldTable::default);
        channel.exchange_declare(exchange.into(), ExchangeKind::Topic, durable, table()).await.unwrap();
        let options = QueueBindOptions::default();
        channel.queue_bind(HEARD.into(), exchange.into(), "#".into(), options, table()).await.unwrap();
    }

    pub(super) async fn worker(&self) -> Worker {
        self.pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "trace")]).await
    }

    fn known<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.lock().unwrap())
    }

    /// This is to be nowhere.
    pub(super) fn secret(&self, name: &str, secret: impl AsRef<[u8]>) {
        self.known(|known| known.secrets.add(name, secret));
    }

    /// This is a secret of a message.
    pub(super) fn sent(&self, name: &str, secret: &str) {
        tokens::parts(name, secret).for_each(|(name, part)| self.secret(&name, part));
    }

    fn plain(&self, name: &str, secret: &str) {
        self.secret(name, secret);
        self.known(|known| known.plain.add(name, secret));
    }

    /// This is not to be in Redis's files.
    pub(super) fn hide(&self, name: &str, hidden: impl AsRef<[u8]>) {
        self.known(|known| known.hidden.add(name, hidden));
    }

    /// A new name that is not to be in Redis's files.
    pub(super) fn hidden(&self, what: &str) -> String {
        let hidden = word(what);
        self.hide(what, &hidden);
        hidden
    }

    /// A text that was told to somebody.
    pub(super) fn told(&self, what: &str, text: impl Into<String>) {
        self.known(|known| known.told.push((what.into(), text.into())));
    }

    /// Publishes a message as a producer does, with its secrets sealed, and returns its correlation id.
    pub(super) async fn send(&self, type_name: &str, body: &Value) -> String {
        for (field, name) in FIELDS {
            if let Some(secret) = body.pointer(field).and_then(Value::as_str) {
                self.sent(name, secret);
            }
        }
        if let Some(phone) = body.pointer(PHONE).and_then(Value::as_str) {
            self.plain("a telephone number", phone.trim_start_matches('+'));
        }
        self.pipeline.send(type_name, &self.sealed(type_name, body).await).await
    }

    /// The same with its secrets sealed, if it has any.
    pub(super) async fn sealed(&self, type_name: &str, body: &Value) -> Value {
        let has_secrets = FIELDS.iter().any(|(field, _)| body.pointer(field).is_some());
        if has_secrets { self.pipeline.sealed(type_name, body).await } else { body.clone() }
    }

    /// Publishes any bytes that hold this secret where no secret belongs.
    pub(super) async fn send_misplaced(&self, type_name: &str, body: &[u8], secret: &str) -> String {
        self.plain("a misplaced secret", secret);
        self.pipeline.send_raw(type_name, body, properties(type_name, &ids::fresh().to_string())).await
    }

    /// The answer to a message.
    pub(super) async fn ask(&self, type_name: &str, body: &Value) -> Value {
        let correlation = self.send(type_name, body).await;
        self.answer(&correlation).await
    }

    pub(super) async fn answer(&self, correlation: &str) -> Value {
        let answer = self.pipeline.answer(correlation).await;
        self.heard("an answer", std::slice::from_ref(&answer));
        answer.json()
    }

    fn heard(&self, what: &str, messages: &[Message]) {
        self.told(what, bodies(messages));
        self.told(&format!("the headers of {what}"), headers(messages));
        let of = |message: &Message| format!("{:?} {}", message.properties, message.routing_key);
        self.told(&format!("the properties of {what}"), messages.iter().map(of).collect::<String>());
    }

    /// Runs a command to its end.
    pub(super) async fn run(&self, args: &[&str]) -> Said {
        let trace = [("SEALPOST_LOG", "trace")];
        let said = command::end(command::begin(&self.pipeline, args, &trace, "").await).await;
        self.told(&format!("sealpost {}", args.join(" ")), format!("{}{}", said.stdout, said.stderr));
        said
    }

    /// Waits until so many letters lie there, which are then only looked at.
    pub(super) async fn dead(&self, letters: u32) {
        let broker = &self.pipeline.rig.broker;
        let what = format!("{letters} dead letters");
        sealpost_tests::until(&what, sealpost_tests::pipeline::SOON, async || {
            broker.ready("dead-letters").await == Some(letters)
        })
        .await;
    }
}
