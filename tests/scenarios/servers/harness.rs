//! The harness itself.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use lapin::{
    Confirmation,
    types::{AMQPValue, FieldTable},
};
use redis::AsyncCommands;
use sealpost::dev::servers::redis::RedisOptions;
use sealpost_tests::{Own, Proxy, Rig, Sandbox, Weather, until};
use serde_json::json;

use super::{LONG, connect, persistent, quorum};

#[tokio::test]
async fn two_rigs_do_not_see_each_other() {
    let (one, other) = tokio::join!(Rig::start(), Rig::start());
    one.broker.declare("letters", FieldTable::default()).await;
    one.broker.publish_raw("letters", b"hello", persistent()).await;
    assert_eq!(one.broker.depth("letters").await, 1);
    assert_eq!(other.broker.ready("letters").await, None);
    assert_eq!(one.broker.next("letters", LONG).await.body, b"hello");

    let _: () = connect(&one.redis_url()).await.set("key", "one").await.unwrap();
    let seen: Option<String> = connect(&other.redis_url()).await.get("key").await.unwrap();
    assert_eq!(seen, None);
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_missing_one_returns() {
    let rig = Rig::start().await;
    let mut reject = quorum();
    reject.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    rig.broker.declare("letters", reject).await;
    rig.broker.set_policy("short", "^letters$", json!({"max-length": 1})).await;
    until("a full queue refuses", LONG, async || {
        rig.broker.try_publish_raw("letters", b"x", persistent()).await == Confirmation::Nack(None)
    })
    .await;
    rig.broker.delete_policy("short").await;
    until("a queue without a limit accepts", LONG, async || {
        rig.broker.try_publish_raw("letters", b"x", persistent()).await == Confirmation::Ack(None)
    })
    .await;
    assert!(matches!(rig.broker.try_publish_raw("nowhere", b"x", persistent()).await, Confirmation::Ack(Some(_))));
    let depth = rig.broker.depth("letters").await as usize;
    assert_eq!(rig.broker.drain("letters").await.len(), depth);
}

#[tokio::test]
async fn a_broker_can_close_every_connection_of_its_test_and_no_other() {
    let (one, other) = tokio::join!(Rig::start(), Rig::start());
    let (mine, theirs) = (one.broker.channel().await, other.broker.channel().await);
    until("the connection is listed and closed", LONG, async || one.broker.close_all_connections().await > 0).await;
    until("the channel is closed", LONG, async || !mine.status().connected()).await;
    assert!(theirs.status().connected());
    one.broker.declare("letters", FieldTable::default()).await;
}

#[tokio::test]
async fn a_proxy_makes_the_weather() {
    let redis = Own::redis(RedisOptions::default()).await;
    let proxy = Proxy::to_port(redis.port()).await;
    let url = proxy.url(&redis.url());
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut connection = connect(&url).await;
    let _: () = connection.set("long", "x".repeat(100_000)).await.unwrap();

    proxy.set(Weather::BlackHole);
    let error = connection.get::<_, String>("long").await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    proxy.set(Weather::Latency(Duration::from_millis(20)));
    let start = std::time::Instant::now();
    let mut late = connect(&url).await;
    let _: i64 = late.strlen("long").await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(40), "there and back");

    proxy.set(Weather::Reset);
    let error = connection.get::<_, String>("long").await.unwrap_err();
    assert!(error.is_connection_dropped() || error.is_io_error(), "{error}");
    assert!(client.get_multiplexed_async_connection().await.is_err());

    proxy.set(Weather::Fair);
    let mut connection = connect(&url).await;
    proxy.set(Weather::CutAfter(1_000));
    connection.get::<_, String>("long").await.unwrap_err();
    let length: i64 = connect(&redis.url()).await.strlen("long").await.unwrap();
    assert_eq!(length, 100_000, "what the proxy does stays with the proxy");
}

#[tokio::test]
async fn a_sandbox_mints_fails_on_demand_and_ends_with_its_handle() {
    let sandbox = Sandbox::start().await;
    assert!(sandbox.issuer().ends_with(&sandbox.port().to_string()), "{}", sandbox.issuer());
    assert!(!sandbox.mint_code("ada", "http://127.0.0.1:7777/callback", None).await.is_empty());
    assert!(sandbox.mint_tokens("ada").await["access_token"].is_string());
    assert_eq!(sandbox.posts().await, Vec::<serde_json::Value>::new());
    sandbox.fault(json!({"path": "/token", "kind": "drop"})).await;
    let sent = TcpStream::connect(("127.0.0.1", sandbox.port())).and_then(|mut stream| {
        stream.write_all(b"POST /token HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")?;
        stream.read(&mut [0; 16])
    });
    assert!(!matches!(sent, Ok(1..)), "an answer in spite of the fault");
    assert_eq!(sandbox.stats().await["faults_fired"], 1);
    let port = sandbox.port();
    drop(sandbox);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
