//! What a refresh needs of the store: a lease, a marker, and a save that asks for the parent only.

use jiff::Timestamp;
use std::time::Duration;

use sealpost_schemas::Code;
use sealpost_shared::{
    ids,
    records::{Expected, Marker, Metadata, Saved, Standing, State},
};
use sealpost_tests::until;

use super::world::{LONG, World, metadata, on_both, time};

on_both! {
    a_lease_has_one_holder_until_it_is_given_back_or_over
    a_save_on_the_generation_asks_only_that_its_parent_is_stored
    a_marker_is_written_and_taken_away_and_nothing_else
    the_end_of_a_refresh_takes_the_marker_away_and_nothing_is_due_any_more
    what_a_refresh_of_an_ended_token_set_brings_is_not_saved
}

async fn a_lease_has_one_holder_until_it_is_given_back_or_over(world: World) {
    let (store, id) = (&world.store, world.store.locate(&world.connection("ada")));
    let first = store.take_lease(&id, LONG).await.unwrap().unwrap();
    assert!(store.take_lease(&id, LONG).await.unwrap().is_none());
    let other = store.locate(&world.connection("grace"));
    assert!(store.take_lease(&other, LONG).await.unwrap().is_some(), "each connection has its own");
    store.release_lease(first).await.unwrap();
    let short = store.take_lease(&id, Duration::from_millis(1)).await.unwrap().unwrap();
    let next = until("it is over", LONG, async || store.take_lease(&id, LONG).await.unwrap()).await;
    store.release_lease(short).await.unwrap();
    assert!(store.take_lease(&id, LONG).await.unwrap().is_none(), "not the next one's");
    store.release_lease(next).await.unwrap();
    assert!(store.take_lease(&id, LONG).await.unwrap().is_some());
}

async fn a_save_on_the_generation_asks_only_that_its_parent_is_stored(world: World) {
    let parent = world.saved("ada").await;
    let on = Expected::Generation(parent.metadata.generation);
    assert_eq!(world.store.save(&world.draft("grace"), on).await.unwrap(), Saved::Moved, "no record, no parent");
    world.reseal(&parent).await;
    let record = world.load(&parent.id).await;
    world.store.end_refresh(&record, &Standing::needs_consent(time(9), Code::RefreshOutcomeLost)).await.unwrap();
    let (child, late) = (world.draft("ada"), world.draft("ada"));
    assert!(matches!(world.store.save(&child, on).await.unwrap(), Saved::Written(_)));
    let saved = world.load(&parent.id).await;
    assert_eq!(saved.metadata.standing.state, State::Active);
    // it was sealed under the old version again: the indexes follow
    assert_eq!(saved.key(), &world.old.name);
    assert_eq!(world.store.count_held(parent.id.shard, &world.new.name).await.unwrap(), 0);
    assert_eq!(world.store.save(&late, on).await.unwrap(), Saved::Moved, "the parent is gone");
}

async fn a_marker_is_written_and_taken_away_and_nothing_else(world: World) {
    let draft = world.draft_with("ada", Metadata { marker: None, ..metadata() });
    world.store.save(&draft, Expected::Absent).await.unwrap();
    let record = world.load(&draft.id()).await;
    let marker = Marker { attempt: ids::fresh(), at: time(3) };
    assert!(matches!(world.store.set_marker(&record, Some(marker)).await.unwrap(), Saved::Written(_)));
    let now = world.load(&record.id).await;
    assert_eq!(now.metadata, Metadata { marker: Some(marker), ..record.metadata.clone() });
    assert_eq!(world.store.set_marker(&record, None).await.unwrap(), Saved::Moved);
    world.store.set_marker(&now, None).await.unwrap();
    assert_eq!(world.load(&record.id).await.metadata, record.metadata);
}

async fn the_end_of_a_refresh_takes_the_marker_away_and_nothing_is_due_any_more(world: World) {
    let record = world.saved("ada").await;
    assert!(record.metadata.marker.is_some());
    let standing = Standing::needs_consent(time(9), Code::InvalidGrant);
    world.store.end_refresh(&record, &standing).await.unwrap();
    let ended = world.load(&record.id).await;
    assert_eq!(ended.metadata, Metadata { standing, marker: None, next_due: None, ..record.metadata });
    let later = Timestamp::from_second(4_000_000_000).unwrap();
    let (due, _) = world.store.walk_due(record.id.shard, later, None, 1000).await.unwrap();
    assert!(!due.contains(&record.id));
}

async fn what_a_refresh_of_an_ended_token_set_brings_is_not_saved(world: World) {
    let parent = world.saved("ada").await;
    let standing = Standing::needs_consent(time(9), Code::SubjectChanged);
    let ended = world.store.end_generation(&parent, &standing, ids::fresh()).await.unwrap();
    assert!(matches!(ended, Saved::Written(_)));
    let late = Expected::Generation(parent.metadata.generation);
    assert_eq!(world.store.save(&world.draft("ada"), late).await.unwrap(), Saved::Moved);
    assert_eq!(world.load(&parent.id).await.metadata.standing, standing);
    let moved = world.store.end_generation(&parent, &standing, ids::fresh()).await.unwrap();
    assert_eq!(moved, Saved::Moved, "it was read before");
}
