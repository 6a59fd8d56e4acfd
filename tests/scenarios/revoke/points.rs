//! A revocation that is interrupted at each of its points: the connection to Redis is cut there, or the worker dies. Whatever
//! it was, the next attempt ends it, and nothing is left behind.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, until};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use super::world::{StepConfig, attempt, done, impatient, is_taken, minted, one, pipeline_with, record};

/// The commands of a revocation, in their order. The calls of the platform are between the last read and the clearing.
const COMMANDS: [&str; 9] =
    ["begin", "take the lease", "read", "bury", "list", "read it", "clear", "receipt", "give back"];

async fn interrupted(
    pipeline: &Pipeline,
    request: &Value,
    (command, side, then): (usize, Side, Then),
    turn: &Mutex<()>,
) -> Value {
    let way = Breakpoint::to_port(pipeline.rig.redis.port(), side, then).await;
    let worker = Arc::new(Runtime::new().unwrap());
    let limit = Duration::from_secs(2);
    let victim = {
        // made on the worker's own runtime, so that its connections die with it
        let (url, config) = (way.url(), StepConfig::of(pipeline, limit));
        worker.handle().spawn(async move { config.step(&url).await }).await.unwrap()
    };
    let alone = turn.lock().await;
    way.arm(u32::try_from(command).unwrap() + 1);
    let mut ending = {
        let request = request.clone();
        worker.handle().spawn(async move { attempt(&victim, &request, 1).await })
    };
    tokio::select! {
        biased;
        () = way.reached() => {}
        early = &mut ending => panic!("it ended before its point {command}: {:?}", early.unwrap().map_err(|f| f.message)),
    }
    if then == Then::Cut {
        // whatever it met, it lives, and the message comes again
        let _ = ending.await.unwrap();
    }
    Arc::into_inner(worker).unwrap().shutdown_background();
    drop(alone);
    let other = StepConfig::of(pipeline, limit).step(&pipeline.rig.redis_url()).await;
    let result = until("it is done", SOON, async || attempt(&other, request, 2).await.ok()).await;
    serde_json::to_value(result).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_interrupts_a_revocation_it_ends_with_its_receipt_and_nothing_left() {
    let pipeline = pipeline_with("", impatient()).await;
    // Redis knows the scripts from here on, so that each is one command
    minted(&pipeline, "first", "default").await;
    let step = StepConfig::of(&pipeline, Duration::from_secs(2)).step(&pipeline.rig.redis_url()).await;
    done(&step, &one("first"), 1).await;
    let mut cases = Vec::new();
    for (command, name) in COMMANDS.iter().enumerate() {
        for side in [Side::Before, Side::After] {
            for then in [Then::Cut, Then::Hold] {
                let user = format!("user-{command}-{side:?}-{then:?}");
                let tokens = minted(&pipeline, &user, "default").await;
                cases.push((*name, user.clone(), tokens, one(&user), (command, side, then)));
            }
        }
    }
    let turn = Mutex::default();
    let ends = cases.iter().map(|(.., request, case)| interrupted(&pipeline, request, *case, &turn));
    let ends = join_all(ends).await;
    let (mut table, mut wrong) = (String::from("point            side    what     the receipt\n"), Vec::new());
    for ((name, user, tokens, _, (_, side, then)), end) in cases.iter().zip(ends) {
        let what = if *then == Then::Cut { "cut off" } else { "dies" };
        let receipt = &end["receipts"][0];
        writeln!(table, "{name:16} {side:7?} {what:8} {} {}", receipt["provider"], receipt["deleted"]).unwrap();
        let gone = record(&pipeline, user).await.is_none() && !is_taken(&pipeline, tokens).await;
        if receipt["provider"] != "revoked" || receipt["deleted"] != true || !gone {
            wrong.push(format!("{name} {side:?} {what}: {end}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{table}");
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 0);
    assert_eq!(pipeline.store().await.count_tombstones().await.unwrap(), 0);
}
