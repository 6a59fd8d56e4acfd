//! What rotations cost the vault, by its own count.

use futures_util::{StreamExt, stream};
use sealpost_tests::pipeline::{SOON, rotation_tick};
use sealpost_tests::{Worker, until};

use super::{VAULT, World};

const TENANTS: usize = 100;

/// Every call that a worker makes of a vault for its keys.
async fn calls(world: &World) -> u64 {
    let mut calls = 0;
    for operation in ["get-latest", "get-version", "list-versions"] {
        calls += world.azure.count(VAULT, operation, "").await;
    }
    calls
}

#[tokio::test]
async fn a_sweep_over_a_hundred_tenants_makes_at_most_two_calls_for_each_in_each_worker() {
    // by hand with 1000, for 100,000 records: the calls are the same
    let records = std::env::var("SEALPOST_RECORDS_A_TENANT").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let world = World::of("tokens-{tenant}", "").await;
    let each = async |tenant: usize| {
        let tenant = format!("tenant-{tenant}");
        world.new_version_of(&tenant).await;
        world.seed(&tenant, records).await;
        world.new_version_of(&tenant).await;
    };
    stream::iter(0..TENANTS).for_each_concurrent(4, each).await;
    let workers: [Worker; 2] = tokio::join!(world.pipeline.worker(), world.pipeline.worker()).into();
    let before = calls(&world).await;
    world.pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    let done = until("the rotation is done", SOON * 5, async || {
        world.pipeline.events("rotation.done").await.pop().map(|event| event.json())
    })
    .await;
    assert_eq!(done["counts"]["resealed"], TENANTS * records, "{done}");
    let made = calls(&world).await - before;
    let most = 2 * 2 * TENANTS as u64;
    assert!(made > TENANTS as u64 && made <= most, "{made} calls, {most} at most");
    if records < 10 {
        // one message a shard has room for all of its tenants
        for worker in &workers {
            let (_, page) = worker.page("/metrics").await;
            assert!(!page.contains("outcome=\"continued\""), "{page}");
        }
    }
}
