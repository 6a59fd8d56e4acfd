//! The cache against a vault that is a closure.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;
use crate::seal::Key;

const LONG: Ages = Ages { fresh: Duration::from_hours(1), outage: Duration::from_hours(1) };
/// Everything has grown old at once, and may be used while the vault is away.
const OLD: Ages = Ages { fresh: Duration::ZERO, outage: Duration::from_hours(1) };

fn latest() -> Asked {
    Asked { id: "tokens".parse().unwrap(), version: None }
}

fn found(version: &str) -> Found<Arc<Key>> {
    (version.parse().unwrap(), Arc::new(Key::from_bytes(&[7; 32])))
}

fn away() -> KeyError {
    KeyError::SourceUnavailable { wanted: latest().wanted(), reason: "it cannot be reached".into() }
}

async fn obtained(
    cache: &Cache<Arc<Key>>,
    ages: Ages,
    answer: Result<Found<Arc<Key>>, KeyError>,
) -> Result<String, KeyError> {
    cache.obtain(latest(), ages, || async { answer }).await.map(|(version, _)| version.to_string())
}

#[tokio::test]
async fn all_who_need_one_key_at_once_wait_for_one_fetch() {
    let (cache, fetches, gate) = (Cache::default(), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let ask = |_| {
        let (cache, fetches, gate) = (cache.clone(), fetches.clone(), gate.clone());
        async move {
            let fetch = || async move {
                fetches.fetch_add(1, Ordering::SeqCst);
                let _passed = gate.acquire().await;
                Ok(found("v1"))
            };
            cache.obtain(latest(), LONG, fetch).await.map(|(version, _)| version.to_string())
        }
    };
    let all = futures_util::future::join_all((0..64).map(ask));
    let (all, ()) = tokio::join!(all, async { gate.add_permits(64) });
    assert!(all.iter().all(|one| *one == Ok("v1".to_owned())));
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_failed_fetch_is_told_and_the_next_who_asks_fetches_again() {
    let cache = Cache::default();
    assert_eq!(obtained(&cache, LONG, Err(away())).await, Err(away()));
    assert!(cache.trouble().is_some());
    assert_eq!(obtained(&cache, LONG, Ok(found("v1"))).await.unwrap(), "v1");
    assert!(cache.trouble().is_none());
    assert_eq!(obtained(&cache, LONG, Err(away())).await.unwrap(), "v1", "it is cached");
}

#[tokio::test]
async fn what_grew_old_is_asked_for_and_goes_on_being_used_while_the_vault_is_away() {
    let cache = Cache::default();
    obtained(&cache, OLD, Ok(found("v1"))).await.unwrap();
    assert_eq!(obtained(&cache, OLD, Ok(found("v2"))).await.unwrap(), "v2");
    assert_eq!(obtained(&cache, OLD, Err(away())).await.unwrap(), "v2");
    let ended = Ages { fresh: Duration::ZERO, outage: Duration::ZERO };
    assert_eq!(obtained(&cache, ended, Err(away())).await, Err(away()), "the stretch is over");
}

#[tokio::test]
async fn what_the_vault_says_of_a_key_counts_at_once() {
    let cache = Cache::default();
    obtained(&cache, OLD, Ok(found("v1"))).await.unwrap();
    let disabled = KeyError::Disabled { wanted: latest().wanted() };
    assert_eq!(obtained(&cache, OLD, Err(disabled.clone())).await, Err(disabled.clone()));
    let forgotten = async || match obtained(&cache, OLD, Err(away())).await {
        Err(error) => error,
        Ok(version) => panic!("{version} was not forgotten"),
    };
    while forgotten().await == disabled {
        tokio::task::yield_now().await;
    }
    assert_eq!(forgotten().await, away());
}

#[tokio::test]
async fn a_latest_that_was_retired_is_asked_for_again() {
    let cache = Cache::default();
    obtained(&cache, LONG, Ok(found("v1"))).await.unwrap();
    let other = KeyRef { id: latest().id, version: "v0".parse().unwrap() };
    cache.outdated(&other);
    assert_eq!(obtained(&cache, LONG, Ok(found("v2"))).await.unwrap(), "v1");
    cache.outdated(&KeyRef { version: "v1".parse().unwrap(), ..other });
    assert_eq!(obtained(&cache, LONG, Ok(found("v2"))).await.unwrap(), "v2");
}

#[tokio::test]
async fn the_latest_is_known_by_its_version_too() {
    let cache = Cache::default();
    obtained(&cache, LONG, Ok(found("v1"))).await.unwrap();
    let version = Asked { version: Some("v1".parse().unwrap()), ..latest() };
    assert!(cache.obtain(version, LONG, || async { Err(away()) }).await.is_ok());
}

#[tokio::test]
async fn an_occasion_has_the_latest_looked_up_once_and_nothing_older_will_do() {
    let cache = Cache::default();
    let rotation = async |number, answer| {
        let found = cache.obtain_for(Uuid::from_u128(number), latest(), LONG, || async { answer }).await;
        found.map(|(version, _)| version.to_string())
    };
    assert_eq!(rotation(1, Ok(found("v1"))).await.unwrap(), "v1");
    assert_eq!(rotation(1, Ok(found("v2"))).await.unwrap(), "v1", "it was looked up for this one");
    assert_eq!(rotation(2, Err(away())).await, Err(away()));
    assert_eq!(obtained(&cache, LONG, Err(away())).await.unwrap(), "v1", "for others it will do");
    assert_eq!(rotation(2, Ok(found("v2"))).await.unwrap(), "v2");
    assert_eq!(rotation(1, Ok(found("v3"))).await.unwrap(), "v2");
}

#[tokio::test]
async fn a_refusal_is_the_vaults_word_for_a_moment_and_not_asked_for_by_everybody() {
    let cache = Cache::default();
    let disabled = || KeyError::Disabled { wanted: latest().wanted() };
    assert_eq!(obtained(&cache, LONG, Err(disabled())).await, Err(disabled()));
    assert_eq!(obtained(&cache, LONG, Ok(found("v1"))).await, Err(disabled()), "nobody asks again so soon");
    let other = Asked { id: "others".parse().unwrap(), version: None };
    assert!(cache.obtain(other, LONG, || async { Ok(found("v1")) }).await.is_ok(), "it is about one key");
    let began = Instant::now();
    while obtained(&cache, LONG, Ok(found("v1"))).await.is_err() {
        assert!(began.elapsed() < Duration::from_mins(1));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_version_that_is_not_taken_somewhere_is_looked_up_anew_once_in_a_while() {
    let cache = Cache::default();
    let version = |text: &str| text.parse::<KeyVersion>().unwrap();
    let doubted = |text, pause| cache.doubted(&latest(), &version(text), pause);
    obtained(&cache, LONG, Ok(found("v1"))).await.unwrap();
    doubted("v0", Duration::MAX);
    assert_eq!(obtained(&cache, LONG, Ok(found("v2"))).await.unwrap(), "v1", "it is known already");
    doubted("v1", Duration::MAX);
    assert_eq!(obtained(&cache, LONG, Err(away())).await.unwrap(), "v1", "it will do while the vault is away");
    let cache_of_one_doubt = Cache::default();
    let doubted = |text, pause| cache_of_one_doubt.doubted(&latest(), &version(text), pause);
    obtained(&cache_of_one_doubt, LONG, Ok(found("v1"))).await.unwrap();
    doubted("v1", Duration::MAX);
    assert_eq!(obtained(&cache_of_one_doubt, LONG, Ok(found("v2"))).await.unwrap(), "v2");
    doubted("v2", Duration::MAX);
    assert_eq!(obtained(&cache_of_one_doubt, LONG, Ok(found("v3"))).await.unwrap(), "v2", "not so soon again");
    doubted("v2", Duration::ZERO);
    assert_eq!(obtained(&cache_of_one_doubt, LONG, Ok(found("v3"))).await.unwrap(), "v3");
}

#[tokio::test]
async fn nobody_waits_a_second_time_for_a_vault_that_gave_a_rotation_no_answer() {
    let cache = Cache::default();
    obtained(&cache, LONG, Ok(found("v1"))).await.unwrap();
    let asked = cache.obtain_for(Uuid::from_u128(1), latest(), LONG, || async { Err(away()) }).await;
    assert_eq!(asked.map(|(version, _)| version.to_string()), Err(away()));
    let hangs = || std::future::pending::<Result<Found<Arc<Key>>, KeyError>>();
    // while the pause lasts, and after it, when the vault is asked again in the background
    while cache.state().flights.is_empty() {
        let found = tokio::time::timeout(Duration::from_mins(1), cache.obtain(latest(), LONG, hangs)).await;
        assert_eq!(found.unwrap().unwrap().0.to_string(), "v1");
        tokio::task::yield_now().await;
    }
    assert!(tokio::time::timeout(Duration::from_mins(1), cache.obtain(latest(), LONG, hangs)).await.unwrap().is_ok());
}
