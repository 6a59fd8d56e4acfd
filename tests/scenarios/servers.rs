//! The private servers: they restart with their data, and say why they do not start.

use std::{fs, time::Duration};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use redis::AsyncCommands;
use sealpost::dev::servers::{
    rabbitmq::RabbitMqOptions,
    redis::{Redis, RedisOptions},
};
use sealpost_tests::{
    Broker, Own,
    machine::{folder, launcher, remove_folder},
    processes_in, until,
};

use processes::state;

mod ends;
mod harness;
mod processes;

/// Servers are slow on a busy machine.
const LONG: Duration = Duration::from_mins(1);

async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).expect("a Redis address");
    client.get_multiplexed_async_connection().await.expect("a connection to Redis")
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}

#[tokio::test]
async fn a_redis_killed_with_9_comes_back_on_its_port_with_its_data() {
    let mut redis = Own::redis(RedisOptions::default()).await;
    let _: () = connect(&redis.url()).await.set("key", "kept").await.unwrap();
    let (port, pid) = (redis.port(), redis.process().pid());
    redis.kill9().await;
    assert!(redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.is_err());
    redis.restart().await.unwrap();
    assert_eq!(redis.port(), port);
    assert_ne!(redis.process().pid(), pid);
    let kept: String = connect(&redis.url()).await.get("key").await.unwrap();
    assert_eq!(kept, "kept");
}

#[tokio::test]
async fn a_redis_flushes_every_write_and_takes_more_arguments() {
    let redis = Own::redis(RedisOptions { args: vec!["--maxmemory".into(), "20mb".into()] }).await;
    let mut connection = connect(&redis.url()).await;
    for (name, value) in [("appendonly", "yes"), ("appendfsync", "always"), ("save", ""), ("maxmemory", "20971520")] {
        let (_, set): (String, String) =
            redis::cmd("CONFIG").arg("GET").arg(name).query_async(&mut connection).await.unwrap();
        assert_eq!(set, value, "{name}");
    }
}

#[tokio::test]
async fn a_stopped_redis_answers_only_after_it_continues() {
    let redis = Own::redis(RedisOptions::default()).await;
    let mut connection = connect(&redis.url()).await;
    redis.process().sigstop();
    let mut asked = Box::pin(async move { redis::cmd("PING").query_async::<String>(&mut connection).await });
    until("the process is stopped", LONG, async || state(redis.process().pid()) == Some('T')).await;
    assert!(futures_util::poll!(&mut asked).is_pending());
    redis.process().sigcont();
    // The client's own time limit may have passed meanwhile; that the server answers is the point.
    let _ = asked.await;
    let pong: String = redis::cmd("PING").query_async(&mut connect(&redis.url()).await).await.unwrap();
    assert_eq!(pong, "PONG");
}

#[tokio::test]
async fn a_rabbitmq_killed_and_restarted_keeps_a_confirmed_message() {
    let conf = vec!["vm_memory_high_watermark.absolute = 2GB".into()];
    let mut rabbitmq = Own::rabbitmq(RabbitMqOptions { conf, ..Default::default() }).await;
    let broker = Broker::of(&rabbitmq);
    broker.declare("letters", quorum()).await;
    broker.publish_raw("letters", b"kept", persistent()).await;
    rabbitmq.settled("letters").await;
    let port = rabbitmq.port();
    rabbitmq.kill9().await;
    rabbitmq.restart().await.unwrap();
    assert_eq!(rabbitmq.port(), port);
    assert_eq!(broker.next("letters", LONG).await.body, b"kept");
    let vhosts = rabbitmq.ctl(&["--silent", "list_vhosts"]).await.unwrap();
    assert_eq!(vhosts.trim(), "/");
    let limit = rabbitmq.ctl(&["eval", "application:get_env(rabbit, vm_memory_high_watermark)."]).await.unwrap();
    assert!(limit.contains("2GB"), "a line of the test's wins over ours: {limit}");
    let refused = rabbitmq.ctl(&["no-such-command"]).await.unwrap_err().to_string();
    assert!(refused.contains("no-such-command"), "{refused}");

    // A node that misses its port mapper likes to start another, which would stay for good.
    let (begin, done) = (rabbitmq.folder().join("begin"), rabbitmq.folder().join("done"));
    let miss = format!(
        "spawn(fun() -> F = fun(F) -> case filelib:is_file(\"{}\") of false -> timer:sleep(20), F(F);
         true -> rabbit_nodes_common:ensure_epmd(), file:write_file(\"{}\", \"\") end end, F(F) end).",
        begin.display(),
        done.display()
    );
    rabbitmq.ctl(&["eval", &miss]).await.unwrap();
    rabbitmq.port_mapper().kill9();
    rabbitmq.port_mapper().exited().await;
    fs::write(&begin, "").unwrap();
    until("the node missed its port mapper", LONG, async || done.exists()).await;
    let folder = rabbitmq.folder().to_owned();
    drop(rabbitmq);
    until("nothing of it runs", LONG, async || processes_in(&folder).is_empty()).await;
}

#[tokio::test]
async fn a_cluster_spreads_its_keys_and_replaces_a_dead_master() {
    let mut cluster = Own::redis_cluster(true).await;
    assert_eq!(cluster.nodes.len(), 6);
    let client = redis::cluster::ClusterClient::new(cluster.urls()).unwrap();
    let mut connection = client.get_async_connection().await.unwrap();
    for number in 0..50 {
        let _: () = connection.set(format!("key-{number}"), number).await.unwrap();
    }
    // The first three are the masters, as long as nothing happened. What a replica does not have yet dies with its master.
    let master = connect(&cluster.nodes[0].url()).await;
    until("its replica has everything", LONG, async || {
        let mut info = master.clone();
        let info: String = redis::cmd("INFO").arg("replication").query_async(&mut info).await.unwrap();
        let number = |text: &str| text.split([',', '\r']).next().and_then(|digits| digits.parse::<u64>().ok());
        let after = |name: &str| info.split_once(name).and_then(|(_, rest)| number(rest));
        info.contains("state=online")
            && after(",offset=").is_some()
            && after(",offset=") == after("master_repl_offset:")
    })
    .await;
    cluster.nodes[0].kill9().await;
    let survivors = cluster.urls().split_off(1);
    until("every key can be read again", LONG, async || {
        let client = redis::cluster::ClusterClient::new(survivors.clone()).expect("addresses");
        let Ok(mut connection) = client.get_async_connection().await else { return false };
        for number in 0..50 {
            match connection.get::<_, Option<i32>>(format!("key-{number}")).await {
                Ok(found) => assert_eq!(found, Some(number)),
                Err(_) => return false,
            }
        }
        true
    })
    .await;
    cluster.nodes[0].restart().await.unwrap();
}

#[tokio::test]
async fn a_cluster_can_be_three_masters_alone() {
    let cluster = Own::redis_cluster(false).await;
    let client = redis::cluster::ClusterClient::new(cluster.urls()).unwrap();
    let _: () = client.get_async_connection().await.unwrap().set("key", 1).await.unwrap();
    assert_eq!(cluster.nodes.len(), 3);
}

#[tokio::test]
async fn a_server_that_does_not_start_says_the_end_of_its_log() {
    let launcher = tokio::task::spawn_blocking(launcher).await.unwrap();
    let folder = folder("refused");
    let start = async |args: &[&str]| {
        let options = RedisOptions { args: args.iter().map(ToString::to_string).collect() };
        Redis::start(&folder, launcher, &options).await.unwrap_err().to_string()
    };
    let error = start(&["--no-such-setting", "yes"]).await;
    assert!(error.contains("no-such-setting") && error.contains("refused"), "{error}");
    // The port of somebody else, who must be neither taken for ours nor waited for.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = start(&["--port", &other.local_addr().unwrap().port().to_string()]).await;
    assert!(error.contains("address is in use"), "{error}");
    remove_folder(&folder);
}
