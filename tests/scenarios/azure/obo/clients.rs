//! How the client proves itself, and whose certificates are trusted.

use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, text_of};
use sealpost_tests::until;

use super::{Proof, World};

/// A certificate that no tenant knows, made with OpenSSL; good until 2036.
const STRANGERS: [(&str, &str); 2] = [
    ("entra.key.pem", include_str!("../../../../shared/src/oauth/certificate/practice/key.pem")),
    ("entra.certificate.pem", include_str!("../../../../shared/src/oauth/certificate/practice/certificate.pem")),
];

#[tokio::test]
async fn a_certificate_that_the_tenant_does_not_know_spends_nothing_and_a_new_one_needs_no_restart() {
    let world = World::start(Proof::Certificate).await;
    let worker = world.pipeline.worker().await;
    let owner = world.owner("ada").await;
    for (file, text) in STRANGERS {
        world.pipeline.write(file, text);
    }
    let correlation = world.pipeline.send("exchange-request.v1", &world.request(&owner, "ada").await).await;
    worker.measured("sealpost_token_calls_total", &[r#"outcome="invalid-client""#], 1).await;
    assert!(world.record(&owner).await.is_none());
    world.new_certificate().await;
    let answer = world.pipeline.answer(&correlation).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
    assert_eq!(world.azure.count(world.tenant(), "on_behalf_of", &world.azure.places.client_id).await, 1);
}

#[tokio::test]
async fn an_operator_brings_an_assertion_in_from_a_file() {
    let world = World::start(Proof::Certificate).await;
    let _worker = world.pipeline.worker().await;
    let owner = world.owner("ada").await;
    let name = |field: &str| owner[field].as_str().unwrap().to_owned();
    let assertion = world.azure.user_token("ada", serde_json::json!({})).await;
    world.pipeline.write("token", &format!("{assertion}\n"));
    let (tenant, user) = (name("tenant"), name("user"));
    let whose = ["--tenant", &tenant, "--user", &user, "--provider", "entra"];
    let args = [&["enqueue", "exchange", "--assertion", "file:token"][..], &whose].concat();
    let said = run(&world.pipeline, &args).await;
    assert!(said.good && said.row(&["outcome", "stored"]).is_some(), "{}{}", said.stdout, said.stderr);
    assert!(!said.stdout.contains(&assertion) && !said.stderr.contains(&assertion));
    assert!(world.record(&owner).await.is_some());
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_told_by_check_by_the_list_and_by_a_worker_and_no_token_call_is_made() {
    let world = World::start(Proof::Certificate).await;
    let list = run(&world.pipeline, &["providers", "list"]).await;
    assert!(list.row(&["entra", "private_key_jwt", "good until"]).is_some(), "{}", list.stdout);
    assert!(run(&world.pipeline, &["check"]).await.stdout.contains("all can be read"));
    let (file, key) = STRANGERS[0];
    world.pipeline.write(file, key);
    let problem = "oauth.client_certificate: it is not of client_key";
    let list = run(&world.pipeline, &["providers", "list", "--json"]).await;
    assert!(list.stdout.contains(problem), "{}", list.stdout);
    let check = run(&world.pipeline, &["check"]).await;
    assert!(!check.good && check.stdout.contains(&format!("provider entra: {problem}")), "{}", check.stdout);
    let worker = world.pipeline.worker().await;
    worker.logged(problem).await;
    let owner = world.owner("ada").await;
    let correlation = world.pipeline.send("exchange-request.v1", &world.request(&owner, "ada").await).await;
    until("it waits", SOON, async || world.pipeline.rig.broker.depth("delay.1s").await > 0).await;
    world.new_certificate().await;
    let answer = world.pipeline.answer(&correlation).await.json();
    assert_eq!(answer["outcome"], "stored", "{answer}");
    assert_eq!(world.exchanges().await, 1);
    for text in [list.stdout, check.stdout, worker.log()] {
        assert!(key.lines().filter(|line| line.len() > 40).all(|line| !text.contains(line)), "{text}");
    }
}

#[tokio::test]
async fn a_providers_certificate_is_trusted_under_the_authorities_of_the_configuration_alone() {
    let world = World::start(Proof::Secret).await;
    let check = async || run(&world.pipeline, &["check", "--providers", "--json"]).await.stdout;
    let said = check().await;
    assert!(said.contains(&format!("{} answers", world.azure.places.authority)), "{said}");
    let config = text_of(&world.pipeline.config());
    let ca = format!("ca = '{}'\n", world.azure.ca().display());
    assert!(config.contains(&ca));
    world.pipeline.write("sealpost.toml", &config.replace(&ca, ""));
    let said = check().await;
    assert!(said.contains("look at its name, the network, and its certificate"), "{said}");
    world.pipeline.write("sealpost.toml", &config.replace(&ca, "ca = 'own.pem'\n"));
    assert!(check().await.contains("http.ca: "), "a file that is not there");
    for text in ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        world.pipeline.write("own.pem", text);
        let said = run(&world.pipeline, &["check"]).await;
        assert!(!said.good && said.row(&["own.pem", "certificate"]).is_some(), "{text}: {}", said.stdout);
        let said = run(&world.pipeline, &["work", "all"]).await;
        assert!(!said.good && said.stderr.contains("http.ca: "), "{text}: {}", said.stderr);
    }
}
