//! What Redis, or the way to it, can do to a command; each with what to do.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::fields::RecordError;
use super::meta::Mismatch;

/// What went wrong with a command. Holds no argument of it and no password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The configuration cannot be right.
    #[error("the store's configuration is wrong: {0}")]
    Config(String),
    /// No connection; nothing was sent.
    #[error("no connection to Redis at {at}: {reason}; is it running there, and reachable from here?")]
    Unreachable {
        /// Host and port.
        at: String,
        /// What the attempt met.
        reason: String,
    },
    /// The command may have been sent, and no answer came.
    #[error("Redis at {at} did not answer: {reason}; is it overloaded, paused, or cut off?")]
    NoReply {
        /// Host and port.
        at: String,
        /// What was met instead.
        reason: String,
    },
    /// A write may have been done; sending it again did not settle it.
    #[error("the write may or may not have been done, since no answer came to it; asking again gave: {0}")]
    Unknown(Box<Trouble>),
    /// User or password are refused.
    #[error("Redis refuses our user or password; mend the password in the store's address, or Redis's users")]
    Authentication,
    /// The user may not do this.
    #[error("Redis's rules forbid this command to our user ({0}); allow it with ACL SETUSER")]
    NoPermission(String),
    /// A replica.
    #[error("Redis is a read-only replica; the address must lead to the primary, or a failover is under way")]
    ReadOnly,
    /// No memory left.
    #[error("Redis has no memory left for writes; raise maxmemory or remove data (never set an eviction policy)")]
    OutOfMemory,
    /// Still starting.
    #[error("Redis is still loading its data after a start; wait until it is done")]
    Loading,
    /// The last snapshot or append failed.
    #[error("Redis refuses writes because it cannot save them (MISCONF); look at its disk and its log")]
    CannotPersist,
    /// Too few replicas.
    #[error("Redis refuses writes because too few replicas are connected (NOREPLICAS); look at the replicas")]
    TooFewReplicas,
    /// A script runs for too long.
    #[error("Redis is busy with a script that does not end (BUSY); end it with SCRIPT KILL")]
    Busy,
    /// Part of the cluster is gone, or moves.
    #[error("the Redis Cluster does not serve this shard now ({0}); look at CLUSTER INFO, or wait for the failover")]
    ClusterDown(String),
    /// Something was to be sealed under a version that is retired.
    #[error(
        "key version {0} is retired: nothing is sealed under it any more, and the newest is used instead; if it is the \
         newest that this process knows, give it the keyring that has a newer one, or add one: sealpost keys rotate"
    )]
    KeyRetired(String),
    /// Redis belongs to another configuration.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// What is stored cannot be read.
    #[error("what Redis holds cannot be read: {0}")]
    Unreadable(#[from] RecordError),
    /// Anything else that Redis says.
    #[error("Redis answered {0}; this is not expected, look at its log and its version (7.0 or newer)")]
    Other(String),
}

impl Trouble {
    /// What Redis said to a command, or what happened to it on the way.
    pub(super) fn of_command(error: &RedisError, at: &str) -> Self {
        let io = |error: &RedisError| Self::NoReply { at: at.into(), reason: error.to_string() };
        match error.kind() {
            ErrorKind::Io => io(error),
            ErrorKind::ClusterConnectionNotFound => Self::ClusterDown("no connection to the node of this shard".into()),
            _ => Self::of_answer(error).unwrap_or_else(|| Self::Other(said(error))),
        }
    }

    /// What an attempt to connect met.
    pub(super) fn of_connecting(error: &RedisError, at: &str) -> Self {
        let reason = match error.kind() {
            // The cluster client tells what its nodes said in words only.
            ErrorKind::Io if error.detail().is_some_and(|words| words.contains("AuthenticationFailed")) => {
                return Self::Authentication;
            }
            ErrorKind::Io => error.to_string(),
            // Not what Redis said: it may quote the arguments, and AUTH has one.
            _ => error.code().unwrap_or(error.category()).to_owned(),
        };
        Self::of_answer(error).unwrap_or(Self::Unreachable { at: at.into(), reason })
    }

    /// What the first script on a new connection met: nothing of the caller's was sent yet.
    pub(super) fn of_checking(error: &RedisError, at: &str) -> Self {
        if error.is_io_error() { Self::of_connecting(error, at) } else { Self::of_command(error, at) }
    }

    fn of_answer(error: &RedisError) -> Option<Self> {
        let code = error.code().unwrap_or_default();
        // Redis 6 wraps what a command in a script met into an ERR of the script.
        let text = error.detail().unwrap_or_default();
        let says = |word: &str| code == word || (code == "ERR" && text.contains(&format!("-{word} ")));
        Some(match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Authentication,
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::NoPermission(text.into()),
            // What Redis 7 says when a script does what its user may not.
            _ if says("NOPERM") || text.contains("The user executing the script can't") => {
                Self::NoPermission(text.into())
            }
            _ if says("NOAUTH") || says("WRONGPASS") => Self::Authentication,
            // What it says to a long command of somebody whom it does not know yet.
            _ if text.contains("unauthenticated multibulk") => Self::Authentication,
            _ if says("KEYRETIRED") => Self::KeyRetired(text.into()),
            _ if says("NEWERFORMAT") => {
                let format = text.split_ascii_whitespace().next().and_then(|format| format.parse().ok());
                format.map_or(RecordError::Malformed("format"), RecordError::UnknownFormat).into()
            }
            _ if says("READONLY") => Self::ReadOnly,
            _ if says("OOM") => Self::OutOfMemory,
            _ if says("LOADING") => Self::Loading,
            _ if says("MISCONF") => Self::CannotPersist,
            _ if says("NOREPLICAS") => Self::TooFewReplicas,
            _ if says("BUSY") => Self::Busy,
            _ if ["CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "MOVED", "ASK"].contains(&code) => {
                Self::ClusterDown(code.into())
            }
            _ => return None,
        })
    }

    /// Whether another connection may fare better than the one that met this.
    pub(super) fn spoils_connection(&self) -> bool {
        matches!(self, Self::NoReply { .. } | Self::ReadOnly | Self::Authentication | Self::ClusterDown(_))
    }
}

fn said(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.category().to_owned(),
    }
}
