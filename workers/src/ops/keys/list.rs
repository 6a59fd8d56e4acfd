//! `sealpost keys list`.

use clap::Args;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use serde_json::json;

use super::versions::Versions;
use super::wire::WireVersions;
use crate::ops::{Common, screen};

/// How versions are listed.
#[derive(Debug, Args)]
pub struct List {
    /// The versions of the key that producers seal secrets in messages to, instead of those that seal records.
    #[arg(long)]
    wire: bool,
    /// Prints one JSON object: key, versions (oldest first), notes.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(args: &List) -> Result<(), String> {
    let config = Config::read(&args.common.config)?;
    if args.wire {
        let versions = WireVersions::read(&config).await?;
        if args.json {
            return screen::print_json(&json!({"key": config.keys.wire, "versions": versions.json(), "notes": []}));
        }
        return screen::print(&versions.table(SystemClock.now()).to_string());
    }
    let versions = Versions::read(&config).await?;
    if args.json {
        let (key, notes) = (versions.key.to_string(), versions.notes());
        return screen::print_json(&json!({"key": key, "versions": versions.json(), "notes": notes}));
    }
    screen::print(&versions.table(SystemClock.now()).to_string())?;
    versions.notes().iter().try_for_each(|note| screen::print(note))
}
