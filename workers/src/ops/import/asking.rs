//! Requests out, answers in, over all reconnections. Whatever is not answered is sent again: a worker that did it already
//! answers from its ledger.
//!
//! An answer comes twice, as a reply and as an event, to one queue of our own: either may be lost. Where no reply may go
//! to such a queue, it comes as an event.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::time::Duration;

use sealpost_schemas::codec::{Encoding, decode};
use sealpost_schemas::{ExchangeResult, Message, queues};
use sealpost_shared::broker::{Events, Heard, Outgoing, Producer};
use secrecy::SecretString;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::lines::Line;
use super::progress::Progress;
use crate::runner::ReplyPrefixes;
use crate::step::FollowUp;

/// Between two attempts to connect, or to send to a full queue.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a message is sent that the broker does not take.
const SENDS: u32 = 5;

/// How long the broker may take to take a message.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// After so much time without an answer something is said about it.
const QUIET: Duration = Duration::from_secs(15);

/// Why it ended before every line had its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Somebody pressed Ctrl-C.
    Stopped,
    /// No answer came for too long.
    NoAnswer,
}

/// Why a connection to the broker is given up.
enum Break {
    For(Ended),
    Lost(String),
}

/// What was asked, and what was answered.
pub(super) struct Asking<'a> {
    lines: &'a [Line],
    by_id: HashMap<Uuid, usize>,
    results: Vec<Option<ExchangeResult>>,
    concurrency: usize,
    patience: Duration,
    /// Where replies may go.
    replies: ReplyPrefixes,
    /// When the last answer came, or the first could have.
    heard: Instant,
}

impl<'a> Asking<'a> {
    pub(super) fn new(
        lines: &'a [Line],
        concurrency: NonZeroUsize,
        patience: Duration,
        replies: ReplyPrefixes,
    ) -> Self {
        let by_id = lines.iter().enumerate().map(|(at, line)| (line.id(), at)).collect();
        let results = lines.iter().map(|_| None).collect();
        Self { lines, by_id, results, concurrency: concurrency.get(), patience, replies, heard: Instant::now() }
    }

    /// What was answered, line by line.
    pub(super) fn into_results(self) -> Vec<Option<ExchangeResult>> {
        self.results
    }

    /// Asks until everything is answered, of this broker, where our messages must say who sends them or need not.
    pub(super) async fn run(
        &mut self,
        broker: (&SecretString, bool),
        progress: &mut Progress,
        stop: &CancellationToken,
    ) -> Result<(), Ended> {
        loop {
            let session = self.session(broker, progress);
            let problem = match stop.run_until_cancelled(session).await {
                None => return Err(Ended::Stopped),
                Some(Ok(())) => return Ok(()),
                Some(Err(Break::For(ended))) => return Err(ended),
                Some(Err(Break::Lost(problem))) => problem,
            };
            if self.heard.elapsed() > self.patience {
                return Err(Ended::NoAnswer);
            }
            progress.note(&format!("{problem}; trying again"));
            sleep(PAUSE).await;
        }
    }

    /// Asks over one connection.
    async fn session(&mut self, (url, named): (&SecretString, bool), progress: &mut Progress) -> Result<(), Break> {
        let connecting = timeout(self.patience, Producer::connect(url.clone(), named)).await;
        let connected = connecting.map_err(|_| Break::For(Ended::NoAnswer))?;
        let producer = connected.map_err(|error| Break::Lost(error.to_string()))?;
        let topics = ["connection.stored", "connection.failed"];
        let mut answers = producer.listen(&topics).await.map_err(Break::Lost)?;
        let mut unsent: VecDeque<_> = (0..self.lines.len()).filter(|at| self.results[*at].is_none()).collect();
        let mut open = unsent.len();
        while open > 0 {
            match unsent.front() {
                Some(&at) if open - unsent.len() < self.concurrency => {
                    self.send(at, &producer, answers.address()).await.map_err(Break::Lost)?;
                    unsent.pop_front();
                }
                _ => open -= usize::from(self.answered(&producer, &mut answers, progress).await?),
            }
        }
        Ok(())
    }

    /// Sends one request. A queue that is full now need not be so in a moment.
    async fn send(&self, at: usize, producer: &Producer, reply_to: &str) -> Result<(), String> {
        let follow_up = FollowUp::of(&self.lines[at].request()).map_err(|error| error.to_string())?;
        let reply_to = self.replies.refusal(reply_to).is_none().then(|| reply_to.into());
        let message = Outgoing { reply_to, ..follow_up.outgoing() };
        let mut tries = 1;
        loop {
            let sent = timeout(SEND_WITHIN, producer.send(follow_up.queue, &message)).await;
            match sent.unwrap_or_else(|_| Err("the broker does not take messages".into())) {
                Err(problem) if tries == SENDS => return Err(problem),
                Err(_) => tries += 1,
                Ok(()) => return Ok(()),
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits for an answer to something that has none yet; `false`: nothing new was heard.
    async fn answered(
        &mut self,
        producer: &Producer,
        answers: &mut Events,
        progress: &mut Progress,
    ) -> Result<bool, Break> {
        let Ok(heard) = timeout(QUIET.min(self.patience), answers.next()).await else {
            progress.note(&quiet(self.heard.elapsed(), producer.consumers(queues::EXCHANGE_REQUESTS).await));
            let over = self.heard.elapsed() > self.patience;
            return if over { Err(Break::For(Ended::NoAnswer)) } else { Ok(false) };
        };
        let heard = heard.ok_or_else(|| Break::Lost("the connection to the broker ended".into()))?;
        let Some((at, result)) = self.mine(&heard) else { return Ok(false) };
        self.heard = Instant::now();
        progress.answered(&result);
        self.results[at] = Some(result);
        Ok(true)
    }

    /// Which line this answers for the first time. Others' requests are answered too, and may have any id.
    fn mine(&self, heard: &Heard) -> Option<(usize, ExchangeResult)> {
        if heard.type_name != ExchangeResult::type_name() {
            return None;
        }
        let result: ExchangeResult = decode(Encoding::Json, &heard.body).ok()?.message;
        let at = *self.by_id.get(&result.request)?;
        let same = result.connection.as_ref().is_none_or(|connection| *connection == self.lines[at].connection);
        (same && self.results[at].is_none()).then_some((at, result))
    }
}

fn quiet(time: Duration, workers: Option<u32>) -> String {
    let quiet = format!("no answer for {} s", time.as_secs());
    match workers {
        Some(0) => format!("{quiet}: no worker takes exchange requests; start one with: sealpost work exchange"),
        Some(workers) => format!("{quiet}; {workers} worker(s) take exchange requests, and may wait for the provider"),
        None => quiet,
    }
}
