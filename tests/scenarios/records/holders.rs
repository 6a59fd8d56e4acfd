//! Whose a refresh token is: the index that every write keeps, and the lease of who brings one in.

use std::time::Duration;

use sealpost_schemas::Code;
use sealpost_shared::{
    ids,
    records::{Draft, Expected, Metadata, Record, Saved, Standing},
};
use secrecy::SecretString;

use super::world::{World, metadata, on_both, record_key, time};

on_both! {
    a_record_is_found_by_the_token_that_it_has_and_by_those_that_it_had
    a_token_that_a_record_forgot_is_nobodys
    a_reseal_and_a_mark_leave_the_index_alone
    a_save_that_lost_leaves_the_index_alone
    a_token_that_two_have_stays_the_others
    a_record_of_format_1_is_read_and_indexed_by_its_next_save
    the_lease_of_a_token_is_one_owners_until_it_ends
    the_lease_of_a_token_is_whole_again_when_its_owner_asks_again
}

/// A refresh token of this test only, and its hash: the store is shared.
fn token(world: &World) -> (SecretString, [u8; 32]) {
    let token = SecretString::from(format!("refresh-{}", ids::fresh()));
    let hash = world.store.hash_of(&token);
    (token, hash)
}

/// A record with this token, and these before it.
fn draft(world: &World, user: &str, token: &SecretString, superseded: &[[u8; 32]]) -> Draft {
    let mut content = world.content(user);
    content.tokens.refresh_token = Some(token.clone());
    let data = Metadata { superseded: superseded.to_vec(), ..metadata() };
    world.store.draft(&content, data, &world.old.name, &world.old.key).unwrap()
}

async fn save(world: &World, draft: &Draft) -> Record {
    let stored = world.store.load(&draft.id()).await.unwrap();
    let expected = stored.map_or(Expected::Absent, |record| Expected::Revision(record.revision));
    assert!(matches!(world.store.save(draft, expected).await.unwrap(), Saved::Written(_)));
    world.load(&draft.id()).await
}

/// Who is known to have a token, by the user's name.
async fn has(world: &World, token: &[u8; 32], users: &[&str]) -> bool {
    let mut found = world.store.holders(token).await.unwrap();
    let mut wanted: Vec<_> = users.iter().map(|user| world.store.locate(&world.connection(user))).collect();
    found.sort();
    wanted.sort();
    found == wanted
}

async fn a_record_is_found_by_the_token_that_it_has_and_by_those_that_it_had(world: World) {
    let ((first, one), (second, two), (_, never)) = (token(&world), token(&world), token(&world));
    let record = save(&world, &draft(&world, "ada", &first, &[])).await;
    assert_eq!(record.token, Some(one));
    assert!(has(&world, &one, &["ada"]).await && has(&world, &two, &[]).await);
    save(&world, &draft(&world, "ada", &second, &[one])).await;
    assert!(has(&world, &one, &["ada"]).await && has(&world, &two, &["ada"]).await);
    assert!(has(&world, &never, &[]).await);
}

async fn a_token_that_a_record_forgot_is_nobodys(world: World) {
    let ((first, one), (second, two)) = (token(&world), token(&world));
    save(&world, &draft(&world, "ada", &first, &[[9; 32]])).await;
    save(&world, &draft(&world, "ada", &second, &[])).await;
    assert!(has(&world, &one, &[]).await && has(&world, &two, &["ada"]).await);
    let mut none = world.content("ada");
    none.tokens.refresh_token = None;
    let draft =
        world.store.draft(&none, Metadata { superseded: vec![], ..metadata() }, &world.old.name, &world.old.key);
    assert_eq!(save(&world, &draft.unwrap()).await.token, None);
    assert!(has(&world, &two, &[]).await);
}

async fn a_reseal_and_a_mark_leave_the_index_alone(world: World) {
    let ((first, one), (_, before)) = (token(&world), token(&world));
    let record = save(&world, &draft(&world, "ada", &first, &[before])).await;
    assert!(matches!(world.reseal(&record).await, Saved::Written(_)));
    let record = world.load(&record.id).await;
    world.store.mark(&record, &Standing::needs_consent(time(9), Code::InvalidGrant)).await.unwrap();
    assert_eq!(world.load(&record.id).await.token, Some(one));
    assert!(has(&world, &one, &["ada"]).await && has(&world, &before, &["ada"]).await);
}

async fn a_save_that_lost_leaves_the_index_alone(world: World) {
    let ((first, one), (second, two)) = (token(&world), token(&world));
    save(&world, &draft(&world, "ada", &first, &[])).await;
    let late = draft(&world, "ada", &second, &[]);
    assert_eq!(world.store.save(&late, Expected::Absent).await.unwrap(), Saved::Moved);
    assert!(has(&world, &one, &["ada"]).await && has(&world, &two, &[]).await);
}

async fn a_token_that_two_have_stays_the_others(world: World) {
    let ((same, one), (next, _)) = (token(&world), token(&world));
    // one owner's, so in one shard
    save(&world, &draft(&world, "ada", &same, &[])).await;
    let mut content = world.content("ada");
    content.connection.label = sealpost_schemas::Name::new("second").unwrap();
    content.tokens.refresh_token = Some(same);
    let second = world.store.draft(&content, metadata(), &world.old.name, &world.old.key).unwrap();
    save(&world, &second).await;
    save(&world, &draft(&world, "ada", &next, &[])).await;
    assert_eq!(world.store.holders(&one).await.unwrap(), [second.id()]);
}

async fn a_record_of_format_1_is_read_and_indexed_by_its_next_save(world: World) {
    let ((first, one), (second, two), (_, before)) = (token(&world), token(&world), token(&world));
    let id = save(&world, &draft(&world, "ada", &first, &[before])).await.id;
    let (record, tokens) = (record_key(&id), format!("{{sp:{:03}}}:tokens", id.shard));
    world.raw.tell(&["HDEL", &record, "token"]).await;
    world.raw.tell(&["HSET", &record, "format", "1"]).await;
    world.raw.tell(&["HDEL", &tokens, &hex::encode(one), &hex::encode(before)]).await;
    let old = world.load(&id).await;
    assert_eq!(old.token, None);
    world.reseal(&old).await;
    assert!(has(&world, &one, &[]).await, "what a re-seal does not open it does not index");
    save(&world, &draft(&world, "ada", &second, &[before, one])).await;
    for token in [before, one, two] {
        assert!(has(&world, &token, &["ada"]).await);
    }
}

async fn the_lease_of_a_token_is_one_owners_until_it_ends(world: World) {
    let ((_, hash), (_, other)) = (token(&world), token(&world));
    let (one, two) = (ids::fresh(), ids::fresh());
    let take = async |token, owner, millis| {
        world.store.lease_token(token, owner, Duration::from_millis(millis)).await.unwrap()
    };
    let lease = take(&hash, one, 60_000).await.expect("a lease");
    assert!(take(&hash, two, 60_000).await.is_none());
    assert!(take(&hash, one, 60_000).await.is_some(), "its owner asks again");
    assert!(take(&other, two, 60_000).await.is_some(), "another token");
    world.store.release_token(lease).await.unwrap();
    let late = take(&hash, two, 20).await.expect("the lease that was given back");
    sealpost_tests::until("a lease runs out", super::world::LONG, async || take(&hash, one, 60_000).await.is_some())
        .await;
    world.store.release_token(late).await.unwrap();
    assert!(take(&hash, two, 60_000).await.is_none(), "it was not its own any more");
}

async fn the_lease_of_a_token_is_whole_again_when_its_owner_asks_again(world: World) {
    let ((_, hash), (_, other)) = (token(&world), token(&world));
    let (one, two) = (ids::fresh(), ids::fresh());
    let take = async |token, owner, millis| {
        world.store.lease_token(token, owner, Duration::from_millis(millis)).await.unwrap()
    };
    take(&hash, one, 500).await.expect("a lease");
    take(&hash, one, 60_000).await.expect("the same");
    take(&other, two, 500).await.expect("one that began later and is as long as the first was");
    sealpost_tests::until("it runs out", super::world::LONG, async || take(&other, one, 60_000).await.is_some()).await;
    assert!(take(&hash, two, 60_000).await.is_none());
}
