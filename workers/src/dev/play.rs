//! What a producer and a user do, played against the running pipeline.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::LOCATION;
use sealpost_schemas::codec::{Encoding, decode};
use sealpost_schemas::{
    Assertion, ExchangeRequest, ExchangeResult, Grant, Message, Name, Owner, ProviderId, PublishJob, PublishResult,
    Queued, Secret,
};
use sealpost_shared::broker::{Heard, Outgoing, Producer};
use sealpost_shared::oauth::{Consent, OAuthProvider};
use sealpost_shared::wire::WireKeys;
use sealpost_shared::{http, ids};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use super::azure::SignedIn;
use super::stack::Stack;
use crate::providers::Catalogue;
use crate::step::FollowUp;

/// How long a reply may take.
pub(super) const REPLY_WITHIN: Duration = Duration::from_secs(30);

/// Where the practice platform sends the browser back to; nothing listens there, since no browser goes.
const REDIRECT: &str = "http://127.0.0.1:7777/callback";

/// A chat of the practice tenant, in the form of Graph's ids.
const CHAT: &str = "19:practice@thread.v2";

/// A producer with a user at hand.
pub(super) struct Player {
    /// The queues.
    pub(super) producer: Producer,
    http: Client,
    practice: String,
    oauth: OAuthProvider,
    wire: WireKeys,
}

impl Player {
    /// Connects.
    pub(super) async fn new(stack: &Stack) -> Result<Self, String> {
        let producer = Producer::connect(&[SecretString::from(stack.broker_url())], false).await;
        let producer = producer.map_err(|e| e.to_string())?;
        let catalogue = Catalogue::read(&stack.config().with_file_name("providers.toml"))?;
        let id = provider("practice")?;
        let oauth = catalogue.get(&id).map(|provider| provider.oauth.clone());
        let http = http::client(REPLY_WITHIN).map_err(|e| e.to_string())?;
        Ok(Self {
            producer,
            http,
            practice: stack.practice.clone(),
            oauth: oauth.ok_or("no practice platform")?,
            wire: stack.wire_keys()?,
        })
    }

    /// The user says yes, and the code comes back: a request to exchange it.
    pub(super) async fn consent(&self, user: &str, at: &str) -> Result<ExchangeRequest, String> {
        let consent = Consent::begin(&self.oauth, REDIRECT)?;
        let mut form: Vec<(String, String)> = consent.url.query_pairs().into_owned().collect();
        form.extend([("user".into(), user.into()), ("decision".into(), "allow".into())]);
        let page = consent.url[..url::Position::AfterPath].to_owned();
        let answer = self.http.post(page).form(&form).send().await.map_err(|e| format!("asking for consent: {e}"))?;
        let back = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).and_then(|to| Url::parse(to).ok());
        let back =
            back.ok_or_else(|| format!("the practice platform did not send the browser back: {}", answer.status()))?;
        let brought = |name: &str| back.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if brought("state").as_deref() != Some(&consent.state) {
            return Err("the state that came back is not the one that was sent".into());
        }
        let code = brought("code").ok_or("no code came back")?;
        Ok(ExchangeRequest {
            id: ids::fresh(),
            owner: owner(user)?,
            provider: provider(at)?,
            label: name("default")?,
            store_on_device: false,
            grant: Grant::AuthorizationCode(sealpost_schemas::AuthorizationCode {
                code: Secret::from(code),
                redirect_uri: REDIRECT.into(),
                code_verifier: Secret::from(consent.verifier.expose_secret().to_owned()),
                nonce: consent.nonce.map(Secret::Plain),
                iss: brought("iss"),
            }),
            scopes: None,
            reply_key: None,
            replace_subject: false,
            deadline: None,
        })
    }

    /// A request on behalf of a user of the practice tenant, whose token a front end brought.
    pub(super) fn on_behalf(user: SignedIn) -> Result<ExchangeRequest, String> {
        Ok(ExchangeRequest {
            id: ids::fresh(),
            owner: user.owner,
            provider: provider("entra")?,
            label: name("default")?,
            store_on_device: false,
            grant: Grant::OnBehalfOf(Assertion { assertion: Secret::from(user.token), iss: None }),
            scopes: None,
            reply_key: None,
            replace_subject: false,
            deadline: None,
        })
    }

    /// Sends a job and waits for the result.
    pub(super) async fn publish_job(&self, job: &PublishJob) -> Result<PublishResult, String> {
        self.ask(job).await
    }

    /// How the practice platform is asked.
    pub(super) fn oauth(&self) -> &OAuthProvider {
        &self.oauth
    }

    /// The practice platform's address.
    pub(super) fn practice(&self) -> &str {
        &self.practice
    }

    /// Sends a message to its queue.
    pub(super) async fn send<M: Queued>(&self, message: &M) -> Result<(), String> {
        let message = self.message(message).await?;
        self.producer.send(message.queue, &message.outgoing()).await
    }

    /// Sends an exchange request and waits for its result.
    pub(super) async fn exchange(&self, request: &ExchangeRequest) -> Result<ExchangeResult, String> {
        self.ask(request).await
    }

    /// The same at a queue of its own: tokens go only where it becomes known that they arrived.
    pub(super) async fn exchange_for_tokens(&self, request: &ExchangeRequest) -> Result<ExchangeResult, String> {
        let mut answers = self.producer.listen(&[]).await?;
        let message = self.message(request).await?.outgoing();
        let message = Outgoing { reply_to: Some(answers.address().into()), ..message };
        self.producer.send(ExchangeRequest::QUEUE, &message).await?;
        let heard = timeout(REPLY_WITHIN, answers.next()).await;
        let heard = heard.map_err(|_| format!("no reply to {} within {} s", request.id, REPLY_WITHIN.as_secs()))?;
        read(&heard.ok_or("RabbitMQ went away")?)
    }

    /// Publishes a text and waits for the result.
    pub(super) async fn publish(&self, user: &str, text: &str) -> Result<PublishResult, String> {
        self.publish_job(&job(user, text)?).await
    }

    /// Every post of the practice platform, oldest first.
    pub(super) async fn posts(&self) -> Result<Vec<Value>, String> {
        let problem = |error: reqwest::Error| format!("reading the wall of {}: {error}", self.practice);
        let posts = self.http.get(format!("{}/admin/posts", self.practice)).send().await.map_err(problem)?;
        let posts: Value = posts.json().await.map_err(problem)?;
        Ok(posts["posts"].as_array().cloned().unwrap_or_default())
    }

    /// Every text message of the practice platform's gateway, oldest first.
    pub(super) async fn messages(&self) -> Result<Vec<Value>, String> {
        let problem = |error: reqwest::Error| format!("reading the phones of {}: {error}", self.practice);
        let inbox = self.http.get(format!("{}/admin/sms", self.practice)).send().await.map_err(problem)?;
        let inbox: Value = inbox.json().await.map_err(problem)?;
        Ok(inbox["messages"].as_array().cloned().unwrap_or_default())
    }

    /// How often the practice platform gave new tokens for a refresh token.
    pub(super) async fn refreshes(&self) -> Result<u64, String> {
        let problem = |error: reqwest::Error| format!("reading what {} counted: {error}", self.practice);
        let stats = self.http.get(format!("{}/admin/stats", self.practice)).send().await.map_err(problem)?;
        let stats: Value = stats.json().await.map_err(problem)?;
        Ok(stats["token"]["refresh_token"]["ok"].as_u64().unwrap_or_default())
    }

    /// How many posts with this text are on the wall.
    pub(super) async fn on_the_wall(&self, text: &str) -> Result<usize, String> {
        Ok(self.posts().await?.iter().filter(|post| post["text"] == text).count())
    }

    /// Tells the practice platform something by its back door.
    pub(super) async fn tell_platform(&self, what: &str, body: &Value) -> Result<(), String> {
        let problem = |error: reqwest::Error| format!("telling {} {what}: {error}", self.practice);
        let told = self.http.post(format!("{}/admin/{what}", self.practice)).json(body).send().await;
        told.and_then(reqwest::Response::error_for_status).map(drop).map_err(problem)
    }

    /// A page of metrics.
    pub(super) async fn page(&self, url: &str) -> Result<String, String> {
        let problem = |error: reqwest::Error| format!("reading {url}: {error}");
        self.http.get(url).send().await.map_err(problem)?.text().await.map_err(problem)
    }

    /// The message with its secrets sealed.
    async fn message<M: Queued>(&self, message: &M) -> Result<FollowUp, String> {
        let key = self.wire.newest().await.map_err(|e| e.to_string())?;
        FollowUp::of(message).map_err(|e| e.to_string())?.sealed(&key)
    }

    async fn ask<M: Queued, R: Message>(&self, request: &M) -> Result<R, String> {
        let message = self.message(request).await?;
        let heard = self.producer.ask(message.queue, &message.outgoing(), REPLY_WITHIN).await?;
        read(&heard)
    }
}

/// A job that publishes a text.
pub(super) fn job(user: &str, text: &str) -> Result<PublishJob, String> {
    let content = json!({"type": "post", "text": text});
    Ok(PublishJob {
        id: ids::fresh(),
        owner: owner(user)?,
        provider: provider("practice")?,
        label: name("default")?,
        content: serde_json::from_value(content).map_err(|e| e.to_string())?,
        device_tokens: None,
        notify: None,
        deadline: None,
    })
}

/// A job that writes to a chat of the practice tenant, in this owner's name.
pub(super) fn chat(owner: Owner, text: &str) -> Result<PublishJob, String> {
    let content = json!({"type": "message", "text": text, "to": [CHAT]});
    let content = serde_json::from_value(content).map_err(|e| e.to_string())?;
    Ok(PublishJob { owner, provider: provider("entra")?, content, ..job("ada", text)? })
}

/// Reads what was heard.
pub(super) fn read<M: Message>(heard: &Heard) -> Result<M, String> {
    decode::<M>(Encoding::Json, &heard.body).map(|decoded| decoded.message).map_err(|e| e.to_string())
}

fn owner(user: &str) -> Result<Owner, String> {
    Ok(Owner { tenant: name("acme")?, user: name(user)? })
}

fn name(text: &str) -> Result<Name, String> {
    Name::new(text).ok_or_else(|| format!("{text:?} is not a name"))
}

fn provider(text: &str) -> Result<ProviderId, String> {
    ProviderId::new(text).ok_or_else(|| format!("{text:?} is not a provider's name"))
}
