//! On behalf of a user of the practice tenant, by a client with a certificate.

use reqwest::Method;
use sealpost_shared::ids;
use sealpost_tests::Azure;
use sealpost_tests::entries::example;
use sealpost_tests::pipeline::text_of;
use serde_json::{Value, json};
use toml::Table;

use super::world::World;

const AUTHORITY: &str = "https://login.microsoftonline.com";

/// Starts the tenant, and puts the example's entry for it beside the platform's, before a worker starts.
pub(super) async fn add(world: &World) -> Azure {
    let (azure, pipeline) = (Azure::start().await, &world.pipeline);
    let made = azure.admin(Method::POST, "certificates", Value::Null).await;
    let (key, certificate) = (made["key"].as_str().unwrap(), made["certificate"].as_str().unwrap());
    pipeline.write("entra.key.pem", key);
    pipeline.write("entra.certificate.pem", certificate);
    // the last one may be short
    for line in key.lines().filter(|line| line.len() == 64) {
        world.secret("the certificate's key", line);
    }
    world.secret("the tenant's client secret", &azure.places.client_secret);
    let mut all: Table = example().parse().unwrap();
    let mut entry = all.remove("entra").unwrap();
    let id = azure.places.client_id.as_str();
    entry["oauth"].as_table_mut().unwrap().insert("client_id".into(), id.into());
    let entry = toml::to_string(&Table::from_iter([("entra".to_owned(), entry)])).unwrap();
    assert!(entry.contains(AUTHORITY), "{entry}");
    let entries = text_of(&pipeline.rig.folder().join("providers.toml"));
    pipeline.write("providers.toml", &format!("{entries}\n{}", entry.replace(AUTHORITY, &azure.places.authority)));
    let config = text_of(&pipeline.config());
    let trusting = format!("[http]\nca = '{}'\n", azure.ca().display());
    assert!(config.contains("[http]\n"), "{config}");
    pipeline.write("sealpost.toml", &config.replace("[http]\n", &trusting));
    azure
}

/// An assertion becomes a connection, one of another user is refused, and one that the tenant repeats in its refusal.
pub(super) async fn exchanges(world: &World, azure: &Azure) {
    let owner = json!({"tenant": azure.places.tenant, "user": azure.refuse("ada", Value::Null).await});
    world.hide("the user's object id", owner["user"].as_str().unwrap());
    let request = |assertion: &str| {
        json!({"id": ids::fresh(), "owner": owner, "provider": "entra",
               "grant": {"type": "on_behalf_of", "assertion": assertion}})
    };
    let mine = azure.user_token("ada", json!({})).await;
    let answer = world.ask("exchange-request.v1", &request(&mine)).await;
    assert_eq!(answer["outcome"], "stored", "{answer}");
    for token in world.tokens_at(&answer).await {
        world.secret("a token of the tenant", token);
    }
    let theirs = azure.user_token("grace", json!({})).await;
    let answer = world.ask("exchange-request.v1", &request(&theirs)).await;
    assert_eq!(answer["failure"]["code"], "owner-mismatch", "{answer}");
    let again = azure.user_token("ada", json!({})).await;
    let echo = json!({"error": "invalid_grant", "error_description": format!("of {again}"), "suberror": again,
                      "claims": json!({"a": again}).to_string()});
    let fault = json!({"at": "tenant", "path": "token", "kind": "status", "status": 400, "body": echo.to_string()});
    azure.fault(fault).await;
    let answer = world.ask("exchange-request.v1", &request(&again)).await;
    assert_eq!(answer["failure"]["code"], "invalid-grant", "{answer}");
}
