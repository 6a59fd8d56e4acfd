//! The names of the keys in Redis. All keys of a shard carry its hash tag, so that one script may touch them all.
//!
//! ```text
//! {sp:meta}                                     hash: layout, shards, index-key
//! {sp:ticks}                                    sorted set: the ticks that began lately, by when, in ms
//! {sp:tick:<tick>}                              hash: the shards that finished the tick, who completed it, and when
//! {sp:tick:<tick>}:begin                        string: how it began
//! {sp:pace:<hash>}                              hash: when its next call may go out, and where the line of jobs ends, in µs
//! {sp:breakers}                                 hash: the endpoints that calls failed at lately, by <hash of the provider>/<endpoint>
//! {sp:017}:record:<record>                      hash: one record
//! {sp:017}:owner:<tag>                          set: the owner's records
//! {sp:017}:versions                             set: <key id>:<key version> under which something is sealed here
//! {sp:017}:retired                              set: <key id>:<key version> under which nothing is sealed here any more
//! {sp:017}:held:<key id>:<key version>          set: what is sealed under it, "record:<record>", "ledger:<entry>",
//!                                               "tombstone:<record>:<generation>" and "park:<record>"
//! {sp:017}:ledger:<entry>                       hash: what became of one job or request
//! {sp:017}:forget                               sorted set: ledger entries by the time they may be forgotten, in ms
//! {sp:017}:epoch:<tag>                          counts the revocations of an owner, or those of a tenant
//! {sp:017}:revocation:<hash>                    hash: which epoch a revocation began
//! {sp:017}:revocation:<hash>:receipts           hash: what became of the connections that it ended, by record
//! {sp:017}:tombstone:<record>:<generation>      hash: a token set that is to be revoked, and belongs to no record any more
//! {sp:017}:tombstones                           sorted set: "<record>:<generation>" by the time of the next look, in ms
//! {sp:017}:tombstones:<record>                  set: the generations of a connection's tombstones
//! {sp:017}:tombstones-of:<tag>                  sorted set: "<record>:<generation>" of an owner's or a tenant's, by name
//! {sp:017}:tenant:<tag>                         sorted set: the tenant's records, by name
//! {sp:017}:park:<record>                        hash: a token set that waits for its user's device
//! {sp:017}:parks                                sorted set: records with a park by the time it ends, in ms by the clock of Redis
//! {sp:revocation:<hash>}                        hash: the shards that finished a tenant's revocation
//! {sp:017}:lease:<record>                       string: who may refresh it now, until it expires
//! {sp:017}:probe                               nothing, for a minute: whether the shard takes writes
//! {sp:017}:due                                  sorted set: records by the time of their next refresh, in ms
//! {sp:017}:tokens                               hash: the refresh tokens that records have and had, by keyed hash, and whose
//! {sp:017}:import:<hash>                        string: who brings this refresh token in now, until it expires
//! ```

use uuid::Uuid;

use super::ledger::EntryId;
use super::locate::{RecordId, Tag};
use super::tombstone::TombstoneId;
use super::walk::Held;
use crate::seal::{KeyRef, RecordKey};

/// The version of this layout, kept in Redis.
pub(super) const LAYOUT: u16 = 1;

pub(super) const META: &str = "{sp:meta}";

/// The ticks that began lately.
pub(super) const TICKS: &str = "{sp:ticks}";

/// The endpoints that calls failed at.
pub(super) const BREAKERS: &str = "{sp:breakers}";

/// How fast the provider of this hash is called.
pub(super) fn pace(provider: &str) -> String {
    format!("{{sp:pace:{provider}}}")
}

/// What kinds of sealed things a held set names.
const RECORD: &str = "record:";
const LEDGER: &str = "ledger:";
const TOMBSTONE: &str = "tombstone:";
/// `write.lua`, `bury.lua` and `park_end.lua` make it too.
const PARK: &str = "park:";

pub(super) fn record(id: &RecordId) -> String {
    format!("{{sp:{:03}}}:record:{}", id.shard, id.key)
}

pub(super) fn lease(id: &RecordId) -> String {
    format!("{{sp:{:03}}}:lease:{}", id.shard, id.key)
}

pub(super) fn owner(shard: u16, owner: &Tag) -> String {
    format!("{{sp:{shard:03}}}:owner:{owner}")
}

/// The start of the names of a shard's ledger entries.
pub(super) fn entries_prefix(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:ledger:")
}

pub(super) fn entry(shard: u16, entry: &str) -> String {
    entries_prefix(shard) + entry
}

pub(super) fn forget(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:forget")
}

pub(super) fn epoch(shard: u16, owner: &Tag) -> String {
    format!("{{sp:{shard:03}}}:epoch:{owner}")
}

/// A ledger entry as a held set names it.
pub(super) fn entry_member(entry: &str) -> String {
    format!("{LEDGER}{entry}")
}

/// The entry of a revocation.
pub(super) fn revocation(shard: u16, hash: &RecordKey) -> String {
    format!("{{sp:{shard:03}}}:revocation:{hash}")
}

/// What became of the connections that a revocation ended.
pub(super) fn receipts(shard: u16, hash: &RecordKey) -> String {
    revocation(shard, hash) + ":receipts"
}

/// The shards that finished a tenant's revocation.
pub(super) fn revocation_shards(hash: &RecordKey) -> String {
    format!("{{sp:revocation:{hash}}}")
}

pub(super) fn tombstone(id: &TombstoneId) -> String {
    tombstone_named(id.record.shard, &tombstone_name(id))
}

/// The same by its name elsewhere.
pub(super) fn tombstone_named(shard: u16, name: &str) -> String {
    format!("{{sp:{shard:03}}}:tombstone:{name}")
}

pub(super) fn tombstones(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:tombstones")
}

pub(super) fn tombstones_of(id: &RecordId) -> String {
    format!("{{sp:{:03}}}:tombstones:{}", id.shard, id.key)
}

/// The start of the names of the indexes of an owner's and of a tenant's tombstones.
pub(super) fn tombstones_under_prefix(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:tombstones-of:")
}

pub(super) fn tombstones_under(shard: u16, tag: &Tag) -> String {
    format!("{}{tag}", tombstones_under_prefix(shard))
}

/// The start of the names of a record's tombstones.
pub(super) fn tombstone_prefix(id: &RecordId) -> String {
    format!("{{sp:{:03}}}:tombstone:{}:", id.shard, id.key)
}

/// The start of the names of a shard's indexes of tenants.
pub(super) fn tenants_prefix(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:tenant:")
}

pub(super) fn tenant(shard: u16, tenant: &Tag) -> String {
    format!("{}{tenant}", tenants_prefix(shard))
}

/// The start of the names of a shard's records.
pub(super) fn records_prefix(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:record:")
}

pub(super) fn tombstone_name(id: &TombstoneId) -> String {
    format!("{}:{}", id.record.key, id.generation)
}

pub(super) fn read_tombstone(shard: u16, name: &str) -> Option<TombstoneId> {
    let (record, generation) = name.split_once(':')?;
    let record = RecordId { shard, key: read_key(record)? };
    Some(TombstoneId { record, generation: generation.parse().ok()? })
}

/// A tombstone as a held set names it.
pub(super) fn tombstone_member(id: &TombstoneId) -> String {
    format!("{TOMBSTONE}{}", tombstone_name(id))
}

pub(super) fn park(id: &RecordId) -> String {
    format!("{{sp:{:03}}}:park:{}", id.shard, id.key)
}

pub(super) fn parks(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:parks")
}

/// A park as a held set names it.
pub(super) fn park_member(id: &RecordId) -> String {
    format!("{PARK}{}", id.key)
}

pub(super) fn versions(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:versions")
}

pub(super) fn retired(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:retired")
}

pub(super) fn due(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:due")
}

/// The refresh tokens that a shard's records have and had.
pub(super) fn tokens(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:tokens")
}

/// The lease of a refresh token, in a shard that it chooses itself.
pub(super) fn import(shards: u16, token: &[u8; 32]) -> String {
    let shard = u16::from_be_bytes([token[0], token[1]]) % shards.max(1);
    format!("{{sp:{shard:03}}}:import:{}", hex::encode(token))
}

pub(super) fn probe(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:probe")
}

/// The start of the names of a shard's held sets, which a [`version`] completes.
pub(super) fn held_prefix(shard: u16) -> String {
    format!("{{sp:{shard:03}}}:held:")
}

pub(super) fn held(shard: u16, key: &KeyRef) -> String {
    held_prefix(shard) + &version(key)
}

/// A key version as the set of versions names it. Neither half can hold a colon.
pub(super) fn version(key: &KeyRef) -> String {
    format!("{}:{}", key.id, key.version)
}

pub(super) fn read_version(text: &str) -> Option<KeyRef> {
    let (id, version) = text.split_once(':')?;
    Some(KeyRef { id: id.parse().ok()?, version: version.parse().ok()? })
}

/// A record as a held set names it.
pub(super) fn member(id: &RecordId) -> String {
    format!("{RECORD}{}", id.key)
}

/// What a held set names, `None` for a kind of thing that this version does not know.
pub(super) fn read_member(shard: u16, member: &str) -> Option<Held> {
    let of = |kind| member.strip_prefix(kind);
    let record = |name| read_key(name).map(|key| RecordId { shard, key });
    if let Some(name) = of(RECORD) {
        return record(name).map(Held::Record);
    }
    if let Some(entry) = of(LEDGER) {
        return read_key(entry).map(|key| Held::Entry(EntryId { shard, key }));
    }
    match of(PARK) {
        Some(name) => record(name).map(Held::Park),
        None => read_tombstone(shard, of(TOMBSTONE)?).map(Held::Tombstone),
    }
}

pub(super) fn read_key(name: &str) -> Option<RecordKey> {
    let mut key = [0; 32];
    hex::decode_to_slice(name, &mut key).ok().map(|()| RecordKey::from_bytes(key))
}

pub(super) fn tick(tick: Uuid) -> String {
    format!("{{sp:tick:{tick}}}")
}

pub(super) fn tick_begin(tick: Uuid) -> String {
    format!("{{sp:tick:{tick}}}:begin")
}
