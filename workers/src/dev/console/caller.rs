//! Who may ask: a browser on this machine that was sent to this address, and, where something is changed, the console's
//! own page in it.
//!
//! Other sites' pages run in the same browser. A name of theirs that leads here (DNS rebinding) shows in `Host`, a request
//! across sites in `Origin`, and neither has read the page's token.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Page;

/// The header that the page sends its token in; no form of another site can.
const TOKEN: &str = "sealpost-console";

/// What a request must have.
pub(super) struct Caller {
    host: String,
    token: String,
}

impl Caller {
    pub(super) fn new(address: SocketAddr) -> Result<Self, String> {
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|error| format!("no randomness for the console: {error}"))?;
        Ok(Self { host: address.to_string(), token: format!("{:032x}", u128::from_be_bytes(token)) })
    }

    /// What the page's own requests bring.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let has = |name: &str, value: &str| {
            let mut values = headers.get_all(name).iter();
            values.next().is_some_and(|found| found.as_bytes() == value.as_bytes()) && values.next().is_none()
        };
        if !has(header::HOST.as_str(), &self.host) {
            return Err((StatusCode::MISDIRECTED_REQUEST, "the console answers to its own address only\n"));
        }
        if method.is_safe() {
            return Ok(());
        }
        if !has(header::ORIGIN.as_str(), &format!("http://{}", self.host)) || !has(TOKEN, &self.token) {
            return Err((StatusCode::FORBIDDEN, "only the console's own page may do that; load it again\n"));
        }
        Ok(())
    }
}

/// The layer around every route.
pub(super) async fn only_our_page(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    match page.caller.check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, Method, StatusCode};

    use super::Caller;

    #[test]
    fn only_the_pages_own_requests_change_anything() {
        let caller = Caller::new(([127, 0, 0, 1], 4000).into()).unwrap();
        let check = |method: Method, sent: &[(&'static str, &str)]| {
            let headers: HeaderMap =
                sent.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
            caller.check(&method, &headers).err().map(|(status, _)| status)
        };
        let (host, origin) = (("host", "127.0.0.1:4000"), ("origin", "http://127.0.0.1:4000"));
        let token = ("sealpost-console", caller.token());
        assert_eq!(check(Method::GET, &[host]), None);
        assert_eq!(check(Method::POST, &[host, origin, token]), None);
        let elsewhere = Some(StatusCode::MISDIRECTED_REQUEST);
        for host in ["evil.example", "evil.example:4000", "localhost:4000", "127.0.0.1", "127.0.0.1:4001", "[::1]:4000"]
        {
            assert_eq!(check(Method::GET, &[("host", host)]), elsewhere, "{host}");
            assert_eq!(check(Method::POST, &[("host", host), origin, token]), elsewhere, "{host}");
        }
        assert_eq!(check(Method::GET, &[]), elsewhere);
        let forbidden = Some(StatusCode::FORBIDDEN);
        assert_eq!(check(Method::POST, &[host, origin]), forbidden);
        assert_eq!(check(Method::POST, &[host, token]), forbidden);
        assert_eq!(check(Method::POST, &[host, origin, ("sealpost-console", "")]), forbidden);
        for origin in ["null", "http://evil.example", "https://127.0.0.1:4000", "http://127.0.0.1:4001"] {
            assert_eq!(check(Method::POST, &[host, ("origin", origin), token]), forbidden, "{origin}");
        }
    }

    #[test]
    fn each_console_has_a_token_of_its_own() {
        let token = || Caller::new(([127, 0, 0, 1], 1).into()).unwrap().token().to_owned();
        let (one, two) = (token(), token());
        assert!(one.len() == 32 && one != two);
    }
}
