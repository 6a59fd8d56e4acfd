//! One dead letter.

use clap::Args;
use sealpost_schemas::Code;
use sealpost_shared::broker::DeadLetter;
use sealpost_shared::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::{Walk, mask};
use crate::ops::Common;
use crate::ops::screen::{facts, pretty, print, print_json, span, time};

/// Which one.
#[derive(Debug, Args)]
pub struct Show {
    /// Its id, as `sealpost dead list --each` tells it.
    id: String,
    /// JSON: one document a letter, a line each.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(args: &Show) -> Result<(), String> {
    let mut walk = Walk::begin(&args.common).await?;
    let found = found(&mut walk, &args.id).await;
    let found = walk.end(found).await?;
    if found.is_empty() {
        return Err(format!(
            "no dead letter has the id {:?}; sealpost dead list --each tells those there are",
            args.id
        ));
    }
    for letter in &found {
        if args.json { print_json(&document(letter))? } else { print(&text(letter))? }
    }
    Ok(())
}

/// A message that was put aside, replayed and put aside again, while it was sent anew, is here twice.
async fn found(walk: &mut Walk, id: &str) -> Result<Vec<DeadLetter>, String> {
    let mut found = Vec::new();
    while let Some(letter) = walk.next().await? {
        if letter.name() == id {
            found.push(letter);
        }
    }
    Ok(found)
}

fn document(letter: &DeadLetter) -> Value {
    let message = &letter.message;
    let body = mask::body(message.content_type.as_deref(), &message.body);
    json!({
        "id": letter.name(), "code": letter.code, "reason": letter.reason, "queue": letter.origin, "at": letter.at,
        "attempt": letter.attempt, "type": message.type_name, "message_id": message.id,
        "content_type": message.content_type, "correlation_id": message.correlation_id, "reply_to": message.reply_to,
        "traceparent": message.traceparent, "bytes": message.body.len(), "sha256": letter.digest(), "body": body
    })
}

fn text(letter: &DeadLetter) -> String {
    let message = &letter.message;
    let meaning = Code::ALL.iter().find(|code| code.as_str() == letter.code).map_or("", |code| code.sentence());
    let at = letter.at.map(|at| format!("{} ({} ago)", time(at), span(at, SystemClock.now())));
    let body = mask::body(message.content_type.as_deref(), &message.body);
    let not_shown = || "not shown: it cannot be decoded, so that nobody can tell which of it is secret".into();
    let mut rows: Vec<(&str, String)> = vec![("id", letter.name())];
    let mut maybe = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
    maybe("code", Some(format!("{}: {meaning}", letter.code)));
    maybe("reason", Some(letter.reason.clone()));
    maybe("queue", Some(letter.origin.unwrap_or("not known").into()));
    maybe("put aside", Some(at.unwrap_or_else(|| "not known".into())));
    maybe("attempt", Some(letter.attempt.to_string()));
    maybe("type", message.type_name.clone());
    maybe("content type", message.content_type.clone());
    maybe("correlation id", message.correlation_id.clone());
    maybe("reply to", message.reply_to.clone());
    maybe("traceparent", message.traceparent.clone());
    maybe("size", Some(format!("{} bytes, SHA-256 {}", message.body.len(), letter.digest())));
    maybe("body", Some(body.as_ref().map_or_else(not_shown, pretty)));
    facts(&rows)
}
