//! A worker that dies at each point of a job. The run prints what the provider saw, what ledger and record say, and what
//! the producer was told; every line is asserted.
//!
//! The points are made from outside: a proxy that stops at a command of Redis or at the ack, and a provider that hangs.

use std::fmt::Write;
use std::io;
use std::net::Ipv4Addr;

use futures_util::{StreamExt, stream};
use redis::Commands;
use sealpost_tests::breakpoint::{Breakpoint, Side, Then};
use sealpost_tests::pipeline::{SOON, publish_job, text_of};
use sealpost_tests::{Pipeline, until};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::world::{Entry, pipeline};

/// Where the worker dies.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// At the n-th command to Redis: read the record, begin with sending, settle.
    Redis(u32, Side),
    /// The same where the token is refreshed first: read the record, begin, five of the refresh, sending, settle.
    Refreshing(u32, Side),
    /// While the provider is asked, before or after it posts.
    Call(&'static str),
    /// When everything is told, and the ack is not sent.
    Ack,
}

/// A line: the point; posts; the ledger when the worker died and in the end; the answer at a plain provider; the posts and
/// the answer at one with idempotency keys.
type Line = (&'static str, Point, (&'static str, &'static str), (usize, &'static str), (usize, &'static str));

const TABLE: [Line; 11] = [
    ("before claim and mark", Point::Redis(2, Side::Before), ("nothing", "done"), (1, "published"), (1, "published")),
    ("after claim and mark", Point::Redis(2, Side::After), ("sending", "unknown"), (0, "unknown"), (1, "published")),
    ("before the claim", Point::Refreshing(2, Side::Before), ("nothing", "done"), (1, "published"), (1, "published")),
    ("after the claim", Point::Refreshing(2, Side::After), ("claimed", "done"), (1, "published"), (1, "published")),
    (
        "before sending is written",
        Point::Refreshing(8, Side::Before),
        ("claimed", "done"),
        (1, "published"),
        (1, "published"),
    ),
    (
        "after sending is written",
        Point::Refreshing(8, Side::After),
        ("sending", "unknown"),
        (0, "unknown"),
        (1, "published"),
    ),
    ("in the call, not posted", Point::Call("before"), ("sending", "unknown"), (0, "unknown"), (1, "published")),
    ("in the call, posted", Point::Call("after"), ("sending", "unknown"), (1, "unknown"), (1, "published")),
    ("before done is written", Point::Redis(3, Side::Before), ("sending", "unknown"), (1, "unknown"), (1, "published")),
    (
        "after done, before the reply",
        Point::Redis(3, Side::After),
        ("done", "done"),
        (1, "published"),
        (1, "published"),
    ),
    ("after the reply, before the ack", Point::Ack, ("done", "done"), (1, "published"), (1, "published")),
];

/// What became of one job.
#[derive(Debug, PartialEq, Eq)]
struct Became {
    posts: usize,
    died: String,
    end: String,
    record: String,
    told: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_worker_dies_at_most_one_post_is_made_and_what_is_told_is_true() {
    let cases: Vec<_> = [Entry::Plain, Entry::Idempotent]
        .into_iter()
        .flat_map(|entry| TABLE.into_iter().map(move |line| (entry, line)))
        .collect();
    let became: Vec<Became> =
        stream::iter(cases.clone()).map(|(entry, line)| interrupted(entry, line.1)).buffered(4).collect().await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for ((entry, (name, point, (died, end), plain, idempotent)), became) in cases.into_iter().zip(became) {
        let (posts, told) = if entry == Entry::Plain { plain } else { idempotent };
        let end = if entry == Entry::Plain { end } else { "done" };
        // what was told before the crash is told again, and in the same words
        let times = if matches!(point, Point::Ack) { 2 } else { 1 };
        let expected = Became {
            posts,
            died: died.into(),
            end: end.into(),
            record: "active".into(),
            told: vec![told.into(); times],
        };
        let Became { posts, died, end, record, told } = &became;
        let entry = format!("{entry:?}");
        writeln!(table, "{entry:11} {name:32} {posts} posts, {died:8} → {end:8} record {record}, told {told:?}")
            .unwrap();
        if became != expected {
            wrong.push(format!("{entry} {name}: {became:?}, expected {expected:?}"));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

/// Kills a worker at a point, and has another one end the job.
async fn interrupted(entry: Entry, point: Point) -> Became {
    let pipeline = pipeline(entry, None).await;
    if let Point::Refreshing(..) = point {
        keep_no_access_token(&pipeline);
    }
    let first = pipeline.worker().await;
    // Redis knows the scripts from here on, so that each is one command
    pipeline.connect("ada").await;
    let before = pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "before")).await;
    assert_eq!(before["outcome"], "published", "{before}");
    first.kill9().await;
    let known = entries(&pipeline);
    let job = publish_job("acme", "ada", "once");

    let redis = match point {
        Point::Redis(_, side) | Point::Refreshing(_, side) => {
            Some(Breakpoint::to_port(pipeline.rig.redis.port(), side, Then::Hold).await)
        }
        _ => None,
    };
    let broker = Gate::to(&pipeline).await;
    pipeline.write("redis.url", &redis.as_ref().map_or_else(|| pipeline.rig.redis_url(), Breakpoint::url));
    pipeline.write("broker.url", &broker.url);
    let victim = pipeline.worker_with(&["publish"], &[]).await;
    match (point, &redis) {
        (Point::Redis(number, _) | Point::Refreshing(number, _), Some(redis)) => redis.arm(number),
        (Point::Call(when), _) => {
            pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "hang", "when": when})).await;
        }
        _ => {}
    }
    let correlation = pipeline.send("publish-job.v1", &job).await;
    let mut told = Vec::new();
    match (point, &redis) {
        (_, Some(redis)) => redis.reached().await,
        (Point::Ack, _) => {
            broker.reached().await;
            told.push(pipeline.answer(&correlation).await.json());
        }
        _ => until("the provider is asked", SOON, async || pipeline.sandbox.stats().await["faults_fired"] == 1).await,
    }
    victim.kill9().await;
    drop((redis, broker));
    let of_the_job = || entries(&pipeline).into_iter().find(|key| !known.contains(key));
    let died = of_the_job().map_or_else(|| "nothing".into(), |key| field(&pipeline, &key, "state"));

    pipeline.write("redis.url", &pipeline.rig.redis_url());
    pipeline.write("broker.url", pipeline.rig.amqp_url());
    let _other = pipeline.worker_with(&["publish"], &[]).await;
    told.push(pipeline.answer(&correlation).await.json());
    assert!(told.iter().all(|answer| answer == &told[0]), "{told:?}");
    Became {
        posts: pipeline.sandbox.posts().await.len() - 1,
        died,
        end: of_the_job().map_or_else(|| "nothing".into(), |key| field(&pipeline, &key, "state")),
        record: field(&pipeline, &keys(&pipeline, "*:record:*")[0], "standing"),
        told: told.iter().map(|answer| answer["outcome"].as_str().unwrap().to_owned()).collect(),
    }
}

fn keep_no_access_token(pipeline: &Pipeline) {
    let table = "[practice.oauth]\n";
    let file = text_of(&pipeline.rig.folder().join("providers.toml"));
    pipeline.write("providers.toml", &file.replace(table, &format!("{table}keep_access_token = false\n")));
}

fn keys(pipeline: &Pipeline, pattern: &str) -> Vec<String> {
    redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap().keys(pattern).unwrap()
}

fn entries(pipeline: &Pipeline) -> Vec<String> {
    keys(pipeline, "*:ledger:*").into_iter().filter(|key| !key.ends_with(":claim")).collect()
}

fn field(pipeline: &Pipeline, key: &str, field: &str) -> String {
    redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap().hget(key, field).unwrap()
}

/// A proxy to the broker that passes everything but acks: at the first one it says so and holds still.
struct Gate {
    url: String,
    reached: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

/// A frame's `basic.ack`: class 60, method 80.
const ACK: [u8; 4] = [0, 60, 0, 80];

impl Gate {
    async fn to(pipeline: &Pipeline) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut url = url::Url::parse(pipeline.rig.amqp_url()).unwrap();
        let server = url.port().unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (reached, mut tasks) = (watch::channel(false).0, JoinSet::new());
        let seen = reached.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, server, seen.clone()));
            }
        });
        Self { url: url.into(), reached, _tasks: tasks }
    }

    async fn reached(&self) {
        self.reached.subscribe().wait_for(|reached| *reached).await.unwrap();
    }
}

async fn carry(client: TcpStream, server: u16, reached: watch::Sender<bool>) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = from_client.read(&mut buffer).await?;
            if read == 0 {
                return to_server.shutdown().await;
            }
            if buffer[..read].windows(ACK.len()).any(|bytes| bytes == ACK) {
                reached.send_replace(true);
                return std::future::pending().await;
            }
            to_server.write_all(&buffer[..read]).await?;
        }
    };
    tokio::try_join!(up, copy(&mut from_server, &mut to_client)).map(|_| ())
}
