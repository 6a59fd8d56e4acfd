//! Users with names that are found only where they were put, and what they ask for.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use reqwest::Method;
use sealpost_schemas::{Connection, Name, ProviderId};
use sealpost_shared::ids;
use sealpost_shared::keys::{KeySource, LocalKeys};
use sealpost_shared::records::RecordId;
use sealpost_tests::pipeline::REDIRECT;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::world::World;

/// A user, and the account at the provider.
pub(super) struct Person {
    pub(super) user: String,
    pub(super) account: String,
    pub(super) label: String,
}

impl World {
    pub(super) fn person(&self) -> Person {
        let account = self.hidden("account");
        self.hide("the provider's subject", format!("id-of-{account}"));
        Person { user: self.hidden("user"), account, label: self.hidden("label") }
    }

    pub(super) fn owner(&self, person: &Person) -> Value {
        json!({"tenant": self.tenant, "user": person.user})
    }

    /// A message about the person's connection.
    pub(super) fn about(&self, person: &Person) -> Value {
        json!({"id": ids::fresh(), "owner": self.owner(person), "provider": self.provider, "label": person.label})
    }

    /// A consent that was given, to be exchanged; with an ID token.
    pub(super) async fn consent(&self, person: &Person) -> Value {
        let [verifier, nonce] = ["verifier", "nonce"].map(|what| format!("{what}-{0}{0}", ids::fresh().simple()));
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let consent = json!({
            "user": person.account, "scope": "openid profile posts.read posts.write", "redirect_uri": REDIRECT,
            "code_challenge": challenge, "nonce": nonce,
        });
        let code = self.pipeline.sandbox.mint(consent).await["code"].clone();
        let mut request = self.about(person);
        request["grant"] = json!({
            "type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": verifier, "nonce": nonce,
        });
        request
    }

    pub(super) async fn connect(&self, person: &Person) {
        let request = self.consent(person).await;
        let answer = self.ask("exchange-request.v1", &request).await;
        assert_eq!(answer["outcome"], "stored", "{answer}");
    }

    pub(super) async fn connected(&self) -> Person {
        let person = self.person();
        self.connect(&person).await;
        person
    }

    /// A refresh token that another system was given.
    pub(super) async fn held(&self, person: &Person) -> String {
        self.pipeline.sandbox.mint_tokens(&person.account).await["refresh_token"].as_str().unwrap().to_owned()
    }

    /// A job whose words are in no file of Redis's.
    pub(super) fn job(&self, person: &Person) -> Value {
        let mut job = self.about(person);
        job["content"] = json!({"type": "post", "text": format!("a text with {}", self.hidden("words"))});
        job
    }

    /// The same, with a phone that hears of it.
    pub(super) fn job_with_phone(&self, person: &Person) -> Value {
        let mut job = self.job(person);
        let digits = ids::fresh().as_u128() % 10_000_000_000;
        job["notify"] = json!({"phone": format!("+237{digits:010}"), "language": "fr"});
        job
    }

    /// The answer to a job.
    pub(super) async fn publish(&self, job: &Value) -> Value {
        self.ask("publish-job.v1", job).await
    }

    pub(super) async fn locate(&self, person: &Person) -> RecordId {
        let name = |text: &str| Name::new(text).unwrap();
        let provider = ProviderId::new(&self.provider).unwrap();
        let connection =
            Connection { tenant: name(&self.tenant), user: name(&person.user), provider, label: name(&person.label) };
        self.pipeline.store().await.locate(&connection)
    }

    /// The access and the refresh token that are stored.
    pub(super) async fn tokens_of(&self, person: &Person) -> [String; 2] {
        self.tokens_of_record(&self.locate(person).await).await
    }

    /// Those of the connection that an answer names.
    pub(super) async fn tokens_at(&self, answer: &Value) -> [String; 2] {
        let connection = serde_json::from_value(answer["connection"].clone()).unwrap();
        self.tokens_of_record(&self.pipeline.store().await.locate(&connection)).await
    }

    async fn tokens_of_record(&self, id: &RecordId) -> [String; 2] {
        let record = self.pipeline.store().await.load(id).await.unwrap().unwrap();
        let key = LocalKeys::open(&self.pipeline.keyring()).unwrap().get(record.key()).await.unwrap();
        let tokens = record.open(&key).unwrap().tokens;
        [tokens.access_token, tokens.refresh_token].map(|token| token.unwrap().expose_secret().to_owned())
    }

    /// The platform no longer takes the person's access token: the next job needs a refresh.
    pub(super) async fn expire(&self, person: &Person) {
        self.pipeline.sandbox.admin(Method::POST, "expire", Some(json!({"user": person.account}))).await;
    }
}
