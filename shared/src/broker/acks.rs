//! Acks, several at a time: RabbitMQ writes one line into its log for all that one ack names.
//!
//! Tags of a channel count up from 1. One ack names every tag up to its own, so it is sent only where all of them were
//! answered by us; a message that waits unread in lapin keeps those behind it to acks of their own.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use lapin::Channel;
use lapin::options::BasicAckOptions;
use tokio::task::yield_now;

/// How often an ack lets others go first, to go with it: many end together, on one answer of Redis or one confirmation.
const TURNS: usize = 3;

/// What was done of a channel's deliveries.
pub(super) struct Acks {
    channel: Channel,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    /// Every tag up to this one is answered, or about to be.
    floor: u64,
    /// The answered tags above it.
    above: BTreeSet<u64>,
    /// What is to be acked.
    waiting: BTreeSet<u64>,
    /// Whether somebody is at it.
    sending: bool,
}

impl Acks {
    pub(super) fn of(channel: Channel) -> Self {
        Self { channel, done: Mutex::default() }
    }

    /// Acks a delivery, and with it what else is done by then. `false`: it is not sent, and what is not acked comes again.
    /// `true` also says that somebody else is about to send it.
    pub(super) async fn ack(&self, tag: u64) -> bool {
        if !self.change(|done| done.begin(tag)) {
            return true;
        }
        for _ in 0..TURNS {
            yield_now().await;
        }
        loop {
            let Some((tag, multiple)) = self.change(Done::next) else { return true };
            if self.channel.basic_ack(tag, BasicAckOptions { multiple }).await.is_err() {
                // its channel ended, and so did every delivery of it
                self.change(|done| done.sending = false);
                return false;
            }
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Done) -> T) -> T {
        change(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Done {
    /// Notes that a delivery is done; whether the caller is to send.
    fn begin(&mut self, tag: u64) -> bool {
        self.above.insert(tag);
        self.waiting.insert(tag);
        while self.above.remove(&(self.floor + 1)) {
            self.floor += 1;
        }
        !std::mem::replace(&mut self.sending, true)
    }

    /// The next ack to send, and whether it stands for all before it.
    fn next(&mut self) -> Option<(u64, bool)> {
        if let Some(highest) = self.waiting.range(..=self.floor).next_back().copied() {
            let rest = self.waiting.split_off(&(highest + 1));
            let covered = std::mem::replace(&mut self.waiting, rest);
            return Some((highest, covered.len() > 1));
        }
        let next = self.waiting.pop_first();
        self.sending = next.is_some();
        next.map(|tag| (tag, false))
    }
}

#[cfg(test)]
mod tests {
    use super::Done;

    fn sent(done: &mut Done, tags: &[u64]) -> Vec<(u64, bool)> {
        for tag in tags {
            done.begin(*tag);
        }
        std::iter::from_fn(|| done.next()).collect()
    }

    #[test]
    fn what_ended_in_order_is_acked_at_once() {
        let mut done = Done::default();
        assert_eq!(sent(&mut done, &[2, 1, 3]), [(3, true)]);
        assert_eq!(sent(&mut done, &[4]), [(4, false)]);
    }

    #[test]
    fn what_is_before_an_unanswered_one_is_never_named_by_an_ack_behind_it() {
        let mut done = Done::default();
        assert_eq!(sent(&mut done, &[1, 2, 4, 5]), [(2, true), (4, false), (5, false)], "3 is not answered");
        assert_eq!(sent(&mut done, &[7, 3]), [(3, false), (7, false)], "4 and 5 were acked, and cannot be again");
        assert_eq!(sent(&mut done, &[9, 6, 8]), [(9, true)], "7 was acked before");
    }

    #[test]
    fn one_sends_and_the_others_leave_it_to_that_one() {
        let mut done = Done::default();
        assert!(done.begin(1));
        assert!(!done.begin(2));
        assert_eq!((done.next(), done.next()), (Some((2, true)), None));
        assert!(done.begin(3), "nobody sends any more");
    }
}
