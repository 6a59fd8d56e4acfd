//! A person clicks through all of it, in a real browser.

use sealpost_tests::chromium::Chromium;
use sealpost_tests::machine::{folder, remove_folder};
use sealpost_tests::pipeline::SOON;
use sealpost_tests::{processes_in, until};
use thirtyfour::prelude::By;

use crate::dev::Dev;

/// What begins a token, a code or a JSON Web Token, and the client's secret.
const SECRETS: [&str; 5] = ["spa_", "spr_", "spc_", "eyJ", "sealpost-secret"];

#[tokio::test]
async fn a_person_clicks_through_all_of_it() {
    let base = folder("console");
    let Some(browser) = Chromium::start(&base, None).await else { return remove_folder(&base) };
    let start = base.clone();
    let dev = tokio::task::spawn_blocking(move || Dev::start(&start)).await.unwrap();
    let console = dev.told("in a browser on this machine:");
    browser.goto(console).await;
    browser.sees("body[data-phase=running]").await;

    connect(&browser).await;
    publish(&browser).await;
    told(&browser).await;
    phone(&browser).await;
    let refreshed = expire(&browser).await;
    rotate(&browser).await;
    dead_letter(&browser).await;
    trouble(&browser).await;

    for topic in
        ["connection.stored", "publish.published", "connection.refreshed", "rotation.done", "job.dead-lettered"]
    {
        browser.sees(&format!("#log [data-topic='{topic}']")).await;
    }
    browser.sees("[data-queue=publish-jobs] [data-outcome=published]").await;
    let source = browser.window.source().await.unwrap();
    assert!(source.contains(&refreshed));
    for secret in SECRETS {
        assert!(!source.contains(secret), "{secret} is on the page");
    }
    assert!(!sticks_out(&browser).await);
    assert_eq!(browser.problems().await, Vec::<String>::new());
    browser.end().await;

    let narrow = Chromium::start(&base, Some(390)).await.expect("as before");
    narrow.goto(console).await;
    narrow.sees("[data-post]").await;
    assert_eq!(narrow.value("innerWidth").await, 390);
    assert!(!sticks_out(&narrow).await);
    narrow.end().await;
    drop(dev);
    until("nothing of it runs", SOON, async || processes_in(&base).is_empty()).await;
    remove_folder(&base);
}

/// Whether anything is beyond the right edge.
pub(super) async fn sticks_out(browser: &Chromium) -> bool {
    browser.value("document.documentElement.scrollWidth > document.documentElement.clientWidth").await == true
}

/// Through the practice platform's consent page, in a window of its own.
async fn connect(browser: &Chromium) {
    browser.sees("[data-account=ada][data-provider=practice]").await;
    browser.write("#connect-user", "grace").await;
    browser.click("#connect-form button").await;
    browser.follow().await;
    browser.click("label:has(input[value=grace])").await;
    browser.click("button.allow").await;
    browser.reads("h1", "grace is connected").await;
    browser.reads("p", "acme/grace").await;
    browser.back().await;
    browser.reads("[data-account=grace]", "as grace at practice").await;
}

/// Publishes as grace, and returns the job.
async fn publish_as(browser: &Chromium, text: &str) -> String {
    browser.write("#publish-text", text).await;
    browser.click("#publish-user option[value=grace]").await;
    browser.click("#publish-form button").await;
    newest(browser, text).await
}

/// The newest job, once it is of these words.
pub(super) async fn newest(browser: &Chromium, words: &str) -> String {
    until(&format!("there is a job {words:?}"), SOON, async || {
        let job = browser.window.find(By::Css("#jobs [data-job]")).await.ok()?;
        let is_it = job.text().await.ok()?.contains(words);
        if is_it { job.attr("data-job").await.ok()? } else { None }
    })
    .await
}

/// Waits until a job is where it should be.
pub(super) async fn ends(browser: &Chromium, job: &str, outcome: &str) {
    browser.sees(&format!("[data-job='{job}'][data-outcome='{outcome}']")).await;
}

async fn publish(browser: &Chromium) {
    let job = publish_as(browser, "A first post, <b>as it is</b>").await;
    ends(browser, &job, "published").await;
    browser.sees(&format!("[data-job='{job}'] [data-stage=queued] + .to + [data-stage=published]")).await;
    browser.reads("#wall [data-post]", "A first post, <b>as it is</b>").await;
}

/// Somebody's phone is told, in the language asked for; then nobody's is.
async fn told(browser: &Chromium) {
    browser.write("#publish-phone", "+237 650 000 000").await;
    browser.click("#publish-language option[value=fr]").await;
    let job = publish_as(browser, "A post with a phone").await;
    ends(browser, &job, "published").await;
    browser.reads("#phones [data-to='+237650000000']", "Votre publication sur practice est en ligne.").await;
    browser.sees("[data-queue=notices] [data-outcome=sent]").await;
    browser.write("#publish-phone", "").await;
}

/// A phone keeps its tokens, publishes while it is offline, and has the newer ones when it is online again.
async fn phone(browser: &Chromium) {
    browser.click("#phone-connect").await;
    browser.sees("#phone [data-tokens='2']").await;
    browser.click("#phone-expire").await;
    browser.reads("#log [data-topic=platform]", "amina's phone").await;
    for text in ["From the village", "And once more"] {
        browser.write("#phone-text", text).await;
        browser.click("#phone-form button.main").await;
        let job = newest(browser, text).await;
        ends(browser, &job, "published").await;
        browser.reads("#wall [data-post]", text).await;
    }
    browser.sees("#phone [data-waits=tokens]").await;
    browser.reads("#phones [data-to='+237650000001']", "online").await;
    browser.click("#phone-online").await;
    browser.sees("#phone [data-waits=nothing][data-picked-up='1']").await;
}

/// The next post has the token refreshed that the platform ended.
async fn expire(browser: &Chromium) -> String {
    browser.click("[data-account=grace] button").await;
    browser.reads("[data-account=grace]", "its access token is ended").await;
    let job = publish_as(browser, "A post after that").await;
    ends(browser, &job, "published").await;
    browser.sees(&format!("[data-job='{job}'] [data-stage='token refreshed']")).await;
    browser.reads("[data-account=grace]", "refreshed 1 time").await;
    job
}

async fn rotate(browser: &Chromium) {
    let old = browser.attribute("#versions [data-version]", "data-version").await;
    browser.sees(&format!("[data-version='{old}']:not([data-held='0'])")).await;
    browser.click("#rotate").await;
    browser.reads("#sweep", "256 shards done").await;
    browser.sees(&format!("[data-version='{old}'][data-held='0']")).await;
    browser
        .sees(&format!("#versions [data-version]:first-child:not([data-version='{old}']):not([data-held='0'])"))
        .await;
}

/// What nobody configured is put aside, comes back when it is replayed too early, and is done once its cause is mended.
async fn dead_letter(browser: &Chromium) {
    browser.click("[data-break=unknown-provider]").await;
    let job = newest(browser, "exchange a code of gazette-1").await;
    let letter = format!("[data-letter='{job}']");
    browser.reads(&letter, "unknown-provider").await;
    browser.click(&format!("{letter} button")).await;
    browser.sees(&format!("[data-job='{job}'] [data-stage=replayed] ~ [data-stage='dead letter']")).await;
    browser.sees(&letter).await;
    browser.click("#mend-it").await;
    browser.sees("#mend[hidden]").await;
    browser.click(&format!("{letter} button")).await;
    ends(browser, &job, "stored").await;
    browser.misses(&letter).await;
    browser.sees("[data-account=grace][data-provider=gazette-1]").await;
}

async fn trouble(browser: &Chromium) {
    browser.click("[data-break=malformed]").await;
    browser.sees("[data-letter][data-code=malformed-message]").await;
    browser.click("[data-break=lost-answer]").await;
    let lost = newest(browser, "the answer was lost").await;
    ends(browser, &lost, "unknown").await;
    browser.reads("#wall [data-post]", "the answer was lost").await;
    browser.click("[data-break=unavailable]").await;
    let late = newest(browser, "at the third try").await;
    ends(browser, &late, "published").await;
    browser.reads("#wall [data-post]", "at the third try").await;
    browser
        .sees("[data-queue=publish-jobs] [data-outcome=deferred], [data-queue=publish-jobs] [data-outcome=retried]")
        .await;
}
