//! Redis: reachable, of our number of shards and index key, and as durable as it should be.

use std::sync::Arc;

use sealpost_shared::config::Config;
use sealpost_shared::keys::IndexKey;
use sealpost_shared::records::{Inspection, inspect};
use sealpost_shared::secrets::Secrets;

use super::Finding;
use crate::worker;

/// The oldest version that is tried.
const OLDEST: u32 = 7;

pub(super) async fn check(config: &Config, index_key: Option<Arc<IndexKey>>, secrets: &Secrets) -> Vec<Finding> {
    // why not is told with the other secrets
    let Ok(urls) = worker::texts(secrets, &config.store.url).await else { return Vec::new() };
    let store = worker::store_config(config, urls);
    let Some(index_key) = index_key else {
        return vec![Finding::warning("store", "not looked at: it is compared with the keyring, which cannot be read")];
    };
    let fingerprint = index_key.fingerprint();
    match inspect(&store, index_key).await {
        Ok(inspection) => findings(&inspection, config.store.shards, &fingerprint),
        Err(error) => vec![Finding::wrong("store", error.to_string())],
    }
}

fn findings(inspection: &Inspection, shards: u16, fingerprint: &str) -> Vec<Finding> {
    let Inspection { at, versions, is_replica, store, risks } = inspection;
    let named = versions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut found = vec![match versions.iter().all(|version| is_new_enough(version)) {
        true if versions.is_empty() => {
            Finding::warning("store", format!("Redis at {at}; it does not tell its version"))
        }
        true => Finding::good("store", format!("Redis {named} at {at}")),
        false => Finding::warning("store", format!("Redis {named} at {at}: {OLDEST}.0 or newer is what is tried")),
    }];
    if *is_replica {
        found.push(Finding::wrong(
            "store",
            "it is a replica, which takes no writes; store.url must lead to the primary",
        ));
    }
    let ours = format!("{shards} shards, index key {fingerprint}");
    found.push(match store {
        Some(Ok(())) => Finding::good("shards and index key", format!("{ours}, as the store was made with")),
        Some(Err(mismatch)) => Finding::wrong("shards and index key", mismatch.to_string()),
        None => Finding::warning(
            "shards and index key",
            format!("{ours}: nothing is stored yet, and the first worker fixes both for good"),
        ),
    });
    if risks.is_empty() {
        found.push(Finding::good("durability", "appendonly yes, appendfsync always, maxmemory-policy noeviction"));
    }
    found.extend(risks.iter().map(|risk| {
        if risk.accepted {
            Finding::warning("durability", &risk.says)
        } else {
            Finding::wrong("durability", &risk.says)
        }
    }));
    found
}

fn is_new_enough(version: &str) -> bool {
    version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major >= OLDEST)
}
