//! Many records of a shard, read and sealed anew in one go.

use sealpost_schemas::{Code, Name};
use sealpost_shared::records::{Expected, Record, RecordError, Saved, Standing};

use super::world::{World, metadata, on_both, record_key, time};

on_both! {
    a_batch_writes_what_is_unmoved_and_nothing_else
    one_that_cannot_be_read_does_not_hide_its_neighbours
}

/// A record of Ada's, whose records lie in one shard.
async fn saved(world: &World, label: &str) -> Record {
    let mut content = world.content("ada");
    content.connection.label = Name::new(label).unwrap();
    let draft = world.store.draft(&content, metadata(), &world.old.name, &world.old.key).unwrap();
    world.store.save(&draft, Expected::Absent).await.unwrap();
    world.load(&draft.id()).await
}

async fn a_batch_writes_what_is_unmoved_and_nothing_else(world: World) {
    let mut read = Vec::new();
    for label in ["one", "two", "three", "four"] {
        read.push(saved(&world, label).await);
    }
    let shard = read[0].id.shard;
    let anew = |record: &Record| record.seal_anew(&world.old.key, &world.new.name, &world.new.key).unwrap();
    let batch: Vec<_> = read.iter().map(|record| (record.clone(), anew(record))).collect();
    let before = world.raw.hash(&read[0].id).await;
    world.store.mark(&read[1], &Standing::quarantined(time(9), Code::Quarantined)).await.unwrap();
    world.raw.tell(&["DEL", &record_key(&read[2].id)]).await;

    let saved = world.store.reseal(shard, &world.new.name, &batch).await.unwrap();
    assert!(
        matches!(saved[..], [Saved::Written(_), Saved::Moved, Saved::Moved, Saved::Written(_)]),
        "each by itself: {saved:?}"
    );
    for (at, saved) in [(0, saved[0]), (3, saved[3])] {
        let now = world.load(&read[at].id).await;
        assert_eq!((now.key(), saved), (&world.new.name, Saved::Written(now.revision)));
        now.open(&world.new.key).unwrap();
    }
    assert_eq!(world.load(&read[1].id).await.key(), &world.old.name);
    assert!(world.store.load(&read[2].id).await.unwrap().is_none(), "it is not made anew");
    let after = world.raw.hash(&read[0].id).await;
    let mut changed: Vec<_> = before.keys().filter(|name| before[*name] != after[*name]).map(String::as_str).collect();
    changed.sort_unstable();
    assert_eq!((changed, after.len()), (vec!["key_version", "revision", "sealed", "write"], before.len()));
    let held = [world.store.count_held(shard, &world.old.name), world.store.count_held(shard, &world.new.name)];
    let [old, new] = held;
    assert_eq!((old.await.unwrap(), new.await.unwrap()), (2, 2), "the name of a deleted one leaves with its deletion");

    let again = world.store.reseal(shard, &world.new.name, &batch).await.unwrap();
    assert_eq!(again, [Saved::Moved; 4]);
}

async fn one_that_cannot_be_read_does_not_hide_its_neighbours(world: World) {
    let (one, two) = (saved(&world, "one").await.id, saved(&world, "two").await.id);
    world.raw.tell(&["HSET", &record_key(&one), "format", "3"]).await;
    let absent = world.draft("grace").id();
    let found = world.store.load_each(&[one, absent, two]).await.unwrap();
    let [(first, newer), (second, read)] = &found[..] else { panic!("what is absent is left out: {found:?}") };
    assert_eq!((*first, newer.as_ref().unwrap_err()), (one, &RecordError::UnknownFormat(3)));
    assert_eq!((*second, read.as_ref().unwrap().id), (two, two));
}
