//! `sealpost keys retire`: first nothing may be sealed under the version any more, then nothing may be, and only then it is
//! switched off. Each step may be done again.

use std::collections::BTreeSet;

use clap::Args;
use sealpost_shared::config::Config;
use sealpost_shared::keys::{KeyChanges, KeySource, Keys, SealingKeys};
use sealpost_shared::records::Store;
use sealpost_shared::seal::{KeyId, KeyRef, KeyVersion};
use serde_json::json;

use super::wire::WireVersions;
use crate::ops::{Common, open, screen};

/// Which version is retired.
#[derive(Debug, Args)]
pub struct Retire {
    /// The version, as sealpost keys list names it.
    version: KeyVersion,
    /// Its key, where each tenant has one of its own; found by the version otherwise, among the keys in use.
    #[arg(long)]
    key: Option<KeyId>,
    /// Takes it back: the version is switched on again, and may be sealed under.
    #[arg(long)]
    undo: bool,
    /// Switches a version off that producers sealed to, although messages may need it, which nobody can read then.
    #[arg(long, conflicts_with = "undo")]
    even_if_messages_need_it: bool,
    /// Prints one JSON object: key, version, retired, held (how much is sealed under it).
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(args: &Retire) -> Result<(), String> {
    let config = Config::read(&args.common.config)?;
    let wire = WireVersions::read(&config).await?;
    if let Some((key, _, used)) = wire.find(&args.version)
        && args.key.as_ref().is_none_or(|id| *id == key.id)
    {
        wire.retire(&config, (key, *used), (args.undo, args.even_if_messages_need_it)).await?;
        let became =
            if args.undo { "is switched on again" } else { "is switched off: what is sealed to it cannot be read" };
        return told(args, key, (!args.undo, 0), became);
    }
    if args.even_if_messages_need_it {
        return Err(format!("{} has no version {}; see sealpost keys list --wire", config.keys.wire, args.version));
    }
    let (store, keys) = open::store(&config).await?;
    let id = key_of(args, &store, &keys).await?;
    let source = keys.source();
    let versions = source.versions(&id).await.map_err(|error| error.to_string())?;
    let key = KeyRef { id, version: args.version.clone() };
    if versions.iter().all(|info| info.version != key.version) {
        return Err(format!("retiring {key}: the key source has no such version; see sealpost keys list"));
    }
    if !args.undo && versions.last().is_some_and(|latest| latest.version == key.version) {
        let message = "it is the latest, with which everything new is sealed; first add one: sealpost keys rotate";
        return Err(format!("retiring {key}: {message}"));
    }
    let switch = async |enabled| source.set_enabled(&key, enabled).await.map_err(|error| error.to_string());
    if args.undo {
        switch(true).await?;
        store.restore(&key).await.map_err(|error| error.to_string())?;
        // again: a retirement under way may have switched it off in between, and later ones see that it is taken back
        switch(true).await?;
        return told(args, &key, (false, held(&store, &key).await?), "is switched on, and may be sealed under again");
    }
    match switch_off(&store, source, &key).await? {
        0 => told(
            args,
            &key,
            (true, 0),
            "is retired: nothing is sealed under it, and it is switched off in the key source",
        ),
        held => {
            if args.json {
                screen::print_json(&json!({"key": key.id, "version": key.version, "retired": false, "held": held}))?;
            }
            Err(format!(
                "{key} is not switched off: {held} are still sealed under it, and need it to be opened. Nothing new comes \
                 under it from now on. Have these sealed anew (sealpost enqueue rotate), then run this again. What a \
                 rotation leaves behind is in quarantine: sealpost keys status, sealpost connections list"
            ))
        }
    }
}

/// Lets nothing be sealed under a version any more, and switches it off if nothing is. How much is.
pub(crate) async fn switch_off(store: &Store, source: &Keys, key: &KeyRef) -> Result<u64, String> {
    let switch = async |enabled| source.set_enabled(key, enabled).await.map_err(|error| error.to_string());
    store.retire(key).await.map_err(|error| error.to_string())?;
    let held = held(store, key).await?;
    if held > 0 {
        return Ok(held);
    }
    switch(false).await?;
    let holding = store.holdings().await.map_err(|error| error.to_string())?.remove(key).unwrap_or_default();
    if holding.retired < store.shards() {
        switch(true).await?;
        return Err(format!("retiring {key}: somebody took that back meanwhile (--undo), and so it is switched on"));
    }
    Ok(0)
}

/// The key that has the version.
async fn key_of(args: &Retire, store: &Store, keys: &SealingKeys) -> Result<KeyId, String> {
    let known = store.holdings().await.map_err(|error| error.to_string())?;
    let ids: BTreeSet<_> = known.into_keys().map(|key| key.id).collect();
    if let Some(id) = args.key.as_ref().or_else(|| keys.template().shared()) {
        // a vault takes one for the other, and the store does not
        let meant = ids.iter().find(|known| *known != id && known.as_str().eq_ignore_ascii_case(id.as_str()));
        return match meant {
            Some(meant) => Err(format!("retiring a version of {id}: the key in use is called {meant}")),
            None => Ok(id.clone()),
        };
    }
    let mut having = Vec::new();
    for id in ids {
        let versions = keys.source().versions(&id).await.unwrap_or_default();
        if versions.iter().any(|info| info.version == args.version) {
            having.push(id);
        }
    }
    match having.as_slice() {
        [id] => Ok(id.clone()),
        _ => Err(format!(
            "retiring version {}: each tenant has a key of its own; name this one's with --key",
            args.version
        )),
    }
}

async fn held(store: &Store, key: &KeyRef) -> Result<u64, String> {
    store.count_held_everywhere(key).await.map_err(|error| error.to_string())
}

fn told(args: &Retire, key: &KeyRef, (retired, held): (bool, u64), became: &str) -> Result<(), String> {
    if args.json {
        return screen::print_json(&json!({"key": key.id, "version": key.version, "retired": retired, "held": held}));
    }
    screen::print(&format!("{key} {became}."))
}
