//! What the page shows, as a whole: sent anew whenever it changes, so that a page that comes late or back has everything.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use uuid::Uuid;

/// How far the whole is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// Servers and workers start, and the first account is connected.
    #[default]
    Starting,
    /// Everything runs.
    Running,
    /// Everything is being stopped.
    Ending,
}

/// The whole. Times are milliseconds since 1970, as JavaScript counts.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct View {
    pub(super) phase: Phase,
    /// Where the practice platform's wall is.
    pub(super) wall_url: String,
    /// Where the workers' metrics are.
    pub(super) metrics_url: String,
    pub(super) queues: BTreeMap<&'static str, Queue>,
    pub(super) delays: Vec<Delay>,
    pub(super) dead: Dead,
    pub(super) processes: Vec<Process>,
    /// Versions of the keys, key by key, newest first.
    pub(super) versions: Vec<Version>,
    pub(super) sweep: Option<Sweep>,
    /// With `--azure`.
    pub(super) azure: Option<Azure>,
    /// Connections, by user and provider.
    pub(super) accounts: BTreeMap<String, Account>,
    /// Newest first.
    pub(super) jobs: VecDeque<Job>,
    /// Posts of the practice platform, newest first.
    pub(super) wall: Vec<Post>,
    /// Text messages of its gateway, newest first.
    pub(super) phones: Vec<Sms>,
    /// The phone that keeps its tokens itself.
    pub(super) phone: Phone,
    /// Newest first.
    pub(super) log: VecDeque<Line>,
}

/// What is known of the phone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Phone {
    /// How many tokens are on it.
    pub(super) tokens: usize,
    /// What waits for it here.
    pub(super) waits: Waits,
    /// How often it picked newer tokens up.
    pub(super) picked_up: u32,
}

/// What waits for the phone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Waits {
    #[default]
    Nothing,
    /// Newer tokens, sealed.
    Tokens,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Queue {
    /// Messages that wait, also in its retries.
    pub(super) waiting: u32,
    pub(super) in_flight: u64,
    pub(super) consumers: u32,
    /// Messages that left it for good.
    pub(super) done: u64,
    /// Those of a second, of late.
    pub(super) rate: f64,
    /// How they ended.
    pub(super) outcomes: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Delay {
    pub(super) name: &'static str,
    pub(super) waiting: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Dead {
    pub(super) waiting: u32,
    pub(super) letters: Vec<Letter>,
    /// Whether the letters may be others by now.
    #[serde(skip)]
    pub(super) stale: bool,
    /// The provider that the catalogue lacks, while it does.
    pub(super) missing: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) what: String,
    pub(super) code: String,
    pub(super) reason: String,
    pub(super) origin: Option<&'static str>,
    pub(super) at: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) pid: i32,
    /// Why it cannot work, if it cannot.
    pub(super) trouble: Option<String>,
    /// Its memory.
    pub(super) megabytes: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Version {
    /// Its key, where each tenant has one of its own.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) created: i64,
    /// How much is sealed under it.
    pub(super) held: u64,
    pub(super) newest: bool,
    pub(super) enabled: bool,
}

/// The practice vault and tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Azure {
    pub(super) vault: String,
    /// How often it was asked for keys.
    pub(super) calls: u64,
    /// How many messages were written to chats.
    pub(super) messages: u64,
}

/// A rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sweep {
    pub(super) tick: Uuid,
    pub(super) done: u16,
    pub(super) shards: u16,
    /// What was sealed anew, once it is over.
    pub(super) resealed: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    pub(super) user: String,
    /// The provider's name of the account, where it told one.
    pub(super) name: Option<String>,
    pub(super) provider: String,
    pub(super) scopes: Vec<String>,
    /// When the access token expires, as far as we know.
    pub(super) expires_at: Option<i64>,
    /// How often its tokens were refreshed.
    pub(super) refreshes: u32,
    /// The platform was told to end its access token, and we were not.
    pub(super) spoilt: bool,
    pub(super) needs_consent: bool,
    /// Its tokens rest with the user.
    pub(super) on_device: bool,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Job {
    pub(super) id: Uuid,
    pub(super) user: String,
    pub(super) what: String,
    pub(super) way: Vec<Stage>,
    /// The last word, until there is another one.
    pub(super) outcome: Option<String>,
    pub(super) why: Option<String>,
    pub(super) url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Stage {
    pub(super) what: String,
    pub(super) at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Post {
    pub(super) id: String,
    pub(super) author: String,
    pub(super) text: String,
    pub(super) at: Option<i64>,
}

/// A text message; the number is on the page, since whoever looks at it wrote it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sms {
    pub(super) id: String,
    pub(super) to: String,
    pub(super) text: String,
    /// How much of a message it takes, of 160.
    pub(super) septets: u64,
    pub(super) at: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) at: i64,
    pub(super) topic: String,
    pub(super) text: String,
}
