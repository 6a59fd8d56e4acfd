//! Writes whose answer was lost on the way: done once, and known to be done.

use sealpost::dev::servers::redis::{Redis, RedisOptions};
use sealpost_schemas::{Code, Owner};
use sealpost_shared::ids;
use sealpost_shared::records::{
    ClaimOf, Expected, Marked, Metadata, Record, Saved, Standing, StoreError, StoreMode, Trouble,
};
use sealpost_tests::{Own, Proxy, Weather, freeze, until};

use super::world::{LONG, Raw, World, config, hasty, metadata, number, time};

struct Lossy {
    _redis: Own<Redis>,
    proxy: Proxy,
    world: World,
    record: Record,
}

/// A store behind a proxy, with one record.
async fn lossy() -> Lossy {
    let redis = Own::redis(RedisOptions::default()).await;
    let proxy = Proxy::to_port(redis.port()).await;
    let config = config(StoreMode::Single, &[proxy.url(&redis.url())]);
    let world = World::on(config, Raw::single(&redis.url()).await);
    let record = world.saved("ada").await;
    Lossy { _redis: redis, proxy, world, record }
}

/// Runs a write whose answer is cut off after Redis did it. Answers pass again only after the write is stored.
async fn cut_off(
    lossy: &Lossy,
    write: impl AsyncFnOnce(&World, &Record) -> Result<Saved, StoreError>,
) -> Result<Saved, StoreError> {
    let Lossy { proxy, world, record, .. } = lossy;
    let before = world.raw.hash(&record.id).await;
    proxy.set(Weather::CutAfter(0));
    let done = async {
        until("the write is stored", LONG, async || world.raw.hash(&record.id).await != before).await;
        proxy.set(Weather::Fair);
    };
    tokio::join!(write(world, record), done).0
}

#[tokio::test]
async fn a_save_whose_answer_is_lost_is_known_to_be_written() {
    let lossy = lossy().await;
    let draft = lossy.world.draft("ada");
    let saved =
        cut_off(&lossy, async |world, record| world.store.save(&draft, Expected::Revision(record.revision)).await);
    let saved = saved.await.unwrap();
    let now = lossy.world.load(&lossy.record.id).await;
    assert_eq!(saved, Saved::Written(now.revision));
    let written_once = lossy.world.raw.hash(&now.id).await["revision"].clone();
    assert_eq!(written_once, (number(&lossy.record) + 1).to_string().into_bytes());
}

#[tokio::test]
async fn a_first_save_whose_answer_is_lost_is_known_to_be_written() {
    let mut lossy = lossy().await;
    let draft = lossy.world.draft("grace");
    lossy.record.id = draft.id();
    let saved = cut_off(&lossy, async |world, _| world.store.save(&draft, Expected::Absent).await).await.unwrap();
    assert_eq!(saved, Saved::Written(lossy.world.load(&draft.id()).await.revision));
}

#[tokio::test]
async fn a_reseal_and_a_mark_whose_answers_are_lost_are_known_to_be_written() {
    let mut lossy = lossy().await;
    // Redis knows the script from here on, so that it is one command
    lossy.world.store.reseal(0, &lossy.world.new.name, &[]).await.unwrap();
    let saved = cut_off(&lossy, async |world, record| Ok(world.reseal(record).await)).await.unwrap();
    lossy.record = lossy.world.load(&lossy.record.id).await;
    assert_eq!(saved, Saved::Written(lossy.record.revision));
    let held = lossy.world.store.count_held(lossy.record.id.shard, &lossy.world.new.name).await.unwrap();
    assert_eq!(held, 1);
    let standing = Standing::quarantined(time(9), Code::Quarantined);
    let marked = cut_off(&lossy, async |world, record| world.store.mark(record, &standing).await).await.unwrap();
    assert_eq!(marked, Saved::Written(lossy.world.load(&lossy.record.id).await.revision));
}

#[tokio::test]
async fn a_claim_with_its_mark_whose_answer_is_lost_is_known_to_be_written_and_counts_one_request() {
    let Lossy { proxy, world, _redis, .. } = lossy().await;
    let connection = world.connection("ada");
    let owner = Owner { tenant: connection.tenant, user: connection.user };
    let claim = ClaimOf { owner: ids::fresh(), length: LONG };
    let (id, fingerprint) = (world.store.entry("publish-job", &owner, ids::fresh()), world.store.fingerprint(b"body"));
    // Redis knows the script from here on, so that it is one command
    let other = world.store.entry("publish-job", &owner, ids::fresh());
    world
        .store
        .ledger_begin_sending((&other, &owner), &fingerprint, &claim, (&world.ready_if("ada"), &world.old.name))
        .await
        .unwrap()
        .unwrap();
    let entry = id.to_string().split_once('/').map(|(shard, name)| format!("{{sp:{shard}}}:ledger:{name}")).unwrap();
    proxy.set(Weather::CutAfter(0));
    let done = async {
        let marked = async || world.raw.ask(&["HGET", &entry, "state"]).await == Ok(Some("sending".to_owned()));
        until("the mark is stored", LONG, marked).await;
        proxy.set(Weather::Fair);
    };
    let wanted = world.ready_if("ada");
    let (begun, ()) = tokio::join!(
        world.store.ledger_begin_sending((&id, &owner), &fingerprint, &claim, (&wanted, &world.old.name)),
        done
    );
    assert!(
        matches!(begun, Ok(Ok(Marked { number: 1, again: true, ready: Some(_) }))),
        "its first answer was lost: {begun:?}"
    );
    assert_eq!(world.raw.ask::<String>(&["HGET", &entry, "sent"]).await.unwrap(), "1");
}

#[tokio::test]
async fn a_lost_answer_of_a_write_that_lost_the_race_is_moved() {
    let lossy = lossy().await;
    let Lossy { proxy, world, record, .. } = &lossy;
    // Somebody else was faster, so that the write changes nothing and only its answer is missing.
    world.raw.tell(&["HINCRBY", &super::world::record_key(&record.id), "revision", "1"]).await;
    let draft = world.draft("ada");
    proxy.set(Weather::CutAfter(0));
    let calls = async || {
        let stats: String = world.raw.ask(&["INFO", "commandstats"]).await.unwrap();
        stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")?.split(',').next()?.parse().ok())
    };
    let before: Option<u64> = calls().await;
    let asked = async {
        until("the write was tried", LONG, async || calls().await > before).await;
        proxy.set(Weather::Fair);
    };
    let (saved, ()) = tokio::join!(world.store.save(&draft, Expected::Revision(record.revision)), asked);
    assert_eq!(saved.unwrap(), Saved::Moved);
    assert_eq!(world.load(&record.id).await.metadata.generation, record.metadata.generation);
}

#[tokio::test]
async fn a_write_that_cannot_be_settled_is_called_unknown() {
    let redis = Own::redis(RedisOptions::default()).await;
    let proxy = Proxy::to_port(redis.port()).await;
    let world = World::on(hasty(&proxy.url(&redis.url())), Raw::single(&redis.url()).await);
    let record = world.saved("ada").await;
    proxy.set(Weather::BlackHole);
    let error = world.store.save(&world.draft("ada"), Expected::Revision(record.revision)).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::Unknown(_)), "{error}");
    assert!(error.to_string().contains("may or may not"), "{error}");
    assert_eq!(error.code(), Code::StoreUnavailable);
}

#[tokio::test]
async fn a_write_that_arrives_late_is_done_whole_or_not_at_all() {
    let redis = Own::redis(RedisOptions::default()).await;
    let world = World::on(hasty(&redis.url()), Raw::single(&redis.url()).await);
    let record = world.saved("ada").await;
    // Frozen, it takes the write and does it when it goes on, long after the store gave up.
    freeze(redis.process()).await;
    let draft = world.draft_with("ada", Metadata { next_due: None, ..metadata() });
    let error = world.store.save(&draft, Expected::Revision(record.revision)).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::Unknown(_)), "{error}");
    redis.process().sigcont();
    let late = until("the late write is done", LONG, async || {
        world.store.load(&record.id).await.ok().flatten().filter(|now| now.revision != record.revision)
    })
    .await;
    assert_eq!(late.metadata.next_due, None);
    assert_eq!(world.store.save(&draft, Expected::Revision(record.revision)).await.unwrap(), Saved::Moved);
}
