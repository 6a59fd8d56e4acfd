//! A refresh whose answer is lost, at a tenant where an old refresh token stays good, and at one where it ends its family.

use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_tests::pipeline::SOON;
use sealpost_tests::until;
use serde_json::json;

use super::{Proof, World, failed, job};

#[tokio::test]
async fn a_lost_answer_costs_nothing_where_old_tokens_stay_good_and_the_consent_where_they_do_not() {
    for (reuse, heals) in [("stays-good", true), ("ends-the-family", false)] {
        let world = World::start(Proof::Certificate).await;
        let _worker = world.pipeline.worker().await;
        world.settings(1, reuse).await;
        let owner = world.connect("ada").await;
        let mut expires = world.record(&owner).await.unwrap().metadata.access_expires_at.unwrap();
        until("the access token expires", SOON, async || SystemClock.now() > expires).await;
        // one refresh that nothing happens to
        let answer = world.publish(&owner).await;
        assert_eq!(answer["outcome"], "published", "{reuse}: {answer}");
        expires = world.record(&owner).await.unwrap().metadata.access_expires_at.unwrap();
        until("the access token expires", SOON, async || SystemClock.now() > expires).await;
        world.settings(3600, reuse).await;
        world.azure.fault(json!({"at": "tenant", "path": "token", "kind": "drop", "when": "after"})).await;
        let answer = world.pipeline.ask("publish-job.v1", &job(&owner)).await;
        if heals {
            assert_eq!(answer["outcome"], "published", "{answer}");
        } else {
            failed(&answer, "refresh-outcome-lost");
        }
        assert_eq!(
            world.azure.asked(world.tenant(), "refresh_token").await,
            3,
            "{reuse}: one, the lost one, its repeat"
        );
    }
}
