//! When what is struck, and for how long.

use std::time::Duration;

use fastrand::Rng;

/// What is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A worker, by its place.
    Worker(usize),
    /// RabbitMQ.
    Broker,
    /// Redis.
    Redis,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// SIGKILL; another one is started later, a server on the same data.
    Killed,
    /// SIGSTOP, and SIGCONT later.
    Stopped,
}

/// One blow.
#[derive(Debug, Clone, Copy)]
pub struct Blow {
    /// To what.
    pub target: Target,
    /// Which.
    pub how: How,
    /// How long after the beginning.
    pub at: Duration,
    /// How long until it is started or continued.
    pub lasts: Duration,
}

/// How many workers there are.
pub const WORKERS: usize = 4;

/// Blows at random for so long, the same ones for the same seed.
#[must_use]
pub fn at_random(seed: u64, lasts: Duration) -> Vec<Blow> {
    let mut rng = Rng::with_seed(seed);
    let workers = (0..WORKERS).map(|place| (Target::Worker(place), 12.0, 2.0));
    let servers = [(Target::Broker, 40.0, 3.0), (Target::Redis, 15.0, 2.0)];
    let mut blows = Vec::new();
    for (target, pause, away) in workers.chain(servers) {
        let mut at = seconds(pause * rng.f64());
        while at < lasts {
            let stopped = matches!(target, Target::Worker(_)) && rng.u8(..4) == 0;
            let (how, away) = if stopped {
                // longer than any lease or claim, and than the broker waits for a heartbeat
                (How::Stopped, seconds(11.0 + 5.0 * rng.f64()))
            } else {
                (How::Killed, seconds(away * rng.f64()))
            };
            blows.push(Blow { target, how, at, lasts: away });
            at += away + seconds(pause * (0.5 + rng.f64()));
        }
    }
    blows
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
