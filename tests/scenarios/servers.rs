//! The private servers and the harness itself.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use lapin::{BasicProperties, Confirmation, types::FieldTable};
use redis::AsyncCommands;
use sealpost::dev::{
    child::Guarded,
    servers::{rabbitmq::RabbitMqOptions, redis::RedisOptions},
};
use sealpost_tests::{
    Broker, Own, Proxy, Rig, Sandbox, Weather,
    machine::{folder, launcher, remove_folder},
    until,
};
use serde_json::json;

/// Servers are slow on a busy machine.
const LONG: Duration = Duration::from_mins(1);
/// What makes a test binary play the caller that is killed; see below.
const VICTIM: &str = "SEALPOST_TESTS_VICTIM";

async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).expect("a Redis address");
    client.get_multiplexed_async_connection().await.expect("a connection to Redis")
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), lapin::types::AMQPValue::LongString("quorum".into()));
    arguments
}

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
    let mut rabbitmq = Own::rabbitmq(RabbitMqOptions::default()).await;
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
async fn a_full_queue_refuses_and_a_missing_one_returns() {
    let rig = Rig::start().await;
    let mut reject = quorum();
    reject.insert("x-overflow".into(), lapin::types::AMQPValue::LongString("reject-publish".into()));
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
async fn a_cluster_spreads_its_keys_and_replaces_a_dead_master() {
    let mut cluster = Own::redis_cluster(true).await;
    assert_eq!(cluster.nodes.len(), 6);
    let client = redis::cluster::ClusterClient::new(cluster.urls()).unwrap();
    let mut connection = client.get_async_connection().await.unwrap();
    for number in 0..50 {
        let _: () = connection.set(format!("key-{number}"), number).await.unwrap();
    }
    // The first three are the masters, as long as nothing happened.
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
        sealpost::dev::servers::redis::Redis::start(&folder, launcher, &options).await.unwrap_err().to_string()
    };
    let error = start(&["--no-such-setting", "yes"]).await;
    assert!(error.contains("no-such-setting") && error.contains("refused"), "{error}");
    // The port of somebody else, who must be neither taken for ours nor waited for.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = start(&["--port", &other.local_addr().unwrap().port().to_string()]).await;
    assert!(error.contains("address is in use"), "{error}");
    remove_folder(&folder);
}

#[tokio::test]
async fn the_guard_passes_the_exit_code_on_and_takes_the_program_along_when_it_is_killed() {
    let launcher = tokio::task::spawn_blocking(launcher).await.unwrap();
    let folder = folder("guard");
    let log = folder.join("log");
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(&folder);
        Guarded::spawn("a shell", &launcher.guard, &command, &log, None).unwrap()
    };
    assert_eq!(shell("echo heard; exit 7").exited().await.unwrap().code(), Some(7));
    assert_eq!(shell("kill -9 $$").exited().await.unwrap().code(), Some(128 + 9));
    assert_eq!(fs::read_to_string(&log).unwrap(), "heard\n");

    let asleep = shell("exec sleep 600");
    let comm = format!("/proc/{}/comm", asleep.pid());
    until("the program runs", LONG, async || fs::read_to_string(&comm).is_ok_and(|name| name == "sleep\n")).await;
    let guard = parent_of(asleep.pid()).expect("a running program has a guard");
    rustix::process::kill_process(rustix::process::Pid::from_raw(guard).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    until("the program went with its guard", LONG, async || gone(asleep.pid())).await;

    let asleep = shell("exec sleep 600");
    assert_eq!(asleep.terminate().await.unwrap().code(), Some(128 + 15));
    let asleep = shell("exec sleep 600");
    let pid = asleep.pid();
    drop(asleep);
    until("the program went with its handle", LONG, async || gone(pid)).await;
    remove_folder(&folder);
}

#[tokio::test]
async fn a_caller_killed_with_9_takes_every_server_and_every_file_along() {
    let mut caller = Command::new(std::env::current_exe().unwrap());
    caller.args(["--exact", "servers::a_caller_that_is_killed", "--ignored", "--nocapture"]);
    let mut caller = caller.env(VICTIM, "1").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(caller.stdout.take().unwrap()).lines();
    let told = tokio::task::spawn_blocking(|| {
        lines.map_while(Result::ok).find_map(|l| Some(l.strip_prefix("in ")?.to_owned()))
    });
    let folder = PathBuf::from(told.await.unwrap().expect("the caller says where its servers are"));
    // RabbitMQ, its port mapper, its little helpers and the four Redis servers.
    assert!(processes_in(&folder).len() > 6, "{:?}", processes_in(&folder));
    caller.kill().unwrap();
    caller.wait().unwrap();
    until("its servers are gone", LONG, async || processes_in(&folder).is_empty()).await;
    until("its files are gone", LONG, async || !folder.exists()).await;
}

#[tokio::test]
#[ignore = "the caller that the test above starts and kills"]
async fn a_caller_that_is_killed() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let rig = Rig::start().await;
    let _cluster = Own::redis_cluster(false).await;
    remove_folder(rig.folder());
    println!("\nin {}", rig.redis.folder().parent().unwrap().display());
    std::future::pending::<()>().await;
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

/// Everything that runs in the folder or was started for it, the guards too.
fn processes_in(folder: &Path) -> Vec<i32> {
    let text = folder.to_str().expect("a folder's name is text");
    let pids =
        fs::read_dir("/proc").expect("Linux").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let at = Path::new("/proc").join(pid.to_string());
        let inside = fs::read_link(at.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        inside
            || ["environ", "cmdline"]
                .iter()
                .any(|file| fs::read(at.join(file)).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text)))
    })
    .collect()
}

fn gone(pid: i32) -> bool {
    matches!(state(pid), None | Some('Z'))
}

/// The process's state letter, R, S, T, Z and so on.
fn state(pid: i32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

fn parent_of(pid: i32) -> Option<i32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// The fields of /proc/<pid>/stat after the program's name, which may contain anything.
fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}
