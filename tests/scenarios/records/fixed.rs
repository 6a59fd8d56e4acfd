//! What a store is fixed to at its first use.

use std::sync::Arc;

use sealpost::dev::servers::redis::RedisOptions;
use sealpost_shared::{
    keys::IndexKey,
    records::{Mismatch, Store, StoreConfig, StoreError, StoreMode, Trouble},
};
use sealpost_tests::{Own, until};
use secrecy::ExposeSecret;

use super::world::{LONG, Raw, World, config, index_key, on_both};

on_both! {
    another_number_of_shards_is_refused
    another_index_key_is_refused
}

async fn another_number_of_shards_is_refused(world: World) {
    world.store.ready().await.unwrap();
    let config = StoreConfig { shards: 128, ..world.config.clone() };
    let error = Store::open(config, index_key()).await.err().unwrap();
    let expected = Mismatch::Shards { stored: "256".into(), configured: 128 };
    assert_eq!(error.trouble, Trouble::Mismatch(expected));
    assert!(error.to_string().contains("configure 256"), "{error}");
    world.store.ready().await.unwrap();
}

async fn another_index_key_is_refused(world: World) {
    world.store.ready().await.unwrap();
    let other = Arc::new(IndexKey::random().unwrap());
    let store = Store::new(world.config.clone(), other.clone()).unwrap();
    let expected = Mismatch::IndexKey { stored: index_key().fingerprint(), ours: other.fingerprint() };
    // Whatever is tried first.
    let error = store.load(&world.draft("ada").id()).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::Mismatch(expected));
}

#[tokio::test]
async fn a_store_that_is_emptied_or_replaced_meanwhile_is_not_taken_for_a_new_one() {
    let world = World::single().await;
    world.saved("ada").await;
    let id = world.store.locate(&world.connection("ada"));
    let replaced = |error: StoreError| assert_eq!(error.trouble, Trouble::Mismatch(Mismatch::Replaced));
    world.raw.tell(&["FLUSHALL"]).await;
    replaced(world.store.ready().await.unwrap_err());
    // nor when it connects anew
    world.raw.tell(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    until("it sees that", LONG, async || world.store.load(&id).await.is_err()).await;
    replaced(world.store.load(&id).await.unwrap_err());
    // a process that begins now makes a new one, and that is still not what the first has seen
    let other = Store::open(world.config.clone(), index_key()).await.unwrap();
    assert!(other.load(&id).await.unwrap().is_none());
    until("it looks again", LONG, async || world.store.ready().await.is_err()).await;
    replaced(world.store.load(&id).await.unwrap_err());
}

#[tokio::test]
async fn another_layout_is_refused() {
    let redis = Own::redis(RedisOptions::default()).await;
    let raw = Raw::single(&redis.url()).await;
    raw.tell(&["HSET", "{sp:meta}", "layout", "2", "shards", "256", "index-key", &index_key().fingerprint()]).await;
    let error = Store::open(config(StoreMode::Single, &[redis.url()]), index_key()).await.err().unwrap();
    assert_eq!(error.trouble, Trouble::Mismatch(Mismatch::Layout { stored: "2".into() }));
}

#[tokio::test]
async fn a_store_may_be_made_before_redis_is_there() {
    let mut redis = Own::redis(RedisOptions::default()).await;
    redis.kill9().await;
    let store = Store::new(config(StoreMode::Single, &[redis.url()]), index_key()).unwrap();
    let error = store.ready().await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::Unreachable { .. }), "{error}");
    redis.restart().await.unwrap();
    until("the store is ready", LONG, async || store.ready().await.is_ok()).await;
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_without_its_password() {
    let urls = ["redis://user:hunter2@ho st:1", "redis://user:hunter2@host:port", "http://user:hunter2@host"];
    for url in urls {
        let error = Store::new(config(StoreMode::Single, &[url.into()]), index_key()).err().unwrap();
        assert!(matches!(error.trouble, Trouble::Config(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let none = Store::new(config(StoreMode::Cluster, &[]), index_key()).err().unwrap();
    assert!(none.to_string().contains("no address"), "{none}");
    let mut zero = config(StoreMode::Single, &["redis://127.0.0.1:1".into()]);
    zero.shards = 0;
    assert!(Store::new(zero, index_key()).err().unwrap().to_string().contains("shards"));
    assert!(!format!("{:?}", config(StoreMode::Single, &[urls[0].into()])).contains("hunter2"));
}

#[tokio::test]
async fn a_refused_user_of_a_cluster_is_told_as_such() {
    let world = World::cluster().await;
    let url = world.config.urls[0].expose_secret().replace("redis://", "redis://nobody:hunter2@");
    let error = Store::open(config(StoreMode::Cluster, &[url]), index_key()).await.err().unwrap();
    assert_eq!(error.trouble, Trouble::Authentication);
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[tokio::test]
async fn tls_to_a_redis_without_it_is_an_error_and_no_panic() {
    let world = World::single().await;
    let url = world.config.urls[0].expose_secret().replace("redis://", "rediss://");
    let error = Store::open(config(StoreMode::Single, &[url]), index_key()).await.err().unwrap();
    assert!(matches!(error.trouble, Trouble::Unreachable { .. }), "{error}");
}
