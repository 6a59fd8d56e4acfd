//! What stands on terminals of several sizes.

use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use sealpost_schemas::{RotationCounts, RotationMode, queues};
use sealpost_shared::records::{Rotation, RotationBegin};

use super::draw;
use crate::ops::keys::rotations::shown;
use crate::ops::top::snapshot::{Failed, Outcome, Provider, Queue, Snapshot, Sweep, Version};
use crate::ops::top::workers::Worker;

fn outcome(queue: &str, how: &str, per_second: f64) -> Outcome {
    Outcome { queue: queue.into(), how: how.into(), total: 100, per_second: Some(per_second) }
}

fn sweep(now: Timestamp) -> Sweep {
    let begin = RotationBegin {
        mode: RotationMode::Rewrap,
        everything: true,
        began: now - jiff::SignedDuration::from_secs(10),
        older: 1000,
        versions: Vec::new(),
    };
    let tick = "01939f6e-7c00-7000-8000-000000000001".parse().unwrap();
    let counts = RotationCounts { resealed: 250, ..RotationCounts::default() };
    let runs = Rotation { tick, begin, shards_done: 64, counts, ended: None };
    let version = |version: &str, latest, held| {
        let (key, version) = ("tokens".parse().unwrap(), version.parse().unwrap());
        Version { key, name: version, latest, held }
    };
    Sweep {
        versions: vec![version(&"a".repeat(32), false, 750), version(&"b".repeat(32), true, 250)],
        older: 750,
        rotations: shown(vec![runs], (750, 256), now),
        records_per_second: Some(25.0),
    }
}

fn snapshot() -> Snapshot {
    let now = "2026-11-28T09:30:00Z".parse().unwrap();
    let queue = |queue: &&'static str| Queue {
        name: queue,
        ready: Some(7),
        retries: Some(1),
        unacked: Some(64),
        consumers: Some(2),
        in_per_second: Some(12.34),
        out_per_second: Some(9.5),
        waited_seconds: Some(0.25),
    };
    let worker = |port: u16, problem: Option<&str>| Worker {
        address: format!("http://127.0.0.1:{port}/metrics"),
        problem: problem.map(Into::into),
    };
    Snapshot {
        at: now,
        interval_seconds: 2.0,
        problems: Vec::new(),
        workers: vec![worker(1, None), worker(2, Some("the server could not be reached"))],
        queues: queues::ALL.iter().map(queue).collect(),
        delayed: Some(3),
        dead_letters: Some(5),
        outcomes: vec![
            outcome("publish-jobs", "publish.published", 9.0),
            outcome("exchange-requests", "connection.stored", 1.0),
            outcome("rotation-shards", "shard-done", 0.0),
        ],
        failures: vec![Failed {
            queue: "publish-jobs".into(),
            code: "provider-unavailable".into(),
            total: 4,
            per_second: Some(0.5),
        }],
        sweep: Some(sweep(now)),
        providers: vec![
            Provider { name: "gitea".into(), calls_per_second: Some(4.0), ..Provider::default() },
            Provider {
                name: "practice".into(),
                seconds: Some(0.042),
                held_back_per_second: Some([("rate".to_owned(), 1.5), ("slow".to_owned(), 0.0)].into()),
                breaker_open: Some(vec!["token".into()]),
                ..Provider::default()
            },
        ],
    }
}

fn drawn(width: u16, height: u16, snapshot: Option<&Snapshot>) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, snapshot)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

/// Whether one line has all of these.
fn has(lines: &[String], parts: &[&str]) -> bool {
    lines.iter().any(|line| parts.iter().all(|part| line.contains(part)))
}

#[test]
fn eighty_by_twenty_four_have_the_essential_of_everything() {
    let lines = drawn(80, 24, Some(&snapshot()));
    for parts in [
        &["sealpost top", "rates over 2.0 s", "1 of 2 workers answer", "q leaves"][..],
        &["http://127.0.0.1:2/metrics is not answering: the server could not be reached"],
        &["queues: 3 wait for another attempt or their turn, 5 dead letters"],
        &["publish-jobs", "7", "1", "64", "2", "12.3", "9.50", "250 ms"],
        &["connection-queries", "250 ms"],
        &["sweep: 250 under the latest key, 750 under older; a rotation runs, 25.0 a second"],
        &["rewrap", "64 of 256", "25 %, about 30 s left", "250 sealed anew"],
        &["practice", "42 ms", "1.50 rate", "open: token"],
        &["gitea", "4.00", "–"],
        &["publish-jobs", "not done: provider-unavailable", "0.50"],
    ] {
        assert!(has(&lines, parts), "{parts:?}\n{}", lines.join("\n"));
    }
    assert!(has(&lines, &["more"]), "what has no place is counted\n{}", lines.join("\n"));
}

#[test]
fn a_large_terminal_has_all_of_it() {
    let lines = drawn(130, 50, Some(&snapshot()));
    let (old, new) = ("a".repeat(32), "b".repeat(32));
    for parts in [
        &["publish-jobs", "publish.published", "9.00", "100"][..],
        &["rotation-shards", "shard-done", "0", "100"],
        &["tokens", &old, "older", "750"],
        &["tokens", &new, "latest", "250"],
        &["rewrap", "2026-11-28 09:29:50Z", "01939f6e-7c00-7000-8000-000000000001"],
    ] {
        assert!(has(&lines, parts), "{parts:?}\n{}", lines.join("\n"));
    }
    assert!(!has(&lines, &[" more"]), "{}", lines.join("\n"));
}

#[test]
fn a_terminal_of_any_size_can_be_drawn_on() {
    let snapshot = snapshot();
    for (width, height) in [(1, 1), (3, 2), (10, 5), (40, 12), (80, 8), (500, 3), (20, 200)] {
        for seen in [None, Some(&snapshot)] {
            assert_eq!(drawn(width, height, seen).len(), usize::from(height));
        }
    }
    let lines = drawn(80, 8, Some(&snapshot));
    assert!(has(&lines, &["exchange-requests", "250 ms"]) && has(&lines, &["… 5 more"]), "{}", lines.join("\n"));
}

#[test]
fn what_is_not_known_is_a_dash_and_what_cannot_be_looked_at_is_told() {
    let queue = |queue: &&'static str| Queue { name: queue, ..Queue::default() };
    let snapshot = Snapshot {
        interval_seconds: 0.0,
        problems: vec!["the broker did not answer within 5 s".into()],
        workers: Vec::new(),
        queues: queues::ALL.iter().map(queue).collect(),
        delayed: None,
        sweep: None,
        providers: Vec::new(),
        ..snapshot()
    };
    let lines = drawn(80, 24, Some(&snapshot));
    for parts in [
        &["rates come", "no workers named: --metrics URL"][..],
        &["the broker did not answer within 5 s"],
        &["queues: – wait"],
    ] {
        assert!(has(&lines, parts), "{parts:?}\n{}", lines.join("\n"));
    }
    let row = lines.iter().find(|line| line.starts_with("publish-jobs ")).unwrap();
    assert_eq!(row.matches('–').count(), 7, "{row}");
}
