//! What was struck, when, and until when.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use sealpost_shared::clock::{Clock, SystemClock};
use serde::Serialize;

use super::plan::{How, Target};

/// One blow as it fell.
#[derive(Debug, Clone, Serialize)]
pub struct Struck {
    /// The process: `broker`, `redis`, or a worker's name, which no other process has.
    pub who: String,
    /// `worker killed`, `worker stopped`, `broker killed`, `Redis killed`.
    pub kind: &'static str,
    /// When.
    pub from: Timestamp,
    /// When it was there again, or went on.
    pub until: Timestamp,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<Struck>>);

/// How long before a request is carried out its sender may have been struck: the platform is slow now and then.
const BEFORE: SignedDuration = SignedDuration::from_secs(1);

/// How long after an answer its receiver may have had it and not have written it down.
const MOMENT: SignedDuration = SignedDuration::from_secs(2);

/// How long after Redis is back everybody has found it again.
const FOUND_AGAIN: SignedDuration = SignedDuration::from_secs(5);

impl Log {
    pub(super) fn struck(&self, who: &str, target: Target, how: How, from: Timestamp) {
        let kind = match (target, how) {
            (Target::Worker(_), How::Killed) => "worker killed",
            (Target::Worker(_), How::Stopped) => "worker stopped",
            (Target::Broker, _) => "broker killed",
            (Target::Redis, _) => "Redis killed",
        };
        self.lock().push(Struck { who: who.into(), kind, from, until: now() });
    }

    pub(super) fn all(&self) -> Vec<Struck> {
        self.lock().clone()
    }

    /// How often something of this kind happened.
    pub(super) fn count(&self, kind: &str) -> usize {
        self.lock().iter().filter(|struck| struck.kind == kind).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Struck>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What befell the holder of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fate {
    /// Whether it went on later, and may have come with what it held then.
    pub(super) went_on: bool,
    /// In words.
    pub(super) words: String,
}

/// What befell a process (any worker, if `who` is none) while it had something in hand that was carried out at `at`: the
/// blow that is nearest in time. Of a known process also that it stood still until just before, since it sends then what it
/// had begun to.
pub(super) fn fate(struck: &[Struck], who: Option<&str>, at: Timestamp) -> Option<Fate> {
    let (from, mut until) = (at - BEFORE, at + MOMENT);
    // while Redis is away, an answer is held in hand
    for away in struck.iter().filter(|one| one.kind == "Redis killed") {
        if away.from < until && away.until + FOUND_AGAIN > from {
            until = until.max(away.until + FOUND_AGAIN);
        }
    }
    let of = |one: &&Struck| who.map_or(one.kind.starts_with("worker"), |who| one.who == who);
    let late = |one: &Struck| who.is_some() && one.kind == "worker stopped" && one.from < at && one.until > from;
    let meanwhile = struck.iter().filter(of).filter(|one| (from < one.from && one.from < until) || late(one));
    let nearest = meanwhile.min_by_key(|one| one.from.duration_since(at).abs())?;
    let since = |time: Timestamp| time.duration_since(at).as_millis();
    let went_on = nearest.kind == "worker stopped";
    let words = if went_on {
        format!("{} stood still from {} to {} ms after it", nearest.who, since(nearest.from), since(nearest.until))
    } else {
        format!("{} was killed {} ms after it", nearest.who, since(nearest.from))
    };
    Some(Fate { went_on, words })
}

pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

/// Waits until so long after the beginning.
pub(super) async fn at(start: tokio::time::Instant, after: Duration) {
    tokio::time::sleep_until(start + after).await;
}

#[cfg(test)]
mod tests {
    use super::{Struck, fate};
    use jiff::Timestamp;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn struck(who: &str, kind: &'static str, from: i64, until: i64) -> Struck {
        Struck { who: who.into(), kind, from: second(from), until: second(until) }
    }

    #[test]
    fn only_what_befell_the_holder_of_an_answer_when_it_had_it_explains_its_loss() {
        let killed = [struck("w1.1", "worker killed", 101, 103)];
        assert_eq!(words(&killed, Some("w1.1"), 100), "w1.1 was killed 1000 ms after it");
        assert_eq!(words(&killed, None, 100), "w1.1 was killed 1000 ms after it");
        for (who, at) in [("w1.2", 100), ("w1.1", 98), ("w1.1", 104)] {
            assert_eq!(fate(&killed, Some(who), second(at)), None, "{who} {at}");
        }
        let stopped = struck("w2.1", "worker stopped", 101, 112);
        assert_eq!(fate(std::slice::from_ref(&stopped), None, second(105)), None, "it held nothing any more");
        assert_eq!(
            words(&[killed[0].clone(), stopped], Some("w2.1"), 100),
            "w2.1 stood still from 1000 to 12000 ms after it"
        );
        let stopped = [struck("w2.1", "worker stopped", 91, 100)];
        assert_eq!(words(&stopped, Some("w2.1"), 100), "w2.1 stood still from -9000 to 0 ms after it");
        for (who, at) in [(Some("w2.1"), 101), (Some("w2.2"), 100), (None, 100)] {
            assert_eq!(fate(&stopped, who, second(at)), None, "{who:?} {at}");
        }
        assert_eq!(fate(&[struck("broker", "broker killed", 100, 101)], None, second(100)), None);
    }

    #[test]
    fn while_redis_is_away_an_answer_is_held_in_hand() {
        let late = struck("w1.1", "worker killed", 106, 107);
        assert_eq!(fate(std::slice::from_ref(&late), Some("w1.1"), second(100)), None);
        let struck = [struck("redis", "Redis killed", 99, 102), late];
        assert_eq!(words(&struck, Some("w1.1"), 100), "w1.1 was killed 6000 ms after it");
    }

    fn words(struck: &[Struck], who: Option<&str>, at: i64) -> String {
        fate(struck, who, second(at)).unwrap().words
    }
}
