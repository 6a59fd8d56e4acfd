//! `sealpost dev`: the tour, two of them side by side, and what is left when one ends.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sealpost_tests::machine::{binaries, folder, launcher, remove_folder};
use sealpost_tests::patience::limited;
use sealpost_tests::{processes_in, until};

const LONG: Duration = Duration::from_mins(1);

/// A running dev, with what it said until it was ready.
pub(crate) struct Dev {
    child: Child,
    pub(crate) said: String,
}

impl Dev {
    /// Starts one with its data in `base` and waits until it invites to try it.
    pub(crate) fn start(base: &Path) -> Self {
        Self::start_with(base, &[])
    }

    /// The same with these arguments.
    pub(crate) fn start_with(base: &Path, args: &[&str]) -> Self {
        let _installed = launcher();
        let child = dev(base).args(args).stdout(Stdio::piped()).spawn().expect("dev starts");
        let (_limited, mut started) = (limited(&child), Self { child, said: String::new() });
        for line in BufReader::new(started.child.stdout.take().expect("a pipe")).lines() {
            started.said += &(line.expect("text") + "\n");
            if started.said.contains("Ctrl-C ends all of it.") {
                return started;
            }
        }
        panic!("dev ended: {}", started.said);
    }

    /// What it said after this mark, up to the end of the line.
    pub(crate) fn told(&self, mark: &str) -> &str {
        let (_, rest) = self.said.split_once(mark).unwrap_or_else(|| panic!("no {mark:?} in {}", self.said));
        rest.split_whitespace().next().unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it runs");
    }
}

impl Drop for Dev {
    /// A test that failed leaves nothing behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn dev(base: &Path) -> Command {
    let mut command = Command::new(&binaries().sealpost);
    command.arg("dev").arg("--data").arg(base).stdin(Stdio::null());
    command
}

/// Runs one to its end.
async fn ended(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let limit = limited(&child);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    drop(limit);
    output
}

#[tokio::test]
async fn the_tour_is_as_expected_and_leaves_no_process() {
    let base = folder("tour");
    let output = ended(dev(&base).arg("--tour")).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("All 12 as expected."), "{said}");
    assert!(!said.contains('✗'), "{said}");
    until("nothing of it runs", LONG, async || processes_in(&base).is_empty()).await;
    remove_folder(&base);
}

#[tokio::test]
async fn the_tour_over_the_practice_vault_and_tenant_is_as_expected_and_leaves_no_process() {
    let base = folder("azure-tour");
    let output = ended(dev(&base).args(["--tour", "--azure"])).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("All 15 as expected.") && !said.contains('✗'), "{said}");
    assert!(said.contains("0 keys fetched"), "a publish with a warm cache asks the vault nothing: {said}");
    until("nothing of it runs", LONG, async || processes_in(&base).is_empty()).await;
    remove_folder(&base);
}

#[tokio::test]
async fn two_devs_run_side_by_side_and_the_death_of_one_takes_only_its_own_along() {
    let base = folder("devs");
    let (one, other) = (base.clone(), base.clone());
    let one = tokio::task::spawn_blocking(move || Dev::start(&one)).await.unwrap();
    let mut two = tokio::task::spawn_blocking(move || Dev::start(&other)).await.unwrap();
    let (first, second) = (base.join("dev/"), base.join("dev-2/"));
    assert_eq!((one.told("the logs "), two.told("the logs ")), (first.to_str().unwrap(), second.to_str().unwrap()));
    assert!(processes_in(&first).len() > 6, "{:?}", processes_in(&first));

    one.signal(Signal::KILL);
    until("the servers of the killed one are gone", LONG, async || processes_in(&first).is_empty()).await;
    let http = sealpost_shared::http::client(LONG).unwrap();
    let metrics = http.get(two.told("what is measured ")).send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("sealpost_jobs_total{queue=\"publish-jobs\",outcome=\"publish.published\"} 1"),
        "{metrics}"
    );

    let mut health = Command::new(&binaries().sealpost);
    health.args(["health", "--config"]).arg(second.join("sealpost.toml"));
    assert!(ended(&mut health).await.status.success(), "the workers' port is in their configuration");

    two.signal(Signal::INT);
    let status = tokio::task::spawn_blocking(move || two.child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "Ctrl-C is a good end: {status}");
    until("Ctrl-C ended everything", LONG, async || processes_in(&base).is_empty()).await;
    remove_folder(&base);
}

#[tokio::test]
async fn a_tour_that_is_not_as_expected_shows_where_and_fails() {
    let base = folder("broken-tour");
    std::fs::copy(&binaries().sealpost, base.join("sealpost")).unwrap();
    let platform = format!("#!/bin/sh\nexec '{}' --access-ttl 0 \"$@\"\n", binaries().sandbox.display());
    std::fs::write(base.join("sealpost-sandbox"), platform).unwrap();
    std::fs::set_permissions(base.join("sealpost-sandbox"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(base.join("sealpost"));
    command.arg("dev").arg("--tour").arg("--data").arg(base.join("data")).stdin(Stdio::null());
    let output = ended(&mut command).await;
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}{why}");
    assert!(said.contains('✗') && said.contains("failed, "), "{said}");
    assert!(why.contains("not as expected; the logs are in"), "{why}");
    until("nothing of it runs", LONG, async || processes_in(&base).is_empty()).await;
    remove_folder(&base);
}
