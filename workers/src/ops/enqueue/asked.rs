//! One message of any kind as something that is asked.

use sealpost_schemas::{Connection, queues};
use sealpost_shared::broker::Heard;
use serde_json::Value;
use uuid::Uuid;

use crate::ops::asking::{Question, Said};
use crate::step::FollowUp;

/// A message that is ready to be sent, and whose it is.
pub(in crate::ops) struct Asked {
    pub(in crate::ops) message: FollowUp,
    /// None of a rotation, nor of a revocation.
    pub(in crate::ops) connection: Option<Connection>,
}

impl Asked {
    /// Whether there is progress to be told.
    pub(super) fn has_parts(&self) -> bool {
        self.message.queue == queues::ROTATION_TICKS
    }

    /// What is said of the number of parts that are done.
    pub(super) fn done_parts(&self) -> &'static str {
        match self.message.queue {
            queues::REVOCATION_REQUESTS => "connections have ended",
            _ => "shards are done",
        }
    }
}

/// Whether the answer is the wanted one.
pub(super) fn verdict(answer: &Value) -> Result<(), String> {
    match answer.pointer("/counts/failed").and_then(Value::as_u64) {
        Some(left) if left > 0 => Err(format!(
            "{left} were left behind as they are; the workers' logs say why, and the next rotation tries again"
        )),
        _ if answer["failure"].is_null() => Ok(()),
        _ => Err(format!("the answer is {:?}", answer["outcome"].as_str().unwrap_or_default())),
    }
}

impl Question for Asked {
    type Answer = Value;

    fn id(&self) -> Uuid {
        self.message.id
    }

    fn queue(&self) -> (&'static str, &'static str) {
        let step = match self.message.queue {
            queues::EXCHANGE_REQUESTS => "exchange",
            queues::PUBLISH_JOBS => "publish",
            queues::REVOCATION_REQUESTS => "revoke revoke-shard",
            _ => "rotate rotate-shard",
        };
        (self.message.queue, step)
    }

    fn topics(&self) -> &'static [&'static str] {
        match self.message.queue {
            queues::EXCHANGE_REQUESTS => &["connection.stored", "connection.on-device", "connection.failed"],
            queues::PUBLISH_JOBS => &["publish.*"],
            queues::REVOCATION_REQUESTS => &["connection.revoked", "connection.revocation-failed"],
            _ => &["rotation.*"],
        }
    }

    fn message(&self) -> Result<FollowUp, String> {
        Ok(self.message.clone())
    }

    fn read(heard: &Heard) -> Option<(Uuid, Said<Value>)> {
        let body: Value = serde_json::from_slice(&heard.body).ok()?;
        let id = |name: &str| body.get(name)?.as_str()?.parse().ok();
        match heard.type_name.as_str() {
            "revocation-result.v1" if body["outcome"] == "under-way" => {
                let deleted = body["receipts"].as_array()?.iter().filter(|receipt| receipt["deleted"] == true);
                let records = deleted.filter_map(|receipt| Some(receipt["record"].as_str()?.to_owned()));
                Some((id("request")?, Said::Parts(records.collect())))
            }
            "exchange-result.v1" | "revocation-result.v1" => Some((id("request")?, Said::Answer(body))),
            "publish-result.v1" => Some((id("job")?, Said::Answer(body))),
            "rotation-done.v1" => Some((id("tick")?, Said::Answer(body))),
            "rotation-shard-done.v1" => Some((id("tick")?, Said::Parts(vec![body.get("shard")?.to_string()]))),
            _ => None,
        }
    }

    fn is_answered_by(&self, answer: &Value) -> bool {
        let said = answer.get("connection").and_then(|connection| serde_json::from_value(connection.clone()).ok());
        said.is_none_or(|said: Connection| self.connection.as_ref() == Some(&said))
    }
}
