//! Broker and store by TLS, with the users that `make secrets` makes: the example files as they are, but for ports and paths.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use sealpost::dev::servers::{rabbitmq::RabbitMqOptions, redis::RedisOptions};
use sealpost_shared::ids;
use sealpost_tests::machine::{folder, remove_folder, workspace};
use sealpost_tests::own::Own;
use sealpost_tests::pipeline::{exchange_request, publish_job, rotation_tick};
use sealpost_tests::{Pipeline, Rig, Sandbox, Setup};
use serde_json::json;

use super::compose::{make_secrets, read};

/// Makes an authority, and a certificate of it for this machine.
fn certify(folder: &Path) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "an authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &ca).unwrap();
    fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    for server in ["redis", "rabbitmq"] {
        fs::write(folder.join(server).with_extension("crt"), leaf.pem()).unwrap();
        fs::write(folder.join(server).with_extension("key"), key.serialize_pem()).unwrap();
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What stands in a file of secrets.
fn secret(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap().trim().to_owned()
}

#[tokio::test]
async fn jobs_are_done_by_tls_as_users_who_may_no_more_than_that() {
    let folder = folder("secured");
    make_secrets(&folder);
    certify(&folder);
    let (redis_port, amqp_port) = (free_port(), free_port());
    let here = folder.display().to_string() + "/";
    // The plain ports stay: it is by them that the servers are known to be up.
    let conf = read("examples/redis-tls.conf").replace("port 0\n", "").replace("/run/secrets/", &here);
    let conf = conf.replace("tls-port 6379", &format!("tls-port {redis_port}"));
    fs::write(folder.join("redis-tls.conf"), conf).unwrap();
    let args = ["--include", "redis-tls.conf", "--aclfile", "redis.acl"];
    let args = args.map(|arg| if arg.starts_with("--") { arg.into() } else { here.clone() + arg }).into();
    let conf = read("examples/rabbitmq-tls.conf").replace("listeners.tcp = none\n", "").replace("/run/secrets/", &here);
    let conf = conf.replace("listeners.ssl.default = 5671", &format!("listeners.ssl.1 = 127.0.0.1:{amqp_port}"));
    let conf = conf.lines().map(str::to_owned).collect();
    let rabbitmq = Own::rabbitmq(RabbitMqOptions { management: true, conf, ..RabbitMqOptions::default() }).await;
    let rig = Rig::with(&rabbitmq, RedisOptions { args }).await;
    let store = secret(&folder, "store.url").replace("@redis:6379", "");
    let by_tls = format!("{}@127.0.0.1:{redis_port}", store.replace("redis://", "rediss://"));
    let setup = Setup {
        amqp_url: Some(format!("amqps://guest:guest@127.0.0.1:{amqp_port}/%2f")),
        redis_url: Some(by_tls),
        ..Setup::default()
    };
    let mut pipeline = Pipeline::of(rig, Sandbox::start().await, setup).await;
    let authority = folder.join("ca.pem");
    let worker = pipeline.worker_with(&["all"], &[("SSL_CERT_FILE", authority.to_str().unwrap())]).await;
    pipeline.connect("ada").await;
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "x")).await["outcome"], "published");
    // What is there after a crash was read by Redis itself, as its user `default`.
    pipeline.rig.redis.kill9().await;
    pipeline.rig.redis.restart().await.unwrap();
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "y")).await["outcome"], "published");
    pipeline.rotate_key();
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    assert_eq!(pipeline.event("rotation.done").await.json()["counts"]["failed"], 0);
    let again =
        pipeline.ask("exchange-request.v1", &exchange_request("acme", "ada", &pipeline.consent("ada").await)).await;
    assert_eq!(again["outcome"], "stored", "{again}");
    let query = json!({"id": ids::fresh(), "owner": {"tenant": "acme", "user": "ada"}});
    pipeline.ask("connection-query.v1", &query).await;
    let ending = json!({"id": ids::fresh(), "scope": "tenant", "tenant": "acme"});
    assert_eq!(pipeline.ask("revocation-request.v1", &ending).await["outcome"], "done");
    assert!(!worker.log().contains("NOPERM"), "{}", worker.log());

    // That user, and the one who looks after Redis.
    let plain = pipeline.rig.redis.port();
    let client = |url: String| redis::Client::open(url).unwrap();
    let mut user = client(format!("{store}@127.0.0.1:{plain}")).get_multiplexed_async_connection().await.unwrap();
    for refused in [&["FLUSHALL"][..], &["KEYS", "*"], &["CONFIG", "SET", "appendonly", "no"], &["GET", "another"]] {
        let mut cmd = redis::cmd(refused[0]);
        let said = cmd.arg(&refused[1..]).query_async::<redis::Value>(&mut user).await.unwrap_err();
        assert_eq!(said.code(), Some("NOPERM"), "{refused:?}: {said}");
    }
    let admin = secret(&folder, "admin.txt").rsplit(' ').next().unwrap().to_owned();
    let mut admin =
        client(format!("redis://admin:{admin}@127.0.0.1:{plain}")).get_multiplexed_async_connection().await.unwrap();
    let log: Vec<redis::Value> = redis::cmd("ACL").arg("LOG").query_async(&mut admin).await.unwrap();
    assert_eq!(log.len(), 4, "what the test itself tried: {log:?}");
    drop(worker);
    drop(pipeline);
    remove_folder(&folder);
}

/// The commands that a text sends or calls, `config|get` for one that has a subcommand.
fn commands(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for opening in ["redis.call('", "redis.pcall('", "redis::cmd(\""] {
        for rest in text.split(opening).skip(1) {
            let name: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
            let subcommand = rest[name.len()..].strip_prefix("\").arg(\"").filter(|_| name == "CONFIG");
            let subcommand = subcommand.and_then(|rest| rest.split('"').next()).map(|word| format!("|{word}"));
            found.insert((name + subcommand.as_deref().unwrap_or_default()).to_lowercase());
        }
    }
    found
}

fn texts(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, all);
        } else {
            *all += &fs::read_to_string(path).unwrap();
        }
    }
}

#[test]
fn the_stores_user_may_what_the_code_sends_and_nothing_else() {
    // What the client sends by itself: when it connects, and to find its way in a cluster.
    let client = "auth hello ping client cluster|slots readonly readwrite asking";
    let mut all = String::new();
    texts(&workspace().join("shared/src/records"), &mut all);
    let mut wanted = commands(&all);
    assert!(wanted.len() > 30 && wanted.contains("hsetnx") && wanted.contains("config|get"), "{wanted:?}");
    wanted.extend(client.split(' ').map(str::to_owned));
    let rules = read("examples/redis.acl");
    let user = rules.lines().find(|line| line.starts_with("user sealpost ")).unwrap();
    let allowed: BTreeSet<_> = user.split(' ').filter_map(|rule| rule.strip_prefix('+')).map(str::to_owned).collect();
    assert_eq!(allowed, wanted);
    assert!(user.contains(" -@all ") && !user.contains("+@"), "{user}");
}
