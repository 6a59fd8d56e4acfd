//! The contract in the hands of `AsyncAPI`'s own tools.

use std::path::Path;
use std::process::{Output, Stdio};

use sealpost_tests::chromium::Chromium;
use sealpost_tests::machine::{folder, remove_folder, workspace};
use sealpost_tests::{node, patience::limited};

const PACKAGES: [&str; 2] = ["@asyncapi/parser@3.6.3", "@asyncapi/react-component@3.2.1"];

/// Parses a document and draws it; returns what was complained of, `written` where nothing was.
async fn drawn(document: &Path, page: &Path) -> String {
    let (document, page) = (document.to_owned(), page.to_owned());
    let run = move || {
        let mut command = node::script(20, &PACKAGES, include_str!("../../scripts/contract.mjs"));
        let child = command.arg(document).arg(page).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _limited = limited(&child);
        let Output { stdout, stderr, .. } = child.wait_with_output().unwrap();
        [stdout, stderr].map(|text| String::from_utf8(text).unwrap()).concat()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn the_official_parser_is_content_and_the_page_shows_every_queue() {
    let folder = folder("asyncapi");
    let page = folder.join("contract.html");
    assert_eq!(drawn(&workspace().join("schemas/asyncapi.yaml"), &page).await, "written\n");
    if let Some(browser) = Chromium::start(&folder, None).await {
        browser.goto(&format!("file://{}", page.display())).await;
        browser.reads("#contract", "publish-jobs").await;
        for shown in [
            "exchange-requests",
            "revocation-requests",
            "publish.published",
            "Asks for content to be published on a user's behalf.",
        ] {
            browser.reads("#contract", shown).await;
        }
        assert_eq!(browser.problems().await, Vec::<String>::new());
        browser.end().await;
    }
    remove_folder(&folder);
}

#[tokio::test]
async fn the_official_parser_finds_what_is_broken() {
    let folder = folder("asyncapi-broken");
    let good = std::fs::read_to_string(workspace().join("schemas/asyncapi.yaml")).unwrap();
    for (whole, broken) in [("action: receive", "action: recieve"), ("#/channels/publish-jobs\"", "#/channels/posts\"")]
    {
        assert!(good.contains(whole), "{whole}");
        let file = folder.join("broken.yaml");
        std::fs::write(&file, good.replacen(whole, broken, 1)).unwrap();
        let said = drawn(&file, &folder.join("broken.html")).await;
        assert!(said.contains("broken.yaml:") && !said.contains("written"), "{said}");
    }
    remove_folder(&folder);
}
