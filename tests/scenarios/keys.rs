//! `sealpost keys`, and a key's life: made, in use, emptied by a rotation, retired.

pub(crate) mod disturbed;
mod interrupted;
mod list;
mod measures;
mod retire;
mod stale;
mod status;
mod tenants;

use jiff::SignedDuration;
use reqwest::Method;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::keys::{KeySource, LocalKeys, VersionInfo};
use sealpost_shared::records::Record;
use sealpost_shared::seal::{KeyRef, KeyVersion};
use sealpost_tests::pipeline::{KEY, SOON, connection, rotation_tick};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

fn key_ref(version: &KeyVersion) -> KeyRef {
    KeyRef { id: KEY.parse().unwrap(), version: version.clone() }
}

/// What the keyring says of a version.
async fn info(pipeline: &Pipeline, version: &KeyVersion) -> VersionInfo {
    let keys = LocalKeys::open(&pipeline.keyring()).unwrap();
    let versions = keys.versions(&KEY.parse().unwrap()).await.unwrap();
    versions.into_iter().find(|info| info.version == *version).expect("a version")
}

/// In how many shards a version is retired.
async fn retired_in(pipeline: &Pipeline, version: &KeyVersion) -> u16 {
    let holdings = pipeline.store().await.holdings().await.unwrap();
    holdings.get(&key_ref(version)).map_or(0, |holding| holding.retired)
}

async fn record(pipeline: &Pipeline, user: &str) -> Record {
    let store = pipeline.store().await;
    store.load(&store.locate(&connection("acme", user))).await.unwrap().expect("a record")
}

/// Has everything sealed anew, and waits for the end of it.
async fn rotate_everything(pipeline: &Pipeline) -> Value {
    let tick = rotation_tick();
    pipeline.send("rotation-tick.v1", &tick).await;
    until("the rotation is done", SOON, async || {
        let mut done = pipeline.events("rotation.done").await.into_iter().map(|event| event.json());
        done.find(|done| done["tick"] == tick["id"])
    })
    .await
}

/// How long access tokens live that the platform gives from now on.
async fn access_tokens_live(pipeline: &Pipeline, seconds: u32) {
    pipeline.sandbox.admin(Method::POST, "settings", Some(json!({"access_ttl": seconds}))).await;
}

/// Connects users whose access tokens have expired when this returns.
pub(crate) async fn connect_expired(pipeline: &Pipeline, users: &[&str]) {
    access_tokens_live(pipeline, 1).await;
    for user in users {
        pipeline.connect(user).await;
    }
    access_tokens_live(pipeline, 3600).await;
    for user in users {
        let end = record(pipeline, user).await.metadata.access_expires_at.unwrap() + SignedDuration::from_millis(1);
        until("the access token expires", SOON, async || SystemClock.now() > end).await;
    }
}
