//! A browser that runs scripts: headless Chromium, driven by chromedriver.

use std::{
    io::{Write, stderr},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use sealpost::dev::child::Guarded;
use serde_json::{Value, json};
use thirtyfour::{Capabilities, WebDriver, WebElement, error::WebDriverResult, prelude::By};
use tokio::time::{sleep, timeout};

use crate::{
    http,
    machine::{binaries, unique},
    pipeline::text_of,
    processes_in, until,
};

/// Everything on a page comes within this time, on a busy machine too.
const SOON: Duration = Duration::from_mins(1);
/// How often chromedriver is started at most.
const TRIES: usize = 3;

/// It talks to nobody but the pages that it is sent to, and needs no display.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

/// A running one, with one window. Dropping it ends it.
#[derive(Debug)]
pub struct Chromium {
    /// The window.
    pub window: WebDriver,
    driver: Guarded,
    /// What its processes have in their command lines.
    data: PathBuf,
}

impl Chromium {
    /// Starts one with its files in `folder`; `None` where there is none, which is said. With a `width`, its screen is
    /// that of a telephone.
    pub async fn start(folder: &Path, width: Option<u32>) -> Option<Self> {
        let there = Command::new("chromedriver").arg("--version").output().is_ok_and(|output| output.status.success());
        if !there {
            let why = "chromedriver is not there (Debian: apt-get install chromium chromium-driver)";
            let _ = writeln!(stderr(), "SKIPPED: what a person does in a browser was not tried; {why}");
            return None;
        }
        let data = folder.join(unique("chromium"));
        let (driver, port) = driver(folder, &data).await;
        let mut options = json!({"args": FLAGS.iter().map(|flag| (*flag).to_owned())
            .chain([format!("--user-data-dir={}", data.display())]).collect::<Vec<_>>()});
        if let Some(width) = width {
            options["mobileEmulation"] = json!({"deviceMetrics": {"width": width, "height": 844, "pixelRatio": 1}});
        }
        let Value::Object(capabilities) = json!({"goog:chromeOptions": options}) else { return None };
        let at = format!("http://127.0.0.1:{port}");
        let builder = WebDriver::builder(at, Capabilities::from(capabilities)).client(http::client());
        let window = builder.connect().await.expect("a window of Chromium");
        Some(Self { window, driver, data })
    }

    /// Goes to a page.
    pub async fn goto(&self, url: &str) {
        self.window.goto(url).await.expect("a page");
    }

    /// Waits until the page has an element like this.
    pub async fn sees(&self, css: &str) -> WebElement {
        until(&format!("the page has {css}"), SOON, async || self.window.find(By::Css(css)).await.ok()).await
    }

    /// Waits until the page has such an element with this attribute, and returns that. One that is just drawn anew has none.
    pub async fn attribute(&self, css: &str, name: &str) -> String {
        until(&format!("{css} has {name}"), SOON, async || {
            let found = self.window.find(By::Css(css)).await.ok()?;
            found.attr(name).await.ok()?
        })
        .await
    }

    /// Waits until the page has none like this.
    pub async fn misses(&self, css: &str) {
        let what = format!("the page has no {css} any more");
        until(&what, SOON, async || self.window.find_all(By::Css(css)).await.is_ok_and(|all| all.is_empty())).await;
    }

    /// Waits until the text of an element like this has these words in it.
    pub async fn reads(&self, css: &str, words: &str) {
        until(&format!("{css} says {words:?}"), SOON, async || {
            let text: WebDriverResult<String> = async { self.window.find(By::Css(css)).await?.text().await }.await;
            text.is_ok_and(|text| text.contains(words))
        })
        .await;
    }

    /// Clicks on an element, as soon as it can be clicked on. One that is just drawn anew was not clicked on.
    pub async fn click(&self, css: &str) {
        until(&format!("{css} can be clicked on"), SOON, async || {
            let clicked: WebDriverResult<()> = async {
                let element = self.window.find(By::Css(css)).await?;
                // to the middle: at an edge the page's head may lie over it
                element.scroll_into_view().await?;
                element.click().await
            }
            .await;
            clicked.is_ok()
        })
        .await;
    }

    /// Writes into a field, in place of what is in it.
    pub async fn write(&self, css: &str, text: &str) {
        let field = self.sees(css).await;
        field.clear().await.expect("a field");
        field.send_keys(text).await.expect("a field");
    }

    /// The value of an expression of JavaScript.
    pub async fn value(&self, expression: &str) -> Value {
        let value = self.window.execute(format!("return {expression}"), Vec::new()).await.expect("a value");
        value.json().clone()
    }

    /// What went wrong on the page so far: scripts that failed, what was not loaded or not allowed.
    pub async fn problems(&self) -> Vec<String> {
        let log = self.window.browser_log().await.expect("the browser's log");
        log.into_iter().filter(|line| line.level == "SEVERE").map(|line| line.message).collect()
    }

    /// Waits for a second window, and goes there.
    pub async fn follow(&self) {
        let first = self.window.window().await.expect("a window");
        let other = until("another window opens", SOON, async || {
            let windows = self.window.windows().await.ok()?;
            windows.into_iter().find(|window| *window != first)
        })
        .await;
        self.window.switch_to_window(other).await.expect("the other window");
    }

    /// Closes this window, and goes to the one that is left.
    pub async fn back(&self) {
        self.window.close_window().await.expect("a window that closes");
        let left = self.window.windows().await.expect("windows").into_iter().next().expect("one that is left");
        self.window.switch_to_window(left).await.expect("the window that is left");
    }

    /// Ends it, and all its processes with it.
    pub async fn end(self) {
        self.window.clone().quit().await.expect("Chromium ends");
        self.driver.terminate().await;
    }
}

/// Starts chromedriver and waits until it tells its port. It was seen not to, once, on an idle machine: then another one is started.
async fn driver(folder: &Path, data: &Path) -> (Guarded, String) {
    for _ in 1..TRIES {
        let (driver, log) = begun(folder, data);
        if let Ok(port) = timeout(SOON, port(&log)).await {
            return (driver, port);
        }
        driver.kill9();
    }
    let (driver, log) = begun(folder, data);
    let port = timeout(SOON, port(&log)).await;
    (driver, port.unwrap_or_else(|_| panic!("chromedriver did not tell its port: {}", text_of(&log))))
}

fn begun(folder: &Path, data: &Path) -> (Guarded, PathBuf) {
    let log = folder.join(unique("chromedriver")).with_extension("log");
    let mut command = Command::new("chromedriver");
    // its crash reports go there too
    command.arg("--port=0").current_dir(folder).env("HOME", data);
    let driver = Guarded::spawn("chromedriver", &binaries().sealpost, &command, &log, None).expect("chromedriver");
    (driver, log)
}

async fn port(log: &Path) -> String {
    loop {
        let text = text_of(log);
        let told = text.split_once("started successfully on port ").and_then(|(_, rest)| rest.split_once('.'));
        if let Some((port, _)) = told {
            return port.to_owned();
        }
        sleep(Duration::from_millis(20)).await;
    }
}

impl Drop for Chromium {
    /// A test that failed leaves nothing behind. chromedriver does not take Chromium along.
    fn drop(&mut self) {
        self.driver.kill9();
        self.driver.wait();
        for pid in processes_in(&self.data).into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
