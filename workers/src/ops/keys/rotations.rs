//! Rotations as operators see them: those that run, and the last that ended.

use jiff::Timestamp;
use sealpost_schemas::RotationCounts;
use sealpost_shared::metrics::mode_label;
use sealpost_shared::records::Rotation;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::progress::Progress;
use crate::ops::screen;

/// A rotation, and how far it is if it runs.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Shown {
    pub(in crate::ops) rotation: Rotation,
    progress: Option<Progress>,
    shards: u16,
}

/// Those that run, and the last that ended. `left`: how much is sealed under older key versions, and how many shards there are.
pub(in crate::ops) fn shown(rotations: Vec<Rotation>, left: (u64, u16), now: Timestamp) -> Vec<Shown> {
    let last = rotations.iter().filter(|rotation| rotation.ended.is_some()).max_by_key(|rotation| rotation.ended);
    let last = last.map(|rotation| rotation.tick);
    let wanted = rotations.into_iter().filter(|rotation| rotation.ended.is_none() || Some(rotation.tick) == last);
    wanted
        .map(|rotation| {
            let progress = rotation.ended.is_none().then(|| Progress::of(&rotation, left, now));
            Shown { rotation, progress, shards: left.1 }
        })
        .collect()
}

impl Shown {
    /// Whether it has shards left.
    pub(in crate::ops) const fn runs(&self) -> bool {
        self.rotation.ended.is_none()
    }

    /// The titles of [`Self::cells`].
    pub(in crate::ops) const TITLES: [&str; 6] = ["rotation", "mode", "began", "shards done", "progress", "did"];

    /// A row of a table.
    pub(in crate::ops) fn cells(&self) -> [String; 6] {
        let Rotation { tick, begin, shards_done, counts, ended } = &self.rotation;
        let progress = match (ended, self.progress) {
            (Some(ended), _) => format!("done in {}", screen::span(begin.began, *ended)),
            (None, Some(Progress { percent, left: Some(left) })) => {
                let left =
                    Timestamp::UNIX_EPOCH.saturating_add(left).map(|end| screen::span(Timestamp::UNIX_EPOCH, end));
                format!("{percent} %, about {} left", left.unwrap_or_default())
            }
            (None, _) => "begins".into(),
        };
        [
            tick.to_string(),
            mode_label(begin.mode).into(),
            screen::time(begin.began),
            format!("{shards_done} of {}", self.shards),
            progress,
            did(*counts),
        ]
    }
}

/// What was done in the shards that are done.
fn did(RotationCounts { refreshed, resealed, ended, failed }: RotationCounts) -> String {
    let all = [(resealed, "sealed anew"), (refreshed, "refreshed"), (ended, "need consent"), (failed, "left behind")];
    let some: Vec<_> =
        all.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if some.is_empty() { "nothing".into() } else { some.join(", ") }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Rotation { tick, begin, shards_done, counts, ended } = &self.rotation;
        let shown = json!({
            "tick": tick, "mode": begin.mode, "everything": begin.everything, "began": begin.began, "ended": ended,
            "shards_done": shards_done, "shards": self.shards, "counts": counts,
            "percent": self.progress.map(|progress| progress.percent),
            "seconds_left": self.progress.and_then(|progress| progress.left).map(|left| left.as_secs()),
        });
        shown.serialize(to)
    }
}
