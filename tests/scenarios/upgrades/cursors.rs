//! Where another release's worker says that a walk goes on, in a way of its own.

use sealpost_shared::ids;
use sealpost_tests::{Pipeline, Setup};
use serde_json::json;

#[tokio::test]
async fn a_rotation_whose_cursor_this_release_cannot_read_begins_its_shard_anew() {
    let pipeline = Pipeline::start_with(Setup { shards: 1, ..Setup::default() }).await;
    pipeline.seed(5).await;
    let older = pipeline.newest_version().await;
    pipeline.rotate_key();
    let _worker = pipeline.worker().await;
    let shard = json!({
        "id": ids::fresh(), "tick": ids::fresh(), "shard": 0, "mode": "rewrap", "cursor": "0/tokens/1f0c3b8e/120"
    });
    pipeline.send("rotation-shard.v1", &shard).await;
    let done = pipeline.event("rotation.shard-done").await.json();
    assert_eq!(done["counts"]["resealed"], 5, "{done}");
    assert_eq!(pipeline.held(&older).await, 0);
}

#[tokio::test]
async fn a_revocation_whose_cursor_this_release_cannot_read_begins_its_shard_anew() {
    let pipeline = Pipeline::start_with(Setup { shards: 1, ..Setup::default() }).await;
    pipeline.seed(5).await;
    let _worker = pipeline.worker().await;
    let shard = json!({
        "id": ids::fresh(), "request": ids::fresh(), "tenant": "acme", "shard": 0, "part": 1, "left": 2, "cursor": "tokens/120"
    });
    pipeline.send("revocation-shard.v1", &shard).await;
    let done = pipeline.event("connection.revoked").await.json();
    assert_eq!(done["counts"]["unsupported"], 5, "{done}");
}
