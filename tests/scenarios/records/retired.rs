//! Retired key versions: no script stores anything under one, and what is there already is left alone.

use std::time::Duration;

use sealpost_schemas::{Code, Owner};
use sealpost_shared::{
    ids,
    records::{ClaimOf, EntryId, Expected, Holding, Outcome, Saved, SealedResult, Standing, StoreError, Trouble, Word},
};

use super::world::{LONG, World, metadata, on_both, time};
use sealpost_tests::until;

on_both! {
    no_record_is_saved_or_sealed_anew_under_a_retired_version
    a_record_under_a_retired_version_is_marked_and_moved_and_only_not_sealed_under_it_again
    no_result_is_stored_under_a_retired_version
    an_operators_word_is_not_stored_under_a_retired_version
    what_is_held_and_retired_is_counted_over_all_shards
}

/// Fails unless the version was refused as retired, by name.
fn refused<T: std::fmt::Debug>(world: &World, result: Result<T, StoreError>) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), Code::KeyRetired, "{error}");
    let name = format!("{}:{}", world.old.name.id, world.old.name.version);
    assert_eq!(error.trouble, Trouble::KeyRetired(name.clone()));
    assert!(error.to_string().contains(&name) && error.to_string().contains("sealpost keys rotate"), "{error}");
}

async fn no_record_is_saved_or_sealed_anew_under_a_retired_version(world: World) {
    world.store.retire(&world.old.name).await.unwrap();
    refused(&world, world.store.save(&world.draft("ada"), Expected::Absent).await);
    assert!(world.store.load(&world.draft("ada").id()).await.unwrap().is_none());

    let fresh = world.store.draft(&world.content("ada"), metadata(), &world.new.name, &world.new.key).unwrap();
    world.store.save(&fresh, Expected::Absent).await.unwrap();
    let stored = world.load(&fresh.id()).await;
    refused(&world, world.store.save(&world.draft("ada"), Expected::Revision(stored.revision)).await);
    refused(&world, world.store.save(&world.draft("ada"), Expected::Generation(stored.metadata.generation)).await);
    let back = stored.seal_anew(&world.new.key, &world.old.name, &world.old.key).unwrap();
    let reseal = async || world.store.reseal(stored.id.shard, &world.old.name, &[(stored.clone(), back.clone())]).await;
    refused(&world, reseal().await);
    assert_eq!(world.load(&fresh.id()).await.revision, stored.revision);
    assert_eq!(world.store.count_held_everywhere(&world.old.name).await.unwrap(), 0);

    world.store.restore(&world.old.name).await.unwrap();
    assert!(matches!(reseal().await.unwrap()[..], [Saved::Written(_)]));
}

async fn a_record_under_a_retired_version_is_marked_and_moved_and_only_not_sealed_under_it_again(world: World) {
    let record = world.saved("ada").await;
    world.store.retire(&world.old.name).await.unwrap();
    assert!(matches!(world.store.set_marker(&record, None).await.unwrap(), Saved::Written(_)));
    let record = world.load(&record.id).await;
    let standing = Standing::needs_consent(time(9), Code::InvalidGrant);
    assert!(matches!(world.store.end_refresh(&record, &standing).await.unwrap(), Saved::Written(_)));
    let record = world.load(&record.id).await;
    refused(&world, world.store.save(&world.draft("ada"), Expected::Revision(record.revision)).await);
    // one that is behind is told to look again first
    assert_eq!(world.store.save(&world.draft("ada"), Expected::Absent).await.unwrap(), Saved::Moved);
    assert!(matches!(world.reseal(&record).await, Saved::Written(_)));
    assert_eq!(world.store.count_held_everywhere(&world.old.name).await.unwrap(), 0);
}

/// An entry of which one request was sent, under this claim.
async fn sent(world: &World, length: Duration) -> (EntryId, Owner, ClaimOf) {
    let connection = world.connection("ada");
    let owner = Owner { tenant: connection.tenant, user: connection.user };
    let (entry, claim) =
        (world.store.entry("publish-job", &owner, ids::fresh()), ClaimOf { owner: ids::fresh(), length });
    world.store.ledger_begin((&entry, &owner), &world.store.fingerprint(b"body"), &claim).await.unwrap();
    world.store.ledger_sending(&entry, &claim, None).await.unwrap();
    (entry, owner, claim)
}

async fn no_result_is_stored_under_a_retired_version(world: World) {
    let [old, new] = [&world.old, &world.new].map(|named| SealedResult { key: &named.name, bytes: b"posted" });
    let (entry, _, claim) = sent(&world, LONG).await;
    world.store.retire(&world.old.name).await.unwrap();
    let settle =
        |result| world.store.ledger_settle(&entry, claim.owner, Word::Answered(1, Outcome::Happened, result), true);
    refused(&world, settle(old).await);
    assert!(world.store.ledger_result(&entry).await.unwrap().is_none());
    settle(new).await.unwrap();
    let stored = world.store.ledger_result(&entry).await.unwrap().expect("a result");
    refused(&world, world.store.ledger_reseal(&stored, SealedResult { bytes: b"anew", ..old }).await);
    assert_eq!(world.store.ledger_result(&entry).await.unwrap().unwrap().key(), &world.new.name);
}

async fn an_operators_word_is_not_stored_under_a_retired_version(world: World) {
    let [old, new] = [&world.old, &world.new].map(|named| SealedResult { key: &named.name, bytes: b"not posted" });
    let (entry, owner, _) = sent(&world, Duration::from_millis(50)).await;
    world.store.retire(&world.old.name).await.unwrap();
    until("the claim is over", LONG, async || {
        let claim = ClaimOf { owner: ids::fresh(), length: LONG };
        world.store.ledger_begin((&entry, &owner), &world.store.fingerprint(b"body"), &claim).await.unwrap();
        world.store.ledger_tell((&entry, None), Outcome::Refused, old).await.is_err()
    })
    .await;
    refused(&world, world.store.ledger_tell((&entry, None), Outcome::Refused, old).await);
    assert!(world.store.ledger_tell((&entry, None), Outcome::Refused, new).await.unwrap());
}

async fn what_is_held_and_retired_is_counted_over_all_shards(world: World) {
    let users: Vec<_> = (0..12).map(|user| format!("user-{user}")).collect();
    let mut shards = std::collections::BTreeSet::new();
    for user in &users {
        shards.insert(world.saved(user).await.id.shard);
    }
    assert!(shards.len() > 1, "they spread");
    world.reseal(&world.load(&world.draft("user-3").id()).await).await;
    // of a kind that this version does not know
    let held = format!("{{sp:000}}:held:{}:{}", world.old.name.id, world.old.name.version);
    let versions = format!("{}:{}", world.old.name.id, world.old.name.version);
    world.raw.tell(&["SADD", &held, "tombstone:0a"]).await;
    world.raw.tell(&["SADD", "{sp:000}:versions", &versions]).await;
    let now = async |name| world.store.holdings().await.unwrap().get(name).copied().unwrap_or_default();
    assert_eq!(now(&world.old.name).await, Holding { held: 12, retired: 0 });
    assert_eq!(world.store.count_held_everywhere(&world.old.name).await.unwrap(), 12);
    world.store.retire(&world.old.name).await.unwrap();
    world.store.retire(&world.old.name).await.unwrap();
    assert_eq!(now(&world.old.name).await, Holding { held: 12, retired: 256 });
    assert_eq!(now(&world.new.name).await, Holding { held: 1, retired: 0 });
    world.store.restore(&world.old.name).await.unwrap();
    assert_eq!(now(&world.old.name).await, Holding { held: 12, retired: 0 });
}
