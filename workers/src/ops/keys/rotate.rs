//! `sealpost keys rotate`.

use clap::Args;
use sealpost_schemas::Name;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::keys::{KeyChanges, Keys, SealingKeys};
use sealpost_shared::seal::KeyId;
use serde_json::json;

use crate::ops::{Common, open, read, screen};

/// How a version is added.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Where each tenant has a key of its own: whose key. May be given several times.
    #[arg(long, value_parser = read::name)]
    tenant: Vec<Name>,
    /// Where each tenant has a key of its own: every key that something is sealed under. One that cannot be rotated keeps no other
    /// from it; the command fails in the end, and says which.
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
    /// The key that producers seal secrets in messages to, instead of those that seal records.
    #[arg(long, conflicts_with_all = ["tenant", "all"])]
    wire: bool,
    /// Prints one JSON object a key: key, version, keyring.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// Adds versions, and tells their names.
pub(super) async fn run(args: &Rotate) -> Result<(), String> {
    let config = Config::read(&args.common.config)?;
    let keys = Keys::prepare(&config.keys).await?;
    let mut failed = Vec::new();
    for id in wanted(args, &config, &keys).await? {
        let version = match keys.rotate(&id, SystemClock.now()).await {
            Ok(version) => version,
            // one tenant's trouble is no other's
            Err(error) => {
                failed.push(error.to_string());
                continue;
            }
        };
        if args.json {
            screen::print_json(&json!({"key": id, "version": version, "keyring": keys.place()}))?;
        } else {
            screen::print(&format!("{id} has the new version {version}."))?;
        }
    }
    if !failed.is_empty() {
        return Err(failed.join("\n"));
    }
    if args.json {
        return Ok(());
    }
    if args.wire {
        return screen::print(
            "Producers seal to it once they ask for it again (sealpost keys jwks, or /jwks of a worker's operations port), at least \
             once a day. What is sealed to older versions opens as before: sealpost keys list --wire",
        );
    }
    let (when, keep) = match &keys {
        Keys::Local(keys) => {
            let file = keys.path().display();
            ("from now on".into(), format!(" Keep a copy of {file}: without it no token can be read."))
        }
        Keys::Azure(keys) => (format!("within {} s", keys.latest_age().as_secs()), String::new()),
    };
    screen::print(&format!(
        "Running workers seal with it {when}; a rotation tick has the rest sealed anew (sealpost enqueue rotate, or the \
         schedule).{keep}"
    ))
}

/// The keys that are to have a new version.
async fn wanted(args: &Rotate, config: &Config, keys: &Keys) -> Result<Vec<KeyId>, String> {
    if args.wire {
        return Ok(vec![config.keys.wire.clone()]);
    }
    let template = &config.keys.key;
    match template.shared() {
        Some(id) if args.tenant.is_empty() => return Ok(vec![id.clone()]),
        Some(id) => return Err(format!("--tenant: all tenants share the key {id} (keys.key in the configuration)")),
        None => {}
    }
    if args.all {
        let (store, _) = open::store(config).await?;
        let held = store.holdings().await.map_err(|error| error.to_string())?;
        let held = held.into_iter().filter(|(_, holding)| holding.held > 0);
        let mut ids: Vec<_> = held.map(|(key, _)| key.id).filter(|id| template.may_name(id)).collect();
        ids.dedup();
        return Ok(ids);
    }
    if args.tenant.is_empty() {
        return Err(format!("each tenant has a key of its own ({template}): say whose with --tenant, or --all"));
    }
    let keys = SealingKeys::open(keys.clone(), template.clone()).await.map_err(|error| error.to_string())?;
    args.tenant.iter().map(|tenant| keys.id_of(tenant).map_err(|error| format!("{tenant}: {error}"))).collect()
}
