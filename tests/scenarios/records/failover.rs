//! Servers that die under the store: a cluster's masters, and a writer who must know what it wrote.

use std::{cell::Cell, time::Duration};

use sealpost::dev::servers::redis::RedisOptions;
use sealpost_shared::records::{Expected, Saved, StoreConfig, StoreMode, Trouble};
use sealpost_tests::{Own, until};

use super::world::{LONG, Raw, World, config, number};

#[tokio::test]
async fn a_store_outlives_each_master_and_keeps_what_was_confirmed() {
    let mut cluster = Own::redis_cluster(true).await;
    let timeout = Duration::from_secs(1);
    let config = StoreConfig {
        response_timeout: timeout,
        connect_timeout: timeout,
        ..config(StoreMode::Cluster, &cluster.urls())
    };
    let raw = Raw::single(&cluster.nodes[0].url()).await;
    let world = World::on(config, raw);
    // Enough owners for every master to have some.
    let mut records = Vec::new();
    for number in 0..12 {
        records.push(world.saved(&format!("user {number}")).await);
    }
    // A master that replicated everything it confirmed loses nothing.
    for node in &cluster.nodes {
        replicated(node).await;
    }
    for master in 0..3 {
        cluster.nodes[master].kill9().await;
        for (number, record) in records.iter_mut().enumerate() {
            let user = format!("user {number}");
            *record = until("the record is there again", LONG, async || world.store.load(&record.id).await.ok())
                .await
                .expect("what was confirmed and replicated");
            let draft = world.draft(&user);
            let saved = until("the record can be written again", LONG, async || {
                world.store.save(&draft, Expected::Revision(record.revision)).await.ok()
            });
            assert!(matches!(saved.await, Saved::Written(_)));
        }
        cluster.nodes[master].restart().await.unwrap();
        for node in &cluster.nodes {
            replicated(node).await;
        }
    }
    for number in 0..12 {
        world.saved(&format!("late user {number}")).await;
    }
}

#[tokio::test]
async fn a_writer_through_crashes_of_redis_knows_what_it_wrote() {
    let mut redis = Own::redis(RedisOptions::default()).await;
    let world = World::on(config(StoreMode::Single, &[redis.url()]), Raw::single(&redis.url()).await);
    let crashes = async |written: &Cell<u64>| {
        for _ in 0..3 {
            some_more(written).await;
            redis.kill9().await;
            redis.restart().await.unwrap();
        }
    };
    written_through(&world, crashes).await;
}

#[tokio::test]
async fn a_writer_through_crashes_of_a_cluster_knows_what_it_wrote() {
    // Without replicas, so that nothing that was confirmed can be lost: every node flushes before it answers.
    let mut cluster = Own::redis_cluster(false).await;
    let world = World::on(config(StoreMode::Cluster, &cluster.urls()), Raw::single(&cluster.nodes[0].url()).await);
    let crashes = async |written: &Cell<u64>| {
        for node in 0..3 {
            some_more(written).await;
            cluster.nodes[node].kill9().await;
            cluster.nodes[node].restart().await.unwrap();
        }
    };
    written_through(&world, crashes).await;
}

/// One writer alone: whatever is sent twice on the way, by us or by the client, the count must come out right.
async fn written_through(world: &World, crashes: impl AsyncFnOnce(&Cell<u64>)) {
    let first = world.saved("ada").await;
    let (written, unknown, over) = (Cell::new(0), Cell::new(0), Cell::new(false));
    let writer = async {
        while !over.get() {
            let Ok(Some(record)) = world.store.load(&first.id).await else { continue };
            match world.store.save(&world.draft("ada"), Expected::Revision(record.revision)).await {
                Ok(Saved::Written(_)) => written.set(written.get() + 1),
                // A write that was given up can still arrive before the next one.
                Ok(Saved::Moved) => assert!(unknown.get() > 0, "nobody else writes"),
                Err(error) => unknown.set(unknown.get() + u64::from(matches!(error.trouble, Trouble::Unknown(_)))),
            }
        }
    };
    tokio::join!(writer, async {
        crashes(&written).await;
        some_more(&written).await;
        over.set(true);
    });
    let (written, unknown) = (written.get(), unknown.get());
    let last = until("it serves", LONG, async || world.store.load(&first.id).await.ok()).await.expect("the record");
    let counted = number(&last) - number(&first);
    assert!(
        (written..=written + unknown).contains(&counted),
        "{written} written, {unknown} unknown, {counted} counted"
    );
}

/// Waits for ten more writes.
async fn some_more(written: &Cell<u64>) {
    let before = written.get();
    until("it is written", LONG, async || written.get() > before + 10).await;
}

/// Waits until a node is a replica that follows, or a master whose replica has everything.
async fn replicated(node: &sealpost::dev::servers::redis::Redis) {
    let raw = Raw::single(&node.url()).await;
    until("replication has caught up", LONG, async || {
        let info: String = raw.ask(&["INFO", "replication"]).await.unwrap();
        let number = |name: &str| -> Option<u64> {
            let rest = &info[info.find(name)? + name.len()..];
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        if info.contains("role:slave") {
            return info.contains("master_link_status:up");
        }
        number("master_repl_offset:").is_some_and(|written| number(",offset=") == Some(written))
    })
    .await;
}
