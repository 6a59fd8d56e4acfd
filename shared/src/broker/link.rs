//! One connection, supervised: made, watched, torn down and made anew, for ever. lapin's own recovery is not used: it
//! can come to no end, and nobody would know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lapin::uri::AMQPUri;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::BrokerError;
use super::open::{self, Grasp};

/// The pauses between attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A connection that lived this long was a good one: the pauses start from the shortest again.
const SETTLED: Duration = Duration::from_secs(10);
/// How long a broker may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a connection is for. While the broker blocks publishers, lapin writes nothing on that connection, acks neither;
/// and a forged reply address ends the connection that it is used on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Consume,
    Publish,
    Reply,
}

impl Purpose {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::Publish => "publish",
            Self::Reply => "reply",
        }
    }
}

/// Where a broker is. Its `Debug` output would hold the password: it has none.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) uri: AMQPUri,
    /// Host, port and virtual host, for people.
    pub(super) at: Arc<str>,
}

/// A connection that works.
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) connection: lapin::Connection,
    pub(super) at: Arc<str>,
    /// What the broker says that it is.
    pub(super) version: Option<String>,
    blocked: watch::Sender<bool>,
    broken: watch::Sender<Option<String>>,
    grasp: Grasp,
}

impl Link {
    pub(super) fn new(connection: lapin::Connection, (at, version): (Arc<str>, Option<String>), grasp: Grasp) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            connection,
            at,
            version,
            blocked: watch::Sender::new(false),
            broken: watch::Sender::new(None),
            grasp,
        }
    }

    /// Has supervision build the connection anew, topology included.
    pub(super) fn give_up(&self, reason: String) {
        self.broken.send_if_modified(|broken| broken.is_none() && broken.replace(reason).is_none());
    }

    fn given_up(&self) -> bool {
        self.broken.borrow().is_some()
    }

    /// Whether the broker blocks publishers: it is short of memory or disk.
    pub(super) fn blocked(&self) -> bool {
        *self.blocked.borrow()
    }

    /// Waits until the broker does not block publishers.
    pub(super) async fn unblocked(&self) {
        let _ = self.blocked.subscribe().wait_for(|blocked| !blocked).await;
    }

    /// Waits until it does not work any more, and says why.
    async fn end(&self) -> String {
        use futures_util::StreamExt;
        let mut events = Box::pin(self.connection.events_listener());
        let mut broken = self.broken.subscribe();
        let mut look = tokio::time::interval(Duration::from_secs(1));
        loop {
            let event = tokio::select! {
                reason = broken.wait_for(Option::is_some) => {
                    return reason.ok().and_then(|reason| reason.clone()).unwrap_or_default();
                }
                event = events.next() => event,
                _ = look.tick() => None,
            };
            match event {
                Some(lapin::Event::ConnectionBlocked(reason)) => {
                    warn!(broker.at = %self.at, reason, "the broker blocks publishers: it is short of memory or disk");
                    self.blocked.send_replace(true);
                }
                Some(lapin::Event::ConnectionUnblocked) => {
                    info!(broker.at = %self.at, "the broker takes messages again");
                    self.blocked.send_replace(false);
                }
                Some(lapin::Event::Error(error)) if !self.connection.status().connected() => return error.to_string(),
                _ if !self.connection.status().connected() => return "the connection ended".to_owned(),
                _ => {}
            }
        }
    }

    /// Says good-bye for a moment, and then cuts the line.
    async fn close(&self) {
        let _ = tokio::time::timeout(FAREWELL, self.connection.close(200, "OK".into())).await;
        self.grasp.cut();
    }
}

/// What a connection is up to.
#[derive(Clone)]
pub(super) enum State {
    Connecting(Option<BrokerError>),
    Up(Arc<Link>),
    Closed,
}

/// A supervised connection, as its users see it.
#[derive(Clone)]
pub(super) struct Supervised {
    pub(super) purpose: Purpose,
    state: watch::Receiver<State>,
}

impl Supervised {
    /// Starts the supervision.
    pub(super) fn start(
        purpose: Purpose,
        targets: Arc<[Target]>,
        declaring: Arc<Mutex<()>>,
        closing: CancellationToken,
    ) -> Self {
        let (sender, state) = watch::channel(State::Connecting(None));
        tokio::spawn(supervise(purpose, targets, declaring, closing, sender));
        Self { purpose, state }
    }

    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Waits for a working connection; `None` after the end of all.
    pub(super) async fn up(&self) -> Option<Arc<Link>> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                State::Up(link) if !link.given_up() => return Some(Arc::clone(link)),
                State::Closed => return None,
                State::Up(_) | State::Connecting(_) => {}
            }
            state.changed().await.ok()?;
        }
    }

    /// Waits until this connection was replaced or ended.
    pub(super) async fn gone(&self, id: u64) {
        let _ = self.state.clone().wait_for(|state| !matches!(state, State::Up(link) if link.id == id)).await;
    }

    /// Waits for a working connection, or for an error that an operator must do something about.
    pub(super) async fn settled(&self) -> Result<(), BrokerError> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                State::Up(_) => return Ok(()),
                State::Closed => return Err(BrokerError::Closed),
                State::Connecting(Some(error)) if error.needs_an_operator() => return Err(error.clone()),
                State::Connecting(_) => {}
            }
            state.changed().await.map_err(|_| BrokerError::Closed)?;
        }
    }

    /// Waits until the connection is closed for good.
    pub(super) async fn closed(&self) {
        let _ = self.state.clone().wait_for(|state| matches!(state, State::Closed)).await;
    }
}

async fn supervise(
    purpose: Purpose,
    targets: Arc<[Target]>,
    declaring: Arc<Mutex<()>>,
    closing: CancellationToken,
    state: watch::Sender<State>,
) {
    let mut pause = BACKOFF.0;
    for target in targets.iter().cycle() {
        let attempt = async {
            let link = Arc::new(open::open(purpose, target, &declaring).await?);
            info!(broker.at = %link.at, connection = purpose.as_str(), "connected to the broker");
            state.send_replace(State::Up(Arc::clone(&link)));
            Ok::<_, BrokerError>(link)
        };
        let opened = tokio::select! {
            () = closing.cancelled() => break,
            opened = attempt => opened,
        };
        let error = match opened {
            Ok(link) => {
                let began = Instant::now();
                let end = tokio::select! {
                    () = closing.cancelled() => {
                        link.close().await;
                        break;
                    }
                    end = link.end() => end,
                };
                let error = BrokerError::Unreachable { at: target.at.to_string(), problem: end };
                state.send_replace(State::Connecting(Some(error.clone())));
                link.close().await;
                if began.elapsed() > SETTLED {
                    pause = BACKOFF.0;
                }
                error
            }
            Err(error) => error,
        };
        warn!(connection = purpose.as_str(), %error, "no broker connection");
        state.send_replace(State::Connecting(Some(error)));
        tokio::select! {
            () = closing.cancelled() => break,
            () = tokio::time::sleep(with_jitter(pause)) => {}
        }
        pause = (pause * 2).min(BACKOFF.1);
    }
    state.send_replace(State::Closed);
}

/// Between half of it and the whole, so that many workers do not come back in step.
fn with_jitter(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + (pause / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}
