//! `sealpost keys rotate`.

use clap::Args;
use sealpost_schemas::Name;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::keys::{KeyringError, LocalKeys};
use sealpost_shared::seal::KeyId;
use serde_json::json;

use crate::ops::{Common, open, read, screen};
use crate::worker;

/// How a version is added.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Where each tenant has a key of its own: whose key. May be given several times.
    #[arg(long, value_parser = read::name)]
    tenant: Vec<Name>,
    /// Where each tenant has a key of its own: every key that something is sealed under.
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
    /// Prints one JSON object a key: key, version, keyring.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// Adds versions, and tells their names.
pub(super) async fn run(args: &Rotate) -> Result<(), String> {
    let config = Config::read(&args.common.config)?;
    let file = &config.keys.file;
    if !file.exists() {
        match LocalKeys::create(file) {
            // there are two of us, and the other was first
            Ok(_) | Err(KeyringError::Exists { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    for id in wanted(args, &config).await? {
        let version = worker::keys(&config)?.rotate(&id, SystemClock.now())?;
        if args.json {
            screen::print_json(&json!({"key": id, "version": version, "keyring": file}))?;
        } else {
            screen::print(&format!("{id} has the new version {version}."))?;
        }
    }
    if args.json {
        return Ok(());
    }
    screen::print(&format!(
        "Running workers seal with it from now on; a rotation tick has the rest sealed anew (sealpost enqueue rotate, or the \
         schedule). Keep a copy of {}: without it no token can be read.",
        file.display()
    ))
}

/// The keys that are to have a new version.
async fn wanted(args: &Rotate, config: &Config) -> Result<Vec<KeyId>, String> {
    let template = &config.keys.key;
    match template.shared() {
        Some(id) if args.tenant.is_empty() => return Ok(vec![id.clone()]),
        Some(id) => return Err(format!("--tenant: all tenants share the key {id} (keys.key in the configuration)")),
        None => {}
    }
    if args.all {
        let (store, _) = open::store(config).await?;
        let held = store.holdings().await.map_err(|error| error.to_string())?;
        let mut ids: Vec<_> = held.into_keys().map(|key| key.id).filter(|id| template.may_name(id)).collect();
        ids.dedup();
        return Ok(ids);
    }
    if args.tenant.is_empty() {
        return Err(format!("each tenant has a key of its own ({template}): say whose with --tenant, or --all"));
    }
    let keys = worker::sealing_keys(config).await?;
    args.tenant.iter().map(|tenant| keys.id_of(tenant).map_err(|error| format!("{tenant}: {error}"))).collect()
}
