//! Dead letters one by one. Looking holds them until the end, and then gives them back: they are lost to nobody, and a
//! letter may be looked at a million times before the broker drops it.

use std::time::Duration;

use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Acker, Channel};
use tokio::time::sleep;

use super::super::{Broker, BrokerError, DEAD_LETTERS, Route};
use super::{DeadLetter, DeadLetterError};

/// How often one looks whether what was given back is there again, with a pause between. Somebody else may have it by then.
const LOOKS: usize = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// The dead letters that were there when the walk began, oldest first. Those that come meanwhile are not met, so that
/// what is replayed and fails again is not replayed for ever. Of a letter that was passed only the broker keeps the body.
///
/// Nobody else sees what is held; it is given back by [`Self::close`], or when this is dropped. The broker puts it behind
/// what was not looked at: only after walks to the end the oldest come first again.
pub struct DeadLetters {
    broker: Broker,
    channel: Channel,
    limit: usize,
    /// How many are still to come; `None` before the first.
    left: Option<usize>,
    passed: usize,
    replayed: usize,
    /// What is not replayed, oldest first.
    held: Vec<Acker>,
}

impl Broker {
    /// Begins a walk over the dead letters, at most `limit` of them.
    ///
    /// # Errors
    /// If there is no connection any more.
    pub async fn walk_dead_letters(&self, limit: usize) -> Result<DeadLetters, DeadLetterError> {
        let closed = || DeadLetterError::Read(BrokerError::Closed.to_string());
        let link = self.0.consume.up().await.ok_or_else(closed)?;
        let channel = link.connection.create_channel().await?;
        let broker = self.clone();
        Ok(DeadLetters { broker, channel, limit, left: None, passed: 0, replayed: 0, held: Vec::new() })
    }

    /// Looks at the oldest dead letters, at most `limit`, and leaves them where they are.
    ///
    /// # Errors
    /// If the queue cannot be read.
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let mut walk = self.walk_dead_letters(limit).await?;
        let mut letters = Vec::new();
        while let Some(letter) = walk.next().await? {
            letters.push(letter);
        }
        walk.close().await?;
        Ok(letters)
    }

    /// Sends those of the oldest `limit` dead letters again, each to its work queue as a first attempt, that are `chosen`;
    /// one whose work queue is not known stays. Returns how many were sent.
    ///
    /// # Errors
    /// If the queue cannot be read, or with the first message that was not sent.
    pub async fn replay(&self, limit: usize, chosen: impl Fn(&DeadLetter) -> bool) -> Result<usize, DeadLetterError> {
        let mut walk = self.walk_dead_letters(limit).await?;
        let mut failure = None;
        while let (None, Some(letter)) = (&failure, walk.next().await?) {
            if chosen(&letter) {
                failure = walk.replay(&letter).await.err();
            }
        }
        let replayed = walk.replayed;
        walk.close().await?;
        failure.map_or(Ok(replayed), Err)
    }
}

impl DeadLetters {
    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// If the queue cannot be read.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, DeadLetterError> {
        if self.left.unwrap_or(self.limit) == 0 {
            return Ok(None);
        }
        let Some(got) = self.channel.basic_get(DEAD_LETTERS.into(), BasicGetOptions::default()).await? else {
            self.left = Some(0);
            return Ok(None);
        };
        let behind = usize::try_from(got.message_count).unwrap_or(usize::MAX);
        self.left = Some(self.left.map_or(behind.min(self.limit - 1), |left| left - 1));
        self.passed += 1;
        self.held.push(got.delivery.acker);
        Ok(Some(DeadLetter::of(&got.delivery.properties, got.delivery.data)))
    }

    /// How many this walk meets in all, as far as the broker told: known from the first on.
    #[must_use]
    pub fn total(&self) -> usize {
        self.passed + self.left.unwrap_or_default()
    }

    /// Sends the letter that came last to its work queue again, as a first attempt, and takes it out of the dead letters;
    /// `false`: its work queue is not known, and it stays.
    ///
    /// # Errors
    /// If it was not sent; it stays then.
    pub async fn replay(&mut self, letter: &DeadLetter) -> Result<bool, DeadLetterError> {
        let Some(origin) = letter.origin else { return Ok(false) };
        let sent = self.broker.publish(&Route::queue(origin), &letter.message).await;
        sent.map_err(|source| DeadLetterError::Publish { replayed: self.replayed, source })?;
        self.replayed += 1;
        if let Some(acker) = self.held.pop() {
            acker.ack(BasicAckOptions::default()).await?;
        }
        Ok(true)
    }

    /// Gives back everything that is still held, in order, and waits until it is there again: the broker takes it back a
    /// moment after it was told.
    ///
    /// # Errors
    /// If the broker does not answer; it gives everything back by itself then.
    pub async fn close(self) -> Result<(), DeadLetterError> {
        let held = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        // one by one: what is given back together comes back in any order
        for acker in self.held {
            acker.nack(BasicNackOptions { multiple: false, requeue: true }).await?;
        }
        for _ in 0..LOOKS {
            let passive = QueueDeclareOptions { passive: true, ..Default::default() };
            let queue = self.channel.queue_declare(DEAD_LETTERS.into(), passive, FieldTable::default()).await?;
            if queue.message_count() >= held {
                break;
            }
            sleep(PAUSE).await;
        }
        Ok(self.channel.close(200, "OK".into()).await?)
    }
}
