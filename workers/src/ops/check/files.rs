//! Files and variables: the catalogue, secrets, the schedule, the keyring.

use std::sync::Arc;

use croner::Cron;
use sealpost_shared::config::Config;
use sealpost_shared::keys::{IndexKey, KeySource};

use super::Finding;
use crate::notify::Means;
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
    let means = config.notify.as_ref().map(|notify| (notify, Means::read(notify)));
    found.extend(means.as_ref().map(|(notify, means)| {
        Finding::of("notices", means, |means| {
            let languages: Vec<_> = means.languages().collect();
            format!("{}: {}, texts in {}", notify.gateways.display(), notify.gateway, languages.join(", "))
        })
    }));
    let mut unreadable = secrets(config, catalogue.as_ref().ok());
    let gateway = means.and_then(|(notify, means)| Some((notify, means.ok()?.unreadable_secret()?)));
    unreadable.extend(gateway.map(|(notify, problem)| format!("gateway {}: auth: {problem}", notify.gateway)));
    let problems: Vec<_> = unreadable.into_iter().map(|problem| Finding::wrong("secrets", problem)).collect();
    if problems.is_empty() {
        found.push(Finding::good("secrets", "all can be read"));
    }
    found.extend(problems);
    found.extend(schedule(config));
    let (keys, index_key) = keyring(config).await;
    found.extend(keys);
    (found, index_key, catalogue.ok())
}

/// Those that cannot be read, and why.
fn secrets(config: &Config, catalogue: Option<&Catalogue>) -> Vec<String> {
    let ours = [("broker.url", &config.broker.url), ("store.url", &config.store.url)];
    let ours = ours.into_iter().filter_map(|(name, url)| Some(format!("{name}: {}", url.read().err()?)));
    let theirs = catalogue.into_iter().flat_map(Catalogue::unreadable_secrets);
    let theirs = theirs.map(|(id, problem)| format!("provider {id}: oauth.client_secret: {problem}"));
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
    let Some(id) = config.keys.key.shared() else {
        found.push(Finding::good("sealing keys", format!("{}: one for each tenant", config.keys.key)));
        return (found, keys.index_key().await.ok());
    };
    let newest = match keys.latest(id).await {
        Ok((version, _)) => keys.versions(id).await.map(|all| (version, all)).map_err(|error| error.to_string()),
        Err(error) => Err(format!("{error}; sealpost keys rotate adds a version")),
    };
    found.push(Finding::of("sealing key", &newest, |(version, all)| {
        let made = all.last().map(|last| format!(", made {}", time(last.created))).unwrap_or_default();
        format!("{id}: version {version}{made}; {} version(s) in all", all.len())
    }));
    (found, keys.index_key().await.ok())
}
