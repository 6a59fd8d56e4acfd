//! The authorization endpoint: what it refuses, whom it tells, and what it sends back.

use std::collections::HashMap;

use reqwest::Response;
use reqwest::header::{HeaderValue, LOCATION};
use url::Url;

use crate::sandbox::{CALLBACK, CHALLENGE, Sandbox, granted};

const GOOD: [(&str, &str); 7] = [
    ("client_id", "sealpost"),
    ("redirect_uri", CALLBACK),
    ("response_type", "code"),
    ("scope", "posts.write"),
    ("state", "s & t/\u{e9}"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

/// The good request with one field changed; an empty value counts as absent.
fn with<'a>(name: &'a str, value: &'a str) -> HashMap<&'a str, &'a str> {
    let mut request = HashMap::from(GOOD);
    request.insert(name, value);
    request
}

async fn ask(sandbox: &Sandbox, request: &HashMap<&str, &str>) -> Response {
    sandbox.get("/authorize").query(request).send().await.expect("sent")
}

/// The query of the address that the answer redirects to.
fn sent_back(answer: &Response) -> HashMap<String, String> {
    assert_eq!(answer.status(), 302);
    let location = answer.headers()[LOCATION].to_str().expect("ASCII");
    assert!(location.starts_with(CALLBACK), "{location}");
    Url::parse(location).expect("a URL").query_pairs().into_owned().collect()
}

#[tokio::test]
async fn allowing_brings_a_code_the_state_and_the_issuer() {
    let sandbox = Sandbox::start();
    let mut form = HashMap::from(GOOD);
    form.extend([("decision", "allow"), ("user", "ada")]);
    let answer = sandbox.post("/authorize").form(&form).send().await.expect("sent");
    let back = sent_back(&answer);
    assert_eq!(back["state"], GOOD[4].1);
    assert_eq!(back["iss"], sandbox.issuer);
    let access = granted(sandbox.redeem(&back["code"]).await).await.access;
    let me = crate::sandbox::json_of(sandbox.get("/api/me").bearer_auth(access)).await;
    assert_eq!((&me["id"], &me["scope"]), (&"ada".into(), &"posts.write".into()));
}

#[tokio::test]
async fn a_typed_name_wins_over_the_buttons() {
    let sandbox = Sandbox::start();
    let mut form = HashMap::from(GOOD);
    form.extend([("decision", "allow"), ("user", "ada"), ("other_user", "Zo\u{eb} B")]);
    let back = sent_back(&sandbox.post("/authorize").form(&form).send().await.expect("sent"));
    let access = granted(sandbox.redeem(&back["code"]).await).await.access;
    let me = crate::sandbox::json_of(sandbox.get("/api/me").bearer_auth(access)).await;
    assert_eq!(me["id"], "Zo\u{eb} B");
}

#[tokio::test]
async fn denying_brings_access_denied_and_no_code() {
    let sandbox = Sandbox::start();
    let mut form = HashMap::from(GOOD);
    form.extend([("decision", "deny"), ("user", "ada")]);
    let back = sent_back(&sandbox.post("/authorize").form(&form).send().await.expect("sent"));
    assert_eq!(back["error"], "access_denied");
    assert_eq!(back["iss"], sandbox.issuer);
    assert_eq!(back["state"], GOOD[4].1);
    assert!(!back.contains_key("code"));
}

#[tokio::test]
async fn an_answer_keeps_the_query_that_the_address_had() {
    let sandbox = Sandbox::start();
    let address = "http://127.0.0.1:7777/callback?tab=2";
    let mut form = with("redirect_uri", address);
    form.extend([("decision", "allow"), ("user", "ada")]);
    let back = sent_back(&sandbox.post("/authorize").form(&form).send().await.expect("sent"));
    assert_eq!(back["tab"], "2");
    assert!(back.contains_key("code"));
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_loopback_is_shown_and_never_redirected_to() {
    let sandbox = Sandbox::start();
    for address in [
        "http://example.org/callback",
        "https://127.0.0.1/callback",
        "http://127.0.0.1.example.org/",
        "http://127.0.0.1@example.org/",
        "http://user@127.0.0.1/",
        "http://localhost:7777/callback",
        "http://127.0.0.1:7777/#fragment",
        "http://0.0.0.0/",
        "javascript:alert(1)",
        "/callback",
        "",
    ] {
        for decision in ["", "allow", "deny"] {
            let mut request = with("redirect_uri", address);
            request.extend([("decision", decision), ("user", "ada")]);
            let answer = match decision {
                "" => ask(&sandbox, &request).await,
                _ => sandbox.post("/authorize").form(&request).send().await.expect("sent"),
            };
            assert_eq!(answer.status(), 400, "{address} {decision}");
            assert_eq!(answer.headers().get(LOCATION), None::<&HeaderValue>, "{address} {decision}");
        }
    }
}

#[tokio::test]
async fn any_loopback_address_and_port_will_do() {
    let sandbox = Sandbox::start();
    for address in ["http://127.0.0.1/", "http://127.0.0.1:50123/x", "http://[::1]:8080/callback"] {
        assert_eq!(ask(&sandbox, &with("redirect_uri", address)).await.status(), 200, "{address}");
    }
}

#[tokio::test]
async fn an_unknown_client_or_a_field_given_twice_is_shown() {
    let sandbox = Sandbox::start();
    assert_eq!(ask(&sandbox, &with("client_id", "stranger")).await.status(), 400);
    let twice = sandbox.get("/authorize").query(&GOOD).query(&[("redirect_uri", CALLBACK)]);
    assert_eq!(twice.send().await.expect("sent").status(), 400);
}

#[tokio::test]
async fn what_else_is_wrong_goes_back_to_the_client() {
    let sandbox = Sandbox::start();
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "too-short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("scope", "posts.write posts.eat", "invalid_scope"),
        ("state", "", "invalid_request"),
    ] {
        let back = sent_back(&ask(&sandbox, &with(name, value)).await);
        assert_eq!(back["error"], error, "{name}={value}");
        assert_eq!(back["iss"], sandbox.issuer);
        assert_eq!(back.contains_key("state"), name != "state");
    }
}

#[tokio::test]
async fn a_form_that_was_changed_on_the_way_is_checked_again() {
    let sandbox = Sandbox::start();
    let mut form = with("scope", "posts.eat");
    form.extend([("decision", "allow"), ("user", "ada")]);
    let back = sent_back(&sandbox.post("/authorize").form(&form).send().await.expect("sent"));
    assert_eq!(back["error"], "invalid_scope");
}
