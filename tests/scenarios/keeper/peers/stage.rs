//! A pipeline whose provider is a server that others wrote, reached on a way that counts refreshes and can keep answers.

use std::collections::HashMap;

use futures_util::future::join_all;
use redis::AsyncCommands;
use sealpost::providers::Catalogue;
use sealpost_schemas::{Connection, ProviderId};
use sealpost_shared::{
    clock::{Clock, SystemClock},
    oauth::{Consent, OAuthProvider},
    records::Record,
};
use sealpost_tests::{
    Pipeline, Setup, Worker,
    entries::entry,
    pipeline::{self, REDIRECT, SOON, connection, exchange_request, publish_job},
    until,
    wiretap::Wiretap,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

/// How long a call may take, in seconds, where a test waits for it to be over.
pub(super) const HASTY: u64 = 4;
/// Where no test does.
pub(super) const PATIENT: u64 = 20;

pub(super) struct Stage {
    pub(super) pipeline: Pipeline,
    pub(super) tap: Wiretap,
    name: &'static str,
}

impl Stage {
    /// The provider is the example's entry of this name, for the server at this port that calls itself `issuer`.
    pub(super) async fn start(name: &'static str, (issuer, port): (&str, u16), http_limit: u64) -> Self {
        let setup = Setup { prefetch: 16, http_limit, ..Setup::default() };
        let (pipeline, tap) =
            tokio::join!(Pipeline::start_with(setup), Wiretap::to_port(port, "grant_type=refresh_token"));
        pipeline.write("providers.toml", &entry_at(name, issuer, &tap.origin()));
        pipeline.write(&format!("{name}.secret"), "sealpost-secret");
        Self { pipeline, tap, name }
    }

    pub(super) async fn workers(&self, number: usize) -> Vec<Worker> {
        join_all((0..number).map(|_| self.pipeline.worker())).await
    }

    /// The entry's OAuth half, as workers read it.
    pub(super) fn oauth(&self) -> OAuthProvider {
        let catalogue = Catalogue::read(&self.pipeline.config().with_file_name("providers.toml")).unwrap();
        catalogue.get(&ProviderId::new(self.name).unwrap()).unwrap().oauth.clone()
    }

    pub(super) fn connection(&self, user: &str) -> Connection {
        Connection { provider: ProviderId::new(self.name).unwrap(), ..connection("acme", user) }
    }

    /// A user consents in the server's own pages, and the exchange step spends the code.
    pub(super) async fn connect(&self, user: &str, consent: impl AsyncFnOnce(Url) -> Url) -> Value {
        let begun = Consent::begin(&self.oauth(), REDIRECT).unwrap();
        let back: HashMap<_, _> = consent(begun.url).await.query_pairs().into_owned().collect();
        assert_eq!(back["state"], begun.state);
        let verifier = begun.verifier.expose_secret().into();
        let consent = pipeline::Consent { code: back["code"].clone(), verifier };
        let mut request = exchange_request("acme", user, &consent);
        request["provider"] = self.name.into();
        if let Some(issuer) = back.get("iss") {
            request["grant"]["iss"] = issuer.as_str().into();
        }
        let answer = self.pipeline.ask("exchange-request.v1", &request).await;
        assert_eq!(answer["outcome"], "stored", "{answer}");
        answer
    }

    pub(super) async fn record(&self, user: &str) -> Record {
        let store = self.pipeline.store().await;
        store.load(&store.locate(&self.connection(user))).await.unwrap().expect("a record")
    }

    /// Waits until the access token has expired.
    pub(super) async fn until_expired(&self, user: &str) {
        let expires = self.record(user).await.metadata.access_expires_at.expect("an expiry");
        until("the access token expires", SOON, async || SystemClock.now() > expires).await;
    }

    /// The record says that the access token has expired; the server cannot be told to.
    pub(super) async fn say_expired(&self, user: &str) {
        let id = self.record(user).await.id;
        let key = format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
        let client = redis::Client::open(self.pipeline.rig.redis_url()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let _: () = redis.hset(key, "access_expires_at", "1").await.unwrap();
        assert!(self.record(user).await.metadata.access_expires_at.unwrap() < SystemClock.now());
    }

    pub(super) fn post(&self, user: &str, text: &str) -> Value {
        let mut job = publish_job("acme", user, text);
        job["provider"] = self.name.into();
        job
    }

    /// 64 jobs at once, all of which are published.
    pub(super) async fn sixty_four(&self, job: impl Fn(usize) -> Value) -> Vec<Value> {
        let jobs: Vec<Value> = (0..64).map(job).collect();
        let asked = join_all(jobs.iter().map(|job| self.pipeline.send("publish-job.v1", job))).await;
        let mut answers = Vec::new();
        for correlation in asked {
            let answer = self.pipeline.answer(&correlation).await.json();
            assert_eq!(answer["outcome"], "published", "{answer}");
            answers.push(answer);
        }
        answers
    }

    /// One refresh, by everything that can tell: the way to the server, the workers' metrics, the events.
    pub(super) async fn one_refresh(&self, workers: &[Worker]) {
        assert_eq!(self.tap.heard(), 1, "refreshes on the way to the server");
        let mut calls = 0;
        for worker in workers {
            calls += worker.metric("sealpost_token_calls_total", &[self.name, "refresh_token"]).await;
        }
        assert_eq!(calls, 1, "refreshes that workers counted");
        self.pipeline.event("connection.refreshed").await;
        assert!(self.pipeline.events("connection.refreshed").await.is_empty(), "told once");
    }

    /// The worker is killed when the server has answered its refresh and before it hears that; another one takes the job.
    /// That one, and the answer.
    pub(super) async fn killed_before_the_answer(&self, worker: Worker, job: &Value) -> (Worker, Value) {
        self.tap.keep_an_answer();
        let correlation = self.pipeline.send("publish-job.v1", job).await;
        self.tap.kept(1).await;
        worker.kill9().await;
        let other = self.pipeline.worker().await;
        (other, self.pipeline.answer(&correlation).await.json())
    }

    /// A job's clear end where an answer was lost for good.
    pub(super) async fn says_that_it_was_lost(&self, answer: &Value) {
        let code = json!("refresh-outcome-lost");
        assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&json!("failed"), &code), "{answer}");
        assert_eq!(self.pipeline.event("connection.needs-consent").await.json()["code"], code);
    }
}

/// The example's entry of this name, for a server that calls itself `issuer` and is reached at `origin`.
pub(super) fn entry_at(name: &str, issuer: &str, origin: &str) -> String {
    let mut text = entry(name, origin);
    for slash in ["", "/"] {
        text = text.replace(&format!("issuer = \"{origin}{slash}\""), &format!("issuer = \"{issuer}\""));
    }
    text
}

/// The texts of these posts, in order.
pub(super) fn texts<'a>(posts: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut texts: Vec<_> = posts.into_iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    texts.sort();
    texts
}

/// What 64 jobs write, in order.
pub(super) fn all_texts() -> Vec<String> {
    let mut texts: Vec<_> = (0..64).map(|number| format!("number {number}")).collect();
    texts.sort();
    texts
}
