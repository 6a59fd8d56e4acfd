//! A second revocation of the same connection, and one that comes again.

use redis::AsyncCommands;
use serde_json::json;

use super::world::{all_of, attempt, done, minted, not_yet, one, owner, pipeline, redis, step, sweep, word};

#[tokio::test]
async fn a_second_revocation_hears_what_became_of_tokens_that_the_first_one_buried() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    for second in [one("ada"), all_of("ada")] {
        minted(&pipeline, "ada", "default").await;
        let first = one("ada");
        pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503})).await;
        not_yet(&step, &first, 1).await;
        // somebody else is at the tokens when the second one comes
        let ada = sealpost_tests::pipeline::connection("acme", "ada");
        let turn = step.keeper.consent_turn(&ada).await.map_err(|failure| failure.message).unwrap().unwrap();
        not_yet(&step, &second, 1).await;
        step.keeper.end_consent_turn(turn).await;
        assert_eq!(sweep(&step, 5).await, 0);
        assert_eq!(word(&done(&step, &second, 2).await, "ada"), "revoked");
        assert_eq!(word(&done(&step, &first, 2).await, "ada"), "revoked");
    }
}

#[tokio::test]
async fn a_revocation_that_comes_again_is_remembered_anew() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    let request = all_of("ada");
    assert!(attempt(&step, &request, 1).await.is_ok());
    let mut redis = redis(&pipeline).await;
    let keys: Vec<String> = redis.keys("*:revocation:*").await.unwrap();
    let begun: Vec<_> = keys.iter().filter(|key| !key.ends_with("receipts")).collect();
    assert_eq!(begun.len(), 1, "{keys:?}");
    let _: () = redis.expire(begun[0], 60 * 60).await.unwrap();
    assert!(attempt(&step, &request, 2).await.is_ok());
    let left: i64 = redis.ttl(begun[0]).await.unwrap();
    assert!(left > 6 * 24 * 60 * 60, "{left}");
    assert_eq!(step.keeper.store().epoch(&owner("ada")).await.unwrap(), 1, "and is the same");
}
