//! Records that were altered, moved, damaged, or written by a newer version.

use sealpost_schemas::Code;
use sealpost_shared::{
    failure::{Failure, Verdict},
    records::{ContentError, Expected, RecordError, RecordId, StoreError, Trouble},
    seal::OpenError,
};

use super::world::{World, on_both, record_key};

on_both! {
    a_flipped_bit_does_not_open
    a_ciphertext_does_not_open_in_another_record
    a_ciphertext_does_not_open_under_another_key_version
    a_newer_format_is_told_apart_from_damage
    damage_is_named_by_its_field
    a_code_of_a_newer_version_does_not_make_a_record_unreadable
    a_held_set_that_was_tampered_with_is_an_error_and_no_panic
}

const ALTERED: ContentError = ContentError::Opening(OpenError::TagMismatch);

async fn set(world: &World, id: &RecordId, field: &str, value: &[u8]) {
    let mut cmd = redis::cmd("HSET");
    cmd.arg(record_key(id)).arg(field).arg(value);
    let _: redis::Value = world.raw.send(&cmd).await.unwrap();
}

async fn a_flipped_bit_does_not_open(world: World) {
    let id = world.saved("ada").await.id;
    let mut sealed = world.raw.hash(&id).await["sealed"].clone();
    let middle = sealed.len() / 2;
    sealed[middle] ^= 1;
    set(&world, &id, "sealed", &sealed).await;
    let record = world.load(&id).await;
    let error = record.open(&world.old.key).unwrap_err();
    assert_eq!(error, ALTERED);
    assert_eq!(error.code(), Code::Quarantined);
    assert_eq!(record.seal_anew(&world.old.key, &world.new.name, &world.new.key).unwrap_err(), ALTERED);
}

async fn a_ciphertext_does_not_open_in_another_record(world: World) {
    let (ada, grace) = (world.saved("ada").await.id, world.saved("grace").await.id);
    set(&world, &grace, "sealed", &world.raw.hash(&ada).await["sealed"]).await;
    assert_eq!(world.load(&grace).await.open(&world.old.key).unwrap_err(), ALTERED);
    world.load(&ada).await.open(&world.old.key).unwrap();
}

async fn a_ciphertext_does_not_open_under_another_key_version(world: World) {
    let id = world.saved("ada").await.id;
    set(&world, &id, "key_version", b"v9").await;
    assert_eq!(world.load(&id).await.open(&world.old.key).unwrap_err(), ALTERED);
}

async fn a_newer_format_is_told_apart_from_damage(world: World) {
    let record = world.saved("ada").await;
    set(&world, &record.id, "format", b"3").await;
    let error = world.store.load(&record.id).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::Unreadable(RecordError::UnknownFormat(3)));
    // A newer worker can read it.
    let failure = Failure::from(error);
    assert_eq!((failure.code, failure.verdict), (Code::RecordUnreadable, Verdict::Retry { after: None }));
    // Its sealed part has a format of its own.
    set(&world, &record.id, "format", b"1").await;
    let mut sealed = world.raw.hash(&record.id).await["sealed"].clone();
    sealed[0] = 9;
    set(&world, &record.id, "sealed", &sealed).await;
    let error = world.load(&record.id).await.open(&world.old.key).unwrap_err();
    assert_eq!(error, ContentError::Opening(OpenError::UnknownFormat(9)));
    assert_eq!(error.code(), Code::RecordUnreadable);
}

async fn damage_is_named_by_its_field(world: World) {
    let id = world.saved("ada").await.id;
    let whole = world.raw.hash(&id).await;
    // The mark of the last write serves no reader, and the epochs none but a revocation.
    for field in whole.keys().filter(|field| !["write", "epoch", "tenant_epoch"].contains(&field.as_str())) {
        world.raw.tell(&["HDEL", &record_key(&id), field]).await;
        let error = world.store.load(&id).await.unwrap_err();
        assert!(matches!(error.trouble, Trouble::Unreadable(RecordError::Missing(name)) if name == field), "{error}");
        set(&world, &id, field, &whole[field]).await;
    }
    for field in
        ["format", "revision", "generation", "standing", "custody", "next_due", "scopes", "owner", "key_version"]
    {
        set(&world, &id, field, b"latest").await;
        let error = world.store.load(&id).await.unwrap_err();
        assert!(matches!(error.trouble, Trouble::Unreadable(RecordError::Malformed(name)) if name == field), "{error}");
        set(&world, &id, field, &whole[field]).await;
    }
    set(&world, &id, "marker", b"").await;
    let error: StoreError = world.store.load(&id).await.unwrap_err();
    let failure = Failure::from(error);
    assert_eq!((failure.code, failure.verdict), (Code::RecordUnreadable, Verdict::Reject));
    assert!(failure.message.contains(&id.to_string()) && failure.message.contains("`marker`"), "{}", failure.message);
}

async fn a_code_of_a_newer_version_does_not_make_a_record_unreadable(world: World) {
    let id = world.saved("ada").await.id;
    set(&world, &id, "standing_code", b"not-known-yet").await;
    assert_eq!(world.load(&id).await.metadata.standing.code, None);
}

async fn a_held_set_that_was_tampered_with_is_an_error_and_no_panic(world: World) {
    let record = world.saved("ada").await;
    let versions = format!("{{sp:{:03}}}:versions", record.id.shard);
    world.raw.tell(&["SADD", &versions, "no-colon"]).await;
    let error = world.store.versions(record.id.shard).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::Unreadable(RecordError::Malformed("versions")));
    world.raw.tell(&["SREM", &versions, "no-colon"]).await;
    // Not a hash where a record should be: Redis's own answer, and nothing half written.
    let draft = world.draft("grace");
    world.raw.tell(&["SET", &record_key(&draft.id()), "text"]).await;
    let error = world.store.save(&draft, Expected::Absent).await.unwrap_err();
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    world.raw.tell(&["DEL", &record_key(&draft.id())]).await;
    assert_eq!(world.store.count_held(draft.id().shard, &world.old.name).await.unwrap(), {
        u64::from(draft.id().shard == record.id.shard)
    });
}
