//! Requests as entries write them, on the practice platform.

use reqwest::Method;
use sealpost_tests::entries::entry;
use sealpost_tests::pipeline::{exchange_request, publish_job};
use sealpost_tests::{Pipeline, Setup, Worker};
use serde_json::{Value, json};
use toml::Table;

/// A pipeline with this one entry, as the provider `name`, and a connection of `ada` there.
async fn with(name: &str, text: &str) -> (Pipeline, Worker) {
    // short, since what is lost is looked at again when no call can be under way
    let pipeline = Pipeline::start_with(Setup { http_limit: 2, ..Setup::default() }).await;
    pipeline.write("providers.toml", &text.replace("https://PLATFORM", pipeline.sandbox.issuer()));
    pipeline.write(&format!("{name}.secret"), "sealpost-secret");
    let worker = pipeline.worker().await;
    let mut request = exchange_request("acme", "ada", &pipeline.consent("ada").await);
    request["provider"] = name.into();
    let answer = pipeline.ask("exchange-request.v1", &request).await;
    assert_eq!(answer["outcome"], "stored", "{answer}");
    (pipeline, worker)
}

/// A job for that provider with this content of type `post`.
fn job(provider: &str, mut content: Value) -> Value {
    let mut job = publish_job("acme", "ada", "");
    content["type"] = "post".into();
    (job["provider"], job["content"]) = (provider.into(), content);
    job
}

/// The queries of the posts that the platform was sent.
async fn queries(pipeline: &Pipeline) -> Vec<Value> {
    let log = pipeline.sandbox.admin(Method::GET, "log", None).await;
    let lines = log["log"].as_array().expect("a list of calls").iter();
    lines.filter(|line| line["call"] == "post").map(|line| line["query"].clone()).collect()
}

#[tokio::test]
async fn the_generic_entry_posts_and_a_lost_answer_is_repeated_under_the_key_that_the_request_names() {
    let (pipeline, _worker) = with("generic", &entry("generic", "https://PLATFORM")).await;
    pipeline.sandbox.fault(json!({"path": "/api/posts", "kind": "drop", "when": "after"})).await;
    let content = json!({"text": "once", "title": "\"it\", {key}", "in_reply_to": "1&x=y#z"});
    let answer = pipeline.ask("publish-job.v1", &job("generic", content)).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    let posts = pipeline.sandbox.posts().await;
    assert_eq!((posts.len(), &posts[0]["title"]), (1, &json!("News: \"it\", {key}")));
    assert_eq!(pipeline.sandbox.stats().await["posts"], json!({"made": 1, "repeated": 1}));
    assert_eq!(queries(&pipeline).await, ["lang=en&re=1%26x%3Dy%23z", "lang=en&re=1%26x%3Dy%23z"]);

    let answer = pipeline.ask("publish-job.v1", &job("generic", json!({"text": "bare"}))).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    assert_eq!(pipeline.sandbox.posts().await[1]["title"], Value::Null, "what is absent is left out");
    assert_eq!(queries(&pipeline).await[2], "lang=en");
}

#[tokio::test]
async fn content_that_cannot_stand_where_its_entry_puts_it_is_refused_and_the_platform_sees_nothing_of_it() {
    let (pipeline, _worker) = with("generic", &entry("generic", "https://PLATFORM")).await;
    for thread in ["1\r\nX-Evil: 1", "über", "\u{202e}1"] {
        let job = job("generic", json!({"text": "x", "in_reply_to": thread}));
        let answer = pipeline.ask("publish-job.v1", &job).await;
        assert_eq!(answer["failure"]["code"], "malformed-message", "{answer}");
        let dead = pipeline.dead_letter().await;
        assert!(dead.header("sealpost-reason").unwrap().contains("content.in_reply_to: goes into a header"));
    }
    assert_eq!(pipeline.sandbox.stats().await["posts"], json!({}));
}

#[tokio::test]
async fn a_form_reaches_the_platform_field_by_field() {
    let mut entry: Table = entry("generic", "https://PLATFORM").parse().unwrap();
    let post = entry["generic"]["publish"]["post"].as_table_mut().unwrap();
    post.remove("body").unwrap();
    let form = "text = '{text}'\ntitle = 'By {recipient}: {title}'\nin_reply_to = '{in_reply_to}'";
    post.insert("form".into(), toml::Value::Table(form.parse().unwrap()));
    let (pipeline, _worker) = with("generic", &toml::to_string(&entry).unwrap()).await;
    let text = "a&title=b+c=d %41\r\n\"über\" \u{1f980}";
    let content = json!({"text": text, "title": "x&y", "to": ["them"], "in_reply_to": "1"});
    let answer = pipeline.ask("publish-job.v1", &job("generic", content)).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    let post = &pipeline.sandbox.posts().await[0];
    assert_eq!(
        (&post["text"], &post["title"], &post["in_reply_to"]),
        (&json!(text), &json!("By them: x&y"), &json!("1"))
    );
}
