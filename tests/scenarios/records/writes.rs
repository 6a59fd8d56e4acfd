//! Loading, saving, re-sealing and marking, and who wins.

use sealpost_schemas::Code;
use sealpost_shared::{
    ids,
    records::{Custody, Expected, Metadata, Saved, Standing, Store},
    seal::Key,
};
use secrecy::ExposeSecret;

use super::world::{World, index_key, metadata, on_both, time};

on_both! {
    what_is_saved_is_loaded
    a_record_without_anything_optional_is_loaded
    an_absent_record_is_none_and_cannot_be_overwritten_by_revision
    a_record_that_is_there_is_not_overwritten_as_absent
    every_write_adds_one_to_a_revision_that_starts_at_random
    of_two_saves_on_one_revision_one_wins
    a_save_and_a_reseal_on_one_revision_do_not_both_win
    a_reseal_changes_the_ciphertext_and_its_key_and_nothing_else
    a_mark_changes_the_standing_and_when_it_is_due_and_nothing_else
    a_save_replaces_every_field
}

async fn what_is_saved_is_loaded(world: World) {
    let data = metadata();
    let draft = world.draft_with("ada", data.clone());
    let saved = world.store.save(&draft, Expected::Absent).await.unwrap();
    let record = world.load(&draft.id()).await;
    assert_eq!(saved, Saved::Written(record.revision));
    assert_eq!(record.id, world.store.locate(&world.connection("ada")));
    assert_eq!(record.metadata, data);
    assert_eq!(record.key(), &world.old.name);

    let content = record.open(&world.old.key).unwrap();
    let expected = world.content("ada");
    assert_eq!(content.connection, expected.connection);
    assert_eq!(content.subject, expected.subject);
    assert_eq!(content.tokens.access_token.unwrap().expose_secret(), "access-1");
    assert_eq!(content.tokens.refresh_token.unwrap().expose_secret(), "refresh-1");
    assert_eq!(content.tokens.token_type.unwrap(), "Bearer");
    assert!(record.open(&Key::random().unwrap()).is_err());
}

async fn a_record_without_anything_optional_is_loaded(world: World) {
    let data = Metadata {
        custody: Custody::Device,
        access_expires_at: None,
        next_due: None,
        scopes: vec![],
        request: None,
        marker: None,
        superseded: vec![],
        ..metadata()
    };
    let mut content = world.content("ada");
    content.subject = None;
    content.tokens = sealpost_shared::records::TokenSet::default();
    let draft = world.store.draft(&content, data.clone(), &world.old.name, &world.old.key).unwrap();
    world.store.save(&draft, Expected::Absent).await.unwrap();
    let record = world.load(&draft.id()).await;
    assert_eq!(record.metadata, data);
    let content = record.open(&world.old.key).unwrap();
    assert!(content.tokens.access_token.is_none() && content.tokens.refresh_token.is_none());
    assert_eq!(content.subject, None);
}

async fn an_absent_record_is_none_and_cannot_be_overwritten_by_revision(world: World) {
    let other = world.saved("grace").await;
    let draft = world.draft("ada");
    assert!(world.store.load(&draft.id()).await.unwrap().is_none());
    assert_eq!(world.store.save(&draft, Expected::Revision(other.revision)).await.unwrap(), Saved::Moved);
    assert!(world.store.load(&draft.id()).await.unwrap().is_none());
}

async fn a_record_that_is_there_is_not_overwritten_as_absent(world: World) {
    let record = world.saved("ada").await;
    assert_eq!(world.store.save(&world.draft("ada"), Expected::Absent).await.unwrap(), Saved::Moved);
    assert_eq!(world.load(&record.id).await.metadata.generation, record.metadata.generation);
}

async fn every_write_adds_one_to_a_revision_that_starts_at_random(world: World) {
    let number = async |user: &str| -> u64 {
        let hash = world.raw.hash(&world.store.locate(&world.connection(user))).await;
        String::from_utf8(hash["revision"].clone()).unwrap().parse().unwrap()
    };
    let mut record = world.saved("ada").await;
    world.saved("grace").await;
    let first = number("ada").await;
    assert_ne!(first, number("grace").await);
    world.reseal(&record).await;
    assert_eq!(number("ada").await, first + 1);
    record = world.load(&record.id).await;
    world.store.mark(&record, &Standing::quarantined(time(9), Code::Quarantined)).await.unwrap();
    assert_eq!(number("ada").await, first + 2);
    record = world.load(&record.id).await;
    let saved = world.store.save(&world.draft("ada"), Expected::Revision(record.revision)).await.unwrap();
    assert_eq!(number("ada").await, first + 3);
    assert_eq!(saved, Saved::Written(world.load(&record.id).await.revision));
}

async fn of_two_saves_on_one_revision_one_wins(world: World) {
    let mut record = world.saved("ada").await;
    // Another process, so another connection.
    let other = Store::open(world.config.clone(), index_key()).await.unwrap();
    for _ in 0..20 {
        let (one, two) = (world.draft("ada"), world.draft("ada"));
        let on = Expected::Revision(record.revision);
        let (first, second) = tokio::join!(world.store.save(&one, on), other.save(&two, on));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!((first == Saved::Moved) != (second == Saved::Moved), "{first:?} {second:?}");
        record = world.load(&record.id).await;
        assert!([first, second].contains(&Saved::Written(record.revision)));
    }
}

async fn a_save_and_a_reseal_on_one_revision_do_not_both_win(world: World) {
    for _ in 0..20 {
        let user = ids::fresh().to_string();
        let record = world.saved(&user).await;
        let draft = world.draft(&user);
        let on = Expected::Revision(record.revision);
        let (saved, resealed) = tokio::join!(world.store.save(&draft, on), world.reseal(&record));
        let saved = saved.unwrap();
        assert!((saved == Saved::Moved) != (resealed == Saved::Moved), "{saved:?} {resealed:?}");
        // Whoever won, the record opens with the key that it names.
        let now = world.load(&record.id).await;
        let key = if saved == Saved::Moved { &world.new } else { &world.old };
        assert_eq!(now.key(), &key.name);
        now.open(&key.key).unwrap();
    }
}

async fn a_reseal_changes_the_ciphertext_and_its_key_and_nothing_else(world: World) {
    let record = world.saved("ada").await;
    let before = world.raw.hash(&record.id).await;
    assert!(matches!(world.reseal(&record).await, Saved::Written(_)));
    let after = world.raw.hash(&record.id).await;
    assert_eq!(changed(&before, &after), ["key_version", "revision", "sealed", "write"]);
    let now = world.load(&record.id).await;
    assert_eq!(now.metadata, record.metadata);
    assert_eq!(now.open(&world.new.key).unwrap().connection, world.connection("ada"));
    // One that read the record before looks again.
    assert_eq!(world.reseal(&record).await, Saved::Moved);
}

async fn a_mark_changes_the_standing_and_when_it_is_due_and_nothing_else(world: World) {
    let record = world.saved("ada").await;
    let before = world.raw.hash(&record.id).await;
    let standing = Standing::quarantined(time(9), Code::Quarantined);
    assert!(matches!(world.store.mark(&record, &standing).await.unwrap(), Saved::Written(_)));
    let after = world.raw.hash(&record.id).await;
    assert_eq!(
        changed(&before, &after),
        ["next_due", "revision", "standing", "standing_code", "standing_since", "write"]
    );
    assert_eq!(world.load(&record.id).await.metadata.standing, standing);
    assert_eq!(world.store.mark(&record, &standing).await.unwrap(), Saved::Moved);
}

async fn a_save_replaces_every_field(world: World) {
    let record = world.saved("ada").await;
    let data = Metadata { marker: None, request: None, next_due: None, scopes: vec![], ..metadata() };
    let draft = world.draft_with("ada", data.clone());
    world.store.save(&draft, Expected::Revision(record.revision)).await.unwrap();
    assert_eq!(world.load(&record.id).await.metadata, data);
}

type Hash = std::collections::HashMap<String, Vec<u8>>;

fn changed(before: &Hash, after: &Hash) -> Vec<String> {
    assert_eq!(before.len(), after.len());
    let mut names: Vec<_> = before.keys().filter(|name| before[*name] != after[*name]).cloned().collect();
    names.sort();
    names
}
