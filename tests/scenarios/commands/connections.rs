//! `sealpost connections`.

use std::collections::BTreeSet;

use redis::AsyncCommands;
use sealpost_shared::records::Standing;
use sealpost_tests::command::{Said, run};
use sealpost_tests::pipeline::{connection, publish_job};
use sealpost_tests::{Pipeline, Setup};
use serde_json::{Value, json};

use crate::identity;

fn users(said: &Said) -> Vec<String> {
    let user = |view: &Value| view["connection"]["user"].as_str().unwrap_or("?").to_owned();
    said.json_lines().iter().map(user).collect()
}

async fn small() -> Pipeline {
    Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await
}

#[tokio::test]
async fn a_connection_is_shown_with_what_is_known_of_it_and_without_its_tokens() {
    let pipeline = small().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let ada = ["connections", "show", "--tenant", "acme", "--user", "ada", "--provider", "practice"];
    let said = run(&pipeline, &ada).await;
    assert!(said.good, "{}", said.stderr);
    let version = pipeline.newest_version().await.to_string();
    for row in [
        ["user", "ada"],
        ["standing", "active, since"],
        ["custody", "vault"],
        ["key", &version],
        ["scopes", "posts.write"],
        ["token expires", "(in "],
        ["next refresh due", "Z"],
    ] {
        assert!(said.row(&row).is_some(), "{row:?}: {}", said.stdout);
    }
    let view = run(&pipeline, &[&ada[..], &["--json"]].concat()).await.json();
    assert_eq!(
        (&view["standing"], &view["key_version"], &view["problem"]),
        (&json!("active"), &json!(version), &json!(null))
    );
    assert_eq!(view["record"], pipeline.store().await.locate(&connection("acme", "ada")).to_string());

    let said =
        run(&pipeline, &["connections", "show", "--tenant", "acme", "--user", "ada", "--provider", "other"]).await;
    assert!(!said.good && said.stderr.contains("acme/ada has no connection to other"), "{}", said.stderr);
    let said = run(&pipeline, &["connections", "show", "--tenant", "acme"]).await;
    assert!(!said.good && said.stderr.contains("--provider"), "{}", said.stderr);
}

#[tokio::test]
async fn whose_account_it_is_is_shown_where_the_provider_told() {
    let pipeline = identity::pipeline().await;
    let _worker = pipeline.worker().await;
    identity::connected(&pipeline, "ada", "lovelace").await;
    let ada = ["connections", "show", "--tenant", "acme", "--user", "ada", "--provider", "practice"];
    let said = run(&pipeline, &ada).await;
    assert!(said.row(&["account", "id-of-lovelace (lovelace)"]).is_some(), "{}", said.stdout);
    let view = run(&pipeline, &[&ada[..], &["--json"]].concat()).await.json();
    assert_eq!(view["account"], json!({"id": "id-of-lovelace", "name": "lovelace"}));
}

#[tokio::test]
async fn connections_are_listed_by_tenant_user_provider_and_standing() {
    let pipeline = small().await;
    pipeline.seed(30).await;
    pipeline.seed_for("globex", 3).await;
    let all = users(&run(&pipeline, &["connections", "list", "--json"]).await);
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (33, 30));
    let said = run(&pipeline, &["connections", "list", "--json", "--tenant", "globex"]).await;
    assert_eq!(BTreeSet::from_iter(users(&said)), ["user-0", "user-1", "user-2"].map(Into::into).into());
    let one = run(&pipeline, &["connections", "list", "--tenant", "acme", "--user", "user-7"]).await;
    assert!(one.row(&["acme", "user-7", "practice", "default", "active"]).is_some(), "{}", one.stdout);
    assert_eq!(one.stdout.matches("practice").count(), 1);

    let store = pipeline.store().await;
    let record = store.load(&store.locate(&connection("acme", "user-3"))).await.unwrap().unwrap();
    let standing = Standing::needs_consent(jiff::Timestamp::UNIX_EPOCH, sealpost_schemas::Code::InvalidGrant);
    store.mark(&record, &standing).await.unwrap();
    let said = run(&pipeline, &["connections", "list", "--standing", "needs-consent"]).await;
    assert!(said.row(&["user-3", "needs-consent: invalid-grant"]).is_some(), "{}", said.stdout);
    let said = run(&pipeline, &["connections", "list", "--provider", "other"]).await;
    assert!(said.good && said.stdout.contains("no connections"), "{}", said.stdout);
    let said = run(&pipeline, &["connections", "list", "--limit", "5"]).await;
    assert!(said.stdout.matches("user-").count() == 5 && said.stdout.contains("there are more"), "{}", said.stdout);
    let said = run(&pipeline, &["connections", "list", "--user", "ada"]).await;
    assert!(!said.good && said.stderr.contains("--tenant"), "{}", said.stderr);
}

#[tokio::test]
async fn owners_without_a_connection_are_no_hindrance() {
    let pipeline = small().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let nobody = ["connections", "list", "--tenant", "acme", "--user", "stranger"];
    let said = run(&pipeline, &nobody).await;
    assert!(said.good && said.stdout.contains("no connections"), "{}{}", said.stdout, said.stderr);
    // what is known of a job lies beside the records
    let job = publish_job("acme", "stranger", "never");
    assert_eq!(pipeline.ask("publish-job.v1", &job).await["failure"]["code"], "no-connection");
    assert_eq!(users(&run(&pipeline, &["connections", "list", "--json"]).await), ["ada"]);
    assert!(run(&pipeline, &nobody).await.good);
}

#[tokio::test]
async fn while_records_move_to_a_new_key_version_each_is_listed_once() {
    let pipeline = small().await;
    pipeline.seed(400).await;
    pipeline.rotate_key();
    let _worker = pipeline.worker().await;
    pipeline.send("rotation-tick.v1", &sealpost_tests::pipeline::rotation_tick()).await;
    for _ in 0..5 {
        let listed = users(&run(&pipeline, &["connections", "list", "--json"]).await);
        assert_eq!((listed.len(), BTreeSet::from_iter(listed).len()), (400, 400));
    }
    pipeline.event("rotation.done").await;
}

#[tokio::test]
async fn what_does_not_open_or_cannot_be_read_is_listed_as_that() {
    let pipeline = small().await;
    pipeline.seed(3).await;
    let store = pipeline.store().await;
    let ids = ["user-0", "user-1"].map(|user| store.locate(&connection("acme", user)));
    let key = |id: &sealpost_shared::records::RecordId| format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let mut sealed: Vec<u8> = redis.hget(key(&ids[0]), "sealed").await.unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    let _: () = redis.hset(key(&ids[0]), "sealed", sealed).await.unwrap();
    let _: () = redis.hset(key(&ids[1]), "custody", "nobody").await.unwrap();

    let said = run(&pipeline, &["connections", "list"]).await;
    assert!(said.good, "{}", said.stderr);
    for row in [[&format!("record {}", ids[0])[..10], "active"], ["record", "cannot be read"], ["user-2", "active"]] {
        assert!(said.row(&row).is_some(), "{row:?}: {}", said.stdout);
    }
    let views = run(&pipeline, &["connections", "list", "--json"]).await.json_lines();
    let problem =
        |id: &str| views.iter().find(|view| view["record"] == id).unwrap()["problem"].as_str().unwrap_or_default();
    assert!(problem(&ids[1].to_string()).contains("`custody` is malformed"), "{views:?}");
    assert!(!problem(&ids[0].to_string()).is_empty(), "{views:?}");
    let user = ["connections", "show", "--tenant", "acme", "--user", "user-0", "--provider", "practice"];
    let said = run(&pipeline, &user).await;
    assert!(
        said.good && said.row(&["problem"]).is_some() && said.row(&["custody", "vault"]).is_some(),
        "{}",
        said.stdout
    );
}
