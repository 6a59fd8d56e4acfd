//! The entry of Twilio in the example, against Twilio's own `OpenAPI` document as Prism serves it.

use sealpost_tests::machine::workspace;
use sealpost_tests::prism::Prism;
use sealpost_tests::{Pipeline, Worker};
use serde_json::Value;

use super::{PHONE, entry, notice, noticed, pipeline};

const TWILIO: &str = "https://api.twilio.com";

/// The example's entry, at Prism; with one change.
fn twilio(prism: &Prism, old: &str, new: &str) -> String {
    let file = std::fs::read_to_string(workspace().join("examples/gateways.toml")).unwrap();
    let (_, entry) = file.split_once("[twilio]\n").unwrap();
    let entry = entry.split("\n[").next().unwrap().replace(TWILIO, prism.origin());
    let entry = entry.replace("{ env = \"TWILIO_AUTH_TOKEN\" }", "{ file = \"sms.key\" }");
    assert!(entry.contains(old), "{entry}");
    entry.replace(old, new)
}

async fn sends(pipeline: &Pipeline, language: &str) -> Worker {
    let worker = pipeline.worker_with(&["notify"], &[]).await;
    pipeline.send("notice.v1", &notice(language, "failed")).await;
    worker
}

fn fields(request: &Value) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request["body"].as_str().unwrap().as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn the_request_is_what_twilios_document_says_and_its_answer_is_read() {
    let (pipeline, prism) = (pipeline("").await, Prism::start().await);
    entry(&pipeline, &twilio(&prism, "", ""));
    let worker = sends(&pipeline, "fr").await;
    noticed(&worker, "sent", 1).await;
    let requests = prism.requests().await;
    assert_eq!((requests.len(), &requests[0]["status"]), (1, &201.into()), "{requests:?}");
    let sent = &requests[0];
    assert_eq!(
        (&sent["method"], sent["headers"]["content-type"].as_str().unwrap()),
        (&"POST".into(), "application/x-www-form-urlencoded")
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let text = "Votre publication sur practice a échoué (revoked).";
    assert_eq!(fields(sent), [pair("Body", text), pair("From", "+15005550006"), pair("To", PHONE)]);
    // Prism's example of an answer: the id is where the entry says
    let sid = serde_json::from_str::<Value>(sent["answer"].as_str().unwrap()).unwrap()["sid"].clone();
    worker.logged(&format!("gateway.message=\"{}\"", sid.as_str().unwrap())).await;
    assert!(!worker.log().contains("sandbox-sms-key"));
}

#[tokio::test]
async fn what_twilios_document_does_not_allow_is_refused_there_and_seen_here() {
    let (pipeline, prism) = (pipeline("").await, Prism::start().await);
    for (number, (old, new, left, said)) in [
        ("To = \"{recipient}\"", "Too = \"{recipient}\"", "refused", "422"),
        ("form = ", "body = ", "refused", "415"),
        ("Messages.json", "Texts.json", "refused", "404"),
        ("AC00000000000000000000000000000000/", "AC0/", "refused", "422"),
    ]
    .iter()
    .enumerate()
    {
        entry(&pipeline, &twilio(&prism, old, new));
        let worker = sends(&pipeline, "en").await;
        noticed(&worker, left, 1).await;
        worker.logged(&format!("it refused the message ({said}")).await;
        assert_eq!(prism.requests().await.len(), number + 1);
        worker.kill9().await;
    }
    // nobody is told who we are
    let without = twilio(&prism, "auth = ", "# ");
    entry(&pipeline, &without);
    let worker = sends(&pipeline, "en").await;
    worker.measured("sealpost_attempts_failed_total", &["invalid-client"], 1).await;
}
