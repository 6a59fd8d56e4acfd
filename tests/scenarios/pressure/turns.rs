//! Whose turn it is at a provider, as Redis says. An hour is between two calls here, so that the time that a test takes is nothing.

use std::time::Duration;

use sealpost_schemas::ProviderId;
use sealpost_shared::records::Store;
use sealpost_shared::records::pace::{Asked, Due};
use sealpost_tests::Pipeline;

use super::redis;

const HOUR: Duration = Duration::from_hours(1);

fn provider() -> ProviderId {
    ProviderId::new("practice").unwrap()
}

/// When one has its turn who waits however long that is, in hours.
async fn turn(store: &Store) -> u64 {
    let asked = Asked { apart: HOUR, burst: 3, longest: 1000 * HOUR, joins: false };
    match store.ask_turn(&provider(), &asked).await.unwrap() {
        Due::In(wait) => hours(wait),
        Due::AskIn(_) => panic!("it waits"),
    }
}

/// When one has it, or asks again, who does not wait.
async fn now(store: &Store, joins: bool) -> Result<(), u64> {
    let asked = Asked { apart: HOUR, burst: 3, longest: Duration::ZERO, joins };
    match store.ask_turn(&provider(), &asked).await.unwrap() {
        Due::In(wait) => {
            assert_eq!(wait, Duration::ZERO);
            Ok(())
        }
        Due::AskIn(after) => Err(hours(after)),
    }
}

fn hours(time: Duration) -> u64 {
    (time.as_secs() + 1800) / 3600
}

#[tokio::test]
async fn so_many_have_their_turn_at_once_and_the_others_one_after_the_other() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    let mut turns = Vec::new();
    for _ in 0..6 {
        turns.push(turn(&store).await);
    }
    assert_eq!(turns, [0, 0, 0, 1, 2, 3]);
}

#[tokio::test]
async fn jobs_that_do_not_wait_line_up_and_who_comes_later_is_behind_them() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    for _ in 0..3 {
        assert_eq!(now(&store, true).await, Ok(()));
    }
    let mut line = Vec::new();
    for _ in 0..3 {
        line.push(now(&store, true).await.unwrap_err());
    }
    assert_eq!(line, [1, 2, 3], "each has a place of its own");
    assert_eq!(now(&store, false).await, Err(1), "what passes by takes none of them");
}

#[tokio::test]
async fn a_job_lines_up_behind_others_also_where_it_would_have_its_turn() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    while now(&store, true).await.is_ok() {}
    // an hour later, as it were
    redis(&pipeline, &["HDEL", "{sp:pace:practice}", "next"]).await;
    assert_eq!(now(&store, true).await, Err(2), "one waits already");
    assert_eq!(now(&store, false).await, Ok(()), "who lined up before");
}

#[tokio::test]
async fn nobody_has_a_turn_while_a_provider_is_paused() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    store.pause_calls(&provider(), 2 * HOUR).await.unwrap();
    store.pause_calls(&provider(), HOUR).await.unwrap();
    assert_eq!((now(&store, true).await, now(&store, false).await), (Err(2), Err(2)));
    assert_eq!(turn(&store).await, 2);
}
