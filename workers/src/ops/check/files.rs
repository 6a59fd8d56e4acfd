//! Files and variables: the catalogue, secrets, the schedule, the keyring.

use std::sync::Arc;

use croner::Cron;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::keys::{IndexKey, KeySource};

use super::Finding;
use crate::ops::screen::time;
use crate::providers::Catalogue;
use crate::worker;

/// What was found, and what the other checks need of it.
pub(super) async fn check(config: &Config) -> (Vec<Finding>, Option<Arc<IndexKey>>, Option<Catalogue>) {
    let mut found = Vec::new();
    let catalogue = Catalogue::read(&config.providers);
    found.push(Finding::of("provider catalogue", &catalogue, |all| {
        let names: Vec<_> = all.all().map(|(id, _)| id.to_string()).collect();
        format!("{}: {}", config.providers.display(), names.join(", "))
    }));
    let unreadable = secrets(config, catalogue.as_ref().ok());
    let problems: Vec<_> = unreadable.into_iter().map(|problem| Finding::wrong("secrets", problem)).collect();
    if problems.is_empty() {
        found.push(Finding::good("secrets", "all can be read"));
    }
    found.extend(problems);
    if let Some(ca) = &config.http.ca {
        let client = config.http.client(config.http.limit());
        found.push(Finding::of("http.ca", &client, |_| format!("{}: trusted beside this machine's own", ca.display())));
    }
    found.extend(schedule(config));
    let (keys, index_key) = keyring(config).await;
    found.extend(keys);
    (found, index_key, catalogue.ok())
}

/// Those that cannot be read, and why.
fn secrets(config: &Config, catalogue: Option<&Catalogue>) -> Vec<String> {
    let ours = [("broker.url", &config.broker.url), ("store.url", &config.store.url)];
    let ours = ours.into_iter().filter_map(|(name, url)| Some(format!("{name}: {}", url.read().err()?)));
    let theirs = catalogue.into_iter().flat_map(|all| all.unreadable_secrets(SystemClock.now()));
    let theirs = theirs.map(|(id, problem)| format!("provider {id}: {problem}"));
    ours.chain(theirs).collect()
}

fn schedule(config: &Config) -> Vec<Finding> {
    let named = [("schedule.rewrap", &config.schedule.rewrap), ("schedule.refresh", &config.schedule.refresh)];
    let wanted = named.into_iter().filter_map(|(name, cron)| Some((name, cron.as_ref()?)));
    wanted
        .map(|(name, cron)| match cron.parse::<Cron>() {
            Ok(_) => Finding::good(name, format!("{cron} (UTC), where sealpost schedule runs")),
            Err(error) => Finding::wrong(name, format!("{cron:?}: {error}; write five fields, as in \"0 3 * * *\"")),
        })
        .collect()
}

async fn keyring(config: &Config) -> (Vec<Finding>, Option<Arc<IndexKey>>) {
    let keys = match worker::keys(config) {
        Ok(keys) => keys,
        Err(problem) => return (vec![Finding::wrong("keyring", problem)], None),
    };
    let file = config.keys.file.display().to_string();
    let mut found = vec![Finding::good("keyring", format!("{file}, for its owner only; keep a copy of it"))];
    let id = match config.keys.key.parse() {
        Ok(id) => id,
        Err(error) => {
            found.push(Finding::wrong("sealing key", format!("keys.key: {error}")));
            return (found, keys.index_key().await.ok());
        }
    };
    let newest = match keys.latest(&id).await {
        Ok((version, _)) => keys.versions(&id).await.map(|all| (version, all)).map_err(|error| error.to_string()),
        Err(error) => Err(format!("{error}; sealpost keys rotate adds a version")),
    };
    found.push(Finding::of("sealing key", &newest, |(version, all)| {
        let made = all.last().map(|last| format!(", made {}", time(last.created))).unwrap_or_default();
        format!("{id}: version {version}{made}; {} version(s) in all", all.len())
    }));
    (found, keys.index_key().await.ok())
}
