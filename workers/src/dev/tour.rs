//! The tour: connect, publish, rotate, a dead letter and its replay, unattended; at the end, what was expected and what
//! was seen.

use std::time::Duration;

use futures_util::future::try_join_all;
use sealpost_schemas::events::{JobDeadLettered, RotationDone};
use sealpost_schemas::{ExchangeResult, PublishOutcome, PublishResult, Queued, RotationMode, RotationTick};
use sealpost_shared::broker::{Broker, BrokerConfig, Events, Heard};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::records::Store;
use sealpost_shared::seal::KeyRef;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::azure::PracticeAzure;
use super::phone::{NUMBER, Phone, USER};
use super::play::{Player, REPLY_WITHIN, chat, read};
use super::screen::{Check, Doing};
use super::stack::{Stack, new_key_versions};
use crate::ops::keys::retire::switch_off;
use crate::schedule::tick;
use crate::step::FollowUp;

/// How long an event may take.
const EVENT_WITHIN: Duration = Duration::from_mins(1);

/// The first scenes, which `dev` plays too: an account is connected and a post published.
pub(super) async fn main_job(stack: &Stack, player: &Player) -> Result<Vec<Check>, String> {
    let mut checks = vec![connect(player).await?, publish(player, "publish a post", "Hello from Sealpost").await?];
    if let Some(azure) = &stack.azure {
        checks.extend(on_behalf((stack, azure), player).await?);
    }
    Ok(checks)
}

/// The scenes after that.
pub(super) async fn tour(stack: &mut Stack, player: &Player) -> Result<Vec<Check>, String> {
    let mut checks = rotate(stack, player).await?;
    checks.push(publish(player, "publish after the rotation", "Still here after the rotation").await?);
    checks.extend(dead_letter(stack, player).await?);
    checks.extend(phone(player).await?);
    Ok(checks)
}

/// A user of the practice tenant is connected by the token that a front end brings, and written for with keys that are at
/// hand.
async fn on_behalf((stack, azure): (&Stack, &PracticeAzure), player: &Player) -> Result<Vec<Check>, String> {
    let doing = Doing::begin("act on behalf of a user");
    let user = azure.sign_in("ada").await?;
    let owner = user.owner.clone();
    let connected = player.exchange(&Player::on_behalf(user)?).await?;
    let before = fetches(stack, player).await?;
    let said = player.publish_job(&chat(owner, "Hello from Sealpost")?).await?;
    let (fetches, messages) = (fetches(stack, player).await? - before, azure.messages().await?);
    doing.done(&format!("keys in {}", azure.vault()));
    Ok(vec![
        Check { scene: "connect on behalf of ada", expected: "stored".into(), seen: outcome(&connected) },
        Check {
            scene: "write to a chat for her",
            expected: "published, 1 in the chat, 0 keys fetched".into(),
            seen: format!("{}, {messages} in the chat, {fetches} keys fetched", word(&said.outcome)),
        },
    ])
}

async fn connect(player: &Player) -> Result<Check, String> {
    let doing = Doing::begin("connect an account");
    let request = player.consent("ada", "practice").await?;
    let result = player.exchange(&request).await?;
    doing.done(&format!("scopes {}", result.scopes.clone().unwrap_or_default().join(" ")));
    Ok(Check { scene: "connect ada's account", expected: "stored".into(), seen: outcome(&result) })
}

async fn publish(player: &Player, scene: &'static str, text: &str) -> Result<Check, String> {
    let doing = Doing::begin(scene);
    let result: PublishResult = player.publish("ada", text).await?;
    let posts = player.on_the_wall(text).await?;
    let url = result.remote.as_ref().and_then(|remote| remote.url.clone()).unwrap_or_default();
    doing.done(&url);
    let seen = match &result.failure {
        None => format!("{}, {posts} on the wall", word(&result.outcome)),
        Some(failure) => format!("{}, {}", word(&result.outcome), failure.code),
    };
    Ok(Check { scene, expected: "published, 1 on the wall".into(), seen })
}

async fn rotate(stack: &Stack, player: &Player) -> Result<Vec<Check>, String> {
    let doing = Doing::begin("rotate the key");
    let keys = stack.keys().await?;
    let store = stack.store(&keys).await?;
    let before = held(&store).await?;
    let new = new_key_versions(&keys, &store).await?;
    let mut events = player.producer.listen(&["rotation.*"]).await?;
    let tick = tick(RotationMode::Rewrap, SystemClock.now());
    let message = FollowUp::of(&tick).map_err(|e| e.to_string())?;
    player.producer.send(RotationTick::QUEUE, &message.outgoing()).await?;
    let mut shards = 0;
    let done: RotationDone = loop {
        let heard = next(&mut events).await?;
        if heard.topic == "rotation.done" {
            break read(&heard)?;
        }
        shards += 1;
        doing.progress(&format!("{shards} of {} shards", store.shards()));
    };
    let after = held(&store).await?;
    doing.done(&match new.as_slice() {
        [only] => format!("new version {}", only.version),
        all => format!("{} keys have a new version", all.len()),
    });
    let on = |held: &[(KeyRef, u64)], newest: bool| -> u64 {
        held.iter().filter(|(key, _)| new.contains(key) == newest).map(|(_, count)| count).sum()
    };
    let counted = |held| format!("{} on the old version, {} on the new", on(held, false), on(held, true));
    // a record and two results for each who is connected
    let all = if stack.azure.is_some() { 6 } else { 3 };
    let mut checks = vec![
        Check {
            scene: "count before the rotation",
            expected: format!("{all} on the old version, 0 on the new"),
            seen: counted(&before),
        },
        Check {
            scene: "rotate the key",
            expected: "256 shards done".into(),
            seen: format!("{} shards done", if done.tick == tick.id { done.shards } else { 0 }),
        },
        Check {
            scene: "count after the rotation",
            expected: format!("0 on the old version, {all} on the new"),
            seen: counted(&after),
        },
    ];
    if stack.azure.is_some() {
        let doing = Doing::begin("retire the old versions");
        let mut off = 0;
        for (key, _) in before.iter().filter(|(key, _)| !new.contains(key)) {
            off += u32::from(switch_off(&store, keys.source(), key).await? == 0);
        }
        doing.done("disabled in the vault");
        checks.push(Check {
            scene: "retire the old versions",
            expected: "2 disabled".into(),
            seen: format!("{off} disabled"),
        });
    }
    Ok(checks)
}

async fn dead_letter(stack: &mut Stack, player: &Player) -> Result<Vec<Check>, String> {
    let doing = Doing::begin("meet a dead letter");
    let mut events = player.producer.listen(&["job.dead-lettered", "connection.stored"]).await?;
    let request = player.consent("grace", "gazette").await?;
    let refused = player.exchange(&request).await?;
    let event: JobDeadLettered = read(&next(&mut events).await?)?;
    let broker = BrokerConfig { urls: vec![stack.broker_url().into()], ..BrokerConfig::default() };
    let broker = Broker::start(&broker).map_err(|e| e.to_string())?;
    let letters = broker.dead_letters(10).await.map_err(|e| e.to_string())?;
    let code = letters.first().map(|letter| letter.code.clone()).unwrap_or_default();
    doing.done(&event.reason);

    let doing = Doing::begin("mend its cause");
    stack.add_provider("gazette")?;
    let exit = stack.restart_workers().await?;
    doing.done("entry added to providers.toml, workers restarted");

    let doing = Doing::begin("replay it");
    let replayed = broker.replay(10, |letter| letter.code == code).await.map_err(|e| e.to_string())?;
    let stored: ExchangeResult = read(&next(&mut events).await?)?;
    let left = broker.dead_letters(10).await.map_err(|e| e.to_string())?.len();
    broker.close().await;
    doing.done(&format!("{replayed} replayed"));
    let same = if stored.request == request.id { outcome(&stored) } else { "another request".into() };
    let exit = exit.map_or("killed".into(), |code| format!("exit code {code}"));
    Ok(vec![
        Check {
            scene: "ask for an unknown provider",
            expected: "unknown-provider, 1 dead letter".into(),
            seen: format!("{}, {} dead letter", outcome(&refused), letters.len()),
        },
        Check { scene: "stop the workers", expected: "exit code 0".into(), seen: exit },
        Check {
            scene: "replay the dead letter",
            expected: "stored, 0 dead letters left".into(),
            seen: format!("{same}, {left} dead letters left"),
        },
    ])
}

/// A user keeps the tokens on a phone, publishes with them while it is offline, and gets newer ones when it is online again.
async fn phone(player: &Player) -> Result<Vec<Check>, String> {
    let doing = Doing::begin("keep tokens on a phone");
    let mut phone = Phone::new()?;
    let connected = phone.connect(player).await?;
    doing.done("sealed to the phone's key");
    let kept = format!("{}, {} tokens on the phone", outcome(&connected), phone.tokens());

    let doing = Doing::begin("post from it, offline");
    player.tell_platform("expire", &json!({"user": USER})).await?;
    let before = player.refreshes().await?;
    let posts = ["One", "Two", "Three"].map(|text| phone.post(text));
    let posts = posts.into_iter().collect::<Result<Vec<_>, _>>()?;
    let results = try_join_all(posts.iter().map(|post| player.publish_job(post))).await?;
    let published = results.iter().filter(|result| result.outcome == PublishOutcome::Published).count();
    let refreshes = player.refreshes().await? - before;
    let told = async {
        loop {
            let messages = player.messages().await?;
            let told: Vec<_> = messages.into_iter().filter(|message| message["to"] == NUMBER).collect();
            if told.len() >= posts.len() {
                return Ok::<_, String>(told);
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let told = timeout(EVENT_WITHIN, told).await.map_err(|_| "the text messages did not come")??;
    let last = told.last().and_then(|message| message["text"].as_str()).unwrap_or_default();
    doing.done(last);
    let posted = format!("{published} published, {refreshes} refresh, {} text messages", told.len());

    let doing = Doing::begin("go online");
    let old = phone.post("Too late")?;
    let picked_up = phone.pick_up(player).await?;
    let late = player.publish_job(&old).await?;
    doing.done("the newer tokens are on the phone");
    let code = late.failure.map_or_else(|| word(&late.outcome), |failure| failure.code.to_string());
    Ok(vec![
        Check { scene: "keep tokens on a phone", expected: "on-device, 2 tokens on the phone".into(), seen: kept },
        Check {
            scene: "post thrice from it, offline",
            expected: "3 published, 1 refresh, 3 text messages".into(),
            seen: posted,
        },
        Check {
            scene: "go online, and pick tokens up",
            expected: "picked-up, then tokens-superseded".into(),
            seen: format!("{}, then {code}", outcome(&picked_up)),
        },
    ])
}

/// How many keys the workers have fetched from the vault so far, by their own count.
async fn fetches(stack: &Stack, player: &Player) -> Result<u64, String> {
    let page = player.page(&format!("http://{}/metrics", stack.operations)).await?;
    let counted = page.lines().filter(|line| line.starts_with("sealpost_vault_fetches_total{"));
    Ok(counted.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}

/// How much each key version holds, over all shards: records, and results that the ledgers keep.
async fn held(store: &Store) -> Result<Vec<(KeyRef, u64)>, String> {
    let holdings = store.holdings().await.map_err(|e| e.to_string())?;
    Ok(holdings.into_iter().map(|(key, holding)| (key, holding.held)).collect())
}

async fn next(events: &mut Events) -> Result<Heard, String> {
    let heard = timeout(EVENT_WITHIN, events.next()).await;
    heard
        .map_err(|_| format!("no event within {} s", REPLY_WITHIN.as_secs()))?
        .ok_or_else(|| "RabbitMQ went away".into())
}

fn outcome(result: &ExchangeResult) -> String {
    result.failure.as_ref().map_or_else(|| word(&result.outcome), |failure| failure.code.to_string())
}

/// A value as it is written in a message.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
