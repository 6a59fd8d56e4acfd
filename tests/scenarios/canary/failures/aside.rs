//! What is put aside: messages that cannot be read, and dead letters that are looked at and played again.

use redis::AsyncCommands;
use reqwest::Method;
use sealpost_shared::ids;
use serde_json::{Value, json};

use super::super::people::Person;
use super::super::world::{World, word};
use super::code;

/// Answers how many are put aside.
pub(super) async fn messages(world: &World) -> u32 {
    let request = world.consent(&world.person()).await;
    let spent = request["grant"]["code"].as_str().unwrap();
    let request = world.sealed("exchange-request.v1", &request).await;
    let text = request.to_string();
    let changed = |at: &str, value: Value| {
        let mut other = request.clone();
        *other.pointer_mut(at).unwrap() = value;
        other.to_string()
    };
    let mut aside = 0;
    for body in [
        text[..text.len() - 1].to_owned(),
        changed("/id", json!(spent)),
        changed("/grant/type", json!(spent)),
        changed("/owner", json!(spent)),
        changed("/owner/user", json!([spent])),
        changed("/grant", json!({spent: spent})),
        changed("/grant/code", json!({"sealed": spent, "key": spent})),
        changed("/grant/code", json!({"sealed": 5, "key": [spent]})),
        changed("/label", json!(format!("{spent}\n{}", "x".repeat(300)))),
    ] {
        let correlation = world.send_misplaced("exchange-request.v1", body.as_bytes(), spent).await;
        let answer = world.answer(&correlation).await;
        assert_eq!(answer["outcome"], "failed", "{answer}");
        aside += 1;
    }
    let person = world.connected().await;
    let mut elsewhere = world.consent(&person).await;
    elsewhere["provider"] = json!(word("unheard-of"));
    let mut device = world.job(&person);
    device["device_tokens"] = json!({"access_token": word("device-access"), "refresh_token": word("device-refresh")});
    let mut pickup = world.about(&person);
    pickup["grant"] = json!({"type": "pickup", "refresh_token": word("device-pickup")});
    let mut assertion = world.about(&person);
    assertion["grant"] = json!({"type": "on_behalf_of", "assertion": word("assertion")});
    for (type_name, message, is_put_aside) in [
        ("exchange-request.v1", elsewhere, true),
        ("exchange-request.v1", pickup, false),
        ("exchange-request.v1", assertion, true),
        ("publish-job.v1", device, false),
    ] {
        let answer = world.ask(type_name, &message).await;
        assert_eq!(answer["outcome"], "failed", "{answer}");
        aside += u32::from(is_put_aside);
    }
    aside
}

/// Dead letters are looked at and played again, and a record does not open.
pub(super) async fn records(world: &World, aside: u32) {
    world.dead(aside).await;
    for args in [&["dead", "list", "--each"][..], &["dead", "list", "--each", "--json"], &["dead", "list"]] {
        assert!(world.run(args).await.good);
    }
    let listed = world.run(&["dead", "list", "--each", "--json"]).await.json_lines();
    for letter in &listed {
        for more in [&[][..], &["--json"]] {
            let id = letter["id"].as_str().unwrap_or_default();
            world.run(&[&["dead", "show", id], more].concat()).await;
        }
    }
    let said = world.run(&["dead", "replay", "--code", "unknown-provider"]).await;
    assert!(said.good && said.stdout.contains("1 replayed"), "{}{}", said.stdout, said.stderr);
    world.dead(aside).await;
    let person = world.connected().await;
    flip(world, &person).await;
    let answer = world.publish(&world.job(&person)).await;
    assert_eq!(code(&answer), "quarantined", "{answer}");
    world.dead(aside + 1).await;
    let job = world.job(&person);
    world.run(&["jobs", "show", job["id"].as_str().unwrap(), "--tenant", &world.tenant, "--user", &person.user]).await;
    let tick = json!({"id": ids::fresh(), "mode": "refresh", "scheduled_for": "2026-11-22T03:00:00Z"});
    world.pipeline.rotate_key();
    world.send("rotation-tick.v1", &tick).await;
    let done = world.pipeline.event("rotation.done").await.json();
    assert_eq!(done["tick"], tick["id"]);
    world.pipeline.sandbox.admin(Method::DELETE, "faults", None).await;
}

/// A bit of what is sealed of a person's record.
async fn flip(world: &World, person: &Person) {
    let id = world.locate(person).await;
    let client = redis::Client::open(world.pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
    let mut sealed: Vec<u8> = redis.hget(&key, "sealed").await.unwrap();
    sealed[40] ^= 1;
    let _: () = redis.hset(&key, "sealed", sealed).await.unwrap();
}
