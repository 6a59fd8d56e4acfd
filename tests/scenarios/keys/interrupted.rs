//! A retirement that is killed at any point: nothing is switched off too early, and running it again finishes.

use std::process::Output;

use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::command::{begin, run};
use sealpost_tests::{Pipeline, Setup};

use super::{info, retired_in};

const SHARDS: u16 = 2;

#[tokio::test]
async fn a_retirement_that_is_killed_at_any_command_is_finished_by_running_it_again() {
    let pipeline = Pipeline::start_with(Setup { shards: SHARDS, ..Setup::default() }).await;
    // that there is a store is noted at its first use
    pipeline.store().await;
    let (mut killed, mut told_some, mut counting, mut switched_off) = (0, 0, 0, 0);
    for point in 1.. {
        let old = pipeline.newest_version().await;
        pipeline.rotate_key();
        let way = Breakpoint::to_port(pipeline.rig.redis.port(), Side::Before, Then::Hold).await;
        pipeline.write("redis.url", &way.url());
        way.arm(point);
        let mut command = begin(&pipeline, &["keys", "retire", old.as_str()], &[], "").await;
        let status = tokio::select! {
            () = way.reached() => None,
            status = command.wait() => Some(status.unwrap()),
        };
        command.start_kill().ok();
        let Output { stderr, .. } = command.wait_with_output().await.unwrap();
        pipeline.write("redis.url", &pipeline.rig.redis_url());
        if let Some(status) = status {
            assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
            assert!(!info(&pipeline, &old).await.enabled);
            break;
        }
        killed += 1;
        match (retired_in(&pipeline, &old).await, info(&pipeline, &old).await.enabled) {
            (SHARDS, true) if switched_off == 0 => counting += 1,
            (SHARDS, false) => switched_off += 1,
            (told, true) if told < SHARDS => told_some += u16::from(told > 0),
            (told, enabled) => panic!("point {point}: {told} shards are told, and it is switched on: {enabled}"),
        }
        let again = run(&pipeline, &["keys", "retire", old.as_str()]).await;
        assert!(again.good, "point {point}: {}", again.stderr);
        assert_eq!((info(&pipeline, &old).await.enabled, retired_in(&pipeline, &old).await), (false, SHARDS));
    }
    assert!(
        told_some >= 1 && counting >= SHARDS && switched_off >= 1,
        "killed {killed} times: {told_some} while telling, {counting} while counting, {switched_off} after switching off"
    );
}
