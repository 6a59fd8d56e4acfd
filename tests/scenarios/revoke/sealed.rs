//! Tombstones are sealed like everything else, and move to a new key version with it.

use redis::AsyncCommands;
use sealpost_tests::pipeline::rotation_tick;
use serde_json::json;

use super::world::{done, minted, not_yet, one, pipeline, step, word};

#[tokio::test]
async fn a_tombstone_keeps_its_key_version_until_a_rotation_seals_it_anew_and_then_opens_with_the_new_one() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    let tokens = minted(&pipeline, "ada", "default").await;
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503})).await;
    let request = one("ada");
    not_yet(&step, &request, 1).await;
    let old = pipeline.newest_version().await;
    let new = pipeline.rotate_key();
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (1, 0));

    // nothing of it can be read in Redis
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis.keys("*tombstone:*").await.unwrap();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let fields: Vec<(String, Vec<u8>)> = redis.hgetall(&keys[0]).await.unwrap();
    // names that no hexadecimal number has in it by chance
    let names = ["acme", "practice"];
    for secret in ["refresh_token", "access_token"].map(|name| tokens[name].as_str().unwrap()).into_iter().chain(names)
    {
        for (field, value) in &fields {
            assert!(!value.windows(secret.len()).any(|part| part == secret.as_bytes()), "{field} shows {secret}");
        }
        assert!(!keys[0].contains(secret));
    }

    let worker = pipeline.worker_with(&["rotate", "rotate-shard"], &[]).await;
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    let rotated = pipeline.event("rotation.done").await.json();
    assert_eq!(rotated["counts"]["resealed"], 1, "{rotated}");
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (0, 1));
    assert_eq!(word(&done(&super::world::step(&pipeline).await, &request, 2).await, "ada"), "revoked");
    assert_eq!(pipeline.held(&new).await, 0);
    drop(worker);
}
