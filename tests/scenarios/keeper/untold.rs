//! What a rotation found out and did not tell, told by a later attempt.

use std::{fs, sync::Arc};

use sealpost::{
    providers::Catalogue,
    rotate::RotateShard,
    step::{Attempt, FollowUps, ReplyTo, Step},
};
use sealpost_schemas::{Code, RotationShard};
use sealpost_shared::{
    clock::{Clock, SystemClock},
    ids,
    keys::LocalKeys,
    records::{Saved, Standing},
};
use serde_json::json;

use super::world::{PATIENT, World, words};

/// What is told by an attempt at the shard of ada's record, whom somebody found to need consent.
async fn told(world: &World, number: u32, redelivered: bool) -> Vec<&'static str> {
    let catalogue = world.file("none.toml");
    fs::write(&catalogue, "").unwrap();
    let step =
        RotateShard { keeper: world.keeper(PATIENT).await, catalogue: Arc::new(Catalogue::read(&catalogue).unwrap()) };
    let shard = world.record("ada").await.id.shard;
    let message = json!({"id": ids::fresh(), "tick": ids::fresh(), "shard": shard, "mode": "refresh",
        "due_before": "2020-01-01T00:00:00Z", "counts": {}});
    let message: RotationShard = serde_json::from_value(message).unwrap();
    let walked = step.run(
        &message,
        Attempt { number, now: SystemClock.now(), redelivered, put_off: false, lined_up: false, reply: ReplyTo::Queue },
    );
    let walked = walked.await;
    let emission = walked.map_err(|failure| words(&failure)).unwrap().emission().unwrap();
    emission.events.iter().map(|event| event.topic).collect()
}

async fn needy() -> World {
    let world = World::start().await;
    world.expired("ada").await;
    let (keeper, record) = (world.keeper(PATIENT).await, world.record("ada").await);
    let standing = Standing::needs_consent(SystemClock.now(), Code::RefreshOutcomeLost);
    assert!(matches!(keeper.store().end_refresh(&record, &standing).await.unwrap(), Saved::Written(_)));
    world
}

#[tokio::test]
async fn a_redelivery_that_failed_before_it_told_leaves_that_to_the_next_attempt() {
    let world = needy().await;
    assert!(!told(&world, 1, false).await.contains(&"connection.needs-consent"));
    assert!(told(&world, 2, false).await.contains(&"connection.needs-consent"));
}

#[tokio::test]
async fn a_connection_whose_key_is_away_keeps_a_redelivery_from_nothing() {
    let world = needy().await;
    let key = world.record("ada").await.key().clone();
    world.rotate_key();
    LocalKeys::set_enabled(&world.keyring(), &key, false).unwrap();
    assert!(told(&world, 1, true).await.contains(&"rotation.shard-done"));
}
