//! Sealing records anew under the newest key version, a page at a time.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sealpost_schemas::{Answer, Code, RotationScope};

use super::TokenKeeper;
use crate::failure::{Failure, Verdict};
use crate::keys::KeySource;
use crate::records::{Cursor, EntryId, Held, RecordId, Saved, Scope, SealedResult, State};
use crate::seal::{Key, KeyRef};

/// How often one record is looked at again when it moved while it was sealed.
const LOOKS: usize = 4;

/// Where a walk over a shard stands: at which key version, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    key: KeyRef,
    cursor: Cursor,
}

/// What a walk looks at.
pub struct Rewrap<'a> {
    /// The shard.
    pub shard: u16,
    /// Which records.
    pub scope: &'a RotationScope,
    /// Where it goes on.
    pub from: Option<Position>,
    /// About how many records it may look at.
    pub budget: usize,
}

/// What a walk did.
#[derive(Default)]
pub struct Page {
    /// How many records it sealed anew.
    pub resealed: u64,
    /// How many it could not, and left behind.
    pub failed: u64,
    /// What happened to records on the way.
    pub events: Vec<Answer>,
    /// Where the rest begins; `None`: the shard is done.
    pub next: Option<Position>,
}

impl TokenKeeper {
    /// Walks what older key versions hold, version by version. A record that cannot be sealed anew is counted and left
    /// behind.
    pub async fn rewrap(&self, walk: Rewrap<'_>, now: Timestamp) -> Result<Page, Failure> {
        let (newest, key) = self.newest().await?;
        let scope = self.store.scope(walk.scope);
        let mut versions = self.store.versions(walk.shard).await?;
        versions.retain(|version| version.id == newest.id && *version != newest);
        versions.sort_by(|a, b| a.version.as_str().cmp(b.version.as_str()));
        // a version that emptied meanwhile is gone from the list; the walk begins again at the first that is left, where
        // only what could not be sealed anew is met a second time
        let from = walk.from.filter(|from| versions.contains(&from.key));
        let position =
            from.or_else(|| versions.first().map(|key| Position { key: key.clone(), cursor: Cursor::default() }));
        let Some(position) = position else { return Ok(Page::default()) };
        let (held, next) = self.store.walk_held(walk.shard, &position.key, position.cursor, walk.budget).await?;
        let mut page = Page::default();
        for held in held {
            let resealed = match &held {
                Held::Record(id) => self.reseal(id, &scope, (&newest, &key), now).await,
                // a result tells nobody's name: it belongs to a rotation of everything
                Held::Entry(id) if scope.is_everything() => self.reseal_result(id, (&newest, &key)).await,
                Held::Entry(_) => Ok(false),
            };
            match resealed {
                Ok(true) => page.resealed += 1,
                Ok(false) => {}
                Err(failure) if of_the_record(&failure) => {
                    tracing::warn!(?held, code = failure.code.as_str(), reason = failure.message, "left behind");
                    page.failed += 1;
                    page.events.extend(failure.events);
                }
                // the next attempt will not meet what this one told of
                Err(failure) => return Err(failure.with_events(page.events)),
            }
        }
        let later = versions.into_iter().skip_while(|key| *key != position.key).nth(1);
        page.next = match (next, later) {
            (Some(cursor), _) => Some(Position { key: position.key, cursor }),
            (None, Some(key)) => Some(Position { key, cursor: Cursor::default() }),
            (None, None) => None,
        };
        Ok(page)
    }

    /// Seals one record anew; `false`: nothing to do. It takes no lease: its condition is the unmoved revision, and a
    /// loser looks again.
    async fn reseal(
        &self,
        id: &RecordId,
        scope: &Scope,
        (newest, key): (&KeyRef, &Key),
        now: Timestamp,
    ) -> Result<bool, Failure> {
        for _ in 0..LOOKS {
            let Some(record) = self.store.load(id).await? else { return Ok(false) };
            if record.key() == newest || !scope.has(&record) {
                return Ok(false);
            }
            if record.metadata.standing.state == State::Quarantined {
                return Err(Failure::reject(Code::Quarantined, format!("record {id} is in quarantine")));
            }
            let old = self.keys.get(record.key()).await?;
            let sealed = match record.seal_anew(&old, newest, key) {
                Ok(sealed) => sealed,
                Err(error) if error.code() == Code::Quarantined => {
                    return Err(self.quarantine(&record, None, &error, now).await);
                }
                Err(error) => return Err(error.into()),
            };
            if let Saved::Written(_) = self.store.reseal(&record, &sealed).await? {
                return Ok(true);
            }
        }
        Err(Failure::retry(Code::Conflict, format!("record {id} moved under every attempt to seal it anew")))
    }

    /// Seals one ledger result anew; `false`: nothing to do.
    async fn reseal_result(&self, id: &EntryId, (newest, key): (&KeyRef, &Key)) -> Result<bool, Failure> {
        for _ in 0..LOOKS {
            let Some(result) = self.store.ledger_result(id).await? else { return Ok(false) };
            if result.key() == newest {
                return Ok(false);
            }
            let old = self.keys.get(result.key()).await?;
            let bytes = result.seal_anew(&old, newest, key).map_err(|error| {
                Failure::reject(Code::Quarantined, format!("the result of ledger entry {id}: {error}; restore it"))
            })?;
            if self.store.ledger_reseal(&result, SealedResult { key: newest, bytes: &bytes }).await? {
                return Ok(true);
            }
        }
        Err(Failure::retry(Code::Conflict, format!("ledger entry {id} moved under every attempt to seal it anew")))
    }
}

/// Whether a failure is about one record, so that the walk goes on with the others.
fn of_the_record(failure: &Failure) -> bool {
    failure.verdict == Verdict::Reject
        || matches!(failure.code, Code::KeyMissing | Code::KeyDisabled | Code::RecordUnreadable | Code::Conflict)
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.key.id, self.key.version, self.cursor)
    }
}

impl FromStr for Position {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let malformed = || Failure::reject(Code::MalformedMessage, "cursor: not one of Sealpost's");
        let mut parts = text.splitn(3, '/');
        let mut part = || parts.next().ok_or_else(malformed);
        let (id, version, cursor) = (part()?, part()?, part()?);
        let key =
            KeyRef { id: id.parse().map_err(|_| malformed())?, version: version.parse().map_err(|_| malformed())? };
        Ok(Self { key, cursor: cursor.parse().map_err(|_| malformed())? })
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn a_position_is_read_back_as_itself_and_nothing_else_is_one() {
        let position: Position = "tokens/v1/42".parse().ok().unwrap();
        assert_eq!(position.to_string(), "tokens/v1/42");
        for other in ["", "tokens/v1", "tokens/v1/x", "tokens/latest/1", "a b/v1/1"] {
            assert!(other.parse::<Position>().is_err(), "{other}");
        }
    }
}
