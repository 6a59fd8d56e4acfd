//! Records in the order in which they want a refresh.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::error::StoreError;
use super::fields::RecordError;
use super::layout;
use super::locate::RecordId;
use super::store::Store;
use crate::seal::RecordKey;

/// A place in the order of due times: a time in milliseconds, and among records of that time a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    at: i64,
    record: RecordKey,
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.at, self.record)
    }
}

impl FromStr for Due {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, RecordError> {
        let due = text.split_once('/').and_then(|(at, record)| Some((at.parse().ok()?, read_record(record)?)));
        due.map(|(at, record)| Self { at, record }).ok_or(RecordError::Malformed("due"))
    }
}

impl Store {
    /// Some of the records of a shard that are due before this time, about `limit` of them, earliest first, and where to
    /// go on. One that stays due during a whole walk is met.
    pub async fn walk_due(
        &self,
        shard: u16,
        before: Timestamp,
        after: Option<&Due>,
        limit: usize,
    ) -> Result<(Vec<RecordId>, Option<Due>), StoreError> {
        let doing = format!("walk what is due in shard {shard}");
        let from = after.map_or_else(|| "-inf".to_owned(), |after| after.at.to_string());
        // Records of the same time as the last one come again; Redis orders them by name, as we do.
        for page in 0.. {
            let mut range = redis::cmd("ZRANGE");
            range.arg(layout::due(shard)).arg(&from).arg(format!("({}", before.as_millisecond())).arg("BYSCORE");
            range.arg("LIMIT").arg(page * limit).arg(limit).arg("WITHSCORES");
            let found: Vec<(String, f64)> = self.query(doing.as_str(), &range).await?;
            let last = found.len() < limit;
            let due = found.into_iter().map(|(name, at)| read(&name, at)).collect::<Option<Vec<_>>>();
            let mut due = due.ok_or_else(|| StoreError::new(doing.clone(), RecordError::Malformed("due").into()))?;
            due.retain(|one| after.is_none_or(|after| one > after));
            if last || !due.is_empty() {
                let next = due.last().copied().filter(|_| !last);
                return Ok((due.iter().map(|one| RecordId { shard, key: one.record }).collect(), next));
            }
        }
        Ok((Vec::new(), None))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a time in milliseconds, which a double holds exactly")]
fn read(name: &str, at: f64) -> Option<Due> {
    Some(Due { at: at as i64, record: read_record(name)? })
}

fn read_record(name: &str) -> Option<RecordKey> {
    let mut key = [0; 32];
    hex::decode_to_slice(name, &mut key).ok()?;
    Some(RecordKey::from_bytes(key))
}
