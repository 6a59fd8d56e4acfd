//! What others do to a connection while its refresh is under way.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};
use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Code, Connection};
use sealpost_shared::{
    clock::{Clock, SystemClock},
    failure::{Failure, Verdict},
    ids,
    keys::KeySource,
    records::{Marker, Saved, Standing, State},
    tokens::Access,
};
use sealpost_tests::{pipeline::SOON, until};
use secrecy::ExposeSecret;
use serde_json::json;

use super::world::{PATIENT, World, failed, granted, refused};

/// Refreshes ada's connection at a platform that answers late, and does something as soon as it was asked.
async fn late(world: &World, connection: &Connection, meanwhile: impl AsyncFnOnce()) -> Result<Access, Failure> {
    let (keeper, provider) = (world.keeper(PATIENT).await, world.provider(""));
    let asked = async {
        until("the platform was asked", SOON, async || world.sandbox.stats().await["faults_fired"] == 1).await;
        meanwhile().await;
        // what is held up until here goes on now
        world.sandbox.admin(reqwest::Method::DELETE, "faults", None).await;
    };
    tokio::join!(keeper.access_token(connection, &provider), asked).0
}

async fn answers_late(world: &World) {
    world.fault(json!({"kind": "slow", "when": "after", "delay_ms": 3000})).await;
}

#[tokio::test]
async fn a_reseal_meanwhile_does_not_cost_the_new_token() {
    let world = World::start().await;
    let connection = world.expired("ada").await;
    answers_late(&world).await;
    let result = late(&world, &connection, async || {
        world.rotate_key();
        let (record, keys) = (world.record("ada").await, world.keys());
        assert!(record.metadata.marker.is_some());
        let (version, new) = keys.latest(&record.key().id).await.unwrap();
        let name = sealpost_shared::seal::KeyRef { id: record.key().id.clone(), version };
        let sealed = record.seal_anew(&keys.get(record.key()).await.unwrap(), &name, &new).unwrap();
        let keeper = world.keeper(PATIENT).await;
        let saved = keeper.store().reseal(record.id.shard, &name, &[(record, sealed)]).await.unwrap();
        assert!(matches!(saved[..], [Saved::Written(_)]));
    });
    let (token, _) = granted(result.await);
    assert_eq!(world.content("ada").await.tokens.access_token.unwrap().expose_secret(), token);
    assert!(world.is_taken(&token).await);
}

#[tokio::test]
async fn a_new_consent_meanwhile_wins_over_the_late_answer() {
    let world = World::start().await;
    let connection = world.expired("ada").await;
    let mut tokens = world.tokens("ada").await;
    tokens.expires_at = None;
    answers_late(&world).await;
    let (token, events) = granted(late(&world, &connection, async || world.store("ada", &tokens).await).await);
    assert_eq!((token.as_str(), events), (tokens.access_token.expose_secret(), vec![]));
    let stored = world.content("ada").await.tokens.refresh_token.unwrap();
    assert_eq!(stored.expose_secret(), tokens.refresh_token.unwrap().expose_secret());
}

#[tokio::test]
async fn a_refusal_that_comes_after_a_new_consent_does_not_count() {
    let world = World::start().await;
    let mut unknown = world.tokens("ada").await;
    unknown.refresh_token = Some("never issued".into());
    world.store("ada", &unknown).await;
    let connection = sealpost_tests::pipeline::connection("acme", "ada");
    let mut tokens = world.tokens("ada").await;
    tokens.expires_at = None;
    answers_late(&world).await;
    let (token, _) = granted(late(&world, &connection, async || world.store("ada", &tokens).await).await);
    assert_eq!(token, tokens.access_token.expose_secret());
    assert_eq!(world.refreshes().await, json!({"invalid_grant": 1}));
    assert_eq!(world.record("ada").await.metadata.standing.state, State::Active);
}

#[tokio::test]
async fn a_refusal_that_comes_after_another_attempt_was_begun_leaves_the_word_to_that_one() {
    let world = World::start().await;
    let mut unknown = world.tokens("ada").await;
    unknown.refresh_token = Some("never issued".into());
    world.store("ada", &unknown).await;
    let connection = sealpost_tests::pipeline::connection("acme", "ada");
    answers_late(&world).await;
    let result = late(&world, &connection, async || {
        let (keeper, record) = (world.keeper(PATIENT).await, world.record("ada").await);
        let other = Marker { attempt: ids::fresh(), at: SystemClock.now() };
        assert!(matches!(keeper.store().set_marker(&record, Some(other)).await.unwrap(), Saved::Written(_)));
    });
    assert!(matches!(failed(result.await).verdict, Verdict::Defer { .. }));
    assert_eq!(world.record("ada").await.metadata.standing.state, State::Active);
    let (keeper, provider) = (world.keeper(PATIENT).await, world.provider(""));
    assert_eq!(refused(keeper.access_token(&connection, &provider).await).0.code, Code::RefreshOutcomeLost);
}

#[tokio::test]
async fn an_answer_in_hand_heals_what_somebody_declared_dead_meanwhile() {
    let world = World::start().await;
    let connection = world.expired("ada").await;
    answers_late(&world).await;
    let result = late(&world, &connection, async || {
        let (keeper, record) = (world.keeper(PATIENT).await, world.record("ada").await);
        let standing = Standing::needs_consent(SystemClock.now(), Code::RefreshOutcomeLost);
        assert!(matches!(keeper.store().end_refresh(&record, &standing).await.unwrap(), Saved::Written(_)));
    });
    let (token, _) = granted(result.await);
    assert!(world.is_taken(&token).await);
    assert_eq!(world.record("ada").await.metadata.standing.state, State::Active);
}

#[tokio::test]
async fn whoever_waits_may_go_away_and_the_refresh_goes_on() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    answers_late(&world).await;
    let fired = async || world.sandbox.stats().await["faults_fired"] == 1;
    tokio::select! {
        _ = keeper.access_token(&connection, &provider) => panic!("it was not late"),
        () = until("the platform was asked", SOON, fired) => {}
    }
    let (token, events) = granted(keeper.access_token(&connection, &provider).await);
    assert_eq!((events, world.reuses().await), (vec!["connection.refreshed"], 0));
    assert!(world.is_taken(&token).await);
}

/// A clock of a machine that fell asleep: at its n-th reading, an hour has gone by.
struct Asleep {
    readings: AtomicU32,
    from: u32,
}

impl Clock for Asleep {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn since_boot(&self) -> Duration {
        let slept = self.readings.fetch_add(1, SeqCst) >= self.from;
        if slept { Duration::from_hours(1) } else { Duration::ZERO }
    }
}

#[tokio::test]
async fn a_worker_that_slept_past_its_lease_before_sending_sends_nothing() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    // read when it began to wait, when it asked for the lease, and then right before it sends
    let clock = Arc::new(Asleep { readings: AtomicU32::new(0), from: 2 });
    let slow = world.keeper_at(&world.redis.url(), PATIENT, clock).await;
    let failure = failed(slow.access_token(&connection, &provider).await);
    assert_eq!(
        (failure.code, failure.verdict),
        (Code::RefreshUnderWay, Verdict::Defer { after: Duration::from_secs(1) })
    );
    assert_eq!(world.refreshes().await, json!(null));
    assert_eq!(world.record("ada").await.metadata.marker, None, "its marker is taken away");
    granted(world.keeper(PATIENT).await.access_token(&connection, &provider).await);
}

#[tokio::test]
async fn a_held_lease_puts_others_off_and_its_end_lets_them() {
    let world = World::start().await;
    let (connection, provider) = (world.expired("ada").await, world.provider(""));
    let keeper = world.keeper(PATIENT).await;
    let id = keeper.store().locate(&connection);
    let lease = keeper.store().take_lease(&id, Duration::from_mins(1)).await.unwrap().unwrap();
    assert!(keeper.store().take_lease(&id, Duration::from_mins(1)).await.unwrap().is_none());
    let failure = failed(keeper.access_token(&connection, &provider).await);
    assert!(matches!(failure.verdict, Verdict::Defer { .. }), "{:?}", failure.verdict);
    assert_eq!(world.refreshes().await, json!(null));
    keeper.store().release_lease(lease).await.unwrap();
    granted(keeper.access_token(&connection, &provider).await);
}

#[tokio::test]
async fn a_lease_that_is_somebody_elses_by_now_is_not_given_back() {
    let world = World::start().await;
    let connection = world.expired("ada").await;
    let keeper = world.keeper(PATIENT).await;
    let (store, id) = (keeper.store(), keeper.store().locate(&connection));
    let short = store.take_lease(&id, Duration::from_millis(1)).await.unwrap().unwrap();
    let long = Duration::from_mins(1);
    let other = until("the first lease is over", SOON, async || store.take_lease(&id, long).await.unwrap()).await;
    store.release_lease(short).await.unwrap();
    assert!(store.take_lease(&id, long).await.unwrap().is_none(), "the other's lease lasts");
    store.release_lease(other).await.unwrap();
    assert!(store.take_lease(&id, long).await.unwrap().is_some());
}
