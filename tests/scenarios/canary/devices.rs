//! Tokens that rest with a user's device: sealed on their way there and back.

use sealpost_schemas::{Connection, SealedSecret};
use sealpost_shared::seal::Key;
use sealpost_shared::wire::{PrivateKey, ReplyPlace, open_reply};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::people::Person;
use super::world::World;

/// A phone, which keeps its tokens and the key that they are sealed to.
struct Phone {
    key: PrivateKey,
    tokens: Value,
}

impl Phone {
    fn take(&mut self, answer: &Value) {
        let connection: Connection = serde_json::from_value(answer["connection"].clone()).unwrap();
        let request = answer["request"].as_str().unwrap().parse().unwrap();
        for (name, field) in [("access_token", "/tokens/access_token"), ("refresh_token", "/tokens/refresh_token")] {
            let sealed: SealedSecret = serde_json::from_value(answer["tokens"][name].clone()).unwrap();
            let place = ReplyPlace { request, connection: &connection, field };
            self.tokens[name] = open_reply(&self.key, place, &sealed).unwrap().expose_secret().into();
        }
    }
}

/// Tokens to the device, jobs with them, a refresh, a pickup, and what comes too late.
pub(super) async fn are_served(world: &World) {
    let (person, mut phone) = connected(world).await;
    assert_eq!(world.publish(&job(world, &person, &phone)).await["outcome"], "published");
    world.expire(&person).await;
    for _ in 0..3 {
        let answer = world.publish(&job(world, &person, &phone)).await;
        assert_eq!((&answer["outcome"], &answer["tokens_refreshed"]), (&json!("published"), &json!(true)), "{answer}");
    }
    let old = job(world, &person, &phone);
    let mut pickup = world.about(&person);
    pickup["grant"] = json!({"type": "pickup", "refresh_token": phone.tokens["refresh_token"]});
    let answer = world.ask("exchange-request.v1", &pickup).await;
    assert_eq!(answer["outcome"], "picked-up", "{answer}");
    phone.take(&answer);
    assert_eq!(world.publish(&job(world, &person, &phone)).await["outcome"], "published");
    assert_eq!(world.publish(&old).await["failure"]["code"], "tokens-superseded");
}

async fn connected(world: &World) -> (Person, Phone) {
    let person = world.person();
    let mut phone = Phone { key: PrivateKey::of(&Key::random().unwrap()), tokens: json!({}) };
    let mut request = world.consent(&person).await;
    request["store_on_device"] = true.into();
    request["reply_key"] = phone.key.public("phone").jwk();
    let answer = world.ask("exchange-request.v1", &request).await;
    assert_eq!(answer["outcome"], "on-device", "{answer}");
    phone.take(&answer);
    (person, phone)
}

fn job(world: &World, person: &Person, phone: &Phone) -> Value {
    let mut job = world.job_with_phone(person);
    job["device_tokens"] = phone.tokens.clone();
    job
}
