//! What is told while it runs, and a platform whose mood changes.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Screen, log::Log, told::Told};
use crate::Sandbox;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// What is told while it runs.
pub(super) struct Seen<'a> {
    pub(super) told: Arc<Told>,
    pub(super) log: Log,
    pub(super) screen: &'a mut Screen,
    pub(super) asked: usize,
}

impl Seen<'_> {
    /// Waits for all answers. What never comes is for the account to say.
    pub(super) async fn answered(&mut self, patience: Duration) {
        let began = Instant::now();
        let all = async {
            while self.told.answered() < self.asked && began.elapsed() < patience {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = all => {}
            () = show(&self.told, &self.log, self.screen, self.asked) => {}
        }
    }
}

/// Shows how far it is, for ever.
pub(super) async fn show(told: &Told, log: &Log, screen: &mut Screen, asked: usize) {
    loop {
        let struck = ["worker killed", "worker stopped", "broker killed", "Redis killed"];
        let struck = struck.map(|kind| format!("{kind} {}", log.count(kind))).join(", ");
        let (unknown, ended) = (told.count("unknown"), told.needy());
        let words = format!("{struck}; unknown {unknown}, needs consent {ended}");
        screen.show(told.answered(), asked, &words);
        sleep(LOOK).await;
    }
}

/// A platform that is slow now and then, before or after it carries a request out: for ever.
pub(super) async fn weather(sandbox: &Sandbox, seed: u64) {
    let mut rng = Rng::with_seed(seed ^ 0x3ea7);
    loop {
        let path = if rng.bool() { "/token" } else { "/api/posts" };
        let when = if rng.bool() { "before" } else { "after" };
        let (delay_ms, n) = (rng.u64(20..400), rng.u32(1..12));
        sandbox.fault(json!({"path": path, "when": when, "kind": "slow", "delay_ms": delay_ms, "n": n})).await;
        sleep(LOOK).await;
    }
}
