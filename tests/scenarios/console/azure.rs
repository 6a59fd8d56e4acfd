//! The console of `sealpost dev --azure`: on behalf of a user, to a chat, and the keys of two tenants rotated in the vault.

use sealpost_tests::chromium::Chromium;
use sealpost_tests::machine::{folder, remove_folder};
use sealpost_tests::pipeline::SOON;
use sealpost_tests::{processes_in, until};

use super::clicks::{ends, newest, sticks_out};
use crate::dev::Dev;

#[tokio::test]
async fn a_person_acts_on_behalf_of_a_user_and_rotates_both_tenants_keys_in_the_vault() {
    let base = folder("console-azure");
    let Some(browser) = Chromium::start(&base, None).await else { return remove_folder(&base) };
    let start = base.clone();
    let dev = tokio::task::spawn_blocking(move || Dev::start_with(&start, &["--azure"])).await.unwrap();
    browser.goto(dev.told("in a browser on this machine:")).await;
    browser.sees("body[data-phase=running]").await;
    browser.sees("#azure:not([hidden]) [data-messages='1']").await;

    browser.click("#azure-user option:first-child").await;
    browser.click("#on-behalf").await;
    let connected = newest(&browser, "exchange a front end's token").await;
    ends(&browser, &connected, "stored").await;
    browser.reads("#accounts", "grace@contoso.example").await;
    browser.click("#chat-form button.main").await;
    let written = newest(&browser, "in a chat").await;
    ends(&browser, &written, "published").await;
    browser.sees("[data-messages='2']").await;

    let old = browser.attribute("#versions [data-version]", "data-version").await;
    browser.sees(&format!("[data-version='{old}']:not([data-held='0'])")).await;
    browser.click("#rotate").await;
    browser.reads("#sweep", "256 shards done").await;
    browser.sees(&format!("[data-version='{old}'][data-held='0']")).await;
    browser.sees("#versions [data-version]:nth-child(4)").await;
    let source = browser.window.source().await.unwrap();
    for secret in ["eyJ", "practice-secret"] {
        assert!(!source.contains(secret), "{secret} is on the page");
    }
    assert!(!sticks_out(&browser).await);
    assert_eq!(browser.problems().await, Vec::<String>::new());
    browser.end().await;
    drop(dev);
    until("nothing of it runs", SOON, async || processes_in(&base).is_empty()).await;
    remove_folder(&base);
}
