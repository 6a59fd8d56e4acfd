//! The same input and output with no other logic: what RabbitMQ, Redis and HTTP cost by themselves.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use sealpost_shared::seal::{Key, KeyRef, Place, Purpose, RecordKey, open, seal};

/// Where its jobs are.
pub(crate) const JOBS: &str = "bare-jobs";
/// Where its results go.
pub(crate) const RESULTS: &str = "bare-results";
/// By which topic.
pub(crate) const TOPIC: &str = "bare.done";
/// How many deliveries it holds.
pub(crate) const PREFETCH: u16 = 64;
/// Its records have the size of a sealed record's own.
pub(crate) const RECORD: usize = 600;

/// Writes a record where it is still the one that was read: eight bytes of version, then the rest.
const REWRITE: &str = "if redis.call('GETRANGE', KEYS[1], 0, 7) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) \
                       return 1 end return 0";

pub(crate) fn record(version: u64, rest: &[u8]) -> Vec<u8> {
    [&version.to_be_bytes(), rest].concat()
}

/// Without the client's limit of half a second: Redis is being filled, perhaps on a busy machine.
pub(crate) async fn connect(redis: &str) -> MultiplexedConnection {
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    redis::Client::open(redis).unwrap().get_multiplexed_async_connection_with_config(&config).await.unwrap()
}

/// A rewrite of the append-only file falls into whichever run is under way, and is of what both wrote: not here.
pub(crate) async fn never_rewrite(redis: &mut MultiplexedConnection) {
    let setting = redis::cmd("CONFIG").arg(&["SET", "auto-aof-rewrite-percentage", "0"]).to_owned();
    setting.query_async::<()>(redis).await.unwrap();
}

fn version(record: &[u8]) -> u64 {
    u64::from_be_bytes(record[..8].try_into().unwrap())
}

/// The key, its name and the place of the bare records.
pub(crate) fn sealing() -> (Key, KeyRef, Place) {
    let name = KeyRef { id: "bare".parse().unwrap(), version: "v1".parse().unwrap() };
    (Key::from_bytes(&[9; 32]), name, Place { purpose: Purpose::Record, record: RecordKey::from_bytes([7; 32]) })
}

/// Consume, read the record, open it, post, seal it, write it, publish, ack. A result has the size and the properties of a
/// job, and goes where ours go.
pub(crate) async fn publish(amqp: &str, redis: &str, url: &str) {
    let connection = Connection::connect(amqp, ConnectionProperties::default()).await.unwrap();
    let (input, output) = (connection.create_channel().await.unwrap(), connection.create_channel().await.unwrap());
    output.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    input.basic_qos(PREFETCH, BasicQosOptions::default()).await.unwrap();
    let redis = connect(redis).await;
    let script = Arc::new(redis::Script::new(REWRITE));
    let http = sealpost_shared::http::client(std::time::Duration::from_secs(20)).unwrap();
    let sealing = Arc::new(sealing());
    println!("ready");
    let mut jobs = input
        .basic_consume(JOBS.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await
        .unwrap();
    while let Some(Ok(job)) = jobs.next().await {
        let (output, mut redis, script, http) = (output.clone(), redis.clone(), script.clone(), http.clone());
        let (sealing, url) = (sealing.clone(), url.to_owned());
        tokio::spawn(async move {
            let (key, name, place) = &*sealing;
            let number = job.properties.correlation_id().as_ref().unwrap();
            let at = format!("bare:{number}");
            let stored: Vec<u8> = redis.get(&at).await.unwrap();
            let plain = open(key, name, place, &stored[8..]).unwrap();
            let answer = http.post(url).body(plain.to_vec()).send().await.unwrap();
            assert!(answer.status().is_success());
            answer.bytes().await.unwrap();
            let anew = record(version(&stored) + 1, &seal(key, name, place, &plain).unwrap());
            let written: u8 = script.key(&at).arg(&stored[..8]).arg(anew).invoke_async(&mut redis).await.unwrap();
            assert_eq!(written, 1);
            let options = BasicPublishOptions::default();
            let properties = job.properties.clone();
            let sent = output.basic_publish("sealpost.events".into(), TOPIC.into(), options, &job.data, properties);
            let sent = sent.await.unwrap();
            assert!(sent.await.unwrap().is_ack());
            job.acker.ack(BasicAckOptions::default()).await.unwrap();
        });
    }
}

/// Reads every record and rewrites it, in pages, four at a time.
pub(crate) async fn rewrite(redis: &str, records: usize, go: &mut tokio::sync::mpsc::Receiver<()>) {
    const PAGE: usize = 500;
    let redis = connect(redis).await;
    let hash = redis::Script::new(REWRITE).get_hash().to_owned();
    let _: String = redis::cmd("SCRIPT").arg("LOAD").arg(REWRITE).query_async(&mut redis.clone()).await.unwrap();
    println!("ready");
    go.recv().await.unwrap();
    let mut pages = stream::iter((0..records).step_by(PAGE).map(|from| {
        let (mut redis, hash) = (redis.clone(), hash.clone());
        async move {
            let names: Vec<_> = (from..(from + PAGE).min(records)).map(|number| format!("bare:{number}")).collect();
            let stored: Vec<Vec<u8>> = redis.mget(&names).await.unwrap();
            let mut pipe = redis::pipe();
            for (name, old) in names.iter().zip(&stored) {
                let new = record(version(old) + 1, &old[8..]);
                pipe.cmd("EVALSHA").arg(&hash).arg(1).arg(name).arg(&old[..8]).arg(new);
            }
            let written: Vec<u8> = pipe.query_async(&mut redis).await.unwrap();
            assert!(written.iter().all(|&one| one == 1));
        }
    }))
    .buffer_unordered(4);
    while pages.next().await.is_some() {}
    // the parent reads what this process used, and ends it
    println!("done");
    std::future::pending::<()>().await;
}
