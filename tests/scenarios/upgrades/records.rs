//! What is sealed in a store, opened.

use std::collections::BTreeMap;

use redis::Commands;
use sealpost_schemas::{ExchangeResult, PublishResult};
use sealpost_shared::keys::SealingKeys;
use sealpost_shared::records::{Content, Cursor, Custody, EntryId, Held, Metadata, State, Store, TokenSet};
use sealpost_shared::seal::{self, Key, KeyRef, Place, Purpose};
use sealpost_tests::Pipeline;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// Everything that is sealed, by its name in held sets: what is inside, and what is said of it in clear.
pub(super) async fn opened(pipeline: &Pipeline) -> BTreeMap<String, Value> {
    let (store, keys) = (pipeline.store().await, pipeline.sealing_keys().await);
    let mut all = BTreeMap::new();
    for shard in 0..store.shards() {
        for version in store.versions(shard).await.unwrap() {
            let mut from = Cursor::default();
            loop {
                let (held, next) = store.walk_held(shard, &version, from, 100).await.unwrap();
                for one in held {
                    let (name, inside) = inside(pipeline, (&store, &keys), &version, one).await;
                    all.insert(name, inside);
                }
                let Some(next) = next else { break };
                from = next;
            }
        }
    }
    all
}

async fn inside(
    pipeline: &Pipeline,
    (store, keys): (&Store, &SealingKeys),
    version: &KeyRef,
    held: Held,
) -> (String, Value) {
    let key = keys.get(version).await.unwrap();
    match held {
        Held::Record(id) => {
            let record = store.load(&id).await.unwrap().unwrap();
            (format!("record:{id}"), content(&record.open(&key).unwrap(), Some(&record.metadata)))
        }
        Held::Park(id) => {
            let park = store.load_park(&id).await.unwrap().unwrap();
            let mut inside = content(&park.open(&key).unwrap(), None);
            inside["generation"] = json!(park.generation);
            inside["exchange"] = json!(park.exchange);
            inside["from"] = json!(park.from.map_hex());
            (format!("park:{id}"), inside)
        }
        Held::Tombstone(id) => {
            let tombstone = store.load_tombstone(&id).await.unwrap().unwrap();
            let mut inside = content(&tombstone.open(&key).unwrap(), None);
            inside["access_expires_at"] = json!(tombstone.access_expires_at);
            (format!("tombstone:{}:{}", id.record, id.generation), inside)
        }
        Held::Entry(id) => (format!("ledger:{id}"), result(pipeline, &id, (version, &key))),
    }
}

/// The result of a ledger's entry, which a job or a request has.
fn result(pipeline: &Pipeline, id: &EntryId, (version, key): (&KeyRef, &Key)) -> Value {
    let name = id.to_string();
    let (shard, entry) = name.split_once('/').unwrap();
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let bytes: Vec<u8> = redis.hget(format!("{{sp:{shard}}}:ledger:{entry}"), "sealed").unwrap();
    let plain = seal::open(key, version, &Place { purpose: Purpose::Ledger, record: id.key }, &bytes).unwrap();
    let job = rmp_serde::from_slice::<PublishResult>(&plain).map(|result| json!(result));
    job.unwrap_or_else(|_| json!(rmp_serde::from_slice::<ExchangeResult>(&plain).unwrap()))
}

fn content(content: &Content, metadata: Option<&Metadata>) -> Value {
    let TokenSet { access_token, refresh_token, token_type, id_token } = &content.tokens;
    let token = |token: &Option<SecretString>| token.as_ref().map(|token| token.expose_secret().to_owned());
    let mut inside = json!({
        "connection": content.connection, "subject": content.subject,
        "access_token": token(access_token), "refresh_token": token(refresh_token), "token_type": token_type,
        "id_token": token(id_token), "reply_key": content.device.reply_key, "access": content.device.access.map_hex(),
    });
    if let Some(data) = metadata {
        inside["in_clear"] = json!({
            "generation": data.generation, "state": state(data.standing.state), "since": data.standing.since,
            "code": data.standing.code, "custody": custody(data.custody), "scopes": data.scopes,
            "access_expires_at": data.access_expires_at, "next_due": data.next_due, "created_at": data.created_at,
            "refreshed_at": data.refreshed_at, "request": data.request,
            "marker": data.marker.map(|marker| json!({"attempt": marker.attempt, "at": marker.at})),
            "superseded": data.superseded.map_hex(),
        });
    }
    inside
}

fn state(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::NeedsConsent => "needs-consent",
        State::Quarantined => "quarantined",
    }
}

fn custody(custody: Custody) -> &'static str {
    match custody {
        Custody::Vault => "vault",
        Custody::Device => "device",
    }
}

/// Hashes in hex.
trait MapHex {
    fn map_hex(&self) -> Vec<String>;
}

impl MapHex for Vec<[u8; 32]> {
    fn map_hex(&self) -> Vec<String> {
        self.iter().map(hex::encode).collect()
    }
}
