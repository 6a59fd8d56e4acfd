//! Tokens of the practice platform that nobody here has yet, requests for them, and the command.

use std::path::PathBuf;

use sealpost_shared::ids;
use sealpost_shared::keys::{KeySource, Keys, LocalKeys};
use sealpost_shared::records::{Content, Record};
use sealpost_tests::Pipeline;
use sealpost_tests::command::{self, Said, end};
use sealpost_tests::pipeline::connection;
use serde_json::{Value, json};
use tokio::process::Child;

/// A refresh token of this user that another system was given.
pub(super) async fn token_of(pipeline: &Pipeline, user: &str) -> String {
    let minted = pipeline.sandbox.mint_tokens(user).await;
    minted["refresh_token"].as_str().unwrap().to_owned()
}

/// A request to bring a token in for the tenant `acme`'s user of this name.
pub(super) fn request(user: &str, token: &str) -> Value {
    json!({
        "id": ids::fresh(), "owner": {"tenant": "acme", "user": user}, "provider": "practice",
        "grant": {"type": "refresh_token", "refresh_token": token}
    })
}

/// Sends one and waits for its answer.
pub(super) async fn import(pipeline: &Pipeline, user: &str, token: &str) -> Value {
    pipeline.ask("exchange-request.v1", &request(user, token)).await
}

pub(super) async fn record(pipeline: &Pipeline, user: &str) -> Option<Record> {
    let store = pipeline.store().await;
    store.load(&store.locate(&connection("acme", user))).await.unwrap()
}

pub(super) async fn content(pipeline: &Pipeline, user: &str) -> Content {
    let record = record(pipeline, user).await.expect("a record");
    let keys = Keys::Local(LocalKeys::open(&pipeline.keyring()).unwrap());
    record.open(&keys.get(record.key()).await.unwrap()).unwrap()
}

/// Token calls of grant `refresh_token`, by outcome.
pub(super) async fn refreshes(pipeline: &Pipeline) -> Value {
    pipeline.sandbox.stats().await["token"]["refresh_token"].clone()
}

/// How many spent refresh tokens came again.
pub(super) async fn reuses(pipeline: &Pipeline) -> Value {
    pipeline.sandbox.stats().await["refresh_reuses"].clone()
}

/// A line of a file.
pub(super) fn line(user: &str, token: &str) -> String {
    json!({"tenant": "acme", "user": user, "provider": "practice", "refresh_token": token}).to_string()
}

/// Writes the lines into a file for its owner only.
pub(super) fn file(pipeline: &Pipeline, lines: &[String]) -> PathBuf {
    pipeline.write("tokens.jsonl", &format!("{}\n", lines.join("\n")));
    pipeline.rig.folder().join("tokens.jsonl")
}

/// Users with a token each.
pub(super) async fn users(pipeline: &Pipeline, number: usize) -> Vec<(String, String)> {
    let mut users = Vec::new();
    for user in 0..number {
        let user = format!("user-{user}");
        let token = token_of(pipeline, &user).await;
        users.push((user, token));
    }
    users
}

/// Starts the command. What it is given stands on its stdin.
pub(super) async fn begin(pipeline: &Pipeline, args: &[&str], stdin: &str) -> Child {
    command::begin(pipeline, &[&["import"], args].concat(), &[], stdin).await
}

/// Runs the command to its end.
pub(super) async fn run(pipeline: &Pipeline, args: &[&str]) -> Said {
    end(begin(pipeline, args, "").await).await
}
