//! Rotations: which began, and which of their shards are done.

use std::collections::HashMap;

use jiff::Timestamp;
use sealpost_schemas::{RotationCounts, RotationMode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::StoreError;
use super::fields::RecordError;
use super::layout;
use super::store::Store;
use crate::seal::KeyRef;

/// How long Redis remembers a rotation, in seconds: 7 days.
const REMEMBER_TICK: u32 = 7 * 24 * 60 * 60;

/// How many rotations it remembers, the newest of them.
const LISTED: i64 = 100;

/// A rotation as it began. Whose records it is about is not said: names are hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationBegin {
    /// What is done with each record.
    pub mode: RotationMode,
    /// Whether it is about every record.
    pub everything: bool,
    /// When its tick was first met.
    pub began: Timestamp,
    /// How many things were sealed under older key versions then.
    pub older: u64,
    /// Which versions these were.
    #[serde(default)]
    pub versions: Vec<KeyRef>,
}

/// A rotation as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Its id, as [`crate::ids::rotation`] makes it of its tick's.
    pub tick: Uuid,
    /// How it began.
    pub begin: RotationBegin,
    /// How many shards are done.
    pub shards_done: u16,
    /// What was done in these.
    pub counts: RotationCounts,
    /// When the last shard was done; `None`: it runs.
    pub ended: Option<Timestamp>,
}

impl Store {
    /// Notes that a rotation begins. The first word counts: its tick may come again.
    pub async fn begin_rotation(&self, tick: Uuid, begin: &RotationBegin) -> Result<(), StoreError> {
        let doing = format!("note that rotation {tick} begins");
        let mut set = redis::cmd("SET");
        set.arg(layout::tick_begin(tick)).arg(serde_json::json!(begin).to_string());
        self.query::<()>(doing.as_str(), set.arg("NX").arg("EX").arg(REMEMBER_TICK)).await?;
        let mut list = redis::cmd("ZADD");
        list.arg(layout::TICKS).arg("NX").arg(begin.began.as_millisecond()).arg(tick.to_string());
        self.query::<u64>(doing.as_str(), &list).await?;
        let mut forget = redis::cmd("ZREMRANGEBYRANK");
        self.query::<u64>(doing, forget.arg(layout::TICKS).arg(0).arg(-1 - LISTED)).await.map(|_| ())
    }

    /// How a rotation began; `None`: that is not remembered.
    pub async fn rotation_begin(&self, tick: Uuid) -> Result<Option<RotationBegin>, StoreError> {
        let doing = format!("read how rotation {tick} began");
        let begin: Option<String> = self.query(doing.as_str(), redis::cmd("GET").arg(layout::tick_begin(tick))).await?;
        let read = begin.map(|begin| serde_json::from_str(&begin)).transpose();
        read.map_err(|_| StoreError::new(doing, RecordError::Malformed("tick").into()))
    }

    /// The rotations that began lately, the newest first.
    pub async fn rotations(&self) -> Result<Vec<Rotation>, StoreError> {
        let doing = "list the rotations";
        let malformed = || StoreError::new(doing, RecordError::Malformed("tick").into());
        let ticks: Vec<String> =
            self.query(doing, redis::cmd("ZRANGE").arg(layout::TICKS).arg(0).arg(-1).arg("REV")).await?;
        let ticks = ticks.iter().map(|tick| tick.parse()).collect::<Result<Vec<Uuid>, _>>().map_err(|_| malformed())?;
        let begins = ticks.iter().map(|tick| redis::cmd("GET").arg(layout::tick_begin(*tick)).to_owned()).collect();
        let begins: Vec<Option<String>> = self.each(doing, begins).await?;
        let done = ticks.iter().map(|tick| redis::cmd("HGETALL").arg(layout::tick(*tick)).to_owned()).collect();
        let done: Vec<HashMap<String, String>> = self.each(doing, done).await?;
        // the beginning of one that is older than what is remembered is gone
        let known =
            ticks.into_iter().zip(begins).zip(done).filter_map(|((tick, begin), done)| Some((tick, begin?, done)));
        known.map(|(tick, begin, done)| read(tick, &begin, &done).ok_or_else(malformed)).collect()
    }

    /// Notes that a shard of a rotation is done. What was done in all shards, for the one that completes the rotation, and
    /// for it again when it asks again: its message may be delivered twice.
    pub async fn finish_shard(
        &self,
        tick: Uuid,
        (shard, shards): (u16, u16),
        did: RotationCounts,
    ) -> Result<Option<RotationCounts>, StoreError> {
        let RotationCounts { refreshed, resealed, ended, failed } = did;
        let args = [
            shard.to_string().into(),
            shards.to_string().into(),
            REMEMBER_TICK.to_string().into(),
            format!("{refreshed} {resealed} {ended} {failed}").into(),
        ];
        let doing = format!("finish shard {shard} of rotation {tick}");
        let finished = self.link().run(self.finish_script(), &[layout::tick(tick)], &args).await;
        let counts: Vec<String> = finished.map_err(|trouble| StoreError::new(doing.clone(), trouble))?;
        let mut all = RotationCounts::default();
        for text in &counts {
            all += read_counts(text)
                .ok_or_else(|| StoreError::new(doing.clone(), RecordError::Malformed("tick").into()))?;
        }
        Ok((!counts.is_empty()).then_some(all))
    }
}

fn read(tick: Uuid, begin: &str, done: &HashMap<String, String>) -> Option<Rotation> {
    let (mut shards_done, mut counts) = (0, RotationCounts::default());
    for (field, value) in done {
        if field.parse::<u16>().is_ok() {
            shards_done += 1;
            counts += read_counts(value)?;
        }
    }
    let ended = match done.get("ended") {
        Some(ended) => Some(Timestamp::from_millisecond(ended.parse().ok()?).ok()?),
        None => None,
    };
    Some(Rotation { tick, begin: serde_json::from_str(begin).ok()?, shards_done, counts, ended })
}

/// What a shard did. An older version noted less of it, or nothing; a newer one may note more.
fn read_counts(text: &str) -> Option<RotationCounts> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    let mut next = || numbers.next().map_or(Some(0), Result::ok);
    Some(RotationCounts { refreshed: next()?, resealed: next()?, ended: next()?, failed: next()? })
}
