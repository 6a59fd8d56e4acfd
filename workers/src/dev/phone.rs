//! A user's phone: it keeps the tokens of its connection, and the key that answers to it are sealed to. Nobody else has either.

use sealpost_schemas::{
    Connection, DeviceTokens, ExchangeRequest, ExchangeResult, Grant, HeldToken, Notify, PublishJob, Secret, Tokens,
};
use sealpost_shared::ids;
use sealpost_shared::seal::Key;
use sealpost_shared::wire::{PrivateKey, ReplyPlace, open_reply};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::play::{Player, job};

/// Whose it is, here.
pub(super) const USER: &str = "amina";
/// Its number.
pub(super) const NUMBER: &str = "+237650000001";

/// The phone.
pub(super) struct Phone {
    key: PrivateKey,
    reply_key: Value,
    connection: Connection,
    held: Option<DeviceTokens>,
}

impl Phone {
    /// One without tokens.
    pub(super) fn new() -> Result<Self, String> {
        let key = PrivateKey::of(&Key::random().map_err(|error| format!("no randomness for a key: {error}"))?);
        let reply_key = key.public("phone").jwk();
        Ok(Self { key, reply_key, connection: job(USER, "")?.connection(), held: None })
    }

    /// How many tokens it holds.
    pub(super) fn tokens(&self) -> usize {
        self.held.as_ref().map_or(0, |held| 1 + usize::from(held.refresh_token.is_some()))
    }

    /// Its user consents, and the tokens come to the phone.
    pub(super) async fn connect(&mut self, player: &Player) -> Result<ExchangeResult, String> {
        let consent = player.consent(USER, "practice").await?;
        let request = ExchangeRequest { store_on_device: true, reply_key: Some(self.reply_key.clone()), ..consent };
        self.ask(player, &request).await
    }

    /// A post, with the tokens that the phone holds and its number: what a text message to a gateway would become.
    pub(super) fn post(&self, text: &str) -> Result<PublishJob, String> {
        let held = self.held.clone().ok_or("the phone holds no tokens; connect it first")?;
        let notify = json!({"phone": NUMBER, "language": "en"});
        let notify: Notify = serde_json::from_value(notify).map_err(|error| error.to_string())?;
        Ok(PublishJob { device_tokens: Some(held), notify: Some(notify), ..job(USER, text)? })
    }

    /// It is online, and gets the newer tokens that wait for it.
    pub(super) async fn pick_up(&mut self, player: &Player) -> Result<ExchangeResult, String> {
        let held = self.held.as_ref().and_then(|held| held.refresh_token.clone());
        let refresh_token = held.ok_or("the phone holds no refresh token; connect it first")?;
        let post = job(USER, "")?;
        let request = ExchangeRequest {
            id: ids::fresh(),
            owner: post.owner,
            provider: post.provider,
            label: post.label,
            store_on_device: false,
            grant: Grant::Pickup(HeldToken { refresh_token, iss: None }),
            scopes: None,
            reply_key: Some(self.reply_key.clone()),
            replace_subject: false,
            deadline: None,
        };
        self.ask(player, &request).await
    }

    async fn ask(&mut self, player: &Player, request: &ExchangeRequest) -> Result<ExchangeResult, String> {
        let mut result = player.exchange_for_tokens(request).await?;
        if let Some(Tokens { access_token, refresh_token, .. }) = result.tokens.take() {
            let open = |field, token: &Secret| self.opened(request.id, field, token);
            let refresh_token = refresh_token.map(|token| open("/tokens/refresh_token", &token)).transpose()?;
            let access_token = open("/tokens/access_token", &access_token)?;
            self.held = Some(DeviceTokens { access_token, refresh_token, expires_at: result.expires_at });
        }
        Ok(result)
    }

    fn opened(&self, request: Uuid, field: &str, token: &Secret) -> Result<Secret, String> {
        let Secret::Sealed(sealed) = token else { return Err(format!("{field} came unsealed")) };
        let place = ReplyPlace { request, connection: &self.connection, field };
        let opened = open_reply(&self.key, place, sealed).map_err(|why| format!("{field}: {why}"))?;
        Ok(Secret::from(opened.expose_secret().to_owned()))
    }
}
