//! What a store is fixed to at its first use: layout, number of shards, index key.

use std::collections::HashMap;

use super::layout::LAYOUT;
use super::locate::Locator;
use crate::ids;

/// Redis holds a store that was made with another configuration. Going on would find nothing and lose records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another layout.
    #[error(
        "Redis holds a store of layout {stored}, this program knows layout {LAYOUT} only; run the version that made it"
    )]
    Layout {
        /// What Redis has.
        stored: String,
    },
    /// Another number of shards.
    #[error(
        "Redis holds a store of {stored} shards, {configured} are configured; the number is fixed at the first start: \
         configure {stored}, or use an empty Redis"
    )]
    Shards {
        /// What Redis has.
        stored: String,
        /// What is configured.
        configured: u16,
    },
    /// Another index key.
    #[error(
        "Redis holds a store whose index key has the fingerprint {stored}, ours has {ours}; without that key no record \
         is found: configure the key source that holds it, or use an empty Redis"
    )]
    IndexKey {
        /// The fingerprint that Redis has.
        stored: String,
        /// The fingerprint of the configured key.
        ours: String,
    },
    /// Another one than this process has seen before, or none any more.
    #[error(
        "Redis holds another store than before, or none: it was emptied or replaced while this process ran, and what was \
         posted and consented to is not known there; bring the data back, or restart this process to go on without"
    )]
    Replaced,
}

/// The field of a store's own random name.
const NAME: &str = "name";

/// What a new store is made with: what it is fixed to, and a name that no other one has.
pub(super) fn new(locator: &Locator) -> Vec<(&'static str, String)> {
    ours(locator).into_iter().chain([(NAME, ids::fresh().to_string())]).collect()
}

/// The store's name; one that an older version made has none.
pub(super) fn name(stored: &HashMap<String, String>) -> Option<&String> {
    stored.get(NAME)
}

/// What a store is fixed to.
fn ours(locator: &Locator) -> [(&'static str, String); 3] {
    [("layout", LAYOUT.to_string()), ("shards", locator.shards().to_string()), ("index-key", locator.fingerprint())]
}

/// Compares what Redis has with what we have.
pub(super) fn check(stored: &HashMap<String, String>, locator: &Locator) -> Result<(), Mismatch> {
    let found = |name: &str| stored.get(name).cloned().unwrap_or_else(|| "nothing".into());
    let [layout, shards, index_key] = ours(locator);
    if found(layout.0) != layout.1 {
        return Err(Mismatch::Layout { stored: found(layout.0) });
    }
    if found(shards.0) != shards.1 {
        return Err(Mismatch::Shards { stored: found(shards.0), configured: locator.shards() });
    }
    if found(index_key.0) != index_key.1 {
        return Err(Mismatch::IndexKey { stored: found(index_key.0), ours: index_key.1 });
    }
    Ok(())
}
