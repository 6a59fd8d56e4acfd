//! Commands seal always, and say what they need for it.

use sealpost_tests::Pipeline;
use sealpost_tests::command::{begin, end, run};
use sealpost_tests::pipeline::REDIRECT;
use serde_json::json;

use super::strict;

const ADA: [&str; 6] = ["--tenant", "acme", "--user", "ada", "--provider", "practice"];

#[tokio::test]
async fn a_consent_that_a_command_sends_is_sealed() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let consent = pipeline.consent("ada").await;
    let grant = ["--code", "env:CODE", "--code-verifier", "-", "--redirect-uri", REDIRECT];
    let args = [&["enqueue", "exchange"], &ADA[..], &grant].concat();
    let said = end(begin(&pipeline, &args, &[("CODE", &consent.code)], &consent.verifier).await).await;
    assert!(said.good && said.row(&["outcome", "stored"]).is_some(), "{}{}", said.stdout, said.stderr);
}

#[tokio::test]
async fn tokens_that_are_imported_are_sealed() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let token = pipeline.sandbox.mint_tokens("ada").await["refresh_token"].clone();
    let line = json!({"tenant": "acme", "user": "ada", "provider": "practice", "refresh_token": token});
    pipeline.write("tokens.jsonl", &line.to_string());
    let said = run(&pipeline, &["import", "tokens.jsonl", "--json"]).await;
    assert!(said.good, "{}{}", said.stdout, said.stderr);
}

#[tokio::test]
async fn what_is_sent_from_a_file_is_sealed_also_where_nobody_insists_on_it() {
    let pipeline = Pipeline::start().await;
    let job = json!({"owner": {"tenant": "acme", "user": "ada"}, "provider": "practice",
        "content": {"type": "post", "text": "Hello"}, "device_tokens": {"access_token": "hunter2"}, "newer": 1});
    pipeline.write("job.json", &job.to_string());
    let said = run(&pipeline, &["enqueue", "publish", "--file", "job.json", "--no-wait"]).await;
    assert!(said.good, "{}", said.stderr);
    let sent = pipeline.rig.broker.take("publish-jobs").await.unwrap().json();
    assert!(!sent.to_string().contains("hunter2") && sent["device_tokens"]["access_token"]["sealed"].is_string());
    assert_eq!(sent["newer"], 1);
}

#[tokio::test]
async fn a_file_whose_secrets_cannot_all_be_sealed_is_refused_and_nothing_is_sent() {
    let pipeline = Pipeline::start().await;
    let job = json!({"id": "0199ab3c-7d00-7000-8000-000000000001", "owner": {"tenant": "acme", "user": "ada"},
        "provider": "practice", "content": {"type": "post", "text": "Hello"},
        "device_tokens": {"access_token": "hunter2"}});
    let mut half = pipeline.sealed("publish-job.v1", &job).await;
    half["device_tokens"]["refresh_token"] = json!("hunter2");
    let (mut list, mut large) = (job.clone(), job);
    list["device_tokens"] = json!(["hunter2", "hunter2"]);
    large["newer"] = json!(1e17);
    for (file, told) in [(half, "is sealed already"), (list, "only a text in its own field"), (large, "2^53")] {
        pipeline.write("job.json", &file.to_string());
        let said = run(&pipeline, &["enqueue", "publish", "--file", "job.json", "--no-wait"]).await;
        assert!(!said.good && said.stderr.contains(told), "{}{}", said.stdout, said.stderr);
        assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    }
    assert_eq!(pipeline.rig.broker.ready("publish-jobs").await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn without_a_key_to_seal_to_nothing_is_sent_and_check_tells_what_to_do() {
    let pipeline = strict().await;
    let text = std::fs::read_to_string(pipeline.config()).unwrap();
    pipeline.write("sealpost.toml", &text.replace("[keys]\n", "[keys]\nwire = 'inbound'\n"));
    pipeline.write("token", "spr_anything");
    let args = [&["enqueue", "exchange"], &ADA[..], &["--refresh-token", "file:token"]].concat();
    for args in [&args[..], &["keys", "jwks"]] {
        let said = run(&pipeline, args).await;
        assert!(!said.good && said.stderr.contains("sealpost keys rotate --wire"), "{}", said.stderr);
    }
    let checked = run(&pipeline, &["check"]).await;
    let told = checked.stdout.contains("sealpost keys rotate --wire");
    assert!(!checked.good && told, "{}", checked.stdout);
    assert!(run(&pipeline, &["keys", "rotate", "--wire"]).await.good);
    let checked = run(&pipeline, &["check"]).await;
    assert!(checked.stdout.contains("are sealed to inbound, version"), "{}", checked.stdout);
}

#[tokio::test]
async fn check_says_that_secrets_need_not_be_sealed() {
    let pipeline = Pipeline::start().await;
    let checked = run(&pipeline, &["check", "--json"]).await.json();
    let all = checked["checks"].as_array().unwrap();
    let told = all.iter().find(|one| one["says"].as_str().unwrap().contains("wire.require_sealed = false"));
    assert_eq!(told.unwrap()["mark"], "warning");
}
