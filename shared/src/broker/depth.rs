//! How full queues are, as the broker says it at this moment.

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, ErrorKind};
use secrecy::SecretString;

use super::link::{Link, Purpose, Target};
use super::{BrokerError, Producer, open};

/// AMQP's reply code for what is not there.
const NOT_FOUND: u16 = 404;

/// What waits in a queue, and who takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Messages that nobody holds.
    pub ready: u32,
    /// Consumers.
    pub consumers: u32,
}

/// A connection that looks at queues again and again, and makes nothing.
pub struct DepthGauge {
    link: Link,
    channel: Option<Channel>,
}

impl DepthGauge {
    /// Connects to the first of these addresses that answers.
    ///
    /// # Errors
    /// If none of them can be reached and used: what the last one said.
    pub async fn connect(urls: &[SecretString]) -> Result<Self, BrokerError> {
        // of this purpose, since the others declare the topology
        let link = open::open_any(Purpose::Reply, &Target::all(urls)?).await?;
        Ok(Self { link, channel: None })
    }

    /// How full these queues are, in this order; `None`: there is no such queue.
    ///
    /// # Errors
    /// In words, if the connection ended.
    pub async fn depths(&mut self, queues: &[String]) -> Result<Vec<Option<Depth>>, String> {
        let mut depths = Vec::new();
        for queue in queues {
            depths.push(self.depth(queue).await.map_err(|error| problem(&self.link, &error))?);
        }
        Ok(depths)
    }

    async fn depth(&mut self, queue: &str) -> lapin::Result<Option<Depth>> {
        // asking for a queue that is not there ends the channel
        let channel = match self.channel.take() {
            Some(channel) => channel,
            None => self.link.connection.create_channel().await?,
        };
        match depth(&channel, queue).await {
            Ok(depth) => {
                self.channel = Some(channel);
                Ok(Some(depth))
            }
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Producer {
    /// How full these queues are, in this order.
    ///
    /// # Errors
    /// In words, if one of them is not there, or the connection ended.
    pub async fn depths(&self, queues: &[String]) -> Result<Vec<Depth>, String> {
        let problem = |error: lapin::Error| problem(&self.link, &error);
        // of its own: asking for a queue that is not there ends the channel
        let channel = self.link.connection.create_channel().await.map_err(problem)?;
        let mut depths = Vec::new();
        for queue in queues {
            depths.push(depth(&channel, queue).await.map_err(problem)?);
        }
        channel.close(200, "OK".into()).await.map_err(problem)?;
        Ok(depths)
    }
}

async fn depth(channel: &Channel, queue: &str) -> lapin::Result<Depth> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
    Ok(Depth { ready: found.message_count(), consumers: found.consumer_count() })
}

/// Whether the broker says that there is no such thing.
pub(super) fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(said) if said.get_id() == NOT_FOUND)
}

fn problem(link: &Link, error: &lapin::Error) -> String {
    format!("asking {} for the depth of queues: {error}", link.at)
}
