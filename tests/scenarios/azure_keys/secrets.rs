//! Secrets of the configuration in the vault: `{ vault = … }`.

use sealpost_tests::command::{Said, run};
use sealpost_tests::pipeline::{KEY, SOON, connection, exchange_request, publish_job, text_of};
use sealpost_tests::{Worker, until};
use serde_json::{Value, json};

use super::{VAULT, World};

/// Our secret at the practice platform, as the vault names it.
const NAME: &str = "practice-client";
/// What it is.
pub(super) const SECRET: &str = "sealpost-secret";
/// What it was.
pub(super) const OLD: &str = "before-sealpost-secret";

/// A world whose client secret is in the vault, in these versions, and in no file.
async fn world(more: &str, versions: &[&str]) -> World {
    of_vault(World::start(more).await, versions).await
}

pub(super) async fn of_vault(world: World, versions: &[&str]) -> World {
    for version in versions {
        put(&world, version).await;
    }
    let place = format!("{{ vault = '{}' }}", world.azure.named(NAME));
    edit(&world, "providers.toml", "{ file = 'client.secret' }", &place);
    world.pipeline.write("client.secret", "in-no-file");
    world
}

pub(super) async fn put(world: &World, secret: &str) {
    world.azure.new_version(VAULT, &world.azure.named(NAME), secret).await;
}

fn edit(world: &World, file: &str, old: &str, new: &str) {
    let text = text_of(&world.pipeline.rig.folder().join(file));
    assert!(text.contains(old), "{text}");
    world.pipeline.write(file, &text.replace(old, new));
}

/// A fault of this secret alone, as long as it is not taken back.
fn fault(status: u16) -> Value {
    json!({"at": "vault", "secret": NAME, "kind": "status", "status": status, "always": true})
}

/// Has the access tokens of a user end, so that the next job costs a refresh.
async fn expire(world: &World, user: &str) {
    world.pipeline.sandbox.admin(reqwest::Method::POST, "expire", Some(json!({"user": user}))).await;
}

async fn publishes(world: &World, user: &str) {
    let answer = world.pipeline.ask("publish-job.v1", &publish_job("acme", user, "hello")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
}

/// Neither log nor metrics hold any version of the secret.
pub(super) async fn says_nothing(world: &World, worker: &Worker) {
    let name = world.azure.named(NAME);
    let (log, (_, page)) = (worker.log(), worker.page("/metrics").await);
    assert!(log.contains(&format!("secret.name={name}")), "what was read is told: {log}");
    assert!(page.contains(&format!("secret=\"{name}\"")), "{page}");
    for text in [&log, &page] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

/// Whether a check says this of secrets; a long cell is broken into lines.
fn tells(said: &Said, mark: &str, says: &str) -> bool {
    let solid = |text: &str| text.replace(|c: char| c.is_whitespace() || "│┆".contains(c), "");
    said.row(&[mark, "secrets"]).is_some() && solid(&said.stdout).contains(&solid(says))
}

#[tokio::test]
async fn token_calls_are_made_with_a_secret_of_the_vault_which_is_read_once_and_never_told() {
    let world = world("", &[SECRET]).await;
    let worker = world.pipeline.worker_with(&["all"], &[("SEALPOST_LOG", "debug")]).await;
    for user in ["ada", "ben"] {
        world.pipeline.connect(user).await;
        expire(&world, user).await;
        publishes(&world, user).await;
    }
    assert_eq!(world.azure.count(VAULT, "get-latest", NAME).await, 1);
    says_nothing(&world, &worker).await;
    let said = run(&world.pipeline, &["check"]).await;
    assert!(tells(&said, "✓", "all can be read") && !said.stdout.contains(SECRET), "{}", said.stdout);
    let list = run(&world.pipeline, &["providers", "list"]).await;
    assert!(list.good && !list.stdout.contains(NAME) && !list.stdout.contains(SECRET), "{}", list.stdout);
}

#[tokio::test]
async fn a_refused_secret_is_looked_up_anew_and_the_call_is_made_once_more_with_the_newer_one() {
    let world = of_vault(World::anywhere(KEY, "").await, &[OLD]).await;
    let worker = world.pipeline.worker().await;
    // both are cached for minutes; what the worker read when it started is not the latest any more
    put(&world, SECRET).await;
    world.pipeline.connect("ada").await;
    assert_eq!(worker.metric("sealpost_attempts_failed_total", &[]).await, 0, "it took one attempt");
    says_nothing(&world, &worker).await;
}

#[tokio::test]
async fn a_secret_that_is_refused_and_has_no_newer_version_fails_as_one_of_a_file_does() {
    let world = world("", &[OLD]).await;
    let worker = world.pipeline.worker().await;
    let request = exchange_request("acme", "ada", &world.pipeline.consent("ada").await);
    let asked = world.pipeline.send("exchange-request.v1", &request).await;
    worker.measured("sealpost_attempts_failed_total", &["code=\"invalid-client\""], 1).await;
    edit(&world, "providers.toml", &format!("{{ vault = '{NAME}' }}"), "{ file = 'client.secret' }");
    world.pipeline.write("client.secret", SECRET);
    worker.kill9().await;
    let _next = world.pipeline.worker().await;
    let answer = world.pipeline.answer(&asked).await.json();
    assert_eq!(answer["outcome"], "stored", "a secret in a file still works, and the code was not spent: {answer}");
}

#[tokio::test]
async fn a_new_version_is_taken_up_within_the_configured_time_without_a_restart() {
    let world = of_vault(World::anywhere(KEY, "latest_seconds = 1").await, &[SECRET]).await;
    let worker = world.pipeline.worker().await;
    world.pipeline.connect("ada").await;
    put(&world, OLD).await;
    until("the newer one is used, which this platform does not take", SOON, async || {
        expire(&world, "ada").await;
        world.pipeline.send("publish-job.v1", &publish_job("acme", "ada", "later")).await;
        worker.metric("sealpost_token_calls_total", &["outcome=\"invalid-client\""]).await > 0
    })
    .await;
    put(&world, SECRET).await;
    publishes(&world, "ada").await;
    says_nothing(&world, &worker).await;
}

#[tokio::test]
async fn the_cached_secret_goes_on_being_used_while_the_vault_is_down_and_readiness_tells() {
    let world = world("latest_seconds = 1", &[SECRET]).await;
    let worker = world.pipeline.worker().await;
    world.pipeline.connect("ada").await;
    world.azure.fault(fault(503)).await;
    until("the secret grew old, and the vault was asked in vain", SOON, async || {
        expire(&world, "ada").await;
        publishes(&world, "ada").await;
        worker.page("/readyz").await.0 == 503
    })
    .await;
    world.pipeline.connect("ben").await;
    let (_, why) = worker.page("/readyz").await;
    assert!(why.contains(NAME) && why.contains("503"), "{why}");
    world.azure.well_again().await;
    until("readiness tells that the vault is back", SOON, async || worker.page("/readyz").await.0 == 200).await;
}

#[tokio::test]
async fn a_missing_secret_is_told_and_its_token_calls_wait_for_it_and_cost_no_consent() {
    let world = of_vault(World::anywhere(KEY, "").await, &[]).await;
    let said = run(&world.pipeline, &["check"]).await;
    let name = world.azure.named(NAME);
    let missing = format!("provider practice: oauth.client_secret: the secret {name}: not in the key source");
    assert!(tells(&said, "✗", &missing), "{}", said.stdout);
    let list = run(&world.pipeline, &["providers", "list", "--json"]).await.json();
    assert!(list["client_secret"].as_str().is_some_and(|says| says.contains("not in the key source")), "{list}");
    let worker = world.pipeline.worker().await;
    worker.logged("its token calls will fail").await;
    let request = exchange_request("acme", "ada", &world.pipeline.consent("ada").await);
    let asked = world.pipeline.send("exchange-request.v1", &request).await;
    worker.measured("sealpost_attempts_failed_total", &["code=\"key-missing\""], 1).await;
    put(&world, SECRET).await;
    let answer = world.pipeline.answer(&asked).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
    assert_eq!(answer["connection"]["user"], connection("acme", "ada").user.as_str());
}

#[tokio::test]
async fn a_secret_that_we_may_not_read_is_one_providers_trouble_and_says_which_role_is_missing() {
    let world = world("", &[SECRET]).await;
    world.azure.fault(fault(403)).await;
    let said = run(&world.pipeline, &["check"]).await;
    assert!(tells(&said, "✗", "Key Vault Secrets User"), "{}", said.stdout);
    let worker = world.pipeline.worker().await;
    let request = exchange_request("acme", "ada", &world.pipeline.consent("ada").await);
    let asked = world.pipeline.send("exchange-request.v1", &request).await;
    worker.measured("sealpost_attempts_failed_total", &["code=\"key-source-unavailable\""], 1).await;
    assert_eq!(worker.page("/readyz").await.0, 200, "other providers' calls go on");
    world.azure.well_again().await;
    let answer = world.pipeline.answer(&asked).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
}

#[tokio::test]
async fn a_key_that_seals_is_sent_to_nobody_whatever_an_entry_names() {
    let world = world("", &[]).await;
    let rotated = run(&world.pipeline, &["keys", "rotate"]).await;
    assert!(rotated.good, "{}", rotated.stderr);
    for (name, says) in [("TOKENS", "is a key that seals"), ("sealpost-index", "is a key that seals")] {
        edit(&world, "providers.toml", &format!("vault = '{NAME}'"), &format!("vault = '{name}'"));
        let said = run(&world.pipeline, &["providers", "list"]).await;
        assert!(
            !said.good && said.stderr.contains("oauth.client_secret") && said.stderr.contains(says),
            "{}",
            said.stderr
        );
        edit(&world, "providers.toml", &format!("vault = '{name}'"), &format!("vault = '{NAME}'"));
    }
    // where tenants have keys of their own, a name does not tell; the key itself does
    edit(&world, "sealpost.toml", "key = 'tokens'", "key = 'tokens-{tenant}'");
    edit(&world, "providers.toml", &format!("vault = '{NAME}'"), "vault = 'tokens'");
    let said = run(&world.pipeline, &["check"]).await;
    assert!(tells(&said, "✗", "which nobody else must be sent"), "{}", said.stdout);
}

#[tokio::test]
async fn the_addresses_of_broker_and_store_may_be_in_the_vault_and_a_worker_waits_for_it() {
    let world = World::start("limit_seconds = 1").await;
    for (file, name) in [("broker.url", "broker-url"), ("redis.url", "store-url")] {
        let url = text_of(&world.pipeline.rig.folder().join(file));
        world.azure.new_version(VAULT, name, &url).await;
        edit(&world, "sealpost.toml", &format!("{{ file = '{file}' }}"), &format!("{{ vault = '{name}' }}"));
        world.pipeline.write(file, "in-no-file");
    }
    world.azure.fault(json!({"at": "vault", "kind": "hang", "always": true})).await;
    let worker = world.pipeline.waiting_worker().await;
    worker.logged("waiting for the key source").await;
    let (status, why) = worker.page("/readyz").await;
    assert!(status == 503 && worker.page("/livez").await.0 == 200, "{status} {why}");
    world.azure.well_again().await;
    worker.logged("working").await;
    world.pipeline.connect("ada").await;
    let said = run(&world.pipeline, &["check"]).await;
    assert!(said.row(&["✓", "store"]).is_some() && tells(&said, "✓", "all can be read"), "{}", said.stdout);
    let listed = run(&world.pipeline, &["connections", "list", "--tenant", "acme"]).await;
    assert!(listed.good, "{}", listed.stderr);
}

#[tokio::test]
async fn a_private_key_may_be_in_the_vault_with_its_certificate() {
    let world = world("", &[]).await;
    let made = world.azure.admin(reqwest::Method::POST, "certificates", Value::Null).await;
    let [key, certificate] = ["key", "certificate"].map(|name| made[name].as_str().unwrap().to_owned());
    put(&world, &format!("{key}\n{certificate}")).await;
    let both = format!(
        "client_auth = 'private_key_jwt'\nclient_key = {{ vault = '{NAME}' }}\nclient_certificate = {{ vault = '{NAME}' }}"
    );
    edit(&world, "providers.toml", &format!("client_secret = {{ vault = '{NAME}' }}"), &both);
    let list = run(&world.pipeline, &["providers", "list"]).await;
    assert!(list.row(&["practice", "private_key_jwt", "good until"]).is_some(), "{}{}", list.stdout, list.stderr);
    put(&world, &certificate).await;
    let said = run(&world.pipeline, &["check"]).await;
    assert!(tells(&said, "✗", "oauth.client_key: it has no private key as PEM"), "{}", said.stdout);
}
