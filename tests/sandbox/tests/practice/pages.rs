//! The pages: what they show, and that what comes from outside stays text.

use reqwest::header::CONTENT_SECURITY_POLICY;
use serde_json::json;

use crate::sandbox::{CALLBACK, CHALLENGE, Sandbox};

const MARKUP: &str = r#"<b>&"'</b>"#;
const ESCAPED: &str = "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;";

async fn page(sandbox: &Sandbox, path: &str) -> String {
    let answer = sandbox.get(path).send().await.expect("sent");
    let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().expect("ASCII").to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    answer.text().await.expect("text")
}

#[tokio::test]
async fn the_wall_shows_posts_newest_first() {
    let sandbox = Sandbox::start();
    assert!(page(&sandbox, "/").await.contains("Nothing here yet"));
    let access = sandbox.tokens("ada").await.access;
    for text in ["the older", "the newer"] {
        assert_eq!(sandbox.publish(&access, text).send().await.expect("sent").status(), 201);
    }
    let wall = page(&sandbox, "/").await;
    let at = |text| wall.find(text).unwrap_or_else(|| panic!("{text} is on the wall"));
    assert!(at("the newer") < at("the older"));
    assert!(wall.contains("2 posts"));
}

#[tokio::test]
async fn what_users_write_is_text_on_the_wall() {
    let sandbox = Sandbox::start();
    let access = sandbox.tokens(MARKUP).await.access;
    let new = json!({"text": MARKUP, "title": MARKUP, "in_reply_to": MARKUP});
    let answer = sandbox.post("/api/posts").bearer_auth(&access).json(&new).send().await.expect("sent");
    assert_eq!(answer.status(), 201);
    for path in ["/", "/posts/1"] {
        let page = page(&sandbox, path).await;
        assert!(!page.contains("<b>") && !page.contains("<B>"), "{page}");
        assert!(page.matches(ESCAPED).count() >= 4, "author, title, reply and text: {page}");
    }
}

#[tokio::test]
async fn the_consent_page_says_who_asks_for_what_and_escapes_it() {
    let sandbox = Sandbox::start_with(&["--client-name", MARKUP]);
    let query = [
        ("client_id", "sealpost"),
        ("redirect_uri", &*format!("{CALLBACK}?{MARKUP}")),
        ("response_type", "code"),
        ("scope", "posts.write"),
        ("state", MARKUP),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let answer = sandbox.get("/authorize").query(&query).send().await.expect("sent");
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.expect("text");
    assert!(!page.contains("<b>"), "{page}");
    assert!(page.contains(&format!("{ESCAPED} asks for access")), "the app's name: {page}");
    assert!(page.contains(&format!(r#"name="state" value="{ESCAPED}""#)), "the state: {page}");
    assert!(page.contains(&format!(r#"value="{CALLBACK}?{ESCAPED}""#)), "the address: {page}");
    assert!(page.contains("Publish posts in your name"), "{page}");
    assert!(!page.contains("Read your posts"), "only what is asked for: {page}");
}

#[tokio::test]
async fn a_refusal_that_is_shown_is_escaped_too() {
    let sandbox = Sandbox::start();
    let query = [(MARKUP, "1"), (MARKUP, "2")];
    let answer = sandbox.get("/authorize").query(&query).send().await.expect("sent");
    let page = answer.text().await.expect("text");
    assert!(!page.contains("<b>") && page.contains(ESCAPED), "{page}");
}
