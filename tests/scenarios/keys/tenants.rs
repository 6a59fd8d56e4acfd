//! A key of each tenant's own: what is sealed with it, how it rotates, and whose trouble it is when it is missing.

use sealpost_shared::seal::KeyRef;
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{exchange_request, publish_job};
use sealpost_tests::{Pipeline, Setup};
use serde_json::{Value, json};

use super::rotate_everything;

async fn with(template: &str) -> Pipeline {
    Pipeline::start_with(Setup { shards: 4, key: template.into(), ..Setup::default() }).await
}

/// Tenants with one user each, whose name is the platform's too.
const USERS: [(&str, &str); 2] = [("acme", "ada"), ("globex", "bob")];

/// Connects them, which stores a record and the exchange's result.
async fn connect(pipeline: &Pipeline) {
    for (tenant, user) in USERS {
        let request = exchange_request(tenant, user, &pipeline.consent(user).await);
        assert_eq!(pipeline.ask("exchange-request.v1", &request).await["outcome"], "stored");
    }
}

/// How much is sealed under which key.
async fn held(pipeline: &Pipeline) -> Vec<(String, u64)> {
    let holdings = pipeline.store().await.holdings().await.unwrap();
    let held = holdings.into_iter().filter(|(_, holding)| holding.held > 0);
    held.map(|(key, holding)| (key.id.to_string(), holding.held)).collect()
}

async fn published(pipeline: &Pipeline, tenant: &str, user: &str) -> Value {
    pipeline.ask("publish-job.v1", &publish_job(tenant, user, "hello")).await["outcome"].clone()
}

fn added(said: &str) -> Vec<KeyRef> {
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let name = |line: &Value, field: &str| line[field].as_str().unwrap().to_owned();
    lines
        .map(|line| KeyRef {
            id: name(&line, "key").parse().unwrap(),
            version: name(&line, "version").parse().unwrap(),
        })
        .collect()
}

#[tokio::test]
async fn what_a_tenant_has_is_sealed_with_its_own_key_and_rotates_alone() {
    let pipeline = with("tokens-{tenant}").await;
    let (acme, globex) = (pipeline.rotate_key_of("tokens-acme"), pipeline.rotate_key_of("tokens-globex"));
    let _worker = pipeline.worker().await;
    connect(&pipeline).await;
    assert_eq!(published(&pipeline, "acme", "ada").await, "published");
    assert_eq!(held(&pipeline).await, [("tokens-acme".into(), 3), ("tokens-globex".into(), 2)], "records and results");

    let said = run(&pipeline, &["keys", "rotate", "--tenant", "acme", "--json"]).await;
    let [newer] = added(&said.stdout).try_into().unwrap();
    assert_eq!(newer.id, acme.id);
    let counts = rotate_everything(&pipeline).await["counts"].clone();
    assert_eq!(counts, json!({"refreshed": 0, "resealed": 3, "ended": 0, "failed": 0}));
    assert_eq!(pipeline.event("key.empty").await.json()["version"], acme.version.to_string());
    for (key, holds) in [(&acme, 0), (&newer, 3), (&globex, 2)] {
        assert_eq!(pipeline.held_under(key).await, holds, "{key}");
    }
    for (tenant, user) in USERS {
        assert_eq!(published(&pipeline, tenant, user).await, "published");
    }
    // the version alone says which key's it is, as long as the store knows it
    let early = run(&pipeline, &["keys", "retire", globex.version.as_str()]).await;
    assert!(!early.good && early.stderr.contains("it is the latest"), "{}", early.stderr);
    let told = run(&pipeline, &["keys", "retire", acme.version.as_str(), "--key", "tokens-acme"]).await;
    assert!(told.good, "{}", told.stderr);
    let newer = newer.version.as_str();
    let other_case = run(&pipeline, &["keys", "retire", newer, "--key", "Tokens-Acme"]).await;
    assert!(!other_case.good && other_case.stderr.contains("is called tokens-acme"), "{}", other_case.stderr);
    let listed = run(&pipeline, &["keys", "list"]).await;
    for row in [["tokens-acme", acme.version.as_str(), "retired"], ["tokens-globex", globex.version.as_str(), "latest"]]
    {
        assert!(listed.row(&row).is_some(), "{}", listed.stdout);
    }
}

#[tokio::test]
async fn all_keys_in_use_rotate_at_once_and_a_command_that_does_not_say_whose_is_refused() {
    let pipeline = with("{tenant_tag}-tokens").await;
    let refused = run(&pipeline, &["keys", "rotate"]).await;
    assert!(!refused.good && refused.stderr.contains("say whose with --tenant"), "{}", refused.stderr);
    let tenants = ["Acme & Co", "globex"];
    for tenant in tenants {
        let said = run(&pipeline, &["keys", "rotate", "--tenant", tenant, "--json"]).await;
        assert_eq!(added(&said.stdout).len(), 1, "{}", said.stderr);
        assert!(!said.stdout.contains(tenant), "{}", said.stdout);
        pipeline.seed_for(tenant, 2).await;
    }
    let before = held(&pipeline).await;
    let said = run(&pipeline, &["keys", "rotate", "--all", "--json"]).await;
    let added = added(&said.stdout);
    assert_eq!(added.len(), 2, "{}", said.stderr);
    let _worker = pipeline.worker().await;
    assert_eq!(rotate_everything(&pipeline).await["counts"]["resealed"], 4);
    for key in &added {
        assert_eq!(pipeline.held_under(key).await, 2, "{key}");
    }
    assert_eq!(held(&pipeline).await, before, "each under the key that it had");
}

#[tokio::test]
async fn a_tenant_without_a_key_waits_for_it_and_keeps_nobody_else_waiting() {
    let pipeline = with("tokens-{tenant}").await;
    let worker = pipeline.worker().await;
    for (tenant, _) in USERS {
        pipeline.rotate_key_of(&format!("tokens-{tenant}"));
    }
    connect(&pipeline).await;
    drop(worker);
    let (acme, globex) = (pipeline.rotate_key_of("tokens-acme"), pipeline.rotate_key_of("tokens-globex"));
    let ring = std::fs::read_to_string(pipeline.keyring()).unwrap();
    let mut without: Value = serde_json::from_str(&ring).unwrap();
    without["versions"].as_array_mut().unwrap().retain(|version| version["id"] != "tokens-globex");
    pipeline.write("keyring.json", &without.to_string());

    let _worker = pipeline.worker().await;
    let waiting = pipeline.send("publish-job.v1", &publish_job("globex", "bob", "later")).await;
    assert_eq!(published(&pipeline, "acme", "ada").await, "published");
    let counts = rotate_everything(&pipeline).await["counts"].clone();
    assert_eq!((&counts["resealed"], &counts["failed"]), (&2.into(), &2.into()), "{counts}");
    assert_eq!(pipeline.held_under(&acme).await, 3, "and the result");

    pipeline.write("keyring.json", &ring);
    assert_eq!(pipeline.answer(&waiting).await.json()["outcome"], "published");
    assert_eq!(rotate_everything(&pipeline).await["counts"]["failed"], 0);
    assert_eq!(pipeline.held_under(&globex).await, 3);
}

#[tokio::test]
async fn a_request_that_is_declined_is_answered_at_once_also_where_no_key_can_note_that() {
    let pipeline = with("tokens-{tenant}").await;
    let _worker = pipeline.worker().await;
    let mut late = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    late["deadline"] = json!("2020-01-01T00:00:00Z");
    for _ in 0..2 {
        let answer = pipeline.ask("exchange-request.v1", &late).await;
        assert_eq!(answer["failure"]["code"], "deadline-passed", "{answer}");
    }
    assert_eq!(pipeline.sandbox.stats().await["token"], json!({}), "nothing was sent");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn a_name_that_no_key_can_have_is_told_with_what_to_do() {
    let pipeline = with("tokens-{tenant}").await;
    let said = run(&pipeline, &["keys", "rotate", "--tenant", "Acme & Co"]).await;
    assert!(!said.good && said.stderr.contains("{tenant_tag} for {tenant} in keys.key"), "{}", said.stderr);
}

#[tokio::test]
async fn from_one_key_for_all_each_tenants_records_move_to_its_own() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    connect(&pipeline).await;
    drop(worker);
    let config = std::fs::read_to_string(pipeline.config()).unwrap();
    pipeline.write("sealpost.toml", &config.replace("key = 'tokens'", "key = 'tokens-{tenant}'"));
    let (acme, globex) = (pipeline.rotate_key_of("tokens-acme"), pipeline.rotate_key_of("tokens-globex"));
    let _worker = pipeline.worker().await;
    assert_eq!(rotate_everything(&pipeline).await["counts"]["resealed"], 2);
    assert_eq!((pipeline.held_under(&acme).await, pipeline.held_under(&globex).await), (1, 1));
    let left = [("tokens".to_owned(), 2), ("tokens-acme".into(), 1), ("tokens-globex".into(), 1)];
    assert_eq!(held(&pipeline).await, left, "results do not say whose they are, and are forgotten");
    for (tenant, user) in USERS {
        assert_eq!(published(&pipeline, tenant, user).await, "published");
    }
}
