//! The workers whose metrics are read: where they are, and what each said last.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Client, Url};
use sealpost_shared::config::Config;
use sealpost_shared::http;
use serde::Serialize;
use url::Position;

use super::rates::Measured;
use crate::exposition::{self, Page};
use crate::ops::health::reachable;

/// How long a page may take. A worker that is busy answers in milliseconds.
const WITHIN: Duration = Duration::from_secs(3);

/// The most that is read of a page, in bytes: a catalogue of a hundred providers makes less than 1 MiB.
const MAX_PAGE: usize = 8 * 1024 * 1024;

/// What a worker said, and when.
pub(super) struct Seen {
    pub(super) page: Page,
    pub(super) at: Instant,
}

/// A worker as it is asked again and again.
struct Asked {
    url: Url,
    last: Option<Seen>,
}

/// All of them.
pub(super) struct Workers {
    client: Client,
    asked: Vec<Asked>,
}

/// Whether a worker answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Worker {
    /// Where its metrics are.
    pub(super) address: String,
    /// Why it did not answer, if it did not.
    pub(super) problem: Option<String>,
}

impl Workers {
    /// Those at these addresses; without any, the one whose operations port the configuration names.
    pub(super) fn of(addresses: &[String], config: &Config) -> Result<Self, String> {
        let client = http::client(WITHIN).map_err(|error| format!("cannot make an HTTP client: {error}"))?;
        let mut urls = addresses.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
        let listen = config.ops.listen;
        if urls.is_empty() && listen.port() != 0 {
            urls.push(address(&format!("http://{}", reachable(listen)))?);
        }
        Ok(Self { client, asked: urls.into_iter().map(|url| Asked { url, last: None }).collect() })
    }

    /// Asks all of them at once.
    pub(super) async fn look(&mut self) -> (Vec<Worker>, Measured) {
        let client = &self.client;
        let answers = join_all(self.asked.iter().map(|asked| ask(client, &asked.url))).await;
        let (mut workers, mut pairs) = (Vec::new(), Vec::new());
        for (asked, answer) in self.asked.iter_mut().zip(answers) {
            // without its query, where some write a password
            let address = asked.url[..Position::AfterPath].to_owned();
            let problem = match answer {
                Ok(seen) => {
                    pairs.push((asked.last.take(), seen));
                    None
                }
                // what it said last is kept: its next answer tells the rate since then
                Err(problem) => Some(problem),
            };
            workers.push(Worker { address, problem });
        }
        let measured = Measured::of(&pairs);
        let answered = self.asked.iter_mut().zip(&workers).filter(|(_, worker)| worker.problem.is_none());
        for ((asked, _), (_, seen)) in answered.zip(pairs) {
            asked.last = Some(seen);
        }
        (workers, measured)
    }
}

async fn ask(client: &Client, url: &Url) -> Result<Seen, String> {
    let response = client.get(url.clone()).send().await.map_err(|error| http::NoAnswer::from(&error).to_string())?;
    let answer = http::read_at_most(response, MAX_PAGE).await.map_err(|none| none.to_string())?;
    if answer.status != 200 {
        return Err(format!("it answers with status {}", answer.status));
    }
    let page = exposition::read(&String::from_utf8_lossy(&answer.body));
    if page.is_empty() {
        Err("what answers there has no metrics of Sealpost".into())
    } else {
        Ok(Seen { page, at: Instant::now() })
    }
}

/// An address of metrics; without a path it is the usual one. What is wrong is told without the address: there may be a
/// password in it.
fn address(text: &str) -> Result<Url, String> {
    let wrong = |why: &str| format!("--metrics: {why}; write it as http://HOST:PORT/metrics");
    let mut url: Url = text.parse().map_err(|_| wrong("this is no URL"))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(wrong("this is no http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("an address must have no user and no password, which everybody on this machine could read"));
    }
    if url.path() == "/" {
        url.set_path("/metrics");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_may_leave_the_path_out_and_must_have_no_password() {
        let told = |text: &str| address(text).map(String::from);
        assert_eq!(told("http://127.0.0.1:9464").unwrap(), "http://127.0.0.1:9464/metrics");
        assert_eq!(told("https://w.example/a/b?c=d").unwrap(), "https://w.example/a/b?c=d");
        for wrong in ["hunter2", "ftp://hunter2/", "http://hunter2:x@h/", "http://:hunter2@h/", "127.0.0.1:9464"] {
            let problem = told(wrong).unwrap_err();
            assert!(problem.starts_with("--metrics: ") && !problem.contains("hunter2"), "{problem}");
        }
    }
}
