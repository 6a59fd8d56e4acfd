//! What there is on a broker, looked at without making anything: for an operator before the first worker starts.

use lapin::Channel;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use sealpost_schemas::queues;
use secrecy::SecretString;
use tokio::sync::Mutex;

use super::depth::is_not_found;
use super::link::{Link, Purpose, Target};
use super::{BrokerError, open, topology};

/// What was found.
#[derive(Debug)]
pub struct Inspection {
    /// Host, port and virtual host.
    pub at: String,
    /// What the broker says that it is.
    pub version: String,
    /// Queues and exchanges that the first process will make.
    pub missing: Vec<String>,
    /// What is there and is not ours.
    pub problems: Vec<BrokerError>,
    /// Messages on work queues that have no consumer, their retries included.
    pub waiting: Vec<(&'static str, u32)>,
    /// How many dead letters there are.
    pub dead_letters: u32,
}

/// Looks at the broker. What is there is compared by declaring it as it should be, which changes nothing of what exists;
/// what is not there is not declared.
///
/// # Errors
/// If the broker cannot be reached, or is too old.
pub async fn inspect(url: SecretString) -> Result<Inspection, BrokerError> {
    let targets = Target::all(&[url])?;
    // of this purpose, since the others declare the topology
    let link = open::open(Purpose::Reply, &targets[0], &Mutex::new(())).await?;
    let (at, version) = (link.at.to_string(), link.version.clone().unwrap_or_else(|| "of unknown version".into()));
    let mut found =
        Inspection { at, version, missing: Vec::new(), problems: Vec::new(), waiting: Vec::new(), dead_letters: 0 };
    for (name, arguments) in topology::queues() {
        match queue(&link, &name, arguments).await {
            Ok(Some((messages, consumers))) => found.count(&name, messages, consumers),
            Ok(None) => found.missing.push(format!("queue {name}")),
            Err(problem) => found.problems.push(problem),
        }
    }
    for (name, kind) in topology::exchanges() {
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let channel = channel(&link).await?;
        let there = channel.exchange_declare(name.as_str().into(), kind.clone(), passive, FieldTable::default()).await;
        match existing(there, &link, format!("exchange {name}")) {
            Ok(None) => found.missing.push(format!("exchange {name}")),
            Ok(Some(())) => found.problems.extend(topology::exchange(&channel, &link.at, &name, kind).await.err()),
            Err(problem) => found.problems.push(problem),
        }
    }
    Ok(found)
}

impl Inspection {
    fn count(&mut self, name: &str, messages: u32, consumers: u32) {
        if name == topology::DEAD_LETTERS {
            self.dead_letters = messages;
        }
        let home = name.strip_suffix(".retries").unwrap_or(name);
        let Some(queue) = queues::ALL.iter().find(|queue| **queue == home) else { return };
        if messages > 0 && consumers == 0 {
            match self.waiting.iter_mut().find(|(name, _)| name == queue) {
                Some((_, count)) => *count += messages,
                None => self.waiting.push((queue, messages)),
            }
        }
    }
}

/// How many messages and consumers a queue has, `None` if it is not there.
async fn queue(link: &Link, name: &str, arguments: FieldTable) -> Result<Option<(u32, u32)>, BrokerError> {
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let channel = channel(link).await?;
    let there = channel.queue_declare(name.into(), passive, FieldTable::default()).await;
    let Some(queue) = existing(there, link, format!("queue {name}"))? else { return Ok(None) };
    topology::queue(&channel, &link.at, name, arguments).await?;
    Ok(Some((queue.message_count(), queue.consumer_count())))
}

/// A channel of its own for each question: a refusal ends it.
async fn channel(link: &Link) -> Result<Channel, BrokerError> {
    let problem =
        |error: lapin::Error| BrokerError::Unreachable { at: link.at.to_string(), problem: error.to_string() };
    link.connection.create_channel().await.map_err(problem)
}

fn existing<T>(answer: lapin::Result<T>, link: &Link, what: String) -> Result<Option<T>, BrokerError> {
    match answer {
        Ok(there) => Ok(Some(there)),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(topology::problem(&link.at, what, &error)),
    }
}
