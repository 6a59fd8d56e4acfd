//! Sealpost on behalf of users of the practice tenant: real workers, over TLS under the tenant's CA, with the entry of the
//! example catalogue.

mod challenges;
mod clients;
mod crashes;
mod owners;
mod refreshes;
mod sealed;
mod secrets;
mod stored;

use reqwest::Method;
use sealpost_schemas::{Connection, Name, ProviderId};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::ids;
use sealpost_shared::records::Record;
use sealpost_tests::entries::example;
use sealpost_tests::pipeline::text_of;
use sealpost_tests::{Azure, Pipeline, Setup};
use serde_json::{Value, json};
use toml::Table;

/// The addresses of the example, both of which are the practice tenant's here.
const HOSTS: [&str; 2] = ["https://login.microsoftonline.com", "https://graph.microsoft.com/v1.0"];

const CHALLENGE: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

/// How the client proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Secret,
    Certificate,
}

/// A pipeline whose provider `entra` is the practice tenant.
struct World {
    pipeline: Pipeline,
    azure: Azure,
}

impl World {
    async fn start(proof: Proof) -> Self {
        let setup = Setup { http_limit: 2, ..Setup::default() };
        let (pipeline, azure) = tokio::join!(Pipeline::start_with(setup), Azure::start());
        let config = text_of(&pipeline.config());
        assert!(config.contains("[http]\n"));
        let trusting = format!("[http]\nca = '{}'\n", azure.ca().display());
        pipeline.write("sealpost.toml", &config.replace("[http]\n", &trusting));
        let world = Self { pipeline, azure };
        world.new_certificate().await;
        world.write_entry(proof, |_| {});
        world
    }

    /// The example's entry for the practice tenant, with a test's own changes of its OAuth half.
    fn write_entry(&self, proof: Proof, change: impl FnOnce(&mut Table)) {
        let mut all: Table = example().parse().unwrap();
        let mut entry = all.remove("entra").unwrap();
        let oauth = entry["oauth"].as_table_mut().unwrap();
        oauth.insert("client_id".into(), self.azure.places.client_id.as_str().into());
        if proof == Proof::Secret {
            self.pipeline.write("entra.secret", &self.azure.places.client_secret);
            oauth.retain(|name, _| !["client_key", "client_certificate"].contains(&name));
            oauth.insert("client_auth".into(), "post".into());
            oauth.insert("client_secret".into(), Table::from_iter([("file".into(), "entra.secret".into())]).into());
        }
        change(oauth);
        let text = toml::to_string(&Table::from_iter([("entra".to_owned(), entry)])).unwrap();
        assert!(HOSTS.iter().all(|host| text.contains(host)), "{text}");
        let text = text.replace(HOSTS[0], &self.azure.places.authority);
        let graph = format!("{}/v1.0", self.azure.places.authority);
        self.pipeline.write("providers.toml", &text.replace(HOSTS[1], &graph));
    }

    /// The tenant takes a new certificate, and the files hold it. Answers the key, as PEM.
    async fn new_certificate(&self) -> String {
        let made = self.azure.admin(Method::POST, "certificates", Value::Null).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        self.pipeline.write("entra.key.pem", &text("key"));
        self.pipeline.write("entra.certificate.pem", &text("certificate"));
        text("key")
    }

    fn tenant(&self) -> &str {
        &self.azure.places.tenant
    }

    /// A user of the home tenant, as an owner.
    async fn owner(&self, user: &str) -> Value {
        json!({"tenant": self.tenant(), "user": self.azure.refuse(user, Value::Null).await})
    }

    /// A request of this owner, on behalf of a user.
    async fn request(&self, owner: &Value, user: &str) -> Value {
        // also where the tenant's own tokens live for a second
        let expires = SystemClock.now().as_second() + 3600;
        request(owner, &self.azure.user_token(user, json!({"exp": expires})).await)
    }

    async fn ask(&self, request: &Value) -> Value {
        self.pipeline.ask("exchange-request.v1", request).await
    }

    /// Has a user connected; answers the owner.
    async fn connect(&self, user: &str) -> Value {
        let owner = self.owner(user).await;
        let answer = self.ask(&self.request(&owner, user).await).await;
        assert_eq!(answer["outcome"], "stored", "{answer}");
        owner
    }

    /// The answer to a message that this owner publishes.
    async fn publish(&self, owner: &Value) -> Value {
        self.pipeline.ask("publish-job.v1", &job(owner)).await
    }

    /// The lives of access tokens that the tenant gives from now on, in seconds, and what an old refresh token does.
    async fn settings(&self, access_ttl: u32, reuse: &str) {
        self.azure.admin(Method::POST, "settings", json!({"access_ttl": access_ttl, "reuse": reuse})).await;
    }

    async fn exchanges(&self) -> u64 {
        let mut asked = 0;
        for tenant in &self.azure.places.tenants {
            asked += self.azure.asked(tenant, "on_behalf_of").await;
        }
        asked
    }

    async fn record(&self, owner: &Value) -> Option<Record> {
        let store = self.pipeline.store().await;
        store.load(&store.locate(&connection(owner))).await.unwrap()
    }
}

fn request(owner: &Value, assertion: &str) -> Value {
    json!({
        "id": ids::fresh(), "owner": owner, "provider": "entra",
        "grant": {"type": "on_behalf_of", "assertion": assertion},
    })
}

fn job(owner: &Value) -> Value {
    json!({
        "id": ids::fresh(), "owner": owner, "provider": "entra",
        "content": {"type": "message", "text": "Hello", "to": ["19:practice@thread.v2"]},
    })
}

fn connection(owner: &Value) -> Connection {
    let name = |text: &str| Name::new(text).unwrap();
    let (tenant, user) = (owner["tenant"].as_str().unwrap(), owner["user"].as_str().unwrap());
    let provider = ProviderId::new("entra").unwrap();
    Connection { tenant: name(tenant), user: name(user), provider, label: name("default") }
}

/// The answer says that nothing was stored, for this reason.
fn failed(answer: &Value, code: &str) {
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&json!("failed"), &json!(code)), "{answer}");
    assert_eq!(answer["failure"]["retryable"], false, "{answer}");
}

fn said<'a>(answer: &'a Value, field: &str) -> &'a Value {
    &answer["failure"]["provider_error"][field]
}
