//! What start-up and `check` say about Redis's durability.

use sealpost::dev::servers::redis::RedisOptions;
use sealpost_shared::records::{Store, StoreMode};
use sealpost_tests::Own;

use super::world::{Raw, World, config, index_key, on_both};

on_both! {
    the_supported_settings_risk_nothing
}

async fn the_supported_settings_risk_nothing(world: World) {
    assert_eq!(world.store.durability().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn each_risky_setting_is_said_with_what_it_can_lose() {
    let redis = Own::redis(RedisOptions::default()).await;
    let raw = Raw::single(&redis.url()).await;
    let store = Store::new(config(StoreMode::Single, &[redis.url()]), index_key()).unwrap();
    for (setting, value, words) in [
        ("appendfsync", "everysec", "can lose the last second"),
        ("appendfsync", "no", "half a minute"),
        ("maxmemory-policy", "allkeys-lru", "vanish"),
        ("appendonly", "no", "loses everything"),
    ] {
        let (_, before): (String, String) = raw.ask(&["CONFIG", "GET", setting]).await.unwrap();
        raw.tell(&["CONFIG", "SET", setting, value]).await;
        let risks = store.durability().await.unwrap();
        assert!(risks.len() == 1 && risks[0].contains(words), "{risks:?}");
        raw.tell(&["CONFIG", "SET", setting, &before]).await;
    }
    assert_eq!(store.durability().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn one_risky_node_of_a_cluster_is_enough() {
    let cluster = Own::redis_cluster(false).await;
    let store = Store::new(config(StoreMode::Cluster, &cluster.urls()), index_key()).unwrap();
    assert_eq!(store.durability().await.unwrap(), Vec::<String>::new());
    Raw::single(&cluster.nodes[2].url()).await.tell(&["CONFIG", "SET", "appendfsync", "everysec"]).await;
    let risks = store.durability().await.unwrap();
    assert!(risks.len() == 1 && risks[0].contains("everysec"), "{risks:?}");
}

#[tokio::test]
async fn where_config_is_denied_it_says_that_it_cannot_see() {
    let redis = Own::redis(RedisOptions::default()).await;
    Raw::single(&redis.url()).await.tell(&["ACL", "SETUSER", "default", "-config"]).await;
    let store = Store::new(config(StoreMode::Single, &[redis.url()]), index_key()).unwrap();
    let risks = store.durability().await.unwrap();
    assert!(risks.len() == 1 && risks[0].contains("does not let us read"), "{risks:?}");
    store.ready().await.unwrap();
}
