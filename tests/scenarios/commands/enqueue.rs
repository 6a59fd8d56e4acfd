//! `sealpost enqueue`.

use std::time::Duration;

use sealpost_shared::ids;
use sealpost_tests::command::{Said, begin, end, run};
use sealpost_tests::pipeline::{Consent, REDIRECT, SOON, publish_job};
use sealpost_tests::{Pipeline, Setup, until};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

const ADA: [&str; 6] = ["--tenant", "acme", "--user", "ada", "--provider", "practice"];

/// Enqueues something for acme's ada.
async fn for_ada(pipeline: &Pipeline, what: &str, more: &[&str]) -> Said {
    run(pipeline, &[&["enqueue", what], &ADA[..], more].concat()).await
}

/// Exchanges a consent: its code in the environment, its verifier on stdin.
async fn exchange(pipeline: &Pipeline, Consent { code, verifier }: &Consent, more: &[&str]) -> Said {
    let grant = ["--code", "env:CODE", "--code-verifier", "-", "--redirect-uri", REDIRECT];
    let args = [&["enqueue", "exchange"], &ADA[..], &grant, more].concat();
    end(begin(pipeline, &args, &[("CODE", code)], &format!("{verifier}\n")).await).await
}

#[tokio::test]
async fn a_consent_is_exchanged_and_a_text_published_and_each_answer_is_printed() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let consent = pipeline.consent("ada").await;
    let id = ids::fresh().to_string();
    let said = exchange(&pipeline, &consent, &["--id", &id]).await;
    assert!(said.good, "{}", said.stderr);
    assert!(said.row(&["outcome", "stored"]).is_some() && said.row(&["id", &id]).is_some(), "{}", said.stdout);
    let again = exchange(&pipeline, &consent, &["--id", &id, "--json"]).await;
    assert!(again.good, "the same request is answered again: {}", again.stderr);
    assert_eq!((&again.json()["outcome"], &again.json()["request"]), (&json!("stored"), &json!(id)));

    let said = for_ada(&pipeline, "publish", &["--text", "Hello", "--title", "From a terminal"]).await;
    assert!(said.good && said.row(&["outcome", "published"]).is_some(), "{}{}", said.stdout, said.stderr);
    let url = pipeline.sandbox.posts().await[0]["url"].as_str().unwrap().to_owned();
    assert!(said.row(&["address", &url]).is_some(), "{}", said.stdout);
    let said = for_ada(&pipeline, "publish", &["--text", "Hello again", "--json"]).await.json();
    assert_eq!((&said["outcome"], &said["connection"]["user"]), (&json!("published"), &json!("ada")));
}

#[tokio::test]
async fn a_refresh_token_is_brought_in_from_a_file() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let minted = pipeline.sandbox.mint_tokens("ada").await;
    pipeline.write("token", &format!("{}\n", minted["refresh_token"].as_str().unwrap()));
    let said = for_ada(&pipeline, "exchange", &["--refresh-token", "file:token"]).await;
    assert!(said.good && said.row(&["outcome", "stored"]).is_some(), "{}{}", said.stdout, said.stderr);
}

#[tokio::test]
async fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let pipeline = Pipeline::start().await;
    let said = for_ada(&pipeline, "exchange", &["--refresh-token", "hunter2"]).await;
    assert!(!said.good && said.stderr.contains("--refresh-token: a secret does not belong"), "{}", said.stderr);
    assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    for (wrong, problem) in [
        (&["--code", "-"][..], "required"),
        (&["--code", "-", "--code-verifier", "-", "--redirect-uri", "x"], "only one secret can come from stdin"),
        (&["--refresh-token", "env:NOT_THERE"], "--refresh-token: the environment variable NOT_THERE is not set"),
        (&["--refresh-token", "-", "--code", "-"], "cannot be used with"),
        (&[], "required"),
    ] {
        let said = for_ada(&pipeline, "exchange", wrong).await;
        assert!(!said.good && said.stderr.contains(problem), "{problem}: {}", said.stderr);
    }
    assert_eq!(pipeline.rig.broker.ready("exchange-requests").await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn a_whole_message_comes_from_a_file_or_stdin_and_is_checked_before_it_is_sent() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let mut job = publish_job("acme", "ada", "from a file");
    job["colour"] = json!("blue");
    pipeline.write("job.json", &job.to_string());
    let said = run(&pipeline, &["enqueue", "publish", "--file", "job.json", "--json"]).await;
    assert!(said.good, "{}", said.stderr);
    assert_eq!(said.json()["job"], job["id"]);
    assert!(said.stderr.contains("job.json: 1 field(s) of it are not known"), "{}", said.stderr);
    job.as_object_mut().unwrap().remove("id");
    job["content"]["text"] = json!("from stdin");
    let args = ["enqueue", "publish", "--file", "-"];
    let said = end(begin(&pipeline, &args, &[], &job.to_string()).await).await;
    assert!(said.good && said.row(&["outcome", "published"]).is_some(), "{}{}", said.stdout, said.stderr);

    for (text, problem) in [
        ("{\"hunter2", "stdin: not JSON, at line 1"),
        ("[\"hunter2\"]", "-: must be a JSON object"),
        ("{\"owner\": \"hunter2\"}", "-: owner: "),
        (
            "{\"owner\": {\"tenant\": \"a\", \"user\": \"b\"}, \"provider\": \"hunter2 \"}",
            "-: provider: must be 1 to 64",
        ),
    ] {
        let said = end(begin(&pipeline, &args, &[], text).await).await;
        assert!(!said.good && said.stderr.contains(problem) && !said.stderr.contains("hunter2"), "{}", said.stderr);
    }
    assert_eq!(pipeline.sandbox.posts().await.len(), 2);
}

#[tokio::test]
async fn what_was_not_done_ends_with_an_error_and_says_why() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let said = for_ada(&pipeline, "publish", &["--text", "to nobody"]).await;
    assert!(!said.good && said.stderr.contains("the answer is \"failed\""), "{}", said.stderr);
    assert!(said.row(&["code", "no-connection: The owner has no such connection"]).is_some(), "{}", said.stdout);
    let said = for_ada(&pipeline, "publish", &["--text", "late", "--deadline", "2026-01-01T00:00:00Z", "--json"]).await;
    assert!(!said.good);
    assert_eq!(said.json()["failure"]["code"], "deadline-passed");
}

#[tokio::test]
async fn one_waits_for_no_answer_or_not_for_ever() {
    let pipeline = Pipeline::start().await;
    let id = ids::fresh().to_string();
    let said = for_ada(&pipeline, "publish", &["--text", "one", "--no-wait", "--id", &id]).await;
    assert!(said.good && said.row(&[&id]).is_some() && said.row(&["publish-jobs"]).is_some(), "{}", said.stdout);
    let said = for_ada(&pipeline, "publish", &["--text", "two", "--no-wait", "--json"]).await;
    assert_eq!(said.json()["queue"], "publish-jobs");
    let said = for_ada(&pipeline, "publish", &["--text", "three", "--timeout", "1", "--id", &id]).await;
    assert!(!said.good && said.stderr.contains("no worker takes publish jobs"), "{}", said.stderr);
    let then = format!("no answer within 1 s; it may come yet: sealpost jobs show {id} --tenant 'acme' --user 'ada'");
    assert!(said.stderr.contains(&then), "{}", said.stderr);
    assert_eq!(pipeline.rig.broker.depth("publish-jobs").await, 3);
}

#[tokio::test]
async fn a_rotation_is_waited_for_until_every_shard_is_done() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    pipeline.seed(30).await;
    let (old, new) = (pipeline.newest_version().await, pipeline.rotate_key());
    let args = ["enqueue", "rotate", "--json"];
    let child = begin(&pipeline, &args, &[], "").await;
    let _worker = pipeline.worker().await;
    let said = end(child).await;
    assert!(said.good, "{}", said.stderr);
    assert_eq!((&said.json()["shards"], &said.json()["counts"]["resealed"]), (&json!(4), &json!(30)));
    assert_eq!((pipeline.held(&old).await, pipeline.held(&new).await), (0, 30));
    let said = run(&pipeline, &["enqueue", "rotate", "--tenant", "globex"]).await;
    assert!(said.good && said.row(&["sealed anew", " 0 "]).is_some(), "{}{}", said.stdout, said.stderr);
}

#[tokio::test]
async fn it_asks_again_when_the_broker_ends_its_connection() {
    let pipeline = Pipeline::start().await;
    pipeline.seed(3).await;
    let mut child = begin(&pipeline, &["enqueue", "rotate", "--json"], &[], "").await;
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let queue = "rotation-ticks";
    until("the tick is there", SOON, async || pipeline.rig.broker.ready(queue).await == Some(1)).await;
    // the broker lists a connection late: its own may not be among the first that are ended
    let ending = async {
        loop {
            pipeline.rig.broker.close_all_connections().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let tries_again = async { while !stderr.next_line().await.unwrap().unwrap().contains("trying again") {} };
    tokio::select! {
        () = ending => unreachable!("it goes on"),
        told = tokio::time::timeout(SOON, tries_again) => told.expect("it tries again"),
    }
    let _worker = pipeline.worker().await;
    let said = end(child).await;
    assert!(said.good, "{}", said.stdout);
    assert_eq!(said.json()["shards"], 256);
}

#[tokio::test]
async fn tokens_that_a_table_would_not_show_are_not_asked_for() {
    let pipeline = Pipeline::start().await;
    let request = json!({
        "owner": {"tenant": "acme", "user": "ada"}, "provider": "practice", "store_on_device": true,
        "grant": {"type": "authorization_code", "code": "c", "redirect_uri": REDIRECT, "code_verifier": "v".repeat(43)}
    });
    let mut pickup = request.clone();
    pickup["grant"] = json!({"type": "pickup", "refresh_token": "r"});
    pickup["store_on_device"] = false.into();
    for message in [request, pickup] {
        let child = begin(&pipeline, &["enqueue", "exchange", "--file", "-"], &[], &message.to_string()).await;
        let said = end(child).await;
        assert!(!said.good && said.stderr.contains("ask with --json"), "{message}: {} {}", said.stdout, said.stderr);
    }
}
