//! The phone on the page: it publishes while it is offline, by text messages to a gateway, and gets newer tokens when it is online.

use sealpost_schemas::{ExchangeOutcome, PublishResult};
use serde_json::{Value, json};

use super::act::{fitting, send};
use super::board::Board;
use super::view::{View, Waits};
use super::world::World;
use crate::dev::phone::USER;

/// Its user consents, and the tokens come to it.
pub(super) async fn connect(board: &Board, world: &World) -> Result<Value, String> {
    let mut phone = world.phone.lock().await;
    let result = phone.connect(&world.player).await?;
    if let Some(failure) = result.failure {
        return Err(failure.message);
    }
    let tokens = phone.tokens();
    board.change(|view| {
        (view.phone.tokens, view.phone.waits) = (tokens, Waits::Nothing);
        view.note("phone", "holds its tokens, and nobody else does");
    });
    Ok(json!({}))
}

/// A text message comes from it, and becomes a job.
pub(super) async fn post(text: &str, board: &Board, world: &World) -> Result<Value, String> {
    let job = world.phone.lock().await.post(fitting(text)?)?;
    send(&job, (USER, &format!("“{text}” from a phone")), board, world).await
}

/// The platform ends its access token, and does not say so.
pub(super) async fn expire(board: &Board, world: &World) -> Result<Value, String> {
    world.platform("expire", &json!({"user": USER})).await?;
    board.change(|view| view.note("platform", format!("ended the access token on {USER}'s phone")));
    Ok(json!({}))
}

/// It is online again.
pub(super) async fn pick_up(board: &Board, world: &World) -> Result<Value, String> {
    let result = world.phone.lock().await.pick_up(&world.player).await?;
    if result.outcome != ExchangeOutcome::PickedUp {
        return Err(result.failure.map_or_else(|| "nothing was picked up".into(), |failure| failure.message));
    }
    board.change(|view| {
        view.phone.waits = Waits::Nothing;
        view.phone.picked_up += 1;
        view.note("phone", "is online, and has the newer tokens");
    });
    Ok(json!({}))
}

/// A job of the phone's ended.
pub(super) fn published(view: &mut View, result: &PublishResult) {
    let its = result.connection.as_ref().is_some_and(|connection| connection.user.as_str() == USER);
    if its && result.tokens_refreshed {
        view.phone.waits = Waits::Tokens;
    }
}
