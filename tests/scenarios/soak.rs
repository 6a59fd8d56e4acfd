//! A small soak, with the same blows each time. `make soak` runs a large one, with blows at random.

use std::time::Duration;

use sealpost_tests::soak::{
    Screen, Soak,
    plan::{Blow, How, Target},
};

/// To what, how, when, and for how long, in milliseconds.
const BLOWS: [(Target, How, u64, u64); 8] = [
    (Target::Worker(0), How::Killed, 2000, 500),
    (Target::Redis, How::Killed, 3500, 500),
    // longer than a lease or a claim lasts, and than the broker waits for a heartbeat
    (Target::Worker(1), How::Stopped, 4000, 13_000),
    (Target::Worker(2), How::Killed, 6000, 1000),
    (Target::Broker, How::Killed, 8000, 500),
    (Target::Worker(0), How::Killed, 12_000, 0),
    (Target::Redis, How::Killed, 13_000, 200),
    (Target::Worker(3), How::Killed, 14_500, 0),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_lost_or_posted_twice_while_workers_broker_and_redis_die() {
    let millis = Duration::from_millis;
    let blow = |(target, how, at, lasts)| Blow { target, how, at: millis(at), lasts: millis(lasts) };
    let soak = Soak {
        jobs: 300,
        connections: 30,
        lasts: Duration::from_secs(17),
        blows: BLOWS.map(blow).into(),
        seed: 1,
        patience: Duration::from_mins(3),
    };
    let account = Box::pin(soak.run(&mut Screen::silent())).await;
    assert_eq!(account.struck.len(), BLOWS.len(), "{}", account.table());
    assert!(account.holds(), "{}", account.table());
}
