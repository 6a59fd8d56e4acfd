//! A rotation with everything against it (publishing and refreshing beside it, sweepers killed, its tick repeated, a record
//! that does not open) ends as one that nothing disturbed.

use std::collections::{BTreeMap, BTreeSet};

use redis::AsyncCommands;
use sealpost_shared::keys::{KeySource, LocalKeys};
use sealpost_shared::records::Store;
use sealpost_shared::seal::KeyVersion;
use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::pipeline::{SOON, connection, publish_job, rotation_tick, text_of};
use sealpost_tests::{Pipeline, Setup, Worker, until};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{connect_expired, record, rotate_everything};

const SHARDS: u16 = 4;
/// Connections with tokens of the platform; those of the second half have expired.
const USERS: [&str; 8] = ["ada", "bob", "eve", "joe", "kim", "lea", "max", "zoe"];
/// Records with made-up tokens: more than one message may seal anew.
const SEEDED: usize = 2200;
/// The one of them that does not open.
const DAMAGED: &str = "user-7";

/// A pipeline with everything under a version that is not the newest any more.
async fn begun() -> (Pipeline, KeyVersion) {
    let pipeline = Pipeline::start_with(Setup { shards: SHARDS, ..Setup::default() }).await;
    {
        let _worker = pipeline.worker().await;
        for user in &USERS[..4] {
            pipeline.connect(user).await;
        }
        connect_expired(&pipeline, &USERS[4..]).await;
    }
    pipeline.seed(SEEDED).await;
    let damaged = record(&pipeline, DAMAGED).await.id;
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let _: () = raw
        .hset(format!("{{sp:{:03}}}:record:{}", damaged.shard, damaged.key), "sealed", vec![1_u8; 200])
        .await
        .unwrap();
    let old = pipeline.newest_version().await;
    pipeline.rotate_key();
    (pipeline, old)
}

/// Has every user publish one post; the answers are still to come.
async fn publish(pipeline: &Pipeline) -> Vec<String> {
    let mut asked = Vec::new();
    for user in USERS {
        asked.push(pipeline.send("publish-job.v1", &publish_job("acme", user, &format!("by {user}"))).await);
    }
    asked
}

async fn all_published(pipeline: &Pipeline, asked: Vec<String>) {
    for correlation in asked {
        let answer = pipeline.answer(&correlation).await.json();
        assert_eq!(answer["outcome"], "published", "{answer}");
    }
}

/// What is left at the end, without what is random.
async fn end_state(pipeline: &Pipeline, old: &KeyVersion) -> BTreeMap<String, String> {
    let (store, keys) = (pipeline.store().await, LocalKeys::open(&pipeline.keyring()).unwrap());
    let newest = pipeline.newest_version().await;
    let users = USERS.into_iter().map(str::to_owned).chain((0..SEEDED).map(|user| format!("user-{user}")));
    let mut state = BTreeMap::new();
    for user in users {
        let told = one(&store, (&keys, &newest), &user).await;
        state.insert(user, told);
    }
    let counted = pipeline.sandbox.stats().await;
    let mut posts: Vec<_> = pipeline.sandbox.posts().await.iter().map(|post| post["text"].to_string()).collect();
    posts.sort();
    state.insert("the posts".into(), posts.join(" "));
    state.insert("refreshes".into(), counted["token"]["refresh_token"].to_string());
    state.insert("spent tokens that came again".into(), counted["refresh_reuses"].to_string());
    state.insert("held".into(), format!("{} and {}", pipeline.held(old).await, pipeline.held(&newest).await));
    let (mut due, mut owners, mut tokens) = (0_u64, 0_u64, 0_u64);
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    for shard in 0..SHARDS {
        due += raw.zcard::<_, u64>(format!("{{sp:{shard:03}}}:due")).await.unwrap();
        tokens += raw.hlen::<_, u64>(format!("{{sp:{shard:03}}}:tokens")).await.unwrap();
        owners += raw.keys::<_, Vec<String>>(format!("{{sp:{shard:03}}}:owner:*")).await.unwrap().len() as u64;
    }
    state.insert("indexes".into(), format!("{due} due, {owners} owners, {tokens} tokens"));
    state.insert("leases".into(), raw.keys::<_, Vec<String>>("*:lease:*").await.unwrap().join(" "));
    state
}

/// How one connection stands.
async fn one(store: &Store, (keys, newest): (&LocalKeys, &KeyVersion), user: &str) -> String {
    let record = store.load(&store.locate(&connection("acme", user))).await.unwrap().expect("a record");
    let newest = record.key().version == *newest;
    let tokens = match record.open(&keys.get(record.key()).await.unwrap()) {
        Ok(content) => {
            let token = content.tokens.refresh_token.expect("a refresh token");
            // those of the platform are random
            let made_up = token.expose_secret().strip_prefix("refresh-").unwrap_or_default().to_owned();
            assert_eq!(record.token, Some(store.hash_of(&token)), "{user}: the index has its token");
            format!("opens {made_up}")
        }
        Err(error) => error.code().to_string(),
    };
    let data = &record.metadata;
    let (state, code) = (data.standing.state, data.standing.code);
    format!("{state:?} {code:?}, newest {newest}, {tokens}, {} before, marker {:?}", data.superseded.len(), data.marker)
}

/// Runs a rotation while nothing else happens.
async fn undisturbed() -> BTreeMap<String, String> {
    let (pipeline, old) = begun().await;
    let _worker = pipeline.worker().await;
    let asked = publish(&pipeline).await;
    all_published(&pipeline, asked).await;
    assert_eq!(rotate_everything(&pipeline).await["counts"]["failed"], 1);
    end_state(&pipeline, &old).await
}

/// Starts a sweeper, sends it the tick, and kills it when it has sent so many commands to Redis.
pub(crate) async fn killed_after(pipeline: &Pipeline, commands: u32, tick: &Value) {
    let way = Breakpoint::to_port(pipeline.rig.redis.port(), Side::Before, Then::Hold).await;
    pipeline.write("way.url", &way.url());
    pipeline.write("way.toml", &text_of(&pipeline.config()).replace("redis.url", "way.url"));
    let (folder, steps) = (pipeline.rig.folder(), ["rotate", "rotate-shard"]);
    let sweeper = Worker::start(folder, &folder.join("way.toml"), &steps, &[]).await;
    way.arm(commands);
    pipeline.send("rotation-tick.v1", tick).await;
    way.reached().await;
    sweeper.kill9().await;
}

#[tokio::test]
async fn a_rotation_with_everything_against_it_ends_as_one_that_nothing_disturbed() {
    let expected = undisturbed().await;
    let (pipeline, old) = begun().await;
    let _publisher = pipeline.worker_with(&["exchange", "publish"], &[]).await;
    let (all, tick) = (pipeline.held(&old).await, rotation_tick());
    let asked = publish(&pipeline).await;
    // early, in the middle, and late in what there is to do
    for commands in [30, 700, 1500] {
        killed_after(&pipeline, commands, &tick).await;
    }
    let left = pipeline.held(&old).await;
    assert!(left > 1 && left < all, "{left} of {all} are left to who comes after those that were killed");
    let _sweepers = tokio::join!(pipeline.worker(), pipeline.worker());
    all_published(&pipeline, asked).await;
    until("only what does not open is left", SOON, async || pipeline.held(&old).await == 1).await;
    let done = pipeline.event("rotation.done").await.json();
    assert_eq!(done["tick"], tick["id"]);
    // another one finds nothing to do
    let idle = rotate_everything(&pipeline).await["counts"].clone();
    assert_eq!((&idle["resealed"], &idle["failed"]), (&Value::from(0), &Value::from(1)), "{idle}");
    assert!(pipeline.events("key.empty").await.is_empty(), "it still holds what does not open");
    // told by whoever could not know whether it was told, and always as the same
    let told = pipeline.events("connection.quarantined").await;
    let told: BTreeSet<_> = told.iter().map(|event| event.json()["id"].to_string()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let found = end_state(&pipeline, &old).await;
    for (what, expected) in &expected {
        assert_eq!(found.get(what), Some(expected), "{what}");
    }
    assert_eq!(found.len(), expected.len());
}
