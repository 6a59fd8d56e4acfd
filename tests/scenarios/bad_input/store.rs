//! A Redis that answers, and not with what was asked for.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use sealpost::dev::servers::redis::RedisOptions;
use sealpost_tests::pipeline::{SOON, exchange_request, publish_job};
use sealpost_tests::{Own, Pipeline, Proxy, Rig, Sandbox, Setup, Weather, until};
use serde_json::json;

async fn redis(pipeline: &Pipeline) -> MultiplexedConnection {
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn tell(redis: &mut MultiplexedConnection, command: &[&str]) {
    let mut cmd = redis::cmd(command[0]);
    cmd.arg(&command[1..]);
    let _: String = cmd.query_async(redis).await.unwrap();
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_costs_nobody_a_consent() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let mut redis = redis(&pipeline).await;
    for (spoil, mend, reason) in [
        (["REPLICAOF", "127.0.0.1", &closed].as_slice(), ["REPLICAOF", "NO", "ONE"].as_slice(), "read-only replica"),
        (&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"], "no memory left"),
        (
            &["CONFIG", "SET", "min-replicas-to-write", "1"],
            &["CONFIG", "SET", "min-replicas-to-write", "0"],
            "too few replicas",
        ),
    ] {
        let before = pipeline.sandbox.stats().await["token"]["authorization_code"]["ok"].clone();
        tell(&mut redis, spoil).await;
        let request = exchange_request("acme", reason, &pipeline.consent(reason).await);
        let asked = pipeline.send("exchange-request.v1", &request).await;
        worker.logged(reason).await;
        let after = pipeline.sandbox.stats().await["token"]["authorization_code"]["ok"].clone();
        assert_eq!(before, after, "{reason}: the code is unspent");
        tell(&mut redis, mend).await;
        assert_eq!(pipeline.answer(&asked).await.json()["outcome"], "stored", "{reason}");
    }
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn a_redis_that_is_slower_than_the_time_limit_is_tried_again() {
    let redis = Own::redis(RedisOptions::default()).await;
    let proxy = Proxy::to_port(redis.port()).await;
    let redis_url = Some(proxy.url(&redis.url()));
    let pipeline = Pipeline::start_with(Setup { redis_url, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    proxy.set(Weather::Latency(Duration::from_secs(4)));
    let asked = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "slow")).await;
    worker.logged("code=\"store-unavailable\"").await;
    assert!(worker.log().contains("no answer came to it"), "{}", worker.log());
    proxy.set(Weather::Fair);
    assert_eq!(pipeline.answer(&asked).await.json()["outcome"], "published");
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn a_redis_that_is_still_loading_is_waited_for() {
    let args = ["--enable-debug-command", "yes", "--loading-process-events-interval-bytes", "1024"];
    let redis_server = Own::redis(RedisOptions { args: args.map(str::to_owned).into() }).await;
    let mut rig = Rig::start().await;
    rig.redis = redis_server;
    let pipeline = Pipeline::of(rig, Sandbox::start().await, Setup::default()).await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let mut direct = redis(&pipeline).await;
    tell(&mut direct, &["DEBUG", "POPULATE", "5000"]).await;
    tell(&mut direct, &["CONFIG", "SET", "key-load-delay", "1000"]).await;
    let mut other = redis(&pipeline).await;
    let reload =
        tokio::spawn(async move { redis::cmd("DEBUG").arg("RELOAD").query_async::<String>(&mut direct).await });
    until("Redis is loading", SOON, async || {
        let pong = redis::cmd("PING").query_async::<String>(&mut other.clone()).await;
        pong.is_err_and(|error| error.code() == Some("LOADING"))
    })
    .await;
    let asked = pipeline.send("publish-job.v1", &publish_job("acme", "ada", "loading")).await;
    worker.logged("still loading").await;
    assert_eq!(pipeline.answer(&asked).await.json()["outcome"], "published");
    let _ = (reload.await, &mut other);
    assert_eq!(pipeline.sandbox.stats().await["posts"], json!({"made": 1}));
}
