//! Other pages in the same browser, and other names for this machine.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_SECURITY_POLICY, HOST, ORIGIN};
use sealpost_tests::machine::{folder, remove_folder};
use sealpost_tests::pipeline::SOON;
use serde_json::{Value, json};

use crate::dev::Dev;

#[tokio::test]
async fn nobody_but_its_own_page_presses_its_buttons() {
    let base = folder("console-strangers");
    let start = base.clone();
    let dev = tokio::task::spawn_blocking(move || Dev::start(&start)).await.unwrap();
    let url = dev.told("in a browser on this machine:").to_owned();
    assert!(dev.said.starts_with("The console, in a browser on this machine:  http://127.0.0.1:"), "{}", dev.said);
    let http = sealpost_shared::http::client(SOON).unwrap();
    let page = http.get(&url).send().await.unwrap();
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let page = page.text().await.unwrap();
    let token = page.split_once("name=\"sealpost-console\" content=\"").unwrap().1.split('"').next().unwrap();

    let origin = url.trim_end_matches('/');
    let press = async |headers: &[(&str, &str)]| {
        let mut request = http.post(format!("{url}do/publish")).json(&json!({"user": "ada", "text": "pressed"}));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status()
    };
    let mine = ("sealpost-console", token);
    assert_eq!(press(&[]).await, StatusCode::FORBIDDEN);
    assert_eq!(press(&[("origin", origin)]).await, StatusCode::FORBIDDEN);
    assert_eq!(press(&[("origin", "http://evil.example"), mine]).await, StatusCode::FORBIDDEN);
    let rebound = [("host", "evil.example"), ("origin", "http://evil.example"), mine];
    assert_eq!(press(&rebound).await, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(posts(&dev).await, 1);
    assert_eq!(press(&[("origin", origin), mine]).await, StatusCode::OK);
    sealpost_tests::until("what its own page asks for is done", SOON, async || posts(&dev).await == 2).await;

    for path in ["", "live", "main.js"] {
        let rebound = http.get(format!("{url}{path}")).header(HOST, "evil.example").send().await.unwrap();
        assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    let odd = http.post(format!("{url}do/publish")).header(ORIGIN, origin).header(mine.0, mine.1);
    let odd = odd.json(&json!({"user": "ada", "text": " "})).send().await.unwrap();
    assert_eq!(odd.status(), StatusCode::BAD_GATEWAY);
    assert!(odd.json::<Value>().await.unwrap()["problem"].as_str().unwrap().contains("1 to 500 characters"));
    drop(dev);
    sealpost_tests::until("nothing of it runs", SOON, async || sealpost_tests::processes_in(&base).is_empty()).await;
    remove_folder(&base);
}

async fn posts(dev: &Dev) -> usize {
    let http = sealpost_shared::http::client(SOON).unwrap();
    let posts = http.get(format!("{}/admin/posts", dev.told("the wall of posts "))).send().await.unwrap();
    posts.json::<Value>().await.unwrap()["posts"].as_array().unwrap().len()
}
