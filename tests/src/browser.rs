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

impl Browser {
    /// Without any cookie.
    pub(crate) fn new() -> Self {
        Self { http: http::browser(), cookies: BTreeMap::new() }
    }

    /// Goes to a page; returns the address at which it ends.
    pub(crate) async fn get(&mut self, url: Url) -> Url {
        self.go(self.http.get(url.clone()), url).await
    }

    /// Fills the form of this page, which is sent to the page's own address; returns the address at which it ends.
    pub(crate) async fn post(&mut self, page: Url, form: &[(&str, &str)]) -> Url {
        self.go(self.http.post(page.clone()).form(form), page).await
    }

    async fn go(&mut self, mut request: RequestBuilder, mut at: Url) -> Url {
        loop {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer = request.header(COOKIE, cookies.join("; ")).send().await.expect("a page");
            for cookie in answer.headers().get_all(SET_COOKIE) {
                let pair = cookie.to_str().expect("text").split(';').next().unwrap_or_default();
                if let Some((name, value)) = pair.split_once('=') {
                    self.cookies.insert(name.into(), value.into());
                }
            }
            let Some(next) = answer.headers().get(LOCATION) else {
                let status = answer.status();
                assert!(status.is_success(), "{at}: {status} {}", answer.text().await.unwrap_or_default());
                return at;
            };
            at = at.join(next.to_str().expect("text")).expect("an address");
            if at.as_str().starts_with(REDIRECT) {
                return at;
            }
            request = self.http.get(at.clone());
        }
    }
}
