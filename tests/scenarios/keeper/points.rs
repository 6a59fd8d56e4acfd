//! A refresh that is interrupted at each of its points: the connection to Redis is cut there, or the worker dies.
//! The run prints what became of each, and every line of the table is asserted.

use std::{fmt::Write, sync::Arc, time::Duration};

use futures_util::future::join_all;
use sealpost_schemas::Connection;
use sealpost_shared::{clock::SystemClock, failure::Failure, oauth::OAuthProvider, tokens::Access};
use sealpost_tests::{
    breakpoint::{Breakpoint, Side, Then},
    pipeline::SOON,
    until,
};
use serde_json::json;
use tokio::{runtime::Runtime, sync::Mutex};

use super::world::{HASTY, World, granted};

/// The commands of a refresh, in their order. The token call is between the marker and the save.
const COMMANDS: [&str; 6] = ["first read", "take the lease", "read again", "marker", "save", "give back"];

/// What the connection is in the end.
pub(super) fn end(result: Result<Access, Failure>) -> &'static str {
    match result {
        Ok(Access::Granted { .. }) => "works",
        Ok(Access::Refused { report, .. }) => report.code.as_str(),
        Err(failure) => panic!("{}", failure.message),
    }
}

/// A connection's provider, and how long a call to it may take.
type At<'a> = (&'a OAuthProvider, Duration);

/// Refreshes a connection with a worker that meets the breakpoint, and settles it with another.
async fn interrupted(
    world: &World,
    connection: &Connection,
    (provider, limit): At<'_>,
    (command, side, then): (usize, Side, Then),
    turn: &Mutex<()>,
) -> &'static str {
    let way = Breakpoint::to_port(world.redis.port(), side, then).await;
    let worker = Arc::new(Runtime::new().unwrap());
    let runtime = worker.handle().clone();
    let victim = {
        // made on the worker's own runtime, so that its connections die with it
        let (url, config) = (way.url(), world.keeper_config());
        runtime.spawn(async move { config.keeper_at(&url, limit, Arc::new(SystemClock)).await }).await.unwrap()
    };
    let alone = turn.lock().await;
    way.arm(u32::try_from(command).unwrap() + 1);
    let mut refresh = {
        let (connection, provider) = (connection.clone(), provider.clone());
        runtime.spawn(async move { victim.access_token(&connection, &provider).await })
    };
    tokio::select! {
        biased;
        () = way.reached() => {}
        early = &mut refresh => panic!("it ended before its point {command}: {}", end(early.unwrap())),
    }
    if then == Then::Hold {
        Arc::into_inner(worker).unwrap().shutdown_background();
    } else {
        // whatever it met, it lives, and the message comes again
        let _ = refresh.await.unwrap();
        Arc::into_inner(worker).unwrap().shutdown_background();
    }
    drop(alone);
    let other = world.keeper(limit).await;
    let settled = until("it is settled", SOON, async || {
        let _alone = turn.lock().await;
        other.access_token(connection, provider).await.ok()
    });
    end(Ok(settled.await))
}

/// Interrupts a refresh at every point, each time of a connection of its own, and asserts what became of it: `dies` where
/// the answer died with its process, and everywhere else it works.
pub(super) async fn interrupted_everywhere(
    world: &World,
    at: At<'_>,
    expired: impl AsyncFn(&str) -> Connection,
    dies: &str,
) {
    // Redis knows the scripts from here on, so that each is one command
    granted(world.keeper(at.1).await.access_token(&expired("first").await, at.0).await);
    let mut cases = Vec::new();
    for (command, name) in COMMANDS.iter().enumerate() {
        for side in [Side::Before, Side::After] {
            for then in [Then::Cut, Then::Hold] {
                let connection = expired(&format!("user-{command}-{side:?}-{then:?}")).await;
                cases.push((*name, connection, (command, side, then)));
            }
        }
    }
    // one at a time at the server, as a server may not bear more; the leases of many run out at once
    let turn = Mutex::default();
    let ends = cases.iter().map(|(_, connection, case)| interrupted(world, connection, at, *case, &turn));
    let ends = join_all(ends).await;
    let mut table = String::from("point            side    what     the connection\n");
    let mut wrong = Vec::new();
    for ((name, _, (_, side, then)), end) in cases.iter().zip(ends) {
        let what = if *then == Then::Cut { "cut off" } else { "dies" };
        writeln!(table, "{name:16} {side:7?} {what:8} {end}").unwrap();
        let dies_with_the_answer = (*name, *side, *then) == ("save", Side::Before, Then::Hold);
        let expected = if dies_with_the_answer { dies } else { "works" };
        if end != expected {
            wrong.push(format!("{name} {side:?} {what}: {end}, not {expected}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_interrupts_a_refresh_it_ends_in_a_connection_that_works_or_says_why_not() {
    let world = World::start().await;
    let provider = world.provider("");
    let expired = async |user: &str| world.expired(user).await;
    interrupted_everywhere(&world, (&provider, HASTY), expired, "refresh-outcome-lost").await;
    assert_eq!(world.reuses().await, 1, "only the token whose answer died came again");
    assert_eq!(world.refreshes().await["invalid_grant"], json!(1));
}
