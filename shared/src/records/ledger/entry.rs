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
use super::scripts::SCRIPTS;
use super::{EntryId, entry};

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
        let (keys, name) = ([entry(id), layout::forget(id.shard)], [id.key.to_string().into()]);
        let asked = self.link().run::<Vec<Value>>(&SCRIPTS.look, &keys, &name).await;
        asked.and_then(read).map_err(|trouble| StoreError::new(format!("look at ledger entry {id}"), trouble))
    }
}

fn read(mut fields: Vec<Value>) -> Result<Option<Entry>, Trouble> {
    let malformed = |field| Trouble::from(RecordError::Malformed(field));
    let [forget, claim, first, sent] = [fields.pop(), fields.pop(), fields.pop(), fields.pop()];
    let (claim, first, sent) = (number(claim, "claim")?, number(first, "first")?, number(sent, "sent")?);
    let Some(state) =
        fields.first().cloned().and_then(|state| Option::<String>::from_redis_value(state).ok().flatten())
    else {
        return Ok(None);
    };
    let forget = Option::<f64>::from_redis_value(forget.unwrap_or(Value::Nil)).map_err(|_| malformed("forget"))?;
    let time = |millis: i64| Timestamp::from_millisecond(millis).ok();
    Ok(Some(Entry {
        state,
        settled: answer::settled(Value::Array(fields))?,
        sent: sent.and_then(|sent| u64::try_from(sent).ok()).unwrap_or_default(),
        first: first.and_then(time),
        claim: claim.and_then(|millis| u64::try_from(millis).ok()).map(Duration::from_millis),
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
