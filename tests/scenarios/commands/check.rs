//! `sealpost check`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use lapin::types::{AMQPValue, FieldTable};
use redis::AsyncCommands;
use sealpost_tests::command::{Said, run};
use sealpost_tests::pipeline::publish_job;
use sealpost_tests::{Own, Pipeline, Setup};
use serde_json::{Value, json};

/// What one of the lines says; its mark first.
fn line(said: &Said, what: &str) -> Vec<String> {
    let checks = said.json()["checks"].clone();
    let of = checks.as_array().unwrap().iter().filter(|check| check["what"] == what);
    of.map(|check| format!("{} {}", check["mark"].as_str().unwrap(), check["says"].as_str().unwrap())).collect()
}

async fn check(pipeline: &Pipeline) -> Said {
    run(pipeline, &["check", "--json"]).await
}

/// Replaces a part of a file of the configuration.
fn change(pipeline: &Pipeline, file: &str, old: &str, new: &str) {
    let text = fs::read_to_string(pipeline.rig.folder().join(file)).unwrap();
    assert!(text.contains(old), "{text}");
    pipeline.write(file, &text.replacen(old, new, 1));
}

async fn keys_in_redis(pipeline: &Pipeline) -> Vec<String> {
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap().keys("*").await.unwrap()
}

#[tokio::test]
async fn before_the_first_worker_it_says_what_will_be_made_and_makes_nothing() {
    let pipeline = Pipeline::start().await;
    let said = run(&pipeline, &["check"]).await;
    assert!(said.good, "{}{}", said.stdout, said.stderr);
    for row in [
        ["✓", "configuration", "sealpost.toml"],
        ["✓", "provider catalogue", "practice"],
        ["✓", "secrets", "all can be read"],
        ["✓", "keyring", "keyring.json"],
        ["✓", "sealing key", "1 version(s)"],
        ["✓", "broker", "RabbitMQ"],
        ["!", "queues", "are not there yet"],
        ["✓", "store", "Redis"],
        ["!", "shards and index key", "256 shards"],
        ["✓", "durability", "appendfsync always"],
    ] {
        assert!(said.row(&row).is_some(), "{row:?}: {}", said.stdout);
    }
    assert_eq!(pipeline.rig.broker.ready("publish-jobs").await, None, "no queue was made");
    assert_eq!(keys_in_redis(&pipeline).await, Vec::<String>::new(), "nothing was stored");
    assert_eq!(line(&check(&pipeline).await, "broker").len(), 1);
}

#[tokio::test]
async fn beside_workers_everything_is_good_and_it_tells_what_waits() {
    let pipeline = Pipeline::start_with(Setup { require_sealed: true, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    let said = run(&pipeline, &["check", "--json", "--providers"]).await;
    assert_eq!((&said.json()["wrong"], &said.json()["warnings"]), (&json!(0), &json!(0)), "{}", said.stdout);
    assert!(line(&said, "provider practice")[0].ends_with("answers"), "{}", said.stdout);
    drop(worker);
    pipeline.send("publish-job.v1", &publish_job("acme", "ada", "waits")).await;
    pipeline.rig.broker.publish_raw("dead-letters", b"{}", lapin::BasicProperties::default()).await;
    let said = check(&pipeline).await;
    assert!(said.good, "warnings are no error: {}", said.stdout);
    assert!(line(&said, "publish-jobs")[0].starts_with("warning 1 message(s) wait, and no worker"), "{}", said.stdout);
    assert!(line(&said, "dead letters")[0].starts_with("warning 1 message(s) were put aside"), "{}", said.stdout);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_with_what_to_do() {
    let pipeline = Pipeline::start().await;
    drop(pipeline.worker().await);
    change(&pipeline, "sealpost.toml", "shards = 256", "shards = 128");
    change(&pipeline, "sealpost.toml", "[http]", "[schedule]\nrewrap = 'at night'\n[http]");
    fs::remove_file(pipeline.rig.folder().join("client.secret")).unwrap();
    fs::set_permissions(pipeline.keyring(), fs::Permissions::from_mode(0o640)).unwrap();
    let said = check(&pipeline).await;
    assert!(!said.good && said.stderr.contains("checks found something wrong"), "{}", said.stderr);
    let wrong = |what: &str, part: &str| {
        let lines = line(&said, what);
        assert!(lines.iter().any(|line| line.starts_with("wrong") && line.contains(part)), "{what}: {lines:?}");
    };
    wrong("secrets", "provider practice: oauth.client_secret: cannot read");
    wrong("keyring", "chmod 600");
    wrong("schedule.rewrap", "write five fields");
    assert!(line(&said, "store")[0].contains("not looked at"), "{}", said.stdout);
    fs::set_permissions(pipeline.keyring(), fs::Permissions::from_mode(0o600)).unwrap();
    let said = check(&pipeline).await;
    assert!(line(&said, "shards and index key")[0].contains("configure 256"), "{}", said.stdout);
    let ring = fs::read_to_string(pipeline.keyring()).unwrap();
    pipeline.write("keyring.json", &ring.replace("\"enabled\": true", "\"enabled\": false"));
    assert!(line(&check(&pipeline).await, "sealing key")[0].contains("disabled"), "{}", said.stdout);
    fs::remove_file(pipeline.keyring()).unwrap();
    assert!(line(&check(&pipeline).await, "keyring")[0].contains("sealpost keys rotate makes a keyring"));
}

#[tokio::test]
async fn another_index_key_than_the_stores_is_found() {
    let pipeline = Pipeline::start().await;
    pipeline.seed(1).await;
    fs::remove_file(pipeline.keyring()).unwrap();
    assert!(run(&pipeline, &["keys", "rotate"]).await.good);
    let said = check(&pipeline).await;
    assert!(!said.good && line(&said, "shards and index key")[0].contains("fingerprint"), "{}", said.stdout);
}

#[tokio::test]
async fn servers_that_are_away_or_not_as_they_should_be_are_found() {
    let pipeline = Pipeline::start().await;
    let mut other = FieldTable::default();
    other.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
    pipeline.rig.broker.declare("publish-jobs", other).await;
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let set = |name: &str, value: &str| redis::cmd("CONFIG").arg("SET").arg(name).arg(value).to_owned();
    let _: () = set("maxmemory-policy", "allkeys-lru").query_async(&mut redis).await.unwrap();
    let _: () = set("appendfsync", "everysec").query_async(&mut redis).await.unwrap();
    let said = check(&pipeline).await;
    assert!(!said.good);
    assert!(
        line(&said, "queues").iter().any(|line| line.contains("publish-jobs") && line.contains("other arguments")),
        "{}",
        said.stdout
    );
    let durability = line(&said, "durability").join("\n");
    assert!(
        durability.contains("wrong Redis drops keys") && durability.contains("warning Redis flushes once a second")
    );
    let _: () = redis::cmd("ACL")
        .arg("SETUSER")
        .arg("default")
        .arg("-config")
        .arg("-info")
        .query_async(&mut redis)
        .await
        .unwrap();
    let said = check(&pipeline).await;
    assert!(
        line(&said, "durability")[0].starts_with("warning Redis does not let us read its settings"),
        "{}",
        said.stdout
    );
    assert!(line(&said, "store")[0].contains("does not tell its version"), "{}", said.stdout);

    // nobody listens where somebody did
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    pipeline.write("broker.url", &format!("amqp://guest:hunter2@127.0.0.1:{closed}"));
    pipeline.write("redis.url", &format!("redis://:hunter2@127.0.0.1:{closed}"));
    let platform = pipeline.sandbox.issuer().to_owned();
    change(
        &pipeline,
        "providers.toml",
        &format!("token_url = '{platform}"),
        &format!("token_url = 'http://127.0.0.1:{closed}"),
    );
    let said = run(&pipeline, &["check", "--json", "--providers"]).await;
    assert!(!said.good && !said.stdout.contains("hunter2"), "{}", said.stdout);
    for what in ["broker", "store", "provider practice"] {
        assert!(line(&said, what)[0].starts_with("wrong"), "{what}: {}", said.stdout);
    }
}

#[tokio::test]
async fn one_address_of_the_broker_that_answers_is_enough_and_the_others_are_told() {
    let pipeline = Pipeline::start().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    pipeline.write("away.url", &format!("amqp://guest:hunter2@127.0.0.1:{closed}"));
    let (one, file) = ("url = { file = 'broker.url' }", "{ file = 'broker.url' }");
    change(&pipeline, "sealpost.toml", one, &format!("url = [{{ file = 'away.url' }}, {file}, {file}]"));
    drop(pipeline.worker().await);
    let said = check(&pipeline).await;
    let lines = line(&said, "broker");
    assert!(said.good && lines.len() == 3 && !said.stdout.contains("hunter2"), "{}", said.stdout);
    assert!(lines[0].starts_with("good RabbitMQ") && lines[1].starts_with("good RabbitMQ"), "{lines:?}");
    assert!(lines[2].starts_with(&format!("warning 127.0.0.1:{closed}")), "{lines:?}");
    assert_eq!(line(&said, "queues").len(), 1, "{}", said.stdout);
    let sent = run(&pipeline, &["enqueue", "rotate", "--no-wait"]).await;
    assert!(sent.good, "{}", sent.stderr);
}

#[tokio::test]
async fn a_redis_cluster_is_looked_at_as_a_whole() {
    let cluster = Own::redis_cluster(false).await;
    let redis_url = Some(cluster.nodes[0].url());
    let pipeline = Pipeline::start_with(Setup { redis_url, ..Setup::default() }).await;
    change(&pipeline, "sealpost.toml", "[store]\n", "[store]\ncluster = true\n");
    let said = check(&pipeline).await;
    assert!(said.good && line(&said, "store")[0].starts_with("good Redis "), "{}", said.stdout);
    assert!(line(&said, "shards and index key")[0].contains("nothing is stored yet"), "{}", said.stdout);
    drop(pipeline.worker().await);
    let said = check(&pipeline).await;
    assert!(line(&said, "shards and index key")[0].starts_with("good 256 shards"), "{}", said.stdout);
    assert!(line(&said, "durability")[0].starts_with("good"), "{}", said.stdout);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_the_only_finding() {
    let pipeline = Pipeline::start().await;
    change(&pipeline, "sealpost.toml", "prefetch = 64", "prefetch = 0");
    let said = check(&pipeline).await;
    assert!(!said.good);
    let [only]: [Value; 1] = said.json()["checks"].as_array().unwrap().clone().try_into().unwrap();
    assert!(only["says"].as_str().unwrap().contains("line 4: prefetch: must be at least 1"), "{only}");
    fs::remove_file(pipeline.config()).unwrap();
    let said = check(&pipeline).await;
    assert!(said.stdout.contains("SEALPOST_CONFIG"), "{}", said.stdout);
}
