//! The socket under lapin: what lapin does not let us do with it. It can be cut from outside (lapin has an I/O thread
//! per connection that waits for ever when a broker accepts a connection and says nothing), and it keeps the first
//! bytes that the broker says, which hold its version. What comes in is mended on the way.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::{Executor, Reactor, RuntimeKit};
use async_rs::util::Task;
use async_rs::{Runtime, Tokio, TokioRuntime};
use futures_util::io::{AsyncRead, AsyncWrite};
use futures_util::task::AtomicWaker;
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::AMQPUri;

use super::mend::Mender;

/// How much is read from the socket at once.
const READ_AT_ONCE: usize = 16 * 1024;
/// `Connection.Start` with its table of server properties; RabbitMQ's has about 500 bytes.
const FIRST_BYTES: usize = 4096;

/// A hold on a socket from outside.
#[derive(Clone, Default)]
pub(super) struct Grip(Arc<GripInner>);

#[derive(Default)]
struct GripInner {
    cut: AtomicBool,
    waker: AtomicWaker,
    first: Mutex<Vec<u8>>,
    heard: AtomicBool,
}

impl Grip {
    /// Ends the socket: lapin sees an I/O error, and its thread ends.
    pub(super) fn cut(&self) {
        self.0.cut.store(true, Ordering::SeqCst);
        self.0.waker.wake();
    }

    /// The first bytes that the broker said.
    pub(super) fn first_bytes(&self) -> Vec<u8> {
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn check(&self) -> io::Result<()> {
        if self.0.cut.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was given up"));
        }
        Ok(())
    }

    fn keep(&self, bytes: &[u8]) {
        if self.0.heard.load(Ordering::Relaxed) {
            return;
        }
        let mut first = self.0.first.lock().unwrap_or_else(PoisonError::into_inner);
        let room = FIRST_BYTES.saturating_sub(first.len()).min(bytes.len());
        first.extend_from_slice(&bytes[..room]);
        self.0.heard.store(first.len() == FIRST_BYTES, Ordering::Relaxed);
    }
}

/// A TCP or TLS stream with a grip on it.
pub(super) struct Gripped {
    stream: AsyncTcpStream<<Tokio as Reactor>::TcpStream>,
    grip: Grip,
    mender: Mender,
    buffer: Box<[u8]>,
}

impl Gripped {
    /// Connects; for `amqps`, with the machine's certificates.
    pub(super) async fn connect(uri: &AMQPUri, grip: Grip, within: Duration) -> io::Result<Self> {
        let connecting = async {
            let tls = OwnedTLSConfig::default();
            AMQPUriTcpExt::connect_with_config_async(uri, tls.as_ref(), &TokioRuntime::tokio_current()).await
        };
        let stream = tokio::time::timeout(within, connecting).await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(Self { stream, grip, mender: Mender::default(), buffer: vec![0; READ_AT_ONCE].into() })
    }
}

impl AsyncRead for Gripped {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let Self { stream, grip, mender, buffer } = self.get_mut();
        loop {
            let taken = mender.take(into);
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
            grip.0.waker.register(cx.waker());
            grip.check()?;
            let read = ready!(Pin::new(&mut *stream).poll_read(cx, buffer))?;
            if read == 0 {
                return Poll::Ready(Ok(0));
            }
            grip.keep(&buffer[..read]);
            mender.feed(&buffer[..read]);
        }
    }
}

impl AsyncWrite for Gripped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.grip.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.grip.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// Tokio, with gripped sockets: lapin takes its kind of socket from its runtime.
#[derive(Clone)]
pub(super) struct Kit(Tokio);

impl Kit {
    /// On the current tokio runtime.
    pub(super) fn current() -> Runtime<Self> {
        Runtime::new(Self(Tokio::current()))
    }
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kit")
    }
}

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, f: F) -> T {
        self.0.block_on(f)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, f: F) -> Task<Self::Task<T>> {
        self.0.spawn(f)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, f: F) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(f)
    }
}

impl Reactor for Kit {
    type TcpStream = Gripped;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl futures_util::Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        _: std::net::SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        // lapin is given its socket by `Gripped::connect`, and never asks for one here.
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
