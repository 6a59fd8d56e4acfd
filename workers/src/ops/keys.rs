//! `sealpost keys`: the versions of the key that seals records.

use std::io::Write;
use std::path::Path;

use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::keys::LocalKeys;

/// Adds a version, and tells its name. Running workers seal with it from then on; a rotation seals the rest anew.
///
/// # Errors
/// In words, if the configuration or the keyring cannot be read or written.
pub fn rotate(config: &Path) -> Result<(), String> {
    let keys = Config::read(config)?.keys;
    let id = keys.key.parse().map_err(|e| format!("keys.key: {e}"))?;
    if !keys.file.exists() {
        LocalKeys::create(&keys.file).map_err(|e| e.to_string())?;
    }
    let version = LocalKeys::rotate(&keys.file, &id, SystemClock.now()).map_err(|e| e.to_string())?;
    writeln!(std::io::stdout(), "{} has the new version {version}. Running workers seal with it from now on; a rotation tick has the rest sealed \
         anew. Keep a copy of {}: without it no token can be read.",
        keys.key,
        keys.file.display()
    ).map_err(|e| e.to_string())
}
