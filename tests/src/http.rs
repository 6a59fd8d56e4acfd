//! The harness's HTTP client, for the broker's management API and the sandbox's admin API.

use reqwest::Client;

/// A client of its own for every test: its connections belong to the test's runtime.
#[expect(clippy::disallowed_methods, reason = "the tests' own client, which must not share mistakes with ours")]
pub(crate) fn client() -> Client {
    // Fails only when it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("an HTTP client")
}

/// One that leaves redirects to its caller.
#[expect(clippy::disallowed_methods, reason = "the tests' own client, which must not share mistakes with ours")]
pub(crate) fn browser() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client")
}
