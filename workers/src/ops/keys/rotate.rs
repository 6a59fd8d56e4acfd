//! `sealpost keys rotate`.

use clap::Args;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::keys::{KeyChanges, Keys};
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
pub(super) async fn run(args: &Rotate) -> Result<(), String> {
    let settings = Config::read(&args.common.config)?.keys;
    let id = settings.key.parse().map_err(|error| format!("keys.key: {error}"))?;
    let keys = Keys::prepare(&settings).await?;
    let version = keys.rotate(&id, SystemClock.now()).await.map_err(|error| error.to_string())?;
    if args.json {
        return screen::print_json(&json!({"key": id, "version": version, "keyring": keys.place()}));
    }
    let (when, keep) = match &keys {
        Keys::Local(keys) => {
            let file = keys.path().display();
            ("from now on".into(), format!(" Keep a copy of {file}: without it no token can be read."))
        }
        Keys::Azure(keys) => (format!("within {} s", keys.latest_age().as_secs()), String::new()),
    };
    screen::print(&format!(
        "{id} has the new version {version}. Running workers seal with it {when}; a rotation tick has the rest sealed anew \
         (sealpost enqueue rotate, or the schedule).{keep}"
    ))
}
