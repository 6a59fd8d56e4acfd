//! A line as something that is asked.

use sealpost_schemas::codec::{Encoding, decode};
use sealpost_schemas::{ExchangeResult, Message, queues};
use sealpost_shared::broker::Heard;
use sealpost_shared::wire::PublicKey;
use uuid::Uuid;

use super::lines::Line;
use crate::ops::asking::{Question, Said};
use crate::step::FollowUp;

/// A line, and the key that its token is sealed to.
pub(super) struct Asked<'a> {
    pub(super) line: &'a Line,
    pub(super) key: &'a PublicKey,
}

impl Question for Asked<'_> {
    type Answer = ExchangeResult;

    fn id(&self) -> Uuid {
        self.line.id()
    }

    fn queue(&self) -> (&'static str, &'static str) {
        (queues::EXCHANGE_REQUESTS, "exchange")
    }

    fn topics(&self) -> &'static [&'static str] {
        &["connection.stored", "connection.failed"]
    }

    fn message(&self) -> Result<FollowUp, String> {
        FollowUp::of(&self.line.request()).map_err(|error| error.to_string())?.sealed(self.key)
    }

    fn read(heard: &Heard) -> Option<(Uuid, Said<ExchangeResult>)> {
        if heard.type_name != ExchangeResult::type_name() {
            return None;
        }
        let result: ExchangeResult = decode(Encoding::Json, &heard.body).ok()?.message;
        Some((result.request, Said::Answer(result)))
    }

    fn is_answered_by(&self, result: &ExchangeResult) -> bool {
        result.connection.as_ref().is_none_or(|connection| *connection == self.line.connection)
    }
}
