//! What comes to the port: the wrong answer, none, one of another issuer, the same twice.

use sealpost_tests::browser::Browser;
use sealpost_tests::pipeline::SOON;
use sealpost_tests::{Pipeline, until};

use super::world::{Connecting, decide, shown};

#[tokio::test]
async fn an_answer_that_was_not_asked_for_changes_nothing_and_the_right_one_still_counts() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let connecting = Connecting::start(&pipeline, "practice", &[]).await;
    let state = connecting.state();
    let mut browser = Browser::new();
    for fields in [
        &[("code", "stolen"), ("state", "another")][..],
        &[("code", "stolen")],
        &[("error", "access_denied")],
        &[("state", &state), ("code", "stolen"), ("state", &state)],
        &[],
    ] {
        let page = browser.visit(connecting.landing(fields)).await;
        assert_eq!((page.status, shown(&page).0.as_str()), (400, "This answer was not asked for"), "{fields:?}");
    }
    let page = browser.fill(connecting.landing(&[("state", &state), ("code", "stolen")]), &[]).await;
    assert_eq!(page.status, 405, "a form is no redirect");
    assert_eq!(decide(&connecting.url, "allow").await.status, 200);
    assert!(connecting.end().await.good);
}

#[tokio::test]
async fn the_same_answer_a_second_time_is_not_used_and_does_not_disturb_the_first() {
    let pipeline = Pipeline::start().await;
    let connecting = Connecting::start(&pipeline, "practice", &[]).await;
    let again = connecting.landing(&[("state", &connecting.state()), ("code", "again")]);
    let url = connecting.url.clone();
    let first = tokio::spawn(async move { decide(&url, "allow").await });
    // there is no worker yet, so that the first one waits
    until("the request is sent", SOON, async || pipeline.rig.broker.ready("exchange-requests").await == Some(1)).await;
    let page = Browser::new().visit(again).await;
    assert_eq!((page.status, shown(&page).0.as_str()), (409, "This answer was here already"));
    let _worker = pipeline.worker().await;
    let page = first.await.unwrap();
    assert_eq!((page.status, shown(&page).0.as_str()), (200, "The account is connected"));
    let said = connecting.end().await;
    assert!(said.good && said.stderr.contains("No worker takes exchange requests now"), "{said:?}");
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"]["ok"], 1);
}

#[tokio::test]
async fn the_users_no_is_told_and_nothing_is_sent() {
    let pipeline = Pipeline::start().await;
    let connecting = Connecting::start(&pipeline, "practice", &[]).await;
    let page = decide(&connecting.url, "deny").await;
    assert_eq!(page.status, 400);
    assert!(shown(&page).1.contains("access_denied (the user said no)"), "{}", page.html);
    let said = connecting.end().await;
    assert!(!said.good && said.stderr.contains("access_denied (the user said no)"), "{said:?}");
    assert_eq!(pipeline.rig.broker.depth("exchange-requests").await, 0);
}

#[tokio::test]
async fn a_code_of_another_issuer_is_not_sent_anywhere() {
    let pipeline = Pipeline::start().await;
    let connecting = Connecting::start(&pipeline, "practice", &[]).await;
    let mixed = [("code", "c"), ("state", &connecting.state()), ("iss", "https://evil.example/<b>")];
    let page = Browser::new().visit(connecting.landing(&mixed)).await;
    assert_eq!((page.status, shown(&page).0.as_str()), (400, "Not connected"));
    assert!(shown(&page).1.contains("https://evil.example/&lt;b&gt;"), "{}", page.html);
    let said = connecting.end().await;
    assert!(!said.good && said.stderr.contains("another issuer"), "{said:?}");
    assert_eq!(pipeline.rig.broker.depth("exchange-requests").await, 0);
}
