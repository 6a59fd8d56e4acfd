//! Whatever ends a caller ends its servers.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use sealpost::dev::child::Guarded;
use sealpost_tests::{
    Own, Rig,
    machine::{folder, launcher, remove_folder},
    processes_in, until,
};

use super::{
    LONG,
    processes::{gone, parent_of},
};

/// What makes a test binary play the caller that is killed.
const VICTIM: &str = "SEALPOST_TESTS_VICTIM";

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
    kill_process(Pid::from_raw(guard).unwrap(), Signal::KILL).unwrap();
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
    caller.args(["--exact", "servers::ends::a_caller_that_is_killed", "--ignored", "--nocapture"]);
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
