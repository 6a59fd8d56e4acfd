//! A proxy to an HTTP server that counts the requests with a text in them, and can keep the answers to them.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

#[derive(Debug)]
struct Plan {
    text: &'static str,
    heard: AtomicU32,
    keeps: AtomicBool,
    kept: watch::Sender<u32>,
}

/// The proxy. Dropping it closes its connections.
#[derive(Debug)]
pub struct Wiretap {
    port: u16,
    plan: Arc<Plan>,
    _tasks: JoinSet<()>,
}

impl Wiretap {
    /// On the way to a server on a loopback port, listening for this text. It passes everything.
    pub async fn to_port(server: u16, text: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port for the proxy");
        let port = listener.local_addr().expect("the proxy's address").port();
        let kept = watch::channel(0).0;
        let plan = Arc::new(Plan { text, heard: AtomicU32::new(0), keeps: AtomicBool::new(false), kept });
        let (mut tasks, seen) = (JoinSet::new(), plan.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, server, seen.clone()));
            }
        });
        Self { port, plan, _tasks: tasks }
    }

    /// The server's address by way of the proxy, without a path.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests had the text in them.
    #[must_use]
    pub fn heard(&self) -> u32 {
        self.plan.heard.load(SeqCst)
    }

    /// Keeps the answer to the next such request: the server gives it, and its client waits for it.
    pub fn keep_an_answer(&self) {
        self.plan.keeps.store(true, SeqCst);
    }

    /// Waits until this many answers were kept.
    pub async fn kept(&self, number: u32) {
        self.plan.kept.subscribe().wait_for(|kept| *kept >= number).await.expect("a proxy");
    }
}

async fn carry(client: TcpStream, server: u16, plan: Arc<Plan>) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    // the end of what was read before, as a text may come in two reads
    let mut before = Vec::new();
    let mut keeps = false;
    loop {
        tokio::select! {
            read = from_client.read(&mut up) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                before.extend_from_slice(&up[..read]);
                while let Some(at) = before.windows(plan.text.len()).position(|part| part == plan.text.as_bytes()) {
                    before.drain(..at + plan.text.len());
                    plan.heard.fetch_add(1, SeqCst);
                    keeps |= plan.keeps.swap(false, SeqCst);
                }
                before.drain(..before.len().saturating_sub(plan.text.len() - 1));
                to_server.write_all(&up[..read]).await?;
            }
            read = from_server.read(&mut down) => {
                let read = read?;
                if keeps {
                    plan.kept.send_modify(|kept| *kept += 1);
                    std::future::pending::<()>().await;
                }
                if read == 0 {
                    return Ok(());
                }
                to_client.write_all(&down[..read]).await?;
            }
        }
    }
}
