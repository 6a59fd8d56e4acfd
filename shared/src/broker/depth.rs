//! How full queues are, as the broker says it at this moment.

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use super::Producer;

/// What waits in a queue, and who takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Messages that nobody holds.
    pub ready: u32,
    /// Consumers.
    pub consumers: u32,
}

impl Producer {
    /// How full these queues are, in this order.
    ///
    /// # Errors
    /// In words, if one of them is not there, or the connection ended.
    pub async fn depths(&self, queues: &[String]) -> Result<Vec<Depth>, String> {
        let problem = |error: lapin::Error| format!("asking {} for the depth of queues: {error}", self.link.at);
        // of its own: asking for a queue that is not there ends the channel
        let channel = self.link.connection.create_channel().await.map_err(problem)?;
        let mut depths = Vec::new();
        for queue in queues {
            let options = QueueDeclareOptions { passive: true, ..Default::default() };
            let found = channel.queue_declare(queue.as_str().into(), options, FieldTable::default());
            let found = found.await.map_err(problem)?;
            depths.push(Depth { ready: found.message_count(), consumers: found.consumer_count() });
        }
        channel.close(200, "OK".into()).await.map_err(problem)?;
        Ok(depths)
    }
}
