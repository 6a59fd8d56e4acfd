//! A user's browser, as far as signing in and consenting need one.

use std::collections::BTreeMap;

use reqwest::{
    Client, RequestBuilder,
    header::{COOKIE, LOCATION, SET_COOKIE},
};
use url::Url;

use crate::{http, pipeline::REDIRECT};

/// It keeps cookies by name, follows redirects, and stops where the provider sends it back to us.
#[derive(Debug)]
pub struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

/// Where it ended, and what it was shown there.
#[derive(Debug)]
pub struct Page {
    /// The address.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The page's text, as it came. Nothing, where the provider sends it back to an address of a test.
    pub html: String,
}

impl Browser {
    /// Without any cookie.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a browser is nothing that one has by default")]
    pub fn new() -> Self {
        Self { http: http::browser(), cookies: BTreeMap::new() }
    }

    /// Goes to a page, whatever it is.
    pub async fn visit(&mut self, url: Url) -> Page {
        self.go(self.http.get(url.clone()), url).await
    }

    /// Fills the form of this page, which is sent to the page's own address.
    pub async fn fill(&mut self, page: Url, form: &[(&str, &str)]) -> Page {
        self.go(self.http.post(page.clone()).form(form), page).await
    }

    /// Goes to a page that must be there; returns the address at which it ends.
    pub(crate) async fn get(&mut self, url: Url) -> Url {
        self.visit(url).await.good()
    }

    /// Fills a form that must be taken; returns the address at which it ends.
    pub(crate) async fn post(&mut self, page: Url, form: &[(&str, &str)]) -> Url {
        self.fill(page, form).await.good()
    }

    async fn go(&mut self, mut request: RequestBuilder, mut at: Url) -> Page {
        loop {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer = request.header(COOKIE, cookies.join("; ")).send().await.expect("a page");
            for cookie in answer.headers().get_all(SET_COOKIE) {
                let pair = cookie.to_str().expect("text").split(';').next().unwrap_or_default();
                if let Some((name, value)) = pair.split_once('=') {
                    self.cookies.insert(name.into(), value.into());
                }
            }
            let status = answer.status().as_u16();
            let Some(next) = answer.headers().get(LOCATION) else {
                return Page { url: at, status, html: answer.text().await.unwrap_or_default() };
            };
            at = at.join(next.to_str().expect("text")).expect("an address");
            if at.as_str().starts_with(REDIRECT) {
                return Page { url: at, status: 200, html: String::new() };
            }
            request = self.http.get(at.clone());
        }
    }
}

impl Page {
    fn good(self) -> Url {
        assert!(self.status < 400, "{}: {} {}", self.url, self.status, self.html);
        self.url
    }
}
