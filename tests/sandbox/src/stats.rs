//! Counts of what clients did, for tests to hold them to.

use std::collections::BTreeMap;

use serde::Serialize;

/// Calls by outcome: `ok`, or the error code of the answer.
type Outcomes = BTreeMap<&'static str, u64>;

/// What clients did since the start or the last reset. A request that a fault kept from being processed is not in it.
#[derive(Default, Clone, Serialize)]
pub(crate) struct Stats {
    /// Token calls by grant type (`authorization_code`, `refresh_token`, `other`), then by outcome.
    token: BTreeMap<&'static str, Outcomes>,
    /// Calls to make a post: `made`, `repeated` (the same idempotency key again), or the error code.
    posts: Outcomes,
    /// Text messages: `sent`, `repeated` (the same idempotency key again), or the error code.
    sms: Outcomes,
    /// Calls to the revocation endpoint: `ok`, `unknown` (a token that is none), or the error code.
    revoke: Outcomes,
    /// How often the keys were asked for.
    jwks: u64,
}

impl Stats {
    pub(crate) fn count_token(&mut self, grant: &'static str, outcome: &'static str) {
        *self.token.entry(grant).or_default().entry(outcome).or_default() += 1;
    }

    pub(crate) fn count_post(&mut self, outcome: &'static str) {
        *self.posts.entry(outcome).or_default() += 1;
    }

    pub(crate) fn count_sms(&mut self, outcome: &'static str) {
        *self.sms.entry(outcome).or_default() += 1;
    }

    pub(crate) fn count_jwks(&mut self) {
        self.jwks += 1;
    }

    pub(crate) fn count_revoke(&mut self, outcome: &'static str) {
        *self.revoke.entry(outcome).or_default() += 1;
    }
}
