//! Opens one connection: socket, handshake, version, topology. Whatever fails or takes too long leaves nothing behind.

use std::sync::Arc;
use std::time::Duration;

use lapin::tcp::AsyncTcpStream;
use lapin::types::{AMQPValue, parsing::parse_field_table};
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::link::{Link, Purpose, Target};
use super::wire::{Grip, Gripped, Kit};
use super::{BrokerError, topology};

/// Socket, TLS and AMQP handshake together.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The declarations, also on a cluster that is just starting.
const DECLARE_WITHIN: Duration = Duration::from_mins(1);
/// In seconds; a broker that says nothing for twice as long is gone.
const HEARTBEAT: u16 = 5;
/// lapin keeps 64 frames' worth of buffers per connection, and touches them as they are used; named here, since it fills
/// what it makes larger later. The smallest that RabbitMQ 4 accepts will do for publishing.
const SMALL_FRAMES: u32 = 8192;
/// What is consumed may have one large frame of headers, which is never split: RabbitMQ's default limit.
const LARGE_FRAMES: u32 = 131_072;
/// The oldest version with dead-lettering at least once, and TTL, on quorum queues.
const OLDEST: (u32, u32) = (3, 10);

/// Holds the socket; cuts it when dropped.
pub(super) struct Grasp(Grip);

impl Grasp {
    pub(super) fn cut(&self) {
        self.0.cut();
    }
}

impl Drop for Grasp {
    fn drop(&mut self) {
        self.0.cut();
    }
}

impl Target {
    /// Reads the configured URLs.
    pub(super) fn all(urls: &[SecretString]) -> Result<Arc<[Self]>, BrokerError> {
        if urls.is_empty() {
            return Err(BrokerError::NoUrl);
        }
        urls.iter()
            .enumerate()
            .map(|(index, url)| Self::read(url).ok_or(BrokerError::Url { number: index + 1 }))
            .collect()
    }

    fn read(url: &SecretString) -> Option<Self> {
        let uri: AMQPUri = url.expose_secret().parse().ok()?;
        let at = format!("{}:{}/{}", uri.authority.host, uri.authority.port, uri.vhost.trim_start_matches('/')).into();
        Some(Self { uri, at })
    }
}

/// Opens a connection and, where messages are published or consumed, declares the topology first.
pub(super) async fn open(purpose: Purpose, target: &Target, declaring: &Mutex<()>) -> Result<Link, BrokerError> {
    let at = &target.at;
    let unreachable = |problem: String| BrokerError::Unreachable { at: at.to_string(), problem };
    let grip = Grip::default();
    let grasp = Grasp(grip.clone());
    let mut uri = target.uri.clone();
    uri.query.heartbeat = Some(HEARTBEAT);
    uri.query.frame_max = Some(if purpose == Purpose::Consume { LARGE_FRAMES } else { SMALL_FRAMES });
    let socket = {
        let grip = grip.clone();
        async move |uri, _| {
            let socket = Gripped::connect(&uri, grip.clone(), CONNECT_WITHIN).await;
            Ok(AsyncTcpStream::Plain(socket.map_err(lapin::Error::from)?))
        }
    };
    let name = format!("sealpost {}", purpose.as_str());
    let properties = ConnectionProperties::default().with_connection_name(name.as_str().into());
    let connecting = Connection::connector(uri, Kit::current(), socket, properties);
    let connected = tokio::time::timeout(CONNECT_WITHIN, connecting).await;
    let version = version(&grip.first_bytes());
    if let Some(version) = version.clone().filter(|version| !is_new_enough(version)) {
        return Err(BrokerError::TooOld { at: at.to_string(), version });
    }
    let connection = connected
        .map_err(|_| unreachable(format!("no AMQP handshake within {} s", CONNECT_WITHIN.as_secs())))?
        .map_err(|error| unreachable(error.to_string()))?;
    if purpose != Purpose::Reply {
        let _alone = declaring.lock().await;
        let declaring = async {
            let channel = connection.create_channel().await.map_err(|error| unreachable(error.to_string()))?;
            topology::declare(&channel, at).await
        };
        tokio::time::timeout(DECLARE_WITHIN, declaring).await.map_err(|_| {
            unreachable(format!("the topology was not declared within {} s", DECLARE_WITHIN.as_secs()))
        })??;
    }
    Ok(Link::new(connection, (Arc::clone(at), version), grasp))
}

/// The same with the first of these that answers; a command has no time for a second round.
pub(super) async fn open_any(purpose: Purpose, targets: &[Target]) -> Result<Link, BrokerError> {
    let (declaring, mut last) = (Mutex::default(), BrokerError::NoUrl);
    for target in targets {
        match open(purpose, target, &declaring).await {
            Ok(link) => return Ok(link),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The version in `Connection.Start` (AMQP 0-9-1, §1.4.2.1): 7 bytes of frame header, 4 of class and method, 2 of protocol
/// version, then the table of server properties.
fn version(first_bytes: &[u8]) -> Option<String> {
    let (_, table) = parse_field_table(first_bytes.get(13..)?).ok()?;
    match table.inner().get("version")? {
        AMQPValue::LongString(version) => Some(String::from_utf8_lossy(version.as_bytes()).into_owned()),
        _ => None,
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Target, is_new_enough, open};
    use crate::broker::link::Purpose;

    /// lapin's threads of this process.
    fn threads() -> usize {
        let names = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = names.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with("lapin-io-loop")).count()
    }

    #[tokio::test]
    async fn an_attempt_that_is_given_up_leaves_no_thread_behind() {
        // Takes connections, and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("amqp://127.0.0.1:{}", silent.local_addr().unwrap().port());
        let target = Target::read(&url.into()).unwrap();
        let alone = tokio::sync::Mutex::default();
        let mut attempt = Box::pin(open(Purpose::Publish, &target, &alone));
        while threads() == 0 {
            assert!(tokio::time::timeout(Duration::from_millis(10), &mut attempt).await.is_err());
        }
        let _socket = silent.accept().unwrap();
        drop(attempt);
        for _ in 0..3000 {
            if threads() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("lapin's thread waits for ever");
    }

    #[test]
    fn versions_from_3_10_on_are_new_enough() {
        for version in ["3.10.0", "3.10.8", "3.13.7-rc.1", "4.0.5", "4.2.1+6.gabc", "10.0"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["3.9.29", "2.11.0", "unknown", "", "3"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }

    #[test]
    fn a_target_is_named_without_its_password() {
        let target = Target::read(&"amqp://user:hunter2@rabbit:5671/%2fjobs".into()).unwrap();
        assert_eq!(&*target.at, "rabbit:5671/jobs");
        let Err(error) = Target::all(&["amqp://user:hunter2@:x".into()]) else { panic!("no error") };
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
