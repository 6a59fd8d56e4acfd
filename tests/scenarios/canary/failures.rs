//! What goes wrong: providers that repeat what they were sent, messages that cannot be read, records that do not open.

mod aside;

use sealpost_tests::Worker;
use serde_json::{Value, json};

use super::world::{GATEWAY, World};
use aside::{messages, records};

#[tokio::test]
async fn no_failure_leaves_a_secret_in_a_file_a_log_or_an_answer_or_a_name_in_redis() {
    let world = World::start().await;
    let worker = world.worker().await;
    exchanges(&world).await;
    world.look(&[&worker]).await;
    refreshes(&world).await;
    world.look(&[&worker]).await;
    posts(&world).await;
    world.look(&[&worker]).await;
    revocations(&world, &worker).await;
    notices(&world, &worker).await;
    world.look(&[&worker]).await;
    let aside = messages(&world).await;
    world.look(&[&worker]).await;
    records(&world, aside).await;
    world.look(&[&worker]).await;
    world.ends(worker).await;
}

/// An answer of the platform to the next request at this path, which repeats these in its body and its headers. It is a status
/// and, where one is to be believed, an error code.
async fn echo(world: &World, path: &str, how: &str, secrets: &[&str]) {
    let said = secrets.join(" and ");
    let (status, error) = how.split_once(' ').unwrap_or((how, &said));
    let status: u16 = status.parse().unwrap();
    let body = json!({
        "error": error, "error_description": format!("not {said}"), "error_uri": format!("https://x.example/?{said}"),
        "id": said, "url": format!("https://x.example/?{said}"), "message": [{"text": said}], "access_token": [said],
    });
    // only what fits into a header
    let first = secrets[0];
    let headers = json!({
        "x-echo": first, "location": format!("https://x.example/?token={first}"), "set-cookie": format!("a={first}"),
        "www-authenticate": format!("Bearer error=\"invalid_token\", error_description=\"{first}\""), "retry-after": "1",
    });
    let fault = json!({"path": path, "kind": "status", "status": status, "body": body.to_string(), "headers": headers});
    world.pipeline.sandbox.fault(fault).await;
}

/// Faults without an answer, or with half of it; `after`: it was carried out.
async fn fault(world: &World, path: &str, kind: &str, when: &str) {
    world.pipeline.sandbox.fault(json!({"path": path, "kind": kind, "when": when})).await;
}

fn code(answer: &Value) -> &str {
    answer["failure"]["code"].as_str().unwrap_or_else(|| answer["outcome"].as_str().unwrap())
}

async fn exchanges(world: &World) {
    let mut wrong = Vec::new();
    for (how, expected) in [
        ("400", "invalid-grant"),
        ("400 invalid_grant", "invalid-grant"),
        ("401", "invalid-grant"),
        ("500", "exchange-outcome-lost"),
        ("302", "exchange-outcome-lost"),
        ("200", "exchange-outcome-lost"),
        ("429", "stored"),
        ("hang", "exchange-outcome-lost"),
        ("tear", "exchange-outcome-lost"),
        ("tampered", "id-token-invalid"),
    ] {
        let request = world.consent(&world.person()).await;
        let [spent, verifier] = ["code", "code_verifier"].map(|field| request["grant"][field].as_str().unwrap());
        match how {
            "hang" | "tear" => fault(world, "/token", how, "after").await,
            "tampered" => world.pipeline.sandbox.spoil_id_token(json!({"how": how})).await,
            status => echo(world, "/token", status, &[spent, verifier, &world.client]).await,
        }
        let answer = world.ask("exchange-request.v1", &request).await;
        wrong.extend((code(&answer) != expected).then(|| format!("{how}: {answer}")));
    }
    assert!(wrong.is_empty(), "another end than expected:\n{}", wrong.join("\n"));
}

async fn refreshes(world: &World) {
    let mut wrong = Vec::new();
    for (how, expected) in [
        ("400", "published"),
        ("400 invalid_grant", "needs-consent"),
        ("401 invalid_client", "published"),
        ("500", "published"),
        ("429", "published"),
        ("302", "published"),
        ("hang", "published"),
        ("tear", "refresh-outcome-lost"),
    ] {
        let person = world.connected().await;
        let [access, refresh] = world.tokens_of(&person).await;
        world.expire(&person).await;
        match how {
            "hang" => fault(world, "/token", how, "before").await,
            "tear" => fault(world, "/token", how, "after").await,
            status => echo(world, "/token", status, &[&refresh, &access, &world.client]).await,
        }
        let answer = world.publish(&world.job(&person)).await;
        wrong.extend((code(&answer) != expected).then(|| format!("{how}: {answer}")));
    }
    assert!(wrong.is_empty(), "another end than expected:\n{}", wrong.join("\n"));
}

async fn posts(world: &World) {
    let mut wrong = Vec::new();
    let person = world.connected().await;
    for (how, expected) in [
        ("400", "provider-rejected"),
        ("422", "provider-rejected"),
        ("401", "published"),
        ("429", "published"),
        ("503", "published"),
        ("500", "outcome-unknown"),
        ("302", "outcome-unknown"),
        ("201", "published"),
        ("hang", "outcome-unknown"),
        ("tear", "outcome-unknown"),
    ] {
        let [access, _] = world.tokens_of(&person).await;
        let job = world.job(&person);
        match how {
            "hang" | "tear" => fault(world, "/api/posts", how, "after").await,
            status => echo(world, "/api/posts", status, &[&access]).await,
        }
        let answer = world.publish(&job).await;
        wrong.extend((code(&answer) != expected).then(|| format!("{how}: {answer}")));
    }
    assert!(wrong.is_empty(), "another end than expected:\n{}", wrong.join("\n"));
}

async fn revocations(world: &World, worker: &Worker) {
    for status in ["500", "400 invalid_client"] {
        let person = world.connected().await;
        let [access, refresh] = world.tokens_of(&person).await;
        echo(world, "/revoke", status, &[&refresh, &access, &world.client]).await;
        let mut request = world.about(&person);
        request["scope"] = json!("connection");
        let answer = world.ask("revocation-request.v1", &request).await;
        assert_ne!(answer["outcome"], "failed", "{answer}");
        worker.measured("sealpost_jobs_total", &["queue=\"revocation-requests\""], 1).await;
    }
}

async fn notices(world: &World, worker: &Worker) {
    let person = world.connected().await;
    let job = world.job_with_phone(&person);
    let phone = job["notify"]["phone"].as_str().unwrap();
    echo(world, GATEWAY, "400", &["sandbox-sms-key", phone]).await;
    assert_eq!(world.publish(&job).await["outcome"], "published");
    worker.measured("sealpost_jobs_total", &["queue=\"notices\"", "outcome=\"refused\""], 1).await;
}
