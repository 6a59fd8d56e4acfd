//! What the ledger's scripts are told, and what they answer.

use std::time::Duration;

use jiff::Timestamp;
use redis::{FromRedisValue, Value};
use uuid::Uuid;

use super::super::fields::RecordError;
use super::super::trouble::Trouble;
use super::{Marked, Ready, ReadyIf, SealedResult};
use crate::seal::KeyRef;

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done: a post exists, a connection is stored.
    Happened,
    /// It was refused for good.
    Refused,
}

impl Outcome {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Happened => "happened",
            Self::Refused => "refused",
        }
    }
}

/// What somebody knows of a request.
#[derive(Clone, Copy, Debug)]
pub enum Word<'a> {
    /// Request `n` has an answer.
    Answered(u64, Outcome, SealedResult<'a>),
    /// Request `n` may have been carried out.
    Lost(u64),
    /// Request `n` is known not to have been carried out, and may be sent again.
    Unsent(u64),
    /// Of a mark whose number nobody heard, nothing was sent.
    NeverSent,
    /// Nothing was sent, and nothing will be: the message is refused for good.
    Declined(SealedResult<'a>),
    /// The claim was taken for nothing.
    GivenUp,
}

impl<'a> Word<'a> {
    pub(super) const fn parts(self) -> (&'static str, u64, Option<SealedResult<'a>>) {
        match self {
            Self::Answered(n, outcome, result) => (outcome.word(), n, Some(result)),
            Self::Lost(n) => ("lost", n, None),
            Self::Unsent(n) => ("unsent", n, None),
            Self::NeverSent => ("unsent", 0, None),
            Self::Declined(result) => ("declined", 0, Some(result)),
            Self::GivenUp => ("given-up", 0, None),
        }
    }
}

/// What a delivery met at its entry.
#[derive(Debug)]
pub enum Begun {
    /// Nothing was sent; the claim is taken.
    Act {
        /// The owner's epoch at the first claim.
        epoch: u64,
        /// Whether it was claimed before.
        again: bool,
    },
    /// Somebody's claim lives, for so long at most.
    Busy(Duration),
    /// A request was sent, and nobody is there to say how it ended.
    Doubt {
        /// How long the claim of its sender lives on.
        left: Duration,
        /// How long ago the first request was marked.
        since: Duration,
        /// How many requests were sent.
        sent: u64,
        /// The owner's epoch at the first claim.
        epoch: u64,
        /// The consent that the newest request was sent under, where that is known.
        consent: Option<Uuid>,
    },
    /// Another message has this id.
    Reused,
    /// It is known how it ended.
    Settled(Settled),
}

/// How an entry stands.
#[derive(Debug)]
pub enum Settled {
    /// It is known.
    Done(Outcome, KeyRef, Vec<u8>),
    /// A late answer contradicts what an operator said; the result is the answer's.
    Conflict(KeyRef, Vec<u8>),
    /// It is not known.
    Unknown,
    /// Somebody is to act, or acts.
    Open,
}

pub(super) fn begun(reply: Value) -> Result<Begun, Trouble> {
    let mut parts = Parts::of(reply)?;
    let turn = parts.text("turn")?;
    met(&turn, parts)
}

/// The request that was marked, or why none was.
pub(super) fn begun_sending(
    reply: Value,
    (wanted, key): (&ReadyIf, &KeyRef),
) -> Result<Result<Marked, Begun>, Trouble> {
    let mut parts = Parts::of(reply)?;
    let turn = parts.text("turn")?;
    if turn != "send" {
        return met(&turn, parts).map(Err);
    }
    let (number, again) = (parts.number("sent")?, parts.number("again")? == 1);
    let (generation, consent): (Option<String>, _) = (parts.next("generation")?, parts.text("consent")?);
    let ready = match generation {
        Some(generation) => {
            let generation = generation.parse().map_err(|_| malformed("generation"))?;
            let sealed = (key, parts.next("sealed")?);
            let refreshed_at: i64 = parts.next("refreshed_at")?;
            let refreshed_at = Timestamp::from_millisecond(refreshed_at).map_err(|_| malformed("refreshed_at"))?;
            Some(Ready::new(wanted.record, (generation, consent.parse().ok(), refreshed_at), sealed))
        }
        None => None,
    };
    Ok(Ok(Marked { number, again, ready }))
}

fn met(turn: &str, mut parts: Parts) -> Result<Begun, Trouble> {
    Ok(match turn {
        "act" => Begun::Act { epoch: parts.number("epoch")?, again: parts.number("again")? == 1 },
        "busy" => Begun::Busy(parts.millis("claim")?),
        "doubt" => Begun::Doubt {
            left: parts.millis("claim")?,
            since: parts.millis("first")?,
            sent: parts.number("sent")?,
            epoch: parts.number("epoch")?,
            consent: parts.text("consent")?.parse().ok(),
        },
        "reused" => Begun::Reused,
        "settled" => Begun::Settled(read(parts)?),
        _ => return Err(malformed("turn")),
    })
}

pub(super) fn settled(reply: Value) -> Result<Settled, Trouble> {
    Parts::of(reply).and_then(read)
}

/// After a word; `None`: as it was given.
pub(super) fn after(reply: Value) -> Result<Option<Settled>, Trouble> {
    let parts = Parts::of(reply)?;
    if parts.0.as_slice().is_empty() { Ok(None) } else { read(parts).map(Some) }
}

fn read(mut parts: Parts) -> Result<Settled, Trouble> {
    let state = parts.text("state")?;
    let outcome = match parts.text("outcome")?.as_str() {
        "happened" => Some(Outcome::Happened),
        "refused" => Some(Outcome::Refused),
        _ => None,
    };
    match (state.as_str(), outcome) {
        ("done" | "told", Some(outcome)) => parts.sealed().map(|(key, bytes)| Settled::Done(outcome, key, bytes)),
        ("conflict", Some(_)) => parts.sealed().map(|(key, bytes)| Settled::Conflict(key, bytes)),
        ("unknown", _) => Ok(Settled::Unknown),
        // no entry any more: it was forgotten, or Redis lost it
        ("claimed" | "sending" | "", _) => Ok(Settled::Open),
        _ => Err(malformed("state")),
    }
}

struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    fn of(reply: Value) -> Result<Self, Trouble> {
        match reply {
            Value::Array(parts) => Ok(Self(parts.into_iter())),
            _ => Err(malformed("reply")),
        }
    }

    fn next<T: FromRedisValue>(&mut self, name: &'static str) -> Result<T, Trouble> {
        T::from_redis_value(self.0.next().unwrap_or(Value::Nil)).map_err(|_| malformed(name))
    }

    fn text(&mut self, name: &'static str) -> Result<String, Trouble> {
        self.next::<Option<String>>(name).map(Option::unwrap_or_default)
    }

    fn number(&mut self, name: &'static str) -> Result<u64, Trouble> {
        self.next(name)
    }

    /// Redis counts a claim without end as −1, and there is none.
    fn millis(&mut self, name: &'static str) -> Result<Duration, Trouble> {
        let millis: i64 = self.next(name)?;
        Ok(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
    }

    fn sealed(&mut self) -> Result<(KeyRef, Vec<u8>), Trouble> {
        let id = self.text("key_id")?.parse().map_err(|_| malformed("key_id"))?;
        let version = self.text("key_version")?.parse().map_err(|_| malformed("key_version"))?;
        Ok((KeyRef { id, version }, self.next("sealed")?))
    }
}

fn malformed(field: &'static str) -> Trouble {
    RecordError::Malformed(field).into()
}
