//! Requests out, answers in, over all reconnections. Whatever is not answered is sent again: a worker that did it already
//! answers from its ledger.
//!
//! An answer comes twice, as a reply and as an event, to one queue of our own: either may be lost. The reply, which has
//! more in it, comes first. Where no reply may go to such a queue, the event alone tells.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::time::Duration;

use sealpost_shared::broker::{Events, Heard, Outgoing, Producer};
use secrecy::SecretString;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

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

/// Something that is asked, and how its answer is known.
pub(super) trait Question {
    /// What comes back.
    type Answer;

    /// The request's id.
    fn id(&self) -> Uuid;

    /// The work queue, and the step that takes it from there.
    fn queue(&self) -> (&'static str, &'static str);

    /// The events that answer too.
    fn topics(&self) -> &'static [&'static str];

    /// The request, made when it is sent.
    fn message(&self) -> Result<FollowUp, String>;

    /// What was heard, and the id of the request that it speaks of. Others' requests are answered too.
    fn read(heard: &Heard) -> Option<(Uuid, Said<Self::Answer>)>;

    /// Whether an answer to this id is to this request: others' may have any id.
    fn is_answered_by(&self, answer: &Self::Answer) -> bool;
}

/// What was said of a request.
pub(super) enum Said<A> {
    /// How it ended.
    Answer(A),
    /// That these parts of it are done.
    Parts(Vec<String>),
}

/// What is told meanwhile.
pub(super) enum News<'a, A> {
    /// This came.
    Said(&'a Said<A>),
    /// Something that a person is to know now.
    Note(String),
}

/// Why it ended before everything had its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Somebody pressed Ctrl-C.
    Stopped,
    /// No answer came for too long.
    NoAnswer,
    /// The broker could not be reached, so that nothing was asked.
    Unsent,
}

/// Why a connection to the broker is given up.
enum Break {
    For(Ended),
    Lost(String),
}

/// What was asked, and what was answered.
pub(super) struct Asking<'a, Q: Question> {
    questions: &'a [Q],
    by_id: HashMap<Uuid, usize>,
    answers: Vec<Option<Q::Answer>>,
    concurrency: usize,
    patience: Duration,
    /// Where replies may go.
    replies: ReplyPrefixes,
    /// Whether anything was sent yet.
    asked: bool,
    /// When the last answer came, or the first could have.
    heard: Instant,
}

impl<'a, Q: Question> Asking<'a, Q> {
    pub(super) fn new(
        questions: &'a [Q],
        concurrency: NonZeroUsize,
        patience: Duration,
        replies: ReplyPrefixes,
    ) -> Self {
        let by_id = questions.iter().enumerate().map(|(at, question)| (question.id(), at)).collect();
        let answers = questions.iter().map(|_| None).collect();
        Self {
            questions,
            by_id,
            answers,
            concurrency: concurrency.get(),
            patience,
            replies,
            asked: false,
            heard: Instant::now(),
        }
    }

    /// What was answered, question by question.
    pub(super) fn into_answers(self) -> Vec<Option<Q::Answer>> {
        self.answers
    }

    /// Asks until everything is answered, of this broker, where our messages must say who sends them or need not.
    pub(super) async fn run(
        &mut self,
        broker: (&[SecretString], bool),
        tell: &mut dyn FnMut(News<'_, Q::Answer>),
        stop: &CancellationToken,
    ) -> Result<(), Ended> {
        let mut told = String::new();
        loop {
            let session = self.session(broker, tell);
            let problem = match stop.run_until_cancelled(session).await {
                None => return Err(Ended::Stopped),
                Some(Ok(())) => return Ok(()),
                Some(Err(Break::For(ended))) => return Err(ended),
                Some(Err(Break::Lost(problem))) => problem,
            };
            if self.heard.elapsed() > self.patience {
                return Err(self.without_answer());
            }
            if told != problem {
                tell(News::Note(format!("{problem}; trying again")));
                told = problem;
            }
            sleep(PAUSE).await;
        }
    }

    fn without_answer(&self) -> Ended {
        if self.asked { Ended::NoAnswer } else { Ended::Unsent }
    }

    /// Asks over one connection.
    async fn session(
        &mut self,
        (urls, named): (&[SecretString], bool),
        tell: &mut dyn FnMut(News<'_, Q::Answer>),
    ) -> Result<(), Break> {
        let connecting = timeout(self.patience, Producer::connect(urls, named)).await;
        let connected = connecting.map_err(|_| Break::For(self.without_answer()))?;
        let producer = connected.map_err(|error| Break::Lost(error.to_string()))?;
        let topics = self.questions.first().map(Question::topics).unwrap_or_default();
        let mut answers = producer.listen(topics).await.map_err(Break::Lost)?;
        let mut unsent: VecDeque<_> = (0..self.questions.len()).filter(|at| self.answers[*at].is_none()).collect();
        let mut open = unsent.len();
        while open > 0 {
            match unsent.front() {
                Some(&at) if open - unsent.len() < self.concurrency => {
                    let message = self.questions[at].message().map_err(Break::Lost)?;
                    let address = Some(answers.address()).filter(|to| self.replies.refusal(to).is_none());
                    // whether or not it is confirmed, it may arrive
                    if !std::mem::replace(&mut self.asked, true) {
                        self.heard = Instant::now();
                    }
                    send(&producer, &message, address).await.map_err(Break::Lost)?;
                    unsent.pop_front();
                }
                _ => open -= usize::from(self.answered(&producer, &mut answers, tell).await?),
            }
        }
        Ok(())
    }

    /// Waits for an answer to something that has none yet; `false`: nothing new was heard.
    async fn answered(
        &mut self,
        producer: &Producer,
        answers: &mut Events,
        tell: &mut dyn FnMut(News<'_, Q::Answer>),
    ) -> Result<bool, Break> {
        let left = self.patience.saturating_sub(self.heard.elapsed());
        let Ok(heard) = timeout(QUIET.min(left), answers.next()).await else {
            let quiet = self.heard.elapsed();
            if let Some(queue) = self.questions.first().map(Question::queue) {
                tell(News::Note(note(quiet, queue, producer.consumers(queue.0).await)));
            }
            return if quiet >= self.patience { Err(Break::For(Ended::NoAnswer)) } else { Ok(false) };
        };
        let heard = heard.ok_or_else(|| Break::Lost("the connection to the broker ended".into()))?;
        let Some((at, said)) = self.mine(&heard) else { return Ok(false) };
        self.heard = Instant::now();
        tell(News::Said(&said));
        Ok(match said {
            Said::Answer(answer) => self.answers[at].replace(answer).is_none(),
            Said::Parts(_) => false,
        })
    }

    /// Which question this is about, and answers for the first time.
    fn mine(&self, heard: &Heard) -> Option<(usize, Said<Q::Answer>)> {
        let (id, said) = Q::read(heard)?;
        let at = *self.by_id.get(&id)?;
        let mine = match &said {
            Said::Answer(answer) => self.questions[at].is_answered_by(answer),
            Said::Parts(_) => true,
        };
        (mine && self.answers[at].is_none()).then_some((at, said))
    }
}

/// Sends one message. A queue that is full now need not be so in a moment.
pub(super) async fn send(producer: &Producer, message: &FollowUp, reply_to: Option<&str>) -> Result<(), String> {
    let outgoing = Outgoing { reply_to: reply_to.map(Into::into), ..message.outgoing() };
    let mut tries = 1;
    loop {
        let sent = timeout(SEND_WITHIN, producer.send(message.queue, &outgoing)).await;
        match sent.unwrap_or_else(|_| Err("the broker does not take messages".into())) {
            Err(problem) if tries == SENDS => return Err(problem),
            Err(_) => tries += 1,
            Ok(()) => return Ok(()),
        }
        sleep(PAUSE).await;
    }
}

fn note(time: Duration, (queue, step): (&str, &str), workers: Option<u32>) -> String {
    let (quiet, messages) = (format!("no answer for {} s", time.as_secs()), queue.replace('-', " "));
    match workers {
        Some(0) => format!("{quiet}: no worker takes {messages}; start one with: sealpost work {step}"),
        Some(workers) => format!("{quiet}; {workers} worker(s) take {messages}, and may wait for the provider"),
        None => quiet,
    }
}
