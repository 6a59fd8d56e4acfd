//! Messages as AMQP properties. Only what is listed here travels from one message to another: never `x-death` (RabbitMQ
//! 3.10 silently drops what looks like a cycle), never a TTL, never a producer's own headers.

use bytes::Bytes;
use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use sealpost_schemas::{Code, queues};

use super::users::Sender;
use crate::plain::is_plain;

pub(super) const ATTEMPT: &str = "sealpost-attempt";
pub(super) const NOT_BEFORE: &str = "sealpost-not-before";
pub(super) const LINED_UP: &str = "sealpost-lined-up";
pub(super) const ORIGIN: &str = "sealpost-origin";
pub(super) const CODE: &str = "sealpost-code";
pub(super) const REASON: &str = "sealpost-reason";
pub(super) const AT: &str = "sealpost-at";
pub(super) const USER: &str = "sealpost-user";
const TRACEPARENT: &str = "traceparent";

/// A `traceparent` has 55 characters (W3C Trace Context, version 00); a later version may have more.
const MAX_TRACEPARENT: usize = 128;
/// The bytes of a dead letter's reason. All properties of a message must fit into one frame.
const MAX_REASON: usize = 1000;

/// A message on its way out.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// Name and version, as in `publish-job.v1`.
    pub type_name: Option<String>,
    /// The message's id.
    pub id: Option<String>,
    /// The encoding of the body.
    pub content_type: Option<String>,
    /// Echoed to the producer.
    pub correlation_id: Option<String>,
    /// Where the result goes.
    pub reply_to: Option<String>,
    /// The attempt that this message will be; nothing on a first publication.
    pub attempt: Option<u32>,
    /// When it is to be looked at again, where it was put off until then.
    pub not_before: Option<Timestamp>,
    /// Whether that is its place in the line of its provider's jobs.
    pub lined_up: bool,
    /// The queue of first publication; nothing on a first publication.
    pub origin: Option<String>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// Who sent it first, if not we.
    pub sender: Sender,
    /// The body; its `Debug` output is only its length.
    pub body: Body,
}

/// A body, which never shows in `Debug` output: it may hold secrets.
#[derive(Clone, Default)]
pub struct Body(pub Bytes);

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Why a message was put aside.
#[derive(Clone, Debug)]
pub(super) struct Verdict<'a> {
    pub(super) code: Code,
    pub(super) reason: &'a str,
    pub(super) at: jiff::Timestamp,
}

impl Outgoing {
    /// The AMQP properties: persistent, with the allow-listed headers only.
    ///
    /// # Errors
    /// Names the property that AMQP cannot carry (more than 255 bytes).
    pub(super) fn properties(&self, verdict: Option<&Verdict<'_>>) -> Result<BasicProperties, String> {
        let short = |name: &str, text: &Option<String>| {
            let fit = |text: &String| ShortString::try_new(text.clone()).map_err(|error| format!("{name}: {error}"));
            text.as_ref().map(fit).transpose()
        };
        let mut properties = BasicProperties::default().with_delivery_mode(2).with_headers(self.headers(verdict));
        if let Some(text) = short("type", &self.type_name)? {
            properties = properties.with_type(text);
        }
        if let Some(text) = short("message_id", &self.id)? {
            properties = properties.with_message_id(text);
        }
        if let Some(text) = short("content_type", &self.content_type)? {
            properties = properties.with_content_type(text);
        }
        if let Some(text) = short("correlation_id", &self.correlation_id)? {
            properties = properties.with_correlation_id(text);
        }
        if let Some(text) = short("reply_to", &self.reply_to)? {
            properties = properties.with_reply_to(text);
        }
        Ok(properties)
    }

    fn headers(&self, verdict: Option<&Verdict<'_>>) -> FieldTable {
        let mut headers = FieldTable::default();
        let mut put = |name: &str, text: &str| {
            headers.insert(name.into(), AMQPValue::LongString(text.into()));
        };
        if let Some(origin) = &self.origin {
            put(ORIGIN, origin);
        }
        if let Some(not_before) = &self.not_before {
            put(NOT_BEFORE, &not_before.to_string());
        }
        if self.lined_up {
            put(LINED_UP, "yes");
        }
        if let Some(traceparent) = &self.traceparent {
            put(TRACEPARENT, traceparent);
        }
        if let Some(sender) = self.sender.in_header() {
            put(USER, sender);
        }
        if let Some(Verdict { code, reason, at }) = verdict {
            put(CODE, code.as_str());
            put(REASON, &plain(reason));
            put(AT, &at.to_string());
        }
        if let Some(attempt) = self.attempt {
            headers.insert(ATTEMPT.into(), AMQPValue::LongLongInt(attempt.into()));
        }
        headers
    }
}

/// What may travel of a message that came in. Which attempt it is and where it comes from is not a producer's to say.
pub(super) fn outgoing(properties: &BasicProperties, sender: Sender, body: Body) -> Outgoing {
    let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string);
    Outgoing {
        type_name: text(properties.kind()),
        id: text(properties.message_id()),
        content_type: text(properties.content_type()),
        correlation_id: text(properties.correlation_id()),
        reply_to: text(properties.reply_to()),
        attempt: None,
        not_before: None,
        lined_up: false,
        origin: None,
        traceparent: traceparent(properties),
        sender,
        body,
    }
}

/// The text of a header.
pub(super) fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The attempt that a message of the retries is: what our header says, in whatever integer it came back, else the first.
pub(super) fn attempt(properties: &BasicProperties) -> u32 {
    let headers = properties.headers().as_ref();
    let number = match headers.and_then(|headers| headers.inner().get(ATTEMPT)) {
        Some(AMQPValue::ShortShortInt(number)) => i64::from(*number),
        Some(AMQPValue::ShortShortUInt(number)) => i64::from(*number),
        Some(AMQPValue::ShortInt(number)) => i64::from(*number),
        Some(AMQPValue::ShortUInt(number)) => i64::from(*number),
        Some(AMQPValue::LongInt(number)) => i64::from(*number),
        Some(AMQPValue::LongUInt(number)) => i64::from(*number),
        Some(AMQPValue::LongLongInt(number)) => *number,
        _ => 1,
    };
    u32::try_from(number).unwrap_or(1).max(1)
}

/// When a message of the retries is to be looked at again, where it was put off until then.
pub(super) fn not_before(properties: &BasicProperties) -> Option<Timestamp> {
    header(properties, NOT_BEFORE)?.parse().ok()
}

/// The work queue that our header names, where it is ours.
pub(super) fn origin(properties: &BasicProperties) -> Option<&'static str> {
    let named = header(properties, ORIGIN)?;
    queues::ALL.iter().find(|queue| **queue == named).copied()
}

/// The producer's `traceparent`, if it looks like one.
fn traceparent(properties: &BasicProperties) -> Option<String> {
    let text = header(properties, TRACEPARENT)?;
    let looks = text.len() <= MAX_TRACEPARENT && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    looks.then(|| text.to_owned())
}

/// An outside text for a header: bounded, and in plain characters.
fn plain(text: &str) -> String {
    let mut plain: String = text.chars().map(|c| if is_plain(c) { c } else { ' ' }).collect();
    plain.truncate(plain.floor_char_boundary(MAX_REASON));
    plain
}

#[cfg(test)]
mod tests {
    use super::{MAX_REASON, Outgoing, plain};

    #[test]
    fn a_reason_is_bounded_and_in_plain_characters() {
        assert_eq!(plain("a\u{1b}[31m\r\nb\u{85}\u{202e}"), "a [31m  b  ");
        let long = plain(&"é".repeat(MAX_REASON));
        assert!(long.len() <= MAX_REASON && long.len() > MAX_REASON - 2);
    }

    #[test]
    fn what_amqp_cannot_carry_is_an_error_and_no_panic() {
        let message = Outgoing { correlation_id: Some("x".repeat(256)), ..Outgoing::default() };
        assert!(message.properties(None).unwrap_err().starts_with("correlation_id"));
    }

    #[test]
    fn a_body_does_not_show_in_debug_output() {
        let message = Outgoing { body: b"hunter2".to_vec().into(), ..Outgoing::default() };
        assert!(!format!("{message:?}").contains("hunter2"));
    }
}
