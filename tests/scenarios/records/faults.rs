//! A Redis that refuses, is slow, or is away: each is told apart, fails in time, and is over when it is over.

use std::time::Duration;

use sealpost::dev::servers::redis::RedisOptions;
use sealpost_schemas::Code;
use sealpost_shared::{
    failure::{Failure, Verdict},
    records::{Expected, Saved, Store, StoreError, StoreMode, Trouble},
};
use sealpost_tests::{Own, Proxy, Weather, freeze, until};

use super::world::{LONG, Raw, World, config, hasty, index_key};

/// A Redis of the test's own with one record, and a store that gives up soon.
async fn own(options: &[&str]) -> (Own<sealpost::dev::servers::redis::Redis>, World) {
    let args = options.iter().map(ToString::to_string).collect();
    let redis = Own::redis(RedisOptions { args }).await;
    let world = World::on(hasty(&redis.url()), Raw::single(&redis.url()).await);
    world.saved("ada").await;
    (redis, world)
}

/// A save of somebody new.
async fn save(world: &World) -> Result<Saved, StoreError> {
    world.store.save(&world.draft("grace"), Expected::Absent).await
}

/// What a step makes of it.
fn retried(error: StoreError) {
    assert!(error.to_string().starts_with("cannot "), "{error}");
    let failure = Failure::from(error);
    assert_eq!(failure.code, Code::StoreUnavailable);
    assert!(matches!(failure.verdict, Verdict::Defer { .. }), "{:?}", failure.verdict);
}

#[tokio::test]
async fn a_replica_is_read_and_not_written() {
    let (_redis, world) = own(&[]).await;
    // Of a primary that is not there.
    world.raw.tell(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let error = save(&world).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::ReadOnly);
    retried(error);
    world.load(&world.store.locate(&world.connection("ada"))).await;
    world.raw.tell(&["REPLICAOF", "NO", "ONE"]).await;
    assert!(matches!(save(&world).await.unwrap(), Saved::Written(_)));
}

#[tokio::test]
async fn a_full_redis_is_read_and_not_written() {
    let (_redis, world) = own(&[]).await;
    world.raw.tell(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = save(&world).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::OutOfMemory);
    retried(error);
    let ada = world.load(&world.store.locate(&world.connection("ada"))).await;
    assert!(world.store.load(&world.store.locate(&world.connection("grace"))).await.unwrap().is_none());
    assert_eq!(world.store.count_held(ada.id.shard, &world.old.name).await.unwrap(), 1);
    world.raw.tell(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert!(matches!(save(&world).await.unwrap(), Saved::Written(_)));
}

#[tokio::test]
async fn a_redis_that_cannot_save_is_not_written() {
    // A folder where the snapshot should be makes every snapshot fail.
    let (redis, world) = own(&["--dbfilename", "blocked", "--save", "3600 1", "--rdbcompression", "no"]).await;
    std::fs::create_dir(redis.folder().join("blocked")).unwrap();
    world.raw.tell(&["BGSAVE"]).await;
    until("the snapshot failed", LONG, async || {
        world
            .raw
            .ask::<String>(&["INFO", "persistence"])
            .await
            .is_ok_and(|info| info.contains("last_bgsave_status:err"))
    })
    .await;
    let error = save(&world).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::CannotPersist);
    retried(error);
}

#[tokio::test]
async fn a_redis_without_enough_replicas_is_not_written() {
    let (_redis, world) = own(&[]).await;
    world.raw.tell(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
    let error = save(&world).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::TooFewReplicas);
    retried(error);
}

#[tokio::test]
async fn a_forbidden_command_and_a_wrong_password_are_told_apart() {
    let (redis, world) = own(&[]).await;
    world.raw.tell(&["ACL", "SETUSER", "limited", "on", ">hunter2", "~*", "+@all", "-scard"]).await;
    let as_user = |password: &str| {
        let url = redis.url().replace("redis://", &format!("redis://limited:{password}@"));
        Store::new(hasty(&url), index_key()).unwrap()
    };
    let id = world.store.locate(&world.connection("ada"));
    let error = as_user("hunter2").count_held(id.shard, &world.old.name).await.unwrap_err();
    assert!(matches!(&error.trouble, Trouble::NoPermission(what) if what.contains("scard")), "{error}");
    retried(error);
    // Inside a script, where Redis says it in other words.
    world.raw.tell(&["ACL", "SETUSER", "limited", "-hset"]).await;
    let draft = world.draft("grace");
    let error = as_user("hunter2").save(&draft, Expected::Absent).await.unwrap_err();
    assert!(matches!(&error.trouble, Trouble::NoPermission(_)), "{error}");
    let error = as_user("hunter3").load(&id).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::Authentication);
    assert!(!format!("{error} {error:?}").contains("hunter"), "{error}");
    world.raw.tell(&["ACL", "SETUSER", "default", ">hunter4"]).await;
    let error = Store::open(hasty(&redis.url()), index_key()).await.err().unwrap();
    assert_eq!(error.trouble, Trouble::Authentication);
}

#[tokio::test]
async fn a_redis_that_loads_its_data_says_so_and_then_serves() {
    let slow = ["--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024"];
    let (mut redis, world) = own(&slow).await;
    for number in 0..300 {
        world.raw.tell(&["SET", &format!("filler:{number}"), &"x".repeat(500)]).await;
    }
    // Loading a snapshot it answers in between; loading a log of commands, hardly ever.
    world.raw.tell(&["BGREWRITEAOF"]).await;
    until("the snapshot is made", LONG, async || {
        let info: String = world.raw.ask(&["INFO", "persistence"]).await.unwrap();
        info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrites:1")
    })
    .await;
    let id = world.store.locate(&world.connection("ada"));
    redis.kill9().await;
    let store = Store::new(hasty(&redis.url()), index_key()).unwrap();
    let loading = until("it says that it is loading", LONG, async || {
        store.load(&id).await.err().filter(|error| error.trouble == Trouble::Loading)
    });
    let (restarted, error) = tokio::join!(redis.restart(), loading);
    restarted.unwrap();
    retried(error);
    until("it serves", LONG, async || store.load(&id).await.is_ok()).await;
}

#[tokio::test]
async fn a_frozen_redis_fails_in_time_and_serves_afterwards() {
    let (redis, world) = own(&[]).await;
    let id = world.store.locate(&world.connection("ada"));
    freeze(redis.process()).await;
    let error = world.store.load(&id).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::NoReply { .. }), "{error}");
    retried(error);
    // A new connection is not served either, and a write that was never sent is not called unknown.
    let error = save(&world).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::Unreachable { .. }), "{error}");
    redis.process().sigcont();
    until("it serves", LONG, async || world.store.load(&id).await.is_ok()).await;
}

#[tokio::test]
async fn a_slow_way_is_slow_and_works() {
    let (redis, world) = own(&[]).await;
    let proxy = Proxy::to_port(redis.port()).await;
    let store = Store::new(config(StoreMode::Single, &[proxy.url(&redis.url())]), index_key()).unwrap();
    proxy.set(Weather::Latency(Duration::from_millis(50)));
    let saved = store.save(&world.draft("grace"), Expected::Absent).await.unwrap();
    assert!(matches!(saved, Saved::Written(_)));
}

#[tokio::test]
async fn a_way_that_swallows_everything_fails_in_time_and_is_left_for_a_new_one() {
    let (redis, world) = own(&[]).await;
    let proxy = Proxy::to_port(redis.port()).await;
    let store = Store::new(hasty(&proxy.url(&redis.url())), index_key()).unwrap();
    let id = world.store.locate(&world.connection("ada"));
    store.load(&id).await.unwrap();
    proxy.set(Weather::BlackHole);
    let error = store.load(&id).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::NoReply { .. }), "{error}");
    retried(store.load(&id).await.unwrap_err());
    proxy.set(Weather::Fair);
    until("it serves", LONG, async || store.load(&id).await.is_ok()).await;
}

#[tokio::test]
async fn a_killed_redis_fails_at_once_and_serves_when_it_is_back() {
    let (mut redis, world) = own(&[]).await;
    let before = world.load(&world.store.locate(&world.connection("ada"))).await;
    redis.kill9().await;
    let port = redis.port().to_string();
    let error = until("the lost connection is noticed", LONG, async || {
        let error = world.store.load(&before.id).await.unwrap_err();
        matches!(error.trouble, Trouble::Unreachable { .. }).then_some(error)
    })
    .await;
    assert!(error.to_string().contains(&port), "{error}");
    retried(error);
    redis.restart().await.unwrap();
    let after =
        until("it serves", LONG, async || world.store.load(&before.id).await.ok()).await.expect("what was confirmed");
    assert_eq!(after.revision, before.revision);
    // Its cache of scripts is empty now.
    assert!(matches!(save(&world).await.unwrap(), Saved::Written(_)));
}

#[tokio::test]
async fn many_who_meet_a_dead_redis_share_its_next_connection() {
    let (mut redis, world) = own(&[]).await;
    let id = world.store.locate(&world.connection("ada"));
    redis.kill9().await;
    let tries = || futures_util::future::join_all((0..100).map(|_| world.store.load(&id)));
    assert!(tries().await.iter().all(Result::is_err));
    redis.restart().await.unwrap();
    until("it serves all", LONG, async || tries().await.iter().all(Result::is_ok)).await;
    let listed: String = Raw::single(&redis.url()).await.ask(&["CLIENT", "LIST"]).await.unwrap();
    let clients = listed.lines().filter(|line| !line.contains("cmd=client")).count();
    assert_eq!(clients, 1, "{listed}");
}
