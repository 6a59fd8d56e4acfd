//! What a save buries with itself: the token set whose place it takes.

use sealpost_shared::records::{Expected, Metadata, Replaced, Saved};
use sealpost_shared::{ids, records::TombstoneId};

use super::world::{World, metadata, on_both};

on_both! {
    a_save_lays_the_tombstone_of_what_it_replaces_once_and_holds_its_key_version
    without_a_revocation_since_a_save_buries_only_what_nobody_needs
    a_save_that_does_not_happen_buries_nothing
}

/// Saves a newer token set over ada's first one, which goes into a tombstone under the old key version.
async fn replaced(world: &World, always: bool, expected: Option<Expected>) -> (Saved, Vec<TombstoneId>) {
    world.store.save(&world.draft("ada"), Expected::Absent).await.unwrap();
    let record = world.load(&world.draft("ada").id()).await;
    let (content, key) = (world.content("ada"), (&world.old.name, &world.old.key));
    let tombstone = world.store.tombstone(&content, record.metadata.generation, key).unwrap();
    let newer = Metadata { generation: ids::fresh(), ..metadata() };
    let draft = world.store.draft(&content, newer, &world.new.name, &world.new.key).unwrap();
    let draft = draft.in_place_of(Some(Replaced { tombstone, always }));
    let expected = expected.unwrap_or(Expected::Revision(record.revision));
    let saved = world.store.save(&draft, expected).await.unwrap();
    (saved, world.store.tombstones_of(&record.id).await.unwrap())
}

async fn a_save_lays_the_tombstone_of_what_it_replaces_once_and_holds_its_key_version(world: World) {
    let (saved, tombstones) = replaced(&world, true, None).await;
    assert!(matches!(saved, Saved::Written(_)) && tombstones.len() == 1, "{saved:?} {tombstones:?}");
    let read = world.store.load_tombstone(&tombstones[0]).await.unwrap().unwrap();
    assert!(read.open(&world.old.key).unwrap().tokens.refresh_token.is_some());
    let shard = tombstones[0].record.shard;
    assert_eq!(world.store.count_held(shard, &world.old.name).await.unwrap(), 1, "the tombstone");
    assert_eq!(world.store.count_held(shard, &world.new.name).await.unwrap(), 1, "the record");
}

async fn without_a_revocation_since_a_save_buries_only_what_nobody_needs(world: World) {
    let (saved, tombstones) = replaced(&world, false, None).await;
    assert!(matches!(saved, Saved::Written(_)) && tombstones.is_empty(), "{saved:?} {tombstones:?}");
}

async fn a_save_that_does_not_happen_buries_nothing(world: World) {
    let (saved, tombstones) = replaced(&world, true, Some(Expected::Absent)).await;
    assert!(saved == Saved::Moved && tombstones.is_empty(), "{saved:?} {tombstones:?}");
}
