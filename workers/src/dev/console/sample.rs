//! What has no event: depths of queues, counts of the workers, what each key version holds, processes, the wall. Looked at
//! again and again while somebody watches.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::queues;
use sealpost_shared::broker::{DEAD_LETTERS, DeadLetter, Depth, TIERS, retries};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::tokens::usage;
use serde_json::Value;
use tokio::time::sleep;

use super::board::Board;
use super::measured::Measured;
use super::view::{Azure, Delay, Letter, Line, Post, Process, Queue, Sms, Version};
use super::world::World;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(400);

/// The most dead letters that are shown or replayed.
pub(super) const MAX_LETTERS: usize = 50;

/// The most posts, text messages and key versions that are shown.
const MAX_POSTS: usize = 6;
const MAX_VERSIONS: usize = 6;

/// Looks as long as the console lives.
pub(super) async fn sample(board: Board, world: Arc<World>) {
    let (mut measured, mut trouble, mut counted) = (Measured::default(), None, None);
    loop {
        if board.is_watched() {
            let looked = look(&board, &world, &mut measured, &mut counted).await;
            let now = looked.err();
            // said once, not at every look
            if let Some(problem) = now.as_ref().filter(|_| now != trouble) {
                board.change(|view| view.note("console", problem.clone()));
            }
            trouble = now;
        }
        sleep(EVERY).await;
    }
}

async fn look(board: &Board, world: &World, measured: &mut Measured, counted: &mut Option<Line>) -> Result<(), String> {
    processes(board, world);
    let metrics = board.read(|view| view.metrics_url.clone());
    // workers that are just being started anew have no page
    if let Ok(page) = world.player.page(&metrics).await {
        measured.read(&page, SystemClock.since_boot());
    }
    queues(board, world, measured).await?;
    dead_letters(board, world).await?;
    // a count of each shard: only when something has happened since the last one
    let (newest, rotates) = board
        .read(|view| (view.log.front().cloned(), view.sweep.as_ref().is_some_and(|sweep| sweep.resealed.is_none())));
    if rotates || newest != *counted {
        versions(board, world).await?;
        *counted = newest;
    }
    azure(board, world).await?;
    let posts = world.player.posts().await?;
    let wall: Vec<_> = posts.iter().rev().take(MAX_POSTS).map(post).collect();
    let messages = world.player.messages().await?;
    let phones: Vec<_> = messages.iter().rev().take(MAX_POSTS).map(sms).collect();
    board.change_if(|view| [replace(&mut view.wall, wall), replace(&mut view.phones, phones)].contains(&true));
    Ok(())
}

async fn queues(board: &Board, world: &World, measured: &Measured) -> Result<(), String> {
    let names: Vec<_> = queues::ALL.iter().map(|queue| (*queue).to_owned()).collect();
    let homes = queues::ALL.iter().map(|queue| retries(queue));
    let tiers = TIERS.iter().map(|tier| tier.name.to_owned());
    let all: Vec<_> = names.into_iter().chain(homes).chain(tiers).chain([DEAD_LETTERS.to_owned()]).collect();
    let mut depths: VecDeque<Depth> = world.player.producer.depths(&all).await?.into();
    let mut take = |count: usize| depths.drain(..count.min(depths.len())).collect::<Vec<_>>();
    let (first, again, delayed, dead) = (take(queues::ALL.len()), take(queues::ALL.len()), take(TIERS.len()), take(1));
    let of = queues::ALL.iter().zip(first.iter().zip(&again)).map(|(name, (first, again))| {
        let queue = Queue {
            waiting: first.ready + again.ready,
            in_flight: measured.in_flight(name),
            consumers: first.consumers,
            done: measured.done(name),
            rate: measured.rate(name),
            outcomes: measured.outcomes(name),
        };
        (*name, queue)
    });
    let (of, dead) = (of.collect(), dead.first().map_or(0, |depth| depth.ready));
    let delays =
        TIERS.iter().zip(delayed).map(|(tier, depth)| Delay { name: tier.name, waiting: depth.ready }).collect();
    board.change_if(|view| {
        let changed =
            [replace(&mut view.queues, of), replace(&mut view.delays, delays), replace(&mut view.dead.waiting, dead)];
        changed.contains(&true)
    });
    Ok(())
}

/// Looking at a dead letter counts as a delivery, so only when there may be others.
async fn dead_letters(board: &Board, world: &World) -> Result<(), String> {
    let dead = board.read(|view| view.dead.clone());
    let as_many = usize::try_from(dead.waiting).is_ok_and(|waiting| waiting.min(MAX_LETTERS) == dead.letters.len());
    if as_many && !dead.stale {
        return Ok(());
    }
    board.change(|view| view.dead.stale = false);
    let letters = world.broker.dead_letters(MAX_LETTERS).await.map_err(|e| e.to_string())?;
    // newest first
    let letters = letters.iter().rev().map(letter).collect();
    board.change_if(|view| replace(&mut view.dead.letters, letters));
    Ok(())
}

async fn versions(board: &Board, world: &World) -> Result<(), String> {
    let used = usage(&world.store, &world.keys).await.map_err(|failure| failure.message)?;
    let shared = world.keys.template().shared().is_some();
    let shown = used.into_iter().rev().filter_map(|version| {
        let info = version.info?;
        Some(Version {
            key: if shared { String::new() } else { version.key.id.to_string() },
            name: info.version.to_string(),
            created: info.created.as_millisecond(),
            held: version.holding.held,
            newest: version.latest,
            enabled: info.enabled,
        })
    });
    let versions = shown.take(MAX_VERSIONS).collect();
    board.change_if(|view| replace(&mut view.versions, versions));
    Ok(())
}

/// What the practice vault and tenant counted, where there are any.
async fn azure(board: &Board, world: &World) -> Result<(), String> {
    // held while workers are started anew; then the next look will do
    let Ok(stack) = world.stack.try_lock() else { return Ok(()) };
    let Some(practice) = &stack.azure else { return Ok(()) };
    let (calls, messages) = (practice.vault_calls().await?, practice.messages().await?);
    let azure = Azure { vault: practice.vault(), calls, messages };
    board.change_if(|view| replace(&mut view.azure, Some(azure)));
    Ok(())
}

fn processes(board: &Board, world: &World) {
    // held while workers are started anew; then the next look will do
    let Ok(stack) = world.stack.try_lock() else { return };
    let processes = stack.processes().map(|(name, process)| Process {
        name: name.into(),
        pid: process.pid(),
        trouble: process.has_exited().map(|status| format!("ended ({status}); see {}", process.log().display())),
        megabytes: megabytes(process.pid()),
    });
    let processes = processes.collect();
    board.change_if(|view| replace(&mut view.processes, processes));
}

/// Resident memory, as the kernel tells it (`VmRSS` of proc(5)).
fn megabytes(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    kilobytes?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
}

/// Nothing of the body: there may be secrets in it.
fn letter(dead: &DeadLetter) -> Letter {
    Letter {
        id: dead.name(),
        what: dead.message.type_name.clone().unwrap_or_default(),
        code: dead.code.clone(),
        reason: dead.reason.clone(),
        origin: dead.origin,
        at: dead.at.map(Timestamp::as_millisecond),
    }
}

fn post(post: &Value) -> Post {
    let text = |name: &str| post[name].as_str().unwrap_or_default().to_owned();
    Post { id: text("id"), author: text("author"), text: text("text"), at: millis(&text("created_at")) }
}

fn sms(message: &Value) -> Sms {
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let septets = message["septets"].as_u64().unwrap_or_default();
    Sms { id: text("id"), to: text("to"), text: text("text"), septets, at: millis(&text("at")) }
}

fn millis(time: &str) -> Option<i64> {
    time.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// Whether it is another one.
fn replace<T: PartialEq>(old: &mut T, new: T) -> bool {
    let changed = *old != new;
    *old = new;
    changed
}
