//! Assertions, the client's and the user's, its key and the tokens that came: in no log at the finest level, no measure, answer,
//! event, header of a dead letter, nor in Redis's files.

use sealpost_shared::keys::{KeySource, LocalKeys};
use sealpost_tests::canary::found;
use sealpost_tests::pipeline::{ANSWERS, EVENTS, SOON};
use sealpost_tests::until;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{Proof, World, job, request};
use crate::operations::secrets::{bodies, files, headers};

/// How every JWT of the tenant's and of ours begins: `{"typ":"JWT"` in base64.
const ANY_JWT: &str = "eyJ0eXAiOiJKV1Qi";

#[tokio::test]
async fn no_assertion_key_or_token_is_anywhere_but_where_it_belongs() {
    let world = World::start(Proof::Certificate).await;
    let key = world.new_certificate().await;
    let pipeline = &world.pipeline;
    let worker = pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "trace")]).await;
    let owner = world.owner("ada").await;
    let mine = world.azure.user_token("ada", json!({})).await;
    assert!(mine.starts_with(ANY_JWT));
    world.pipeline.send("exchange-request.v1", &request(&owner, &mine)).await;
    worker.logged("connection.stored").await;
    // refused by the tenant, which repeats what it was sent; by us; and as a message
    let echo = json!({"error": "invalid_grant", "error_description": format!("of {mine}"), "suberror": mine,
                      "claims": json!({"a": mine}).to_string()});
    let fault = json!({"at": "tenant", "path": "token", "kind": "status", "status": 400, "body": echo.to_string()});
    world.azure.fault(fault).await;
    pipeline.send("exchange-request.v1", &request(&owner, &mine)).await;
    let theirs = world.azure.user_token("grace", json!({})).await;
    pipeline.send("exchange-request.v1", &request(&owner, &theirs)).await;
    let mut wrong = request(&owner, &theirs);
    wrong["scopes"] = json!(["no scope"]);
    pipeline.send("exchange-request.v1", &wrong).await;
    worker.measured("sealpost_jobs_total", &["connection.failed"], 2).await;
    until("one is put aside", SOON, async || pipeline.rig.broker.depth("dead-letters").await == 1).await;
    pipeline.send("publish-job.v1", &job(&owner)).await;
    worker.measured("sealpost_jobs_total", &["publish.published"], 1).await;
    let record = world.record(&owner).await.unwrap();
    let opening = LocalKeys::open(&pipeline.keyring()).unwrap().get(record.key()).await.unwrap();
    let tokens = record.open(&opening).unwrap().tokens;

    let (_, metrics) = worker.page("/metrics").await;
    worker.terminate();
    worker.ended().await;
    let heard = [pipeline.rig.broker.drain(ANSWERS).await, pipeline.rig.broker.drain(EVENTS).await].concat();
    let places = [
        ("log", worker.log()),
        ("metrics", metrics),
        ("answers and events", bodies(&heard) + headers(&heard).as_str()),
        ("headers of dead letters", headers(&pipeline.rig.broker.drain("dead-letters").await)),
        ("Redis's files", files(pipeline.rig.redis.folder())),
    ];
    for ((place, text), known) in
        places.iter().zip(["TRACE", "on_behalf_of", "[removed]", "malformed-message", "record:"])
    {
        assert!(text.contains(known), "{known:?} is not in the {place}");
    }
    let inside = key.lines().filter(|line| line.len() > 60).map(str::to_owned);
    let tokens = [tokens.access_token.unwrap(), tokens.refresh_token.unwrap()];
    let tokens = tokens.iter().map(|token| token.expose_secret().to_owned());
    let secrets: Vec<_> = [ANY_JWT.into(), mine, theirs].into_iter().chain(inside).chain(tokens).collect();
    assert!(secrets.len() > 20);
    for secret in &secrets {
        for (place, text) in &places {
            assert!(found(secret, text).is_none(), "{secret} is in the {place}");
        }
    }
}
