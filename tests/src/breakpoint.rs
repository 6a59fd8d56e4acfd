//! A proxy to Redis that stops at one command, to interrupt a protocol at each of its points.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinSet,
};

/// Whether the server has seen the command at which the proxy stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It has not.
    Before,
    /// It has, and its answer is lost.
    After,
}

/// What happens at the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The connection is reset; new ones are fine.
    Cut,
    /// Nothing passes any more, until it is let go.
    Hold,
    /// The connection is reset, and so are new ones.
    Gone,
}

#[derive(Debug)]
struct Plan {
    /// How many commands are left, the one to stop at included; 0: unarmed or over.
    left: AtomicU32,
    side: Side,
    then: Then,
    reached: watch::Sender<bool>,
    goes_on: watch::Sender<bool>,
}

/// The proxy. Dropping it closes its connections.
#[derive(Debug)]
pub struct Breakpoint {
    port: u16,
    plan: Arc<Plan>,
    _tasks: JoinSet<()>,
}

impl Breakpoint {
    /// On the way to a server on a loopback port. It passes everything until it is armed.
    pub async fn to_port(server: u16, side: Side, then: Then) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port for the proxy");
        let port = listener.local_addr().expect("the proxy's address").port();
        let plan = Arc::new(Plan {
            left: AtomicU32::new(0),
            side,
            then,
            reached: watch::channel(false).0,
            goes_on: watch::channel(false).0,
        });
        let (mut tasks, seen) = (JoinSet::new(), plan.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if seen.then == Then::Gone && *seen.reached.borrow() {
                    continue;
                }
                connections.spawn(carry(client, server, seen.clone()));
            }
        });
        Self { port, plan, _tasks: tasks }
    }

    /// The server's address, by way of the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Stops at the command of this number, counted from now, the first being 1.
    pub fn arm(&self, number: u32) {
        self.plan.left.store(number, SeqCst);
    }

    /// Waits until it stopped.
    pub async fn reached(&self) {
        self.plan.reached.subscribe().wait_for(|reached| *reached).await.expect("a proxy");
    }

    /// Passes on what it holds, and everything from now on.
    pub fn let_go(&self) {
        self.plan.goes_on.send_replace(true);
    }
}

/// What passes from the client, and is not sent yet.
struct Upwards {
    bytes: Vec<u8>,
    /// The answer to what was sent last is where the proxy stops.
    stops: bool,
}

async fn carry(client: TcpStream, server: u16, plan: Arc<Plan>) -> io::Result<()> {
    // Zero linger makes the close a reset.
    let _ = client.set_zero_linger();
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut up = Upwards { bytes: Vec::with_capacity(64 * 1024), stops: false };
    let mut down = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            read = from_client.read_buf(&mut up.bytes) => {
                if read? == 0 {
                    return Ok(());
                }
            }
            read = from_server.read(&mut down) => {
                let read = read?;
                if read == 0 || (up.stops && !plan.stop().await) {
                    return Ok(());
                }
                up.stops = false;
                to_client.write_all(&down[..read]).await?;
            }
        }
        if !up.pass(&plan, &mut to_server).await? {
            return Ok(());
        }
    }
}

impl Upwards {
    /// Sends what is whole; `false`: the connection ends here.
    async fn pass(&mut self, plan: &Plan, to_server: &mut OwnedWriteHalf) -> io::Result<bool> {
        while let Some(length) = command(&self.bytes).filter(|_| !self.stops) {
            let here = !beside(&self.bytes[..length])
                && plan.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) == Ok(1);
            if here && plan.side == Side::Before && !plan.stop().await {
                return Ok(false);
            }
            self.stops = here && plan.side == Side::After;
            to_server.write_all(&self.bytes[..length]).await?;
            self.bytes.drain(..length);
        }
        Ok(true)
    }
}

impl Plan {
    /// Tells that it is reached; returns when it goes on, with `false` if the connection is to be cut.
    async fn stop(&self) -> bool {
        self.reached.send_replace(true);
        if self.then == Then::Hold {
            let _ = self.goes_on.subscribe().wait_for(|goes_on| *goes_on).await;
        }
        self.then == Then::Hold
    }
}

/// Whether a command belongs to no step: a worker looks at the breakers once a second.
fn beside(command: &[u8]) -> bool {
    command.windows(13).any(|part| part == b"{sp:breakers}")
}

/// How long the first command is, once all of it is there: an array of bulk strings.
/// <https://redis.io/docs/latest/develop/reference/protocol-spec/>
fn command(bytes: &[u8]) -> Option<usize> {
    let line = |from: usize| -> Option<(usize, usize)> {
        let end = from + bytes.get(from..)?.windows(2).position(|two| two == b"\r\n")?;
        let number = std::str::from_utf8(&bytes[from + 1..end]).ok()?.parse().ok()?;
        Some((number, end + 2))
    };
    let (parts, mut at) = line(0)?;
    for _ in 0..parts {
        let (length, text) = line(at)?;
        at = text + length + 2;
    }
    (at <= bytes.len()).then_some(at)
}
