//! What a person does on the page.

use std::sync::Arc;
use std::time::Duration;

use sealpost_schemas::codec::without_value;
use sealpost_schemas::{Message, Notify, PublishJob, Queued, RotationMode, RotationTick};
use sealpost_shared::clock::{Clock, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::board::{Board, key};
use super::phone;
use super::trouble::{self, Kind};
use super::view::Sweep;
use super::world::{PRACTICE, World, connection};
use crate::connect::{Landing, page_of, request_of};
use crate::dev::azure::SignedIn;
use crate::dev::play::{Player, chat, job};
use crate::dev::stack::new_key_versions;
use crate::schedule::tick;
use crate::step::FollowUp;

/// How long a person may take to consent.
const CONSENT_WITHIN: Duration = Duration::from_mins(5);

/// The longest text of a post, in characters.
const MAX_TEXT: usize = 500;

/// One button.
pub(super) enum Act {
    /// A user connects an account.
    Connect(Whose),
    /// A post in a user's name.
    Publish(Posting),
    /// A user of the practice tenant is connected by the token that a front end brings.
    OnBehalf(Whose),
    /// A message in her name.
    Chat(Text),
    /// The platform ends a user's access token, and does not say so.
    Expire(Whose),
    /// A user's tokens come to a phone.
    PhoneConnect,
    /// A post by a text message from there.
    PhonePost(Words),
    /// The platform ends the phone's access token.
    PhoneExpire,
    /// The phone is online again.
    PhoneOnline,
    /// A new version of the key, and everything sealed anew under it.
    Rotate,
    /// Something goes wrong.
    Break(Broken),
    /// The provider that is missing is added, and the workers are started anew.
    Mend,
    /// A dead letter is sent again.
    Replay(Which),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    user: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Posting {
    user: String,
    text: String,
    /// Who gets a text message about it.
    notify: Option<Notify>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Broken {
    kind: Kind,
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    id: String,
}

impl Act {
    /// Reads what the page sent.
    pub(super) fn read(what: &str, wish: Value) -> Result<Self, String> {
        fn of<T: for<'de> Deserialize<'de>>(wish: Value) -> Result<T, String> {
            serde_json::from_value(wish).map_err(|error| without_value(&error.to_string()))
        }
        match what {
            "connect" => of(wish).map(Self::Connect),
            "publish" => of(wish).map(Self::Publish),
            "on-behalf" => of(wish).map(Self::OnBehalf),
            "chat" => of(wish).map(Self::Chat),
            "expire" => of(wish).map(Self::Expire),
            "phone-connect" => Ok(Self::PhoneConnect),
            "phone-post" => of(wish).map(Self::PhonePost),
            "phone-expire" => Ok(Self::PhoneExpire),
            "phone-online" => Ok(Self::PhoneOnline),
            "rotate" => Ok(Self::Rotate),
            "break" => of(wish).map(Self::Break),
            "mend" => Ok(Self::Mend),
            "replay" => of(wish).map(Self::Replay),
            _ => Err("there is no such button".into()),
        }
    }
}

/// Does it, and returns what the page wants to know of it at once; the rest comes with the view.
pub(super) async fn act(act: Act, board: Board, world: Arc<World>) -> Result<Value, String> {
    match act {
        Act::Connect(Whose { user }) => connect(&user, board, world).await,
        Act::Publish(Posting { user, text, notify }) => publish(&user, text.trim(), notify, &board, &world).await,
        Act::OnBehalf(Whose { user }) => on_behalf(&user, &board, &world).await,
        Act::Chat(Text { user, text }) => write(&user, text.trim(), &board, &world).await,
        Act::Expire(Whose { user }) => expire(&user, &board, &world).await,
        Act::PhoneConnect => phone::connect(&board, &world).await,
        Act::PhonePost(Words { text }) => phone::post(text.trim(), &board, &world).await,
        Act::PhoneExpire => phone::expire(&board, &world).await,
        Act::PhoneOnline => phone::pick_up(&board, &world).await,
        Act::Rotate => rotate(&board, &world).await,
        Act::Break(Broken { kind, user }) => trouble::cause(kind, &user, &board, &world).await,
        Act::Mend => trouble::mend(&board, &world).await,
        Act::Replay(Which { id }) => replay(&id, &board, &world).await,
    }
}

/// Begins a consent, as `sealpost connect` does; the page opens the address.
async fn connect(user: &str, board: Board, world: Arc<World>) -> Result<Value, String> {
    let connection = connection(user.trim())?;
    let landing = Landing::begin(world.player.oauth()).await?;
    let mut url = landing.url().clone();
    // whom the page proposes (OpenID Connect Core §3.1.2.1)
    url.query_pairs_mut().append_pair("login_hint", connection.user.as_str());
    let url = url.to_string();
    tokio::spawn(async move {
        let Ok(Ok((brought, visitor))) = timeout(CONSENT_WITHIN, landing.arrival()).await else { return };
        let result = match brought {
            Ok(code) => {
                let request = request_of(connection, code);
                board.sent(request.id, request.owner.user.as_str(), "exchange a code");
                world.player.exchange(&request).await
            }
            Err(no) => {
                board.change(|view| view.note("consent", no.to_string()));
                Err(no.to_string())
            }
        };
        visitor.tell(page_of(&result)).await;
    });
    Ok(json!({"url": url}))
}

/// Sends a job. What becomes of it is heard as an event.
pub(super) async fn publish(
    user: &str,
    text: &str,
    notify: Option<Notify>,
    board: &Board,
    world: &World,
) -> Result<Value, String> {
    let job = PublishJob { notify, ..job(user, fitting(text)?)? };
    send(&job, (user, &format!("“{text}”")), board, world).await
}

pub(super) fn fitting(text: &str) -> Result<&str, String> {
    let fits = !text.is_empty() && text.chars().count() <= MAX_TEXT;
    if fits { Ok(text) } else { Err(format!("a post here has 1 to {MAX_TEXT} characters")) }
}

async fn on_behalf(user: &str, board: &Board, world: &World) -> Result<Value, String> {
    let request = Player::on_behalf(signed_in(user, world).await?)?;
    send(&request, (user, "exchange a front end's token"), board, world).await
}

async fn write(user: &str, text: &str, board: &Board, world: &World) -> Result<Value, String> {
    let job = chat(signed_in(user, world).await?.owner, fitting(text)?)?;
    send(&job, (user, &format!("“{text}” in a chat")), board, world).await
}

async fn signed_in(user: &str, world: &World) -> Result<SignedIn, String> {
    let stack = world.stack.lock().await;
    stack.azure.as_ref().ok_or("sealpost dev --azure has the practice tenant")?.sign_in(user).await
}

/// Sends a message that a user's job is, and shows its way from here.
pub(super) async fn send<M: Queued>(
    message: &M,
    (user, what): (&str, &str),
    board: &Board,
    world: &World,
) -> Result<Value, String> {
    board.sent(message.id(), user, what);
    let sent = world.player.send(message).await;
    sent.inspect_err(|why| board.unsent(message.id(), why)).map(|()| json!({"id": message.id()}))
}

async fn expire(user: &str, board: &Board, world: &World) -> Result<Value, String> {
    let account = board.read(|view| view.accounts.get(&key(user, PRACTICE)).cloned());
    let account = account.ok_or_else(|| format!("{user} is not connected"))?;
    world.platform("expire", &json!({"user": account.name.as_deref().unwrap_or(user)})).await?;
    board.change(|view| {
        view.account(user, PRACTICE).spoilt = true;
        view.note("platform", format!("ended {user}'s access token; Sealpost does not know yet"));
    });
    Ok(json!({}))
}

async fn rotate(board: &Board, world: &World) -> Result<Value, String> {
    let added = new_key_versions(&world.keys, &world.store).await?;
    let names: Vec<_> = added.iter().map(|key| short(key.version.as_str())).collect();
    let tick = tick(RotationMode::Rewrap, SystemClock.now());
    let message = FollowUp::of(&tick).map_err(|e| e.to_string())?;
    board.change(|view| {
        view.sweep = Some(Sweep { tick: tick.id(), done: 0, shards: world.store.shards(), resealed: None });
        view.note("key", format!("new version {}; a rotation begins", names.join(", ")));
    });
    world.player.producer.send(RotationTick::QUEUE, &message.outgoing()).await?;
    Ok(json!({"versions": added}))
}

async fn replay(id: &str, board: &Board, world: &World) -> Result<Value, String> {
    if let Ok(job) = id.parse() {
        board.change(|view| {
            if let Some(job) = view.job(job) {
                job.reached("replayed");
                (job.outcome, job.why) = (None, None);
            }
        });
    }
    let replayed = world.broker.replay(super::sample::MAX_LETTERS, |letter| letter.name() == id).await;
    match replayed.map_err(|e| e.to_string())? {
        0 => Err("it is not there any more, or nothing says which queue it belongs to".into()),
        replayed => Ok(json!({"replayed": replayed})),
    }
}

/// The beginning of a key version's name, which is enough to tell it from others.
pub(super) fn short(version: &str) -> &str {
    version.get(..8).unwrap_or(version)
}
