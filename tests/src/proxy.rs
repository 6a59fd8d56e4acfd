//! A TCP proxy between our code and a server, which does to the bytes what a bad network does.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

/// What the proxy does to its connections, the open ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Passes everything.
    Fair,
    /// Takes connections and bytes, and passes nothing in either direction, until the weather changes.
    BlackHole,
    /// Resets the open connections and every new one.
    Reset,
    /// Passes everything this much later, in each direction.
    Latency(Duration),
    /// Passes this many bytes of the server's answers on each connection, counted from now, then resets it.
    CutAfter(usize),
}

/// A proxy to one server. Dropping it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Starts one on a free loopback port, in fair weather.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port for the proxy");
        let port = listener.local_addr().expect("the proxy's address").port();
        let (weather, seen) = watch::channel(Weather::Fair);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, seen));
        Self { port, weather, _tasks: tasks }
    }

    /// To a loopback port.
    pub async fn to_port(port: u16) -> Self {
        Self::to((Ipv4Addr::LOCALHOST, port).into()).await
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's address with the proxy's port.
    #[must_use]
    pub fn url(&self, server: &str) -> String {
        let mut url = url::Url::parse(server).expect("a server's address");
        url.set_port(Some(self.port)).expect("an address with a port");
        url.into()
    }

    /// Changes what it does, from now on.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, weather: watch::Receiver<Weather>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, server, weather.clone()));
    }
}

async fn carry(client: TcpStream, server: SocketAddr, weather: watch::Receiver<Weather>) {
    // Zero linger makes the close a reset. Whoever closes in order says so first, by shutting down.
    let _ = client.set_zero_linger();
    if *weather.borrow() == Weather::Reset {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut reset = weather.clone();
    let both = async {
        tokio::try_join!(
            pump(from_client, to_server, weather.clone(), false),
            pump(from_server, to_client, weather.clone(), true)
        )
    };
    tokio::select! {
        _ = both => {}
        _ = reset.wait_for(|now| *now == Weather::Reset) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    answers: bool,
) -> io::Result<()> {
    let gone = || io::Error::other("the proxy is gone");
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        if weather.has_changed().map_err(|_| gone())? {
            weather.mark_unchanged();
            passed = 0;
        }
        let now = *weather.wait_for(|now| *now != Weather::BlackHole).await.map_err(|_| gone())?;
        let mut bytes = &buffer[..read];
        match now {
            Weather::Latency(wait) => sleep(wait).await,
            Weather::CutAfter(limit) if answers => bytes = &bytes[..read.min(limit.saturating_sub(passed))],
            _ => {}
        }
        to.write_all(bytes).await?;
        passed += bytes.len();
        if bytes.len() < read {
            return Err(io::Error::other("cut"));
        }
    }
}
