//! A Redis Cluster that loses a master.

use std::time::Duration;

use sealpost_shared::records::{Expected, Saved, StoreConfig, StoreMode};
use sealpost_tests::{Own, until};

use super::world::{LONG, Raw, World, config};

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
