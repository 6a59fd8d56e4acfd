//! The state of the model: the ledger's entry, who is at the job, and what the provider has.

use super::Faults;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Outcome {
    Happened,
    Refused,
}

/// The field `state` of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Entry {
    Absent,
    Claimed,
    Sending,
    Unknown,
    Told(Outcome),
    Done(Outcome),
    Conflict,
}

/// What a producer is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Told {
    Published,
    Failed,
    Unknown,
    Conflict,
}

/// What a worker does next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum At {
    Idle,
    Begin,
    /// As it was met: how many requests were sent, and whether the claim of the newest lived.
    Doubt {
        sent: u8,
        living: bool,
    },
    Repeat {
        doubtful: bool,
        sent: u8,
    },
    Mark,
    Send(u8),
    Settle(u8, Option<Outcome>),
    Reply(Told),
    Ack,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct State {
    pub(super) entry: Entry,
    /// The number of the newest request.
    pub(super) sent: u8,
    /// A request before the newest may have been posted.
    pub(super) repeats: bool,
    /// Who holds the living claim.
    pub(super) claim: Option<usize>,
    pub(super) workers: [At; 2],
    pub(super) ready: u8,
    pub(super) unacked: [bool; 2],
    /// The posts of each account of the user's.
    pub(super) posts: [u8; 2],
    /// Requests that the provider has and may still process, by account.
    pub(super) late: [u8; 2],
    /// The account that gave consent last.
    pub(super) account: usize,
    /// The account whose token each worker has.
    pub(super) token: [usize; 2],
    /// The account that the first request was marked under.
    pub(super) under: Option<usize>,
    /// A request came after its claim at a provider whose posts are looked up: what a look-up proves is not promised then.
    pub(super) excused: bool,
    pub(super) word: Option<Outcome>,
    /// By [`Told`].
    pub(super) told: [bool; 4],
    pub(super) left: Faults,
}

impl State {
    pub(super) fn new(left: Faults) -> Self {
        Self {
            entry: Entry::Absent,
            sent: 0,
            repeats: false,
            claim: None,
            workers: [At::Idle; 2],
            ready: 1,
            unacked: [false; 2],
            posts: [0; 2],
            late: [0; 2],
            account: 0,
            token: [0; 2],
            under: None,
            excused: false,
            word: None,
            told: [false; 4],
            left,
        }
    }

    pub(super) fn all_posts(&self) -> u8 {
        self.posts.iter().sum()
    }

    pub(super) fn all_late(&self) -> u8 {
        self.late.iter().sum()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.ready == 0 && self.all_late() == 0 && self.workers == [At::Idle; 2]
    }
}

pub(super) fn told(entry: Entry) -> Option<Told> {
    match entry {
        Entry::Done(Outcome::Happened) | Entry::Told(Outcome::Happened) => Some(Told::Published),
        Entry::Done(Outcome::Refused) | Entry::Told(Outcome::Refused) => Some(Told::Failed),
        Entry::Conflict => Some(Told::Conflict),
        Entry::Unknown => Some(Told::Unknown),
        Entry::Absent | Entry::Claimed | Entry::Sending => None,
    }
}
