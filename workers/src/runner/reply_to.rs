//! Which addresses a producer may have replies sent to.

use std::sync::Arc;

use sealpost_schemas::Code;
use sealpost_shared::broker::is_own_queue;
use sealpost_shared::failure::Failure;

use crate::step::ReplyTo;

/// Addresses of Direct Reply-to begin with this: each leads to the one who asked, at most once and by the broker's design.
pub(super) const DIRECT_REPLY: &str = "amq.rabbitmq.reply-to.";

/// What addresses of replies must begin with; with none, any but our own queues will do.
#[derive(Clone, Debug, Default)]
pub struct ReplyPrefixes(Arc<[String]>);

impl From<Vec<String>> for ReplyPrefixes {
    fn from(prefixes: Vec<String>) -> Self {
        Self(prefixes.into())
    }
}

impl ReplyPrefixes {
    /// Why no reply goes to this address.
    pub(crate) fn refusal(&self, address: &str) -> Option<Failure> {
        let refused = |message| Some(Failure::reject(Code::ReplyToRefused, message));
        if is_own_queue(address) {
            return refused("reply_to names one of Sealpost's own queues; use your own");
        }
        let fits = |prefix: &String| address.starts_with(prefix.as_str());
        if self.0.is_empty() || address.starts_with(DIRECT_REPLY) || self.0.iter().any(fits) {
            return None;
        }
        refused(
            "reply_to begins with none of the prefixes that broker.reply_prefixes allows; use a queue of yours that does",
        )
    }
}

/// What kind of address it is.
pub(super) fn kind(address: Option<&str>) -> ReplyTo {
    match address {
        None | Some("") => ReplyTo::Nobody,
        Some(address) if address.starts_with(DIRECT_REPLY) => ReplyTo::Direct,
        Some(_) => ReplyTo::Queue,
    }
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::Code;

    use super::{ReplyPrefixes, kind};
    use crate::step::ReplyTo;

    #[test]
    fn only_of_a_queue_it_becomes_known_that_an_answer_arrived() {
        for (address, expected) in [
            (None, ReplyTo::Nobody),
            (Some(""), ReplyTo::Nobody),
            (Some("amq.rabbitmq.reply-to.g1h2.x"), ReplyTo::Direct),
            (Some("answers"), ReplyTo::Queue),
        ] {
            assert_eq!(kind(address), expected);
            assert_eq!(expected.is_confirmed(), expected == ReplyTo::Queue);
        }
    }

    fn refused(prefixes: &[&str], address: &str) -> bool {
        let prefixes = prefixes.iter().map(|&prefix| prefix.to_owned()).collect::<Vec<_>>();
        let refusal = ReplyPrefixes::from(prefixes).refusal(address);
        refusal.inspect(|failure| assert_eq!(failure.code, Code::ReplyToRefused)).is_some()
    }

    #[test]
    fn prefixes_limit_replies_to_queues_and_never_to_those_who_wait() {
        for (address, any, limited) in [
            ("app.answers", false, false),
            ("web.7", false, false),
            ("app", false, true),
            ("xapp.answers", false, true),
            ("App.answers", false, true),
            ("", false, true),
            ("amq.rabbitmq.reply-to.g1h2.x", false, false),
            ("amq.rabbitmq.reply-to", false, true),
            ("amq.gen-1", false, true),
            ("publish-jobs", true, true),
            ("dead-letters", true, true),
        ] {
            assert_eq!((refused(&[], address), refused(&["app.", "web."], address)), (any, limited), "{address}");
        }
        assert!(refused(&["dead"], "dead-letters"), "a prefix opens no queue of ours");
    }
}
