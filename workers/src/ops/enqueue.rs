//! `sealpost enqueue`: one message into its queue, and its answer. What is sent is checked here first, so that a mistake is
//! told at once and not put aside by a worker.

mod asked;
mod exchange;
mod message;
mod publish;
mod rotate;
mod secret;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use sealpost_schemas::{Name, ProviderId};
use sealpost_shared::broker::Producer;
use sealpost_shared::config::Config;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(super) use self::asked::Asked;
use super::asking::{self, Asking, Ended, News, Said};
use super::progress::Progress;
use super::screen::{facts, print, print_json};
use super::{Common, answer, open, read, sealing};
use crate::worker::stop_signal;

/// What is asked for.
#[derive(Debug, Subcommand)]
pub enum Enqueue {
    /// Exchanges an authorization code, or brings a refresh token in.
    Exchange(exchange::Exchange),
    /// Publishes a text.
    Publish(publish::Publish),
    /// Rotates: seals everything anew under the newest key version, or refreshes what is due.
    Rotate(rotate::Rotate),
}

/// How it is sent, and what is waited for.
#[derive(Debug, Args)]
struct Sending {
    /// The whole message as JSON, instead of its parts: a file, or `-` for stdin. Without an `id` it is given one.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The message's id; the same id is the same message, done once [default: a new one].
    #[arg(long, value_name = "UUID", value_parser = read::id)]
    id: Option<Uuid>,
    /// Ends as soon as the broker has the message.
    #[arg(long)]
    no_wait: bool,
    /// Gives up after so many seconds without any answer.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    timeout: u64,
    /// JSON: the answer as it came, on one line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// Which connection.
#[derive(Debug, Args)]
struct Whose {
    /// The tenant.
    #[arg(long, value_parser = read::name, required_unless_present = "file", conflicts_with = "file")]
    tenant: Option<Name>,
    /// The tenant's user.
    #[arg(long, value_parser = read::name, required_unless_present = "file", conflicts_with = "file")]
    user: Option<Name>,
    /// The provider, as the catalogue calls it.
    #[arg(long, value_parser = read::provider, required_unless_present = "file", conflicts_with = "file")]
    provider: Option<ProviderId>,
    /// Which of several accounts.
    #[arg(long, value_parser = read::name, conflicts_with = "file")]
    label: Option<Name>,
}

impl Whose {
    /// The parts of a message that say it.
    fn fields(&self) -> Value {
        let Self { tenant, user, provider, label } = self;
        json!({"owner": {"tenant": tenant, "user": user}, "provider": provider, "label": label})
    }
}

/// Runs one.
///
/// # Errors
/// In words, also if the answer is that it was not done.
pub async fn run(command: Enqueue) -> Result<(), String> {
    let (asked, sending) = match command {
        Enqueue::Exchange(args) => (args.asked()?, args.sending),
        Enqueue::Publish(args) => (args.asked()?, args.sending),
        Enqueue::Rotate(args) => (args.asked()?, args.sending),
    };
    let config = Config::read(&sending.common.config)?;
    let asked = Asked { message: sealing::sealed(&config, asked.message).await?, ..asked };
    if sending.no_wait { send(&config, &asked, sending.json).await } else { ask(&config, asked, &sending).await }
}

async fn send(config: &Config, asked: &Asked, json: bool) -> Result<(), String> {
    let urls = open::broker_urls(config).await?;
    let producer = Producer::connect(&urls, config.broker.users.is_some()).await.map_err(|error| error.to_string())?;
    asking::send(&producer, &asked.message, None).await?;
    let (id, queue) = (asked.message.id, asked.message.queue);
    if json {
        return print_json(&json!({"id": id, "queue": queue}));
    }
    print(&facts(&[("id", id.to_string()), ("queue", queue.into())]))
}

async fn ask(config: &Config, asked: Asked, sending: &Sending) -> Result<(), String> {
    let parts = if asked.has_parts() { config.store.shards.into() } else { 0 };
    let asked = [asked];
    let answered = wait(config, (&asked, parts), sending.timeout, &stop_signal()?).await?;
    let [asked] = &asked;
    show(asked, &answered, sending.json)?;
    asked::verdict(&answered)
}

/// Sends it, and waits for its answer; each part that is done of so many is told.
pub(super) async fn wait(
    config: &Config,
    (asked, parts): (&[Asked; 1], usize),
    seconds: u64,
    stop: &CancellationToken,
) -> Result<Value, String> {
    let (urls, broker) = (open::broker_urls(config).await?, &config.broker);
    let done = asked[0].done_parts();
    let (mut progress, mut met) = (Progress::begin(parts, done), BTreeSet::new());
    let mut tell = |news: News<'_, Value>| match news {
        News::Said(Said::Parts(parts)) => {
            for part in parts {
                if met.insert(part.clone()) {
                    progress.one_more(String::new());
                }
            }
        }
        News::Said(Said::Answer(_)) => {}
        News::Note(note) => progress.note(&note),
    };
    let (patience, replies) = (Duration::from_secs(seconds), broker.reply_prefixes.clone().into());
    let mut asking = Asking::new(asked, NonZeroUsize::MIN, patience, replies);
    let ended = asking.run((&urls, broker.users.is_some()), &mut tell, stop).await;
    let answered = asking.into_answers().into_iter().flatten().next();
    progress.end();
    answered.ok_or_else(|| without_answer(&asked[0], ended.err(), seconds))
}

/// Prints an answer.
pub(super) fn show(asked: &Asked, answered: &Value, json: bool) -> Result<(), String> {
    if json {
        return print_json(answered);
    }
    let id = [("id", asked.message.id.to_string())].into_iter();
    print(&facts(&id.chain(answer::rows(answered)).collect::<Vec<_>>()))
}

fn without_answer(asked: &Asked, ended: Option<Ended>, seconds: u64) -> String {
    let id = asked.message.id;
    let why = match ended {
        Some(Ended::Unsent) => {
            return "nothing was sent: the broker cannot be reached (broker.url); sealpost check tells more".into();
        }
        Some(Ended::Stopped) => "stopped before an answer came".into(),
        Some(Ended::NoAnswer) | None => format!("no answer within {seconds} s"),
    };
    let then = match &asked.connection {
        Some(whose) => {
            format!("it may come yet: sealpost jobs show {id} --tenant '{}' --user '{}'", whose.tenant, whose.user)
        }
        None => format!("what it began goes on; the same command with --id {id} waits for it again"),
    };
    format!("{why}; {then}")
}
