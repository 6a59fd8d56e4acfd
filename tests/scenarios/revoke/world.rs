//! A pipeline whose platform revokes tokens, and the step as a worker runs it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use sealpost::providers::Catalogue;
use sealpost::revoke::{Revoke, RevokeShard, Revoked};
use sealpost::step::{Attempt, FollowUps, ReplyTo, Step};
use sealpost_schemas::{Name, Owner, ProviderId, RevocationRequest, RevocationResult, RevocationShard};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::failure::Failure;
use sealpost_shared::keys::{Keys, LocalKeys, SealingKeys};
use sealpost_shared::oauth::TokenAnswer;
use sealpost_shared::pace::Paces;
use sealpost_shared::records::{Record, Store, StoreConfig, StoreMode};
use sealpost_shared::secrets::Secrets;
use sealpost_shared::tokens::{Consented, TokenCalls, TokenKeeper};
use sealpost_shared::{http, ids};
use sealpost_tests::pipeline::{connection, text_of};
use sealpost_tests::{Pipeline, Setup};
use serde_json::{Value, json};

pub(super) async fn pipeline() -> Pipeline {
    pipeline_with("", Setup { shards: 4, ..Setup::default() }).await
}

/// One whose entry has these lines too.
pub(super) async fn pipeline_with(lines: &str, setup: Setup) -> Pipeline {
    let pipeline = Pipeline::start_with(setup).await;
    let revocation = format!("revocation_url = '{}/revoke'", pipeline.sandbox.issuer());
    entry(&pipeline, &format!("{revocation}\n{lines}"));
    pipeline
}

/// Writes lines into the platform's entry.
pub(crate) fn entry(pipeline: &Pipeline, lines: &str) {
    let catalogue = text_of(&pipeline.rig.folder().join("providers.toml"));
    pipeline.write("providers.toml", &catalogue.replace("[practice.oauth]\n", &format!("[practice.oauth]\n{lines}\n")));
}

pub(super) fn impatient() -> Setup {
    Setup { shards: 4, http_limit: 2, ..Setup::default() }
}

/// The connection of a user of `acme` shall end.
pub(super) fn one(user: &str) -> Value {
    json!({"id": ids::fresh(), "scope": "connection", "owner": {"tenant": "acme", "user": user}, "provider": "practice",
           "label": "default"})
}

/// All connections of a user of `acme` shall end.
pub(super) fn all_of(user: &str) -> Value {
    json!({"id": ids::fresh(), "scope": "owner", "owner": {"tenant": "acme", "user": user}})
}

/// All connections of a tenant shall end.
pub(super) fn tenant(tenant: &str) -> Value {
    json!({"id": ids::fresh(), "scope": "tenant", "tenant": tenant})
}

/// The word for a user's connection in a receipt that is the last.
pub(crate) fn word<'a>(answer: &'a Value, user: &str) -> &'a str {
    assert_eq!(answer["outcome"], "done", "{answer}");
    let receipts = answer["receipts"].as_array().unwrap();
    let mine = receipts.iter().find(|receipt| receipt["connection"]["user"] == user);
    let mine = mine.unwrap_or_else(|| panic!("no receipt of {user}: {answer}"));
    assert_eq!(mine["deleted"], true, "{answer}");
    mine["provider"].as_str().unwrap()
}

pub(super) async fn record(pipeline: &Pipeline, user: &str) -> Option<Record> {
    let store = pipeline.store().await;
    store.load(&store.locate(&connection("acme", user))).await.unwrap()
}

/// Stores what the platform gives for a user, as an exchange does, under another label if there is one.
pub(crate) async fn minted(pipeline: &Pipeline, user: &str, label: &str) -> Value {
    let minted = pipeline.sandbox.mint_tokens(user).await;
    stored(pipeline, (user, label), &tokens(&minted)).await;
    minted
}

/// What the platform gave, as an answer of its token endpoint; the access token never expires.
pub(crate) fn tokens(minted: &Value) -> TokenAnswer {
    let token = |field: &str| minted[field].as_str().unwrap().into();
    TokenAnswer {
        access_token: token("access_token"),
        refresh_token: Some(token("refresh_token")),
        token_type: Some("Bearer".into()),
        expires_at: None,
        keep_access_token: true,
        scopes: None,
        id_token: None,
    }
}

/// Stores these for a user of `acme`, as an exchange does that begins now.
pub(crate) async fn stored(pipeline: &Pipeline, (user, label): (&str, &str), tokens: &TokenAnswer) {
    let mut connection = connection("acme", user);
    connection.label = Name::new(label).unwrap();
    let keeper = pipeline.keeper().await;
    let epoch = keeper.store().epoch(&owner(user)).await.unwrap();
    let place = keeper.prepare(&connection).await.map_err(|failure| failure.message).unwrap().in_epoch(epoch);
    let consented = Consented::new(ids::fresh(), tokens, &[], SystemClock.now());
    keeper.store_consent(&place, &consented).await.map_err(|failure| failure.message).unwrap();
}

pub(super) fn owner(user: &str) -> Owner {
    Owner { tenant: Name::new("acme").unwrap(), user: Name::new(user).unwrap() }
}

/// A connection to Redis beside the pipeline's.
pub(super) async fn redis(pipeline: &Pipeline) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Whether the platform takes an access token.
pub(super) async fn is_taken(pipeline: &Pipeline, minted: &Value) -> bool {
    let url = format!("{}/api/posts", pipeline.sandbox.issuer());
    let request = http::client(Duration::from_secs(20)).unwrap().post(url);
    let request = request.bearer_auth(minted["access_token"].as_str().unwrap()).json(&json!({"text": "taken"}));
    request.send().await.unwrap().status().is_success()
}

/// What a step is made from, wherever it is made.
pub(super) struct StepConfig {
    keyring: std::path::PathBuf,
    providers: std::path::PathBuf,
    limit: Duration,
}

impl StepConfig {
    pub(super) fn of(pipeline: &Pipeline, limit: Duration) -> Self {
        Self { keyring: pipeline.keyring(), providers: pipeline.rig.folder().join("providers.toml"), limit }
    }

    /// The step, which reaches Redis at this address. The pipeline has 4 shards.
    pub(super) async fn step(&self, redis: &str) -> Revoke {
        let keys = Keys::Local(LocalKeys::open(&self.keyring).unwrap());
        let keys = SealingKeys::open(keys, sealpost_tests::pipeline::KEY.parse().unwrap()).await.unwrap();
        let config = StoreConfig { shards: 4, ..StoreConfig::new(StoreMode::Single, [redis.into()]) };
        let store = Store::open(config, keys.index_key()).await.unwrap();
        let (http, limit) = (http::client(self.limit).unwrap(), self.limit);
        let paces = Paces::new(store.clone(), http, limit, BTreeMap::new());
        let calls = TokenCalls { paces, limit, clock: Arc::new(SystemClock), secrets: Secrets::default() };
        let keeper = TokenKeeper::new(store, keys, calls);
        Revoke { keeper: Arc::new(keeper), catalogue: Arc::new(Catalogue::read(&self.providers).unwrap()) }
    }
}

pub(super) async fn step(pipeline: &Pipeline) -> Revoke {
    StepConfig::of(pipeline, Duration::from_secs(20)).step(&pipeline.rig.redis_url()).await
}

/// The attempt of this number, with an answer to a queue.
fn at(number: u32) -> Attempt {
    Attempt {
        number,
        now: SystemClock.now(),
        redelivered: number > 1,
        put_off: false,
        lined_up: false,
        reply: ReplyTo::Queue,
    }
}

/// One attempt at a request.
pub(super) async fn attempt(step: &Revoke, request: &Value, number: u32) -> Result<RevocationResult, Failure> {
    let request: RevocationRequest = serde_json::from_value(request.clone()).unwrap();
    match step.run(&request, at(number)).await? {
        Revoked::Receipt(result) => Ok(*result),
        Revoked::Shards(_) => panic!("of one shard"),
    }
}

/// The receipt of an attempt, as JSON.
pub(super) async fn done(step: &Revoke, request: &Value, number: u32) -> Value {
    let result = attempt(step, request, number).await;
    serde_json::to_value(result.map_err(|failure| failure.message).unwrap()).unwrap()
}

/// Why an attempt was not the last; the event says that it is pending.
pub(super) async fn not_yet(step: &Revoke, request: &Value, number: u32) -> Failure {
    let Err(failure) = attempt(step, request, number).await else { panic!("done") };
    let told: Vec<Value> = failure.events.iter().map(|event| serde_json::from_slice(&event.event).unwrap()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["outcome"], "under-way", "{told:?}");
    let receipt = &told[0]["receipts"][0];
    assert_eq!((&receipt["provider"], &receipt["deleted"]), (&json!("pending"), &json!(false)), "{told:?}");
    failure
}

/// Looks at the tombstones that want a look in so many minutes; how many are left.
pub(super) async fn sweep(step: &Revoke, minutes: i64) -> u64 {
    let provider = |name: &ProviderId| step.catalogue.get(name).map(|provider| provider.oauth.clone());
    let now = SystemClock.now() + SignedDuration::from_mins(minutes);
    step.keeper.sweep_tombstones(&provider, now).await.map_err(|failure| failure.message).unwrap()
}

/// What became of one message of a tenant's shard.
pub(super) enum ShardRun {
    /// The shard is done.
    Done,
    /// This one goes on with it.
    Continued(RevocationShard),
    Failed(Failure),
}

/// The first message of the shard that a user's records lie in.
pub(super) fn first_of(step: &Revoke, user: &str) -> RevocationShard {
    let shard = step.keeper.store().locate(&connection("acme", user)).shard;
    serde_json::from_value(json!({"id": ids::fresh(), "request": ids::fresh(), "tenant": "acme", "shard": shard}))
        .unwrap()
}

/// One attempt at a message of a tenant's shard.
pub(super) async fn attempt_shard(step: &Revoke, message: &RevocationShard, number: u32) -> ShardRun {
    let shard = RevokeShard { keeper: step.keeper.clone(), catalogue: step.catalogue.clone() };
    let ended = match shard.run(message, at(number)).await {
        Ok(ended) => ended.emission().unwrap(),
        Err(failure) => return ShardRun::Failed(failure),
    };
    match ended.messages.first() {
        Some(next) => ShardRun::Continued(serde_json::from_slice(&next.body).unwrap()),
        None => ShardRun::Done,
    }
}
