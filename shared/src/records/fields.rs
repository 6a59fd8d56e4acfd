//! A record as the fields of a Redis hash, format 2. (Format 1 had no `token`.) An empty value means "none": every record has every field, so that
//! a missing one is damage.

use std::str::{FromStr, from_utf8};

use jiff::Timestamp;
use sealpost_schemas::Code;
use uuid::Uuid;

use super::layout;
use super::locate::{RecordId, Tag, Tags};
use super::record::{Custody, Draft, Marker, Metadata, Record, Revision, Sealed, Standing, State};
use crate::seal::KeyRef;

/// The format that this version writes; `ledger_begin.lua` reads it too.
const FORMAT: u32 = 2;

/// The oldest that it reads.
const OLDEST: u32 = 1;

/// Every field that is read, as HMGET asks for them.
pub(super) const NAMES: [&str; 23] = [
    "format",
    "revision",
    "owner",
    "tenant",
    "provider",
    "generation",
    "standing",
    "standing_since",
    "standing_code",
    "custody",
    "access_expires_at",
    "next_due",
    "scopes",
    "created_at",
    "refreshed_at",
    "request",
    "marker",
    "marker_at",
    "token",
    "superseded",
    "key_id",
    "key_version",
    "sealed",
];

/// What HMGET answers to [`NAMES`].
pub(super) type Values = Vec<Option<Vec<u8>>>;

/// Asks for the fields of a record.
pub(super) fn get(id: &RecordId) -> redis::Cmd {
    let mut cmd = redis::cmd("HMGET");
    cmd.arg(layout::record(id)).arg(&NAMES);
    cmd
}

/// Field names and values, as HSET takes them.
pub(super) type Fields = Vec<(&'static str, Vec<u8>)>;

/// Why a stored record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer version.
    #[error("it has format {0}, which is newer than this program: upgrade this worker, run the version that wrote it")]
    UnknownFormat(u32),
    /// Not whole.
    #[error(
        "its field `{0}` is missing: the record was damaged; restore it, or revoke the connection and ask for consent"
    )]
    Missing(&'static str),
    /// Not what it should be.
    #[error(
        "its field `{0}` is malformed: the record was damaged; restore it, or revoke the connection and ask for consent"
    )]
    Malformed(&'static str),
}

/// The fields of a whole record, except those that the script sets.
pub(super) fn of_draft(draft: &Draft) -> Fields {
    let data = &draft.metadata;
    let time = |time: Option<Timestamp>| time.map(millis).unwrap_or_default();
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let mut fields: Fields = [
        ("format", FORMAT.to_string()),
        ("owner", draft.tags.owner.to_string()),
        ("tenant", draft.tags.tenant.to_string()),
        ("provider", draft.tags.provider.to_string()),
        ("generation", data.generation.to_string()),
        ("custody", custody_word(data.custody).into()),
        ("access_expires_at", time(data.access_expires_at)),
        ("next_due", time(data.next_due)),
        ("scopes", serde_json::json!(data.scopes).to_string()),
        ("created_at", millis(data.created_at)),
        ("refreshed_at", millis(data.refreshed_at)),
        ("request", id(data.request)),
        ("token", draft.token.map(hex::encode).unwrap_or_default()),
        ("superseded", data.superseded.iter().map(hex::encode).collect::<Vec<_>>().join(" ")),
    ]
    .map(|(name, value)| (name, value.into_bytes()))
    .into();
    fields.extend(of_marker(data.marker));
    fields.extend(of_standing(&data.standing));
    fields.extend(of_sealed(&draft.sealed));
    fields
}

pub(super) fn of_marker(marker: Option<Marker>) -> Fields {
    let (attempt, at) = marker.map(|marker| (marker.attempt.to_string(), millis(marker.at))).unwrap_or_default();
    vec![("marker", attempt.into()), ("marker_at", at.into())]
}

pub(super) fn of_standing(standing: &Standing) -> Fields {
    vec![
        ("standing", state_word(standing.state).into()),
        ("standing_since", millis(standing.since).into()),
        ("standing_code", standing.code.map_or("", Code::as_str).into()),
    ]
}

/// A standing in which nothing is refreshed any more.
pub(super) fn of_end(standing: &Standing) -> Fields {
    let mut fields = of_standing(standing);
    fields.push(("next_due", Vec::new()));
    fields
}

pub(super) fn of_sealed(sealed: &Sealed) -> Fields {
    vec![
        ("key_id", sealed.key.id.as_str().into()),
        ("key_version", sealed.key.version.as_str().into()),
        ("sealed", sealed.bytes.clone()),
    ]
}

/// A record from the values of its fields; `None`: there is none.
pub(super) fn read(id: RecordId, values: Values) -> Result<Option<Record>, RecordError> {
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut fields = Read(values);
    let format = fields.parse::<u32>("format")?;
    let token = match format {
        OLDEST => None,
        FORMAT => fields.optional("token", read_hash)?,
        other => return Err(RecordError::UnknownFormat(other)),
    };
    let code = fields.text("standing_code")?;
    let standing = Standing {
        state: fields.word("standing", read_state)?,
        since: fields.word("standing_since", read_millis)?,
        code: Code::ALL.iter().copied().find(|known| known.as_str() == code),
    };
    let marker = match (fields.optional("marker", parsed)?, fields.optional("marker_at", read_millis)?) {
        (Some(attempt), Some(at)) => Some(Marker { attempt, at }),
        (None, None) => None,
        _ => return Err(RecordError::Malformed("marker")),
    };
    Ok(Some(Record {
        id,
        revision: Revision(fields.parse("revision")?),
        tags: Tags {
            owner: fields.word("owner", Tag::from_hex)?,
            tenant: fields.word("tenant", Tag::from_hex)?,
            provider: fields.word("provider", Tag::from_hex)?,
        },
        metadata: Metadata {
            generation: fields.parse("generation")?,
            standing,
            custody: fields.word("custody", read_custody)?,
            access_expires_at: fields.optional("access_expires_at", read_millis)?,
            next_due: fields.optional("next_due", read_millis)?,
            scopes: fields.word("scopes", |text| serde_json::from_str(text).ok())?,
            created_at: fields.word("created_at", read_millis)?,
            refreshed_at: fields.word("refreshed_at", read_millis)?,
            request: fields.optional("request", parsed)?,
            marker,
            superseded: fields.word("superseded", read_hashes)?,
        },
        token,
        is_silent_on_token: format == OLDEST,
        sealed: Sealed {
            key: KeyRef { id: fields.parse("key_id")?, version: fields.parse("key_version")? },
            bytes: fields.value("sealed").and_then(Option::take).ok_or(RecordError::Missing("sealed"))?,
        },
    }))
}

struct Read(Values);

impl Read {
    fn value(&mut self, name: &'static str) -> Option<&mut Option<Vec<u8>>> {
        self.0.get_mut(NAMES.iter().position(|known| *known == name)?)
    }

    fn text(&self, name: &'static str) -> Result<&str, RecordError> {
        let at = NAMES.iter().position(|known| *known == name);
        let value = at.and_then(|at| self.0.get(at)?.as_deref()).ok_or(RecordError::Missing(name))?;
        from_utf8(value).map_err(|_| RecordError::Malformed(name))
    }

    fn word<T>(&self, name: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, RecordError> {
        read(self.text(name)?).ok_or(RecordError::Malformed(name))
    }

    fn parse<T: FromStr>(&self, name: &'static str) -> Result<T, RecordError> {
        self.word(name, parsed)
    }

    fn optional<T>(&self, name: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, RecordError> {
        if self.text(name)?.is_empty() { Ok(None) } else { self.word(name, read).map(Some) }
    }
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn millis(time: Timestamp) -> String {
    time.as_millisecond().to_string()
}

fn read_millis(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(text.parse().ok()?).ok()
}

pub(super) fn read_hashes(text: &str) -> Option<Vec<[u8; 32]>> {
    text.split_ascii_whitespace().map(read_hash).collect()
}

pub(super) fn read_hash(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::NeedsConsent => "needs-consent",
        State::Quarantined => "quarantined",
    }
}

fn read_state(text: &str) -> Option<State> {
    [State::Active, State::NeedsConsent, State::Quarantined].into_iter().find(|state| state_word(*state) == text)
}

fn custody_word(custody: Custody) -> &'static str {
    match custody {
        Custody::Vault => "vault",
        Custody::Device => "device",
    }
}

fn read_custody(text: &str) -> Option<Custody> {
    [Custody::Vault, Custody::Device].into_iter().find(|custody| custody_word(*custody) == text)
}
