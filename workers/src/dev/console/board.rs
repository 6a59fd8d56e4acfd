//! The view as it changes, and who watches it.

use sealpost_shared::clock::{Clock, SystemClock};
use tokio::sync::watch;
use uuid::Uuid;

use super::view::{Account, Job, Line, Phase, Stage, View};

/// The most lines of the event log.
const MAX_LINES: usize = 200;

/// The most jobs.
const MAX_JOBS: usize = 12;

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

    /// It was not, after all.
    pub(super) fn unsent(&self, id: Uuid, why: &str) {
        self.change(|view| {
            if let Some(job) = view.job(id) {
                job.reached("not sent");
                (job.outcome, job.why) = (Some("failed".into()), Some(why.into()));
            }
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
