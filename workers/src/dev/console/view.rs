//! What the page shows, as a whole: sent anew whenever it changes, so that a page that comes late or back has everything.

use std::collections::{BTreeMap, VecDeque};

use sealpost_shared::clock::{Clock, SystemClock};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

/// The most lines of the event log.
const MAX_LINES: usize = 200;

/// The most jobs.
const MAX_JOBS: usize = 12;

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
    /// Versions of the key, newest first.
    pub(super) versions: Vec<Version>,
    pub(super) sweep: Option<Sweep>,
    /// Connections, by user and provider.
    pub(super) accounts: BTreeMap<String, Account>,
    /// Newest first.
    pub(super) jobs: VecDeque<Job>,
    /// Posts of the practice platform, newest first.
    pub(super) wall: Vec<Post>,
    /// Newest first.
    pub(super) log: VecDeque<Line>,
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
    pub(super) name: String,
    pub(super) created: i64,
    /// How much is sealed under it.
    pub(super) held: u64,
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) at: i64,
    pub(super) topic: String,
    pub(super) text: String,
}

/// The view, and who watches it.
#[derive(Clone)]
pub(super) struct Board(watch::Sender<View>);

impl Board {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(View::default()))
    }

    /// Whether anybody looks.
    pub(super) fn is_watched(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(super) fn watch(&self) -> watch::Receiver<View> {
        self.0.subscribe()
    }

    pub(super) fn read<T>(&self, of: impl FnOnce(&View) -> T) -> T {
        of(&self.0.borrow())
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut View)) {
        self.0.send_modify(change);
    }

    /// Wakes those who watch only if `change` says that there was one.
    pub(super) fn change_if(&self, change: impl FnOnce(&mut View) -> bool) {
        self.0.send_if_modified(change);
    }

    pub(super) fn phase(&self, phase: Phase) {
        self.change(|view| view.phase = phase);
    }

    pub(super) fn links(&self, practice: &str, operations: &str) {
        self.change(|view| {
            practice.clone_into(&mut view.wall_url);
            view.metrics_url = format!("http://{operations}/metrics");
        });
    }

    /// A message was sent.
    pub(super) fn sent(&self, id: Uuid, user: &str, what: &str) {
        let way = vec![Stage { what: "queued".into(), at: now() }];
        let job = Job { id, user: user.into(), what: what.into(), way, outcome: None, why: None, url: None };
        self.change(|view| {
            view.jobs.push_front(job);
            view.jobs.truncate(MAX_JOBS);
        });
    }
}

impl View {
    pub(super) fn note(&mut self, topic: &str, text: impl Into<String>) {
        self.log.push_front(Line { at: now(), topic: topic.into(), text: text.into() });
        self.log.truncate(MAX_LINES);
    }

    pub(super) fn account(&mut self, user: &str, provider: &str) -> &mut Account {
        let fresh = || Account { user: user.into(), provider: provider.into(), ..Account::default() };
        self.accounts.entry(key(user, provider)).or_insert_with(fresh)
    }

    pub(super) fn job(&mut self, id: Uuid) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }
}

impl Job {
    pub(super) fn reached(&mut self, what: &str) {
        self.way.push(Stage { what: what.into(), at: now() });
    }

    /// Something happened on the way to where it is by now.
    pub(super) fn passed(&mut self, what: &str) {
        let here = self.outcome.as_ref().and(self.way.pop());
        self.way.push(Stage { what: what.into(), at: here.as_ref().map_or_else(now, |here| here.at) });
        self.way.extend(here);
    }
}

/// Under which an account is listed.
pub(super) fn key(user: &str, provider: &str) -> String {
    format!("{user} {provider}")
}

pub(super) fn now() -> i64 {
    SystemClock.now().as_millisecond()
}
