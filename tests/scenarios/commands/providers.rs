//! `sealpost providers list`, and what else is asked of nobody.

use sealpost_tests::Pipeline;
use sealpost_tests::command::{begin, end, run};
use sealpost_tests::pipeline::text_of;
use serde_json::json;

use crate::ledger::world::{Entry, pipeline};

#[tokio::test]
async fn providers_are_listed_with_what_they_take() {
    let pipeline = pipeline(Entry::Findable, None).await;
    let said = run(&pipeline, &["providers", "list"]).await;
    assert!(said.good && said.row(&["practice", "post", "basic", "looked up (post)"]).is_some(), "{}", said.stdout);
    let [entry] = run(&pipeline, &["providers", "list", "--json"]).await.json_lines().try_into().unwrap();
    assert_eq!(
        (&entry["provider"], &entry["content"], &entry["find"]),
        (&json!("practice"), &json!(["post"]), &json!(["post"]))
    );
    assert!(entry["limits"].is_null(), "{entry}");
    assert_eq!((&entry["client_auth"], &entry["idempotency_header"]), (&json!("basic"), &json!("Idempotency-Key")));
    let limited = format!("{}[practice.limits]\ncalls = 50\n", text_of(&pipeline.rig.folder().join("providers.toml")));
    pipeline.write("providers.toml", &limited);
    let said = run(&pipeline, &["providers", "list"]).await;
    assert!(said.row(&["practice", "50 calls in 1 s"]).is_some(), "{}", said.stdout);
    pipeline.write("providers.toml", "practice = 5\n");
    let said = run(&pipeline, &["providers", "list"]).await;
    assert!(
        !said.good && said.stderr.contains("providers.toml, line 1: practice: expected a table"),
        "{}",
        said.stderr
    );
    pipeline.write("providers.toml", "");
    assert!(run(&pipeline, &["providers", "list"]).await.stdout.contains("no providers"));
}

#[tokio::test]
async fn who_reads_no_further_is_told_of_no_failure() {
    let pipeline = Pipeline::start().await;
    let mut child = begin(&pipeline, &["providers", "list"], &[], "").await;
    drop(child.stdout.take());
    let said = end(child).await;
    assert!(said.good && said.stderr.is_empty(), "{}", said.stderr);
}

#[tokio::test]
async fn a_shell_completes_every_command() {
    let pipeline = Pipeline::start().await;
    for shell in ["bash", "zsh", "fish"] {
        let said = run(&pipeline, &["completion", shell]).await;
        assert!(said.good, "{}", said.stderr);
        for word in ["connections", "enqueue", "replay", "no-wait"] {
            assert!(said.stdout.contains(word), "{shell} does not know {word}");
        }
        assert!(!said.stdout.contains("guard"), "{shell} offers what is hidden");
    }
    assert!(!run(&pipeline, &["completion", "cmd"]).await.good);
}
