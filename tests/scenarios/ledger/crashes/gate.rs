//! A proxy to the broker that stops at the ack.

use std::io;
use std::net::Ipv4Addr;

use sealpost_tests::Pipeline;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A proxy to the broker that passes everything but acks: at the first one it says so and holds still.
pub(super) struct Gate {
    pub(super) url: String,
    reached: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

/// A frame's `basic.ack`: class 60, method 80.
const ACK: [u8; 4] = [0, 60, 0, 80];

impl Gate {
    pub(super) async fn to(pipeline: &Pipeline) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut url = url::Url::parse(pipeline.rig.amqp_url()).unwrap();
        let server = url.port().unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (reached, mut tasks) = (watch::channel(false).0, JoinSet::new());
        let seen = reached.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, server, seen.clone()));
            }
        });
        Self { url: url.into(), reached, _tasks: tasks }
    }

    pub(super) async fn reached(&self) {
        self.reached.subscribe().wait_for(|reached| *reached).await.unwrap();
    }
}

async fn carry(client: TcpStream, server: u16, reached: watch::Sender<bool>) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = from_client.read(&mut buffer).await?;
            if read == 0 {
                return to_server.shutdown().await;
            }
            if buffer[..read].windows(ACK.len()).any(|bytes| bytes == ACK) {
                reached.send_replace(true);
                return std::future::pending().await;
            }
            to_server.write_all(&buffer[..read]).await?;
        }
    };
    tokio::try_join!(up, copy(&mut from_server, &mut to_client)).map(|_| ())
}
