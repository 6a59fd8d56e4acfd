//! What every handler sees: who the platform is, its one client, and its state under one lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::clients::Client;
use crate::faults::Faults;
use crate::grants::Grants;
use crate::limits::Limits;
use crate::log::Log;
use crate::openid::OpenId;
use crate::posts::Posts;
use crate::sms::Inbox;
use crate::stats::Stats;

/// The platform as it was started, and what has happened since.
pub(crate) struct App {
    /// `http://127.0.0.1:port`, as in `iss` (RFC 9207) and in the addresses of posts.
    pub(crate) issuer: String,
    pub(crate) client: Client,
    started_with: Settings,
    state: Mutex<State>,
}

/// Everything that changes. One lock, held for the length of a synchronous step and never across an await, so that
/// every request sees the effects of all those before it.
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) grants: Grants,
    pub(crate) openid: OpenId,
    pub(crate) posts: Posts,
    pub(crate) sms: Inbox,
    pub(crate) faults: Faults,
    pub(crate) limits: Limits,
    pub(crate) stats: Stats,
    pub(crate) log: Log,
}

/// Lives in seconds, of what is issued from now on.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Settings {
    pub(crate) access_ttl: u32,
    pub(crate) code_ttl: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { access_ttl: 3600, code_ttl: 60 }
    }
}

impl App {
    pub(crate) fn new(issuer: String, client: Client, settings: Settings) -> Self {
        Self { issuer, client, started_with: settings, state: Mutex::new(State::new(settings)) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything, as if started anew (with the same client and flags).
    pub(crate) fn reset(&self) {
        *self.state() = State::new(self.started_with);
    }
}

impl State {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            grants: Grants::default(),
            openid: OpenId::default(),
            posts: Posts::default(),
            sms: Inbox::default(),
            faults: Faults::default(),
            limits: Limits::default(),
            stats: Stats::default(),
            log: Log::default(),
        }
    }
}

/// The one place that looks at the clock.
#[expect(clippy::disallowed_methods, reason = "the platform uses nothing of ours, so it cannot use our clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
