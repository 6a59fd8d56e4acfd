//! What goes well.

use sealpost_shared::ids;
use sealpost_tests::pipeline::{SOON, properties};
use sealpost_tests::{Worker, until};
use serde_json::{Value, json};

use super::people::Person;
use super::world::World;
use super::{devices, entra};

#[tokio::test]
async fn no_flow_leaves_a_secret_in_a_file_a_log_or_an_answer_or_a_name_in_redis() {
    let world = World::start().await;
    let azure = entra::add(&world).await;
    let worker = world.worker().await;
    let (ada, bob) = (world.connected().await, world.connected().await);
    in_messagepack(&world).await;
    again(&world).await;
    entra::exchanges(&world, &azure).await;
    world.look(&[&worker]).await;
    publishes(&world, &worker, &ada).await;
    world.look(&[&worker]).await;
    devices::are_served(&world).await;
    world.look(&[&worker]).await;
    imports(&world).await;
    world.look(&[&worker]).await;
    rotates(&world).await;
    world.look(&[&worker]).await;
    asks(&world, &ada).await;
    world.look(&[&worker]).await;
    revokes(&world, &ada, &bob).await;
    world.look(&[&worker]).await;
    world.ends(worker).await;
}

/// The other encoding.
async fn in_messagepack(world: &World) {
    let request = world.consent(&world.person()).await;
    let sealed = world.sealed("exchange-request.v1", &request).await;
    let body = rmp_serde::to_vec_named(&sealed).unwrap();
    let properties = properties("exchange-request.v1", request["id"].as_str().unwrap());
    let properties = properties.with_content_type("application/msgpack".into());
    for field in ["code", "code_verifier", "nonce"] {
        world.sent(field, request["grant"][field].as_str().unwrap());
    }
    let correlation = world.pipeline.send_raw("exchange-request.v1", &body, properties).await;
    let answer = world.pipeline.answer(&correlation).await;
    world.told("an answer in MessagePack", String::from_utf8_lossy(&answer.body));
    let answer: Value = rmp_serde::from_slice(&answer.body).unwrap();
    assert_eq!(answer["outcome"], "stored", "{answer}");
}

/// The same request twice is answered from the ledger.
async fn again(world: &World) {
    let request = world.consent(&world.person()).await;
    let first = world.ask("exchange-request.v1", &request).await;
    assert_eq!(first["outcome"], "stored", "{first}");
    assert_eq!(world.ask("exchange-request.v1", &request).await["outcome"], "stored");
    let mut other = request.clone();
    other["label"] = json!(world.hidden("label"));
    assert_eq!(world.ask("exchange-request.v1", &other).await["failure"]["code"], "id-reused");
}

async fn publishes(world: &World, worker: &Worker, ada: &Person) {
    let remote = world.hidden("remote-id");
    let url = format!("https://wall.example/{}", world.hidden("remote-url"));
    world.hide("the post's address", &url);
    let body = json!({"id": remote, "url": url}).to_string();
    let told = json!({"path": "/api/posts", "kind": "status", "status": 201, "body": body});
    world.pipeline.sandbox.fault(told).await;
    let job = world.job_with_phone(ada);
    for _ in 0..2 {
        let answer = world.publish(&job).await;
        assert_eq!((&answer["outcome"], &answer["remote"]["id"]), (&json!("published"), &json!(remote)), "{answer}");
    }
    world.expire(ada).await;
    let answer = world.publish(&world.job_with_phone(ada)).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    assert_eq!(world.pipeline.sandbox.stats().await["token"]["refresh_token"]["ok"], 1);
    // three deliveries: the repeated job's notice was sent before, and is not sent again
    worker.measured("sealpost_jobs_total", &["queue=\"notices\"", "outcome=\"sent\""], 3).await;
    assert_eq!(world.pipeline.sandbox.messages().await.len(), 2);
}

async fn imports(world: &World) {
    let person = world.person();
    let mut request = world.about(&person);
    request["grant"] = json!({"type": "refresh_token", "refresh_token": world.held(&person).await});
    assert_eq!(world.ask("exchange-request.v1", &request).await["outcome"], "stored");
    let mut lines = String::new();
    for _ in 0..3 {
        let person = world.person();
        let token = world.held(&person).await;
        world.sent("an imported refresh token", &token);
        let line = json!({
            "tenant": world.tenant, "user": person.user, "provider": world.provider, "refresh_token": token,
        });
        lines += &line.to_string();
        lines.push('\n');
    }
    world.pipeline.write("tokens.jsonl", &lines);
    let said = world.run(&["import", "tokens.jsonl", "--report", "report.jsonl"]).await;
    assert!(said.good, "{}{}", said.stdout, said.stderr);
    let report = sealpost_tests::pipeline::text_of(&world.pipeline.rig.folder().join("report.jsonl"));
    assert_eq!(report.lines().count(), 3);
    world.told("the report of an import", report);
}

async fn rotates(world: &World) {
    assert!(world.run(&["keys", "rotate"]).await.good);
    for tick in [
        json!({"mode": "rewrap"}),
        json!({"mode": "refresh"}),
        json!({"mode": "rewrap", "scope": {"tenant": world.tenant, "provider": world.provider}}),
    ] {
        let mut tick = tick;
        (tick["id"], tick["scheduled_for"]) = (json!(ids::fresh()), json!("2026-11-22T03:00:00Z"));
        world.send("rotation-tick.v1", &tick).await;
        let is_it = |event: &Value| event["tick"] == tick["id"];
        let done = until("the rotation is done", SOON, async || {
            let done = world.pipeline.events("rotation.done").await;
            done.iter().map(sealpost_tests::Message::json).find(is_it)
        });
        let done = done.await;
        assert_eq!(done["counts"]["failed"], 0, "{done}");
    }
    for args in [&["keys", "list"][..], &["keys", "status"], &["keys", "list", "--json"]] {
        assert!(world.run(args).await.good);
    }
}

async fn asks(world: &World, ada: &Person) {
    let answer = world.ask("connection-query.v1", &world.about(ada)).await;
    assert_eq!((&answer["connected"], &answer["connection"]["user"]), (&json!(true), &json!(ada.user)), "{answer}");
    let one = ["--tenant", &world.tenant, "--user", &ada.user, "--provider", &world.provider, "--label", &ada.label];
    for args in [&["connections", "show"][..], &["connections", "show", "--json"]] {
        let said = world.run(&[args, &one].concat()).await;
        assert!(said.good && said.stdout.contains(&ada.user), "{}{}", said.stdout, said.stderr);
    }
    for args in [&["connections", "list", "--json"][..], &["providers", "list"], &["check"], &["check", "--json"]] {
        let said = world.run(args).await;
        assert!(said.good, "{args:?}: {}{}", said.stdout, said.stderr);
    }
}

async fn revokes(world: &World, ada: &Person, bob: &Person) {
    let mut one = world.about(ada);
    one["scope"] = json!("connection");
    let all_of = json!({"id": ids::fresh(), "scope": "owner", "owner": world.owner(bob)});
    let tenant = json!({"id": ids::fresh(), "scope": "tenant", "tenant": world.tenant});
    for request in [one.clone(), one, all_of] {
        let answer = world.ask("revocation-request.v1", &request).await;
        assert_eq!((&answer["outcome"], &answer["counts"]["revoked"]), (&json!("done"), &json!(1)), "{answer}");
    }
    let answer = world.ask("revocation-request.v1", &tenant).await;
    assert_eq!(answer["outcome"], "done", "{answer}");
    assert_ne!(answer["counts"]["revoked"], 0, "{answer}");
}
