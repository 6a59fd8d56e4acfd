//! What the command prints, opens, waits for and gives up.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, connection, text_of};
use sealpost_tests::{Pipeline, until};
use serde_json::json;
use url::Url;

use super::world::{Connecting, asked, decide, shown};

#[tokio::test]
async fn a_consent_becomes_a_connection_and_both_the_person_and_the_terminal_are_told() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    let connecting = Connecting::start(&pipeline, "practice", &["--label", "second"]).await;
    let redirect: Url = asked(&connecting.url, "redirect_uri").parse().unwrap();
    assert_eq!((redirect.host_str(), redirect.path()), (Some("127.0.0.1"), "/callback"));
    assert_eq!(asked(&connecting.url, "code_challenge_method"), "S256");
    let page = decide(&connecting.url, "allow").await;
    assert_eq!((page.status, shown(&page).0.as_str()), (200, "The account is connected"));
    assert!(shown(&page).1.contains("acme/ada"), "{page:?}");
    let said = connecting.end().await;
    assert!(said.good, "{said:?}");
    for row in [["outcome", "stored"], ["user", "ada"], ["label", "second"], ["scopes", "posts.write"]] {
        assert!(said.row(&row).is_some(), "{row:?}: {}", said.stdout);
    }
    let mut of = connection("acme", "ada");
    of.label = sealpost_schemas::Name::new("second").unwrap();
    let store = pipeline.store().await;
    assert!(store.load(&store.locate(&of)).await.unwrap().is_some());
    assert!(!worker.log().contains("spc_"), "{}", worker.log());
}

#[tokio::test]
async fn what_the_workers_refuse_is_told_and_json_is_the_answer_as_it_came() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let refusal = json!({"path": "/token", "kind": "status", "status": 400, "body": "{\"error\":\"invalid_grant\"}"});
    pipeline.sandbox.fault(refusal).await;
    let connecting = Connecting::start(&pipeline, "practice", &["--json"]).await;
    let page = decide(&connecting.url, "allow").await;
    assert_eq!((page.status, shown(&page).0.as_str()), (400, "Not connected"));
    let said = connecting.end().await;
    assert!(!said.good && said.stderr.contains("not connected: "), "{said:?}");
    let answer = said.json();
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&json!("failed"), &json!("invalid-grant")));
}

#[tokio::test]
async fn it_opens_the_persons_browser() {
    let pipeline = Pipeline::start().await;
    let (script, opened) = (pipeline.rig.folder().join("browser"), pipeline.rig.folder().join("opened"));
    fs::write(&script, format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >'{}'\n", opened.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let args = ["connect", "practice", "--tenant", "acme", "--user", "ada"];
    let env = [("BROWSER", script.to_str().unwrap())];
    let connecting = Connecting::start_with(&pipeline, &args, &env).await;
    until("the browser is opened", SOON, async || !text_of(&opened).is_empty()).await;
    assert_eq!(text_of(&opened).trim(), connecting.url.as_str());
    connecting.interrupt();
    assert!(!connecting.end().await.good);
}

#[tokio::test]
async fn it_does_not_wait_for_ever_and_not_against_ones_will() {
    let pipeline = Pipeline::start().await;
    let slow = Connecting::start(&pipeline, "practice", &["--timeout", "1"]).await.end().await;
    assert!(!slow.good && slow.stderr.contains("no consent within 1 s, so nothing was connected"), "{slow:?}");
    let connecting = Connecting::start(&pipeline, "practice", &[]).await;
    assert_eq!(reqwest_status(&connecting).await, 404);
    let landing = connecting.landing(&[]);
    connecting.interrupt();
    let said = connecting.end().await;
    assert!(!said.good && said.stderr.contains("stopped: nothing was connected"), "{said:?}");
    let port = (landing.host_str().unwrap().to_owned(), landing.port().unwrap());
    assert!(tokio::net::TcpStream::connect(port).await.is_err(), "its port is closed");
    assert_eq!(pipeline.rig.broker.depth("exchange-requests").await, 0);
}

/// Of any other path of the port.
async fn reqwest_status(connecting: &Connecting) -> u16 {
    let mut elsewhere = connecting.landing(&[("state", &connecting.state()), ("code", "c")]);
    elsewhere.set_path("/");
    sealpost_tests::browser::Browser::new().visit(elsewhere).await.status
}

#[tokio::test]
async fn what_can_fail_without_a_consent_fails_before_anybody_is_asked() {
    let pipeline = Pipeline::start().await;
    let whose = ["--tenant", "acme", "--user", "ada"];
    let said = run(&pipeline, &[&["connect", "gazette", "--no-browser"], &whose[..]].concat()).await;
    assert!(!said.good && said.stderr.contains("provider gazette is not in "), "{said:?}");
    pipeline.write("broker.url", "amqp://guest:hunter2@127.0.0.1:1/%2f");
    let said = run(&pipeline, &[&["connect", "practice", "--no-browser"], &whose[..]].concat()).await;
    assert!(!said.good && said.stderr.contains("127.0.0.1:1") && !said.stderr.contains("hunter2"), "{said:?}");
    assert!(!said.stderr.contains("/authorize"), "{said:?}");
}
