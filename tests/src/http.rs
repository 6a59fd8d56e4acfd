//! The harness's HTTP client, for the broker's management API and the sandbox's admin API.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::{Certificate, Client};

/// A server that answers nothing fails the test that asked it, and does not hang it.
const PATIENCE: Duration = Duration::from_mins(2);

/// A client of its own for every test: its connections belong to the test's runtime. It is for plain HTTP: reading all
/// certificates of the machine for each is what a debug build does slowest.
#[expect(clippy::disallowed_methods, reason = "the tests' own client, which must not share mistakes with ours")]
pub(crate) fn client() -> Client {
    // Fails only when it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(PATIENCE).tls_certs_only([]).build().expect("an HTTP client")
}

/// The same, which leaves redirects to its caller.
#[expect(clippy::disallowed_methods, reason = "the tests' own client, which must not share mistakes with ours")]
pub(crate) fn browser() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("an HTTP client")
}

/// One that trusts this CA and no other, asks this for names, and leaves redirects to its caller.
#[expect(clippy::disallowed_methods, reason = "the tests' own client, which must not share mistakes with ours")]
pub(crate) fn under<R: Resolve + 'static>(ca: &Certificate, names: Arc<R>) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([ca.clone()])
        .dns_resolver(names)
        .build()
        .expect("an HTTP client")
}

/// One for the world outside, which trusts this CA or the usual ones, and takes a name for an address.
#[expect(clippy::disallowed_methods, reason = "the tests' own client, which must not share mistakes with ours")]
pub(crate) fn outside(ca: Option<&Certificate>, name: Option<(String, IpAddr)>) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
    if let Some(ca) = ca {
        client = client.tls_certs_only([ca.clone()]);
    }
    if let Some((name, address)) = name {
        client = client.resolve(&name, SocketAddr::from((address, 0)));
    }
    client.build().expect("an HTTP client")
}
