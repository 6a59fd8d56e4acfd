//! Publishing with certainty. Of what may be returned, one publish is in flight per channel, from a pool of confirm
//! channels: with several, lapin hands a returned message to whichever confirmation resolves next. What is never returned
//! shares one channel, where the broker takes and confirms many at once.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, ErrorKind, PublisherConfirm};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::link::{Link, State, Supervised};
use super::message::Body;
use super::{PublishError, Route};

/// More than this brings no more throughput.
const CHANNELS: usize = 32;

/// The confirm channels of one connection, made when they are needed.
pub(super) struct Pool {
    supervised: Supervised,
    within: Duration,
    /// Whether messages say who sends them.
    named: bool,
    idle: Mutex<Vec<(u64, Channel)>>,
    shared: Mutex<Option<(u64, Channel)>>,
    /// lapin numbers a publish before it queues its frames: on a shared channel no other may come between, or each would
    /// get the other's confirmation.
    order: Arc<Mutex<()>>,
    permits: Arc<Semaphore>,
}

/// What is written, and the channel that waits for its confirmation.
type Written = (Channel, Option<OwnedSemaphorePermit>, lapin::Result<PublisherConfirm>);

/// A publish that is not written yet. Closing its channel before the frames are out would put them behind the close,
/// which ends the connection; so when the caller leaves, it is written all the same.
struct Writing(Option<Pin<Box<dyn Future<Output = Written> + Send>>>);

impl Drop for Writing {
    fn drop(&mut self) {
        if let (Some(writing), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(writing);
        }
    }
}

impl Pool {
    pub(super) fn new(supervised: Supervised, within: Duration, named: bool) -> Self {
        let permits = Arc::new(Semaphore::new(CHANNELS));
        Self {
            supervised,
            within,
            named,
            idle: Mutex::default(),
            shared: Mutex::default(),
            order: Arc::default(),
            permits,
        }
    }

    /// Publishes, and returns when the broker has it safely; where `mandatory`, in a queue.
    pub(super) async fn publish(
        &self,
        to: &Route,
        mandatory: bool,
        properties: BasicProperties,
        body: Body,
    ) -> Result<(), PublishError> {
        let deadline = Instant::now() + self.within;
        let not_sent = |problem: String| PublishError::NotSent { to: to.to_string(), problem };
        let exchange = ShortString::try_new(to.exchange.as_ref()).map_err(|error| not_sent(error.to_string()))?;
        let key = ShortString::try_new(to.key.as_str()).map_err(|error| not_sent(error.to_string()))?;
        let permit = if mandatory { Some(self.permit(deadline).await.map_err(not_sent)?) } else { None };
        let link = self.link(deadline).await.map_err(not_sent)?;
        let properties = if self.named { link.signed(properties).map_err(not_sent)? } else { properties };
        let known = if mandatory { self.take(&link) } else { self.share(&link) };
        let channel = if let Some(channel) = known {
            channel
        } else {
            let opened = confirm_channel(&link, deadline).await.map_err(not_sent)?;
            if !mandatory {
                *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some((link.id, opened.clone()));
            }
            opened
        };
        let lost = |problem: String| PublishError::Lost { to: to.to_string(), problem };
        let unconfirmed = || PublishError::Unconfirmed {
            to: to.to_string(),
            problem: if link.blocked() { blocked(&link) } else { format!("{} says nothing", link.at) },
        };
        let options = BasicPublishOptions { mandatory, ..Default::default() };
        let order = Arc::clone(&self.order);
        let mut writing = Writing(Some(Box::pin(async move {
            let confirm = {
                let mut write = pin!(channel.basic_publish(exchange, key, options, &body, properties));
                let in_order = poll_fn(|context| {
                    let _alone = order.lock().unwrap_or_else(PoisonError::into_inner);
                    write.as_mut().poll(context)
                });
                in_order.await
            };
            (channel, permit, confirm)
        })));
        let Some(future) = writing.0.as_mut() else { return Err(unconfirmed()) };
        let (channel, _permit, confirm) = timeout_at(deadline, future).await.map_err(|_| unconfirmed())?;
        writing.0 = None;
        let confirm = confirm.map_err(|error| lost(error.to_string()))?;
        // From here on a drop closes a channel of the pool, so that a late confirmation cannot be taken for another's.
        let Ok(confirmation) = timeout_at(deadline, confirm).await else {
            self.unshare(link.id, &channel);
            return Err(unconfirmed());
        };
        let verdict = match confirmation {
            Ok(Confirmation::Ack(None)) => Ok(()),
            Ok(Confirmation::Ack(Some(_))) => Err(PublishError::Unroutable { to: to.to_string() }),
            Ok(Confirmation::Nack(_)) => Err(PublishError::Refused { to: to.to_string() }),
            Ok(Confirmation::NotRequested) => return Err(lost("the channel does not confirm; a defect".to_owned())),
            Err(error) => {
                let missing = matches!(error.kind(), ErrorKind::ProtocolError(said) if said.get_id() == 404);
                if missing && to.is_own() {
                    link.give_up(format!("{to} is gone"));
                }
                return Err(lost(error.to_string()));
            }
        };
        if matches!(verdict, Err(PublishError::Unroutable { .. })) && to.is_own() {
            link.give_up(format!("{to} is gone"));
        }
        if mandatory {
            self.put(link.id, channel);
        }
        verdict
    }

    async fn permit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, String> {
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await;
        permit.map_err(|_| "every channel is waiting for a confirmation")?.map_err(|error| error.to_string())
    }

    /// A connection that takes messages, before the deadline.
    async fn link(&self, deadline: Instant) -> Result<Arc<Link>, String> {
        let up = timeout_at(deadline, self.supervised.up()).await;
        let link = up.map_err(|_| match self.supervised.state() {
            State::Connecting(Some(error)) => error.to_string(),
            _ => "no connection to the broker yet".to_owned(),
        })?;
        let link = link.ok_or("the broker connections are closed")?;
        timeout_at(deadline, link.unblocked()).await.map_err(|_| blocked(&link))?;
        Ok(link)
    }

    fn take(&self, link: &Link) -> Option<Channel> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((id, channel)) = idle.pop() {
            if id == link.id && channel.status().connected() {
                return Some(channel);
            }
        }
        None
    }

    fn share(&self, link: &Link) -> Option<Channel> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = |(id, channel): &&(u64, Channel)| *id == link.id && channel.status().connected();
        shared.as_ref().filter(usable).map(|(_, channel)| channel.clone())
    }

    /// No more is published on a channel that owes a confirmation: while a listener's queue answers nothing, the broker lets
    /// one channel get only so far ahead of it, and then reads nothing from the whole connection. It is closed by whoever
    /// is the last to wait on it.
    fn unshare(&self, id: u64, silent: &Channel) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.take_if(|(link, channel)| *link == id && channel.id() == silent.id());
    }

    fn put(&self, id: u64, channel: Channel) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((id, channel));
    }
}

fn blocked(link: &Link) -> String {
    format!("{} blocks publishers: it is short of memory or disk", link.at)
}

async fn confirm_channel(link: &Link, deadline: Instant) -> Result<Channel, String> {
    let opened = timeout_at(deadline, async {
        let channel = link.connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        lapin::Result::Ok(channel)
    });
    opened.await.map_err(|_| "no channel was opened in time")?.map_err(|error| error.to_string())
}
