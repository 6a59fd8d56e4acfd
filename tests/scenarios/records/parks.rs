//! Parks: saved with their record, held under their key version, and gone with what they wait for.

use std::time::Duration;

use sealpost_schemas::Code;
use sealpost_shared::{
    ids,
    records::{Cursor, Custody, Expected, Held, Metadata, Park, Parking, Record, Saved, Standing},
};

use super::world::{World, metadata, on_both, time};

on_both! {
    a_park_is_saved_with_its_record_which_holds_no_token
    a_write_that_does_not_happen_parks_nothing
    a_park_ends_with_its_token_set_and_where_the_record_cannot_be_used_or_its_tokens_rest_here
    what_leaves_the_token_set_alone_leaves_its_park
    a_park_remembers_who_waits_for_it_since_the_last_handover
    the_end_of_a_park_is_of_its_own_token_set_and_moves_the_record
    a_park_moves_between_the_held_sets_when_it_is_sealed_anew
}

const WEEK: Duration = Duration::from_hours(168);

fn on_device() -> Metadata {
    Metadata { custody: Custody::Device, next_due: None, marker: None, ..metadata() }
}

/// Saves a record of a device and its park, under the old key version; the refresh token is this one.
async fn parked(world: &World, data: Metadata, token: &str, expected: Expected, owed_to_holder: bool) -> Saved {
    let mut content = world.content("ada");
    content.tokens.refresh_token = Some(token.into());
    let parking = Parking { lasts: WEEK, exchange: !owed_to_holder, owed_to_holder };
    let key = (&world.old.name, &world.old.key);
    let draft = world.store.draft_parking(&content, data, key, parking).unwrap();
    world.store.save(&draft, expected).await.unwrap()
}

async fn first(world: &World) -> (Record, Park) {
    assert!(matches!(parked(world, on_device(), "refresh-1", Expected::Absent, false).await, Saved::Written(_)));
    let record = world.load(&world.draft("ada").id()).await;
    let park = park(world, &record).await.unwrap();
    (record, park)
}

async fn park(world: &World, record: &Record) -> Option<Park> {
    world.store.load_park(&record.id).await.unwrap()
}

/// How much is held under the old and the new key version.
async fn held(world: &World, record: &Record) -> (u64, u64) {
    let count = async |name| world.store.count_held(record.id.shard, name).await.unwrap();
    (count(&world.old.name).await, count(&world.new.name).await)
}

async fn a_park_is_saved_with_its_record_which_holds_no_token(world: World) {
    let (record, park) = first(&world).await;
    let kept = record.open(&world.old.key).unwrap();
    assert!(kept.tokens.access_token.is_none() && kept.tokens.refresh_token.is_none(), "{kept:?}");
    assert_eq!(record.token, Some(world.store.hash_of(&"refresh-1".into())));
    assert_eq!((park.generation, park.exchange, park.from.len()), (record.metadata.generation, true, 0));
    let lasts = park.until.duration_since(park.now);
    assert!(!park.is_over() && lasts.as_hours() >= 167 && lasts <= WEEK.try_into().unwrap(), "{lasts}");
    let tokens = park.open(&world.old.key).unwrap().tokens;
    assert!(tokens.access_token.is_some() && tokens.refresh_token.is_some());
    assert_eq!(held(&world, &record).await, (2, 0));
    let (met, _) = world.store.walk_held(record.id.shard, &world.old.name, Cursor::default(), 10).await.unwrap();
    assert!(met.contains(&Held::Park(record.id)) && met.contains(&Held::Record(record.id)), "{met:?}");
    assert!(world.store.count_parks().await.unwrap() >= 1);
    let later = park.until + Duration::from_secs(1);
    assert!(world.store.overdue_parks(later, 1000).await.unwrap().contains(&record.id));
    assert!(!world.store.overdue_parks(park.now, 1000).await.unwrap().contains(&record.id));
}

async fn a_write_that_does_not_happen_parks_nothing(world: World) {
    let (record, before) = first(&world).await;
    assert_eq!(parked(&world, on_device(), "refresh-2", Expected::Absent, true).await, Saved::Moved);
    let another = Expected::Generation(ids::fresh());
    assert_eq!(parked(&world, on_device(), "refresh-2", another, true).await, Saved::Moved);
    let park = park(&world, &record).await.unwrap();
    assert_eq!((park.generation, park.from.len()), (before.generation, 0));
    assert_eq!(held(&world, &record).await, (2, 0));
}

async fn a_park_ends_with_its_token_set_and_where_the_record_cannot_be_used_or_its_tokens_rest_here(world: World) {
    let (mut record, _) = first(&world).await;
    for how in ["needs consent", "another generation", "here"] {
        match how {
            "needs consent" => {
                let standing = Standing::needs_consent(time(9), Code::PickupExpired);
                world.store.mark(&record, &standing).await.unwrap();
            }
            "another generation" => {
                let standing = Standing::needs_consent(time(9), Code::SubjectChanged);
                world.store.end_generation(&record, &standing, ids::fresh()).await.unwrap();
            }
            _ => {
                let draft = world.draft_with("ada", Metadata { generation: record.metadata.generation, ..metadata() });
                world.store.save(&draft, Expected::Revision(record.revision)).await.unwrap();
            }
        }
        assert!(park(&world, &record).await.is_none(), "{how}");
        assert_eq!(held(&world, &record).await, (1, 0), "{how}");
        record = world.load(&record.id).await;
        let expected = Expected::Revision(record.revision);
        assert!(matches!(parked(&world, on_device(), "refresh-1", expected, false).await, Saved::Written(_)));
        record = world.load(&record.id).await;
    }
}

async fn what_leaves_the_token_set_alone_leaves_its_park(world: World) {
    let (record, before) = first(&world).await;
    world.store.set_marker(&record, metadata().marker).await.unwrap();
    let record = world.load(&record.id).await;
    world.store.mark(&record, &Standing::quarantined(time(9), Code::Quarantined)).await.unwrap();
    let record = world.load(&record.id).await;
    world.reseal(&record).await;
    assert_eq!(park(&world, &record).await.unwrap().generation, before.generation);
    assert_eq!(held(&world, &record).await, (1, 1), "the park stays where it was");
}

async fn a_park_remembers_who_waits_for_it_since_the_last_handover(world: World) {
    let hash = |token: &str| world.store.hash_of(&token.into());
    let (record, _) = first(&world).await;
    let next = async |token: &str| {
        let record = world.load(&record.id).await;
        let parent = Expected::Generation(record.metadata.generation);
        assert!(matches!(parked(&world, on_device(), token, parent, true).await, Saved::Written(_)));
        park(&world, &record).await.unwrap()
    };
    // nobody has the first ones either
    assert_eq!(next("refresh-2").await.from, [hash("refresh-1")]);
    let third = next("refresh-3").await;
    assert_eq!((third.exchange, third.from), (false, vec![hash("refresh-1"), hash("refresh-2")]));
    assert!(world.store.end_park(&record.id, third.generation, None).await.unwrap());
    assert_eq!(next("refresh-4").await.from, [hash("refresh-3")], "the device has the third ones");
    // an answer with older ones arrived, which becomes known now
    next("refresh-5").await;
    let sixth = next("refresh-6").await;
    assert_eq!(sixth.from, [hash("refresh-3"), hash("refresh-4"), hash("refresh-5")]);
    for (token, left) in [(hash("refresh-9"), 3), (hash("refresh-4"), 2), (hash("refresh-5"), 1)] {
        assert!(!world.store.end_park(&record.id, third.generation, Some(&token)).await.unwrap());
        assert_eq!(park(&world, &record).await.unwrap().from, sixth.from[3 - left..]);
    }
    for number in 7..20 {
        next(&format!("refresh-{number}")).await;
    }
    let last = park(&world, &record).await.unwrap().from;
    assert_eq!((last.len(), last[0], last[7]), (8, hash("refresh-5"), hash("refresh-18")), "the first, and the newest");
    let parent = Expected::Generation(world.load(&record.id).await.metadata.generation);
    parked(&world, on_device(), "another account's", parent, false).await;
    assert_eq!(park(&world, &record).await.unwrap().from, Vec::<[u8; 32]>::new(), "nobody holds anything of it");
}

async fn the_end_of_a_park_is_of_its_own_token_set_and_moves_the_record(world: World) {
    let (record, parked) = first(&world).await;
    assert!(!world.store.end_park(&record.id, ids::fresh(), None).await.unwrap());
    assert!(park(&world, &record).await.is_some());
    assert!(world.store.end_park(&record.id, parked.generation, None).await.unwrap());
    assert!(!world.store.end_park(&record.id, parked.generation, None).await.unwrap(), "once");
    assert_eq!((park(&world, &record).await.is_none(), held(&world, &record).await), (true, (1, 0)));
    // who meant to end the connection for want of a pickup looks again
    let standing = Standing::needs_consent(time(9), Code::PickupExpired);
    assert_eq!(world.store.mark(&record, &standing).await.unwrap(), Saved::Moved);
    assert!(!world.store.overdue_parks(parked.until, 1000).await.unwrap().contains(&record.id));
}

async fn a_park_moves_between_the_held_sets_when_it_is_sealed_anew(world: World) {
    let (record, old) = first(&world).await;
    let content = old.open(&world.old.key).unwrap();
    let new = old.seal_anew(&world.old.key, (&world.new.name, &world.new.key)).unwrap();
    for _ in 0..2 {
        assert!(world.store.reseal_park(&old, &new).await.unwrap(), "sent again it was done");
        assert_eq!(held(&world, &record).await, (1, 1));
    }
    let now = park(&world, &record).await.unwrap();
    assert_eq!(now.key(), &world.new.name);
    assert!(now.open(&world.new.key).unwrap().tokens.refresh_token.is_some());
    // another one came meanwhile
    world.store.end_park(&record.id, now.generation, None).await.unwrap();
    assert!(!world.store.reseal_park(&old, &new).await.unwrap());
    world.store.retire(&world.old.name).await.unwrap();
    let key = (&world.old.name, &world.old.key);
    let parking = Parking { lasts: WEEK, exchange: false, owed_to_holder: true };
    let draft = world.store.draft_parking(&content, on_device(), key, parking).unwrap();
    let parent = Expected::Generation(record.metadata.generation);
    assert_eq!(world.store.save(&draft, parent).await.unwrap_err().code(), Code::KeyRetired);
    assert!(park(&world, &record).await.is_none());
}
