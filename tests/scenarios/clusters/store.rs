//! A Redis Cluster of three masters with a replica each.

use sealpost::dev::servers::redis::{Redis, RedisCluster};
use sealpost_shared::records::{Store, StoreConfig, StoreMode};
use sealpost_tests::{Own, Pipeline, Rig, Sandbox, Setup, freeze, until};

use super::{LONG, USERS, more, name_all, through};

/// What a node answers, if it does.
async fn asked(node: &Redis, words: &[&str]) -> Option<String> {
    let mut connection = redis::Client::open(node.url()).unwrap().get_multiplexed_async_connection().await.ok()?;
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.ok()
}

/// Whether a node is a replica that has everything, or a master whose replica has.
async fn replicated(node: &Redis) -> bool {
    let Some(info) = asked(node, &["INFO", "replication"]).await else { return false };
    let number = |name: &str| -> Option<u64> {
        let rest = &info[info.find(name)? + name.len()..];
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    if info.contains("role:slave") {
        return info.contains("master_link_status:up");
    }
    number("master_repl_offset:").is_some_and(|written| number(",offset=") == Some(written))
}

/// The master of the shard in which this tenant's one connection is.
async fn master(cluster: &RedisCluster, shard: u16) -> usize {
    until("the shard has a master", LONG, async || {
        for (number, node) in cluster.nodes.iter().enumerate() {
            // a replica sends elsewhere, and says nothing
            if asked(node, &["TYPE", &format!("{{sp:{shard:03}}}:versions")]).await.as_deref() == Some("set") {
                return Some(number);
            }
        }
        None
    })
    .await
}

#[tokio::test]
async fn jobs_and_a_sweep_outlive_the_master_of_their_slot_stopped_and_killed() {
    let mut cluster = Own::redis_cluster(true).await;
    let urls = cluster.urls();
    let setup = Setup { shards: 8, redis_url: Some(urls[0].clone()), ..Setup::default() };
    let pipeline = Pipeline::of(Rig::start().await, Sandbox::start().await, setup).await;
    let text = sealpost_tests::pipeline::text_of(&pipeline.config());
    pipeline.write("sealpost.toml", &text.replace("[store]\n", "[store]\ncluster = true\n"));
    name_all(&pipeline, "redis.url", &urls[..3]);
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let keys = pipeline.sealing_keys().await;
    let config = StoreConfig::new(StoreMode::Cluster, urls.iter().map(|url| url.as_str().into()));
    let store = Store::open(StoreConfig { shards: 8, ..config }, keys.index_key()).await.unwrap();
    let shard = store.locate(&sealpost_tests::pipeline::connection("acme", "ada")).shard;
    pipeline.seed_by(&pipeline.keeper_of(store, keys), "acme", USERS).await;
    let leader = master(&cluster, shard).await;
    let broker = [pipeline.rig.amqp_url().to_owned()];
    through(&pipeline, &broker, async |answered| {
        println!("SIGSTOP of the master of ada's slot");
        freeze(cluster.nodes[leader].process()).await;
        more(answered, 12).await;
        cluster.nodes[leader].process().sigcont();
        for node in &cluster.nodes {
            until("replication goes on", LONG, async || replicated(node).await).await;
        }
        let leader = master(&cluster, shard).await;
        println!("SIGKILL of its master now");
        cluster.nodes[leader].kill9().await;
        more(answered, 12).await;
        cluster.nodes[leader].restart().await.unwrap();
    })
    .await;
    assert!(worker.lives());
}
