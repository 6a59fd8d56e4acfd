//! The sets beside the records: by owner, by key version, by due time, and the shards that finished.

use std::collections::BTreeSet;

use sealpost_schemas::{Name, ProviderId, RotationCounts, RotationScope};
use sealpost_shared::{
    ids,
    records::{Cursor, Expected, Held, Metadata, RecordId},
};

use super::world::{World, metadata, on_both, time};

on_both! {
    a_reseal_moves_a_record_between_the_held_sets_exactly
    the_last_one_to_leave_a_version_takes_it_off_the_list
    a_save_after_a_reseal_leaves_no_trace_under_the_version_between
    a_walk_meets_every_record_of_a_shard_once
    a_walk_passes_over_what_is_not_a_record
    due_follows_the_record
    an_owners_records_lie_together_and_are_listed
    a_scope_picks_by_tenant_and_provider
    a_tick_is_completed_by_one_shard_which_may_say_so_again
}

async fn a_reseal_moves_a_record_between_the_held_sets_exactly(world: World) {
    let ada = world.saved("ada").await;
    let shard = ada.id.shard;
    assert_eq!(counts(&world, shard).await, (1, 0));
    world.reseal(&ada).await;
    assert_eq!(counts(&world, shard).await, (0, 1));
    // Sent once more by somebody who read the record before: nothing moves.
    world.reseal(&ada).await;
    assert_eq!(counts(&world, shard).await, (0, 1));
    let (records, _) = world.store.walk_held(shard, &world.new.name, Cursor::default(), 10).await.unwrap();
    assert_eq!(records, [Held::Record(ada.id)]);
}

async fn the_last_one_to_leave_a_version_takes_it_off_the_list(world: World) {
    let (one, two) = two_of_one_shard(&world).await;
    let listed = async |name| world.store.versions(one.shard).await.unwrap().contains(name);
    assert!(listed(&world.old.name).await && !listed(&world.new.name).await);
    world.reseal(&world.load(&one).await).await;
    assert!(listed(&world.old.name).await && listed(&world.new.name).await);
    world.reseal(&world.load(&two).await).await;
    assert!(!listed(&world.old.name).await && listed(&world.new.name).await);
    assert_eq!(counts(&world, one.shard).await, (0, 2));
}

async fn a_save_after_a_reseal_leaves_no_trace_under_the_version_between(world: World) {
    let record = world.saved("ada").await;
    world.reseal(&record).await;
    let now = world.load(&record.id).await;
    world.store.save(&world.draft("ada"), Expected::Revision(now.revision)).await.unwrap();
    assert_eq!(counts(&world, record.id.shard).await, (1, 0));
    assert!(!world.store.versions(record.id.shard).await.unwrap().contains(&world.new.name));
}

async fn a_walk_meets_every_record_of_a_shard_once(world: World) {
    // One owner, so one shard; enough that Redis hands them out in parts.
    let mut saved = BTreeSet::new();
    for number in 0..300 {
        let mut content = world.content("ada");
        content.connection.label = Name::new(&format!("account {number}")).unwrap();
        let draft = world.store.draft(&content, metadata(), &world.old.name, &world.old.key).unwrap();
        world.store.save(&draft, Expected::Absent).await.unwrap();
        saved.insert(draft.id());
    }
    let shard = saved.first().unwrap().shard;
    let (mut met, mut at, mut parts) = (BTreeSet::new(), Some(Cursor::default()), 0);
    while let Some(from) = at {
        let (records, next) = world.store.walk_held(shard, &world.old.name, from, 20).await.unwrap();
        met.extend(records.into_iter().filter_map(|held| match held {
            Held::Record(id) => Some(id),
            Held::Entry(_) | Held::Tombstone(_) | Held::Park(_) => None,
        }));
        // As it travels in a message.
        at = next.map(|cursor| cursor.to_string().parse().unwrap());
        parts += 1;
    }
    assert_eq!(met, saved);
    assert!(parts > 3, "{parts} parts");
    assert_eq!(world.store.count_held(shard, &world.old.name).await.unwrap(), 300);
}

async fn a_walk_passes_over_what_is_not_a_record(world: World) {
    let record = world.saved("ada").await;
    let held = format!("{{sp:{:03}}}:held:{}:{}", record.id.shard, world.old.name.id, world.old.name.version);
    let other = format!("other:{}", world.draft("grace").id().key);
    world.raw.tell(&["SADD", &held, &other]).await;
    let (records, _) = world.store.walk_held(record.id.shard, &world.old.name, Cursor::default(), 10).await.unwrap();
    assert_eq!(records, [Held::Record(record.id)]);
    assert_eq!(world.store.count_held(record.id.shard, &world.old.name).await.unwrap(), 2, "but it is held");
}

async fn due_follows_the_record(world: World) {
    let record = world.saved("ada").await;
    let due = format!("{{sp:{:03}}}:due", record.id.shard);
    let score = async || world.raw.ask::<Option<i64>>(&["ZSCORE", &due, &record.id.key.to_string()]).await.unwrap();
    assert_eq!(score().await, Some(time(7200).as_millisecond()));
    world.reseal(&record).await;
    assert_eq!(score().await, Some(time(7200).as_millisecond()));
    let save = async |next_due| {
        let now = world.load(&record.id).await;
        let draft = world.draft_with("ada", Metadata { next_due, ..metadata() });
        world.store.save(&draft, Expected::Revision(now.revision)).await.unwrap();
    };
    save(None).await;
    assert_eq!(score().await, None);
    save(Some(time(5))).await;
    assert_eq!(score().await, Some(time(5).as_millisecond()));
}

async fn an_owners_records_lie_together_and_are_listed(world: World) {
    let (one, two) = two_of_one_shard(&world).await;
    assert_eq!(one.shard, two.shard);
    let owner = world.load(&one).await.tags.owner;
    assert_eq!(owner, world.load(&two).await.tags.owner);
    let listed: BTreeSet<String> =
        world.raw.ask(&["SMEMBERS", &format!("{{sp:{:03}}}:owner:{owner}", one.shard)]).await.unwrap();
    assert_eq!(listed, BTreeSet::from([one.key.to_string(), two.key.to_string()]));
}

async fn a_scope_picks_by_tenant_and_provider(world: World) {
    let record = world.saved("ada").await;
    let has = |tenant: Option<&str>, provider: Option<&str>| {
        let scope = RotationScope {
            tenant: tenant.map(|name| Name::new(name).unwrap()),
            provider: provider.map(|name| ProviderId::new(name).unwrap()),
        };
        world.store.scope(&scope).has(&record)
    };
    let mine = world.connection("ada").tenant;
    assert!(has(None, None));
    assert!(has(Some(mine.as_str()), None) && has(None, Some("gitea")) && has(Some(mine.as_str()), Some("gitea")));
    assert!(!has(Some("gitea"), None) && !has(None, Some("github")) && !has(Some(mine.as_str()), Some("github")));
}

async fn a_tick_is_completed_by_one_shard_which_may_say_so_again(world: World) {
    let tick = ids::fresh();
    let finish = async |shard, resealed| {
        let did = RotationCounts { resealed, failed: 1, ..RotationCounts::default() };
        world.store.finish_shard(tick, (shard, 3), did).await.unwrap()
    };
    assert_eq!(finish(0, 7).await, None);
    assert_eq!(finish(0, 0).await, None, "a repetition is no other shard");
    assert_eq!(finish(2, 10).await, None);
    let all = Some(RotationCounts { resealed: 18, failed: 3, ..RotationCounts::default() });
    assert_eq!(finish(1, 1).await, all);
    assert_eq!(finish(1, 0).await, all, "its message came twice, and its first word counts");
    assert_eq!((finish(0, 0).await, finish(2, 0).await), (None, None));
    let left: i64 = world.raw.ask(&["TTL", &format!("{{sp:tick:{tick}}}")]).await.unwrap();
    assert!(left > 6 * 24 * 60 * 60, "{left}");
}

/// How many are held under the old and under the new version.
async fn counts(world: &World, shard: u16) -> (u64, u64) {
    let count = async |name| world.store.count_held(shard, name).await.unwrap();
    (count(&world.old.name).await, count(&world.new.name).await)
}

/// Two accounts of one user.
async fn two_of_one_shard(world: &World) -> (RecordId, RecordId) {
    let one = world.saved("ada").await.id;
    let mut content = world.content("ada");
    content.connection.label = Name::new("second").unwrap();
    let draft = world.store.draft(&content, metadata(), &world.old.name, &world.old.key).unwrap();
    world.store.save(&draft, Expected::Absent).await.unwrap();
    (one, draft.id())
}
