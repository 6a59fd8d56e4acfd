//! Every event, as it is heard: a line of the log, and what it means for jobs, accounts and rotations.

use jiff::Timestamp;
use sealpost_schemas::events::{
    ConnectionNeedsConsent, ConnectionQuarantined, ConnectionRefreshed, JobDeadLettered, KeyEmpty, RotationDone,
    RotationShardDone,
};
use sealpost_schemas::{Connection, ExchangeOutcome, ExchangeResult, FailureReport, PublishResult, RevocationResult};
use sealpost_shared::broker::{Events, Heard};
use uuid::Uuid;

use super::super::play::read;
use super::act::short;
use super::board::Board;
use super::phone;
use super::view::{Account, View};

/// Listens until the broker goes away.
pub(super) async fn listen(mut events: Events, board: Board) {
    while let Some(heard) = events.next().await {
        board.change(|view| {
            if let Err(problem) = hear(view, &heard) {
                view.note(&heard.topic, format!("cannot be read: {problem}"));
            }
        });
    }
    board.change(|view| view.note("broker", "went away: no event is heard any more; start dev anew"));
}

fn hear(view: &mut View, heard: &Heard) -> Result<(), String> {
    let topic = heard.topic.as_str();
    match topic {
        "connection.stored" | "connection.on-device" | "connection.failed" => exchanged(view, topic, &read(heard)?),
        "connection.refreshed" => refreshed(view, topic, &read(heard)?),
        "connection.needs-consent" => {
            let ConnectionNeedsConsent { connection, code, .. } = read(heard)?;
            account(view, &connection).needs_consent = true;
            view.note(topic, format!("{}: {code}", named(&connection)));
        }
        "connection.quarantined" => {
            let ConnectionQuarantined { record, code, .. } = read(heard)?;
            view.note(topic, format!("{record}: {code}"));
        }
        "connection.revoked" => revoked(view, topic, &read(heard)?),
        "publish.published" | "publish.failed" | "publish.unknown" => published(view, topic, &read(heard)?),
        "rotation.shard-done" => shard_done(view, &read(heard)?),
        "rotation.done" => rotated(view, topic, &read(heard)?),
        "key.empty" => {
            let KeyEmpty { key, version, .. } = read(heard)?;
            view.note(topic, format!("version {} of {key} holds nothing any more", short(&version)));
        }
        "job.dead-lettered" => dead(view, topic, &read(heard)?),
        _ => view.note(topic, ""),
    }
    Ok(())
}

fn exchanged(view: &mut View, topic: &str, result: &ExchangeResult) {
    ended(view, result.request, topic, result.failure.as_ref());
    let Some(connection) = &result.connection else { return view.note(topic, why(result.failure.as_ref())) };
    if result.failure.is_some() {
        return view.note(topic, format!("{}: {}", named(connection), why(result.failure.as_ref())));
    }
    let scopes = result.scopes.clone().unwrap_or_default();
    view.note(topic, format!("{}, scopes {}", named(connection), scopes.join(" ")));
    let name = result.subject.as_ref().map(|subject| subject.name.as_ref().unwrap_or(&subject.id).clone());
    let expires_at = result.expires_at.map(Timestamp::as_millisecond);
    let account = account(view, connection);
    let Account { user, provider, .. } = account.clone();
    let on_device = result.outcome != ExchangeOutcome::Stored;
    *account = Account { user, name, provider, scopes, expires_at, on_device, ..Account::default() };
}

/// A job's own events come after its result, so the newest job of this user is the one that needed it.
fn refreshed(view: &mut View, topic: &str, event: &ConnectionRefreshed) {
    let user = event.connection.user.as_str();
    if let Some(job) = view.jobs.iter_mut().find(|job| job.user == user) {
        job.passed("token refreshed");
    }
    let account = account(view, &event.connection);
    account.refreshes += 1;
    account.spoilt = false;
    account.expires_at = event.expires_at.map(Timestamp::as_millisecond);
    view.note(topic, format!("{} has new tokens", named(&event.connection)));
}

fn revoked(view: &mut View, topic: &str, result: &RevocationResult) {
    for receipt in &result.receipts {
        let (provider, whose) = (receipt.provider.as_str(), receipt.connection.as_ref());
        view.note(topic, format!("{}: {provider}", whose.map_or_else(|| receipt.record.clone(), named)));
        if let Some(gone) = whose.filter(|_| receipt.deleted) {
            view.accounts
                .retain(|_, account| account.user != gone.user.as_str() || account.provider != gone.provider.as_str());
        }
    }
}

fn published(view: &mut View, topic: &str, result: &PublishResult) {
    ended(view, result.job, topic, result.failure.as_ref());
    phone::published(view, result);
    let remote = result.remote.as_ref();
    if let Some(job) = view.job(result.job) {
        job.url = remote.and_then(|remote| remote.url.clone());
    }
    let whose = result.connection.as_ref().map_or_else(|| "nobody".to_owned(), named);
    let what = match remote.and_then(|remote| remote.id.as_ref()) {
        Some(id) => format!("post {id}"),
        None => why(result.failure.as_ref()),
    };
    view.note(topic, format!("{whose}: {what}"));
}

fn shard_done(view: &mut View, event: &RotationShardDone) {
    if let Some(sweep) = view.sweep.as_mut().filter(|sweep| sweep.tick == event.tick) {
        sweep.done += 1;
    }
}

fn rotated(view: &mut View, topic: &str, event: &RotationDone) {
    if let Some(sweep) = view.sweep.as_mut().filter(|sweep| sweep.tick == event.tick) {
        (sweep.done, sweep.resealed) = (event.shards, Some(event.counts.resealed));
    }
    let counts = event.counts;
    view.note(topic, format!("{} shards: {} sealed anew, {} failed", event.shards, counts.resealed, counts.failed));
}

fn dead(view: &mut View, topic: &str, event: &JobDeadLettered) {
    if let Some(job) = event.message.and_then(|id| view.job(id)) {
        job.reached("dead letter");
        (job.outcome, job.why) = (Some("dead letter".into()), Some(event.reason.clone()));
    }
    view.dead.stale = true;
    view.note(topic, format!("{}, {}: {}", event.queue, event.code, event.reason));
}

/// A job has its result. One that is a dead letter too is shown as that.
fn ended(view: &mut View, id: Uuid, topic: &str, failure: Option<&FailureReport>) {
    let Some(job) = view.job(id) else { return };
    if job.outcome.as_deref() == Some("dead letter") {
        return;
    }
    let outcome = topic.split_once('.').map_or(topic, |(_, outcome)| outcome);
    job.reached(outcome);
    job.outcome = Some(outcome.into());
    job.why = failure.map(|failure| failure.message.clone());
}

fn account<'a>(view: &'a mut View, connection: &Connection) -> &'a mut Account {
    view.account(connection.user.as_str(), connection.provider.as_str())
}

fn named(connection: &Connection) -> String {
    format!("{} at {}", connection.user, connection.provider)
}

fn why(failure: Option<&FailureReport>) -> String {
    failure.map(|failure| format!("{}: {}", failure.code, failure.message)).unwrap_or_default()
}
