//! The command, waiting for a browser, and a browser that goes through the practice platform's pages.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sealpost_tests::Pipeline;
use sealpost_tests::browser::{Browser, Page};
use sealpost_tests::command::{Said, begin};
use sealpost_tests::pipeline::SOON;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr};
use tokio::time::timeout;
use url::Url;

/// The command, which has told where the consent is given.
pub(super) struct Connecting {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
    /// The provider's page.
    pub(super) url: Url,
}

impl Connecting {
    /// Starts it for the user `ada`, without a browser of its own.
    pub(super) async fn start(pipeline: &Pipeline, provider: &str, more: &[&str]) -> Self {
        let args = ["connect", provider, "--tenant", "acme", "--user", "ada", "--no-browser"];
        Self::start_with(pipeline, &[&args, more].concat(), &[]).await
    }

    pub(super) async fn start_with(pipeline: &Pipeline, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = begin(pipeline, args, env, "").await;
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let url = loop {
            let mut line = String::new();
            let read = timeout(SOON, stderr.read_line(&mut line)).await.expect("a line in time").unwrap();
            said += &line;
            assert!(read > 0, "it ended: {said}");
            if let Ok(url) = line.trim().parse::<Url>() {
                break url;
            }
        };
        Self { child, stderr, said, url }
    }

    /// The state that must come back.
    pub(super) fn state(&self) -> String {
        asked(&self.url, "state")
    }

    /// Where the browser comes back to, with these fields.
    pub(super) fn landing(&self, fields: &[(&str, &str)]) -> Url {
        let mut url: Url = asked(&self.url, "redirect_uri").parse().unwrap();
        url.query_pairs_mut().extend_pairs(fields);
        url
    }

    pub(super) fn interrupt(&self) {
        kill_process(Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap(), Signal::INT).unwrap();
    }

    /// Waits for its end. No secret may be in what it said.
    pub(super) async fn end(mut self) -> Said {
        let mut rest = String::new();
        timeout(SOON, self.stderr.read_to_string(&mut rest)).await.expect("an end in time").unwrap();
        let mut said = sealpost_tests::command::end(self.child).await;
        said.stderr = self.said + rest.as_str();
        // a JWT by its second part: the beginning of the first is now and then in a random state, too
        for secret in ["spr_", "spa_", "spc_", "code_verifier", ".eyJ"] {
            assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{said:?}");
        }
        said
    }
}

/// A field of an authorization request.
pub(super) fn asked(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.unwrap_or_else(|| panic!("no {name} in {url}")).1.into_owned()
}

/// The platform's user decides on the consent page, and the browser goes where it is sent.
pub(super) async fn decide(url: &Url, decision: &str) -> Page {
    let mut browser = Browser::new();
    let page = browser.visit(url.clone()).await;
    assert_eq!(page.status, 200, "{}", page.html);
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    form.extend([("user", "grace"), ("decision", decision)]);
    let mut page = url.clone();
    page.set_query(None);
    timeout(SOON + Duration::from_secs(5), browser.fill(page, &form)).await.expect("the browser is not left waiting")
}

/// The heading and the text of a page of ours.
pub(super) fn shown(page: &Page) -> (String, String) {
    let between = |from: &str, to: &str| {
        let rest = page.html.split_once(from).unwrap_or_else(|| panic!("no {from} in {}", page.html)).1;
        rest.split_once(to).unwrap().0.to_owned()
    };
    (between("<h1>", "</h1>"), between("<p>", "</p>"))
}
