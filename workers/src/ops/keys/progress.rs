//! How far a rotation is, and when it may be done.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::RotationMode;
use sealpost_shared::records::Rotation;

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// In percent.
    pub(super) percent: u64,
    /// How long it may still take, if it goes on as it did.
    pub(super) left: Option<Duration>,
}

impl Progress {
    /// Of a running one. What is left under older key versions tells best how far one is that seals everything anew; of
    /// others only the shards do.
    pub(super) fn of(rotation: &Rotation, (older, shards): (u64, u16), now: Timestamp) -> Self {
        let begin = &rotation.begin;
        let (done, of) = if begin.everything && begin.mode == RotationMode::Rewrap && begin.older > 0 {
            (begin.older.saturating_sub(older), begin.older)
        } else {
            (u64::from(rotation.shards_done), u64::from(shards))
        };
        let took = Duration::try_from(now.duration_since(begin.began)).unwrap_or_default();
        let left = (done > 0).then(|| {
            let millis = took.as_millis() * u128::from(of - done.min(of)) / u128::from(done);
            Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
        });
        Self { percent: done * 100 / of.max(1), left }
    }
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::RotationCounts;
    use sealpost_shared::records::RotationBegin;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn rotation(mode: RotationMode, everything: bool, older: u64, shards_done: u16) -> Rotation {
        let begin = RotationBegin { mode, everything, began: at(100), older, versions: Vec::new() };
        let tick = "01939f6e-7c00-7000-8000-000000000001".parse().unwrap();
        Rotation { tick, begin, shards_done, counts: RotationCounts::default(), ended: None }
    }

    #[test]
    fn one_that_seals_everything_anew_is_measured_by_what_is_left() {
        let rotation = rotation(RotationMode::Rewrap, true, 1000, 3);
        let told = |older| Progress::of(&rotation, (older, 256), at(110));
        assert_eq!(told(1000), Progress { percent: 0, left: None });
        assert_eq!(told(750), Progress { percent: 25, left: Some(Duration::from_secs(30)) });
        assert_eq!(told(0), Progress { percent: 100, left: Some(Duration::ZERO) });
        assert_eq!(told(2000), Progress { percent: 0, left: None }, "a newer version was made meanwhile");
    }

    #[test]
    fn others_are_measured_by_their_shards() {
        let quarter = Progress { percent: 25, left: Some(Duration::from_secs(30)) };
        for (mode, everything, older) in
            [(RotationMode::Refresh, true, 9), (RotationMode::Rewrap, false, 9), (RotationMode::Rewrap, true, 0)]
        {
            assert_eq!(Progress::of(&rotation(mode, everything, older, 64), (0, 256), at(110)), quarter);
        }
    }

    #[test]
    fn a_clock_that_went_back_makes_no_panic() {
        let rotation = rotation(RotationMode::Refresh, true, 0, 64);
        assert_eq!(Progress::of(&rotation, (0, 256), at(0)), Progress { percent: 25, left: Some(Duration::ZERO) });
    }
}
