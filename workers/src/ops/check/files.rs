//! Files and variables, and what they lead to: the catalogue, secrets, the schedule, the keyring or vault.

use std::sync::Arc;

use croner::Cron;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::{Config, KeySettings};
use sealpost_shared::keys::{IndexKey, KeyError, KeySource, Keys};
use sealpost_shared::secrets::Secrets;

use super::Finding;
use crate::notify::Means;
use crate::ops::screen::time;
use crate::providers::Catalogue;
use crate::worker;

/// What the other checks need of what was found.
pub(super) struct Met {
    pub(super) index_key: Option<Arc<IndexKey>>,
    pub(super) catalogue: Option<Catalogue>,
    pub(super) secrets: Secrets,
}

/// What was found.
pub(super) async fn check(config: &Config) -> (Vec<Finding>, Met) {
    let mut found = Vec::new();
    let keys = worker::keys(config);
    let secrets = keys.as_ref().map(Secrets::of).unwrap_or_default();
    let catalogue = Catalogue::of(config);
    found.push(Finding::of("provider catalogue", &catalogue, |all| {
        let names: Vec<_> = all.all().map(|(id, _)| id.to_string()).collect();
        format!("{}: {}", config.providers.display(), names.join(", "))
    }));
    let means = config.notify.as_ref().map(|notify| (notify, Means::read(notify, &config.keys)));
    found.extend(means.as_ref().map(|(notify, means)| {
        Finding::of("notices", means, |means| {
            let languages: Vec<_> = means.languages().collect();
            format!("{}: {}, texts in {}", notify.gateways.display(), notify.gateway, languages.join(", "))
        })
    }));
    let mut unreadable = unreadable(config, catalogue.as_ref().ok(), &secrets).await;
    if let Some((notify, Ok(means))) = means
        && let Some(problem) = means.unreadable_secret(&secrets).await
    {
        unreadable.push(format!("gateway {}: auth: {problem}", notify.gateway));
    }
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
    let (keys, index_key) = keyring(config, keys).await;
    found.extend(keys);
    (found, Met { index_key, catalogue: catalogue.ok(), secrets })
}

/// Those that cannot be read, and why.
async fn unreadable(config: &Config, catalogue: Option<&Catalogue>, secrets: &Secrets) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, urls) in [("broker.url", &config.broker.url), ("store.url", &config.store.url)] {
        for url in urls.all() {
            problems.extend(secrets.read(url).await.err().map(|error| format!("{name}: {error}")));
        }
    }
    if let Some(all) = catalogue {
        let theirs = all.unreadable_secrets(secrets, SystemClock.now()).await;
        problems.extend(theirs.into_iter().map(|(id, problem)| format!("provider {id}: {problem}")));
    }
    problems
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

async fn keyring(config: &Config, keys: Result<Keys, String>) -> (Vec<Finding>, Option<Arc<IndexKey>>) {
    let what = match config.keys.source {
        KeySettings::Local(_) => "keyring",
        KeySettings::Azure(_) => "key vault",
    };
    let keys = match keys {
        Ok(keys) => keys,
        Err(problem) => return (vec![Finding::wrong(what, problem)], None),
    };
    let index_key = keys.index_key().await.map_err(|error| error.to_string());
    let mut found = vec![Finding::of(what, &index_key, |_| reached(config, &keys))];
    let index_key = index_key.ok();
    found.extend(wire(config, &keys).await);
    let Some(id) = config.keys.key.shared() else {
        found.push(Finding::good("sealing keys", format!("{}: one for each tenant", config.keys.key)));
        return (found, index_key);
    };
    match keys.latest(id).await {
        Ok((version, _)) => match keys.versions(id).await {
            Ok(all) => {
                let made = all.last().map(|last| format!(", made {}", time(last.created))).unwrap_or_default();
                let says = format!("{id}: version {version}{made}; {} version(s) in all", all.len());
                found.push(Finding::good("sealing key", says));
            }
            // a worker needs no list
            Err(KeyError::Denied { .. }) => {
                let says =
                    format!("{id}: version {version}; this identity may not list versions, which operators need");
                found.push(Finding::good("sealing key", says));
            }
            Err(error) => found.push(Finding::wrong("sealing key", error.to_string())),
        },
        Err(error @ KeyError::Missing { .. }) => {
            found.push(Finding::wrong("sealing key", format!("{error}; sealpost keys rotate adds a version")));
        }
        Err(error) => found.push(Finding::wrong("sealing key", error.to_string())),
    }
    (found, index_key)
}

/// The key that producers seal to, and whether they must.
async fn wire(config: &Config, keys: &Keys) -> Vec<Finding> {
    let (what, id, required) = ("secrets in messages", &config.keys.wire, config.wire.require_sealed);
    let off = "they need not be sealed (wire.require_sealed = false), and lie in the broker's files as they come";
    let found = match keys.latest(id).await {
        Ok((version, _)) => Finding::good(what, format!("are sealed to {id}, version {version}")),
        Err(error @ KeyError::Missing { .. }) => {
            let says = format!("{error}; sealpost keys rotate --wire makes the key that producers seal to");
            if required { Finding::wrong(what, says) } else { Finding::warning(what, says) }
        }
        Err(error) => Finding::wrong(what, error.to_string()),
    };
    [found].into_iter().chain((!required).then(|| Finding::warning(what, off))).collect()
}

/// What a key source is that was reached.
fn reached(config: &Config, keys: &Keys) -> String {
    let place = keys.place();
    match &config.keys.source {
        KeySettings::Local(_) => format!("{place}, for its owner only; keep a copy of it"),
        KeySettings::Azure(azure) => {
            let pinned = match &azure.index_key_version {
                Some(version) => format!("version {version}"),
                None => "its latest version; pin it with keys.azure.index_key_version".into(),
            };
            format!("{place} answers, and permits reading; index key {}, {pinned}", azure.index_key)
        }
    }
}
