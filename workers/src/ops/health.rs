//! `sealpost health`: asks a worker's own operations port, for images that have nothing else to ask with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use sealpost_shared::config::Config;
use sealpost_shared::http;

use super::Common;
use super::screen::print;

/// How long an answer may take. A worker that is busy answers in milliseconds.
const WITHIN: Duration = Duration::from_secs(3);

/// What is asked.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: it is. Asked is the port of ops.listen, on this machine: this is for a container's health check, \
                  beside the worker."
)]
pub struct Health {
    /// Asks only whether the process lives (/livez), not whether it can work (/readyz).
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    common: Common,
}

/// Asks, and prints the answer.
///
/// # Errors
/// With what the worker says keeps it from working, or that it does not answer.
pub async fn run(args: &Health) -> Result<(), String> {
    let listen = Config::read(&args.common.config)?.ops.listen;
    if listen.port() == 0 {
        return Err("ops.listen takes any free port (0), so there is none to ask; give it a number".into());
    }
    let path = if args.live { "livez" } else { "readyz" };
    let url = format!("http://{}/{path}", reachable(listen));
    let client = http::client(WITHIN).map_err(|error| format!("cannot make an HTTP client: {error}"))?;
    let no_answer = |why: http::NoAnswer| format!("{url}: {why}; does a worker with this configuration run here?");
    let answer = http::send(client.get(&url)).await.map_err(no_answer)?;
    let said = String::from_utf8_lossy(&answer.body);
    if answer.status == 200 { print(said.trim_end()) } else { Err(said.trim_end().into()) }
}

/// Where a port is asked that listens on every address.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_port_that_listens_everywhere_is_asked_on_this_machine() {
        for (listen, asked) in
            [("0.0.0.0:9464", "127.0.0.1:9464"), ("[::]:9464", "[::1]:9464"), ("10.0.0.7:1", "10.0.0.7:1")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap(), "{listen}");
        }
    }
}
