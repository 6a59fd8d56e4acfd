//! `sealpost keys rotate`.

use clap::Args;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::keys::{KeyringError, LocalKeys};
use serde_json::json;

use crate::ops::{Common, screen};

/// How a version is added.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Prints one JSON object: key, version, keyring.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// Adds a version, and tells its name.
pub(super) fn run(args: &Rotate) -> Result<(), String> {
    let keys = Config::read(&args.common.config)?.keys;
    let id = keys.key.parse().map_err(|error| format!("keys.key: {error}"))?;
    if !keys.file.exists() {
        match LocalKeys::create(&keys.file) {
            // there are two of us, and the other was first
            Ok(_) | Err(KeyringError::Exists { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    let version = LocalKeys::rotate(&keys.file, &id, SystemClock.now()).map_err(|error| error.to_string())?;
    if args.json {
        return screen::print_json(&json!({"key": id, "version": version, "keyring": keys.file}));
    }
    screen::print(&format!(
        "{id} has the new version {version}. Running workers seal with it from now on; a rotation tick has the rest sealed \
         anew (sealpost enqueue rotate, or the schedule). Keep a copy of {}: without it no token can be read.",
        keys.file.display()
    ))
}
