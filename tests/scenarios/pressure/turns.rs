//! Whose turn it is at a provider, as Redis says. An hour is between two calls here, so that the time that a test takes is nothing.

use std::time::Duration;

use sealpost_schemas::ProviderId;
use sealpost_shared::records::Store;
use sealpost_shared::records::pace::{Asked, Due, Line};
use sealpost_tests::Pipeline;

use super::redis;

const HOUR: Duration = Duration::from_hours(1);

const JOINS: Line = Line::Joins { within: None };

fn provider() -> ProviderId {
    ProviderId::new("practice").unwrap()
}

/// What becomes of a call that waits for so many hours at most, or not at all.
async fn ask(store: &Store, line: Line, longest: u32) -> Due {
    store.ask_turn(&provider(), &Asked { apart: HOUR, burst: 3, longest: longest * HOUR, line }).await.unwrap()
}

/// The same, in whole hours.
async fn asks(store: &Store, line: Line, longest: u32) -> (&'static str, u64) {
    let hours = |time: Duration| (time.as_secs() + 1800) / 3600;
    match ask(store, line, longest).await {
        Due::In(wait) => ("has its turn", hours(wait)),
        Due::AskIn(after) => ("asks again", hours(after)),
        Due::PlaceIn(after) => ("has a place", hours(after)),
    }
}

/// Takes what may come at once.
async fn take_all(store: &Store) {
    for _ in 0..3 {
        assert_eq!(asks(store, JOINS, 0).await, ("has its turn", 0));
    }
}

/// What Redis keeps is so many hours older, or newer, than it was.
async fn older(pipeline: &Pipeline, field: &str, hours: i64) {
    let key = &pipeline.store().await.hash_of_provider(&provider());
    let key = &format!("{{sp:pace:{key}}}");
    let kept: i64 = redis(pipeline, &["HGET", key, field]).await.unwrap().parse().unwrap();
    redis(pipeline, &["HSET", key, field, &(kept - hours * 3_600_000_000).to_string()]).await;
}

#[tokio::test]
async fn so_many_have_their_turn_at_once_and_the_others_one_after_the_other() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    let mut turns = Vec::new();
    for _ in 0..6 {
        turns.push(asks(&store, Line::Beside, 100).await.1);
    }
    assert_eq!(turns, [0, 0, 0, 1, 2, 3]);
}

#[tokio::test]
async fn jobs_that_do_not_wait_line_up_and_who_comes_later_is_behind_them() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    take_all(&store).await;
    for place in 1..4 {
        assert_eq!(asks(&store, JOINS, 0).await, ("has a place", place));
    }
    assert_eq!(asks(&store, Line::Beside, 0).await, ("asks again", 1), "what lines up nowhere takes no place");
    assert_eq!(asks(&store, JOINS, 0).await, ("has a place", 4));
}

#[tokio::test]
async fn a_job_lines_up_behind_others_also_where_it_would_have_its_turn() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    take_all(&store).await;
    assert_eq!(asks(&store, JOINS, 0).await, ("has a place", 1));
    assert_eq!(asks(&store, JOINS, 0).await, ("has a place", 2));
    // an hour and a half later, as it were
    older(&pipeline, "next", 2).await;
    assert_eq!(asks(&store, JOINS, 0).await, ("has a place", 3), "two wait already");
    assert_eq!(asks(&store, Line::LinedUp { within: None }, 0).await, ("has its turn", 0), "whose place has come");
}

#[tokio::test]
async fn a_place_that_comes_too_late_is_told_and_not_taken() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    take_all(&store).await;
    let line = Line::Joins { within: Some(HOUR / 2) };
    for _ in 0..5 {
        assert_eq!(asks(&store, line, 0).await, ("asks again", 1));
    }
    assert_eq!(asks(&store, JOINS, 0).await, ("has a place", 1), "it is free still");
}

#[tokio::test]
async fn a_line_that_nobody_comes_from_is_none() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    take_all(&store).await;
    for _ in 0..9 {
        let _place = ask(&store, JOINS, 0).await;
    }
    // no call for more than two turns: those who had the places were answered, or are gone
    older(&pipeline, "next", 6).await;
    assert_eq!(asks(&store, JOINS, 0).await, ("has its turn", 0));
}

#[tokio::test]
async fn the_second_call_of_an_act_goes_out_with_the_first_and_the_next_act_waits_for_both() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    take_all(&store).await;
    assert_eq!(asks(&store, Line::Follows, 0).await, ("has its turn", 0));
    assert_eq!(asks(&store, Line::Beside, 0).await, ("asks again", 2));
}

#[tokio::test]
async fn nobody_has_a_turn_while_a_provider_is_paused() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    let seconds = async |line| match ask(&store, line, 0).await {
        Due::In(wait) | Due::AskIn(wait) | Due::PlaceIn(wait) => wait.as_secs().div_ceil(10) * 10,
    };
    store.pause_calls(&provider(), Duration::from_mins(1)).await.unwrap();
    store.pause_calls(&provider(), Duration::from_secs(5)).await.unwrap();
    assert_eq!((seconds(Line::Beside).await, seconds(JOINS).await), (60, 60), "until the later of the two");
}

#[tokio::test]
async fn a_clock_that_went_back_stops_nobody() {
    let pipeline = Pipeline::start().await;
    let store = pipeline.store().await;
    take_all(&store).await;
    older(&pipeline, "next", -1000).await;
    assert_eq!(asks(&store, Line::Beside, 0).await, ("has its turn", 0));
    store.pause_calls(&provider(), Duration::from_mins(1)).await.unwrap();
    older(&pipeline, "pause", -1).await;
    assert_eq!(asks(&store, Line::Beside, 0).await, ("has its turn", 0));
}
