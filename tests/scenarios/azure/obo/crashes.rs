//! An assertion is sent once, whatever happens to the worker that sent it.

use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::pipeline::SOON;
use sealpost_tests::until;
use serde_json::json;

use super::{Proof, World, failed};

#[tokio::test]
async fn an_assertion_whose_worker_died_in_the_call_is_not_sent_again() {
    for (when, sent) in [("before", 0), ("after", 1)] {
        let world = World::start(Proof::Secret).await;
        let owner = world.owner("ada").await;
        let worker = world.pipeline.worker().await;
        world.azure.fault(json!({"at": "tenant", "path": "token", "kind": "hang", "when": when})).await;
        let request = world.request(&owner, "ada").await;
        let correlation = world.pipeline.send("exchange-request.v1", &request).await;
        until("the token call is made", SOON, async || world.azure.faults_fired().await == 1).await;
        worker.kill9().await;
        let _other = world.pipeline.worker().await;
        let answer = world.pipeline.answer(&correlation).await.json();
        failed(&answer, "exchange-outcome-lost");
        assert!(answer["failure"]["message"].as_str().unwrap().contains("the assertion was sent"), "{answer}");
        assert_eq!(world.ask(&request).await, answer, "the same is told again");
        assert_eq!(world.exchanges().await, sent, "{when}");
        assert!(world.record(&owner).await.is_none(), "{when}");
    }
}

/// The commands to Redis, once it knows the scripts: begin, read the record, look whether it takes writes, read the epoch,
/// take the turn, sending, save.
const SAVE: u32 = 7;

#[tokio::test]
async fn what_an_assertion_brought_is_lost_with_its_worker_or_stored_and_never_asked_for_twice() {
    for (side, stored) in [(Side::Before, false), (Side::After, true)] {
        let world = World::start(Proof::Certificate).await;
        let first = world.pipeline.worker().await;
        world.connect("grace").await;
        first.terminate();
        assert!(first.ended().await.success());
        let owner = world.owner("ada").await;
        let redis = Breakpoint::to_port(world.pipeline.rig.redis.port(), side, Then::Hold).await;
        world.pipeline.write("redis.url", &redis.url());
        let victim = world.pipeline.worker_with(&["exchange"], &[]).await;
        world.pipeline.write("redis.url", &world.pipeline.rig.redis_url());
        redis.arm(SAVE);
        let correlation = world.pipeline.send("exchange-request.v1", &world.request(&owner, "ada").await).await;
        redis.reached().await;
        assert_eq!(world.exchanges().await, 2, "sent, and not saved yet");
        victim.kill9().await;
        let _other = world.pipeline.worker_with(&["exchange"], &[]).await;
        let answer = world.pipeline.answer(&correlation).await.json();
        if stored {
            assert_eq!(answer["outcome"], "stored", "{answer}");
        } else {
            failed(&answer, "exchange-outcome-lost");
        }
        assert_eq!(world.record(&owner).await.is_some(), stored, "{side:?}");
        assert_eq!(world.exchanges().await, 2, "{side:?}");
    }
}
