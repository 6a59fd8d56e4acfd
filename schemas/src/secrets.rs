//! Which fields of messages are secrets: what each message says of itself, together. Nobody else has a list of them.

use crate::{
    ConnectionQuery, ExchangeRequest, Notice, PublishJob, Queued, RevocationRequest, RevocationShard, RotationShard,
    RotationTick,
};

/// The queues, each with where its messages may carry secrets.
const ALL: [(&str, &[&str]); 8] = [
    of::<ExchangeRequest>(),
    of::<PublishJob>(),
    of::<RotationTick>(),
    of::<RotationShard>(),
    of::<Notice>(),
    of::<RevocationRequest>(),
    of::<RevocationShard>(),
    of::<ConnectionQuery>(),
];

/// What may stand in the objects that have secrets, and is none.
pub const BESIDE_SECRETS: [&str; 4] = ["type", "redirect_uri", "iss", "expires_at"];

const fn of<M: Queued>() -> (&'static str, &'static [&'static str]) {
    (M::QUEUE, M::SECRETS)
}

/// Where the messages of a queue may carry secrets, as JSON pointers; nowhere, if there is no such queue.
#[must_use]
pub fn secrets_of(queue: &str) -> &'static [&'static str] {
    ALL.iter().find(|(name, _)| *name == queue).map_or(&[], |(_, fields)| fields)
}

/// Where any message may carry a secret, as JSON pointers.
pub fn all_secrets() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|(_, fields)| fields.iter().copied())
}

/// The last name in a JSON pointer.
#[must_use]
pub fn name_of(pointer: &'static str) -> &'static str {
    pointer.rsplit_once('/').map_or(pointer, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{ALL, all_secrets, name_of};
    use crate::queues;

    #[test]
    fn every_queue_is_asked_for_its_secrets() {
        assert_eq!(ALL.map(|(queue, _)| queue), queues::ALL);
        let names: Vec<_> = all_secrets().map(name_of).collect();
        assert!(["code", "nonce", "assertion", "access_token"].iter().all(|name| names.contains(name)), "{names:?}");
    }
}
