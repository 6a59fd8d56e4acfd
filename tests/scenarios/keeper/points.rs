//! A refresh that is interrupted at each of its points: the connection to Redis is cut there, or the worker dies.
//! The run prints what became of each, and every line of the table is asserted.

use std::{fmt::Write, sync::Arc};

use futures_util::future::join_all;
use sealpost_shared::{clock::SystemClock, failure::Failure, tokens::Access};
use sealpost_tests::{
    breakpoint::{Breakpoint, Side, Then},
    pipeline::SOON,
    until,
};
use serde_json::json;
use tokio::runtime::Runtime;

use super::world::{HASTY, World, granted};

/// The commands of a refresh, in their order. The token call is between the marker and the save.
const COMMANDS: [&str; 6] = ["first read", "take the lease", "read again", "marker", "save", "give back"];

/// What the connection is in the end.
fn end(result: Result<Access, Failure>) -> &'static str {
    match result {
        Ok(Access::Granted { .. }) => "works",
        Ok(Access::Refused { report, .. }) => report.code.as_str(),
        Err(failure) => panic!("{}", failure.message),
    }
}

/// Refreshes the connection of a user of this name with a worker that meets the breakpoint, and settles it with another.
async fn interrupted(world: &World, command: usize, side: Side, then: Then) -> (String, &'static str) {
    let user = format!("user-{command}-{side:?}-{then:?}");
    let (connection, provider) = (world.expired(&user).await, world.provider(""));
    let way = Breakpoint::to_port(world.redis.port(), side, then).await;
    let worker = Arc::new(Runtime::new().unwrap());
    let runtime = worker.handle().clone();
    let victim = {
        // made on the worker's own runtime, so that its connections die with it
        let (url, config) = (way.url(), world.keeper_config());
        runtime.spawn(async move { config.keeper_at(&url, HASTY, Arc::new(SystemClock)).await }).await.unwrap()
    };
    way.arm(u32::try_from(command).unwrap() + 1);
    let refresh = {
        let (connection, provider) = (connection.clone(), provider.clone());
        runtime.spawn(async move { victim.access_token(&connection, &provider).await })
    };
    way.reached().await;
    if then == Then::Hold {
        Arc::into_inner(worker).unwrap().shutdown_background();
    } else {
        // whatever it met, it lives, and the message comes again
        let _ = refresh.await.unwrap();
        Arc::into_inner(worker).unwrap().shutdown_background();
    }
    let other = world.keeper(HASTY).await;
    let settled = until("it is settled", SOON, async || other.access_token(&connection, &provider).await.ok()).await;
    (user, end(Ok(settled)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_interrupts_a_refresh_it_ends_in_a_connection_that_works_or_says_why_not() {
    let world = World::start().await;
    // Redis knows the scripts from here on, so that each is one command
    granted(world.keeper(HASTY).await.access_token(&world.expired("first").await, &world.provider("")).await);
    let mut cases = Vec::new();
    for (command, name) in COMMANDS.iter().enumerate() {
        for side in [Side::Before, Side::After] {
            for then in [Then::Cut, Then::Hold] {
                cases.push((command, *name, side, then));
            }
        }
    }
    let ends = join_all(cases.iter().map(|&(command, _, side, then)| interrupted(&world, command, side, then))).await;
    let mut table = String::from("point            side    what     the connection\n");
    let mut wrong = Vec::new();
    for (&(_, name, side, then), (user, end)) in cases.iter().zip(&ends) {
        let what = if then == Then::Cut { "cut off" } else { "dies" };
        writeln!(table, "{name:16} {side:7?} {what:8} {end}").unwrap();
        // the one place where the answer dies with its process
        let dies_with_the_answer = (name, side, then) == ("save", Side::Before, Then::Hold);
        let expected = if dies_with_the_answer { "refresh-outcome-lost" } else { "works" };
        if *end != expected {
            wrong.push(format!("{user}: {end}, not {expected}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{table}");
    assert_eq!(world.reuses().await, 1, "only the token whose answer died came again");
    assert_eq!(world.refreshes().await["invalid_grant"], json!(1));
}
