//! An entry as it stands, looked at without a turn being taken: for people.

use std::time::Duration;

use jiff::Timestamp;
use redis::{FromRedisValue, Value};

use super::super::error::StoreError;
use super::super::fields::RecordError;
use super::super::layout;
use super::super::store::Store;
use super::super::trouble::Trouble;
use super::answer::{self, Settled};
use super::{EntryId, claim_of, entry};

/// What an entry says.
#[derive(Debug)]
pub struct Entry {
    /// Its state, by the name in Redis: `claimed`, `sending`, `unknown`, `done`, `told`, `conflict`.
    pub state: String,
    /// What is known of its end.
    pub settled: Settled,
    /// How many requests may have gone out.
    pub sent: u64,
    /// When the first was about to.
    pub first: Option<Timestamp>,
    /// How long the claim of whoever is at it holds; `None`: nobody is.
    pub claim: Option<Duration>,
    /// When it is forgotten; `None`: not before it is resolved.
    pub kept_until: Option<Timestamp>,
}

impl Store {
    /// Reads an entry; `None` if there is none.
    pub async fn ledger_entry(&self, id: &EntryId) -> Result<Option<Entry>, StoreError> {
        let mut fields = redis::cmd("HMGET");
        fields.arg(entry(id)).arg(&["state", "outcome", "key_id", "key_version", "sealed", "sent", "first"]);
        let claim = redis::cmd("PTTL").arg(claim_of(id)).to_owned();
        let forget = redis::cmd("ZSCORE").arg(layout::forget(id.shard)).arg(id.key.to_string()).to_owned();
        let asked = self.link().query_each::<Value>(vec![fields, claim, forget]).await;
        asked.and_then(read).map_err(|trouble| StoreError::new(format!("look at ledger entry {id}"), trouble))
    }
}

fn read(answers: Vec<Value>) -> Result<Option<Entry>, Trouble> {
    let malformed = |field| Trouble::from(RecordError::Malformed(field));
    let [Value::Array(mut fields), claim, forget] = <[Value; 3]>::try_from(answers).map_err(|_| malformed("entry"))?
    else {
        return Err(malformed("entry"));
    };
    let (first, sent) = (number(fields.pop(), "first")?, number(fields.pop(), "sent")?);
    let Some(state) =
        fields.first().cloned().and_then(|state| Option::<String>::from_redis_value(state).ok().flatten())
    else {
        return Ok(None);
    };
    let claim = number(Some(claim), "claim")?.and_then(|millis| u64::try_from(millis).ok());
    let time = |millis: i64| Timestamp::from_millisecond(millis).ok();
    let forget = Option::<f64>::from_redis_value(forget).map_err(|_| malformed("forget"))?;
    Ok(Some(Entry {
        state,
        settled: answer::settled(Value::Array(fields))?,
        sent: sent.and_then(|sent| u64::try_from(sent).ok()).unwrap_or_default(),
        first: first.and_then(time),
        claim: claim.map(Duration::from_millis),
        kept_until: forget.map(whole).and_then(time),
    }))
}

fn number(value: Option<Value>, field: &'static str) -> Result<Option<i64>, Trouble> {
    Option::from_redis_value(value.unwrap_or(Value::Nil)).map_err(|_| RecordError::Malformed(field).into())
}

#[expect(clippy::cast_possible_truncation, reason = "a time in milliseconds, which a double holds exactly")]
fn whole(score: f64) -> i64 {
    score as i64
}
