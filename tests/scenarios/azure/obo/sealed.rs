//! A user's token that is sealed on the wire.

use serde_json::json;

use super::{Proof, World};

#[tokio::test]
async fn a_sealed_assertion_becomes_a_connection_and_under_another_user_it_does_not_open() {
    let world = World::start(Proof::Secret).await;
    let _worker = world.pipeline.worker().await;
    let owner = world.owner("ada").await;
    let plain = world.request(&owner, "ada").await;
    let sealed = world.pipeline.sealed("exchange-request.v1", &plain).await;
    assert!(sealed["grant"]["assertion"]["sealed"].is_string(), "{sealed}");
    let mut moved = sealed.clone();
    moved["owner"]["user"] = json!("0d1e0000-0000-4000-8000-00000000be11");
    assert_eq!(world.ask(&moved).await["failure"]["code"], "sealed-unreadable");
    assert_eq!(world.exchanges().await, 0, "nothing was sent");
    let answer = world.ask(&sealed).await;
    assert_eq!(answer["outcome"], "stored", "{answer}");
    assert_eq!(world.ask(&plain).await, answer, "it is the same request");
}
