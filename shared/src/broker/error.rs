//! What can go wrong with the broker, in words that name what was being done and where, and never a password.

use sealpost_schemas::Code;

/// Why there is no working connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// A configured URL is not one.
    #[error("broker URL number {number} is not of the form amqp[s]://user:password@host:port/vhost")]
    Url {
        /// Counted from 1.
        number: usize,
    },
    /// No URL is configured.
    #[error("no broker URL is configured")]
    NoUrl,
    /// The broker lacks what a pipeline without loss needs (dead-lettering at least once, TTL on quorum queues).
    #[error("RabbitMQ {version} at {at} is too old: 3.10 or newer is needed; upgrade it")]
    TooOld {
        /// Host, port and virtual host.
        at: String,
        /// What the broker says that it is.
        version: String,
    },
    /// Something exists with other arguments, which cannot be changed.
    #[error(
        "{what} at {at} exists with other arguments than Sealpost's ({said}); drain and delete it, or give Sealpost a \
         virtual host of its own"
    )]
    Mismatch {
        /// Host, port and virtual host.
        at: String,
        /// The queue or exchange.
        what: String,
        /// The broker's words; it names the first difference only.
        said: String,
    },
    /// The topology could not be declared.
    #[error("declaring {what} at {at}: {problem}")]
    Undeclared {
        /// Host, port and virtual host.
        at: String,
        /// The queue or exchange.
        what: String,
        /// What went wrong.
        problem: String,
    },
    /// No connection could be made, or it was lost.
    #[error("{at}: {problem}")]
    Unreachable {
        /// Host, port and virtual host.
        at: String,
        /// What went wrong.
        problem: String,
    },
    /// [`Broker::close`](super::Broker::close) was called.
    #[error("the broker connections are closed")]
    Closed,
}

impl BrokerError {
    /// Whether somebody must do something before it can work. It is tried again all the same.
    #[must_use]
    pub const fn needs_an_operator(&self) -> bool {
        match self {
            Self::Url { .. } | Self::NoUrl | Self::TooOld { .. } | Self::Mismatch { .. } => true,
            Self::Undeclared { .. } | Self::Unreachable { .. } | Self::Closed => false,
        }
    }
}

/// Why a message does not count as sent. Except for [`Unroutable`](Self::Unroutable), [`Refused`](Self::Refused),
/// [`NotSent`](Self::NotSent) and [`ReplyTo`](Self::ReplyTo) it may have arrived all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The broker has no queue for it.
    #[error("publishing to {to}: the broker has no queue for it")]
    Unroutable {
        /// Where it should have gone.
        to: String,
    },
    /// The broker refused it: the queue is full.
    #[error("publishing to {to}: the broker refused it, the queue is full; add workers or raise its limit")]
    Refused {
        /// Where it should have gone.
        to: String,
    },
    /// Nothing was sent.
    #[error("publishing to {to}: not sent: {problem}")]
    NotSent {
        /// Where it should have gone.
        to: String,
        /// Why not.
        problem: String,
    },
    /// It went out, and no confirmation came in time.
    #[error("publishing to {to}: no confirmation within the time limit: {problem}")]
    Unconfirmed {
        /// Where it should have gone.
        to: String,
        /// What is known.
        problem: String,
    },
    /// The channel or connection ended before the confirmation came.
    #[error("publishing to {to}: {problem}")]
    Lost {
        /// Where it should have gone.
        to: String,
        /// What ended it.
        problem: String,
    },
    /// The reply address is one of our own queues.
    #[error("replying to {to}: it is one of Sealpost's own queues")]
    ReplyTo {
        /// The address.
        to: String,
    },
}

impl PublishError {
    /// The label of the metric of publishes.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unroutable { .. } => "unroutable",
            Self::Refused { .. } => "refused",
            Self::NotSent { .. } => "not-sent",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Lost { .. } => "lost",
            Self::ReplyTo { .. } => "own-queue",
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::ReplyTo { .. } => Code::ReplyToRefused,
            Self::Unroutable { .. }
            | Self::Refused { .. }
            | Self::NotSent { .. }
            | Self::Unconfirmed { .. }
            | Self::Lost { .. } => Code::BrokerUnavailable,
        }
    }
}
