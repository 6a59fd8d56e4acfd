//! `sealpost dead`: what was put aside. Looking changes nothing; replaying sends messages to their queues again.

mod list;
mod mask;
mod replay;
mod sealed;
mod show;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use sealpost_schemas::{Code, queues};
use sealpost_shared::broker::{Broker, DeadLetter, DeadLetters};
use sealpost_shared::config::Config;

pub(super) use self::sealed::sealed_to;
use super::progress::Progress;
use super::{Common, open};

/// What is done with dead letters.
#[derive(Debug, Subcommand)]
pub enum Dead {
    /// Tells how many there are, by code and queue; with --each, one by one.
    List(list::List),
    /// Shows one: its headers and its body, with secrets masked.
    Show(show::Show),
    /// Sends them to their queues again, as first attempts.
    Replay(replay::Replay),
}

/// Which dead letters.
#[derive(Debug, Args)]
struct Filter {
    /// Only those with this code, as in `unknown-provider`.
    #[arg(long, hide_possible_values = true, value_parser = PossibleValuesParser::new(codes()))]
    code: Option<String>,
    /// Only those of this queue.
    #[arg(long, value_parser = PossibleValuesParser::new(queues::ALL))]
    queue: Option<String>,
}

/// Our own codes, and that of what nobody gave one.
fn codes() -> impl Iterator<Item = &'static str> {
    Code::ALL.iter().map(|code| code.as_str()).chain(["unknown"])
}

impl Filter {
    fn takes(&self, letter: &DeadLetter) -> bool {
        self.code.as_ref().is_none_or(|code| *code == letter.code)
            && self.queue.as_ref().is_none_or(|queue| letter.origin == Some(queue))
    }

    fn is_empty(&self) -> bool {
        self.code.is_none() && self.queue.is_none()
    }
}

/// Runs one.
///
/// # Errors
/// In words.
pub async fn run(command: Dead) -> Result<(), String> {
    match command {
        Dead::List(args) => list::run(&args).await,
        Dead::Show(args) => show::run(&args).await,
        Dead::Replay(args) => replay::run(&args).await,
    }
}

/// A walk over all dead letters, with its progress.
pub(super) struct Walk {
    broker: Broker,
    letters: DeadLetters,
    progress: Progress,
}

impl Walk {
    async fn begin(common: &Common) -> Result<Self, String> {
        Self::over(open::broker(&Config::read(&common.config)?).await?).await
    }

    pub(super) async fn over(broker: Broker) -> Result<Self, String> {
        let letters = broker.walk_dead_letters(usize::MAX).await.map_err(|error| error.to_string())?;
        Ok(Self { broker, letters, progress: Progress::begin(0, "looked at") })
    }

    pub(super) async fn next(&mut self) -> Result<Option<DeadLetter>, String> {
        let letter = self.letters.next().await.map_err(|error| error.to_string())?;
        self.progress.of(self.letters.total());
        if letter.is_some() {
            self.progress.one_more(String::new());
        }
        Ok(letter)
    }

    /// Gives back what is held. What went wrong on the way is told, and not that it could not be ended after that.
    pub(super) async fn end<T>(self, walked: Result<T, String>) -> Result<T, String> {
        self.progress.end();
        let closed = self.letters.close().await.map_err(|error| error.to_string());
        self.broker.close().await;
        walked.and_then(|found| closed.map(|()| found))
    }
}
