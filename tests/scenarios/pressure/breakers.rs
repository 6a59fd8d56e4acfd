//! When a breaker opens, for how long, and who may try whether it closes.

use sealpost_shared::records::Store;
use sealpost_shared::records::pace::{Breaker, Known, Rules, Word};
use sealpost_tests::Pipeline;

use super::{redis, seconds};

const NAME: &str = "practice/api";

/// Minutes and hours, so that the time that a test takes is nothing.
const RULES: Rules =
    Rules { failures: 3, apart: seconds(600), first: seconds(3600), most: seconds(3 * 3600), takes: seconds(7200) };

/// What a breaker says to a word; how long it is open in hours.
async fn says(store: &Store, word: Word) -> Result<Breaker, u64> {
    match store.breaker(NAME, word, &RULES).await.unwrap() {
        Breaker::Open(left) => Err((left.as_secs() + 1800) / 3600),
        other => Ok(other),
    }
}

/// As if so much time had gone by: what Redis keeps is of long ago.
async fn later(pipeline: &Pipeline) {
    let kept = redis(pipeline, &["HGET", "{sp:breakers}", NAME]).await.unwrap();
    let numbers: Vec<&str> = kept.trim().split(' ').collect();
    let [failures, _, opened, ..] = numbers[..] else { panic!("{kept}") };
    let kept = format!("{failures} 0 {opened} 0 0");
    redis(pipeline, &["HSET", "{sp:breakers}", NAME, &kept]).await;
}

#[tokio::test]
async fn failures_in_a_row_open_it_and_an_answer_closes_it() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    assert_eq!(says(&store, Word::Failed).await, Ok(Breaker::Closed));
    assert_eq!(store.breakers().await.unwrap(), [Known { name: NAME.into(), open: None }]);
    assert_eq!(says(&store, Word::Failed).await, Ok(Breaker::Closed));
    assert_eq!(says(&store, Word::Failed).await, Err(1));
    assert_eq!(says(&store, Word::Failed).await, Err(1), "what was under way does not make it longer");
    assert!(store.breakers().await.unwrap()[0].open.is_some());
    assert_eq!(says(&store, Word::Try).await, Err(1), "nobody tries yet");
    store.close_breaker(NAME).await.unwrap();
    assert_eq!(says(&store, Word::Try).await, Ok(Breaker::Closed));
    assert_eq!(store.breakers().await.unwrap(), []);
}

#[tokio::test]
async fn failures_that_are_far_apart_are_not_in_a_row() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    for _ in 0..5 {
        assert_eq!(says(&store, Word::Failed).await, Ok(Breaker::Closed));
        later(&pipeline).await;
    }
}

#[tokio::test]
async fn one_call_tries_and_each_that_fails_makes_the_pause_longer() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    for _ in 0..3 {
        let _opens = says(&store, Word::Failed).await;
    }
    for hours in [2, 3, 3] {
        later(&pipeline).await;
        assert_eq!(says(&store, Word::Try).await, Ok(Breaker::Trying));
        assert_eq!(says(&store, Word::Try).await, Err(2), "one is enough");
        assert_eq!(says(&store, Word::TryFailed).await, Err(hours));
    }
    later(&pipeline).await;
    assert_eq!(says(&store, Word::Try).await, Ok(Breaker::Trying));
    let _given_back = says(&store, Word::Untried).await;
    assert_eq!(says(&store, Word::Try).await, Ok(Breaker::Trying), "the one that was to try did not");
    later(&pipeline).await;
    assert_eq!(says(&store, Word::Try).await, Ok(Breaker::Trying), "the one that tried never came back");
}
