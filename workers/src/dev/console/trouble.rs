//! What can be made to go wrong, each in a way of its own: a dead letter, a message that nobody can read, a platform that
//! is busy, an answer that is lost.

use std::sync::atomic::{AtomicU32, Ordering};

use sealpost_schemas::queues;
use sealpost_shared::broker::Outgoing;
use sealpost_shared::ids;
use serde::Deserialize;
use serde_json::{Value, json};

use super::act::{publish, send};
use super::board::Board;
use super::world::World;

/// What goes wrong.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// A request for a provider that the catalogue lacks: a dead letter that can be mended.
    UnknownProvider,
    /// A job that cannot be read: a dead letter that comes back.
    Malformed,
    /// The platform wants to be asked again later, twice.
    Unavailable,
    /// The platform posts, and its answer is lost.
    LostAnswer,
}

/// Codes of the practice platform live this long, so that one is good yet when its dead letter is replayed.
const LONG_CODE_SECONDS: u32 = 3600;

/// Each provider that was missing has a name of its own.
static MISSING: AtomicU32 = AtomicU32::new(1);

pub(super) async fn cause(kind: Kind, user: &str, board: &Board, world: &World) -> Result<Value, String> {
    match kind {
        Kind::UnknownProvider => unknown_provider(user, board, world).await,
        Kind::Malformed => malformed(board, world).await,
        Kind::Unavailable => {
            let busy = json!({"path": "/api/posts", "method": "POST", "n": 2, "kind": "status", "status": 503,
                              "headers": {"retry-after": "1"}});
            world.platform("faults", &busy).await?;
            board.change(|view| view.note("platform", "answers the next two posts with 503, Retry-After 1 s"));
            publish(user, "Posted at the third try", None, board, world).await
        }
        Kind::LostAnswer => {
            let lost = json!({"path": "/api/posts", "method": "POST", "when": "after", "kind": "drop"});
            world.platform("faults", &lost).await?;
            board.change(|view| view.note("platform", "will post, and close the connection before it answers"));
            publish(user, "Posted, and the answer was lost", None, board, world).await
        }
    }
}

async fn unknown_provider(user: &str, board: &Board, world: &World) -> Result<Value, String> {
    let fresh = || format!("gazette-{}", MISSING.fetch_add(1, Ordering::Relaxed));
    let name = board.read(|view| view.dead.missing.clone()).unwrap_or_else(fresh);
    world.platform("settings", &json!({"code_ttl": LONG_CODE_SECONDS})).await?;
    let request = world.player.consent(user, &name).await?;
    board.change(|view| view.dead.missing = Some(name.clone()));
    send(&request, (user, &format!("exchange a code of {name}")), board, world).await
}

async fn malformed(board: &Board, world: &World) -> Result<Value, String> {
    let id = ids::fresh();
    let body = json!({"id": id, "owner": {"tenant": "acme"}, "provider": "practice", "content": "?"});
    let message = Outgoing {
        type_name: Some("publish-job.v1".into()),
        id: Some(id.to_string()),
        content_type: Some("application/json".into()),
        body: body.to_string().into_bytes().into(),
        ..Outgoing::default()
    };
    board.sent(id, "nobody", "a job without a user");
    world.player.producer.send(queues::PUBLISH_JOBS, &message).await?;
    Ok(json!({"id": id}))
}

/// Adds what is missing to the catalogue. Workers read it when they start.
pub(super) async fn mend(board: &Board, world: &World) -> Result<Value, String> {
    let missing = board.read(|view| view.dead.missing.clone()).ok_or("nothing is missing in the catalogue")?;
    let mut stack = world.stack.lock().await;
    stack.add_provider(&missing)?;
    board.change(|view| view.note("operator", format!("added {missing} to providers.toml; the workers start anew")));
    let ended = stack.restart_workers().await?;
    board.links(world.practice(), &stack.operations);
    let how = ended.map_or_else(|| "were killed".into(), |code| format!("ended with {code}"));
    board.change(|view| {
        view.dead.missing = None;
        view.note("operator", format!("the old workers {how}, new ones work"));
    });
    Ok(json!({}))
}
